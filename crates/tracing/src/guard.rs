//! Spans of a scope, for code that does not wait.

use std::fmt;
use std::marker::PhantomData;
use std::thread;

use perf_monitor_core::{Context, Instant};

use crate::context::SpanContext;
use crate::engine::Core;
use crate::free::NIL;
use crate::id::SpanId;
use crate::left;
use crate::local::{Local, owned};
use crate::payload::{Key, Tag, Writer};
use crate::slot;
use crate::start::{Begun, How, Parent, Start};
use crate::sync::Ordering;
use crate::value::{AttributeValue, SpanKind};

/// A span that lasts as long as this value, with what the thread does meanwhile below it.
///
/// It stays on its thread. Dropped while panicking, the span counts as failed. When guards are dropped
/// in another order than they were made, the thread stays in the newest that is left, and is outside
/// of all after the last.
///
/// # Cost
/// `span/guard`: two reads of the clock with plain stores to one cache line.
#[must_use = "the span ends when the guard is dropped"]
pub struct SpanGuard<'a> {
    core: &'a Core,
    begun: Begun,
    start: Instant,
    /// What the thread was in before: the trace, the span, the number of its name.
    previous: Context,
    owned_before: u64,
    failed: bool,
    /// Not `Send`: it changes its thread's context.
    thread: PhantomData<*const ()>,
}

impl<'a> SpanGuard<'a> {
    #[inline(always)]
    pub(crate) fn begin(
        core: &'a Core,
        name: u16,
        kind: u8,
        forced: bool,
        parent: Parent<'_>,
    ) -> SpanGuard<'a> {
        let owned_before = Local.owned();
        let start = Instant::now();
        let how = How::Here;
        let begun = core.begin(Local, Start { name, kind, forced, how, parent }, start);
        let previous = context(&begun).enter();
        let (failed, thread) = (false, PhantomData);
        SpanGuard { core, begun, start, previous, owned_before, failed, thread }
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
    #[inline]
    pub fn is_recording(&self) -> bool {
        self.begun.slot != NIL
    }

    /// Keeps a value under a key.
    ///
    /// # Cost
    /// `span/guard-2-attributes`: a look-up of the key by its address with two stores; a text is copied.
    #[inline]
    pub fn attribute<'v>(&mut self, key: &'static str, value: impl Into<AttributeValue<'v>>) {
        if self.is_recording() {
            let value = value.into();
            self.write(|_, writer| writer.attribute(Tag::Attribute, Key::Static(key), value));
        }
    }

    /// The same under a key that is made while the program runs.
    pub fn dynamic_attribute<'v>(&mut self, key: &str, value: impl Into<AttributeValue<'v>>) {
        let value = value.into();
        self.write(|_, writer| writer.attribute(Tag::Attribute, Key::Text(key), value));
    }

    /// Keeps what happened now.
    pub fn event(&mut self, name: &'static str, attributes: &[(&'static str, AttributeValue<'_>)]) {
        self.write(|core, writer| {
            let attributes = attributes.iter().map(|(key, value)| (Key::Static(key), *value));
            core.write_event(writer, Key::Static(name), attributes);
        });
    }

    /// Refers to a span of this or another trace.
    pub fn link(&mut self, to: &SpanContext) {
        let (trace, span) = (to.trace_id.get(), to.span_id.get());
        self.write(|_, writer| writer.link(trace, span));
    }

    /// Says that the work failed, with the reason; an empty one is not kept.
    pub fn fail(&mut self, why: &str) {
        self.failed = true;
        if !why.is_empty() {
            self.write(|_, writer| writer.message(Tag::Message, why));
        }
    }

    /// Says that the work came out well. A failure that was told before or is told later wins.
    pub fn succeed(&mut self) {
        self.change(|log| slot::Log(log.0 | slot::FINE));
    }

    /// Says what the work has to do with other services.
    pub fn set_kind(&mut self, kind: SpanKind) {
        self.change(|log| log.with_kind(kind as u8));
    }

    /// Ends it now, as failed only if that was told: for code that runs while its thread panics, such as
    /// a `drop`, and does well.
    #[inline]
    pub fn end(mut self) {
        self.finish(self.failed);
        std::mem::forget(self); // It owns nothing.
    }

    pub(crate) fn begun(&self) -> &Begun {
        &self.begun
    }

    fn is_plain(&self) -> bool {
        self.begun.flags & slot::PLAIN != 0
    }

    #[inline]
    fn write(&mut self, write: impl FnOnce(&Core, &mut Writer<'_>)) {
        let core = self.core;
        if self.is_plain() {
            core.append_plain(self.begun.slot, |writer| write(core, writer));
        } else if self.is_recording() {
            // It may have been ended by its id; then so be it.
            let _ = core.append_shared(self.begun.id, |writer| write(core, writer));
        }
    }

    fn change(&mut self, change: impl Fn(slot::Log) -> slot::Log) {
        if self.is_plain() {
            let slot = self.core.slot(self.begun.slot);
            slot.log.store(change(slot.log()).0, Ordering::Relaxed);
        } else {
            self.core.change_shared(self.begun.id, change);
        }
    }
}

/// What a thread is in, within a span.
#[inline(always)]
pub(crate) fn context(begun: &Begun) -> Context {
    Context { trace_id: begun.trace(), span_id: begun.id, name_id: u32::from(begun.name) }
}

impl SpanGuard<'_> {
    #[inline(always)]
    fn finish(&mut self, failed: bool) {
        let now = Instant::now();
        left::leave(self.begun.id, self.previous);
        if self.is_plain() {
            let ns = now.ns_since(self.start);
            let begun = &self.begun;
            if Local.owned() == owned(self.core.id, begun.slot, begun.generation) {
                Local.set_owned(self.owned_before);
            }
            self.core.end_plain(Local, begun, ns, failed);
        } else if self.begun.slot == NIL {
            self.core.end_nowhere(&self.begun, now.ns_since(self.start), failed);
        } else {
            self.core.end_by_owner(self.begun.id, now, failed);
        }
    }
}

impl Drop for SpanGuard<'_> {
    #[inline]
    fn drop(&mut self) {
        self.finish(self.failed || thread::panicking());
    }
}

impl fmt::Debug for SpanGuard<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SpanGuard").field(&self.id()).finish()
    }
}
