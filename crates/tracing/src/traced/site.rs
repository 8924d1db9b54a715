//! The place of a traced function.

use std::fmt;

use crate::record::{How, Parent, Start};
use crate::span::Span;
use crate::{DistributedTracer, SpanGuard, SpanKind};

/// What the spans of a function have in common, in a static of the function.
///
/// They are spans of [`DistributedTracer::global`].
///
/// ```
/// use perf_monitor_tracing::traced::Site;
/// use perf_monitor_tracing::{DistributedTracer, SpanKind};
///
/// // What the attribute writes into a function:
/// static SITE: Site = Site::new("orders::take").kind(SpanKind::Server);
/// let trace_id = SITE.enter().context().trace_id;
///
/// let traces = DistributedTracer::global().trace(trace_id);
/// assert_eq!(&*traces[0].spans[0].name, "orders::take");
/// ```
pub struct Site {
    name: &'static str,
    kind: SpanKind,
    root: bool,
}

impl Site {
    /// The site of the function `name`.
    pub const fn new(name: &'static str) -> Site {
        Site { name, kind: SpanKind::Internal, root: false }
    }

    /// The same for spans of this kind.
    #[must_use]
    pub const fn kind(mut self, kind: SpanKind) -> Site {
        self.kind = kind;
        self
    }

    /// The same for spans that are roots of new traces, whatever the thread is in.
    #[must_use]
    pub const fn root(mut self) -> Site {
        self.root = true;
        self
    }

    /// Begins a span that lasts as long as a scope.
    ///
    /// # Cost
    /// `span/guard`. The first call of a site registers the series of its name.
    #[inline]
    pub fn enter(&self) -> SpanGuard<'static> {
        let tracer = DistributedTracer::global();
        SpanGuard::begin(&tracer.core, self.number(tracer), self.kind as u8, false, self.parent())
    }

    /// Begins a span that may be sent.
    ///
    /// # Cost
    /// As `span/by-id`. The first call of a site registers the series of its name.
    #[inline]
    pub fn begin(&self) -> Span {
        let tracer = DistributedTracer::global();
        let start = Start {
            name: self.number(tracer),
            kind: self.kind as u8,
            forced: false,
            how: How::Owned,
            parent: self.parent(),
        };
        Span::begin(&tracer.core, start)
    }

    #[inline]
    fn number(&self, tracer: &DistributedTracer) -> u16 {
        tracer.core.names.of_static(self.name, &tracer.core.metrics)
    }

    #[inline]
    fn parent(&self) -> Parent<'static> {
        if self.root { Parent::Root } else { Parent::Current }
    }
}

impl fmt::Debug for Site {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Site").field(&self.name).finish()
    }
}
