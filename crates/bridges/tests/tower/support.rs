//! Requests, bodies and a view of the metrics that fits on a line.

use bytes::Bytes;
use http::{Request, Response};
use http_body::Frame;
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use perf_monitor_core::{Registry, Value};
use tokio::sync::mpsc;

/// What a body may break off with.
pub(crate) type BodyError = &'static str;
pub(crate) type Body = BoxBody<Bytes, BodyError>;

/// A request for `path` without a body.
pub(crate) fn get(path: &str) -> Request<Full<Bytes>> {
    Request::get(path).body(Full::default()).unwrap()
}

pub(crate) fn full(text: &'static str) -> Body {
    Full::new(Bytes::from_static(text.as_bytes())).map_err(|never| match never {}).boxed()
}

/// A response with this status.
pub(crate) fn answer(status: u16, body: Body) -> Response<Body> {
    Response::builder().status(status).body(body).unwrap()
}

/// Sends the frames of a body one by one.
pub(crate) type Frames = mpsc::Sender<Result<Frame<Bytes>, BodyError>>;

/// A body that gives what it is sent, and ends when its sender is dropped.
pub(crate) fn streamed() -> (Frames, Body) {
    let (sender, mut receiver) = mpsc::channel(16);
    let frames = futures_util::stream::poll_fn(move |cx| receiver.poll_recv(cx));
    // Its end shows only when it is asked for another frame, as with most streams.
    (sender, BodyExt::boxed(StreamBody::new(frames)))
}

pub(crate) fn data(text: &'static str) -> Result<Frame<Bytes>, BodyError> {
    Ok(Frame::data(Bytes::from_static(text.as_bytes())))
}

/// `method route status count` of every counted request, in the order of the texts, with
/// `overflow count` for what found no room.
pub(crate) fn ended(registry: &Registry) -> Vec<String> {
    let mut lines = lines(registry, "http_server_requests_total");
    lines.sort();
    lines
}

/// `method route requests` of every series of requests under way.
pub(crate) fn active(registry: &Registry) -> Vec<String> {
    lines(registry, "http_server_active_requests")
}

/// `method route records sum` of every series of a histogram.
pub(crate) fn sizes(registry: &Registry, name: &str) -> Vec<String> {
    lines(registry, name)
}

/// How many requests have a duration.
pub(crate) fn durations(registry: &Registry) -> u64 {
    let lines = lines(registry, "http_server_request_duration_seconds");
    let count = |line: &String| line.rsplit(' ').nth(1).unwrap().parse::<u64>().unwrap();
    lines.iter().map(count).sum()
}

fn lines(registry: &Registry, name: &str) -> Vec<String> {
    let snapshot = registry.snapshot();
    let Some(family) = snapshot.family(name) else {
        return Vec::new();
    };
    let line = |series: &perf_monitor_core::SeriesSnapshot| {
        let labels: Vec<&str> = match series.info.overflow {
            true => vec!["overflow"],
            false => series.info.label_values.iter().collect(),
        };
        let value = match series.value.as_value() {
            Value::Counter(count) => count.to_string(),
            Value::Gauge(value) => value.to_string(),
            Value::Histogram(value) => format!("{} {}", value.count, value.sum),
            other => panic!("{name} is no {other:?}"),
        };
        format!("{} {value}", labels.join(" "))
    };
    family.series.iter().map(line).collect()
}

/// A service's error.
#[derive(Debug, PartialEq)]
pub(crate) struct Broken;
