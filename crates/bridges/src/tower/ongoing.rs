//! A request on its way.

use super::cache::Share;
use super::outcome::Outcome;
use super::route::Ended;
use super::traced::RequestSpan;
use perf_monitor_core::Instant;

/// A request from the call of the service to the end of the response's body. It is recorded when
/// this is dropped, whatever the reason, so that none is lost and none stays in flight.
#[derive(Debug)]
pub(super) struct Ongoing {
    route: Share,
    pub(super) span: RequestSpan,
    begun: Instant,
    collected: bool,
    /// How the request ended if this is dropped now.
    outcome: Outcome,
    /// Bytes of the response's body so far; none before anybody reads of it.
    pub(super) sent: Option<u64>,
}

impl Ongoing {
    /// A request that begins now, with a body of `size` if it has one of known size. The
    /// registry's collector counts it if `collected`.
    #[inline]
    pub(super) fn begin(
        route: Share,
        span: RequestSpan,
        size: Option<u64>,
        collected: bool,
    ) -> Ongoing {
        route.begin(size, collected);
        let begun = Instant::now();
        Ongoing { route, span, begun, collected, outcome: Outcome::Cancelled, sent: None }
    }

    /// Runs code of the service, within the span. A panic in there is the request's end, as an error: whoever
    /// catches it drops this afterwards, or never runs it again.
    #[inline]
    pub(super) fn watch<R>(&mut self, service: impl FnOnce() -> R) -> R {
        self.outcome = Outcome::Error;
        let result = self.span.run(service);
        self.outcome = Outcome::Cancelled;
        result
    }

    /// How the request ends if this is dropped next.
    #[inline]
    pub(super) fn if_dropped(&mut self, outcome: Outcome) {
        self.outcome = outcome;
    }

    /// Ends the request, if it has not ended yet.
    #[inline]
    pub(super) fn end(request: &mut Option<Ongoing>, outcome: Outcome) {
        if let Some(mut request) = request.take() {
            request.outcome = outcome;
        }
    }
}

impl Drop for Ongoing {
    #[inline]
    fn drop(&mut self) {
        let took_ns = self.begun.elapsed_ns();
        self.route.end(Ended {
            outcome: self.outcome,
            took_ns,
            exemplar: self.span.end(self.outcome, took_ns),
            sent: self.sent,
            collected: self.collected,
        });
    }
}
