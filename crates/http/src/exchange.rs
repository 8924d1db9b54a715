//! One request and its answer.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::header::{CONNECTION, UPGRADE};
use http::request::Parts;
use http::{HeaderValue, Method, StatusCode};
use http_body::{Body as _, Frame, SizeHint};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::Incoming;
use tokio::time::{Instant, timeout, timeout_at};

use crate::answer::{Response, add_safe_headers};
use crate::body::Body;
use crate::catch::caught;
use crate::connection::{Shared, Stopping};
use crate::guard::{self, Refusal};
use crate::pulse::Pulse;
use crate::router::{Handler, Request, Route};
use crate::stats::{Rejection, ServerStats};
use crate::token::Token;
use crate::{login, query};

/// The requests of one connection; hyper asks for one at a time.
pub(crate) struct Exchange {
    shared: Arc<Shared>,
    pulse: Arc<Pulse>,
    local: SocketAddr,
    peer: SocketAddr,
    #[cfg(feature = "websocket")]
    upgrade: crate::websocket::Waiting,
}

impl Exchange {
    pub(crate) fn new(
        shared: Arc<Shared>,
        pulse: Arc<Pulse>,
        local: SocketAddr,
        peer: SocketAddr,
    ) -> Self {
        Self {
            shared,
            pulse,
            local,
            peer,
            #[cfg(feature = "websocket")]
            upgrade: Default::default(),
        }
    }

    pub(crate) fn pulse(&self) -> &Pulse {
        &self.pulse
    }

    pub(crate) fn stats(&self) -> &ServerStats {
        &self.shared.stats
    }

    pub(crate) fn header_bytes(&self) -> usize {
        self.shared.options.header_bytes
    }

    /// Runs the WebSocket that the last request asked for, if it did.
    pub(crate) async fn upgrade(&self, stopping: Stopping) {
        #[cfg(feature = "websocket")]
        self.upgrade.run(&self.shared, stopping).await;
        #[cfg(not(feature = "websocket"))]
        drop(stopping);
    }

    /// Answers, or errs if the connection has lost its place to another, which closes it.
    pub(crate) async fn respond(
        &self,
        request: http::Request<Incoming>,
    ) -> io::Result<http::Response<Outgoing>> {
        let evicted = || io::Error::other("the connection lost its place");
        let deadline = self.pulse.request().ok_or_else(evicted)?;
        self.stats().request();
        let (mut parts, incoming) = request.into_parts();
        parts.extensions.insert(self.peer);
        let mut upload = Upload::new(incoming);
        let mut response = match self.answer(parts, &mut upload, deadline).await {
            Ok(response) => response,
            Err(refusal) => self.refuse(refusal),
        };
        if upload.is_unread() {
            self.pulse.early();
            let close = HeaderValue::from_static("close");
            response.headers_mut().insert(CONNECTION, close);
        }
        add_safe_headers(response.headers_mut());
        Ok(response.map(|body| Outgoing {
            body,
            pulse: Arc::clone(&self.pulse),
            stats: Arc::clone(&self.shared.stats),
        }))
    }

    fn refuse(&self, refusal: Refusal) -> Response {
        self.stats().reject(refusal.reason);
        refusal.into_response()
    }

    /// Checks who asks, then finds who answers: nobody learns of our paths without the token.
    async fn answer(
        &self,
        parts: Parts,
        upload: &mut Upload,
        deadline: Instant,
    ) -> Result<Response, Refusal> {
        guard::check_host(&parts, self.local, &self.shared.options.hosts)?;
        if let Some(token) = &self.shared.options.token {
            if parts.uri.path() == login::PATH {
                return self.log_in(&parts, upload, token).await;
            }
            guard::check_token(&parts.headers, token)?;
        }
        let wants_upgrade = parts.headers.contains_key(UPGRADE);
        let router = &self.shared.router;
        match router.route(&parts.method, parts.uri.path(), wants_upgrade) {
            Route::Call { handler, costly } => {
                if costly {
                    guard::check_origin(&parts.headers)?;
                }
                let body = self.read(upload).await?;
                let request = Request::from_parts(parts, body);
                self.call(&*handler, request, deadline).await
            }
            #[cfg(feature = "websocket")]
            Route::Upgrade(handler) => {
                guard::check_origin(&parts.headers)?;
                let request = Request::from_parts(parts, Bytes::new());
                let response = self.upgrade.accept(request, handler, &self.shared)?;
                self.pulse.upgraded();
                Ok(response)
            }
            #[cfg(feature = "websocket")]
            Route::UpgradeRequired => Err(crate::websocket::required()),
            Route::No(response) => Ok(response),
        }
    }

    async fn call(
        &self,
        handler: &dyn Handler,
        request: Request,
        deadline: Instant,
    ) -> Result<Response, Refusal> {
        timeout_at(deadline, call(handler, request)).await.unwrap_or_else(|_| Err(Refusal::slow()))
    }

    /// The body, within its limits of size and time.
    async fn read(&self, upload: &mut Upload) -> Result<Bytes, Refusal> {
        let limit = self.shared.options.body_bytes;
        let read = timeout(self.shared.options.body_time, upload.read(limit)).await;
        read.unwrap_or(Err(Unreadable::Slow)).map_err(|why| why.refusal(limit))
    }

    async fn log_in(
        &self,
        parts: &Parts,
        upload: &mut Upload,
        token: &Token,
    ) -> Result<Response, Refusal> {
        let shown = match parts.method {
            Method::POST => {
                guard::check_origin(&parts.headers)?;
                query::value(&self.read(upload).await?, "token")
            }
            Method::GET => {
                parts.uri.query().and_then(|query| query::value(query.as_bytes(), "token"))
            }
            _ => None,
        };
        match shown {
            None => Ok(login::form(StatusCode::OK)),
            Some(shown) if token.matches(shown.as_bytes()) => Ok(login::welcome(token)),
            Some(_) => {
                self.stats().reject(Rejection::Token);
                Ok(login::form(StatusCode::UNAUTHORIZED))
            }
        }
    }
}

/// What the handler answers; its panic is a refusal.
pub(crate) async fn call(handler: &dyn Handler, request: Request) -> Result<Response, Refusal> {
    caught(|| handler.handle(request)).await.ok_or_else(|| {
        Refusal::new(
            Rejection::Panic,
            StatusCode::INTERNAL_SERVER_ERROR,
            "the handler of this path panicked: its message is on the program's standard error",
        )
    })
}

/// A request's body, which may never be asked for.
struct Upload {
    incoming: Incoming,
    unread: bool,
}

impl Upload {
    fn new(incoming: Incoming) -> Self {
        let unread = !incoming.is_end_stream();
        Self { incoming, unread }
    }

    fn is_unread(&self) -> bool {
        self.unread
    }

    /// All bytes; a body that announces more than `limit` is refused before its first.
    async fn read(&mut self, limit: usize) -> Result<Bytes, Unreadable> {
        if self.incoming.size_hint().lower() > limit as u64 {
            return Err(Unreadable::TooLarge);
        }
        let body = Limited::new(&mut self.incoming, limit).collect().await;
        let body = body.map_err(Unreadable::of)?;
        self.unread = false;
        Ok(body.to_bytes())
    }
}

/// Why a body was not taken.
pub(crate) enum Unreadable {
    TooLarge,
    Broken,
    Slow,
}

impl Unreadable {
    /// Of a body that was read through a [`Limited`].
    pub(crate) fn of(error: Box<dyn std::error::Error + Send + Sync>) -> Unreadable {
        match error.is::<LengthLimitError>() {
            true => Unreadable::TooLarge,
            false => Unreadable::Broken,
        }
    }

    /// What the client is told, where bodies have at most `limit` bytes.
    pub(crate) fn refusal(self, limit: usize) -> Refusal {
        match self {
            Unreadable::TooLarge => Refusal::new(
                Rejection::BodyBytes,
                StatusCode::PAYLOAD_TOO_LARGE,
                format!("a body has at most {limit} bytes here (body_bytes)"),
            ),
            Unreadable::Broken => Refusal::new(
                Rejection::Malformed,
                StatusCode::BAD_REQUEST,
                "the body is broken or ended early",
            ),
            Unreadable::Slow => Refusal::new(
                Rejection::BodyTime,
                StatusCode::REQUEST_TIMEOUT,
                "the body took too long to arrive (body_time)",
            ),
        }
    }
}

/// An answer's body on its way out.
pub(crate) struct Outgoing {
    body: Body,
    pulse: Arc<Pulse>,
    stats: Arc<ServerStats>,
}

impl http_body::Body for Outgoing {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(cx));
        if let Some(Err(_)) = &frame {
            self.stats.reject(Rejection::Panic);
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for Outgoing {
    fn drop(&mut self) {
        self.pulse.answered();
    }
}
