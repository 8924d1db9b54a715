//! What a page gets of the time before it was opened.

use std::sync::Arc;

use perf_monitor_core::{Desc, HistogramOptions, Unit};
use perf_monitor_history::{MemoryHistory, Options, Selector};
use serde_json::{Value, json};

use crate::served::{Heard, Served, Viewer};

/// Points of a past: their times, and the values of each column.
#[derive(Debug, Default)]
struct Told {
    at_ms: Vec<f64>,
    columns: Vec<Vec<f32>>,
    chunks: usize,
    end: Value,
}

/// Asks for the past of `columns`, and reads it as docs/dashboard.md says.
async fn past(viewer: &mut Viewer, from_ms: f64, until_ms: f64, columns: &[Value]) -> Told {
    let id = 70_001;
    viewer
        .say(json!({"type": "history", "id": id, "from": from_ms, "until": until_ms, "columns": columns}))
        .await;
    let mut told = Told { columns: vec![Vec::new(); columns.len()], ..Told::default() };
    loop {
        match viewer.next().await.expect("a stream that goes on") {
            Heard::Text(end) if end["type"] == "history_end" => {
                assert_eq!(end["id"], id);
                assert_eq!(end["points"].as_u64(), Some(told.at_ms.len() as u64));
                return Told { end, ..told };
            }
            Heard::Text(_) => {}
            Heard::Bytes(chunk) => {
                assert_eq!(chunk[..4], [1, 3, (id & 0xff) as u8, (id >> 8 & 0xff) as u8]);
                let points = u32::from_le_bytes(chunk[4..8].try_into().unwrap()) as usize;
                assert!(points <= 500, "{points}");
                let (times, values) = chunk[16..].split_at(8 * points);
                let times = times.chunks(8).map(|t| f64::from_le_bytes(t.try_into().unwrap()));
                let begun = told.at_ms.len();
                told.at_ms.extend(times);
                assert_eq!(f64::from_le_bytes(chunk[8..16].try_into().unwrap()), told.at_ms[begun]);
                assert_eq!(values.len(), 4 * points * columns.len());
                for (column, values) in told.columns.iter_mut().zip(values.chunks(4 * points)) {
                    let values = values.chunks(4);
                    column.extend(values.map(|v| f32::from_le_bytes(v.try_into().unwrap())));
                }
                told.chunks += 1;
            }
        }
    }
}

fn column(metric: &str, stat: &str) -> Value {
    json!({"metric": metric, "labels": {}, "stat": stat})
}

fn near(value: f32, wanted: f64) -> bool {
    (f64::from(value) - wanted).abs() <= wanted.abs() * 1e-3
}

/// A history of a service that does the same each second for ten minutes, and the time of its last.
fn recorded(served: &Served, history: &MemoryHistory, seconds: i64) -> i64 {
    let registry = &served.registry;
    let now_ms = (registry.clock().unix_ns() / 1_000_000_000) as i64 * 1_000;
    let jobs = registry.counter(("jobs_total", "Jobs.")).unwrap();
    let depth = registry.gauge(("depth", "Depth.")).unwrap();
    let desc = Desc::new("work_seconds", "Work.").unit(Unit::Microseconds);
    let work = registry.histogram(desc, HistogramOptions::default()).unwrap();
    for second in 0..seconds {
        jobs.add(7);
        depth.set(second as f64);
        (0..8).for_each(|_| work.record(3_000));
        (0..2).for_each(|_| work.record(300_000));
        history.record(now_ms - 1_000 * (seconds - 1 - second), registry);
    }
    now_ms
}

fn history(keep: &str) -> Arc<MemoryHistory> {
    let keep = vec![Selector::parse(keep).unwrap()];
    Arc::new(MemoryHistory::new(Options { keep, ..Options::default() }).unwrap())
}

#[tokio::test]
async fn a_past_is_told_second_by_second_and_tenth_by_tenth_where_it_is_older() {
    let history = history(r#"{__name__=~"jobs_total|depth|work_seconds_.*"}"#);
    let served = Served::with_history("checkout", history.clone());
    let now_ms = recorded(&served, &history, 600) as f64;
    let mut viewer = served.view().await.unwrap();
    let columns = [
        column("jobs_total", "rate"),
        column("jobs_total", "total"),
        column("depth", "value"),
        column("work_seconds", "rate"),
        column("work_seconds", "mean"),
        column("work_seconds", "p50"),
        column("work_seconds", "p99"),
        column("work_seconds", "between:0.0025:0.005"),
        column("work_seconds", "between:0.25:0.5"),
        column("work_seconds", "between:1:2.5"),
        column("nothing", "value"),
    ];
    let told = past(&mut viewer, now_ms - 60_000.0, now_ms, &columns).await;
    assert_eq!((told.end["step_ms"].as_i64(), told.at_ms.len()), (Some(1_000), 61));
    assert_eq!((told.at_ms[0], told.at_ms[60]), (now_ms - 60_000.0, now_ms));
    for point in 0..61 {
        let of = |index: usize| told.columns[index][point];
        assert!(near(of(0), 7.0), "{point}: {}", of(0));
        assert!(near(of(1), 7.0 * (540 + point) as f64), "{point}: {}", of(1));
        assert!(near(of(2), (539 + point) as f64), "{point}: {}", of(2));
        assert!(near(of(3), 10.0) && near(of(4), 0.0624), "{point}: {} {}", of(3), of(4));
        assert!((0.0025..0.005).contains(&of(5)), "{point}: {}", of(5));
        assert!((0.25..0.5).contains(&of(6)), "{point}: {}", of(6));
        assert!(near(of(7), 8.0) && near(of(8), 2.0) && of(9) == 0.0, "{point}");
        assert!(of(10).is_nan());
    }
    let told = past(&mut viewer, now_ms - 590_000.0, now_ms, &columns[..3]).await;
    assert_eq!(told.end["step_ms"].as_i64(), Some(10_000));
    assert!((58..=60).contains(&told.at_ms.len()), "{}", told.at_ms.len());
    assert!(told.at_ms.windows(2).all(|pair| pair[1] - pair[0] == 10_000.0));
    assert!(told.columns[0][1..].iter().all(|rate| near(*rate, 7.0)), "{:?}", told.columns[0]);
    served.stop().await;
}

#[tokio::test]
async fn what_is_not_kept_has_no_points() {
    let history = history("jobs_total");
    let served = Served::with_history("checkout", history.clone());
    let now_ms = recorded(&served, &history, 20) as f64;
    let mut viewer = served.view().await.unwrap();
    let told = past(&mut viewer, now_ms - 60_000.0, now_ms, &[column("depth", "value")]).await;
    assert_eq!((told.end["points"].as_u64(), told.chunks), (Some(0), 0));
    // and what is kept has those since it is
    let told = past(&mut viewer, now_ms - 60_000.0, now_ms, &[column("jobs_total", "total")]).await;
    assert_eq!(told.at_ms.len(), 20);
    served.stop().await;
    let without = Served::new("checkout");
    let mut viewer = without.view().await.unwrap();
    let told = past(&mut viewer, 0.0, now_ms, &[column("jobs_total", "total")]).await;
    assert_eq!(told.end["points"].as_u64(), Some(0));
    without.stop().await;
}

#[tokio::test]
async fn a_past_of_many_columns_comes_in_more_chunks_and_of_any_time_in_bounds() {
    let history = history("jobs_total");
    let served = Served::with_history("checkout", history.clone());
    recorded(&served, &history, 299);
    let mut viewer = served.view().await.unwrap();
    let columns = vec![column("jobs_total", "rate"); 256];
    let now_ms = served.registry.clock().unix_ns() as f64 / 1e6;
    let told = past(&mut viewer, now_ms - 299_000.0, f64::MAX, &columns).await;
    assert!(told.at_ms.len() > 200 && told.chunks > 3, "{} {}", told.at_ms.len(), told.chunks);
    assert!(told.at_ms.windows(2).all(|pair| pair[1] - pair[0] == 1_000.0));
    let told = past(&mut viewer, f64::MIN, f64::MAX, &columns).await;
    assert!((1..500).contains(&told.at_ms.len()), "{}", told.at_ms.len());
    let told = past(&mut viewer, f64::MAX, f64::MAX, &columns).await;
    assert_eq!(told.at_ms.len(), 0);
    served.stop().await;
}

#[tokio::test]
async fn a_gap_is_where_the_service_said_nothing() {
    let history = history("jobs_total");
    let served = Served::with_history("checkout", history.clone());
    let jobs = served.registry.counter(("jobs_total", "Jobs.")).unwrap();
    let now_ms = (served.registry.clock().unix_ns() / 1_000_000_000) as i64 * 1_000;
    for ago in (0..150).rev() {
        jobs.add(1);
        if !(20..100).contains(&ago) {
            history.record(now_ms - 1_000 * ago, &served.registry);
        }
    }
    let mut viewer = served.view().await.unwrap();
    let (from, until) = ((now_ms - 149_000) as f64, now_ms as f64);
    let told = past(&mut viewer, from, until, &[column("jobs_total", "total")]).await;
    let gaps = told.columns[0].iter().filter(|value| value.is_nan()).count();
    assert_eq!(told.at_ms.len(), 150);
    assert!((60..80).contains(&gaps), "{gaps}");
    served.stop().await;
}
