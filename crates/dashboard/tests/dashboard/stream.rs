//! The stream of updates.

use std::time::Duration;

use serde_json::Value;
use tokio_tungstenite::tungstenite::Error;

use crate::served::Served;

const SEED_FIELDS: [&str; 6] =
    ["timestamp", "request_rate", "error_rate", "latency_p99", "memory_usage", "cpu_usage"];

fn past(hello: &Value) -> &Vec<Value> {
    hello["history"].as_array().unwrap()
}

#[tokio::test]
async fn a_viewer_gets_the_past_and_then_each_update() {
    let served = Served::new("checkout <script>");
    for _ in 0..3 {
        served.tick();
    }
    let mut viewer = served.view().await.unwrap();
    let hello = viewer.next().await.unwrap();
    assert_eq!(hello["service"], "checkout <script>");
    assert_eq!(hello["host"], "web-1");
    assert_eq!(hello["tick_ms"], 1000);
    assert_eq!(hello["pid"], std::process::id());
    assert_eq!(past(&hello).len(), 3);

    for total in 1..4 {
        served.metrics.record_request(Duration::from_micros(1500), total != 2);
        served.tick();
        let update = viewer.next().await.unwrap();
        assert_eq!(update["requests"], total);
        for field in SEED_FIELDS {
            assert!(update[field].is_number(), "{field}");
            assert!(past(&hello)[0][field].is_number(), "{field}");
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
async fn the_past_is_bounded_and_ends_with_the_latest() {
    let served = Served::new("checkout");
    let few = served.dashboard.memory_bytes();
    for n in 0..500 {
        served.metrics.record_request(Duration::from_micros(n), true);
        served.tick();
    }
    assert_eq!(served.dashboard.memory_bytes(), few);
    assert!(few < 50_000, "{few}");
    let hello = served.view().await.unwrap().next().await.unwrap();
    assert_eq!(past(&hello).len(), 120);
    assert_eq!(past(&hello)[119]["requests"], 500);
    assert_eq!(past(&hello)[0]["requests"], 381);
    served.stop().await;
}

#[tokio::test]
async fn a_slow_viewer_gets_the_latest_and_never_a_queue() {
    let served = Served::new("checkout");
    let mut viewer = served.view().await.unwrap();
    viewer.next().await.unwrap();
    // the runtime has one thread, which serves nobody meanwhile
    for _ in 0..1000 {
        served.metrics.record_request(Duration::from_micros(10), true);
        served.tick();
    }
    assert_eq!(viewer.next().await.unwrap()["requests"], 1000);
    served.tick();
    assert_eq!(viewer.next().await.unwrap()["requests"], 1000);
    served.stop().await;
}

#[tokio::test]
async fn viewers_share_each_update_and_one_too_many_is_refused() {
    let served = Served::new("checkout");
    let mut viewers = Vec::new();
    for _ in 0..32 {
        let mut viewer = served.view().await.unwrap();
        viewer.next().await.unwrap();
        viewers.push(viewer);
    }
    match served.view().await {
        Err(Error::Http(answer)) => assert_eq!(answer.status(), 503),
        other => panic!("{:?}", other.map(|_| "a stream")),
    }
    served.tick();
    let mut stamps = Vec::new();
    for viewer in &mut viewers {
        stamps.push(viewer.next().await.unwrap()["timestamp"].as_u64().unwrap());
    }
    stamps.dedup();
    assert_eq!(stamps.len(), 1);
    served.stop().await;
}

#[tokio::test]
async fn a_viewer_that_left_makes_room_and_a_stop_ends_those_that_stay() {
    let served = Served::new("checkout");
    drop(served.view().await.unwrap());
    let mut viewer = served.view().await.unwrap();
    viewer.next().await.unwrap();
    served.stop().await;
    assert_eq!(viewer.next().await, None);
}
