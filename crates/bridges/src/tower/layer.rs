//! The layer that makes a recorded service of another.

use super::future::ResponseFuture;
use super::ongoing::Ongoing;
use super::routes::Routes;
use super::traced::Tracing;
use super::{Head, matched, method};
use http::header::CONTENT_LENGTH;
use http::{Request, Response};
use http_body::Body;
use perf_monitor_core::{Error, Registry};
use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use std::task::{Context, Poll};
use tower_layer::Layer;
use tower_service::Service;

/// The label of requests whose route nobody knows.
const UNKNOWN: &str = "unknown";

pub(super) type FindRoute = dyn for<'a> Fn(Head<'a>) -> Option<Cow<'a, str>> + Send + Sync;

/// Records the requests of the services that it is laid around.
///
/// See the [module](super) for what is recorded. Layers of one registry share their metrics, so
/// several routers or listeners may each have one. A clone is the same layer.
#[derive(Clone)]
pub struct RequestsLayer {
    routes: Arc<Routes>,
    find_route: Option<Arc<FindRoute>>,
    collected: bool,
    pub(super) tracing: Tracing,
}

impl RequestsLayer {
    /// A layer that records in `registry`.
    ///
    /// # Errors
    /// One of the metrics' names is registered as something else.
    pub fn new(registry: &Registry) -> Result<RequestsLayer, Error> {
        let routes = registry.companion(|| Routes::new(registry))?;
        let tracing = Tracing::new(registry)?;
        Ok(RequestsLayer { routes, find_route: None, collected: true, tracing })
    }

    /// Takes the label `route` from `find`, which sees the head of each request. Where it gives
    /// `None`, the layer goes on as without it: axum's template, else `unknown`.
    ///
    /// Each route is a set of series, within the registry's byte budget. So give a template, a
    /// group or a name of a fixed set, not a path with ids in it: clients choose paths, and what
    /// they choose beyond the budget is in the overflow series together with everything else.
    ///
    /// ```
    /// use perf_monitor_bridges::tower::RequestsLayer;
    /// use perf_monitor_core::Registry;
    ///
    /// let layer = RequestsLayer::new(&Registry::new())?.route(|head| {
    ///     let first = head.uri.path().split('/').nth(1)?;
    ///     ["orders", "users"].iter().find(|known| **known == first).map(|known| (*known).into())
    /// });
    /// # Ok::<(), perf_monitor_core::Error>(())
    /// ```
    pub fn route<F>(mut self, find: F) -> RequestsLayer
    where
        F: for<'a> Fn(Head<'a>) -> Option<Cow<'a, str>> + Send + Sync + 'static,
    {
        self.find_route = Some(Arc::new(find));
        self
    }

    /// Leaves the registry's [`MetricsCollector`](perf_monitor_core::MetricsCollector) alone, for
    /// programs that record their requests there themselves.
    pub fn without_collector(mut self) -> RequestsLayer {
        self.collected = false;
        self
    }

    #[inline]
    fn begin<A: Body>(&self, request: &Request<A>) -> Ongoing {
        let head = Head::of(request);
        let found = self.find_route.as_ref().and_then(|find| find(head));
        let route = found.or_else(|| matched::route(head));
        let (method, route) = (method::label(head.method), route.as_deref());
        let metrics = self.routes.get(method, route.unwrap_or(UNKNOWN));
        let span = self.tracing.begin(request, method, route);
        Ongoing::begin(metrics, span, size(request), self.collected)
    }
}

impl<S> Layer<S> for RequestsLayer {
    type Service = RequestsService<S>;

    fn layer(&self, inner: S) -> RequestsService<S> {
        RequestsService { inner, layer: Arc::new(self.clone()) }
    }
}

/// A service whose requests are recorded; made by [`RequestsLayer`].
///
/// It is ready when the service within is, and its errors are that one's.
#[derive(Clone, Debug)]
pub struct RequestsService<S> {
    inner: S,
    /// One count to touch when a server clones the service for a connection or a request.
    layer: Arc<RequestsLayer>,
}

impl<S, A, B> Service<Request<A>> for RequestsService<S>
where
    S: Service<Request<A>, Response = Response<B>>,
    A: Body,
    B: Body,
{
    type Response = Response<super::ResponseBody<B>>;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future>;

    #[inline]
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    /// Passes the request on.
    ///
    /// # Cost
    /// `tower/layer`: with the end of the response, two reads of the clock and some twenty plain
    /// adds.
    #[inline]
    fn call(&mut self, mut request: Request<A>) -> ResponseFuture<S::Future> {
        self.layer.tracing.receive(&mut request);
        let mut ongoing = self.layer.begin(&request);
        let response = ongoing.watch(|| self.inner.call(request));
        ResponseFuture::new(response, ongoing)
    }
}

/// Bytes of the request's body, if it has one and they are known beforehand.
fn size<A: Body>(request: &Request<A>) -> Option<u64> {
    let body = request.body();
    if body.is_end_stream() {
        return None;
    }
    let declared = || request.headers().get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok();
    body.size_hint().exact().or_else(declared)
}

impl fmt::Debug for RequestsLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequestsLayer")
            .field("finds_route", &self.find_route.is_some())
            .field("collected", &self.collected)
            .finish_non_exhaustive()
    }
}
