//! Circuit breakers: the state of each, how often it changed.

use std::fmt;
use std::sync::Arc;

use perf_monitor_core::{Counter, Desc, Error, Family, Registry};

use crate::states::{State, States};

/// What a circuit breaker does with calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BreakerState {
    /// It lets them through.
    Closed,
    /// It refuses them.
    Open,
    /// It lets some through, to see whether they work again.
    HalfOpen,
}

impl BreakerState {
    /// As the labels `state` and `to` say it: `closed`, `open` or `half_open`.
    pub const fn as_str(self) -> &'static str {
        match self {
            BreakerState::Closed => "closed",
            BreakerState::Open => "open",
            BreakerState::HalfOpen => "half_open",
        }
    }
}

impl State for BreakerState {
    const ALL: &'static [Self] =
        &[BreakerState::Closed, BreakerState::Open, BreakerState::HalfOpen];

    fn label(self) -> &'static str {
        self.as_str()
    }
}

impl fmt::Display for BreakerState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Circuit breakers of a service: the metrics `circuit_breaker_state{breaker,state}`, 1 for the
/// state that holds and 0 for the others, and `circuit_breaker_transitions_total{breaker,to}`.
///
/// A clone is the same; so is whatever else asks for it on one registry. A breaker that finds no
/// room in the registry's budget has no state; that is counted with the series that were refused.
///
/// ```
/// use perf_monitor_core::Registry;
/// use perf_monitor_instruments::{BreakerState, CircuitBreakers};
///
/// let breakers = CircuitBreakers::new(&Registry::new())?;
/// breakers.record_circuit_breaker_state("database", BreakerState::Closed);
/// breakers.record_circuit_breaker_state("database", BreakerState::Open);
/// breakers.record_circuit_breaker_state("database", BreakerState::Open);
/// let status = &breakers.summary()[0];
/// assert_eq!((status.state, status.transitions), (BreakerState::Open, 1));
/// # Ok::<(), perf_monitor_core::Error>(())
/// ```
#[derive(Clone)]
pub struct CircuitBreakers {
    inner: Arc<Inner>,
}

struct Inner {
    states: States<BreakerState>,
    transitions: Family<Counter>,
}

/// How one circuit breaker stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BreakerStatus {
    /// Its name.
    pub breaker: String,
    /// Its state.
    pub state: BreakerState,
    /// When it came into that state: nanoseconds since the Unix epoch, by the registry's clock.
    pub since_unix_ns: u64,
    /// How often it went from one state to another.
    pub transitions: u64,
}

impl CircuitBreakers {
    /// The registry's circuit breakers.
    ///
    /// # Errors
    /// One of its metrics' names is taken by a metric of another kind or other labels.
    pub fn new(registry: &Registry) -> Result<CircuitBreakers, Error> {
        let inner = registry.companion(|| Inner::new(registry))?;
        Ok(CircuitBreakers { inner })
    }

    /// Says in which state `breaker` is. The first time is no transition, nor is the same state
    /// again.
    ///
    /// # Cost
    /// A look-up in the thread's cache and a short lock of this breaker: tens of nanoseconds.
    pub fn record_circuit_breaker_state(&self, breaker: &str, state: BreakerState) {
        if self.inner.states.set(breaker, state, "") {
            self.inner.transitions.inc(&[breaker, state.as_str()]);
        }
    }

    /// Each breaker by name.
    pub fn summary(&self) -> Vec<BreakerStatus> {
        let all = self.inner.states.all().into_iter().map(|one| BreakerStatus {
            breaker: one.name,
            state: one.state,
            since_unix_ns: one.since_unix_ns,
            transitions: one.changes,
        });
        all.collect()
    }

    pub(crate) fn switch(&self, on: bool) {
        self.inner.states.switch(on);
    }
}

impl Inner {
    fn new(registry: &Registry) -> Result<Inner, Error> {
        let state = Desc::new(
            "circuit_breaker_state",
            "1 for the state that a circuit breaker is in, 0 for the others.",
        );
        let to =
            ("circuit_breaker_transitions_total", "Changes of circuit breakers, by new state.");
        Ok(Inner {
            states: States::new(registry, state, "breaker")?,
            transitions: registry.counter_family(to, &["breaker", "to"])?,
        })
    }
}

impl fmt::Debug for CircuitBreakers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("CircuitBreakers").field(&self.summary()).finish()
    }
}
