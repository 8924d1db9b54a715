//! The body of a response, counted as it is read.

use super::ongoing::Ongoing;
use super::outcome::Outcome;
use bytes::Buf;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderMap, Response, StatusCode};
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;
use std::pin::Pin;
use std::task::{Context, Poll};

/// Where gRPC says how a call ended: in the trailers, or in the head of a response without a body.
const GRPC_STATUS: &str = "grpc-status";

pin_project! {
    /// A response's body that ends its request when it has been read, or is dropped.
    ///
    /// Frames, hints and errors are those of the body within.
    #[derive(Debug)]
    pub struct ResponseBody<B> {
        #[pin]
        inner: B,
        // None once the request has ended.
        request: Option<Ongoing>,
        // How the request ends with the body.
        outcome: Outcome,
        // Bytes after which nobody will ask for more.
        length: Option<u64>,
    }
}

impl<B: Body> ResponseBody<B> {
    /// The response, its body counted for `request`, which ends here if there is no body to wait
    /// for.
    pub(super) fn wrap(response: Response<B>, mut request: Option<Ongoing>) -> Response<Self> {
        let told = told(response.status(), response.headers());
        // gRPC tells it after the body; a call that ends without has the status "unknown".
        let outcome = told.unwrap_or(Outcome::ServerError);
        if let Some(request) = &mut request {
            request.span.answered(response.status());
            // A body that is dropped unread was not wanted: the answer to HEAD, or one that a
            // layer outside put something else in the place of.
            request.if_dropped(told.unwrap_or(Outcome::Cancelled));
        }
        if response.body().is_end_stream() {
            Ongoing::end(&mut request, outcome);
        }
        let length = told.and_then(|_| length(&response));
        response.map(|inner| ResponseBody { inner, request, outcome, length })
    }
}

/// How a response says that the request ended; `None` if it will say so after its body.
fn told(status: StatusCode, headers: &HeaderMap) -> Option<Outcome> {
    if status != StatusCode::OK || !is_grpc(headers) {
        return Some(Outcome::of_status(status));
    }
    headers.get(GRPC_STATUS).map(Outcome::of_grpc)
}

/// Whether it is gRPC with trailers of HTTP, which gRPC-Web is not.
fn is_grpc(headers: &HeaderMap) -> bool {
    let kind = headers.get(CONTENT_TYPE).map(|kind| kind.as_bytes());
    let rest = kind.and_then(|kind| kind.strip_prefix(b"application/grpc"));
    rest.is_some_and(|rest| matches!(rest, [] | [b'+' | b';', ..]))
}

/// Bytes that a server will send of the body, if they are known.
fn length<B: Body>(response: &Response<B>) -> Option<u64> {
    let declared = || response.headers().get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok();
    response.body().size_hint().exact().or_else(declared)
}

impl<B: Body> Body for ResponseBody<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        let mut this = self.project();
        let Some(request) = this.request else {
            return this.inner.poll_frame(cx);
        };
        let before = *request.sent.get_or_insert(0);
        let polled = request.watch(|| this.inner.as_mut().poll_frame(cx));
        let ended = match &polled {
            Poll::Pending => None,
            Poll::Ready(None) => Some(*this.outcome),
            Poll::Ready(Some(Err(_))) => Some(Outcome::Error),
            Poll::Ready(Some(Ok(frame))) => {
                let sent = before + frame.data_ref().map_or(0, |data| data.remaining() as u64);
                request.sent = Some(sent);
                // Servers do not ask again after the last byte, nor after trailers.
                let last = this.length.is_some_and(|length| sent >= length)
                    || frame.is_trailers()
                    || this.inner.is_end_stream();
                let code = frame.trailers_ref().and_then(|trailers| trailers.get(GRPC_STATUS));
                code.map(Outcome::of_grpc).or(last.then_some(*this.outcome))
            }
        };
        if let Some(outcome) = ended {
            Ongoing::end(this.request, outcome);
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

/// A body that counts nothing, for layers outside that answer in the service's place.
impl<B: Default> Default for ResponseBody<B> {
    fn default() -> Self {
        let outcome = Outcome::Success;
        ResponseBody { inner: B::default(), request: None, outcome, length: None }
    }
}
