//! The requests of a tower service, by route.
//!
//! One [`RequestsLayer`] around an axum router, a tonic server or any other service of `http`
//! requests answers: how many, how they end, how long they take, how large they are, how many are
//! under way, for each method on each route.
//!
//! ```
//! # #[cfg(feature = "axum")] {
//! use axum::{Router, routing::get};
//! use perf_monitor_bridges::tower::RequestsLayer;
//! use perf_monitor_core::Registry;
//!
//! let app: Router = Router::new()
//!     .route("/users/{id}", get(|| async { "somebody" }))
//!     .layer(RequestsLayer::new(Registry::global())?);
//! # }
//! # Ok::<(), perf_monitor_core::Error>(())
//! ```
//!
//! | metric | labels | what |
//! |---|---|---|
//! | `http_server_requests_total` | method, route, status | requests that have ended |
//! | `http_server_request_duration_seconds` | method, route | from the call to the end |
//! | `http_server_active_requests` | method, route | requests that have not ended |
//! | `http_server_request_size_bytes` | method, route | of the body, if there is one and its size is known beforehand |
//! | `http_server_response_size_bytes` | method, route | of the body, if there is one, as far as it was read |
//!
//! The registry's [`MetricsCollector`] gets the same requests, unless the layer is
//! [without it](RequestsLayer::without_collector); a success is any answer below 500.
//!
//! # When a request ends, and how
//!
//! It begins when the service is called, and ends when the response's body has been read to its
//! end, or is dropped. A stream is under way while it flows, and its duration is its whole length;
//! what a connection does after an upgrade (101) is not the request's. Each request ends once, with one `status`:
//!
//! | status | when |
//! |---|---|
//! | `1xx` to `5xx` | the body has been read, or was dropped before anybody read of it |
//! | `cancelled` | the response's future was dropped before its end, or the body half-way: the client went away, or a timeout outside gave up |
//! | `error` | the service gave an error instead of a response, the body broke off with one, or either panicked |
//!
//! A gRPC call is told by its content type and counted by `grpc-status`, in the head or in the
//! trailers, as the HTTP code that [gRPC gives for it][codes]: `NOT_FOUND` is 4xx, `UNAVAILABLE` is
//! 5xx, and so is an answer that ends without a status.
//!
//! # Routes
//!
//! With feature `axum` the route is axum's template, `/users/{id}`. It is known inside a router:
//! use `Router::layer`, not a layer around the whole router. Requests that match no route, or
//! whose route nobody knows, are `unknown`; [`RequestsLayer::route`] finds routes by other rules.
//! The path itself is never used, as clients choose it. A method that HTTP does not know is
//! `other`.
//!
//! A method on a route takes 3 to 7 KB of the registry's budget, by how much its durations and
//! sizes differ; the default budget holds 40 to 80 of them. One that finds no room is recorded in
//! the overflow series, and the refusal is counted
//! ([`RegistryStats::refused_series`](perf_monitor_core::RegistryStats::refused_series)).
//!
//! # Spans
//!
//! With feature `tracing`, a layer with a tracer (`RequestsLayer::tracer`) makes a span of each
//! request as well, in the trace of whoever sent it; `ClientLayer`, around a client, makes one of each
//! call and sends its trace along. Requests of a layer without a tracer cost what they did.
//!
//! [`MetricsCollector`]: perf_monitor_core::MetricsCollector
//! [codes]: https://github.com/googleapis/googleapis/blob/master/google/rpc/code.proto

mod body;
mod cache;
#[cfg(feature = "tracing")]
mod client;
mod future;
mod head;
mod layer;
#[cfg_attr(not(feature = "axum"), path = "unmatched.rs")]
mod matched;
mod method;
mod ongoing;
mod outcome;
mod route;
mod routes;
#[cfg(feature = "tracing")]
mod semantics;
#[cfg_attr(not(feature = "tracing"), path = "untraced.rs")]
mod traced;

pub use body::ResponseBody;
#[cfg(feature = "tracing")]
pub use client::{ClientFuture, ClientLayer, ClientService};
pub use future::ResponseFuture;
pub use head::Head;
pub use layer::{RequestsLayer, RequestsService};
