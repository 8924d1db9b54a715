//! The limits and the guard of a listener.

use std::time::Duration;

use crate::token::Token;

/// A day: longer times mean no limit to any client, and would overflow clocks.
pub(crate) const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);

/// What a [`Server`](crate::Server) allows; every limit has a default, and a [`Rejection`](crate::Rejection) that counts
/// when it is hit. Times over a day count as a day.
///
/// ```
/// use perf_monitor_http::{ServerOptions, Token};
///
/// let options = ServerOptions::default()
///     .token(Token::new("open.sesame")?)
///     .allow_host("metrics.example.org")
///     .body_bytes(1024 * 1024);
/// # Ok::<(), perf_monitor_http::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct ServerOptions {
    pub(crate) token: Option<Token>,
    pub(crate) hosts: Vec<String>,
    pub(crate) header_bytes: usize,
    pub(crate) body_bytes: usize,
    pub(crate) connections: usize,
    #[cfg_attr(not(feature = "websocket"), allow(dead_code))]
    pub(crate) websockets: usize,
    #[cfg_attr(not(feature = "websocket"), allow(dead_code))]
    pub(crate) message_bytes: usize,
    pub(crate) header_time: Duration,
    pub(crate) body_time: Duration,
    pub(crate) request_time: Duration,
    pub(crate) idle_time: Duration,
    pub(crate) stall_time: Duration,
    pub(crate) shutdown_time: Duration,
}

impl Default for ServerOptions {
    fn default() -> Self {
        Self {
            token: None,
            hosts: Vec::new(),
            header_bytes: 16 * 1024,
            body_bytes: 64 * 1024,
            connections: 64,
            websockets: 32,
            message_bytes: 256 * 1024,
            header_time: Duration::from_secs(10),
            body_time: Duration::from_secs(10),
            request_time: Duration::from_secs(120),
            idle_time: Duration::from_secs(30),
            stall_time: Duration::from_secs(10),
            shutdown_time: Duration::from_millis(500),
        }
    }
}

impl ServerOptions {
    /// Asks every request for this token; required on an address that is not loopback.
    pub fn token(mut self, token: Token) -> Self {
        self.token = Some(token);
        self
    }

    /// Serves requests for this host too: a name without a port, such as `metrics.example.org`.
    ///
    /// `localhost`, loopback addresses and the address that the client connected to are always served.
    pub fn allow_host(mut self, name: impl Into<String>) -> Self {
        self.hosts.push(name.into().to_ascii_lowercase());
        self
    }

    /// The largest request head, in bytes: 16 KiB; at least 8 KiB.
    pub fn header_bytes(mut self, bytes: usize) -> Self {
        self.header_bytes = bytes.max(8 * 1024);
        self
    }

    /// The largest request body, in bytes: 64 KiB.
    pub fn body_bytes(mut self, bytes: usize) -> Self {
        self.body_bytes = bytes;
        self
    }

    /// The connections held at once, WebSockets included: 64; at least 1.
    ///
    /// When all are taken, the one that waited longest for a request makes room; if none waits, the new one gets 503.
    pub fn connections(mut self, count: usize) -> Self {
        self.connections = count.clamp(1, 100_000);
        self
    }

    /// The WebSockets held at once: 32.
    pub fn websockets(mut self, count: usize) -> Self {
        self.websockets = count;
        self
    }

    /// The largest message sent over a WebSocket, in bytes: 256 KiB. (Received ones are at most 64 KiB.)
    pub fn message_bytes(mut self, bytes: usize) -> Self {
        self.message_bytes = bytes;
        self
    }

    /// The time for a request's head to arrive, from connecting or from its first byte: 10 s.
    pub fn header_time(mut self, time: Duration) -> Self {
        self.header_time = time.min(LONGEST);
        self
    }

    /// The time for a request's body to arrive: 10 s.
    pub fn body_time(mut self, time: Duration) -> Self {
        self.body_time = time.min(LONGEST);
        self
    }

    /// The time for a handler to answer, from the request's head: 120 s, so that a one-minute profile fits.
    ///
    /// A streamed answer must be sent within this and [`stall_time`](Self::stall_time).
    pub fn request_time(mut self, time: Duration) -> Self {
        self.request_time = time.min(LONGEST);
        self
    }

    /// The time that a connection is kept for a next request: 30 s.
    pub fn idle_time(mut self, time: Duration) -> Self {
        self.idle_time = time.min(LONGEST);
        self
    }

    /// The time that a client may leave an answer or a WebSocket message unread: 10 s.
    pub fn stall_time(mut self, time: Duration) -> Self {
        self.stall_time = time.min(LONGEST);
        self
    }

    /// The time that running requests get to finish at shutdown: 500 ms.
    pub fn shutdown_time(mut self, time: Duration) -> Self {
        self.shutdown_time = time.min(LONGEST);
        self
    }
}
