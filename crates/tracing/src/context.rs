//! What travels with a request from one service to the next.

use std::fmt;
use std::sync::Arc;

use crate::id::{SpanId, TraceId};

/// Bytes of a trace state; the specification asks for at least as many to be passed on.
pub const TRACE_STATE_BYTES: usize = 512;

/// The identity of a span within its trace, with what decides how the trace is sampled.
///
/// It is what `traceparent` with `tracestate` carry. Cloning is cheap.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpanContext {
    /// The trace.
    pub trace_id: TraceId,
    /// The span.
    pub span_id: SpanId,
    /// Whether the trace is recorded, for those who follow suit.
    pub flags: TraceFlags,
    /// Whether it came from another process.
    pub remote: bool,
    /// What other tracing systems want passed on.
    pub state: TraceState,
}

impl SpanContext {
    /// The context of a span of this process, not sampled and without state.
    pub const fn new(trace_id: TraceId, span_id: SpanId) -> SpanContext {
        SpanContext {
            trace_id,
            span_id,
            flags: TraceFlags::NONE,
            remote: false,
            state: TraceState::NONE,
        }
    }

    /// The same with these flags.
    pub fn flags(mut self, flags: TraceFlags) -> SpanContext {
        self.flags = flags;
        self
    }

    /// The same, come from another process.
    pub fn remote(mut self) -> SpanContext {
        self.remote = true;
        self
    }

    /// The same with this state.
    pub fn state(mut self, state: TraceState) -> SpanContext {
        self.state = state;
        self
    }

    /// Whether the sender records the trace.
    pub fn is_sampled(&self) -> bool {
        self.flags.is_sampled()
    }
}

/// The flags of `traceparent`, one byte.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct TraceFlags(u8);

impl TraceFlags {
    /// Neither sampled nor known to be random.
    pub const NONE: TraceFlags = TraceFlags(0);
    /// The sender records the trace.
    pub const SAMPLED: TraceFlags = TraceFlags(1);
    /// The right-most 56 bits of the trace id are random.
    pub const RANDOM: TraceFlags = TraceFlags(2);

    /// The flags of this byte; what the specification has not named is dropped.
    pub const fn from_byte(byte: u8) -> TraceFlags {
        TraceFlags(byte & 3)
    }

    /// As a byte of `traceparent`.
    pub const fn byte(self) -> u8 {
        self.0
    }

    /// These flags and those.
    #[must_use]
    pub const fn with(self, other: TraceFlags) -> TraceFlags {
        TraceFlags(self.0 | other.0)
    }

    /// Whether the sender records the trace.
    pub const fn is_sampled(self) -> bool {
        self.0 & TraceFlags::SAMPLED.0 != 0
    }

    /// Whether the trace id is known to be random.
    pub const fn is_random(self) -> bool {
        self.0 & TraceFlags::RANDOM.0 != 0
    }
}

impl fmt::Debug for TraceFlags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TraceFlags({:02x})", self.0)
    }
}

/// The members of a `tracestate`, passed on as they came: at most [`TRACE_STATE_BYTES`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TraceState(Option<Arc<str>>);

impl TraceState {
    /// No members.
    pub const NONE: TraceState = TraceState(None);

    /// This text, which whoever parsed the header has found valid; `None` when it is too long.
    pub fn new(text: &str) -> Option<TraceState> {
        match text.len() {
            0 => Some(TraceState::NONE),
            1..=TRACE_STATE_BYTES => Some(TraceState(Some(text.into()))),
            _ => None,
        }
    }

    /// The text; empty without members.
    pub fn as_str(&self) -> &str {
        self.0.as_deref().unwrap_or_default()
    }

    /// Whether there are no members.
    pub fn is_empty(&self) -> bool {
        self.0.is_none()
    }
}
