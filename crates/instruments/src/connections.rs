//! The state of each connection that a service has to others.

use std::fmt;
use std::sync::Arc;

use perf_monitor_core::{Desc, Error, Registry};

use crate::states::{State, States};

/// How a connection stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ConnectionState {
    /// It works.
    Connected,
    /// It is being made.
    Connecting,
    /// It was ended.
    Disconnected,
    /// It broke, or could not be made.
    Failed,
}

impl ConnectionState {
    /// As the label `state` says it: `connected`, `connecting`, `disconnected` or `failed`.
    pub const fn as_str(self) -> &'static str {
        match self {
            ConnectionState::Connected => "connected",
            ConnectionState::Connecting => "connecting",
            ConnectionState::Disconnected => "disconnected",
            ConnectionState::Failed => "failed",
        }
    }
}

impl State for ConnectionState {
    const ALL: &'static [Self] = &[
        ConnectionState::Connected,
        ConnectionState::Connecting,
        ConnectionState::Disconnected,
        ConnectionState::Failed,
    ];

    fn label(self) -> &'static str {
        self.as_str()
    }
}

impl fmt::Display for ConnectionState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Connections of a service by name: the metric `connection_state{connection,state}`, 1 for the
/// state that holds and 0 for the others. How many connections there are is told to
/// [`Events::set_connections`](crate::Events::set_connections).
///
/// A clone is the same; so is whatever else asks for it on one registry. A connection that finds no
/// room in the registry's budget has no state; that is counted with the series that were refused.
///
/// ```
/// use perf_monitor_core::Registry;
/// use perf_monitor_instruments::{ConnectionState, ConnectionStates};
///
/// let connections = ConnectionStates::new(&Registry::new())?;
/// connections.record_connection_state("mqtt", ConnectionState::Connected);
/// assert_eq!(connections.summary()[0].state, ConnectionState::Connected);
/// # Ok::<(), perf_monitor_core::Error>(())
/// ```
#[derive(Clone)]
pub struct ConnectionStates {
    states: Arc<States<ConnectionState>>,
}

/// How one connection stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConnectionStatus {
    /// Its name.
    pub connection: String,
    /// Its state.
    pub state: ConnectionState,
    /// When it came into that state: nanoseconds since the Unix epoch, by the registry's clock.
    pub since_unix_ns: u64,
}

impl ConnectionStates {
    /// The registry's connections.
    ///
    /// # Errors
    /// `connection_state` is taken by a metric of another kind or other labels.
    pub fn new(registry: &Registry) -> Result<ConnectionStates, Error> {
        let desc = Desc::new(
            "connection_state",
            "1 for the state that a connection is in, 0 for the others.",
        );
        let states = registry.companion(|| States::new(registry, desc, "connection"))?;
        Ok(ConnectionStates { states })
    }

    /// Says in which state `connection` is.
    ///
    /// # Cost
    /// A look-up in the thread's cache and a short lock of this connection: tens of nanoseconds.
    pub fn record_connection_state(&self, connection: &str, state: ConnectionState) {
        self.states.set(connection, state, "");
    }

    /// Each connection by name.
    pub fn summary(&self) -> Vec<ConnectionStatus> {
        let all = self.states.all().into_iter().map(|one| ConnectionStatus {
            connection: one.name,
            state: one.state,
            since_unix_ns: one.since_unix_ns,
        });
        all.collect()
    }

    pub(crate) fn switch(&self, on: bool) {
        self.states.switch(on);
    }
}

impl fmt::Debug for ConnectionStates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ConnectionStates").field(&self.summary()).finish()
    }
}
