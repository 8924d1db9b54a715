//! `tower/layer`: a request through the layer that records it, beside the service alone.

use std::convert::Infallible;
use std::future::{Future, Ready, ready};
use std::hint::black_box;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use http::{Method, Request, Response};
use http_body_util::Full;
use perf_monitor_bridges::tower::RequestsLayer;
use perf_monitor_core::Registry;
use tower_layer::Layer;
use tower_service::Service;

use super::{Row, hot};
use crate::controls;
use crate::harness::{Effort, Rung, Subject, climb};
use crate::report::Report;

pub(crate) const ROW: Row = Row { id: "tower/layer", run };

const BARE: &str = "bare service";

type Body = Full<&'static [u8]>;

fn run(effort: Effort) -> Result<Report, String> {
    let registry = Registry::new();
    let layer = RequestsLayer::new(&registry).map_err(|error| error.to_string())?;
    let layer =
        layer.route(|request| request.extensions.get::<Route>().map(|route| route.0.into()));
    let subjects =
        [served(hot::OURS, layer.layer(Answer)), off(), controls::floor(), served(BARE, Answer)];
    let climb = climb(&subjects, hot::visit(&registry), effort.seconds(2.0, 15.0));
    let mut report = hot::report(&climb, &subjects[..3]);
    let over = climb.ns(hot::OURS, Rung::One).minus(climb.ns(BARE, Rung::One));
    report.rounds("bare", "ns", climb.ns(BARE, Rung::One));
    report.number("over_bare", "ns", over.median());
    Ok(report)
}

/// The route, as a router leaves it in the request.
#[derive(Clone)]
struct Route(&'static str);

/// Answers at once.
#[derive(Clone)]
struct Answer;

impl Service<Request<Body>> for Answer {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Ready<Result<Response<Body>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        black_box(request);
        ready(Ok(Response::new(Full::new(&b"done"[..]))))
    }
}

/// Requests to four routes in turn, each answered and its body read, as a server does.
fn served<S, B>(name: &'static str, service: S) -> Subject
where
    S: Service<Request<Body>, Response = Response<B>> + Clone + Sync + 'static,
    B: http_body::Body,
{
    const ROUTES: [&str; 4] = ["/", "/cart", "/items/{id}", "/orders/{id}"];
    Subject::new(name, move || {
        let mut service = service.clone();
        let mut context = Context::from_waker(Waker::noop());
        move |ops| {
            for n in 0..ops as usize {
                let mut request = Request::new(Full::new(&b"please"[..]));
                *request.method_mut() = Method::GET;
                request.extensions_mut().insert(Route(ROUTES[n % 4]));
                let Poll::Ready(Ok(response)) = pin!(service.call(request)).poll(&mut context)
                else {
                    unreachable!("the service answers at once");
                };
                let mut body = pin!(response.into_body());
                while let Poll::Ready(Some(frame)) = body.as_mut().poll_frame(&mut context) {
                    let _ = black_box(frame);
                }
            }
        }
    })
}

fn off() -> Subject {
    Subject::new(hot::OFF, || |ops| (0..ops).for_each(|_| black_box(())))
}
