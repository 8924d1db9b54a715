//! Spans that may be sent from thread to thread.

use std::borrow::Borrow;
use std::fmt;
use std::marker::PhantomData;
use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::thread;

use perf_monitor_core::{Context, Instant};

use crate::context::SpanContext;
use crate::engine::Core;
use crate::free::NIL;
use crate::global;
use crate::guard::context;
use crate::id::SpanId;
use crate::left;
use crate::local::Local;
use crate::payload::{Key, Tag, Writer};
use crate::slot;
use crate::start::{Begun, Start};
use crate::sync::Ordering;
use crate::value::{AttributeValue, SpanKind};

/// A span that lasts as long as this value, wherever it is.
///
/// What is done while a thread has [entered](Self::enter) it is below it; a future is put into it with
/// [`InSpan`](crate::FutureExt::in_span). Dropped while panicking, it counts as failed.
#[must_use = "the span ends when this is dropped"]
pub struct Span {
    core: Owner,
    begun: Begun,
    start: Instant,
    failed: AtomicBool,
    ended: bool,
}

/// What keeps the tracer for as long as there is the span: the tracer of the process is there for good,
/// so that its spans do not meet at a count of references.
enum Owner {
    Process(&'static Core),
    Shared(Arc<Core>),
}

impl Owner {
    fn of(core: &Arc<Core>) -> Owner {
        match global::core().filter(|global| std::ptr::eq(*global, &**core)) {
            Some(global) => Owner::Process(global),
            None => Owner::Shared(core.clone()),
        }
    }
}

impl Deref for Owner {
    type Target = Core;

    #[inline]
    fn deref(&self) -> &Core {
        match self {
            Owner::Process(core) => core,
            Owner::Shared(core) => core,
        }
    }
}

/// The time in which a thread is in a [`Span`]; it stays on its thread.
#[must_use = "the thread leaves the span when this is dropped"]
#[derive(Debug)]
pub struct Entered<'a> {
    span: &'a Span,
    previous: Context,
    /// Not `Send`: it changes its thread's context.
    thread: PhantomData<*const ()>,
}

impl Span {
    /// `core` is best given as a reference, as an owned one was counted before.
    pub(crate) fn begin(core: impl Borrow<Arc<Core>>, start: Start<'_>) -> Span {
        let (now, core) = (Instant::now(), core.borrow());
        let begun = core.begin(Local, start, now);
        let core = Owner::of(core);
        Span { core, begun, start: now, failed: AtomicBool::new(false), ended: false }
    }

    /// The span's id.
    pub fn id(&self) -> SpanId {
        SpanId::new(self.begun.id).expect("ids are never zero")
    }

    /// What travels with a request that the span makes.
    pub fn context(&self) -> SpanContext {
        self.core.context_of(&self.begun)
    }

    /// Whether attributes and events are kept; they may be left out otherwise.
    pub fn is_recording(&self) -> bool {
        self.begun.slot != NIL
    }

    /// Puts the calling thread into the span, until the result is dropped.
    #[inline]
    pub fn enter(&self) -> Entered<'_> {
        left::entered(self.begun.id);
        let previous = context(&self.begun).enter();
        Entered { span: self, previous, thread: PhantomData }
    }

    /// What a thread is in, within the span: for whoever enters and leaves it by other means than
    /// [`enter`](Self::enter).
    pub fn thread_context(&self) -> Context {
        context(&self.begun)
    }

    /// Keeps a value under a key.
    pub fn attribute<'v>(&self, key: &'static str, value: impl Into<AttributeValue<'v>>) {
        let value = value.into();
        self.write(|writer| writer.attribute(Tag::Attribute, Key::Static(key), value));
    }

    /// Keeps several at once, which takes less room.
    pub fn attributes(&self, attributes: &[(&'static str, AttributeValue<'_>)]) {
        self.write(|writer| {
            for (key, value) in attributes {
                writer.attribute(Tag::Attribute, Key::Static(key), *value);
            }
        });
    }

    /// Keeps a value under a key that is made while the program runs.
    pub fn dynamic_attribute<'v>(&self, key: &str, value: impl Into<AttributeValue<'v>>) {
        let value = value.into();
        self.write(|writer| writer.attribute(Tag::Attribute, Key::Text(key), value));
    }

    /// Keeps what happened now.
    pub fn event(&self, name: &'static str, attributes: &[(&'static str, AttributeValue<'_>)]) {
        let attributes = attributes.iter().map(|(key, value)| (Key::Static(key), *value));
        self.write(|writer| self.core.write_event(writer, Key::Static(name), attributes));
    }

    /// The same with texts that are made while the program runs.
    pub fn dynamic_event(&self, name: &str, attributes: &[(&str, AttributeValue<'_>)]) {
        let attributes = attributes.iter().map(|(key, value)| (Key::Text(key), *value));
        self.write(|writer| self.core.write_event(writer, Key::Text(name), attributes));
    }

    /// Refers to a span of this or another trace.
    pub fn link(&self, to: &SpanContext) {
        self.write(|writer| writer.link(to.trace_id.get(), to.span_id.get()));
    }

    /// Says that the work failed, with the reason; an empty one is not kept.
    pub fn fail(&self, why: &str) {
        self.set_failed();
        if !why.is_empty() {
            self.write(|writer| writer.message(Tag::Message, why));
        }
    }

    pub(crate) fn set_failed(&self) {
        self.failed.store(true, Ordering::Relaxed);
    }

    /// Says that the work came out well. A failure that was told before or is told later wins.
    pub fn succeed(&self) {
        self.core.change_shared(self.begun.id, |log| slot::Log(log.0 | slot::FINE));
    }

    /// Says what the work has to do with other services.
    pub fn set_kind(&self, kind: SpanKind) {
        self.core.change_shared(self.begun.id, |log| log.with_kind(kind as u8));
    }

    /// Ends it now, as failed only if that was told, even while the thread panics. Says whether its trace
    /// is kept for certain, as [`keeps`](crate::DistributedTracer::keeps) has it.
    pub fn end(mut self) -> bool {
        let failed = *self.failed.get_mut();
        self.finish(failed);
        self.core.keeps(self.begun.id)
    }

    fn finish(&mut self, failed: bool) {
        let now = Instant::now();
        self.ended = true;
        if self.is_recording() {
            self.core.end_by_owner(self.begun.id, now, failed);
        } else {
            self.core.end_nowhere(&self.begun, now.ns_since(self.start), failed);
        }
    }

    fn write(&self, write: impl FnOnce(&mut Writer<'_>)) {
        if self.is_recording() {
            // It may have been ended by its id; then so be it.
            let _ = self.core.append_shared(self.begun.id, write);
        }
    }

    pub(crate) fn begun(&self) -> &Begun {
        &self.begun
    }

    pub(crate) fn started(&self) -> Instant {
        self.start
    }
}

impl Drop for Span {
    fn drop(&mut self) {
        if !self.ended {
            let failed = *self.failed.get_mut() || thread::panicking();
            self.finish(failed);
        }
    }
}

impl Drop for Entered<'_> {
    #[inline]
    fn drop(&mut self) {
        if thread::panicking() {
            self.span.set_failed();
        }
        left::leave(self.span.begun.id, self.previous);
    }
}

impl fmt::Debug for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Span").field(&self.id()).finish()
    }
}
