//! The spans of requests that a program makes.

use super::layer::FindRoute;
use super::{Head, method, semantics};
use http::header::HOST;
use http::{Request, Response, StatusCode, Uri};
use perf_monitor_tracing::propagation::{self, Baggage};
use perf_monitor_tracing::{DistributedTracer, Span, SpanKind};
use pin_project_lite::pin_project;
use std::borrow::Cow;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use tower_layer::Layer;
use tower_service::Service;

/// Makes a client span of each request that goes through the services it is laid around, and tells the
/// other side of it: `traceparent`, `tracestate`, and as `baggage` the
/// [`Baggage`] that is in the request's extensions.
///
/// The span is below what the thread is in when the service is called, and lasts until the head of the
/// response is there; the body is read by whoever called. Its name is the method, with the
/// [template](Self::template) if there is one; its attributes are those of the
/// [semantic conventions][conventions]: `http.request.method`, `server.address`, `server.port`, `url.full`
/// (without user, password, query), `url.template`, `http.response.status_code`, `error.type`. An
/// answer of 400 or above, an error, a panic or a cancellation fails it.
///
/// [conventions]: https://opentelemetry.io/docs/specs/semconv/http/http-spans/
///
/// ```
/// use perf_monitor_bridges::tower::ClientLayer;
/// use perf_monitor_core::Registry;
/// use perf_monitor_tracing::{DistributedTracer, TracerOptions};
///
/// let tracer = DistributedTracer::new(Registry::global(), TracerOptions::default())?;
/// let layer = ClientLayer::new(&tracer); // around a client of `http` requests
/// # Ok::<(), perf_monitor_tracing::Error>(())
/// ```
#[derive(Clone)]
pub struct ClientLayer {
    tracer: DistributedTracer,
    find_template: Option<Arc<FindRoute>>,
}

impl ClientLayer {
    /// A layer whose spans are `tracer`'s.
    pub fn new(tracer: &DistributedTracer) -> ClientLayer {
        ClientLayer { tracer: tracer.clone(), find_template: None }
    }

    /// Takes the template of a request's path, which becomes part of the span's name, from `find`.
    ///
    /// Names are kept apart up to a bound, so give `/users/{id}`, not `/users/17`.
    pub fn template<F>(mut self, find: F) -> ClientLayer
    where
        F: for<'a> Fn(Head<'a>) -> Option<Cow<'a, str>> + Send + Sync + 'static,
    {
        self.find_template = Some(Arc::new(find));
        self
    }

    fn begin<A>(&self, request: &Request<A>) -> Span {
        let head = Head::of(request);
        let template = self.find_template.as_ref().and_then(|find| find(head));
        let (template, label) = (template.as_deref(), method::label(head.method));
        let start = semantics::named(label, template, |name| self.tracer.start(name));
        let span = start.kind(SpanKind::Client).begin();
        if span.is_recording() {
            describe(&span, head, label, template);
        }
        span
    }
}

fn describe(span: &Span, head: Head<'_>, label: &'static str, template: Option<&str>) {
    let (known, original) = semantics::known(label, head.method.as_str());
    let host = head.headers.get(HOST).and_then(|host| host.to_str().ok()?.parse().ok());
    let server = head.uri.authority().or(host.as_ref());
    let url = url(head.uri);
    let attributes = [
        Some(("http.request.method", known.into())),
        server.map(|server| ("server.address", server.host().into())),
        server.and_then(|server| server.port_u16()).map(|port| ("server.port", port.into())),
        Some(match &url {
            Some(url) => ("url.full", url.as_str().into()),
            None => ("url.path", head.uri.path().into()),
        }),
        template.map(|template| ("url.template", template.into())),
        original.map(|method| ("http.request.method_original", method.into())),
    ];
    semantics::keep(span, attributes);
}

/// Without what may be secret.
fn url(uri: &Uri) -> Option<String> {
    let (scheme, server) = (uri.scheme_str()?, uri.authority()?);
    let server = server.as_str().rsplit('@').next()?;
    Some(format!("{scheme}://{server}{}", uri.path()))
}

impl<S> Layer<S> for ClientLayer {
    type Service = ClientService<S>;

    fn layer(&self, inner: S) -> ClientService<S> {
        ClientService { inner, layer: Arc::new(self.clone()) }
    }
}

/// A service whose requests carry their trace; made by [`ClientLayer`].
///
/// It is ready when the service within is, and its responses and errors are that one's.
#[derive(Clone, Debug)]
pub struct ClientService<S> {
    inner: S,
    layer: Arc<ClientLayer>,
}

impl<S, A, B> Service<Request<A>> for ClientService<S>
where
    S: Service<Request<A>, Response = Response<B>>,
{
    type Response = Response<B>;
    type Error = S::Error;
    type Future = ClientFuture<S::Future>;

    #[inline]
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    /// Passes the request on, with its headers.
    ///
    /// # Cost
    /// A span with attributes, one or two allocations for headers and one for the address.
    fn call(&mut self, mut request: Request<A>) -> ClientFuture<S::Future> {
        let span = self.layer.begin(&request);
        propagation::inject(&span.context(), request.headers_mut());
        if let Some(baggage) = request.extensions_mut().remove::<Baggage>() {
            baggage.inject(request.headers_mut());
        }
        let mut call = Call { span, ending: Ending::Cancelled };
        let inner = call.watch(|| self.inner.call(request));
        ClientFuture { inner, call: Some(call) }
    }
}

pin_project! {
    /// The response of a [`ClientService`], once it is there.
    ///
    /// Dropped before, its span has failed as `cancelled`.
    #[derive(Debug)]
    pub struct ClientFuture<F> {
        #[pin]
        inner: F,
        // None once it has given its result.
        call: Option<Call>,
    }
}

impl<F, B, E> Future for ClientFuture<F>
where
    F: Future<Output = Result<Response<B>, E>>,
{
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        let result = match this.call {
            Some(call) => ready!(call.watch(|| this.inner.poll(cx))),
            None => ready!(this.inner.poll(cx)),
        };
        if let Some(mut call) = this.call.take() {
            call.ending = result.as_ref().map_or(Ending::Error, |got| Ending::Answer(got.status()));
        }
        Poll::Ready(result)
    }
}

/// A request that waits for its response. Its span ends when this is dropped, whatever the reason.
#[derive(Debug)]
struct Call {
    span: Span,
    /// How it ends if this is dropped now.
    ending: Ending,
}

#[derive(Clone, Copy, Debug)]
enum Ending {
    Answer(StatusCode),
    Error,
    Cancelled,
}

impl Call {
    /// Runs code of the service within the span. A panic in there is the end, as an error.
    fn watch<R>(&mut self, service: impl FnOnce() -> R) -> R {
        self.ending = Ending::Error;
        let entered = self.span.enter();
        let result = service();
        drop(entered);
        self.ending = Ending::Cancelled;
        result
    }

    fn fail(&self, why: &str) {
        self.span.attribute("error.type", why);
        self.span.fail("");
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        match self.ending {
            Ending::Answer(status) => {
                self.span.attribute("http.response.status_code", status.as_u16());
                if status.as_u16() >= 400 {
                    self.fail(status.as_str());
                }
            }
            Ending::Error => self.fail("error"),
            Ending::Cancelled => self.fail("cancelled"),
        }
    }
}

impl fmt::Debug for ClientLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let finds_template = self.find_template.is_some();
        f.debug_struct("ClientLayer")
            .field("finds_template", &finds_template)
            .finish_non_exhaustive()
    }
}
