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
        // None while it is dropped.
        #[pin]
        inner: Option<F>,
        // None once it has given its result.
        request: Option<Ongoing>,
    }

    impl<F> PinnedDrop for ResponseFuture<F> {
        fn drop(this: Pin<&mut Self>) {
            let mut this = this.project();
            // What a future holds that is given up is dropped within the span, as it was used.
            if let Some(request) = this.request {
                request.span.run(|| this.inner.set(None));
            }
        }
    }
}

impl<F> ResponseFuture<F> {
    pub(super) fn new(inner: F, request: Ongoing) -> ResponseFuture<F> {
        ResponseFuture { inner: Some(inner), request: Some(request) }
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
        let inner = this.inner.as_pin_mut().expect("it is there until it is dropped");
        let result = match this.request {
            Some(request) => ready!(request.watch(|| inner.poll(cx))),
            None => ready!(inner.poll(cx)),
        };
        if result.is_err() {
            Ongoing::end(this.request, Outcome::Error);
        }
        Poll::Ready(result.map(|response| ResponseBody::wrap(response, this.request.take())))
    }
}
