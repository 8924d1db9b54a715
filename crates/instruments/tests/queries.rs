//! Queries in one call, phase by phase and by run, against plain sums.

use perf_monitor_core::{Clock, Registry, Value};
use perf_monitor_instruments::{Phase, Queries, QueryOptions, QueryProfile};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

fn queries() -> Queries {
    Queries::new(&Registry::new()).unwrap()
}

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

fn ns(ns: u64) -> Duration {
    Duration::from_nanos(ns)
}

/// The slow model of a query: nanoseconds in each phase, run by run.
type Runs = Vec<[u64; 3]>;

fn check(runs: &Runs, profile: &QueryProfile) {
    let count = runs.len() as u64;
    let mean = |phase: usize| Some(ns(runs.iter().map(|run| run[phase]).sum::<u64>() / count));
    let totals: Vec<u64> = runs.iter().map(|run| run.iter().sum()).collect();
    assert_eq!((profile.executions, profile.errors), (count, 0));
    assert_eq!(
        [profile.parse_time, profile.optimize_time, profile.execute_time],
        [0, 1, 2].map(mean)
    );
    assert_eq!(profile.total, ns(totals.iter().sum()));
    assert_eq!(profile.avg_total, Some(ns(totals.iter().sum::<u64>() / count)));
    assert_eq!(profile.max, totals.iter().max().copied().map(ns));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn running_averages_agree_with_plain_sums(
        runs in prop::collection::vec((0..4_usize, prop::array::uniform3(0..1_000_000_000_000_u64)), 1..150)
    ) {
        let queries = queries();
        let mut models = BTreeMap::<String, Runs>::new();
        for (index, (query, phases)) in runs.iter().enumerate() {
            let name = format!("SELECT a FROM table_{query} WHERE id = ?");
            let [parse, optimize, execute] = phases.map(ns);
            match index % 2 {
                0 => queries.record_detailed_query_execution(&name, parse, optimize, execute),
                _ => queries.query(&name).record(parse, optimize, execute),
            }
            models.entry(name).or_default().push(*phases);
        }
        let summary = queries.summary();
        prop_assert_eq!(summary.len(), models.len());
        for ((name, runs), profile) in models.iter().zip(&summary) {
            prop_assert_eq!(name, &profile.query);
            check(runs, profile);
        }
        let recent: Vec<_> = queries.recent().into_iter().map(|run| run.total).collect();
        let all: Vec<_> = runs.iter().map(|(_, phases)| ns(phases.iter().sum())).collect();
        prop_assert_eq!(&recent[..], &all[all.len().saturating_sub(100)..]);
    }
}

#[test]
fn a_query_without_runs_has_no_times() {
    let profile = queries().query("a").profile();
    assert_eq!((profile.executions, profile.parse_time, profile.avg_total), (0, None, None));
    assert_eq!((profile.max, profile.p50, profile.p999), (None, None, None));
}

#[test]
fn phases_by_themselves_go_into_the_averages_of_runs_by_themselves() {
    let query = queries().query("a");
    for time in [10, 30] {
        query.record_phase(Phase::Execute, ms(time));
        query.record_total(ms(time + 5), false);
    }
    let profile = query.profile();
    assert_eq!((profile.executions, profile.execute_time), (2, Some(ms(20))));
    assert_eq!((profile.avg_total, profile.parse_time), (Some(ms(25)), None));
}

#[test]
fn a_phase_that_took_no_time_is_known() {
    let query = queries().query("a");
    query.record(Duration::ZERO, ms(1), ms(2));
    assert_eq!(query.profile().parse_time, Some(Duration::ZERO));
}

#[test]
fn a_run_records_its_phases_and_its_total_when_it_ends() {
    let queries = queries();
    let mut run = queries.begin("a");
    run.phase(Phase::Parse);
    run.phase(Phase::Execute);
    run.phase(Phase::Parse);
    run.end_phase();
    drop(run);
    let recent = queries.recent();
    let run = &recent[0];
    assert_eq!((recent.len(), run.query.as_str(), run.failed), (1, "a", false));
    assert!(run.parse.unwrap() + run.execute.unwrap() <= run.total, "{run:?}");
    assert_eq!(run.optimize, None);
    assert_eq!(queries.summary()[0].optimize_time, None);
}

#[test]
fn a_run_that_failed_or_panicked_is_an_error_and_a_discarded_one_is_nothing() {
    let queries = queries();
    let query = queries.query("a");
    query.begin().fail();
    query.begin().discard();
    let result = catch_unwind(AssertUnwindSafe(|| {
        let mut run = query.begin();
        run.phase(Phase::Execute);
        std::panic::resume_unwind(Box::new("broken"));
    }));
    assert!(result.is_err());
    query.record_total(ms(1), true);
    assert_eq!((query.profile().executions, query.profile().errors), (3, 3));
    assert!(queries.recent().iter().all(|run| run.failed));
}

#[test]
fn switched_off_nothing_is_recorded_by_any_handle() {
    let registry = Registry::new();
    let queries = Queries::new(&registry).unwrap();
    let query = queries.query("a");
    let running = query.begin();
    Queries::new(&registry).unwrap().set_enabled(false);
    drop(running);
    drop(query.begin());
    query.record(ms(1), ms(1), ms(1));
    query.record_phase(Phase::Parse, ms(1));
    query.record_total(ms(1), true);
    queries.record_detailed_query_execution("a", ms(1), ms(1), ms(1));
    assert_eq!((query.profile().executions, query.profile().errors), (0, 0));
    assert_eq!((query.profile().parse_time, queries.recent().len()), (None, 0));
    queries.set_enabled(true);
    drop(query.begin());
    assert_eq!(query.profile().executions, 1);
}

#[test]
fn the_history_keeps_the_last_runs_newest_last() {
    let (clock, hand) = Clock::fake();
    let registry = Registry::builder().clock(clock.clone()).build();
    let queries = Queries::with_options(&registry, QueryOptions::default().history(3)).unwrap();
    for n in 0..5 {
        hand.advance(ms(1));
        queries.query(["even", "odd"][n as usize % 2]).record_total(ms(n), n == 4);
    }
    let recent = queries.recent();
    let seen: Vec<_> =
        recent.iter().map(|run| (run.query.as_str(), run.total, run.failed)).collect();
    assert_eq!(seen, [("even", ms(2), false), ("odd", ms(3), false), ("even", ms(4), true)]);
    assert_eq!(recent[2].ended_unix_ns, clock.unix_ns());
}

#[test]
fn the_first_options_of_a_registry_win() {
    let registry = Registry::new();
    let options = QueryOptions::default();
    assert_eq!(Queries::with_options(&registry, options.history(0)).unwrap().history(), 0);
    let queries = Queries::with_options(&registry, options.history(50)).unwrap();
    queries.record_detailed_query_execution("a", ms(1), ms(1), ms(1));
    assert_eq!((queries.history(), queries.recent().len()), (0, 0));
    let refused = Queries::with_options(&Registry::new(), options.digits(4));
    assert!(refused.unwrap_err().is_options());
}

#[test]
fn a_history_without_room_is_shorter() {
    let registry = Registry::builder().budget_bytes(30_000).build();
    let queries = Queries::with_options(&registry, QueryOptions::default().history(4_000)).unwrap();
    assert!((100..4_000).contains(&queries.history()), "{}", queries.history());
    assert!(registry.stats().charged_bytes <= 30_000);
}

#[test]
fn threads_lose_nothing() {
    let queries = queries();
    std::thread::scope(|scope| {
        for _ in 0..8 {
            let queries = queries.clone();
            scope.spawn(move || {
                let kept = queries.query("kept");
                for n in 0..2_000 {
                    kept.record(ns(1), ns(2), ns(n % 5));
                    queries.record_detailed_query_execution("named", ns(3), ns(4), ns(5));
                }
            });
        }
    });
    let summary = queries.summary();
    assert_eq!(summary.iter().map(|profile| profile.executions).collect::<Vec<_>>(), [16_000; 2]);
    assert_eq!(summary[0].total, ns(16_000 * 5));
    assert_eq!((summary[1].parse_time, summary[1].execute_time), (Some(ns(3)), Some(ns(5))));
    assert!(queries.recent().len() <= 100);
    for run in queries.recent() {
        let parse = if run.query == "named" { 3 } else { 1 };
        assert_eq!(run.parse, Some(ns(parse)), "records of two runs are mixed: {run:?}");
    }
}

#[test]
fn queries_are_metrics_of_their_registry() {
    let registry = Registry::new();
    let queries = Queries::new(&registry).unwrap();
    queries.record_detailed_query_execution("a", ms(1), ms(2), ms(3));
    queries.query("a").record_total(ms(6), true);
    let snapshot = registry.snapshot();
    let counter = |name, labels: &[(&str, &str)]| match snapshot.value(name, labels) {
        Some(Value::Counter(n)) => n,
        other => panic!("{name}: {other:?}"),
    };
    assert_eq!(counter("query_parse_seconds_total", &[("query", "a")]), 1_000_000);
    assert_eq!(counter("query_optimize_seconds_total", &[("query", "a")]), 2_000_000);
    assert_eq!(counter("query_execute_seconds_total", &[("query", "a")]), 3_000_000);
    assert_eq!(counter("query_errors_total", &[("query", "a")]), 1);
    for (name, labels, count, sum) in [
        ("query_duration_seconds", ("query", "a"), 2, 12_000_000),
        ("query_phase_duration_seconds", ("phase", "execute"), 1, 3_000_000),
    ] {
        let value = snapshot.value(name, &[labels]);
        let Some(Value::Histogram(found)) = value else { panic!("{name}: {value:?}") };
        assert_eq!((found.count, found.sum), (count, sum), "{name}");
    }
}
