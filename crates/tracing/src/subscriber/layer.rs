//! The layer, as a subscriber calls it.

use std::fmt;
use std::panic::resume_unwind;
use std::sync::atomic::{AtomicU32, Ordering};

use tracing_core::field::Visit;
use tracing_core::span::{Attributes, Id, Record};
use tracing_core::{Event, LevelFilter, Metadata, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer;
use tracing_subscriber::registry::LookupSpan;

use super::entered;
use super::fields::{Fields, Kinds};
use super::otel;
use super::visit::{Sink, visit};
use crate::payload::Writer;
use crate::record::{How, Parent, Start};
use crate::span::Span;
use crate::tracer::DistributedTracer;
use crate::value::SpanKind;

/// Makes spans of a [`DistributedTracer`] of what code says to the `tracing` crate, with
/// `#[instrument]`, `span!`, `info!` for instance.
///
/// | of `tracing` | becomes |
/// |---|---|
/// | a span, from `new` to its close | a span of its name, with its fields as attributes |
/// | a parent: explicit, or by context | the same; spans of a [`DistributedTracer`] count as context |
/// | entered by a thread | the thread's context, so that spans of the tracer are below it |
/// | an event within a span | an event named by its message, with its `level`, its fields |
/// | an event of level ERROR | its span has failed, for the message, or the field `error` |
/// | `follows_from` | a link |
/// | `otel.name`, `otel.kind`, `otel.status_code`, `otel.status_message` | what `tracing-opentelemetry` makes of them |
///
/// Any thread may enter or close a span. Events outside of spans are nobody's. Texts are kept up to 256
/// bytes; what a span carries is bounded by its tracer, which counts what it drops.
///
/// # Which spans
/// All, unless the layer has a filter of `tracing_subscriber`, which keeps what it filters out from
/// costing anything: `layer.with_filter(LevelFilter::INFO)`, or `Targets` for levels by target. What the
/// crates of `perf_monitor` say is left out, so that exporting does not trace itself. Put one
/// such layer into a subscriber: of a second one, spans are left out.
///
/// # Cost
/// `span/tracing-layer`: most of it is the registry of `tracing_subscriber`. Where a span matters in
/// nanoseconds, make it with the tracer.
///
/// ```
/// use perf_monitor_core::Registry;
/// use perf_monitor_tracing::{DistributedTracer, TracerOptions, TracingLayer};
/// use tracing_subscriber::layer::SubscriberExt;
///
/// let registry = Registry::new();
/// let tracer = DistributedTracer::new(&registry, TracerOptions::default())?;
/// let subscriber = tracing_subscriber::registry().with(TracingLayer::new(&tracer));
/// tracing::subscriber::with_default(subscriber, || {
///     let _request = tracing::info_span!("request", route = "/search").entered();
///     tracing::error!(code = 7, "connection refused");
/// });
/// let trace = &tracer.failed(1)[0];
/// assert_eq!(&*trace.spans[0].name, "request");
/// assert_eq!(&*trace.spans[0].events[0].name, "connection refused");
/// # Ok::<(), perf_monitor_tracing::Error>(())
/// ```
pub struct TracingLayer {
    pub(super) tracer: DistributedTracer,
    /// Not the same for any two layers of the process.
    number: u32,
    pub(super) events: LevelFilter,
    pub(super) errors_fail: bool,
}

/// A span of a layer, beside the subscriber's.
struct Recorded {
    layer: u32,
    span: Span,
}

impl TracingLayer {
    /// A layer that begins spans with this tracer.
    pub fn new(tracer: &DistributedTracer) -> TracingLayer {
        static NUMBERS: AtomicU32 = AtomicU32::new(0);
        TracingLayer {
            tracer: tracer.clone(),
            number: NUMBERS.fetch_add(1, Ordering::Relaxed),
            events: LevelFilter::TRACE,
            errors_fail: true,
        }
    }

    /// Keeps events up to this level only; all of them by default. Other layers still get them.
    #[must_use]
    pub fn events(mut self, level: LevelFilter) -> TracingLayer {
        self.events = level;
        self
    }

    /// Whether an event of level ERROR means that its span has failed; it does by default.
    #[must_use]
    pub fn errors_fail(mut self, fail: bool) -> TracingLayer {
        self.errors_fail = fail;
        self
    }

    fn begin<S>(
        &self,
        attributes: &Attributes<'_>,
        kinds: &Kinds,
        context: &layer::Context<'_, S>,
    ) -> Span
    where
        S: Subscriber + for<'a> LookupSpan<'a>,
    {
        let core = &self.tracer.core;
        let name = match kinds.otel.then(|| otel::name(attributes)).flatten() {
            Some(name) => core.names.of(&name, &core.metrics),
            None => core.names.of_static(attributes.metadata().name(), &core.metrics),
        };
        let above = attributes.parent().and_then(|id| self.span_of(context, id, Span::context));
        let parent = match &above {
            Some(above) => Parent::Context(above),
            None if attributes.is_contextual() => Parent::Current,
            None => Parent::Root,
        };
        let (kind, how) = (SpanKind::Internal as u8, How::Owned);
        Span::begin(core, Start { name, kind, forced: false, how, parent })
    }

    /// Keeps the fields that a span begins with.
    fn keep_first(&self, span: &Span, attributes: &Attributes<'_>, kinds: &Kinds) {
        let record = |visit: &mut dyn Visit| attributes.record(visit);
        if kinds.otel {
            let others = |key: &str| key != otel::NAME;
            Fields::with(record, |fields| self.keep(span, fields, others));
        } else if kinds.any && span.is_recording() {
            let mut panicked = None;
            self.append(span, |writer| panicked = visit(writer, record));
            if let Some(panicked) = panicked {
                resume_unwind(panicked);
            }
        }
    }

    /// Keeps fields as attributes, but for those that say more about the span.
    fn keep(&self, span: &Span, fields: &Fields, keeps: impl Fn(&str) -> bool) {
        let plain = |key| !otel::is_applied(key) && keeps(key);
        let mut attributes = fields.iter().filter(|(key, _)| plain(key)).peekable();
        if span.is_recording() && attributes.peek().is_some() {
            let write = |writer: &mut Writer<'_>| {
                attributes.for_each(|(key, value)| writer.take(key, value))
            };
            self.append(span, write);
        }
        otel::apply(span, fields);
    }

    fn append(&self, span: &Span, write: impl FnOnce(&mut Writer<'_>)) {
        // It may have been ended by its id; then so be it.
        let _ = self.tracer.core.append_shared(span.id().get(), write);
    }

    /// Runs `f` with our span for one of theirs, if it has one.
    pub(super) fn span_of<S, R>(
        &self,
        context: &layer::Context<'_, S>,
        id: &Id,
        f: impl FnOnce(&Span) -> R,
    ) -> Option<R>
    where
        S: Subscriber + for<'a> LookupSpan<'a>,
    {
        let theirs = context.span(id)?;
        let beside = theirs.extensions();
        let recorded = beside.get::<Recorded>().filter(|recorded| recorded.layer == self.number)?;
        Some(f(&recorded.span))
    }

    fn key(&self, id: &Id) -> entered::Key {
        (self.number, id.into_u64())
    }
}

impl<S> Layer<S> for TracingLayer
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: layer::Context<'_, S>) {
        let theirs = context.span(id).filter(|_| !is_own(attributes.metadata()));
        let Some(theirs) = theirs else { return entered::begun(self.key(id), None) };
        let kinds = Kinds::of(|visit| attributes.record(visit));
        let span = self.begin(attributes, &kinds, &context);
        self.keep_first(&span, attributes, &kinds);
        let begun = span.thread_context();
        let mut beside = theirs.extensions_mut();
        let of_another = beside.replace(Recorded { layer: self.number, span });
        // After the fields, whose formatting may make spans.
        entered::begun(self.key(id), of_another.is_none().then_some(begun));
        if let Some(first) = of_another {
            beside.replace(first);
        }
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: layer::Context<'_, S>) {
        let Some(theirs) = context.span(id) else { return };
        if self.span_of(&context, id, |span| is_told(span, theirs.metadata())) != Some(true) {
            return;
        }
        Fields::with(
            |visit| values.record(visit),
            |fields| {
                self.span_of(&context, id, |span| self.keep(span, fields, |_| true));
            },
        );
    }

    fn on_follows_from(&self, id: &Id, follows: &Id, context: layer::Context<'_, S>) {
        if let Some(follows) = self.span_of(&context, follows, Span::context) {
            self.span_of(&context, id, |span| span.link(&follows));
        }
    }

    fn on_event(&self, event: &Event<'_>, context: layer::Context<'_, S>) {
        if !event.is_root() && !is_own(event.metadata()) {
            self.keep_event(event, &context);
        }
    }

    fn on_enter(&self, id: &Id, context: layer::Context<'_, S>) {
        let key = self.key(id);
        let newest = entered::newest(key);
        if let Some(context) = newest.or_else(|| self.span_of(&context, id, Span::thread_context)) {
            entered::enter(key, context);
        }
    }

    fn on_exit(&self, id: &Id, _: layer::Context<'_, S>) {
        entered::exit(self.key(id));
    }

    fn on_close(&self, id: Id, context: layer::Context<'_, S>) {
        let Some(theirs) = context.span(&id) else { return };
        let closed = theirs.extensions_mut().remove::<Recorded>();
        drop(closed); // which ends it, without the lock
    }
}

/// Whether it matters what the fields of a span say.
fn is_told(span: &Span, metadata: &Metadata<'_>) -> bool {
    span.is_recording() || otel::tells_status(metadata)
}

/// Whether it is said by a crate of this project.
fn is_own(metadata: &Metadata<'_>) -> bool {
    let rest = metadata.target().strip_prefix("perf_monitor");
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['_', ':']))
}

impl fmt::Debug for TracingLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("TracingLayer").field(&self.tracer).finish()
    }
}
