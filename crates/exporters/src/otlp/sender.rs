//! One kind of data on its way to a collector, a request at a time.

use std::io::Write;
use std::time::Duration;

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use http::{Request, Response, StatusCode};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceResponse;
use perf_monitor_core::Clock;
use perf_monitor_http::{Client, Error, Session};
use prost::Message;

use super::backoff::{Backoff, random, reason, retry_after};
use super::health::{OtlpHealth, Signal};
use super::options::{OtlpOptions, SignalOptions};
use super::stats::Stats;

/// What became of a request.
#[derive(Debug, PartialEq)]
pub(crate) enum Outcome {
    /// It arrived; so many items in it were refused for good.
    Taken(u64),
    /// It was refused for good.
    Refused,
    /// It is to be sent again, not before this time is over.
    Later(Duration),
}

/// Sends to one place, over a connection that is kept.
#[derive(Debug)]
pub(crate) struct Sender {
    options: SignalOptions,
    session: Session,
    backoff: Backoff,
    clock: Clock,
    pub(crate) stats: Stats,
    signal: Signal,
    health: OtlpHealth,
}

impl Sender {
    pub(crate) fn new(
        options: &OtlpOptions,
        signal: Signal,
        stats: Stats,
        clock: Clock,
        health: OtlpHealth,
    ) -> Sender {
        let signal_options = match signal {
            Signal::Traces => &options.traces,
            Signal::Metrics => &options.metrics,
        };
        Sender {
            options: signal_options.clone(),
            session: Session::new(Client::new(options.client.clone())),
            backoff: Backoff::default(),
            clock,
            stats,
            signal,
            health,
        }
    }

    /// Sends an encoded message.
    pub(crate) async fn send(&mut self, message: Bytes) -> Outcome {
        let request = self.request(message);
        self.stats.requests.inc();
        self.stats.bytes.add(request.body().len() as u64);
        match self.session.send(request, self.options.timeout).await {
            Ok(answer) => self.answered(&answer),
            Err(error) => self.not_answered(&error),
        }
    }

    fn request(&self, message: Bytes) -> Request<Bytes> {
        let mut request = Request::new(message);
        *request.method_mut() = http::Method::POST;
        *request.uri_mut() = self.options.url.clone();
        request.headers_mut().clone_from(&self.options.headers);
        let protobuf = HeaderValue::from_static("application/x-protobuf");
        request.headers_mut().insert(CONTENT_TYPE, protobuf);
        if self.options.gzip {
            request.headers_mut().insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
            *request.body_mut() = gzip(request.body());
        }
        request
    }

    fn answered(&mut self, answer: &Response<Bytes>) -> Outcome {
        let status = answer.status();
        if status.is_success() {
            return self.taken(answer.body());
        }
        self.health.failed(self.signal, &format!("the collector answers {status}"));
        match status {
            StatusCode::TOO_MANY_REQUESTS => self.later("throttled", self.asked(answer)),
            StatusCode::BAD_GATEWAY
            | StatusCode::SERVICE_UNAVAILABLE
            | StatusCode::GATEWAY_TIMEOUT => self.later("unavailable", self.asked(answer)),
            _ => self.refused("refused"),
        }
    }

    /// Any 2xx is a yes, also one whose body is nothing that we know.
    fn taken(&mut self, body: &[u8]) -> Outcome {
        self.backoff.reset();
        // The answer to metrics has the same fields.
        let answer = ExportTraceServiceResponse::decode(body).unwrap_or_default();
        let partial = answer.partial_success.unwrap_or_default();
        let rejected = u64::try_from(partial.rejected_spans).unwrap_or(0);
        match rejected {
            0 => self.health.taken(self.signal),
            _ => {
                let said = partial.error_message.escape_debug();
                let why = format!("the collector refused {rejected} items: {said}");
                self.health.failed(self.signal, &why);
            }
        }
        self.stats.rejected("partial", rejected);
        Outcome::Taken(rejected)
    }

    fn refused(&mut self, reason: &str) -> Outcome {
        self.backoff.reset();
        self.stats.failed(reason);
        Outcome::Refused
    }

    fn not_answered(&mut self, error: &Error) -> Outcome {
        self.health.failed(self.signal, &error.to_string());
        match reason(error) {
            // It would be no other the next time.
            "too_large" => self.refused("too_large"),
            reason => self.later(reason, None),
        }
    }

    fn later(&mut self, reason: &str, asked: Option<Duration>) -> Outcome {
        self.stats.failed(reason);
        Outcome::Later(self.backoff.wait(asked, random()))
    }

    fn asked(&self, answer: &Response<Bytes>) -> Option<Duration> {
        let value = answer.headers().get(RETRY_AFTER)?.to_str().ok()?;
        retry_after(value, self.clock.unix_ns())
    }
}

/// At the lowest level: spans shrink to a fifth, and higher levels take longer for little more.
fn gzip(plain: &[u8]) -> Bytes {
    const INFALLIBLE: &str = "a vector takes all that is written to it";
    let mut encoder = GzEncoder::new(Vec::with_capacity(plain.len() / 4), Compression::fast());
    encoder.write_all(plain).expect(INFALLIBLE);
    encoder.finish().expect(INFALLIBLE).into()
}
