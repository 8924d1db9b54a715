//! A router within somebody else's server.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use http::header::UPGRADE;
use http::request::Parts;
use http_body_util::{BodyExt, Limited};
use tokio::sync::watch;
use tokio::time::{Instant, timeout, timeout_at};

use crate::answer::{Response, add_safe_headers};
use crate::connection::Shared;
use crate::exchange::{Unreadable, call};
use crate::guard::{self, Refusal};
use crate::options::ServerOptions;
use crate::router::{Request, Route, Router};
use crate::stats::ServerStats;

/// Where a mounted router counts from: of its own address it knows nothing.
const LOCAL: std::net::IpAddr = std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

/// A [`Router`] as a service of a server that is there already: axum's, hyper's, any that has requests of the `http` crate.
///
/// Clones are the same. WebSockets end when the last clone is dropped.
///
/// That server sees to connections, heads and their limits. What is looked at here: the token, if the options have one; `Host`,
/// if they allow names; the site that a browser asks for, where something is written or a WebSocket is opened; the size and
/// time of bodies, the time of handlers, the number of WebSockets. Each refusal is counted in [`stats`](Self::stats). Who may
/// reach the service at all, the server says: without a token it should not be everybody, and without names
/// another site's page may be rebound to this address.
///
/// With axum, below a path of its own:
///
/// ```
/// use axum::body::Body;
/// use axum::extract::Request;
/// use axum::routing::any;
/// use http::StatusCode;
/// use perf_monitor_http::{Router, ServerOptions, answer};
///
/// let hello = async |_: perf_monitor_http::Request| answer(StatusCode::OK, "text/plain", "hello\n");
/// let mounted = Router::new().get("/hello", hello).mount(ServerOptions::default());
///
/// let inner = axum::Router::new().fallback(any(move |request: Request| {
///     let mounted = mounted.clone();
///     async move { mounted.respond(request).await.map(Body::new) }
/// }));
/// let service: axum::Router = axum::Router::new().nest("/monitor", inner);
/// ```
#[derive(Clone)]
pub struct Mounted {
    shared: Arc<Shared>,
    #[cfg_attr(not(feature = "websocket"), allow(dead_code))]
    running: Arc<watch::Sender<()>>,
}

impl Router {
    /// This table as a service of another server; of `options`, those of connections and heads mean nothing there.
    pub fn mount(self, options: ServerOptions) -> Mounted {
        let shared = Shared { router: self, options, stats: Arc::default() };
        Mounted { shared: Arc::new(shared), running: Arc::new(watch::Sender::new(())) }
    }
}

impl Mounted {
    /// Answers one request, whose path is that of the router's table: a server that mounts it below another path
    /// takes that off.
    ///
    /// An upgrade to a WebSocket goes on as a task of this runtime, by hyper's `OnUpgrade` in the request's extensions,
    /// which hyper and axum put there.
    ///
    /// # Panics
    /// Outside of a tokio runtime with time.
    pub async fn respond<B>(&self, request: http::Request<B>) -> Response
    where
        B: http_body::Body + Send,
        B::Data: Send,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        self.shared.stats.request();
        let (parts, body) = request.into_parts();
        let mut response = match self.answer(parts, body).await {
            Ok(response) => response,
            Err(refusal) => {
                self.shared.stats.reject(refusal.reason);
                refusal.into_response()
            }
        };
        add_safe_headers(response.headers_mut());
        response
    }

    /// The counters of requests, WebSockets and refusals.
    pub fn stats(&self) -> Arc<ServerStats> {
        self.shared.stats.clone()
    }

    async fn answer<B>(&self, parts: Parts, body: B) -> Result<Response, Refusal>
    where
        B: http_body::Body + Send,
        B::Data: Send,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let Shared { options, router, .. } = &*self.shared;
        let deadline = Instant::now() + options.request_time;
        if !options.hosts.is_empty() {
            guard::check_host(&parts, (LOCAL, 0).into(), &options.hosts)?;
        }
        if let Some(token) = &options.token {
            guard::check_token(&parts.headers, token)?;
        }
        let wants_upgrade = parts.headers.contains_key(UPGRADE);
        match router.route(&parts.method, parts.uri.path(), wants_upgrade) {
            Route::Call { handler, costly } => {
                if costly {
                    guard::check_origin(&parts.headers)?;
                }
                let body = read(body, options).await?;
                let request = Request::from_parts(parts, body);
                let called = timeout_at(deadline, call(&*handler, request)).await;
                called.unwrap_or_else(|_| Err(Refusal::slow()))
            }
            #[cfg(feature = "websocket")]
            Route::Upgrade(handler) => {
                guard::check_origin(&parts.headers)?;
                let waiting = crate::websocket::Waiting::default();
                let request = Request::from_parts(parts, Bytes::new());
                let response = waiting.accept(request, handler, &self.shared)?;
                let (shared, stopping) = (self.shared.clone(), self.running.subscribe());
                tokio::spawn(async move { waiting.run(&shared, stopping).await });
                Ok(response)
            }
            #[cfg(feature = "websocket")]
            Route::UpgradeRequired => Err(crate::websocket::required()),
            Route::No(response) => Ok(response),
        }
    }
}

async fn read<B>(body: B, options: &ServerOptions) -> Result<Bytes, Refusal>
where
    B: http_body::Body + Send,
    B::Data: Send,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let limit = options.body_bytes;
    let body = Limited::new(body, limit).collect();
    let read = timeout(options.body_time, body).await;
    let body = read.map_or(Err(Unreadable::Slow), |read| read.map_err(Unreadable::of));
    body.map(|body| body.to_bytes()).map_err(|why| why.refusal(limit))
}

impl fmt::Debug for Mounted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mounted").field("router", &self.shared.router).finish_non_exhaustive()
    }
}
