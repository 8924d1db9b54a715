//! The future of a function that gives one back without being `async`.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use pin_project_lite::pin_project;

use crate::{FutureExt, InSpan, Span};

pin_project! {
    /// A future in a span, with what is to be done as it ends.
    #[doc(hidden)]
    #[must_use = "futures do nothing unless they are polled"]
    pub struct Followed<F, E> {
        // `None` once it is done, as the span ends then, however long this is kept.
        #[pin]
        future: Option<InSpan<F>>,
        end: Option<E>,
    }
}

impl<F: Future, E: FnOnce(&Span, &F::Output)> Followed<F, E> {
    #[doc(hidden)]
    pub fn new(span: Span, future: F, end: E) -> Followed<F, E> {
        Followed { future: Some(future.in_span(span)), end: Some(end) }
    }
}

impl<F: Future, E: FnOnce(&Span, &F::Output)> Future for Followed<F, E> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let mut this = self.project();
        let future = this.future.as_mut().as_pin_mut();
        let mut future = future.expect("a future that is done is not polled");
        let output = ready!(future.as_mut().poll(context));
        if let Some(end) = this.end.take() {
            end(future.span(), &output);
        }
        this.future.set(None);
        Poll::Ready(output)
    }
}
