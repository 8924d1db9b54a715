//! What `/api/spans` answers about a tracer that is used.

use perf_monitor_core::Registry;
use perf_monitor_exporters::spans_handler;
use perf_monitor_http::Handler;
use perf_monitor_tracing::{DistributedTracer, SpanKind, TracerOptions};
use serde_json::{Value, json};

use crate::http::ask_for;

fn tracer() -> DistributedTracer {
    let options = TracerOptions { roots_per_second: f64::INFINITY, ..TracerOptions::default() };
    DistributedTracer::new(&Registry::new(), options).unwrap()
}

/// Two traces that went well and one that did not, one of them with a query.
fn used() -> DistributedTracer {
    let tracer = tracer();
    for (name, failed) in [("first", false), ("second", true), ("third", false)] {
        let mut root = tracer.root(name);
        root.attribute("number", 7_i64);
        let mut child = tracer.span(if failed { "db.query" } else { "render" });
        child.set_kind(SpanKind::Client);
        child.event("sent", &[("bytes", 120_i64.into())]);
        if failed {
            child.fail("no connection");
        }
    }
    tracer
}

async fn json(handler: &impl Handler, query: &str) -> Value {
    let answer = ask_for(handler, &format!("/api/spans{query}")).await;
    assert_eq!(
        (answer.status.as_u16(), answer.header("content-type")),
        (200, Some("application/json"))
    );
    serde_json::from_slice(&answer.body()).unwrap()
}

/// The names of the first spans of an answer's traces.
fn roots(answer: &Value) -> Vec<&str> {
    let traces = answer["traces"].as_array().unwrap().iter();
    traces.map(|trace| trace["spans"][0]["name"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn a_trace_is_shown_with_all_that_its_spans_have() {
    let tracer = used();
    let handler = spans_handler(&tracer);
    let answer = json(&handler, "?state=failed").await;
    assert_eq!(
        (&answer["state"], &answer["limit"], &answer["more"]),
        (&json!("failed"), &json!(50), &json!(false))
    );
    let trace = &tracer.failed(1)[0];
    let shown = &answer["traces"][0];
    assert_eq!(shown["trace_id"], trace.trace_id.to_string());
    assert_eq!((&shown["failed"], &shown["exported"]), (&json!(true), &json!(false)));
    let [root, child] = &*trace.spans else { panic!("{trace:?}") };
    let [shown_root, shown_child] = &**shown["spans"].as_array().unwrap() else {
        panic!("{shown}")
    };
    assert_eq!(shown_root["attributes"], json!([{"key": "number", "type": "int", "value": 7}]));
    assert_eq!(shown_root["start_unix_ns"], root.start_unix_ns);
    assert_eq!((&shown_root["parent_id"], &shown_root["status"]), (&Value::Null, &json!("unset")));
    assert_eq!(shown_child["parent_id"], root.span_id.to_string());
    assert_eq!((&shown_child["kind"], &shown_child["status"]), (&json!("client"), &json!("error")));
    assert_eq!(shown_child["message"], "no connection");
    assert_eq!(shown_child["duration_ms"].as_f64().unwrap(), child.duration_ns as f64 / 1e6);
    let event = &shown_child["events"][0];
    assert_eq!(
        (&event["name"], &event["unix_ns"]),
        (&json!("sent"), &json!(child.events[0].unix_ns))
    );
    assert_eq!(event["attributes"], json!([{"key": "bytes", "type": "int", "value": 120}]));
}

#[tokio::test]
async fn traces_are_chosen_by_state_name_and_id() {
    let tracer = used();
    let handler = spans_handler(&tracer);
    let second = tracer.failed(1)[0].trace_id;
    for (query, wanted) in [
        (String::new(), &["third", "second", "first"][..]),
        ("?state=recent&limit=2".into(), &["third", "second"]),
        ("?state=failed".into(), &["second"]),
        ("?name=render".into(), &["third", "first"]),
        ("?name=render&limit=1".into(), &["third"]),
        ("?name=db.query&state=failed".into(), &["second"]),
        ("?name=nobody".into(), &[]),
        (format!("?trace={second}"), &["second"]),
        (format!("?trace={}&state=failed", second.to_string().to_uppercase()), &["second"]),
        (format!("?trace={second}&name=render"), &[]),
        ("?trace=00000000000000000000000000000001".into(), &[]),
    ] {
        let answer = json(&handler, &query).await;
        assert_eq!(roots(&answer), wanted, "{query}");
        assert_eq!(answer["more"], query.contains("limit"), "{query}");
    }
}

#[tokio::test]
async fn the_slowest_of_a_name_are_first() {
    let tracer = tracer();
    let slow = tracer.root("slow");
    (0..3).for_each(|_| drop(tracer.root("quick")));
    drop(slow);
    let answer = json(&spans_handler(&tracer), "?state=slow").await;
    assert_eq!(roots(&answer)[0], "slow");
}

#[tokio::test]
async fn open_spans_are_listed_with_their_age_the_oldest_first() {
    let tracer = tracer();
    let request = tracer.root("request");
    let query = tracer.start("db.query").kind(SpanKind::Client).begin();
    let handler = spans_handler(&tracer);
    let answer = json(&handler, "?state=open").await;
    let [first, second] = &**answer["spans"].as_array().unwrap() else { panic!("{answer}") };
    assert_eq!((&first["name"], &first["parent_id"]), (&json!("request"), &Value::Null));
    assert_eq!(first["trace_id"], request.context().trace_id.to_string());
    assert_eq!((&second["name"], &second["kind"]), (&json!("db.query"), &json!("client")));
    assert_eq!(second["parent_id"], request.id().to_string());
    assert!(first["age_ms"].as_f64() >= second["age_ms"].as_f64(), "{answer}");
    let one = json(&handler, "?state=open&limit=1").await;
    assert_eq!((one["spans"].as_array().unwrap().len(), &one["more"]), (1, &json!(true)));
    let named = json(&handler, "?state=open&name=db.query").await;
    assert_eq!(named["spans"][0]["span_id"], query.id().to_string());
    drop((query, request));
    assert_eq!(json(&handler, "?state=open").await["spans"], json!([]));
}

#[tokio::test]
async fn what_cannot_be_asked_for_is_400_with_the_choices() {
    let handler = spans_handler(&tracer());
    for (query, choices) in [
        ("state=closed", "open, recent, slow or failed"),
        ("trace=%3Cb%3E", "32 hexadecimal digits"),
        ("limit=0", "from 1 to 200"),
    ] {
        let answer = ask_for(&handler, &format!("/api/spans?{query}")).await;
        assert_eq!(answer.status.as_u16(), 400, "{query}");
        assert_eq!(answer.header("content-type"), Some("text/plain; charset=utf-8"));
        let text = String::from_utf8(answer.body()).unwrap();
        assert!(text.contains(choices) && text.ends_with('\n'), "{text}");
    }
}

#[tokio::test]
async fn a_name_that_looks_like_json_changes_nothing_but_itself() {
    let tracer = tracer();
    let hostile = "\"}]}\n\u{0}\u{7f}\\u0041\u{2028}";
    let mut span = tracer.start(hostile).guard();
    span.dynamic_attribute(hostile, hostile);
    drop(span);
    let answer =
        json(&spans_handler(&tracer), "?name=%22%7D%5D%7D%0A%00%7F%5Cu0041%E2%80%A8").await;
    assert_eq!(roots(&answer), [hostile]);
    let attribute = &answer["traces"][0]["spans"][0]["attributes"][0];
    assert_eq!((&attribute["key"], &attribute["value"]), (&json!(hostile), &json!(hostile)));
}
