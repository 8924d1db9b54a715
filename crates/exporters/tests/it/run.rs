//! The metrics of a run, as the collector of seed 1 has them: by stage, resource and cache, as JSON, as log lines.

use std::fs;
use std::time::{Duration, UNIX_EPOCH};

use perf_monitor_core::{Clock, FakeClock, Registry};
use perf_monitor_exporters::{RunMetrics, run_handler};
use perf_monitor_instruments::Stages;
use proptest::prelude::*;
use serde_json::Value;

use crate::file::Folder;
use crate::golden::check;
use crate::http::ask;

/// A clock that stands at 2025-01-21 15:30:00.123456 UTC.
pub(crate) fn clock() -> (Clock, FakeClock) {
    let (clock, hand) = Clock::fake();
    let wanted_ns = 1_737_473_400_123_456_000;
    hand.advance(Duration::from_nanos(wanted_ns - clock.unix_ns()));
    (clock, hand)
}

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// What is recorded in seed 1's example.
fn example() -> RunMetrics {
    let (clock, hand) = clock();
    let run = RunMetrics::new(&Registry::builder().clock(clock).build()).unwrap();
    // 1,000 runs of 50 ms each on average, from 10 to 200.
    for (runs, duration) in [(15, ms(10)), (981, ms(50)), (4, ms(200))] {
        (0..runs).for_each(|_| run.record_stage("fetch", duration, false));
    }
    run.record_stage("process", Duration::from_micros(1_500), false);
    run.record_stage("process", Duration::from_nanos(333), true);
    run.record_stage("write", ms(1_250), false);
    for i in 0..24 {
        let (more, mb) = (f64::from(i % 2), 2.0 * f64::from(i % 2));
        run.record_resources(50.0 + 10.0 * more, 1_023.0 + mb, 99.0 + mb, 49.0 + mb);
    }
    run.record_cache("sender_cache", 800, 200, 10, 5 << 20);
    run.record_cache("input_peer_cache", 1, 2, 0, 1_000);
    hand.advance(ms(120_500));
    run
}

fn read(run: &RunMetrics) -> Value {
    serde_json::from_str(&run.to_json()).unwrap()
}

fn new_run() -> RunMetrics {
    RunMetrics::new(&Registry::new()).unwrap()
}

#[test]
fn the_document_is_seed_1_s_byte_for_byte() {
    let run = example();
    check("run.json", &run.to_json());
    let json = read(&run);
    let keys = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    let mut wanted = ["caches", "duration_s", "resources", "stages", "start_time"];
    wanted.sort_unstable();
    let mut found = keys(&json);
    found.sort();
    assert_eq!(found, wanted);
    assert_eq!(json["stages"]["fetch"]["throughput_per_s"], 20.0);
    assert_eq!(json["resources"]["avg_memory_mb"], 1024.0);
    assert_eq!(json["caches"]["sender_cache"]["hit_rate_pct"], 80.0);
}

#[test]
fn a_run_without_records_has_zeros_and_empty_objects() {
    let (clock, _) = clock();
    let run = RunMetrics::new(&Registry::builder().clock(clock).build()).unwrap();
    check("run_empty.json", &run.to_json());
    assert_eq!(run.resources().avg_cpu_percent, None);
    assert_eq!(run.summary()[1..], ["  CPU: 0.0%", "  Memory: 0.0 MB"]);
}

#[test]
fn the_log_lines_are_seed_1_s() {
    assert_eq!(
        example().summary(),
        [
            "=== Performance Metrics ===",
            "  fetch: 20.0 ops/s (avg: 50.0ms)",
            "  process: 1333.0 ops/s (avg: 0.8ms)",
            "  write: 0.8 ops/s (avg: 1250.0ms)",
            "  CPU: 55.0%",
            "  Memory: 1024.0 MB",
            "  input_peer_cache: 33.3% hit rate (1 hits, 2 misses)",
            "  sender_cache: 80.0% hit rate (800 hits, 200 misses)",
        ]
    );
}

#[test]
fn a_registry_has_one_run_that_its_instruments_feed() {
    let registry = Registry::new();
    let run = RunMetrics::new(&registry).unwrap();
    Stages::new(&registry).unwrap().record_stage("fetch", ms(5), false);
    RunMetrics::new(&registry).unwrap().clone().record_stage("fetch", ms(15), true);
    let stage = &run.stages()[0];
    assert_eq!((stage.count, stage.errors, stage.avg()), (2, 1, Some(ms(10))));
    assert_eq!((stage.min, stage.max), (Some(ms(5)), Some(ms(15))));
    assert!(registry.snapshot().family("stage_duration_seconds").is_some());
}

#[test]
fn the_global_run_is_one() {
    let (first, second) = (RunMetrics::global().unwrap(), RunMetrics::global().unwrap());
    first.record_cache("only in this test", 3, 1, 0, 0);
    let caches = second.caches();
    let cache = caches.iter().find(|cache| cache.name == "only in this test").unwrap();
    assert_eq!(cache.hit_rate_pct(), 75.0);
    assert_eq!(first.start_time(), second.start_time());
}

#[test]
fn a_run_begins_once_and_goes_on_by_the_registry_s_clock() {
    let (clock, hand) = clock();
    let registry = Registry::builder().clock(clock).build();
    let run = RunMetrics::new(&registry).unwrap();
    hand.advance(ms(1_500));
    let same = RunMetrics::new(&registry).unwrap();
    assert_eq!(same.duration(), ms(1_500));
    let since = run.start_time().duration_since(UNIX_EPOCH).unwrap();
    assert_eq!(since, Duration::from_micros(1_737_473_400_123_456));
}

#[test]
fn a_stage_that_has_not_run_is_absent() {
    let registry = Registry::new();
    let run = RunMetrics::new(&registry).unwrap();
    let _handle = Stages::new(&registry).unwrap().stage("waiting");
    assert!(run.stages().is_empty());
    assert_eq!(read(&run)["stages"], serde_json::json!({}));
}

#[test]
fn totals_of_a_cache_are_set_and_not_added() {
    let run = new_run();
    run.record_cache("c", 10, 10, 1, 2_048);
    run.record_cache("c", 30, 10, 2, 1 << 20);
    let json = read(&run);
    let cache = &json["caches"]["c"];
    assert_eq!((cache["hits"].as_u64(), cache["evictions"].as_u64()), (Some(30), Some(2)));
    assert_eq!(
        (cache["hit_rate_pct"].as_f64(), cache["size_mb"].as_f64()),
        (Some(75.0), Some(1.0))
    );
}

#[test]
fn what_finds_no_room_has_one_key_even_beside_its_namesake() {
    let registry = Registry::builder().series_per_family(3).build();
    let run = RunMetrics::new(&registry).unwrap();
    for stage in ["overflow", "a", "b", "c", "d", "e"] {
        run.record_stage(stage, ms(1), false);
    }
    let json = read(&run);
    let counts = json["stages"].as_object().unwrap().iter();
    let all: u64 = counts.map(|(_, stage)| stage["count"].as_u64().unwrap()).sum();
    assert_eq!(all, 6);
    assert_eq!(json["stages"]["overflow"]["count"], 1);
}

#[test]
fn the_export_replaces_a_file_and_names_what_is_wrong() {
    let folder = Folder::new("run");
    let (path, run) = (folder.join("metrics_123.json"), example());
    fs::write(&path, "old and longer than what comes now".repeat(100)).unwrap();
    run.export_json(&path).unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), run.to_json());
    let error = run.export_json(folder.join("monitoring/metrics_123.json")).unwrap_err();
    assert!(error.is_file() && error.to_string().contains("create its directory"));
}

#[tokio::test]
async fn the_handler_answers_with_the_document() {
    let run = example();
    let answer = ask(&run_handler(&run), &[]).await;
    assert_eq!(
        (answer.status.as_u16(), answer.header("content-type")),
        (200, Some("application/json"))
    );
    assert_eq!(answer.body(), run.to_json().into_bytes());
}

/// But for the last digit, which serde_json rounds by itself.
fn is_near(found: &Value, wanted: f64) -> bool {
    (found.as_f64().unwrap() - wanted).abs() <= wanted * 1e-15
}

proptest! {
    #[test]
    fn names_and_numbers_read_back_as_they_were(name: String, ns in 0..86_400_000_000_000_u64, hits: u32, misses: u32) {
        let run = new_run();
        run.record_stage(&name, Duration::from_nanos(ns), true);
        run.record_cache(&name, hits.into(), misses.into(), 7, u64::from(hits) << 8);
        let json = read(&run);
        let stage = &json["stages"][&name];
        prop_assert!(is_near(&stage["total_duration_s"], ns as f64 / 1e9));
        prop_assert_eq!(&stage["total_duration_s"], &stage["min_duration_s"]);
        prop_assert_eq!(&stage["errors"], 1);
        let cache = &json["caches"][&name];
        prop_assert_eq!(cache["hits"].as_u64(), Some(hits.into()));
        prop_assert!(is_near(&cache["size_mb"], f64::from(hits) / 4_096.0));
        prop_assert!(run.to_json().is_ascii());
        prop_assert!(run.summary().iter().all(|line| !line.contains(char::is_control)));
    }
}
