//! What a connection is doing now, and until when it may.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, Sleep};

use crate::options::ServerOptions;
use crate::stats::Rejection;

/// How long a closing connection is read so that the client gets its answer before a reset.
const LINGER_TIME: Duration = Duration::from_secs(1);

/// The state of one connection, shared by its socket, its requests and the listener; the lock is never held across a wait.
pub(crate) struct Pulse {
    times: Times,
    state: Mutex<State>,
    evicted: Notify,
}

#[derive(Clone, Copy)]
struct Times {
    header: Duration,
    request: Duration,
    idle: Duration,
    stall: Duration,
}

struct State {
    phase: Phase,
    since: Instant,
    deadline: Instant,
    /// Since when the client has not read what is written to it.
    blocked: Option<Instant>,
    /// A request was answered before all of it was read.
    early: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Nothing has come yet.
    New,
    /// A part of a request's head has come.
    Head,
    /// A request is being answered.
    Busy,
    /// The last answer is done.
    Idle,
    /// The connection speaks another protocol than HTTP.
    #[cfg(feature = "websocket")]
    Upgraded,
    /// All is said; what still comes is thrown away.
    Linger,
    /// The listener took the connection's place away.
    Evicted,
}

impl Pulse {
    pub(crate) fn new(options: &ServerOptions) -> Self {
        let since = Instant::now();
        Self {
            times: Times {
                header: options.header_time,
                request: options.request_time,
                idle: options.idle_time,
                stall: options.stall_time,
            },
            state: Mutex::new(State {
                phase: Phase::New,
                since,
                deadline: since + options.header_time,
                blocked: None,
                early: false,
            }),
            evicted: Notify::new(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Bytes came: the clock of a request's head starts with its first.
    pub(crate) fn read(&self) {
        let mut state = self.state();
        match state.phase {
            // the first head's clock runs since the connection came
            Phase::New => state.phase = Phase::Head,
            Phase::Idle => state.enter(Phase::Head, self.times.header),
            _ => {}
        }
    }

    /// A request's head is complete; returns when its handler must have answered, or `None` if the connection was evicted.
    pub(crate) fn request(&self) -> Option<Instant> {
        let mut state = self.state();
        if state.phase == Phase::Evicted {
            return None;
        }
        state.early = false;
        state.enter(Phase::Busy, self.times.request + self.times.stall);
        Some(state.since + self.times.request)
    }

    /// The request was answered before all of it was read.
    pub(crate) fn early(&self) {
        self.state().early = true;
    }

    /// The answer to the request turns the connection into a WebSocket.
    #[cfg(feature = "websocket")]
    pub(crate) fn upgraded(&self) {
        self.state().enter(Phase::Upgraded, self.times.stall);
    }

    /// The answer is made up to its end.
    pub(crate) fn answered(&self) {
        let mut state = self.state();
        if state.phase == Phase::Busy {
            state.enter(Phase::Idle, self.times.idle);
        }
    }

    /// A write went through, or the client's buffers are full.
    pub(crate) fn wrote(&self, through: bool) {
        let blocked = &mut self.state().blocked;
        match through {
            true => *blocked = None,
            false => *blocked = blocked.or_else(|| Some(Instant::now())),
        }
    }

    /// The last byte is written; returns whether the client may still be sending.
    pub(crate) fn linger(&self) -> bool {
        let mut state = self.state();
        let lingers = state.early || state.phase == Phase::Head;
        state.enter(Phase::Linger, LINGER_TIME);
        lingers
    }

    /// Since when the connection waits for a request, if it does.
    pub(crate) fn waits_since(&self) -> Option<Instant> {
        let state = self.state();
        state.waits().then_some(state.since)
    }

    /// Takes the place of a connection that waits; one that just got a request stays, and `false` is returned.
    pub(crate) fn evict(&self) -> bool {
        let mut state = self.state();
        if !state.waits() {
            return false;
        }
        state.phase = Phase::Evicted;
        self.evicted.notify_one();
        true
    }

    pub(crate) async fn evicted(&self) {
        self.evicted.notified().await;
    }

    /// Ready with the reason once the connection is over its time; `sleep` follows the deadline as it moves.
    pub(crate) fn poll_overdue(
        &self,
        mut sleep: Pin<&mut Sleep>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Rejection>> {
        let (deadline, reason) = self.state().limit(self.times.stall);
        if sleep.deadline() != deadline {
            sleep.as_mut().reset(deadline);
        }
        sleep.poll(cx).map(|()| reason)
    }
}

impl State {
    fn enter(&mut self, phase: Phase, time: Duration) {
        self.phase = phase;
        self.since = Instant::now();
        self.deadline = self.since + time;
    }

    /// Nothing is owed to the client: no answer, nor the rest of the last one.
    fn waits(&self) -> bool {
        let between = matches!(self.phase, Phase::New | Phase::Head | Phase::Idle);
        between && self.blocked.is_none()
    }

    /// When the time is over, and the reason to count then.
    fn limit(&self, stall: Duration) -> (Instant, Option<Rejection>) {
        let reason = match self.phase {
            Phase::New | Phase::Head => Some(Rejection::HeaderTime),
            Phase::Busy => Some(Rejection::RequestTime),
            Phase::Idle => Some(Rejection::IdleTime),
            _ => None,
        };
        match self.blocked.map(|since| since + stall) {
            Some(stalled) if stalled < self.deadline => (stalled, Some(Rejection::Stalled)),
            _ => (self.deadline, reason),
        }
    }
}
