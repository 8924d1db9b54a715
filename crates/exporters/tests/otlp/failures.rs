//! Collectors that are down, slow, or do not want it.

use std::time::Duration;

use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTracePartialSuccess, ExportTraceServiceResponse,
};
use perf_monitor_exporters::OtlpExporter;
use prost::Message;
use tokio::net::TcpListener;

use crate::receiver::{Receiver, Reply, Running, metric, traced};

const SENT: &str = "perf_monitor_otlp_spans_sent_total";

fn failures(reason: &str) -> String {
    format!("perf_monitor_otlp_failures_total{{signal=\"traces\",reason=\"{reason}\"}}")
}

fn rejected(reason: &str) -> String {
    format!("perf_monitor_otlp_spans_rejected_total{{reason=\"{reason}\"}}")
}

/// One span to a collector of these replies; what it got in the end.
async fn send_one(replies: Vec<Reply>, reason: &str) {
    let requests = replies.len() + 1;
    let receiver = Receiver::start(replies).await;
    let (registry, tracer) = traced();
    drop(tracer.root("job"));
    let options = receiver.options().timeout(Duration::from_millis(50));
    let exporter = OtlpExporter::new(&registry, Some(&tracer), options).unwrap();
    let health = exporter.health();
    assert_eq!(health.is_delivering(), None);
    let running = Running::start(exporter);
    let got = receiver.until_requests(requests).await;
    running.stop().await;
    let ids: Vec<_> = got.iter().map(|one| one.spans()[0].span_id.clone()).collect();
    assert!(ids.iter().all(|id| *id == ids[0]), "the same span is sent again");
    assert_eq!(metric(&registry, &failures(reason)), (requests - 1) as f64, "{reason}");
    assert_eq!(metric(&registry, SENT), 1.0);
    assert_eq!((health.is_delivering(), health.failure()), (Some(true), None));
}

#[tokio::test]
async fn what_a_busy_collector_sends_back_is_sent_again() {
    let answer = |head| Reply::Answer(head, Vec::new());
    send_one(vec![answer("429 Too Many Requests")], "throttled").await;
    send_one(vec![answer("503 Service Unavailable\r\nRetry-After: 0")], "unavailable").await;
    send_one(vec![answer("502 Bad Gateway")], "unavailable").await;
    send_one(vec![answer("504 Gateway Timeout")], "unavailable").await;
}

#[tokio::test]
async fn what_was_not_answered_in_full_is_sent_again() {
    send_one(vec![Reply::Half], "broken").await;
    send_one(vec![Reply::Silence], "timeout").await;
}

#[tokio::test(start_paused = true)]
async fn retry_after_is_waited_for() {
    let busy = "503 Service Unavailable\r\nRetry-After: 200";
    let receiver = Receiver::start(vec![Reply::Answer(busy, Vec::new())]).await;
    let (registry, tracer) = traced();
    drop(tracer.root("job"));
    let options = receiver.options().timeout(Duration::from_secs(3_600));
    let begun = tokio::time::Instant::now();
    let running = Running::start(OtlpExporter::new(&registry, Some(&tracer), options).unwrap());
    while receiver.got().len() < 2 {
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert!(begun.elapsed() < Duration::from_secs(100_000));
    }
    assert!(begun.elapsed() >= Duration::from_secs(200), "{:?}", begun.elapsed());
    running.stop().await;
}

#[tokio::test]
async fn what_is_refused_for_good_is_dropped_and_counted() {
    for head in ["400 Bad Request", "404 Not Found", "500 Oh", "302 Found\r\nLocation: /"] {
        let receiver = Receiver::start(vec![Reply::Answer(head, b"because".to_vec())]).await;
        let (registry, tracer) = traced();
        drop(tracer.root("bad"));
        let exporter = OtlpExporter::new(&registry, Some(&tracer), receiver.options()).unwrap();
        let health = exporter.health();
        let running = Running::start(exporter);
        receiver.until_requests(1).await;
        drop(tracer.root("good"));
        receiver.until_requests(2).await;
        running.stop().await;
        let names: Vec<_> = receiver.spans().into_iter().map(|span| span.name).collect();
        assert_eq!(names, ["bad", "good"], "{head}");
        assert_eq!(metric(&registry, &failures("refused")), 1.0);
        assert_eq!(metric(&registry, &rejected("refused")), 1.0);
        assert_eq!(metric(&registry, SENT), 1.0);
        assert_eq!(health.is_delivering(), Some(true), "the next was taken");
    }
}

#[tokio::test]
async fn what_is_partly_refused_is_counted_and_not_sent_again() {
    let partial =
        ExportTracePartialSuccess { rejected_spans: 2, error_message: "too \"old\"".into() };
    let answer = ExportTraceServiceResponse { partial_success: Some(partial) };
    let reply = Reply::Answer("200 OK", answer.encode_to_vec());
    let receiver = Receiver::start(vec![reply]).await;
    let (registry, tracer) = traced();
    {
        let _root = tracer.root("job");
        (0..4).for_each(|_| drop(tracer.span("step")));
    }
    let exporter = OtlpExporter::new(&registry, Some(&tracer), receiver.options()).unwrap();
    let health = exporter.health();
    let running = Running::start(exporter);
    receiver.until_requests(1).await;
    running.stop().await;
    assert_eq!(receiver.got().len(), 1);
    assert_eq!(metric(&registry, &rejected("partial")), 2.0);
    assert_eq!(metric(&registry, SENT), 3.0);
    let why = health.failure().unwrap();
    assert_eq!(why, "the collector refused 2 items: too \\\"old\\\"");
}

#[tokio::test]
async fn an_answer_that_is_no_message_is_a_yes() {
    let reply = Reply::Answer("200 OK", b"{\"partialSuccess\":{}}".to_vec());
    let receiver = Receiver::start(vec![reply]).await;
    let (registry, tracer) = traced();
    drop(tracer.root("job"));
    let running =
        Running::start(OtlpExporter::new(&registry, Some(&tracer), receiver.options()).unwrap());
    receiver.until_requests(1).await;
    running.stop().await;
    assert_eq!(metric(&registry, SENT), 1.0);
    assert_eq!(receiver.got().len(), 1);
}

#[tokio::test]
async fn what_waited_while_the_collector_was_down_arrives_up_to_the_tracer_s_bound() {
    let taken = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = taken.local_addr().unwrap();
    drop(taken);
    let (registry, tracer) = traced();
    let options = perf_monitor_exporters::OtlpOptions::default()
        .endpoint(&format!("http://{address}"))
        .unwrap()
        .metrics(false)
        .spans_within(Duration::from_millis(1));
    let exporter = OtlpExporter::new(&registry, Some(&tracer), options).unwrap();
    let health = exporter.health();
    let running = Running::start(exporter);
    let most = 10 * tracer.stats().span_capacity as u64;
    (0..most).for_each(|_| drop(tracer.root("job")));
    while metric(&registry, &failures("connect")) == 0.0 {
        tokio::task::yield_now().await;
    }
    assert_eq!(health.is_delivering(), Some(false));
    assert!(health.failure().unwrap().starts_with("cannot connect to http://127.0.0.1:"));
    (0..most).for_each(|_| drop(tracer.root("job")));
    tracer.root("failed").fail("the one that matters");
    let stats = tracer.stats();
    assert!(stats.bytes <= stats.memory_bytes);
    let waiting = tracer.waiting_spans();
    assert!(waiting > 100, "{waiting}");

    let receiver = Receiver::at(address, Vec::new()).await;
    let arrived =
        |got: &[crate::receiver::Got]| got.iter().map(|one| one.spans().len()).sum::<usize>();
    receiver.until(|got| arrived(got) >= waiting).await;
    running.stop().await;
    assert!(receiver.spans().iter().any(|span| span.name == "failed"));
    let lost = tracer.stats().lost_evicted;
    assert_eq!(receiver.spans().len() as u64 + lost, 2 * most + 1, "none is unaccounted for");
}
