//! What the listener has seen and refused, for a user to look at.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Counters of one [`Server`](crate::Server); they only grow, except the two that say `open`.
///
/// Shared by [`Server::stats`](crate::Server::stats), readable from any thread while the server runs and after.
#[derive(Debug, Default)]
pub struct ServerStats {
    accepted: AtomicU64,
    open: AtomicU64,
    open_websockets: AtomicU64,
    requests: AtomicU64,
    rejected: [AtomicU64; Rejection::ALL.len()],
}

/// Why the listener turned something away or cut it off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rejection {
    /// All connections were busy: the new one got 503.
    ConnectionsFull,
    /// A connection that waited for a request was closed in favour of a new one.
    Evicted,
    /// No complete request head in time: closed.
    HeaderTime,
    /// No further request in time on a kept connection: closed.
    IdleTime,
    /// The request's body did not arrive in time: 408.
    BodyTime,
    /// The handler did not answer in time (503), or the answer was not sent in time (closed).
    RequestTime,
    /// The client did not read its answer: closed.
    Stalled,
    /// The request's head was over the limit: 431.
    HeaderBytes,
    /// The request's body was over the limit: 413.
    BodyBytes,
    /// Not HTTP/1, or a broken body or handshake: 400 or closed.
    Malformed,
    /// `Host` was missing (400) or not one of ours (421).
    Host,
    /// `Origin` or `Sec-Fetch-Site` told of another site: 403.
    Origin,
    /// No token, or a wrong one: 401.
    Token,
    /// All WebSockets were in use: 503.
    WebSocketsFull,
    /// A handler panicked (500), or the source of a streamed answer did (closed).
    Panic,
    /// The system refused a connection to us, such as for want of file descriptors.
    Accept,
}

impl Rejection {
    /// All reasons, in the order of declaration.
    pub const ALL: [Self; 16] = [
        Self::ConnectionsFull,
        Self::Evicted,
        Self::HeaderTime,
        Self::IdleTime,
        Self::BodyTime,
        Self::RequestTime,
        Self::Stalled,
        Self::HeaderBytes,
        Self::BodyBytes,
        Self::Malformed,
        Self::Host,
        Self::Origin,
        Self::Token,
        Self::WebSocketsFull,
        Self::Panic,
        Self::Accept,
    ];

    /// The reason as the value of a label.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ConnectionsFull => "connections_full",
            Self::Evicted => "evicted",
            Self::HeaderTime => "header_time",
            Self::IdleTime => "idle_time",
            Self::BodyTime => "body_time",
            Self::RequestTime => "request_time",
            Self::Stalled => "stalled",
            Self::HeaderBytes => "header_bytes",
            Self::BodyBytes => "body_bytes",
            Self::Malformed => "malformed",
            Self::Host => "host",
            Self::Origin => "origin",
            Self::Token => "token",
            Self::WebSocketsFull => "websockets_full",
            Self::Panic => "panic",
            Self::Accept => "accept",
        }
    }
}

impl ServerStats {
    /// Connections taken from the system so far, with those that were turned away.
    pub fn connections_accepted(&self) -> u64 {
        self.accepted.load(Relaxed)
    }

    /// Connections held now; at most the limit.
    pub fn connections_open(&self) -> u64 {
        self.open.load(Relaxed)
    }

    /// WebSockets held now; at most the limit.
    pub fn websockets_open(&self) -> u64 {
        self.open_websockets.load(Relaxed)
    }

    /// Requests whose head arrived complete, with those that were turned away.
    pub fn requests(&self) -> u64 {
        self.requests.load(Relaxed)
    }

    /// How often `reason` struck.
    pub fn rejected(&self, reason: Rejection) -> u64 {
        self.rejected[reason as usize].load(Relaxed)
    }

    pub(crate) fn accept(&self) {
        self.accepted.fetch_add(1, Relaxed);
    }

    pub(crate) fn request(&self) {
        self.requests.fetch_add(1, Relaxed);
    }

    pub(crate) fn reject(&self, reason: Rejection) {
        self.rejected[reason as usize].fetch_add(1, Relaxed);
    }

    pub(crate) fn opened(&self) {
        self.open.fetch_add(1, Relaxed);
    }

    pub(crate) fn closed(&self) {
        self.open.fetch_sub(1, Relaxed);
    }

    /// Takes one of `limit` WebSockets, or none if all are in use.
    #[cfg(feature = "websocket")]
    pub(crate) fn open_websocket(&self, limit: usize) -> bool {
        let more = |open| (open < limit as u64).then_some(open + 1);
        self.open_websockets.fetch_update(Relaxed, Relaxed, more).is_ok()
    }

    #[cfg(feature = "websocket")]
    pub(crate) fn close_websocket(&self) {
        self.open_websockets.fetch_sub(1, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_has_its_own_cell_and_label() {
        let stats = ServerStats::default();
        for (n, reason) in Rejection::ALL.into_iter().enumerate() {
            assert_eq!(reason as usize, n);
            (0..n).for_each(|_| stats.reject(reason));
        }
        for (n, reason) in Rejection::ALL.into_iter().enumerate() {
            assert_eq!(stats.rejected(reason), n as u64, "{}", reason.as_str());
        }
    }
}
