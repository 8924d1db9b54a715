//! What a service's metrics record, with the seed's names and defaults.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// What [`ServiceMetrics`](crate::ServiceMetrics) records, how often it takes a sample of its
/// rates, how many samples it keeps.
///
/// The switches are about events, operations and resources. Stages, queries, caches, I/O and the
/// timeline are there whenever somebody records them.
///
/// ```
/// use perf_monitor_instruments::MonitoringOptions;
/// use std::time::Duration;
///
/// let options = MonitoringOptions::default()
///     .monitoring_interval(Duration::from_secs(10))
///     .enable_business_metrics(false);
/// options.check()?;
/// let wrong = options.history(0).check().unwrap_err();
/// assert!(wrong.is_options() && wrong.to_string().contains("history"));
/// # Ok::<(), perf_monitor_instruments::MonitoringError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct MonitoringOptions {
    /// Whether anything of these categories is recorded: true. Off, errors, retries, circuit
    /// breakers, connection states and health are not recorded either.
    pub monitoring_enabled: bool,
    /// Time between two samples of the history: 30 s; 100 ms to a day.
    pub monitoring_interval: Duration,
    /// Resources: CPU, memory, disk and network use: true.
    pub enable_system_metrics: bool,
    /// How long events take, queue depths, connections: true.
    pub enable_performance_metrics: bool,
    /// Events by source, domain and entity, data that was written, duplicates: true.
    pub enable_business_metrics: bool,
    /// Whether a monitor serves the metrics to Prometheus: true. They are in the registry either
    /// way.
    pub enable_prometheus_integration: bool,
    /// The seed's time between two synchronisations of its collectors: 10 s; 100 ms to a day. Here
    /// all of them are one registry, so nothing waits for it.
    pub metrics_sync_interval: Duration,
    /// Samples that each history keeps: 100; 1 to 10,000.
    pub history: usize,
}

impl Default for MonitoringOptions {
    fn default() -> Self {
        MonitoringOptions {
            monitoring_enabled: true,
            monitoring_interval: Duration::from_secs(30),
            enable_system_metrics: true,
            enable_performance_metrics: true,
            enable_business_metrics: true,
            enable_prometheus_integration: true,
            metrics_sync_interval: Duration::from_secs(10),
            history: HISTORY,
        }
    }
}

/// Samples of a history unless options say otherwise.
pub(crate) const HISTORY: usize = 100;

/// Shorter intervals would measure themselves, longer ones are a slip of the unit.
const SHORTEST: Duration = Duration::from_millis(100);
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);

/// A sample takes about 100 bytes: a megabyte is the most that a history may ask for.
const MOST_SAMPLES: usize = 10_000;

/// One setter for each option.
macro_rules! setters {
    ($($option:ident: $type:ty;)*) => {$(
        #[doc = concat!("Sets [the option](field@Self::", stringify!($option), ") of this name.")]
        pub fn $option(mut self, value: $type) -> Self {
            self.$option = value;
            self
        }
    )*};
}

impl MonitoringOptions {
    setters! {
        monitoring_enabled: bool;
        monitoring_interval: Duration;
        enable_system_metrics: bool;
        enable_performance_metrics: bool;
        enable_business_metrics: bool;
        enable_prometheus_integration: bool;
        metrics_sync_interval: Duration;
        history: usize;
    }

    /// Whether all options are in their ranges.
    ///
    /// # Errors
    /// The first that is not, by name, with its range.
    pub fn check(&self) -> Result<(), MonitoringError> {
        check_interval("monitoring_interval", self.monitoring_interval)?;
        check_interval("metrics_sync_interval", self.metrics_sync_interval)?;
        if (1..=MOST_SAMPLES).contains(&self.history) {
            return Ok(());
        }
        let text = format!("option history is {}: use 1 to {MOST_SAMPLES} samples", self.history);
        Err(MonitoringError(Cause::Options(text)))
    }

    pub(crate) fn records_system(&self) -> bool {
        self.monitoring_enabled && self.enable_system_metrics
    }

    pub(crate) fn records_performance(&self) -> bool {
        self.monitoring_enabled && self.enable_performance_metrics
    }

    pub(crate) fn records_business(&self) -> bool {
        self.monitoring_enabled && self.enable_business_metrics
    }
}

fn check_interval(option: &str, interval: Duration) -> Result<(), MonitoringError> {
    if (SHORTEST..=LONGEST).contains(&interval) {
        return Ok(());
    }
    let text = format!("option {option} is {interval:?}: use 0.1 to 86400 seconds");
    Err(MonitoringError(Cause::Options(text)))
}

/// Why a service's metrics could not be set up.
#[derive(Clone, Debug)]
pub struct MonitoringError(Cause);

#[derive(Clone, Debug)]
enum Cause {
    Options(String),
    Registry(perf_monitor_core::Error),
}

impl MonitoringError {
    /// An option is out of its range: the text says which and what is allowed.
    pub fn is_options(&self) -> bool {
        matches!(self.0, Cause::Options(_))
    }

    /// A metric's name is taken in this registry by a metric of another kind, unit or set of
    /// labels: give that one another name, or use another registry.
    pub fn is_registry(&self) -> bool {
        matches!(self.0, Cause::Registry(_))
    }
}

impl From<perf_monitor_core::Error> for MonitoringError {
    fn from(error: perf_monitor_core::Error) -> Self {
        MonitoringError(Cause::Registry(error))
    }
}

impl fmt::Display for MonitoringError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Cause::Options(text) => f.write_str(text),
            Cause::Registry(_) => f.write_str("the metrics of the service cannot be registered"),
        }
    }
}

impl std::error::Error for MonitoringError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &self.0 {
            Cause::Options(_) => None,
            Cause::Registry(error) => Some(error),
        }
    }
}

/// Whether a category is recorded: a plain load at each record, as it hardly ever changes.
#[derive(Debug)]
pub(crate) struct Switch(AtomicBool);

impl Switch {
    pub(crate) const fn on() -> Switch {
        Switch(AtomicBool::new(true))
    }

    #[inline(always)]
    pub(crate) fn is_on(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    pub(crate) fn set(&self, on: bool) {
        self.0.store(on, Ordering::Relaxed);
    }
}
