//! A forked child has the parent's numbers, but no monitor until it starts one.
#![cfg(unix)]

mod support;

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use perf_monitor::{PerformanceMonitor, Registry};
use support::{PATIENCE, get, scraped, wait_for};

const FREE: ([u8; 4], u16) = ([127, 0, 0, 1], 0);

fn start(registry: &Registry) -> PerformanceMonitor {
    let builder = PerformanceMonitor::builder("fork").registry(registry.clone());
    builder.listen(FREE).tick(Duration::from_millis(10)).start().unwrap()
}

/// Runs `child` in a forked child; whether it returned.
fn survives(child: impl FnOnce()) -> bool {
    let (mut mine, mut its) = UnixStream::pair().unwrap();
    mine.set_read_timeout(Some(PATIENCE)).unwrap();
    // SAFETY: this test's process has no thread that holds a lock which the child takes: the
    // monitor's own are what is tested, the allocator's is kept usable by the C library.
    let pid = unsafe { libc::fork() };
    assert_ne!(pid, -1);
    if pid == 0 {
        let done = catch_unwind(AssertUnwindSafe(child)).is_ok();
        let _ = its.write_all(&[u8::from(done)]);
        // SAFETY: ends the child here, before anything of the test harness runs in it.
        unsafe { libc::_exit(0) }
    }
    drop(its);
    let mut answer = [0];
    let survived = mine.read_exact(&mut answer).is_ok() && answer == [1];
    // SAFETY: `pid` is our child, which nobody else has waited for.
    unsafe {
        libc::kill(pid, libc::SIGKILL);
        libc::waitpid(pid, std::ptr::null_mut(), 0);
    }
    survived
}

#[test]
fn a_child_records_drops_the_parent_s_monitor_and_starts_its_own() {
    let registry = Registry::new();
    let monitor = start(&registry);
    let success = "requests_total{outcome=\"success\"}";
    monitor.metrics().record_request(Duration::from_millis(1), true);
    wait_for(&monitor, "perf_monitor_tick_seconds_count", |n| n >= 1.0);
    let mut monitor = Some(monitor);
    for _ in 0..20 {
        assert!(survives(|| {
            // the child's copy: the parent keeps its own
            let inherited = monitor.take().unwrap();
            let before = registry.window().ticks;
            inherited.metrics().record_request(Duration::from_millis(1), true);
            let begun = Instant::now();
            drop(inherited);
            assert!(begun.elapsed() < Duration::from_secs(1));
            let own = start(&registry);
            assert_eq!(scraped(&own, success), 2.0);
            wait_for(&own, success, |_| registry.window().ticks >= before + 3);
        }));
    }
    let monitor = monitor.unwrap();
    assert_eq!(scraped(&monitor, success), 1.0, "the child's records are its own");
    assert_eq!(get(&monitor, "/healthz").status, 200);
}
