//! The stream of updates as JSON.

use std::time::Duration;

use crate::served::{Heard, Served, Viewer};

const SEED_FIELDS: [&str; 6] =
    ["timestamp", "request_rate", "error_rate", "latency_p99", "memory_usage", "cpu_usage"];

async fn update(viewer: &mut Viewer) -> serde_json::Value {
    match viewer.next().await {
        Some(Heard::Text(update)) => update,
        other => panic!("{other:?}"),
    }
}

/// Waits until the server has the client.
async fn joined(served: &Served, clients: u64) {
    while served.dashboard.stats().clients < clients {
        tokio::task::yield_now().await;
    }
    tokio::task::yield_now().await;
}

#[tokio::test]
async fn a_client_gets_each_update() {
    let served = Served::new("checkout");
    let mut viewer = served.watch("/api/updates").await.unwrap();
    joined(&served, 1).await;
    for total in 1..4 {
        served.metrics.record_request(Duration::from_micros(1500), total != 2);
        served.tick();
        let update = update(&mut viewer).await;
        assert_eq!(update["requests"], total);
        for field in SEED_FIELDS {
            assert!(update[field].is_number(), "{field}");
        }
    }
    served.stop().await;
}

#[tokio::test]
async fn an_update_tells_what_was_recorded() {
    let served = Served::new("checkout");
    served.tick();
    let quiet = served.dashboard.latest().unwrap();
    assert_eq!((quiet.requests, quiet.failures, quiet.latency_p50), (0, 0, None));
    for n in 0..100 {
        let micros = if n < 90 { 1_000 } else { 50_000 };
        served.metrics.record_request(Duration::from_micros(micros), n % 4 != 0);
    }
    served.tick();
    let update = served.dashboard.latest().unwrap();
    assert_eq!((update.requests, update.failures), (100, 25));
    assert!((update.error_rate - 0.25).abs() < 1e-9, "{update:?}");
    assert!(update.request_rate > 0.0, "{update:?}");
    assert!((990..=1010).contains(&update.latency_p50.unwrap()), "{update:?}");
    assert!((49_500..=50_500).contains(&update.latency_p99), "{update:?}");
    served.stop().await;
}

#[tokio::test]
async fn a_slow_client_has_a_hundred_updates_and_misses_the_rest() {
    let served = Served::new("checkout");
    let mut viewer = served.watch("/api/updates").await.unwrap();
    joined(&served, 1).await;
    // the runtime has one thread, which serves nobody meanwhile
    for _ in 0..150 {
        served.metrics.record_request(Duration::from_micros(10), true);
        served.tick();
    }
    assert_eq!(served.dashboard.stats().skipped_frames, 50);
    for total in 1..=100 {
        assert_eq!(update(&mut viewer).await["requests"], total);
    }
    served.tick();
    assert_eq!(update(&mut viewer).await["requests"], 150);
    served.stop().await;
}
