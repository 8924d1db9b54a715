//! What the registry and the threads' cells hold and refuse, as metrics.

use perf_monitor_core::{
    MetricsCollector, ObservedCounter, Registry, RegistryStats, ThreadStats, clock_went_backwards,
    thread_stats,
};

use crate::builder::Context;
use crate::error::Error;
use crate::share::GaugeShare;
use crate::ticker::Part;

/// The engine's numbers, and where they go.
struct Engine {
    registry: Registry,
    metrics: MetricsCollector,
    counters: Vec<(Number, ObservedCounter)>,
    gauges: Vec<(Number, GaugeShare)>,
}

struct Numbers {
    registry: RegistryStats,
    threads: ThreadStats,
    clamped: u64,
}

/// Picks one of them.
type Number = fn(&Numbers) -> u64;

/// A metric's name, help and source.
type Shown = (&'static str, &'static str, Number);

const COUNTERS: [Shown; 7] = [
    (
        "perf_monitor_series_refused_total",
        "Look-ups of new label values that found no room and went to an overflow series.",
        |n| n.registry.refused_series,
    ),
    (
        "perf_monitor_coarse_records_total",
        "Records of histograms that the budget had no cells for: known to a factor of two.",
        |n| n.registry.coarse_records,
    ),
    (
        "perf_monitor_series_expired_total",
        "Series that were removed because nobody used them.",
        |n| n.registry.expired_series,
    ),
    (
        "perf_monitor_wrong_labels_total",
        "Records with a wrong number of label values, which went to an overflow series.",
        |n| n.registry.wrong_labels,
    ),
    (
        "perf_monitor_durations_clamped_total",
        "Requests of more than a minute, whose duration the histogram has as a minute.",
        |n| n.clamped,
    ),
    (
        "perf_monitor_thread_cells_refused_total",
        "Requests of threads for more cells of their own that the budget refused: slower, exact.",
        |n| n.threads.refused,
    ),
    (
        "perf_monitor_clock_backwards_total",
        "Durations that came out negative and were taken as 0.",
        |_| clock_went_backwards(),
    ),
];

const GAUGES: [Shown; 3] = [
    ("perf_monitor_families", "Metrics of the registry, by name.", |n| n.registry.families as u64),
    ("perf_monitor_series", "Series of the registry.", |n| n.registry.series as u64),
    ("perf_monitor_thread_slabs", "Threads that have cells, or left them to others.", |n| {
        n.threads.slabs as u64
    }),
];

/// The ledger's lines: what the registry holds, and what all threads of the process hold.
const LINES: [(&str, Number); 2] = [
    ("collectors", |n| {
        let cells = n.threads.bytes.saturating_sub(n.threads.histogram_bytes);
        (n.registry.metric_bytes + cells) as u64
    }),
    ("hdr", |n| (n.registry.histogram_bytes + n.threads.histogram_bytes) as u64),
];

/// Adds the engine's numbers to a monitor.
pub(crate) fn join(context: &mut Context) -> Result<(), Error> {
    let registry = &context.registry;
    let counter =
        |(name, help, number)| Ok::<_, Error>((number, registry.observed_counter((name, help))?));
    let gauge = |(name, help, number)| {
        Ok::<_, Error>((number, GaugeShare::of(registry.gauge((name, help))?)))
    };
    let line = |(subsystem, number)| Ok::<_, Error>((number, context.own.ledger(subsystem)?));
    let gauges = GAUGES.into_iter().map(gauge).chain(LINES.into_iter().map(line));
    let mut engine = Engine {
        counters: COUNTERS.into_iter().map(counter).collect::<Result<_, _>>()?,
        gauges: gauges.collect::<Result<_, _>>()?,
        registry: registry.clone(),
        metrics: context.metrics.clone(),
    };
    context.collectors.push(Part {
        name: "registry",
        once_per_registry: true,
        work: Box::new(move || engine.collect()),
    });
    Ok(())
}

impl Engine {
    fn collect(&mut self) {
        let numbers = Numbers {
            registry: self.registry.stats(),
            threads: thread_stats(),
            clamped: self.metrics.clamped(),
        };
        for (number, counter) in &self.counters {
            counter.observe(number(&numbers));
        }
        for (number, share) in &mut self.gauges {
            share.set(number(&numbers));
        }
    }
}
