//! What one would use instead, in the same process and the same rounds.

use std::cell::Cell;
use std::hint::black_box;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, OnceLock};

use hdrhistogram::Histogram as HdrHistogram;
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use perf_monitor_core::{Instant, Layout};
use prometheus::{HistogramOpts, IntCounter, IntCounterVec, Opts};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;

use crate::harness::Subject;
use crate::values;

/// The name of [`floor`], which flatness is divided by.
pub(crate) const FLOOR: &str = "thread-local add";

/// The name of [`two_reads`].
pub(crate) const TWO_READS: &str = "two clock reads";

/// What nothing that is timed can go below: the clock at its beginning and at its end.
pub(crate) fn two_reads() -> Subject {
    Subject::new(TWO_READS, || {
        |ops| {
            for _ in 0..ops {
                black_box(Instant::now());
                black_box(Instant::now());
            }
        }
    })
}

thread_local! {
    static CELLS: [AtomicU64; 8] = const { [const { AtomicU64::new(0) }; 8] };
}

/// What no recording can go below: a relaxed load and store in a cell that only this thread has,
/// eight cells in turn.
pub(crate) fn floor() -> Subject {
    Subject::new(FLOOR, || {
        |ops| {
            for _ in 0..ops / 8 {
                CELLS.with(|cells| cells.iter().for_each(add_one));
            }
        }
    })
}

/// The same in one cell over and over: how long a store takes until its load is answered.
pub(crate) fn floor_back_to_back() -> Subject {
    Subject::new("thread-local add, one cell", || {
        |ops| {
            for _ in 0..ops / 8 {
                (0..8).for_each(|_| CELLS.with(|cells| add_one(&cells[0])));
            }
        }
    })
}

#[inline(always)]
fn add_one(cell: &AtomicU64) {
    cell.store(cell.load(Relaxed) + 1, Relaxed);
    black_box(());
}

/// An atomic that all threads add to.
pub(crate) fn shared_fetch_add() -> Subject {
    let total = Arc::new(AtomicU64::new(0));
    Subject::new("shared fetch_add", move || {
        let total = total.clone();
        move |ops| {
            for _ in 0..ops {
                black_box(total.fetch_add(1, Relaxed));
            }
        }
    })
}

/// `prometheus`' integer counters, eight in turn.
pub(crate) fn prometheus_counter() -> Subject {
    let counters = std::array::from_fn::<_, 8, _>(|i| {
        IntCounter::new(format!("jobs_{i}_total"), "Jobs.").expect("the name is valid")
    });
    Subject::new("prometheus", move || {
        let counters = counters.clone();
        move |ops| {
            for _ in 0..ops / 8 {
                counters.iter().for_each(|counter| {
                    counter.inc();
                    black_box(());
                });
            }
        }
    })
}

/// `prometheus-client`'s counters, eight in turn.
pub(crate) fn prometheus_client_counter() -> Subject {
    let counters = std::array::from_fn::<Counter, 8, _>(|_| Counter::default());
    Subject::new("prometheus-client", move || {
        let counters = counters.clone();
        move |ops| {
            for _ in 0..ops / 8 {
                for counter in &counters {
                    black_box(counter.inc());
                }
            }
        }
    })
}

/// `metrics` with its Prometheus exporter: handles that were kept, eight in turn.
pub(crate) fn metrics_counter() -> Subject {
    install_metrics();
    let names = ["a", "b", "c", "d", "e", "f", "g", "h"];
    let counters = names.map(|name| metrics::counter!(name));
    Subject::new("metrics, kept handle", move || {
        let counters = counters.clone();
        move |ops| {
            for _ in 0..ops / 8 {
                counters.iter().for_each(|counter| counter.increment(1));
            }
        }
    })
}

/// The label values of the rows with dynamic labels: sixteen series.
pub(crate) const LABELS: [[&str; 2]; 16] = [
    ["GET", "/"],
    ["GET", "/cart"],
    ["GET", "/items"],
    ["GET", "/items/{id}"],
    ["GET", "/login"],
    ["GET", "/orders"],
    ["GET", "/orders/{id}"],
    ["GET", "/search"],
    ["POST", "/cart"],
    ["POST", "/items"],
    ["POST", "/login"],
    ["POST", "/orders"],
    ["PUT", "/cart"],
    ["PUT", "/items/{id}"],
    ["DELETE", "/cart"],
    ["DELETE", "/orders/{id}"],
];

/// Calls `record` with the labels in turn; their values are not known at compile time.
#[inline(always)]
pub(crate) fn for_each_label(ops: u64, mut record: impl FnMut([&'static str; 2])) {
    let labels = black_box(LABELS);
    for n in 0..ops {
        record(labels[n as usize % LABELS.len()]);
    }
}

/// `prometheus`' look-up of a series by its label values.
pub(crate) fn prometheus_labels() -> Subject {
    let opts = Opts::new("hits_total", "Hits.");
    let family = IntCounterVec::new(opts, &["method", "route"]).expect("the names are valid");
    Subject::new("prometheus", move || {
        let family = family.clone();
        move |ops| for_each_label(ops, |labels| family.with_label_values(&labels).inc())
    })
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Route {
    method: &'static str,
    route: &'static str,
}

/// `prometheus-client`'s look-up of a series by its label set.
pub(crate) fn prometheus_client_labels() -> Subject {
    let family = Family::<Route, Counter>::default();
    Subject::new("prometheus-client", move || {
        let family = family.clone();
        move |ops| {
            for_each_label(ops, |[method, route]| {
                family.get_or_create(&Route { method, route }).inc();
            })
        }
    })
}

/// The `counter!` macro of `metrics`, its label values borrowed for ever.
pub(crate) fn metrics_labels() -> Subject {
    install_metrics();
    Subject::new("metrics counter!", || {
        |ops| {
            for_each_label(ops, |[method, route]| {
                metrics::counter!("hits", "method" => method, "route" => route).increment(1);
            })
        }
    })
}

/// A histogram of the `hdrhistogram` crate that one thread has for itself: no sum, no average.
pub(crate) fn own_hdr() -> Subject {
    Subject::new("own hdrhistogram", || {
        let values = values::latencies_us();
        let mut histogram = HdrHistogram::<u64>::new_with_bounds(1, 60_000_000, 3)
            .expect("the seed's bounds are valid");
        move |ops| {
            for n in 0..ops {
                histogram.record(values.at(n)).expect("within the bounds");
                black_box(());
            }
        }
    })
}

/// `prometheus`' histogram with its eleven default buckets.
pub(crate) fn prometheus_histogram() -> Subject {
    let opts = HistogramOpts::new("latency_seconds", "Latency.");
    let histogram = prometheus::Histogram::with_opts(opts).expect("the name is valid");
    Subject::new("prometheus Histogram", move || {
        let (histogram, values) = (histogram.clone(), values::latencies_us());
        move |ops| (0..ops).for_each(|n| histogram.observe(values.at(n) as f64 * 1e-6))
    })
}

/// `prometheus-client`'s histogram with the same buckets.
pub(crate) fn prometheus_client_histogram() -> Subject {
    let histogram = Histogram::new(prometheus::DEFAULT_BUCKETS.iter().copied());
    Subject::new("prometheus-client Histogram", move || {
        let (histogram, values) = (histogram.clone(), values::latencies_us());
        move |ops| (0..ops).for_each(|n| histogram.observe(values.at(n) as f64 * 1e-6))
    })
}

/// A kept histogram of `metrics`; what it buffers is aggregated every 65,536 records, as it is
/// by its exporter's upkeep.
pub(crate) fn metrics_histogram() -> Subject {
    let upkeep = install_metrics();
    Subject::new("metrics histogram", move || {
        let (histogram, values) = (metrics::histogram!("latency"), values::latencies_us());
        let buffered = Cell::new(0);
        move |ops| {
            (0..ops).for_each(|n| histogram.record(values.at(n) as f64 * 1e-6));
            buffered.set(buffered.get() + ops);
            if buffered.get() > 65_536 {
                buffered.set(0);
                upkeep.run_upkeep();
            }
        }
    })
}

/// The process's recorder of `metrics`: the Prometheus exporter without its listener.
fn install_metrics() -> &'static PrometheusHandle {
    static HANDLE: OnceLock<PrometheusHandle> = OnceLock::new();
    HANDLE.get_or_init(|| {
        let recorder = PrometheusBuilder::new().build_recorder();
        let handle = recorder.handle();
        metrics::set_global_recorder(recorder).expect("nothing else installs a recorder");
        handle
    })
}

/// What a latency cannot be recorded below: count, sum, longest, moving average and HDR cell as
/// relaxed loads and stores of a thread that has nothing to find and nothing to check. The chain
/// from one average to the next (store, load, multiply, add) is most of it.
pub(crate) fn plain_cells() -> Subject {
    Subject::new("plain cells", || {
        let values = values::latencies_us();
        let header: [AtomicU64; 4] = Default::default();
        let cells: Box<[AtomicU32]> = (0..LAYOUT.cells()).map(|_| AtomicU32::new(0)).collect();
        move |ops| {
            for n in 0..ops {
                record_plain(black_box(&header), &cells, values.at(n));
            }
        }
    })
}

const LAYOUT: Layout = Layout::LATENCY;

#[inline(always)]
fn record_plain(header: &[AtomicU64; 4], cells: &[AtomicU32], value: u64) {
    let [count, sum, longest, average] = header;
    count.store(count.load(Relaxed) + 1, Relaxed);
    sum.store(sum.load(Relaxed) + value, Relaxed);
    if value > longest.load(Relaxed) {
        longest.store(value, Relaxed);
    }
    let moved = 0.1 * (value * 1_000) as f64 + 0.9 * f64::from_bits(average.load(Relaxed));
    average.store(moved.to_bits(), Relaxed);
    let cell = &cells[LAYOUT.cell(value) as usize];
    cell.store(cell.load(Relaxed) + 1, Relaxed);
}
