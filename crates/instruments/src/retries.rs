//! Attempts to do something again, by operation.

use std::fmt;
use std::sync::Arc;

use perf_monitor_core::{Counter, Error, Registry};

use crate::options::Switch;
use crate::table::{Table, series};

/// Retries of a service's operations: the metric `retries_total{operation}`.
///
/// A clone is the same; so is whatever else asks for it on one registry.
///
/// ```
/// use perf_monitor_core::Registry;
/// use perf_monitor_instruments::Retries;
///
/// let retries = Retries::new(&Registry::new())?;
/// retries.record_retry_attempt("publish");
/// assert_eq!(retries.summary()[0].count, 1);
/// # Ok::<(), perf_monitor_core::Error>(())
/// ```
#[derive(Clone)]
pub struct Retries {
    inner: Arc<Inner>,
}

struct Inner {
    counts: Table<Counter>,
    on: Switch,
}

/// How often one operation was tried again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RetryCount {
    /// Which operation; `overflow` for those that found no room.
    pub operation: String,
    /// How often.
    pub count: u64,
    /// Whether these are the ones that found no room for a series of their own.
    pub overflow: bool,
}

impl Retries {
    /// The registry's retries.
    ///
    /// # Errors
    /// `retries_total` is taken by a metric of another kind or other labels.
    pub fn new(registry: &Registry) -> Result<Retries, Error> {
        let inner = registry.companion(|| Inner::new(registry))?;
        Ok(Retries { inner })
    }

    /// Counts one more attempt at `operation`, the first one not among them.
    ///
    /// # Cost
    /// A look-up in the thread's cache and an add, as `counter/dynamic-2-labels`.
    pub fn record_retry_attempt(&self, operation: &str) {
        if self.inner.on.is_on() {
            self.inner.counts.with(&[operation], Counter::inc);
        }
    }

    /// All retries together.
    pub fn total(&self) -> u64 {
        self.inner.counts.entries().iter().map(|entry| entry.value.get()).sum()
    }

    /// Each operation that was tried again, by name; what found no room comes last.
    pub fn summary(&self) -> Vec<RetryCount> {
        let entries = self.inner.counts.entries();
        let all = entries.iter().map(|entry| RetryCount {
            operation: entry.name().get(0).unwrap_or("overflow").into(),
            count: entry.value.get(),
            overflow: entry.name().is_empty(),
        });
        all.collect()
    }

    pub(crate) fn switch(&self, on: bool) {
        self.inner.on.set(on);
    }
}

impl Inner {
    fn new(registry: &Registry) -> Result<Inner, Error> {
        let desc = ("retries_total", "Attempts to do something again, by operation.");
        let family = registry.counter_family(desc, &["operation"])?;
        let bytes = family.series_bytes();
        let make = move |name: Option<&[&str]>| series(&family, name);
        Ok(Inner { counts: Table::new(registry.budget(), bytes, make), on: Switch::on() })
    }
}

impl fmt::Debug for Retries {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Retries").field("total", &self.total()).finish_non_exhaustive()
    }
}
