//! `memory/day`: whether a monitor holds more after a day than after an hour.

use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::sync::Barrier;
use std::time::{Duration, Instant};

use perf_monitor::PerformanceMonitor;
use perf_monitor_core::{
    Clock, Counter, FakeClock, Family, Histogram, HistogramOptions, MetricsCollector, Registry,
};

use super::Row;
use crate::alloc::Counting;
use crate::harness::Effort;
use crate::node_exporter::get;
use crate::report::Report;
use crate::values;

pub(crate) const ROW: Row = Row { id: "memory/day", run };

const HOURS: usize = 24;
const MINUTES_PER_HOUR: usize = 60;
const MINUTES: u64 = (HOURS * MINUTES_PER_HOUR) as u64;

/// Threads that come and go in a minute.
const THREADS: usize = 4;
/// Counters that come with each of those threads, beside one histogram; they go a minute later.
const SERIES: usize = 10;
/// Connections that come and go together, without a request, before each scrape: so many that lists
/// of what has to be closed reach their full length in the first hour.
const CONNECTIONS: usize = 20;

fn run(effort: Effort) -> Result<Report, String> {
    Counting::start();
    let start = Instant::now();
    let mut day = Day::begin(effort)?;
    let mut bytes = Vec::with_capacity(HOURS); // as it is counted, too, it must not grow
    for hour in 0..HOURS {
        for minute in 0..MINUTES_PER_HOUR {
            day.minute(hour * MINUTES_PER_HOUR + minute)?;
        }
        day.quiet_minute();
        Counting::wait_until_still();
        bytes.push(Counting::live());
    }
    day.check()?;
    let mut report = Report::default();
    report.number("growth", "B", (bytes[HOURS - 1] - bytes[0]) as f64);
    report.number("hour_1", "B", bytes[0] as f64);
    report.number("hour_24", "B", bytes[HOURS - 1] as f64);
    report.note(format!("by hour: {bytes:?}"));
    report.note(format!(
        "{} records, {} ticks, {} threads, {} scrapes in {:.0} s",
        day.recorded,
        MINUTES * day.ticks_per_minute,
        MINUTES * THREADS as u64,
        day.scrapes,
        start.elapsed().as_secs_f64(),
    ));
    Ok(report)
}

struct Day {
    /// Its own tick goes by the system's clock, so it is given one that does not come.
    monitor: PerformanceMonitor,
    hand: FakeClock,
    address: SocketAddr,
    metrics: Metrics,
    /// Ticks of a minute: 60, fewer and longer ones in a short run.
    ticks_per_minute: u64,
    /// Records of a minute, by all threads.
    per_minute: u64,
    /// Minutes between two scrapes.
    scrape_every: usize,
    recorded: u64,
    scrapes: u64,
}

impl Day {
    fn begin(effort: Effort) -> Result<Day, String> {
        let (clock, hand) = Clock::fake();
        let registry = Registry::builder().clock(clock).build();
        let monitor = PerformanceMonitor::builder("day")
            .registry(registry.clone())
            .tick(Duration::from_secs(3_600))
            .listen((Ipv4Addr::LOCALHOST, 0))
            .start()
            .map_err(|error| error.to_string())?;
        let address = monitor.address().ok_or("the monitor has no listener")?;
        let metrics = Metrics::new(&registry, monitor.metrics().clone());
        Ok(Day {
            monitor,
            hand,
            address,
            metrics: metrics.map_err(|error| error.to_string())?,
            ticks_per_minute: effort.pick(6, 60),
            per_minute: effort.pick(50_000_000u64, 1_000_000_000).div_ceil(MINUTES),
            scrape_every: effort.pick(3, 1),
            recorded: 0,
            scrapes: 0,
        })
    }

    fn minute(&mut self, minute: usize) -> Result<(), String> {
        self.threads(minute);
        for _ in 0..self.ticks_per_minute {
            let share = self.per_minute / 2 / self.ticks_per_minute;
            self.recorded += self.metrics.record(share);
            self.hand.advance(Duration::from_secs(60) / self.ticks_per_minute as u32);
            self.monitor.registry().tick();
        }
        self.connections(minute).map_err(|cause| format!("a connection: {cause}"))
    }

    /// Ticks without records, until the windows over the last minute are empty: what they hold is
    /// what was recorded last, which differs from hour to hour.
    fn quiet_minute(&self) {
        for _ in 0..80 {
            self.hand.advance(Duration::from_secs(1));
            self.monitor.registry().tick();
        }
    }

    /// Half of a minute's records, by threads that end with it. They change series, too; what a
    /// thread's label cache has of series that went goes with the thread. All live at the same
    /// time, so that each minute has as many.
    fn threads(&mut self, minute: usize) {
        let (metrics, share) = (&self.metrics, self.per_minute / 2 / THREADS as u64);
        let all_are_there = &Barrier::new(THREADS);
        let work = |thread: usize| {
            move || {
                metrics.change_series(minute * THREADS + thread);
                let recorded = metrics.record(share);
                all_are_there.wait();
                recorded
            }
        };
        self.recorded += std::thread::scope(|scope| {
            let threads: Vec<_> = (0..THREADS).map(|thread| scope.spawn(work(thread))).collect();
            threads.into_iter().map(|thread| thread.join().unwrap_or_default()).sum::<u64>()
        });
    }

    fn connections(&mut self, minute: usize) -> std::io::Result<()> {
        if minute.is_multiple_of(self.scrape_every) {
            let open = (0..CONNECTIONS).map(|_| TcpStream::connect(self.address));
            drop(open.collect::<Result<Vec<_>, _>>()?);
            get(self.address, "/metrics")?;
            self.scrapes += 1;
        }
        Ok(())
    }

    /// That the day was one: everything recorded is there.
    fn check(&self) -> Result<(), String> {
        let refused = self.monitor.registry().stats().refused_series;
        if refused > 0 {
            return Err(format!("{refused} series had no room"));
        }
        let found = self.metrics.counter.get();
        if found * 3 == self.recorded {
            return Ok(());
        }
        Err(format!("{} of {} records were counted", found * 3, self.recorded))
    }
}

/// What is recorded into all day long.
struct Metrics {
    counter: Counter,
    histogram: Histogram,
    collector: MetricsCollector,
    hits: Family<Counter>,
    waits: Family<Histogram>,
    latencies: values::Table<Duration>,
}

impl Metrics {
    fn new(
        registry: &Registry,
        collector: MetricsCollector,
    ) -> Result<Metrics, perf_monitor_core::Error> {
        let options = HistogramOptions::default();
        Ok(Metrics {
            counter: registry.counter(("jobs_total", "Jobs."))?,
            histogram: registry.histogram(("size", "Sizes."), options)?,
            collector,
            hits: registry.counter_family(("hits_total", "Hits."), &["container"])?,
            waits: registry.histogram_family(("waits", "Waits."), &["container"], options)?,
            latencies: values::durations(),
        })
    }

    /// Records `records` numbers, in threes; tells how many.
    fn record(&self, records: u64) -> u64 {
        for n in 0..records / 3 {
            self.collector.record_request(self.latencies.at(n), values::succeeds(n));
            self.counter.inc();
            self.histogram.record(n % 10_000);
        }
        records / 3 * 3
    }

    /// The series of this turn come, those of the minute before go. No name comes twice.
    fn change_series(&self, turn: usize) {
        let name = |turn: usize, n: usize| format!("container-{turn:06}-{n:02}");
        for n in 0..SERIES {
            self.hits.inc(&[&name(turn + THREADS, n)]);
            self.hits.remove(&[&name(turn, n)]);
        }
        self.waits.record(&[&name(turn + THREADS, 0)], turn as u64 % 100);
        self.waits.remove(&[&name(turn, 0)]);
    }
}
