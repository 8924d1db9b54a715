//! `reader/60hz`: what a reader costs a writer.

use std::hint::black_box;
use std::time::{Duration, Instant};

use perf_monitor_core::{Counter, MetricsCollector, Registry};

use super::{Row, hot};
use crate::harness::Effort;
use crate::report::Report;
use crate::stats::Samples;
use crate::{cpu_time, pin, reader::Reader, values};

pub(crate) const ROW: Row = Row { id: "reader/60hz", run };

/// The writer writes for so long, with the reader or without: six reads.
const SEGMENT: Duration = Duration::from_millis(100);
/// Records between two looks at the clock.
const BATCH: u64 = 64;
/// Counters beside the collector, so that there is something to read.
const COUNTERS: usize = 100;

fn run(effort: Effort) -> Result<Report, String> {
    let registry = Registry::new();
    let mut writer = Writer::new(&registry)?;
    let read = hot::visit(&registry);
    let pairs = std::thread::scope(|scope| {
        let cpus = pin::cpus();
        let reader = Reader::start(scope, cpus[1], read);
        pin::this_thread_to(cpus[0]);
        writer.segment();
        let start = Instant::now();
        let mut pairs = Pairs::default();
        while start.elapsed() < effort.seconds(4.0, 60.0) {
            pairs.add(&mut writer, &reader);
        }
        pairs
    });
    let mut report = Report::default();
    let lost = |read: &Samples, unread| read.over(unread).map(|kept| 100.0 * (1.0 - kept)).median();
    report.number("lost_percent", "%", lost(&pairs.read.rate, &pairs.unread.rate));
    report.number(
        "lost_percent_of_cpu_time",
        "%",
        lost(&pairs.read.cpu_rate, &pairs.unread.cpu_rate),
    );
    report.number("records_read", "M/s", pairs.read.rate.median() / 1e6);
    report.number("records_unread", "M/s", pairs.unread.rate.median() / 1e6);
    // The median of the segments' longest gaps: over the whole run the longest one is the hypervisor's.
    let (read, unread) = (pairs.read.longest_us.median(), pairs.unread.longest_us.median());
    report.number_ratio("longest_gap_of_unread", "us", read, ("without a reader", unread));
    report.note(format!("{} pairs of segments of {SEGMENT:?}", pairs.read.rate.len()));
    Ok(report)
}

/// Records requests into a collector, and each time into one of many counters.
struct Writer {
    collector: MetricsCollector,
    counters: Vec<Counter>,
    latencies: values::Table<Duration>,
    at: u64,
}

/// What a segment saw.
struct Segment {
    records_per_s: f64,
    /// Per second of the writer's CPU time: what it loses to other programs is not in it.
    records_per_cpu_s: f64,
    longest_gap: Duration,
}

impl Writer {
    fn new(registry: &Registry) -> Result<Writer, String> {
        let counter = |i| registry.counter((format!("jobs_{i}_total"), "Jobs."));
        let counters: Result<Vec<Counter>, _> = (0..COUNTERS).map(counter).collect();
        Ok(Writer {
            collector: MetricsCollector::new(registry).map_err(|error| error.to_string())?,
            counters: counters.map_err(|error| error.to_string())?,
            latencies: values::durations(),
            at: 0,
        })
    }

    fn segment(&mut self) -> Segment {
        let (start, mut last, mut longest) = (Instant::now(), Instant::now(), Duration::ZERO);
        let (before, cpu_before) = (self.at, cpu_time::of_this_thread());
        while last - start < SEGMENT {
            self.batch();
            let now = Instant::now();
            longest = longest.max(now - last);
            last = now;
        }
        let records = (self.at - before) as f64;
        let cpu = cpu_time::of_this_thread() - cpu_before;
        Segment {
            records_per_s: records / (last - start).as_secs_f64(),
            records_per_cpu_s: records / cpu.as_secs_f64(),
            longest_gap: longest,
        }
    }

    fn batch(&mut self) {
        for n in self.at..self.at + BATCH {
            self.collector.record_request(self.latencies.at(n), values::succeeds(n));
            self.counters[n as usize % COUNTERS].inc();
            black_box(());
        }
        self.at += BATCH;
    }
}

#[derive(Default)]
struct Side {
    rate: Samples,
    cpu_rate: Samples,
    longest_us: Samples,
}

impl Side {
    fn push(&mut self, segment: Segment) {
        self.rate.push(segment.records_per_s);
        self.cpu_rate.push(segment.records_per_cpu_s);
        self.longest_us.push(segment.longest_gap.as_secs_f64() * 1e6);
    }
}

#[derive(Default)]
struct Pairs {
    read: Side,
    unread: Side,
}

impl Pairs {
    /// One segment of each kind; which comes first alternates, so that a drift favours neither.
    fn add(&mut self, writer: &mut Writer, reader: &Reader<'_>) {
        let read_first = self.read.rate.len().is_multiple_of(2);
        for read in [read_first, !read_first] {
            if read {
                self.read.push(reader.while_reading(|| writer.segment()));
            } else {
                self.unread.push(writer.segment());
            }
        }
    }
}
