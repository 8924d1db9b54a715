//! The stream of updates.

use futures_util::StreamExt;
use serde_json::Value;
use tokio::time::timeout;
use tokio_tungstenite::{connect_async, tungstenite::Message};

use crate::process::{PATIENCE, Running};

#[tokio::test]
async fn updates_come_and_move() {
    let args = ["--listen", "127.0.0.1:0", "--tick", "50ms", "--demo"];
    let agent = Running::start(&args);
    let url = format!("ws://{}/api/updates", agent.address());
    let (mut stream, _) = connect_async(url).await.unwrap();
    let mut next = async || loop {
        let message = timeout(PATIENCE, stream.next()).await.expect("a message").unwrap().unwrap();
        if let Message::Text(text) = message {
            return serde_json::from_str::<Value>(&text).unwrap();
        }
    };
    let mut before = next().await;
    for _ in 0..3 {
        let update = next().await;
        assert!(update["timestamp"].as_u64() > before["timestamp"].as_u64());
        before = update;
    }
    let mut moved = false;
    for _ in 0..200 {
        let update = next().await;
        moved |= update["request_rate"].as_f64().unwrap() > 0.0
            && update["latency_p99"].as_u64().unwrap() > 0
            && update["memory_usage"].as_u64().unwrap() > 0
            && update["network_receive_bytes_per_second"].is_number();
        if moved {
            break;
        }
    }
    assert!(moved, "{before}");
}
