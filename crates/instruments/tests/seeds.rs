//! What the seed documents show in their examples and promise in prose, where no other test does.

use std::fmt::Debug;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use perf_monitor_core::{Registry, Value};
use perf_monitor_instruments::{
    BreakerState, BreakerStatus, CacheMetrics, Caches, CircuitBreakers, ComponentHealth,
    ComprehensiveMetrics, ConnectionStates, ConnectionStatus, ErrorCount, Errors, EventMetrics,
    Events, Health, Io, IoMetrics, MonitoringOptions, OperationCount, Phase, Queries, QueryProfile,
    QueryRunRecord, ResourceMetrics, ResourceSample, Resources, Retries, RetryCount,
    ServiceMetrics, ServiceSample, Severity, StageMetrics, Stages, Timeline,
};

fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

fn service(registry: &Registry) -> ServiceMetrics {
    ServiceMetrics::new(registry, MonitoringOptions::default()).unwrap()
}

/// A lakehouse of one table, instrumented as seed 0 has it.
struct Engine {
    metrics: ServiceMetrics,
    rows: Vec<u64>,
    plans: Vec<String>,
}

impl Engine {
    fn new(registry: &Registry) -> Engine {
        Engine { metrics: service(registry), rows: Vec::new(), plans: Vec::new() }
    }

    fn commit(&mut self, rows: &[u64]) {
        self.metrics.io().record_io_write(size_of_val(rows) as u64);
        self.metrics.timeline().record("commit");
        self.rows.extend(rows);
    }

    fn sum(&mut self, sql: &str) -> Result<u64, ()> {
        let mut run = self.metrics.queries().begin(sql);
        run.phase(Phase::Parse);
        if !sql.starts_with("SELECT") {
            run.fail();
            return Err(());
        }
        run.phase(Phase::Optimize);
        self.plan(sql);
        run.phase(Phase::Execute);
        self.metrics.io().record_io_read(size_of_val(&*self.rows) as u64);
        Ok(self.rows.iter().sum())
    }

    fn plan(&mut self, sql: &str) {
        let plans = self.metrics.caches().cache("plans");
        if self.plans.iter().any(|known| known == sql) {
            return plans.hit();
        }
        plans.miss();
        self.plans.push(sql.to_owned());
    }
}

/// Seed 0's "full lakehouse workflow".
#[test]
fn a_lakehouse_at_work_is_seen_phase_by_phase() {
    let mut engine = Engine::new(&Registry::new());
    engine.commit(&[1, 2]);
    engine.commit(&[3]);
    assert_eq!(engine.sum("SELECT sum(v)"), Ok(6));
    assert_eq!(engine.sum("SELECT sum(v)"), Ok(6));
    assert_eq!(engine.sum("DELETE"), Err(()));
    engine.metrics.resources().record_resources(25.0, 512.0, 1.0, 0.0);

    let all = engine.metrics.get_comprehensive_metrics();
    let sums = all.queries.iter().find(|query| query.query == "SELECT sum(v)").unwrap();
    assert_eq!((sums.executions, sums.errors), (2, 0));
    let phases = [sums.parse_time, sums.optimize_time, sums.execute_time].map(Option::unwrap);
    assert!(phases.iter().sum::<Duration>() <= sums.avg_total.unwrap(), "{sums:?}");
    let failed = all.queries.iter().find(|query| query.query == "DELETE").unwrap();
    assert_eq!((failed.errors, failed.execute_time), (1, None), "it was never executed");
    assert_eq!((all.caches[0].hits, all.caches[0].misses), (1, 1));
    assert_eq!((all.io.writes, all.io.bytes_written), (2, 24));
    assert_eq!((all.io.reads, all.io.bytes_read), (2, 48));
    assert_eq!(all.timeline[0].count, 2);
    assert_eq!(all.resources.avg_memory_mb, Some(512.0));
}

/// Seed 0: "optional profiling can be disabled", and "no regression": what is profiled does the same.
#[test]
fn an_engine_answers_the_same_with_profiling_off() {
    let mut engine = Engine::new(&Registry::new());
    engine.commit(&[1, 2, 3]);
    engine.metrics.queries().set_enabled(false);
    assert_eq!(engine.sum("SELECT sum(v)"), Ok(6));
    assert!(engine.metrics.queries().summary().iter().all(|query| query.executions == 0));
    engine.metrics.queries().set_enabled(true);
    assert_eq!(engine.sum("SELECT sum(v)"), Ok(6));
    assert_eq!(engine.metrics.queries().summary()[0].executions, 1);
}

/// Seed 1, step 2: `try … finally` around a fetch.
#[test]
fn a_fetch_that_returns_early_is_timed_too() {
    fn fetch(stages: &Stages, page: &str) -> Result<u64, std::num::ParseIntError> {
        let mut run = stages.start("fetch");
        let number = page.parse().inspect_err(|_| run.fail())?;
        Ok(number)
    }
    let stages = Stages::new(&Registry::new()).unwrap();
    assert!(fetch(&stages, "17").is_ok());
    assert!(fetch(&stages, "x").is_err());
    let fetch = stages.stage("fetch").metrics();
    assert_eq!((fetch.count, fetch.errors), (2, 1));
}

/// Seed 2, "Basic Performance Monitoring".
#[test]
fn the_basic_example_of_seed_2_works() {
    let monitor = service(&Registry::new());
    monitor.events().record_event_processed("mqtt", "light", "light.living_room");
    monitor.events().record_processing_time(Duration::from_micros(150_500));
    let summary = monitor.events().summary();
    assert_eq!(summary.by_domain["light"], 1);
    assert_eq!(summary.by_entity["light.living_room"], 1);
    assert_eq!((summary.timed, summary.avg), (1, Some(Duration::from_micros(150_500))));
}

/// Seed 2, "Enhanced Metrics Collection": one call, and every reader of the registry sees it.
#[test]
fn the_unified_example_of_seed_2_works() {
    let registry = Registry::new();
    let collector = service(&registry);
    collector.record_event_processing(ms(150), "mqtt", "light", "light.living_room", true);
    collector.record_circuit_breaker_state("influxdb", BreakerState::Open);
    collector.record_error("timeout", "influxdb", Severity::Error);
    collector.record_retry_attempt("write");

    let labels = [
        ("source", "mqtt"),
        ("domain", "light"),
        ("entity", "light.living_room"),
        ("outcome", "success"),
    ];
    let snapshot = registry.snapshot();
    assert!(matches!(snapshot.value("events_total", &labels), Some(Value::Counter(1))));
    let open = [("breaker", "influxdb"), ("state", "open")];
    let state = snapshot.value("circuit_breaker_state", &open);
    assert!(matches!(state, Some(Value::Gauge(1.0))));
    assert!(snapshot.value("retries_total", &[("operation", "write")]).is_some());
    assert_eq!(Events::new(&registry).unwrap().summary().total, 1);
    assert_eq!(collector.get_comprehensive_metrics().events.p99, Some(ms(150)));
}

/// Ready at the second poll.
#[derive(Default)]
struct Later(bool);

impl Future for Later {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        match std::mem::replace(&mut self.0, true) {
            true => Poll::Ready(()),
            false => Poll::Pending,
        }
    }
}

async fn ingest(events: &Events, well: bool) {
    let mut event = events.start("mqtt", "light", "light.living_room");
    Later::default().await;
    if !well {
        event.fail();
    }
}

/// Seed 2's async context manager: times an operation and sees whether it failed.
#[test]
fn an_operation_with_waits_in_it_is_one_event_with_its_outcome() {
    let events = Events::new(&Registry::new()).unwrap();
    let mut context = Context::from_waker(Waker::noop());
    for well in [true, false] {
        let mut future = pin!(ingest(&events, well));
        assert!(future.as_mut().poll(&mut context).is_pending());
        assert!(future.as_mut().poll(&mut context).is_ready());
    }
    let summary = events.summary();
    assert_eq!((summary.total, summary.failures, summary.timed), (2, 1, 2));
}

/// Seed 0's "Copyable, Movable", seed 2's "data structures": what comes out is a plain value.
#[test]
fn answers_are_plain_values() {
    fn plain<T: Clone + Debug + PartialEq + Send + Sync + 'static>() {}
    plain::<(StageMetrics, QueryProfile, QueryRunRecord, CacheMetrics, IoMetrics)>();
    plain::<(OperationCount, EventMetrics, ErrorCount, RetryCount, BreakerStatus)>();
    plain::<(ConnectionStatus, ComponentHealth, ResourceMetrics, ResourceSample, ServiceSample)>();
    fn movable<T: Clone + Debug + Send + Sync + 'static>() {}
    movable::<ComprehensiveMetrics>();
}

/// Seed 1: "thread-safe for asyncio usage"; here for threads as well.
#[test]
fn every_instrument_can_be_shared_between_threads_and_tasks() {
    fn shared<T: Clone + Send + Sync + 'static>() {}
    shared::<(Stages, Queries, Caches, Io, Timeline, Events)>();
    shared::<(Errors, Retries, CircuitBreakers, ConnectionStates, Health, Resources)>();
    shared::<ServiceMetrics>();
    fn kept_over_an_await<T: Send>(_: T) {}
    let registry = Registry::new();
    let (events, stages) = (Events::new(&registry).unwrap(), Stages::new(&registry).unwrap());
    kept_over_an_await(events.start("a", "b", "c"));
    kept_over_an_await(stages.start("fetch"));
    kept_over_an_await(Queries::new(&registry).unwrap().begin("q"));
}

/// Seed 1: "zero overhead when not used (lazy initialization)".
#[test]
fn nothing_exists_before_it_is_asked_for() {
    let registry = Registry::new();
    assert!(registry.snapshot().families.is_empty());
    let stages = Stages::new(&registry).unwrap();
    assert!(registry.snapshot().families.is_empty(), "a stage begins with its first record");
    stages.record_stage("fetch", ms(1), false);
    let snapshot = registry.snapshot();
    assert_eq!(snapshot.family("stage_duration_seconds").unwrap().series.len(), 1);
    assert!(snapshot.family("cache_hits_total").is_none());
}
