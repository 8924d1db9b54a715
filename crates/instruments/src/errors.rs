//! Errors by type, component, severity.

use std::fmt;
use std::sync::Arc;

use perf_monitor_core::{Counter, Error, Registry};

use crate::options::Switch;
use crate::table::{Table, series};

/// How bad an error is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Worth knowing.
    Info,
    /// Something will have to be done.
    Warning,
    /// Something did not work.
    Error,
    /// The service does not work.
    Critical,
}

impl Severity {
    const ALL: [Severity; 4] =
        [Severity::Info, Severity::Warning, Severity::Error, Severity::Critical];

    /// As the label `severity` says it: `info`, `warning`, `error` or `critical`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Severity::Info => "info",
            Severity::Warning => "warning",
            Severity::Error => "error",
            Severity::Critical => "critical",
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Errors that a service met: the metric `errors_total{type,component,severity}`.
///
/// A clone is the same; so is whatever else asks for it on one registry. Types and components
/// should be names out of a list, not texts of errors: what finds no room in the registry's budget
/// is counted in one overflow series.
///
/// ```
/// use perf_monitor_core::Registry;
/// use perf_monitor_instruments::{Errors, Severity};
///
/// let errors = Errors::new(&Registry::new())?;
/// errors.record_error("timeout", "database", Severity::Error);
/// assert_eq!(errors.total(), 1);
/// assert_eq!(errors.summary()[0].component, "database");
/// # Ok::<(), perf_monitor_core::Error>(())
/// ```
#[derive(Clone)]
pub struct Errors {
    inner: Arc<Inner>,
}

struct Inner {
    counts: Table<Counter>,
    on: Switch,
}

/// How often one error happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ErrorCount {
    /// Which error; `overflow` for those that found no room.
    pub error_type: String,
    /// Where it happened.
    pub component: String,
    /// How bad it was; `None` for those that found no room.
    pub severity: Option<Severity>,
    /// How often.
    pub count: u64,
    /// Whether these are the ones that found no room for a series of their own.
    pub overflow: bool,
}

impl Errors {
    /// The registry's errors.
    ///
    /// # Errors
    /// `errors_total` is taken by a metric of another kind or other labels.
    pub fn new(registry: &Registry) -> Result<Errors, Error> {
        let inner = registry.companion(|| Inner::new(registry))?;
        Ok(Errors { inner })
    }

    /// Counts an error.
    ///
    /// # Cost
    /// `event/3-labels` without the histogram: a look-up in the thread's cache and an add.
    pub fn record_error(&self, error_type: &str, component: &str, severity: Severity) {
        if self.inner.on.is_on() {
            self.inner.counts.with(&[error_type, component, severity.as_str()], Counter::inc);
        }
    }

    /// All errors together.
    pub fn total(&self) -> u64 {
        self.inner.counts.entries().iter().map(|entry| entry.value.get()).sum()
    }

    /// Each error, by type, component and severity's name; what found no room comes last.
    pub fn summary(&self) -> Vec<ErrorCount> {
        let entries = self.inner.counts.entries();
        let all = entries.iter().map(|entry| {
            let text = |index| entry.name().get(index).unwrap_or_default().to_owned();
            let severity = entry.name().get(2).unwrap_or_default();
            let overflow = entry.name().is_empty();
            ErrorCount {
                error_type: if overflow { "overflow".into() } else { text(0) },
                component: text(1),
                severity: Severity::ALL.into_iter().find(|one| one.as_str() == severity),
                count: entry.value.get(),
                overflow,
            }
        });
        all.collect()
    }

    pub(crate) fn switch(&self, on: bool) {
        self.inner.on.set(on);
    }
}

impl Inner {
    fn new(registry: &Registry) -> Result<Inner, Error> {
        let family = registry.counter_family(
            ("errors_total", "Errors, by type, component and severity."),
            &["type", "component", "severity"],
        )?;
        let bytes = family.series_bytes();
        let make = move |name: Option<&[&str]>| series(&family, name);
        Ok(Inner { counts: Table::new(registry.budget(), bytes, make), on: Switch::on() })
    }
}

impl fmt::Debug for Errors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Errors").field("total", &self.total()).finish_non_exhaustive()
    }
}
