//! The report, as people read it: as text, as Markdown, with whatever names there are.

use std::time::Duration;

use perf_monitor_core::{FakeClock, Registry};
use perf_monitor_exporters::{
    PerformanceReport, ReportFormat, generate_performance_report, report_handler,
};
use perf_monitor_http::{Handler, Request};
use perf_monitor_instruments::timed::FunctionMetrics;
use perf_monitor_instruments::{
    BreakerState, ConnectionState, Event, HealthState, MonitoringOptions, ServiceMetrics, Severity,
};
use proptest::prelude::*;
use pulldown_cmark::{Event as Token, Options, Parser, Tag, TagEnd};

use crate::csv::hostile;
use crate::golden::check;
use crate::http::ask;
use crate::run::clock;

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

fn service(budget: usize) -> (Registry, ServiceMetrics, FakeClock) {
    let (clock, hand) = clock();
    let registry = Registry::builder().clock(clock).budget_bytes(budget).build();
    let metrics = ServiceMetrics::new(&registry, MonitoringOptions::default()).unwrap();
    (registry, metrics, hand)
}

fn empty() -> (Registry, ServiceMetrics, FakeClock) {
    service(4 << 20)
}

/// A service that imports messages, after two minutes.
fn example() -> PerformanceReport {
    let (registry, metrics, hand) = empty();
    work(&metrics);
    trouble(&metrics);
    for took in [40_000, 80_500] {
        hand.advance(ms(took));
        metrics.tick(registry.clock().now_ns());
    }
    let mut all = metrics.get_comprehensive_metrics();
    // The attribute records into the process's registry, by the real clock.
    all.functions = functions();
    PerformanceReport::from(all).service("message import")
}

fn functions() -> Vec<FunctionMetrics> {
    let function = |name: &str, [ok, errors, panics, cancelled]: [u64; 4], us: u64| {
        let times = |n| Some(Duration::from_micros(us * n));
        FunctionMetrics {
            name: name.to_owned(),
            ok,
            errors,
            panics,
            cancelled,
            total: Duration::from_micros(us * (ok + errors + panics + cancelled)),
            max: times(9),
            p50: times(1),
            p95: times(3),
            p99: times(7),
            ..FunctionMetrics::default()
        }
    };
    vec![
        function("import::message::parse", [9_800, 190, 1, 0], 45),
        function("import::store::flush", [16, 1, 0, 3], 18_000),
        function("never::called", [0; 4], 0),
    ]
}

fn work(metrics: &ServiceMetrics) {
    for i in 0..1_000 {
        metrics.stages().record_stage("fetch", ms(10 + i * i % 191), i % 250 == 0);
        metrics.stages().record_stage("process", Duration::from_micros(300 + i), false);
        let ns = Duration::from_nanos;
        let queries = metrics.queries();
        queries.record_detailed_query_execution(
            "SELECT name FROM users WHERE id = ?",
            ns(45_000),
            ns(120_000 + i),
            ns(2_000_000 + i * 9_000),
        );
    }
    for i in 0..20 {
        metrics.stages().record_stage("write", ms(200 + 100 * i), false);
        metrics.queries().record_detailed_query_execution(
            "SELECT m.id, m.body, u.name FROM messages m JOIN users u ON u.id = m.sender WHERE m.sent > ? ORDER BY m.sent",
            ms(1),
            ms(9 + i),
            ms(310 + 40 * i),
        );
    }
    metrics.caches().record_cache("sender_cache", 8_000, 1_950, 10, 5 << 20);
    metrics.caches().record_cache("input_peer_cache", 99_200, 310, 0, 640 << 10);
    metrics.caches().record_cache("thumbnails", 310, 2_100, 1_900, 63 << 20);
    metrics.caches().cache("new_cache").hit();
    (0..3_400).for_each(|i| metrics.io().record_io_read(4_096 + i));
    (0..120).for_each(|_| metrics.io().record_io_write(65_536));
    (0..42).for_each(|_| metrics.timeline().record("commit"));
    (0..7).for_each(|_| metrics.timeline().record("time_travel"));
    for i in 0..24_u32 {
        let f = f64::from(i % 7);
        metrics.resources().record_resources(40.0 + 5.0 * f, 1_000.0 + 8.0 * f, 1.5 * f, 0.25);
    }
}

fn trouble(metrics: &ServiceMetrics) {
    for i in 0..5_200_u64 {
        let entity = format!("light.room_{}", i % 14);
        let domain = if i % 3 == 0 { "sensor" } else { "light" };
        let source = if i % 10 == 0 { "rest" } else { "mqtt" };
        let event = Event::new(source, domain, &entity);
        let took = Duration::from_micros(80 + i % 500);
        metrics.events().record(&event.duration(took).success(i % 433 != 0).wrote(3, 96));
    }
    (0..130).for_each(|_| metrics.events().record_duplicate("mqtt"));
    metrics.events().set_queue_depth("inbox", 17);
    metrics.events().set_connections("websocket", 4);
    (0..12).for_each(|_| metrics.record_error("timeout", "database", Severity::Error));
    metrics.record_error("out_of_disk", "writer", Severity::Critical);
    (0..31).for_each(|_| metrics.record_error("slow_query", "database", Severity::Warning));
    (0..9).for_each(|_| metrics.record_retry_attempt("publish"));
    for state in [BreakerState::Closed, BreakerState::Open, BreakerState::HalfOpen] {
        metrics.record_circuit_breaker_state("database", state);
    }
    metrics.connections().record_connection_state("mqtt", ConnectionState::Connected);
    metrics.health().set("database", HealthState::Degraded, "12 timeouts in a minute");
    metrics.health().set("queue", HealthState::Healthy, "");
}

#[test]
fn a_busy_service_is_told_of_in_text() {
    let text = example().to_text();
    check("report.txt", &text);
    assert!(text.lines().all(|line| line.chars().count() <= 100));
}

#[test]
fn a_busy_service_is_told_of_in_markdown() {
    check("report.md", &example().to_markdown());
}

#[test]
fn a_service_that_recorded_nothing_has_a_head_and_no_sections() {
    let (registry, metrics, hand) = empty();
    hand.advance(ms(3_000));
    let report = PerformanceReport::of(&metrics, &registry);
    check("report_empty.txt", &report.to_text());
    assert!(report.to_markdown().contains("- **Recorded:** nothing was recorded\n"));
    assert_eq!(generate_performance_report(&metrics, &registry), report.to_text());
}

#[test]
fn what_is_switched_off_is_told_and_not_left_out_without_a_word() {
    let off = |options: MonitoringOptions| {
        let metrics = ServiceMetrics::new(&Registry::new(), options).unwrap();
        let text = PerformanceReport::from(metrics.get_comprehensive_metrics()).to_markdown();
        let line = text.lines().find(|line| line.starts_with("- **Off:** "));
        line.map(|line| line[11..].to_owned()).unwrap_or_default()
    };
    let all = MonitoringOptions::default;
    assert_eq!(off(all()), "");
    assert_eq!(off(all().enable_system_metrics(false)), "resources (enable_system_metrics)");
    assert_eq!(
        off(all().enable_performance_metrics(false).enable_business_metrics(false)),
        "durations of events, queues and connections (enable_performance_metrics); \
         counts of events, data and duplicates (enable_business_metrics)"
    );
    assert_eq!(
        off(all().monitoring_enabled(false)),
        "events, errors, retries, states, health and resources (monitoring_enabled)"
    );
}

#[test]
fn numbers_that_nobody_measured_do_not_widen_the_text() {
    let (registry, metrics, _) = empty();
    (0..2).for_each(|_| metrics.resources().record_resources(1e300, 1e300, 1e300, 1e300));
    let report = PerformanceReport::of(&metrics, &registry);
    let text = report.to_text();
    assert!(text.lines().all(|line| line.chars().count() <= 100), "{text}");
    assert!(text.contains("  CPU: 1.00e300%\n"), "{text}");
    assert!(report.to_markdown().lines().all(|line| line.len() < 200), "{text}");
}

#[test]
fn each_part_is_absent_until_it_is_recorded() {
    let (registry, metrics, _) = empty();
    let headings = || {
        let text = PerformanceReport::of(&metrics, &registry).to_markdown();
        text.lines()
            .filter_map(|line| Some(line.strip_prefix("## ")?.to_owned()))
            .collect::<Vec<_>>()
    };
    assert!(headings().is_empty());
    metrics.stages().record_stage("fetch", ms(5), false);
    assert_eq!(headings(), ["Summary", "Stages"]);
    metrics.io().record_io_read(10);
    metrics.record_retry_attempt("publish");
    assert_eq!(headings(), ["Summary", "Stages", "Reads and writes", "Retries"]);
    work(&metrics);
    trouble(&metrics);
    assert_eq!(
        headings(),
        [
            "Summary",
            "Stages",
            "Queries",
            "Caches",
            "Reads and writes",
            "Timeline",
            "Events",
            "Errors",
            "Retries",
            "Circuit breakers",
            "Connections",
            "Health",
            "Resources"
        ]
    );
}

#[test]
fn the_slowest_come_first_and_the_rest_is_counted() {
    let (registry, metrics, _) = empty();
    for i in 1..=25_u64 {
        metrics.stages().record_stage(&format!("stage {i:02}"), ms(i * 10), false);
    }
    let text = PerformanceReport::of(&metrics, &registry).to_text();
    let (_, table) = text.split_once("By their slowest runs").unwrap();
    let names: Vec<_> = table.lines().skip(4).take(10).map(|line| line[2..10].to_owned()).collect();
    let wanted: Vec<_> = (16..=25).rev().map(|i| format!("stage {i}")).collect();
    assert_eq!(names, wanted);
    assert_eq!(table.lines().nth(14), Some("  and 15 more"));
    assert!(text.contains("  stage 01: 100.0 ops/s (avg: 10.0ms)\n"), "each has its line");
}

#[test]
fn what_found_no_room_is_told() {
    let (registry, metrics, _) = service(20_000);
    for i in 0..300 {
        metrics.stages().record_stage(&format!("stage {i}"), ms(1), false);
    }
    let text = PerformanceReport::of(&metrics, &registry).to_text();
    assert!(text.contains("\nLimits\n------\n") && text.contains("overflow"), "{text}");
    let of_all = text.lines().find(|line| line.starts_with("  Recorded")).unwrap();
    assert!(of_all.contains("300 stage runs"), "{of_all}");
}

#[test]
fn samples_that_found_no_room_are_not_told_as_the_last_0() {
    let (registry, metrics, _) = service(0);
    metrics.resources().record_resources(40.0, 1_000.0, 1.5, 0.25);
    let text = PerformanceReport::of(&metrics, &registry).to_text();
    assert!(text.contains("Averages are of 1 sample; no sample found room to be kept."), "{text}");
}

#[test]
fn a_name_of_a_megabyte_takes_a_few_lines() {
    let (registry, metrics, _) = service(64 << 20);
    let name = "n".repeat(1 << 20);
    metrics.stages().record_stage(&name, ms(10), true);
    metrics.health().set(&name, HealthState::Unhealthy, &name);
    let report = PerformanceReport::of(&metrics, &registry);
    let (text, markdown) = (report.to_text(), report.to_markdown());
    assert!(text.len() < 10_000 && markdown.len() < 10_000, "{} {}", text.len(), markdown.len());
}

#[test]
fn averages_are_of_more_samples_than_are_kept() {
    let (registry, metrics, _) = empty();
    (0..101).for_each(|_| metrics.resources().record_resources(40.0, 1_000.0, 1.5, 0.25));
    let text = PerformanceReport::of(&metrics, &registry).to_text();
    let basis = "Averages are of 101 samples, lowest and highest of the last 100.";
    assert!(text.contains(basis), "{text}");
}

#[test]
fn more_look_ups_than_a_number_holds_are_the_most_that_it_holds() {
    let (registry, metrics, _) = empty();
    for name in ["pages", "users"] {
        metrics.caches().record_cache(name, u64::MAX, 1, 0, 0);
    }
    let text = PerformanceReport::of(&metrics, &registry).to_text();
    assert!(text.contains("1.84e19 cache look-ups"), "{text}");
}

async fn get(handler: &impl Handler, query: &str) -> (u16, String, String) {
    let request =
        http::Request::get(format!("/api/report{query}")).body(Default::default()).unwrap();
    let request: Request = request;
    let (head, body) = handler.handle(request).await.into_parts();
    let body = http_body_util::BodyExt::collect(body).await.unwrap().to_bytes();
    let content_type = head.headers["content-type"].to_str().unwrap().to_owned();
    (head.status.as_u16(), content_type, String::from_utf8(body.to_vec()).unwrap())
}

#[tokio::test]
async fn the_handler_knows_two_formats_and_names_them_to_who_asks_for_a_third() {
    let report = example();
    let handler = report_handler({
        let report = report.clone();
        move || report.clone()
    });
    let text = (200, "text/plain; charset=utf-8".to_owned(), report.to_text());
    assert_eq!(get(&handler, "").await, text);
    assert_eq!(get(&handler, "?format=text").await, text);
    let markdown = (200, "text/markdown; charset=utf-8".to_owned(), report.to_markdown());
    assert_eq!(get(&handler, "?format=markdown").await, markdown);
    let (status, content_type, sentence) = get(&handler, "?format=pdf").await;
    assert_eq!((status, &*content_type), (400, "text/plain; charset=utf-8"));
    assert_eq!(sentence, "report format \"pdf\": use text or markdown\n");
    assert_eq!(ask(&handler, &[]).await.status, 200);
    assert!(ReportFormat::named("Text").unwrap_err().is_options());
}

/// The first cell of each row below the heads of all tables, and what stands outside of tables, by another reader.
fn read(markdown: &str) -> (Vec<String>, Vec<String>) {
    let (mut cells, mut texts) = (Vec::new(), Vec::new());
    let (mut in_table, mut row, mut cell, mut text) =
        (false, Vec::new(), String::new(), String::new());
    for token in Parser::new_ext(markdown, Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH) {
        match token {
            Token::Start(Tag::Table(_)) => in_table = true,
            Token::End(TagEnd::Table) => in_table = false,
            Token::End(TagEnd::TableCell) => row.push(std::mem::take(&mut cell)),
            Token::End(TagEnd::TableRow) => cells.push(std::mem::take(&mut row).swap_remove(0)),
            Token::End(TagEnd::TableHead) => row.clear(),
            Token::Text(part) if in_table => cell.push_str(&part),
            Token::Text(part) => text.push_str(&part),
            Token::End(TagEnd::Paragraph | TagEnd::Item | TagEnd::Heading(_)) => {
                texts.push(std::mem::take(&mut text));
            }
            Token::Start(
                Tag::TableCell
                | Tag::TableRow
                | Tag::TableHead
                | Tag::Paragraph
                | Tag::Item
                | Tag::List(None)
                | Tag::Heading { .. }
                | Tag::Strong,
            )
            | Token::End(_) => {}
            other => panic!("a name became markup: {other:?}"),
        }
    }
    (cells, texts)
}

#[test]
fn the_tables_are_tables_to_another_reader() {
    let (cells, texts) = read(&example().to_markdown());
    for name in ["fetch", "SELECT name FROM users WHERE id = ?", "sender_cache", "time_travel"] {
        assert!(cells.iter().any(|cell| cell == name), "{name}");
    }
    assert_eq!(texts[0], "Performance report: message import");
    assert!(
        texts.iter().any(|text| text.starts_with("Recorded:2,020 stage runs"))
            || texts.iter().any(|text| text.contains("2,020 stage runs"))
    );
}

fn hostile_service(names: &[String]) -> PerformanceReport {
    let (registry, metrics, _) = empty();
    for (i, name) in names.iter().enumerate() {
        metrics.stages().record_stage(name, ms(1 + i as u64), false);
        metrics.queries().record_detailed_query_execution(name, ms(1), ms(1), ms(1));
        metrics.caches().cache(name).hit();
        metrics.timeline().record(name);
        metrics.record_event_processing(ms(1), name, name, name, false);
        metrics.record_error(name, name, Severity::Error);
        metrics.record_retry_attempt(name);
        metrics.record_circuit_breaker_state(name, BreakerState::Open);
        metrics.connections().record_connection_state(name, ConnectionState::Failed);
        metrics.health().set(name, HealthState::Unhealthy, name);
    }
    PerformanceReport::of(&metrics, &registry).service(names[0].as_str())
}

/// What a name looks like in a line of text.
fn shown(name: &str) -> String {
    let mut out = String::new();
    for c in name.chars() {
        let hidden = matches!(c, '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}');
        match c.is_control() || hidden {
            true => out.extend(c.escape_default()),
            false => out.push(c),
        }
    }
    if name.is_empty() || name.trim() != name { format!("\"{out}\"") } else { out }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn hostile_names_change_nothing_but_their_own_cells(names in prop::collection::btree_set(hostile(), 1..4)) {
        let names: Vec<String> = names.into_iter().collect();
        let plain = hostile_service(&(0..names.len()).map(|i| format!("n{i}")).collect::<Vec<_>>());
        let report = hostile_service(&names);
        let headings = |text: &str| text.lines().filter(|line| line.starts_with("## ")).count();
        let (text, markdown) = (report.to_text(), report.to_markdown());
        prop_assert_eq!(headings(&markdown), headings(&plain.to_markdown()));
        let (cells, _) = read(&markdown);
        prop_assert_eq!(cells.len(), read(&plain.to_markdown()).0.len());
        for name in names.iter().map(|name| shown(name)).filter(|name| name.chars().count() < 140) {
            prop_assert!(cells.iter().any(|cell| *cell == name.trim()), "{:?} in {:?}", name, cells);
        }
        for line in text.lines() {
            prop_assert!(line.chars().filter(char::is_ascii).count() <= 100, "{}", line);
            prop_assert!(!line.contains(char::is_control) && !line.ends_with(' '), "{:?}", line);
        }
    }
}
