//! The tracer: where spans begin.

use std::fmt;
use std::sync::Arc;

use perf_monitor_core::{Context, Registry};

use crate::context::{SpanContext, TraceFlags, TraceState};
use crate::engine::Core;
use crate::guard::SpanGuard;
use crate::id::{SpanId, TraceId};
use crate::key;
use crate::local::Local;
use crate::metrics::Misuse;
use crate::payload::{self, Content, Tag};
use crate::slot::{self, Log, Refused, Seen};
use crate::span::Span;
use crate::start::{Begun, How, Parent, Start};
use crate::stats::TracerStats;
use crate::value::SpanKind;
use crate::{Error, TracerOptions};

/// Records spans within a bound, for as long as it takes to see what became of them.
///
/// A clone is the same tracer, any thread may use it. See the [crate](crate) for a program.
#[derive(Clone)]
pub struct DistributedTracer {
    pub(crate) core: Arc<Core>,
}

impl DistributedTracer {
    /// The registry's tracer, made with these options the first time.
    ///
    /// # Errors
    /// An option out of its range, or metrics of these names that are something else.
    pub fn new(registry: &Registry, options: TracerOptions) -> Result<DistributedTracer, Error> {
        options.check()?;
        let holder =
            registry.companion(|| Core::new(registry, options).map(|core| Holder { core }))?;
        Ok(DistributedTracer { core: holder.core.clone() })
    }

    /// A span of a scope, below what the thread is in; without that, the root of a new trace.
    ///
    /// # Cost
    /// `span/guard`: two reads of the clock with plain stores to one cache line.
    #[inline]
    pub fn span(&self, name: &'static str) -> SpanGuard<'_> {
        let name = self.core.names.of_static(name, &self.core.metrics);
        SpanGuard::begin(&self.core, name, 0, false, Parent::Current)
    }

    /// A span of a scope that is the root of a new trace, whatever the thread is in.
    #[inline]
    pub fn root(&self, name: &'static str) -> SpanGuard<'_> {
        let name = self.core.names.of_static(name, &self.core.metrics);
        SpanGuard::begin(&self.core, name, 0, false, Parent::Root)
    }

    /// A span with more to say about it, which is below what the thread is in unless told otherwise.
    ///
    /// # Cost
    /// As `span/by-id`: its name is looked up by its text.
    #[inline]
    pub fn start(&self, name: &str) -> StartSpan<'_> {
        StartSpan {
            tracer: self,
            name: self.core.names.of(name, &self.core.metrics),
            kind: SpanKind::Internal,
            forced: false,
            untraced: false,
            parent: Given::Current,
            links: Vec::new(),
        }
    }

    /// What travels with a request that the calling thread makes: the span that it is in. `None`
    /// outside of spans.
    pub fn current(&self) -> Option<SpanContext> {
        let current = Context::current();
        let trace_id = TraceId::new(current.trace_id)?;
        let span_id = SpanId::new(current.span_id)?;
        let (place, _) = key::open(current.span_id);
        let slot = self.core.slots.get(usize::from(place));
        let seen = slot.and_then(|slot| slot.read_if(current.span_id));
        let context = SpanContext::new(trace_id, span_id);
        Some(match seen {
            Some(seen) => self.core.complete(context, &seen),
            None => context,
        })
    }

    /// The same of a span of this tracer, by its id; `None` if it is no longer kept.
    pub fn context(&self, id: SpanId) -> Option<SpanContext> {
        let (place, _) = key::open(id.get());
        let seen = self.core.slots.get(usize::from(place))?.read_if(id.get())?;
        Some(self.core.complete(SpanContext::new(TraceId::new(seen.trace)?, id), &seen))
    }

    /// What the name is that a thread's [`Context`] has the number of, as samplers see it; `None` for a
    /// number that is not of this tracer.
    pub fn span_name(&self, number: u32) -> Option<Arc<str>> {
        let number = u16::try_from(number).ok()?;
        (usize::from(number) < self.core.names.len()).then(|| self.core.names.text(number))
    }

    /// Moves on what follows the time: the wall clock, the live p99 of each name, what is protected as
    /// the slowest, which kept traces the durations have as exemplars. A monitor does this once a second.
    ///
    /// # Cost
    /// Reads the durations of each name: tens of microseconds for each.
    pub fn tick(&self) {
        self.core.anchor();
        self.core.names.refresh();
        let now_ns = self.core.ns(perf_monitor_core::Instant::now());
        self.core.finished.lock(&self.core).age(&self.core, now_ns);
        self.mark_exemplars();
    }

    /// What the tracer holds.
    pub fn stats(&self) -> TracerStats {
        TracerStats::of(&self.core)
    }
}

/// How a registry holds its tracer.
struct Holder {
    core: Arc<Core>,
}

impl fmt::Debug for DistributedTracer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("DistributedTracer").field(&self.stats()).finish()
    }
}

/// A span that is about to begin, made by [`DistributedTracer::start`].
#[derive(Debug)]
#[must_use = "the span begins with `begin` or `guard`"]
pub struct StartSpan<'a> {
    tracer: &'a DistributedTracer,
    name: u16,
    kind: SpanKind,
    forced: bool,
    untraced: bool,
    parent: Given,
    links: Vec<SpanContext>,
}

#[derive(Clone, Debug)]
enum Given {
    Current,
    Root,
    Context(SpanContext),
}

impl<'a> StartSpan<'a> {
    /// What the work has to do with other services.
    pub fn kind(mut self, kind: SpanKind) -> Self {
        self.kind = kind;
        self
    }

    /// The span above it: one of this process, or one that a request came from.
    pub fn parent(mut self, parent: impl Into<SpanContext>) -> Self {
        self.parent = Given::Context(parent.into());
        self
    }

    /// Makes it the root of a new trace, whatever the thread is in.
    pub fn root(mut self) -> Self {
        self.parent = Given::Root;
        self
    }

    /// Refers to another span, as often as needed.
    pub fn link(mut self, to: impl Into<SpanContext>) -> Self {
        self.links.push(to.into());
        self
    }

    /// Keeps the trace whatever the rules say.
    pub fn forced(mut self) -> Self {
        self.forced = true;
        self
    }

    /// Records neither it nor what is below it in this process: for calls that the exporter of traces
    /// itself makes. Durations are measured all the same.
    pub fn untraced(mut self) -> Self {
        self.untraced = true;
        self
    }

    /// Begins it as a value that may be sent to another thread.
    pub fn begin(self) -> Span {
        let span = Span::begin(&self.tracer.core, self.raw(How::Owned));
        self.tracer.core.write_state(span.begun(), self.state());
        self.links.iter().for_each(|to| span.link(to));
        span
    }

    /// Begins it as a guard of a scope.
    pub fn guard(self) -> SpanGuard<'a> {
        let (raw, core) = (self.raw(How::Here), &self.tracer.core);
        let mut span = SpanGuard::begin(core, raw.name, raw.kind, raw.forced, raw.parent);
        core.write_state(span.begun(), self.state());
        self.links.iter().for_each(|to| span.link(to));
        span
    }

    fn raw(&self, how: How) -> Start<'_> {
        let parent = match &self.parent {
            _ if self.untraced => Parent::Untraced,
            Given::Current => Parent::Current,
            Given::Root => Parent::Root,
            Given::Context(context) => Parent::Context(context),
        };
        Start { name: self.name, kind: self.kind as u8, forced: self.forced, how, parent }
    }

    fn state(&self) -> &str {
        match &self.parent {
            Given::Context(context) if context.remote => context.state.as_str(),
            _ => "",
        }
    }
}

impl From<&SpanContext> for SpanContext {
    fn from(context: &SpanContext) -> SpanContext {
        context.clone()
    }
}

impl From<&SpanGuard<'_>> for SpanContext {
    fn from(span: &SpanGuard<'_>) -> SpanContext {
        span.context()
    }
}

impl From<&Span> for SpanContext {
    fn from(span: &Span) -> SpanContext {
        span.context()
    }
}

impl Core {
    /// What travels with a request of a span that has begun.
    pub(crate) fn context_of(&self, begun: &Begun) -> SpanContext {
        let trace_id = TraceId::new(begun.trace()).expect("trace ids are never zero");
        let span_id = SpanId::new(begun.id).expect("ids are never zero");
        let context = SpanContext::new(trace_id, span_id).flags(flags(Log(begun.flags)));
        let seen = self.slots.get(usize::from(begun.slot)).and_then(|slot| slot.read_if(begun.id));
        match seen {
            Some(seen) => self.complete(context, &seen),
            None => context,
        }
    }

    fn complete(&self, context: SpanContext, seen: &Seen) -> SpanContext {
        context.flags(flags(seen.log)).state(self.state_of(seen).unwrap_or_default())
    }

    /// The state that the span's trace came with, which is the first record of its local root.
    fn state_of(&self, seen: &Seen) -> Option<TraceState> {
        let root = self.slots.get(usize::from(seen.group))?;
        let before = root.read().filter(|root| root.trace == seen.trace)?;
        if !before.log.has(slot::STATE) {
            return None;
        }
        let first = payload::oldest(self, before.log.cell());
        let state = first.filter(|record| record.tag == Tag::State as u8)?;
        // The cells were the root's if the root is still there.
        root.read_if(before.id)?;
        match state.value {
            Content::Text(text) => TraceState::new(&text),
            _ => None,
        }
    }

    /// Ends a span whose owner goes; that somebody ended it by its id before is counted.
    pub(crate) fn end_by_owner(&self, id: u64, now: perf_monitor_core::Instant, failed: bool) {
        if self.end_shared(Local, id, now, failed).is_err() {
            self.metrics.misuse(Misuse::EndedTwice).inc();
        }
    }

    /// Changes a span from any thread.
    pub(crate) fn change_shared(&self, id: u64, change: impl Fn(Log) -> Log) {
        let (place, sequence) = key::open(id);
        if let Some(slot) = self.slots.get(usize::from(place)) {
            // It may have been ended by its id; then so be it.
            let _: Result<Log, Refused> = slot.change(id, sequence, change);
        }
    }
}

/// The flags of `traceparent`. Trace ids of ours are random in full.
fn flags(log: Log) -> TraceFlags {
    let sampled = if log.has(slot::SAMPLED) { TraceFlags::SAMPLED } else { TraceFlags::NONE };
    let random = if log.has(slot::GIVEN) { TraceFlags::NONE } else { TraceFlags::RANDOM };
    sampled.with(random)
}
