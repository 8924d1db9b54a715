//! Stages by name, by handle and by guard, against plain sums.

use perf_monitor_core::{OwnedValue, Registry};
use perf_monitor_instruments::{StageMetrics, Stages};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

fn stages() -> Stages {
    Stages::new(&Registry::new()).unwrap()
}

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// The slow model of a stage.
#[derive(Default)]
struct Model {
    runs: Vec<u64>,
    errors: u64,
}

impl Model {
    fn check(mut self, name: &str, stage: &StageMetrics) {
        self.runs.sort_unstable();
        let ns = Duration::from_nanos;
        assert_eq!((stage.name.as_str(), stage.overflow), (name, false));
        assert_eq!((stage.count, stage.errors), (self.runs.len() as u64, self.errors));
        assert_eq!(stage.total, ns(self.runs.iter().sum()));
        assert_eq!(stage.min, self.runs.first().copied().map(ns));
        assert_eq!(stage.max, self.runs.last().copied().map(ns));
        let shares = [
            (0.5, stage.p50),
            (0.9, stage.p90),
            (0.95, stage.p95),
            (0.99, stage.p99),
            (0.999, stage.p999),
        ];
        for (q, found) in shares {
            let rank = (q * self.runs.len() as f64).ceil() as usize;
            let exact = self.runs[rank.max(1) - 1];
            let found = found.unwrap().as_nanos() as u64;
            assert!(exact <= found && found <= exact + exact / 100, "{q}: {exact} is {found}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn stages_agree_with_plain_sums(
        runs in prop::collection::vec((0..4_usize, 0..86_400_000_000_000_u64, any::<bool>()), 1..200)
    ) {
        let stages = stages();
        let names = ["fetch", "process", "write", "a name of more than sixteen bytes"];
        let mut models = BTreeMap::<&str, Model>::new();
        for (index, (name, ns, error)) in runs.into_iter().enumerate() {
            let (name, duration) = (names[name], Duration::from_nanos(ns));
            match index % 2 {
                0 => stages.record_stage(name, duration, error),
                _ => stages.stage(name).record(duration, error),
            }
            let model = models.entry(name).or_default();
            model.runs.push(ns);
            model.errors += u64::from(error);
        }
        let summary = stages.summary();
        prop_assert_eq!(summary.len(), models.len());
        for ((name, model), stage) in models.into_iter().zip(&summary) {
            model.check(name, stage);
        }
    }
}

#[test]
fn avg_and_throughput_are_the_seed_s() {
    let stages = stages();
    for _ in 0..1_000 {
        stages.record_stage("fetch", ms(50), false);
    }
    let fetch = &stages.summary()[0];
    assert_eq!((fetch.avg(), fetch.throughput_per_s()), (Some(ms(50)), 20.0));
}

#[test]
fn a_stage_that_never_ran_has_no_durations() {
    let fetch = stages().stage("fetch").metrics();
    assert_eq!((fetch.count, fetch.throughput_per_s()), (0, 0.0));
    assert_eq!((fetch.min, fetch.max, fetch.avg(), fetch.p99), (None, None, None, None));
}

#[test]
fn a_run_that_took_no_time_has_no_throughput_but_a_minimum() {
    let stages = stages();
    stages.record_stage("fetch", Duration::ZERO, false);
    let fetch = &stages.summary()[0];
    assert_eq!((fetch.throughput_per_s(), fetch.min), (0.0, Some(Duration::ZERO)));
}

#[test]
fn more_than_a_day_is_recorded_as_a_day() {
    let stages = stages();
    stages.record_stage("fetch", Duration::MAX, false);
    assert_eq!(stages.summary()[0].max, Some(Duration::from_secs(86_400)));
}

#[test]
fn a_guard_records_one_run_when_it_ends() {
    let stages = stages();
    let fetch = stages.stage("fetch");
    drop(fetch.start());
    drop(stages.start("fetch"));
    let metrics = fetch.metrics();
    assert_eq!((metrics.count, metrics.errors), (2, 0));
    assert!(metrics.min <= metrics.max);
}

#[test]
fn a_guard_that_failed_is_an_error_and_a_discarded_one_is_nothing() {
    let fetch = stages().stage("fetch");
    let mut run = fetch.start();
    run.fail();
    drop(run);
    fetch.start().failed();
    fetch.start().discard();
    let metrics = fetch.metrics();
    assert_eq!((metrics.count, metrics.errors), (2, 2));
}

#[test]
fn a_panic_in_a_run_is_an_error_and_goes_on() {
    let fetch = stages().stage("fetch");
    let result = catch_unwind(AssertUnwindSafe(|| {
        let _run = fetch.start();
        std::panic::resume_unwind(Box::new("broken"));
    }));
    assert!(result.is_err());
    let metrics = fetch.metrics();
    assert_eq!((metrics.count, metrics.errors), (1, 1));
}

#[test]
fn a_run_inside_of_a_destructor_during_a_panic_is_no_error() {
    struct CleansUp(Stages);
    impl Drop for CleansUp {
        fn drop(&mut self) {
            drop(self.0.start("clean up"));
        }
    }
    let stages = stages();
    let cleans = CleansUp(stages.clone());
    let result = catch_unwind(AssertUnwindSafe(|| {
        let _cleans = cleans;
        std::panic::resume_unwind(Box::new("broken"));
    }));
    assert!(result.is_err());
    assert_eq!((stages.summary()[0].count, stages.summary()[0].errors), (1, 0));
}

#[test]
fn threads_lose_nothing() {
    let stages = stages();
    std::thread::scope(|scope| {
        for thread in 0..8_u64 {
            let stages = stages.clone();
            scope.spawn(move || {
                for n in 0..5_000 {
                    let error = n % 10 == 0;
                    stages.record_stage(["a", "b"][n % 2], Duration::from_nanos(thread + 7), error);
                }
            });
        }
    });
    let summary = stages.summary();
    assert_eq!(summary.iter().map(|stage| stage.count).sum::<u64>(), 40_000);
    assert_eq!(summary.iter().map(|stage| stage.errors).sum::<u64>(), 4_000);
    for stage in summary {
        assert_eq!(stage.total, Duration::from_nanos(20_000 * 7 + 2_500 * 28));
        let ns = Duration::from_nanos;
        assert_eq!((stage.min, stage.max), (Some(ns(7)), Some(ns(14))));
    }
}

#[test]
fn everybody_who_asks_a_registry_has_the_same_stages() {
    let registry = Registry::new();
    Stages::new(&registry).unwrap().record_stage("fetch", ms(1), false);
    Stages::new(&registry).unwrap().record_stage("fetch", ms(1), true);
    assert_eq!(Stages::new(&registry).unwrap().summary()[0].count, 2);
}

#[test]
fn stages_are_metrics_of_their_registry() {
    let registry = Registry::new();
    Stages::new(&registry).unwrap().record_stage("fetch", ms(50), true);
    let snapshot = registry.snapshot();
    let family = snapshot.family("stage_duration_seconds").unwrap();
    let OwnedValue::Histogram(durations) = &family.series[0].value else { panic!("{family:?}") };
    assert_eq!((durations.count, durations.sum), (1, 50_000_000));
    let errors = snapshot.value("stage_errors_total", &[("stage", "fetch")]);
    assert!(matches!(errors, Some(perf_monitor_core::Value::Counter(1))));
}

#[test]
fn a_name_that_is_taken_by_another_kind_is_an_error_that_says_so() {
    let registry = Registry::new();
    registry.gauge(("stage_duration_seconds", "")).unwrap();
    assert!(Stages::new(&registry).unwrap_err().is_clash());
}
