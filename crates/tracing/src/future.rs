//! Futures within a span.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use perf_monitor_core::Instant;
use pin_project_lite::pin_project;

use crate::span::Span;

/// Puts futures into spans.
pub trait FutureExt: Future + Sized {
    /// The same future, which is in `span` while it is polled; the span ends when it is dropped.
    ///
    /// The span keeps how often it was polled (`polls`), for how long (`busy_ns`), how long it waited
    /// in between (`idle_ns`), as attributes. A future that is dropped before its end has the
    /// attribute `cancelled`.
    ///
    /// # Cost
    /// `span/future-10-polls`: two reads of the clock for each poll.
    fn in_span(self, span: Span) -> InSpan<Self> {
        let last = span.started();
        let times = Times { polls: 0, busy_ns: 0, idle_ns: 0, last, ended: false };
        InSpan { future: Some(self), state: State { span, times } }
    }
}

impl<F: Future> FutureExt for F {}

pin_project! {
    /// A future within a span, made by [`FutureExt::in_span`].
    #[must_use = "futures do nothing unless they are polled"]
    pub struct InSpan<F> {
        #[pin]
        future: Option<F>,
        state: State,
    }

    impl<F> PinnedDrop for InSpan<F> {
        fn drop(this: Pin<&mut Self>) {
            let mut this = this.project();
            // What the future holds is dropped within the span, as it was used.
            let _entered = this.state.span.enter();
            this.future.set(None);
        }
    }
}

struct State {
    span: Span,
    times: Times,
}

struct Times {
    polls: i64,
    busy_ns: u64,
    idle_ns: u64,
    /// When the last poll ended.
    last: Instant,
    ended: bool,
}

impl<F> InSpan<F> {
    /// The span.
    pub fn span(&self) -> &Span {
        &self.state.span
    }
}

impl<F: Future> Future for InSpan<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let mut this = self.project();
        let State { span, times } = this.state;
        let future =
            this.future.as_mut().as_pin_mut().expect("a future that is done is not polled");
        let began = Instant::now();
        times.idle_ns += began.ns_since(times.last);
        times.polls += 1;
        let entered = span.enter();
        // Should it panic, that is its end.
        times.ended = true;
        let polled = future.poll(cx);
        times.ended = polled.is_ready();
        drop(entered);
        times.last = Instant::now();
        times.busy_ns += times.last.ns_since(began);
        let output = ready!(polled);
        let entered = span.enter();
        this.future.set(None);
        drop(entered);
        Poll::Ready(output)
    }
}

impl Drop for State {
    fn drop(&mut self) {
        let Times { polls, busy_ns, idle_ns, ended, .. } = self.times;
        let times =
            [("polls", polls.into()), ("busy_ns", busy_ns.into()), ("idle_ns", idle_ns.into())];
        self.span.attributes(&times);
        if !ended {
            self.span.attribute("cancelled", true);
        }
    }
}

impl<F> fmt::Debug for InSpan<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("InSpan").field(&self.state.span).finish()
    }
}
