//! The service's own runtime is watched and not used.

mod support;

use std::time::Duration;

use perf_monitor::{PerformanceMonitor, Registry};
use support::{get, scraped, wait_for};

#[test]
fn a_runtime_that_is_given_is_seen_also_when_it_hangs() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap();
    let monitor = PerformanceMonitor::builder("test")
        .registry(Registry::new())
        .listen(([127, 0, 0, 1], 0))
        .tick(Duration::from_millis(10))
        .tokio_runtime(runtime.handle().clone())
        .start()
        .unwrap();
    assert_eq!(scraped(&monitor, "tokio_workers"), 2.0);
    let (release, hang) = std::sync::mpsc::channel::<()>();
    let hang = std::sync::Arc::new(std::sync::Mutex::new(hang));
    let tasks: Vec<_> = (0..4)
        .map(|_| {
            let hang = hang.clone();
            runtime.spawn(async move { hang.lock().unwrap().recv().is_err() })
        })
        .collect();
    wait_for(&monitor, "tokio_alive_tasks", |tasks| tasks == 4.0);
    drop(release);
    for task in tasks {
        assert!(runtime.block_on(task).unwrap());
    }
    wait_for(&monitor, "tokio_alive_tasks", |tasks| tasks == 0.0);
    drop(runtime);
    assert_eq!(get(&monitor, "/healthz").status, 200);
}
