//! The stream: what clients ask for, and the frames that they get.

use perf_monitor_core::{Desc, HistogramOptions, Unit};
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Error;

use crate::decoder::{Decoder, Kind};
use crate::served::{Heard, Served, Viewer};

/// The next message of this type; others and frames are passed over.
async fn next(viewer: &mut Viewer, kind: &str) -> Value {
    loop {
        match viewer.next().await.expect("a stream that goes on") {
            Heard::Text(message) if message["type"] == kind => return message,
            _ => {}
        }
    }
}

/// The next frame.
async fn frame(viewer: &mut Viewer) -> Vec<u8> {
    loop {
        if let Heard::Bytes(bytes) = viewer.next().await.expect("a stream that goes on") {
            return bytes;
        }
    }
}

async fn subscribe(viewer: &mut Viewer, rate: u32, columns: Value) -> Decoder {
    viewer.say(json!({"type": "subscribe", "id": 7, "rate": rate, "columns": columns})).await;
    let said = next(viewer, "subscribed").await;
    assert_eq!((&said["id"], &said["rate"]), (&json!(7), &json!(rate)), "{said}");
    let columns = said["columns"].as_array().unwrap().len();
    Decoder::new(said["schema"].as_u64().unwrap() as u16, columns)
}

fn column(metric: &str, labels: Value, stat: &str) -> Value {
    json!({"metric": metric, "labels": labels, "stat": stat})
}

#[tokio::test]
async fn a_client_is_told_what_the_service_is() {
    let served = Served::new("checkout <script>");
    let mut viewer = served.view().await.unwrap();
    let hello = next(&mut viewer, "hello").await;
    assert_eq!(hello["protocol"], 1);
    assert_eq!(hello["service"], "checkout <script>");
    assert_eq!(hello["host"], "web-1");
    assert_eq!(hello["tick_ms"], 1000);
    assert_eq!(hello["pid"], std::process::id());
    assert!(hello["now"].is_f64() && hello["started"].is_u64() && hello["instance"].is_string());
    let other = Served::new("checkout");
    let again = next(&mut other.view().await.unwrap(), "hello").await;
    assert_ne!(hello["instance"], again["instance"]);
    other.stop().await;
    served.stop().await;
}

#[tokio::test]
async fn gauges_and_counters_are_read_live_and_added_up() {
    let served = Served::new("checkout");
    let heat = served.registry.gauge_family(("heat", "Heat."), &["room", "floor"]).unwrap();
    heat.set(&["a", "1"], 1.5);
    heat.set(&["b", "1"], 2.0);
    heat.set(&["b", "2"], 40.0);
    let jobs = served.registry.counter(("jobs_total", "Jobs.")).unwrap();
    jobs.add(3);
    let mut viewer = served.view().await.unwrap();
    let columns = json!([
        column("heat", json!({}), "value"),
        column("heat", json!({"floor": "1"}), "value"),
        column("heat", json!({"room": "b", "floor": "2"}), "value"),
        column("heat", json!({"room": "c"}), "value"),
        column("jobs_total", json!({}), "total"),
    ]);
    let mut decoder = subscribe(&mut viewer, 60, columns).await;
    let (kind, values) = decoder.decode(&frame(&mut viewer).await);
    assert_eq!(kind, Kind::Full);
    assert_eq!(values[..3], [43.5, 3.5, 40.0]);
    assert!(values[3].is_nan());
    assert_eq!(values[4], 3.0);

    heat.set(&["c", "1"], 8.0);
    jobs.add(2);
    loop {
        let (_, values) = decoder.decode(&frame(&mut viewer).await);
        if values[3] == 8.0 {
            assert_eq!(values, [51.5, 11.5, 40.0, 8.0, 5.0]);
            break;
        }
    }
    served.stop().await;
}

#[tokio::test]
async fn a_histogram_s_stats_are_those_of_the_last_tick() {
    let served = Served::new("checkout");
    let desc = Desc::new("work_seconds", "Work.").unit(Unit::Microseconds);
    let work = served.registry.histogram(desc, HistogramOptions::default()).unwrap();
    served.tick();
    for n in 1..=100 {
        work.record(n * 1_000);
    }
    served.tick();
    let window = served.registry.window();
    let seconds = (window.to_ns - window.from_ns) as f64 * 1e-9;
    let mut viewer = served.view().await.unwrap();
    let columns = json!([
        column("work_seconds", json!({}), "p50"),
        column("work_seconds", json!({}), "p99"),
        column("work_seconds", json!({}), "max"),
        column("work_seconds", json!({}), "mean"),
        column("work_seconds", json!({}), "between:0:0.0105"),
        column("work_seconds", json!({}), "between:0.0105:1"),
        column("work_seconds", json!({}), "rate"),
        column("work_seconds", json!({}), "value"),
    ]);
    let mut decoder = subscribe(&mut viewer, 10, columns).await;
    let (_, values) = decoder.decode(&frame(&mut viewer).await);
    let near = |value: f32, wanted: f64| (f64::from(value) / wanted - 1.0).abs() < 0.01;
    assert!(near(values[0], 0.05) && near(values[1], 0.099) && near(values[2], 0.1), "{values:?}");
    assert!(near(values[3], 0.0505), "{values:?}");
    assert!(near(values[4], 10.0 / seconds) && near(values[5], 90.0 / seconds), "{values:?}");
    assert!(values[6] > 0.0, "{values:?}");
    assert!(values[7].is_nan(), "{values:?}");
    served.tick();
    loop {
        let (_, values) = decoder.decode(&frame(&mut viewer).await);
        if values[0].is_nan() {
            assert!(values[1..4].iter().all(|value| value.is_nan()), "{values:?}");
            assert_eq!(values[4..6], [0.0, 0.0]);
            break;
        }
    }
    served.stop().await;
}

#[tokio::test]
async fn clients_of_the_same_columns_share_a_reading_and_the_last_one_ends_it() {
    let served = Served::new("checkout");
    let columns = json!([column("requests_total", json!({}), "rate")]);
    let mut first = served.view().await.unwrap();
    let mut second = served.view().await.unwrap();
    let one = subscribe(&mut first, 20, columns.clone()).await;
    let two = subscribe(&mut second, 20, columns.clone()).await;
    assert_eq!(one.schema(), two.schema());
    assert_eq!((served.dashboard.stats().groups, served.dashboard.stats().clients), (1, 2));
    let three = subscribe(&mut second, 30, columns).await;
    assert_ne!(one.schema(), three.schema());
    assert_eq!(served.dashboard.stats().groups, 2);
    subscribe(&mut second, 0, json!([])).await;
    drop(first);
    while served.dashboard.stats().groups > 0 {
        tokio::task::yield_now().await;
    }
    served.stop().await;
}

#[tokio::test]
async fn what_is_wrong_is_refused_and_changes_nothing() {
    let served = Served::new("checkout");
    let mut viewer = served.view().await.unwrap();
    let decoder =
        subscribe(&mut viewer, 60, json!([column("requests_total", json!({}), "total")])).await;
    let many = vec![column("x", json!({}), "rate"); 257];
    for (message, named) in [
        (json!({"type": "subscribe", "id": 3, "rate": 61, "columns": []}), "61"),
        (json!({"type": "subscribe", "id": 3, "rate": 1, "columns": many}), "257"),
        (
            json!({"type": "subscribe", "id": 3, "rate": 1, "columns": [column("x", json!({}), "p42")]}),
            "p42",
        ),
        (json!({"type": "dance", "id": 3}), "dance"),
        (json!({"type": "history", "id": 3, "from": 2, "until": 1, "columns": []}), "swap"),
    ] {
        viewer.say(message).await;
        let error = next(&mut viewer, "error").await;
        assert_eq!(error["id"], 3, "{error}");
        assert!(error["message"].as_str().unwrap().contains(named), "{error}");
    }
    assert_eq!(served.dashboard.stats().refused_columns, 258);
    // the columns of before go on
    let schema = decoder.schema().to_le_bytes();
    assert_eq!(frame(&mut viewer).await[2..4], schema);
    served.stop().await;
}

#[tokio::test]
async fn a_ping_is_answered_with_what_it_said() {
    let served = Served::new("checkout");
    let mut viewer = served.view().await.unwrap();
    viewer.say(json!({"type": "ping", "client": 123.25})).await;
    let pong = next(&mut viewer, "pong").await;
    assert_eq!(pong["client"], 123.25);
    assert!(pong["now"].as_f64().unwrap() > 1.7e12);
    served.stop().await;
}

#[tokio::test]
async fn one_client_too_many_is_refused() {
    let served = Served::new("checkout");
    let mut viewers = Vec::new();
    for _ in 0..32 {
        let mut viewer = served.view().await.unwrap();
        next(&mut viewer, "hello").await;
        viewers.push(viewer);
    }
    match served.view().await {
        Err(Error::Http(answer)) => assert_eq!(answer.status(), 503),
        other => panic!("{:?}", other.map(|_| "a stream")),
    }
    viewers.pop();
    loop {
        if let Ok(mut viewer) = served.view().await {
            next(&mut viewer, "hello").await;
            break;
        }
    }
    served.stop().await;
}

#[tokio::test]
async fn a_stop_ends_the_stream() {
    let served = Served::new("checkout");
    let mut viewer = served.view().await.unwrap();
    next(&mut viewer, "hello").await;
    served.stop().await;
    assert!(viewer.next().await.is_none());
}

#[tokio::test]
async fn the_catalog_has_the_series_that_are_looked_for() {
    let served = Served::new("checkout");
    let jobs = served.registry.counter_family(("jobs_total", "Jobs."), &["queue"]).unwrap();
    for queue in ["mail", "print", "<b>"] {
        jobs.inc(&[queue]);
    }
    let answer = served.get("/api/metrics?q=JOBS", "").await;
    let (_, body) = answer.split_once("\r\n\r\n").unwrap();
    let all: Value = serde_json::from_str(body).unwrap();
    let series = json!([{"queue": "mail"}, {"queue": "print"}, {"queue": "<b>"}]);
    let metric = json!({"name": "jobs_total", "kind": "counter", "unit": "", "help": "Jobs.", "count": 3, "series": series});
    assert_eq!(all["metrics"], json!([metric]));
    assert_eq!(all["truncated"], false);
    assert!(served.get("/api/metrics?limit=0", "").await.starts_with("HTTP/1.1 400"));
    served.stop().await;
}

#[tokio::test]
async fn all_metrics_are_in_the_catalog_however_many_series_one_has() {
    let served = Served::new("checkout");
    let users = served.registry.counter_family(("calls_total", "Calls."), &["user"]).unwrap();
    (0..30).for_each(|user| users.inc(&[&format!("u{user}")]));
    served.registry.gauge(("zeal", "Comes last.")).unwrap().set(1.0);
    let answer = served.get("/api/metrics?limit=2", "").await;
    let (_, body) = answer.split_once("\r\n\r\n").unwrap();
    let all: Value = serde_json::from_str(body).unwrap();
    assert_eq!(all["truncated"], true);
    let metric = |name: &str| {
        let metrics = all["metrics"].as_array().unwrap();
        metrics.iter().find(|metric| metric["name"] == name).unwrap()
    };
    let calls = metric("calls_total");
    assert_eq!((&calls["count"], calls["series"].as_array().unwrap().len()), (&json!(30), 10));
    assert_eq!(metric("zeal")["series"], json!([{}]));
    served.stop().await;
}

#[tokio::test]
async fn a_client_is_told_that_series_came() {
    let served = Served::new("checkout");
    let mut viewer = served.view().await.unwrap();
    next(&mut viewer, "hello").await;
    served.registry.counter(("new_total", "New.")).unwrap().inc();
    served.tick();
    let catalog = next(&mut viewer, "catalog").await;
    assert_eq!(catalog["generation"].as_u64(), Some(served.registry.generation()));
    served.stop().await;
}
