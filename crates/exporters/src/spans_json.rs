//! The spans of a tracer as JSON.

mod encode;
mod query;
#[cfg(test)]
mod tests;

use std::future::ready;

use http::StatusCode;
use perf_monitor_http::{Body, Handler, Request, Response, answer};
use perf_monitor_tracing::{DistributedTracer, FinishedTrace, OpenSpan};

use encode::Traces;
use query::{Query, State};

/// Answers `/api/spans` with the spans of `tracer`, as JSON.
///
/// | parameter | gives |
/// |---|---|
/// | `state=recent` | traces that were kept, the newest first; this is the default |
/// | `state=failed` | those with a span that failed, the newest first |
/// | `state=slow` | those with the slowest spans of their names, the longest first |
/// | `state=open` | spans that have not ended, the oldest first |
/// | `name=db.query` | only traces with a span of exactly this name, or open spans of it |
/// | `trace=4bf9…4736` | only this trace, by its 32 hexadecimal digits |
/// | `limit=50` | at most so many traces, or open spans: 1 to 200, 50 by default |
///
/// Anything else for `state`, `trace` or `limit` is answered by 400 and a sentence that names the choices. What is
/// there is written as
///
/// ```json
/// {"state": "failed", "limit": 50, "more": false, "traces": [
///   {"trace_id": "4bf92f3577b34da6a3ce929d0e0e4736", "failed": true, "slow": false, "sampled": true,
///    "forced": false, "exported": false, "spans": [
///     {"span_id": "00f067aa0ba902b7", "parent_id": null, "parent_is_remote": false, "name": "GET /cart",
///      "kind": "server", "start_unix_ns": 1700000000250000000, "duration_ms": 12.5,
///      "status": "error", "message": "no connection", "slow": false,
///      "attributes": [{"key": "rows", "type": "int", "value": 3}],
///      "events": [{"name": "retry", "unix_ns": 1700000000251000000, "attributes": []}],
///      "links": [{"trace_id": "…", "span_id": "…"}], "trace_state": "", "dropped": 0}]}]}
/// ```
///
/// or, with `state=open`, as
///
/// ```json
/// {"state": "open", "limit": 50, "more": true, "spans": [
///   {"trace_id": "…", "span_id": "…", "parent_id": "…", "name": "checkout", "kind": "internal",
///    "sampled": true, "age_ms": 83.25}]}
/// ```
///
/// - A trace is what of it ran below one local root; its spans stand in the order in which they began.
/// - `more` is whether the limit left any out.
/// - `status` is `unset`, `ok` or `error`; only an error has a `message`, which may be empty.
/// - `type` is `bool`, `int`, `float` or `string`. A float that JSON cannot say (NaN, infinity) has the value `null`;
///   integers have all their digits, also beyond 2⁵³.
/// - `dropped` is how many attributes, events and links found no room; 255 stands for that many or more.
///
/// # Cost
/// A copy of the traces that are looked at, each under the lock that readers share; nobody who records waits.
///
/// ```
/// use perf_monitor_core::Registry;
/// use perf_monitor_exporters::spans_handler;
/// use perf_monitor_http::Router;
/// use perf_monitor_tracing::{DistributedTracer, TracerOptions};
///
/// let tracer = DistributedTracer::new(&Registry::new(), TracerOptions::default())?;
/// let router = Router::new().get("/api/spans", spans_handler(&tracer));
/// # Ok::<(), perf_monitor_tracing::Error>(())
/// ```
pub fn spans_handler(tracer: &DistributedTracer) -> impl Handler + use<> {
    let tracer = tracer.clone();
    move |request: Request| ready(spans(&tracer, &request))
}

fn spans(tracer: &DistributedTracer, request: &Request) -> Response {
    let query = match Query::of(request) {
        Ok(query) => query,
        Err(why) => {
            let text = format!("{why}\n");
            return answer(StatusCode::BAD_REQUEST, "text/plain; charset=utf-8", text);
        }
    };
    let body = match query.state {
        State::Open => Body::from(encode::open(&query, open(tracer, &query))),
        _ => Body::stream(Traces::new(&query, finished(tracer, &query))),
    };
    answer(StatusCode::OK, "application/json", body)
}

/// What fits, one more than the limit if there is more.
fn open(tracer: &DistributedTracer, query: &Query) -> Vec<OpenSpan> {
    let mut found = tracer.open_spans();
    found.retain(|span| query.fits_trace(span.context.trace_id) && query.fits_name(&span.name));
    found.truncate(query.limit + 1);
    found
}

/// What fits, one more than the limit if there is more.
fn finished(tracer: &DistributedTracer, query: &Query) -> Vec<FinishedTrace> {
    let most = if query.is_narrow() { usize::MAX } else { query.limit + 1 };
    let mut found = match (query.state, query.trace) {
        (State::Slow, _) => tracer.slow(most),
        (State::Failed, _) => tracer.failed(most),
        (_, Some(id)) => tracer.trace(id).into_iter().rev().collect(),
        (_, None) => tracer.recent(most),
    };
    found.retain(|trace| query.fits(trace));
    found.truncate(query.limit + 1);
    found
}
