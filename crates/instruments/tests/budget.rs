//! A hundred stages, a hundred caches and a thousand query shapes, within a budget of bytes.

use perf_monitor_core::Registry;
use perf_monitor_instruments::{Caches, Queries, Stages, Timeline};
use std::time::Duration;

/// What the instruments get of a monitor's 8 MB.
const ROOMY: usize = 4_400_000;

const STAGES: u64 = 100;
const CACHES: u64 = 100;
const SHAPES: u64 = 1_000;
const ROUNDS: u64 = 3;

/// Durations spread over four powers of ten, as those of a service are.
fn duration(n: u64) -> Duration {
    Duration::from_micros(50 * 10_u64.pow((n % 4) as u32) + n)
}

fn shape(n: u64) -> String {
    format!("SELECT id, name FROM table_{n} WHERE owner = ? AND state IN (?)")
}

struct Filled {
    registry: Registry,
    stages: Stages,
    caches: Caches,
    queries: Queries,
}

fn fill(registry: Registry) -> Filled {
    let stages = Stages::new(&registry).unwrap();
    let caches = Caches::new(&registry).unwrap();
    let queries = Queries::new(&registry).unwrap();
    for round in 0..ROUNDS {
        for n in 0..STAGES {
            stages.record_stage(&format!("stage {n}"), duration(n + round), n % 2 == 0);
        }
        for n in 0..CACHES {
            let cache = caches.cache(&format!("cache {n}"));
            cache.hits(n);
            cache.miss();
            cache.set_size(n);
        }
        for n in 0..SHAPES {
            let times = [n, n + 1, n + round].map(duration);
            queries.record_detailed_query_execution(&shape(n), times[0], times[1], times[2]);
        }
    }
    Filled { registry, stages, caches, queries }
}

/// What was recorded is what is told, wherever it found room.
fn check_totals(Filled { registry, stages, caches, queries }: &Filled) {
    let stages = stages.summary();
    assert_eq!(stages.iter().map(|stage| stage.count).sum::<u64>(), ROUNDS * STAGES);
    assert_eq!(stages.iter().map(|stage| stage.errors).sum::<u64>(), ROUNDS * STAGES / 2);
    let took: Duration = (0..ROUNDS).flat_map(|r| (0..STAGES).map(move |n| duration(n + r))).sum();
    assert_eq!(stages.iter().map(|stage| stage.total).sum::<Duration>(), took);

    let caches = caches.summary();
    let hits: u64 = (0..CACHES).sum::<u64>() * ROUNDS;
    assert_eq!(caches.iter().map(|cache| cache.hits).sum::<u64>(), hits);
    assert_eq!(caches.iter().map(|cache| cache.misses).sum::<u64>(), ROUNDS * CACHES);

    let queries = queries.summary();
    let runs = (0..ROUNDS).flat_map(|r| (0..SHAPES).map(move |n| [n, n + 1, n + r].map(duration)));
    assert_eq!(queries.iter().map(|query| query.executions).sum::<u64>(), ROUNDS * SHAPES);
    let took: Duration = runs.flatten().sum();
    assert_eq!(queries.iter().map(|query| query.total).sum::<Duration>(), took);

    let stats = registry.stats();
    assert!(stats.charged_bytes <= stats.budget_bytes, "{stats:?}");
}

#[test]
fn what_does_not_fit_the_default_budget_is_in_overflow_and_counted() {
    let filled = fill(Registry::new());
    check_totals(&filled);
    let (caches, queries) = (filled.caches.summary(), filled.queries.summary());
    assert_eq!(filled.stages.summary().len(), 100, "they came first");
    assert!(caches.len() > 30, "{} caches found room", caches.len());
    assert!(queries.last().unwrap().overflow);
    let left_out = STAGES + CACHES + SHAPES - (100 + caches.len() + queries.len()) as u64;
    assert!(filled.registry.stats().refused_series >= left_out);
}

#[test]
fn all_of_them_fit_what_a_monitor_of_8_mb_has_for_them() {
    let filled = fill(Registry::builder().budget_bytes(ROOMY).build());
    check_totals(&filled);
    let stats = filled.registry.stats();
    assert_eq!((stats.refused_series, stats.coarse_records), (0, 0), "{stats:?}");
    let Filled { stages, caches, queries, .. } = filled;
    assert_eq!((stages.summary().len(), caches.summary().len()), (100, 100));
    assert_eq!(queries.summary().len(), 1_000);
    assert!(caches.summary().iter().all(|cache| cache.size_bytes.is_some()));
}

#[test]
fn a_budget_of_nothing_loses_nothing() {
    let filled = fill(Registry::builder().budget_bytes(0).build());
    let Filled { stages, caches, queries, registry } = filled;
    assert_eq!(
        (stages.summary().len(), caches.summary().len(), queries.summary().len()),
        (1, 1, 1)
    );
    let stage = &stages.summary()[0];
    assert_eq!((stage.count, stage.errors), (ROUNDS * STAGES, ROUNDS * STAGES / 2));
    assert_eq!(stage.min, Some(duration(0)));
    assert_eq!(queries.summary()[0].executions, ROUNDS * SHAPES);
    assert!(queries.summary()[0].parse_time < queries.summary()[0].avg_total);
    let timeline = Timeline::new(&registry).unwrap();
    timeline.record("commit");
    assert_eq!((timeline.summary()[0].overflow, timeline.summary()[0].count), (true, 1));
}

#[test]
fn a_cap_on_series_puts_the_names_beyond_it_into_overflow() {
    let filled = fill(Registry::builder().budget_bytes(ROOMY).series_per_family(20).build());
    check_totals(&filled);
    let Filled { stages, caches, queries, .. } = filled;
    assert_eq!((stages.summary().len(), caches.summary().len()), (21, 21));
    assert_eq!(queries.summary().len(), 21);
    let recent = queries.recent();
    assert!(recent.len() == 100 && recent.iter().all(|run| run.query == "overflow"));
}

#[test]
fn names_that_threads_begin_at_once_stay_within_the_budget() {
    let registry = Registry::builder().budget_bytes(60_000).build();
    let stages = Stages::new(&registry).unwrap();
    std::thread::scope(|scope| {
        for thread in 0..8 {
            let stages = stages.clone();
            scope.spawn(move || {
                for n in 0..100 {
                    let name = format!("stage {}", (n + thread) % 100);
                    stages.record_stage(&name, duration(0), false);
                }
            });
        }
    });
    let summary = stages.summary();
    assert_eq!(summary.iter().map(|stage| stage.count).sum::<u64>(), 800);
    let stats = registry.stats();
    assert!(stats.charged_bytes <= 60_000 + OVERFLOW_SERIES, "{stats:?}");
}

/// The overflow series of a histogram and of a counter, which are outside of the budget.
const OVERFLOW_SERIES: usize = 8_000;
