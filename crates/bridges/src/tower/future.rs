//! The response that a service has yet to give.

use super::body::ResponseBody;
use super::ongoing::Ongoing;
use super::outcome::Outcome;
use http::Response;
use http_body::Body;
use pin_project_lite::pin_project;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

pin_project! {
    /// The response of a [`RequestsService`](super::RequestsService), once it is there.
    ///
    /// Dropped before, it counts the request as `cancelled`.
    #[derive(Debug)]
    pub struct ResponseFuture<F> {
        #[pin]
        inner: F,
        // None once it has given its result.
        request: Option<Ongoing>,
    }
}

impl<F> ResponseFuture<F> {
    pub(super) fn new(inner: F, request: Ongoing) -> ResponseFuture<F> {
        ResponseFuture { inner, request: Some(request) }
    }
}

impl<F, B, E> Future for ResponseFuture<F>
where
    F: Future<Output = Result<Response<B>, E>>,
    B: Body,
{
    type Output = Result<Response<ResponseBody<B>>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let result = match this.request {
            Some(request) => ready!(request.watch(|| this.inner.poll(cx))),
            None => ready!(this.inner.poll(cx)),
        };
        if result.is_err() {
            Ongoing::end(this.request, Outcome::Error);
        }
        Poll::Ready(result.map(|response| ResponseBody::wrap(response, this.request.take())))
    }
}
