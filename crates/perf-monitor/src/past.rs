//! The history of a monitor: which series it keeps, at each tick, in how many bytes.

use std::sync::Arc;
use std::time::Duration;

use perf_monitor_alerting::AlertManager;
use perf_monitor_history::{Error as HistoryError, MemoryHistory, Options, Selector, Tier};

use crate::builder::{Context, PerformanceMonitorBuilder};
use crate::error::{Error, Kind};
use crate::monitor::PerformanceMonitor;
use crate::share::{CounterShare, GaugeShare};
use crate::ticker::Part;

/// Of the ledger's 100 KB for the dashboard and the history, what a page of 200 columns leaves (`dashboard/memory`).
const BYTES: usize = 74_000;

/// The points of the usual tiers.
const FINE_POINTS: u32 = 300;
const COARSE_STEPS: u32 = 10;
const COARSE_POINTS: u32 = 360;

/// What no tier reaches further back than.
const LONGEST: Duration = Duration::from_secs(40 * 86_400);

/// What is kept whether or not a rule looks at it: what a service is judged by first. One regular expression for all of
/// them took 35 KB for its program and what it matches with (2026-11-26).
const USUAL: [&str; 13] = [
    "requests_total",
    "request_duration_seconds_bucket",
    "request_duration_seconds_sum",
    "request_duration_seconds_count",
    "host_cpu_usage_ratio",
    "host_memory_used_bytes",
    "host_disk_read_bytes_total",
    "host_disk_written_bytes_total",
    "host_network_received_bytes_total",
    "host_network_sent_bytes_total",
    "process_cpu_seconds_total",
    "process_resident_memory_bytes",
    "http_server_active_requests",
];

/// What is kept, and in how many bytes; `None` for what a tick makes usual.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    options: Option<Options>,
}

/// The history: five minutes of each tick and an hour of every tenth, unless chosen otherwise.
impl PerformanceMonitorBuilder {
    /// What of the past is kept: of which series, at which steps, for how long, in how many bytes.
    ///
    /// The series that rules look at are kept besides [`Options::keep`]; where that is empty, these, and
    /// what a service is judged by first: requests, their durations, CPU and memory.
    ///
    /// [`start`](Self::start) fails on options that contradict one another.
    pub fn history(mut self, options: Options) -> Self {
        self.past.options = Some(options);
        self
    }
}

impl PerformanceMonitor {
    /// What series were in the last minutes, for queries.
    ///
    /// ```
    /// use perf_monitor::PerformanceMonitor;
    /// use perf_monitor::history::Query;
    ///
    /// let monitor = PerformanceMonitor::start("checkout")?;
    /// let slow = Query::parse("rate(request_duration_seconds_sum[1m])")?;
    /// let now_ms = monitor.registry().clock().unix_ns() as i64 / 1_000_000;
    /// let found = slow.instant(&**monitor.history(), now_ms)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn history(&self) -> &Arc<MemoryHistory> {
        self.alerts.history()
    }
}

/// A history, and what of it is kept besides what rules look at.
pub(crate) struct Kept {
    pub(crate) history: Arc<MemoryHistory>,
    always: Vec<Selector>,
}

impl Plan {
    pub(crate) fn begin(self, tick: Duration) -> Result<Kept, Error> {
        let options = self.options.unwrap_or_else(|| usual(tick));
        let always = match options.keep.is_empty() {
            true => {
                USUAL.map(Selector::parse).into_iter().collect::<Result<_, _>>().map_err(refused)?
            }
            false => options.keep.clone(),
        };
        let history = Arc::new(MemoryHistory::new(options).map_err(refused)?);
        Ok(Kept { history, always })
    }
}

/// A point for each tick of a second or more, and coarser ones that reach twelve times as far.
fn usual(tick: Duration) -> Options {
    let step = tick.max(Duration::from_secs(1));
    let tier = |step: Duration, points: u32| Tier { step, keep: (step * points).min(LONGEST) };
    Options {
        bytes: BYTES,
        fine: tier(step, FINE_POINTS),
        coarse: tier(step * COARSE_STEPS, COARSE_POINTS),
        ..Options::default()
    }
}

fn refused(error: HistoryError) -> Error {
    Error::new(Kind::Options, format!("the history: {error}")).because(error)
}

impl Kept {
    /// Records at each tick what the rules of `manager` look at, as they are then.
    pub(crate) fn join(self, context: &mut Context, manager: &AlertManager) -> Result<(), Error> {
        let mut numbers = Numbers::new(context)?;
        let (registry, manager) = (context.registry.clone(), manager.clone());
        let mut version = None;
        context.readers.push(Part {
            name: "history",
            once_per_registry: false,
            work: Box::new(move || {
                let now = manager.rules_version();
                if version.replace(now) != Some(now) {
                    self.keep(&manager);
                }
                let at_ns = registry.clock().unix_ns();
                self.history.record((at_ns / 1_000_000) as i64, &registry);
                numbers.tell(&self.history);
            }),
        });
        Ok(())
    }

    fn keep(&self, manager: &AlertManager) {
        let mut selectors = self.always.clone();
        selectors.extend(manager.selectors());
        self.history.keep(selectors);
    }
}

/// What the history holds and refuses, as metrics.
struct Numbers {
    bytes: GaugeShare,
    series: GaugeShare,
    refused: CounterShare,
    evicted: CounterShare,
}

impl Numbers {
    fn new(context: &Context) -> Result<Numbers, Error> {
        let registry = &context.registry;
        let counter = |name, help| registry.counter((name, help)).map(CounterShare::of);
        let series = ("perf_monitor_history_series", "Series that the history keeps.");
        Ok(Numbers {
            bytes: context.own.ledger("history")?,
            series: GaugeShare::of(registry.gauge(series)?),
            refused: counter(
                "perf_monitor_history_refused_total",
                "Series that found no room in the history, at each tick anew.",
            )?,
            evicted: counter(
                "perf_monitor_history_evicted_points_total",
                "Points that the history gave up before their time, for want of bytes.",
            )?,
        })
    }

    fn tell(&mut self, history: &MemoryHistory) {
        let stats = history.stats();
        self.bytes.set(stats.bytes as u64);
        self.series.set(stats.series as u64);
        self.refused.bring_to(stats.refused_series);
        self.evicted.bring_to(stats.evicted_points + stats.lost_points);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_usual_history_follows_every_tick_there_may_be() {
        for tick in
            [Duration::from_millis(10), Duration::from_millis(1_500), Duration::from_secs(3_600)]
        {
            let options = usual(tick);
            assert!(options.fine.step >= tick, "{tick:?}");
            assert!(MemoryHistory::new(options).is_ok(), "{tick:?}");
        }
    }
}
