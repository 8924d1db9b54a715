//! What a manager says that it takes on the heap is what it takes.

use std::alloc::{GlobalAlloc, Layout, System};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicIsize, Ordering::Relaxed};
use std::time::Duration;

use perf_monitor_alerting::{AlertManager, Attempt, Metrics, Notification, Route, notify_fn};
use perf_monitor_core::Clock;
use perf_monitor_history::{Labels, MemoryHistory, Options};

/// The system's allocator, with account of what is live.
struct Counting;

static LIVE: AtomicIsize = AtomicIsize::new(0);

// SAFETY: every call is handed to `System` unchanged; counting touches no memory but a static.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        LIVE.fetch_add(layout.size() as isize, Relaxed);
        // SAFETY: the caller keeps `GlobalAlloc`'s contract, which is `System`'s.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        LIVE.fetch_sub(layout.size() as isize, Relaxed);
        // SAFETY: as above; `block` came from `System` through this allocator.
        unsafe { System.dealloc(block, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// When the fake clock begins, in milliseconds.
const EPOCH_MS: i64 = 1_000_000_000_000;

fn rule_file(rules: usize) -> String {
    let rule = |n| {
        format!(
            "  - alert: SlowRoute{n}\n    expr: depth{{route=\"/route/{n}\"}} > 5\n    labels: \
             {{severity: warning}}\n    annotations:\n      summary: \"Route {n} is {{{{ $value \
             }}}} deep\"\n      perf_monitor_flapping: \"off\"\n"
        )
    };
    let rules: String = (0..rules).map(rule).collect();
    format!("groups:\n- name: service\n  rules:\n{rules}")
}

fn place() -> PathBuf {
    let place = std::env::temp_dir().join(format!("pm-alerting-memory-{}", std::process::id()));
    std::fs::create_dir_all(&place).unwrap();
    place
}

/// What a manager says and what is free once it is gone; in each second tick nothing fires.
async fn held(path: &Path, rules: usize, ticks: i64) -> (f64, f64) {
    std::fs::write(path, rule_file(rules)).unwrap();
    let options = Options { bytes: 1_000_000, series: 200, ..Options::default() };
    let history = Arc::new(MemoryHistory::new(options).unwrap());
    let label =
        |n| Labels::new([("__name__", "depth".to_owned()), ("route", format!("/route/{n}"))]);
    let labels: Vec<Labels> = (0..rules).map(label).collect();
    let (clock, hand) = Clock::fake();
    let taken = notify_fn("receiver", async |_: Notification| Attempt::Delivered(String::new()));
    let builder = AlertManager::builder().clock(clock).rule_file(path).history(history.clone());
    let manager = builder.notify(Route::to(taken)).build().unwrap();
    let (close, closed) = tokio::sync::oneshot::channel::<()>();
    let delivering = manager.clone();
    let delivery =
        tokio::spawn(async move { delivering.deliver(async { drop(closed.await) }).await });
    tokio::task::yield_now().await;
    for second in 1..=ticks {
        hand.advance(Duration::from_secs(1));
        let depth = if second % 2 == 0 { 1.0 } else { 9.0 };
        history.record_values(EPOCH_MS + second * 1_000, labels.iter().map(|l| (l, depth)));
        manager.check_alerts(&Metrics::default()).await;
        while !manager.is_idle() {
            tokio::task::yield_now().await;
        }
    }
    let said = manager.stats().bytes as f64;
    let with = LIVE.load(Relaxed);
    drop(close);
    delivery.await.unwrap();
    drop(manager);
    (said, (with - LIVE.load(Relaxed)) as f64)
}

#[tokio::test]
async fn what_it_says_of_its_bytes_is_within_a_tenth_of_what_it_takes() {
    let place = place();
    let path = place.join("rules.yml");
    for (rules, ticks) in [(100, 0), (100, 1), (100, 2), (100, 10), (100, 11), (20, 40)] {
        let (said, takes) = held(&path, rules, ticks).await;
        println!("{rules} rules, {ticks} ticks: {said} B said, {takes} B taken");
        assert!(
            (said / takes - 1.0).abs() < 0.1,
            "{rules} rules, {ticks} ticks: {said} of {takes}"
        );
    }
    std::fs::remove_dir_all(place).unwrap();
}
