//! The place of a timed function in the registry.

use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;

use perf_monitor_core::Registry;

use super::{Call, Cells, Functions};
use crate::once::Once;
use crate::table::Entry;

/// A function's name and what it records into, in a static of the function.
///
/// It finds its place in [`Registry::global`] at the first call. If the metrics' names are taken
/// there by something else, calls are not recorded.
pub struct Site {
    name: &'static str,
    /// `None` if there is nothing to record into.
    cells: Once<Option<Arc<Entry<Cells>>>>,
}

impl Site {
    /// The site of the function `name`. Sites of one name record into the same series.
    pub const fn new(name: &'static str) -> Site {
        Site { name, cells: Once::new() }
    }

    /// Begins a call.
    ///
    /// # Cost
    /// `timed/sync`, from here to the call's end: two clock reads, a [`Histogram::record`] and a
    /// [`Counter::inc`]. The first call of a site registers its series.
    ///
    /// [`Histogram::record`]: perf_monitor_core::Histogram::record
    /// [`Counter::inc`]: perf_monitor_core::Counter::inc
    #[inline]
    pub fn enter(&'static self) -> Call {
        let cells = self.cells.get_or_make(|| self.resolve(Registry::global()));
        Call::begin(cells.as_deref().map(|entry| &entry.value))
    }

    /// Begins a call at the first poll of `future`, and ends it when that is done: for functions
    /// that give back a future without being `async`.
    #[doc(hidden)]
    pub async fn follow<F: Future>(
        &'static self,
        future: F,
        is_error: impl FnOnce(&F::Output) -> bool,
    ) -> F::Output {
        let mut call = self.enter();
        let mut future = pin!(future);
        let output = poll_fn(|context| call.poll(future.as_mut(), context)).await;
        call.end(is_error(&output));
        output
    }

    #[cold]
    fn resolve(&self, registry: &Registry) -> Option<Arc<Entry<Cells>>> {
        let functions = Functions::new(registry).ok()?;
        Some(functions.0.get(&[self.name]))
    }
}

impl fmt::Debug for Site {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Site").field(&self.name).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::timed::FunctionMetrics;

    fn call(registry: &Registry, name: String) {
        let site: &'static Site = Box::leak(Box::new(Site::new(name.leak())));
        site.cells.get_or_make(|| site.resolve(registry));
        site.enter().ok();
    }

    #[test]
    fn functions_that_find_no_room_are_one_and_counted() {
        let registry = Registry::new();
        (0..1_000).for_each(|n| call(&registry, format!("function {n}")));
        let summary = Functions::new(&registry).unwrap().summary();
        let (overflow, named) = summary.split_last().unwrap();
        assert!(overflow.overflow && (50..999).contains(&named.len()), "{}", named.len());
        assert_eq!(summary.iter().map(|function| function.ok).sum::<u64>(), 1_000);
        assert_eq!(summary.iter().map(FunctionMetrics::calls).sum::<u64>(), 1_000);
        let stats = registry.stats();
        assert_eq!(stats.refused_series, overflow.ok);
        // The overflow series themselves are outside of the budget.
        assert!(stats.charged_bytes <= stats.budget_bytes + 8_000, "{stats:?}");
    }

    #[test]
    fn where_the_names_are_taken_calls_are_not_recorded() {
        let registry = Registry::new();
        registry.gauge(("function_calls_total", "Something else.")).unwrap();
        call(&registry, "a".to_owned());
        assert!(Functions::new(&registry).unwrap_err().is_clash());
    }
}
