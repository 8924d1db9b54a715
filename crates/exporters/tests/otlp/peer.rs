//! Spans and metrics as the Python package `opentelemetry-proto` reads them.
//!
//! It runs where `PERF_MONITOR_OTLP_PYTHON` names a Python that has the package; `cargo xtask peers` makes one.

use std::io::Write;
use std::process::{Command, Stdio};
use std::time::Duration;

use perf_monitor_exporters::OtlpExporter;
use perf_monitor_tracing::{FinishedSpan, StatusCode};
use serde_json::{Value, json};

use crate::receiver::{Got, Receiver, Running, traced};
use crate::spans::make_a_trace;

/// Reads hexadecimal bodies from lines, writes each as JSON.
const SCRIPT: &str = r#"
import importlib, json, sys
from google.protobuf.json_format import MessageToDict
for line in sys.stdin:
    kind, body = line.split()
    name = {"traces": "Trace", "metrics": "Metrics"}[kind]
    base = "opentelemetry.proto.collector.%s.v1.%s_service_pb2"
    module = importlib.import_module(base % ((name.lower(),) * 2))
    request = getattr(module, "Export%sServiceRequest" % name)()
    request.ParseFromString(bytes.fromhex(body))
    size = request.ByteSize()
    request.DiscardUnknownFields()
    assert request.ByteSize() == size, "there are fields that it does not know"
    print(json.dumps(MessageToDict(request, preserving_proto_field_name=True)))
"#;

/// What their decoder makes of the requests; none where it is not there.
fn decoded(python: &std::ffi::OsStr, got: &[Got]) -> Vec<Value> {
    let mut child = Command::new(python)
        .args(["-c", SCRIPT])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    for one in got {
        let kind = if one.head.starts_with("POST /v1/traces") { "traces" } else { "metrics" };
        let hex: String = one.body.iter().map(|byte| format!("{byte:02x}")).collect();
        writeln!(stdin, "{kind} {hex}").unwrap();
    }
    drop(stdin);
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    let lines = String::from_utf8(output.stdout).unwrap();
    lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Bytes as their JSON has them.
fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let word = chunk.iter().fold(0, |word, byte| word << 8 | u32::from(*byte));
        let word = word << (8 * (3 - chunk.len()));
        let digits =
            (0..=chunk.len()).map(|n| DIGITS[(word >> (18 - 6 * n) & 63) as usize] as char);
        text.extend(digits);
        text.extend(std::iter::repeat_n('=', 3 - chunk.len()));
    }
    text
}

fn named<'a>(list: &'a Value, key: &str) -> &'a Value {
    let found = list.as_array().unwrap().iter().find(|one| one["key"] == key);
    &found.unwrap_or_else(|| panic!("{key} is missing in {list}"))["value"]
}

fn assert_same(span: &FinishedSpan, found: &Value) {
    assert_eq!(found["trace_id"], base64(&span.trace_id.to_bytes()));
    let parent = span.parent.map(|id| base64(&id.to_bytes()));
    assert_eq!(found["parent_span_id"].as_str(), parent.as_deref());
    assert_eq!(found["name"], *span.name);
    let kind = format!("SPAN_KIND_{}", span.kind.as_str().to_uppercase());
    assert_eq!(found["kind"], kind.as_str());
    let time = |name: &str| found[name].as_str().unwrap().parse::<u64>().unwrap();
    let took = time("end_time_unix_nano") - time("start_time_unix_nano");
    assert_eq!(took, span.duration_ns);
    let events = found["events"].as_array().map_or(0, Vec::len);
    let links = found["links"].as_array().map_or(0, Vec::len);
    assert_eq!((events, links), (span.events.len(), span.links.len()));
    match &span.status {
        StatusCode::Unset => assert!(found["status"].is_null()),
        StatusCode::Ok => assert_eq!(found["status"], json!({ "code": "STATUS_CODE_OK" })),
        StatusCode::Error(why) => {
            let wanted = json!({ "code": "STATUS_CODE_ERROR", "message": &**why });
            assert_eq!(found["status"], wanted);
        }
    }
}

#[tokio::test]
async fn an_independent_decoder_reads_what_was_recorded() {
    let Some(python) = std::env::var_os("PERF_MONITOR_OTLP_PYTHON") else {
        println!("skipped: set PERF_MONITOR_OTLP_PYTHON to run it");
        return;
    };
    let receiver = Receiver::start(Vec::new()).await;
    let (registry, tracer) = traced();
    registry.counter(("jobs_total", "Jobs.")).unwrap().add(5);
    make_a_trace(&tracer);
    let recorded = tracer.recent(9);
    let options = receiver.options().metrics(true).metrics_every(Duration::from_secs(3_600));
    let running = Running::start(OtlpExporter::new(&registry, Some(&tracer), options).unwrap());
    running.stop().await;

    let (mut spans, mut metrics, mut resources) = (Vec::new(), Vec::new(), Vec::new());
    for request in decoded(&python, &receiver.got()) {
        for (all, scopes, items, into) in [
            ("resource_spans", "scope_spans", "spans", &mut spans),
            ("resource_metrics", "scope_metrics", "metrics", &mut metrics),
        ] {
            for one in request[all].as_array().into_iter().flatten() {
                resources.push(one["resource"].clone());
                for scope in one[scopes].as_array().unwrap() {
                    into.extend(scope[items].as_array().unwrap().iter().cloned());
                }
            }
        }
    }
    let service = json!({ "string_value": "checkout" });
    assert!(resources.iter().all(|one| *named(&one["attributes"], "service.name") == service));
    let recorded: Vec<_> = recorded.iter().flat_map(|trace| &trace.spans).collect();
    assert_eq!(recorded.len(), spans.len());
    for span in recorded {
        let id = base64(&span.span_id.to_bytes());
        assert_same(span, spans.iter().find(|one| one["span_id"] == *id).unwrap());
    }
    let server = spans.iter().find(|span| span["name"] == "GET /orders").unwrap();
    for (key, value) in [
        ("http.request.method", json!({ "string_value": "GET" })),
        ("empty", json!({ "string_value": "" })),
        ("rows", json!({ "int_value": "-3" })),
        ("none", json!({ "int_value": "0" })),
        ("share", json!({ "double_value": 0.25 })),
        ("nothing", json!({ "double_value": 0.0 })),
        ("cached", json!({ "bool_value": true })),
        ("stale", json!({ "bool_value": false })),
        ("umlaut \u{fc} \u{1f980}", json!({ "string_value": "\u{e9}\n\"" })),
    ] {
        assert_eq!(*named(&server["attributes"], key), value, "{key}");
    }
    assert_eq!(server["trace_state"], "vendor=1,other=2");
    assert_eq!(server["parent_span_id"], base64(&7_u64.to_be_bytes()));
    assert_eq!(server["flags"], 0x301);
    let retry = &server["events"][0];
    assert_eq!(retry["name"], "retry");
    assert_eq!(*named(&retry["attributes"], "attempt"), json!({ "int_value": "2" }));
    let jobs = metrics.iter().find(|metric| metric["name"] == "jobs_total").unwrap();
    assert_eq!(jobs["sum"]["data_points"][0]["as_int"], "5");
}
