//! A runtime's own counters as metrics.

use std::time::Duration;

use perf_monitor_bridges::tokio::TokioMetrics;
use perf_monitor_core::{Clock, Kind, Registry, Value};
use tokio::runtime::{Builder, Runtime};

fn runtime(workers: usize) -> Runtime {
    Builder::new_multi_thread().worker_threads(workers).build().unwrap()
}

fn number(registry: &Registry, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
    match registry.snapshot().value(name, labels)? {
        Value::Gauge(x) => Some(x),
        Value::Counter(n) => Some(n as f64),
        other => panic!("{name} is {other:?}"),
    }
}

#[test]
fn each_worker_has_its_figures() {
    let (runtime, registry) = (runtime(2), Registry::new());
    let mut metrics = TokioMetrics::new(runtime.handle(), &registry).unwrap();
    metrics.collect();
    assert_eq!(number(&registry, "tokio_workers", &[]), Some(2.0));
    for worker in ["0", "1"] {
        for name in ["tokio_worker_busy_seconds_total", "tokio_worker_parks_total"] {
            assert!(number(&registry, name, &[("worker", worker)]).is_some(), "{name}");
        }
        let parked = number(&registry, "tokio_worker_parked", &[("worker", worker)]).unwrap();
        assert!(parked == 0.0 || parked == 1.0);
    }
}

#[test]
fn tasks_that_have_not_ended_are_alive() {
    let (runtime, registry) = (runtime(1), Registry::new());
    let mut metrics = TokioMetrics::new(runtime.handle(), &registry).unwrap();
    let (end, ended) = tokio::sync::oneshot::channel::<()>();
    let task = runtime.spawn(ended);
    metrics.collect();
    assert_eq!(number(&registry, "tokio_alive_tasks", &[]), Some(1.0));
    end.send(()).unwrap();
    runtime.block_on(task).unwrap().unwrap();
    drop(runtime);
    metrics.collect();
    assert_eq!(number(&registry, "tokio_alive_tasks", &[]), Some(0.0));
}

#[test]
fn what_is_ready_while_nobody_runs_it_is_the_depth_of_the_queue() {
    let runtime = Builder::new_current_thread().build().unwrap();
    let registry = Registry::new();
    let mut metrics = TokioMetrics::new(runtime.handle(), &registry).unwrap();
    let tasks: Vec<_> = (0..3).map(|_| runtime.spawn(async {})).collect();
    metrics.collect();
    assert_eq!(number(&registry, "tokio_global_queue_depth", &[]), Some(3.0));
    runtime.block_on(async {
        for task in tasks {
            task.await.unwrap();
        }
    });
    metrics.collect();
    assert_eq!(number(&registry, "tokio_global_queue_depth", &[]), Some(0.0));
}

#[test]
fn the_busy_ratio_is_unknown_until_time_has_passed() {
    let (clock, hand) = Clock::fake();
    let registry = Registry::builder().clock(clock).build();
    let runtime = Builder::new_current_thread().build().unwrap();
    let mut metrics = TokioMetrics::new(runtime.handle(), &registry).unwrap();
    let ratio = || number(&registry, "tokio_worker_busy_ratio", &[("worker", "0")]);
    metrics.collect();
    assert_eq!(ratio(), None, "there is nothing to compare with");
    metrics.collect();
    assert_eq!(ratio(), None, "no time has passed");
    hand.advance(Duration::from_secs(3_600));
    runtime.block_on(async { tokio::task::yield_now().await });
    metrics.collect();
    assert!((0.0..0.5).contains(&ratio().unwrap()));
}

#[test]
fn totals_go_up_and_stay_after_the_runtime_is_gone() {
    let (runtime, registry) = (runtime(1), Registry::new());
    let mut metrics = TokioMetrics::new(runtime.handle(), &registry).unwrap();
    let parks = || number(&registry, "tokio_worker_parks_total", &[("worker", "0")]).unwrap();
    for _ in 0..10 {
        runtime.block_on(runtime.spawn(async {})).unwrap();
    }
    metrics.collect();
    let before = parks();
    drop(runtime);
    metrics.collect();
    assert!(parks() >= before);
    metrics.collect();
    let kinds = registry.snapshot();
    assert_eq!(kinds.family("tokio_worker_parks_total").unwrap().info.kind, Kind::Counter);
}

#[test]
fn runtimes_of_one_registry_add_up() {
    let (first, second, registry) = (runtime(2), runtime(1), Registry::new());
    let workers = || number(&registry, "tokio_workers", &[]);
    let mut of_first = TokioMetrics::new(first.handle(), &registry).unwrap();
    let mut of_second = TokioMetrics::new(second.handle(), &registry).unwrap();
    for _ in 0..3 {
        of_first.collect();
        of_second.collect();
    }
    assert_eq!(workers(), Some(3.0));
    let snapshot = registry.snapshot();
    let named = &snapshot.family("tokio_worker_parks_total").unwrap().series;
    assert_eq!(named.len(), 3, "workers are numbered on");
    drop(of_first);
    assert_eq!(workers(), Some(1.0));
}
