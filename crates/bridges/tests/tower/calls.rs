//! Traces from client to server, by hyper over loopback.

use std::convert::Infallible;
use std::future::{pending, ready};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::{client, server::conn::http1};
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use perf_monitor_bridges::tower::{ClientLayer, RequestsLayer, ResponseBody};
use perf_monitor_core::{Context, Registry};
use perf_monitor_tracing::propagation::Baggage;
use perf_monitor_tracing::{DistributedTracer, FutureExt, SpanContext};
use tokio::net::{TcpListener, TcpStream};
use tower::{Layer, Service, ServiceExt, service_fn};

use crate::spans::{keeping, lines, spans};
use crate::support::{Body, Broken, answer, full, get};

/// One request over a connection of its own.
async fn send(request: Request<Full<Bytes>>) -> Result<Response<Incoming>, hyper::Error> {
    let server = request.uri().authority().unwrap().to_string();
    let stream = TcpStream::connect(&server).await.unwrap();
    let (mut sender, connection) = client::conn::http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    sender.send_request(request).await
}

/// Serves one connection after another, each as a task; its address.
async fn serve<S>(service: S) -> String
where
    S: Service<Request<Incoming>, Response = Response<ResponseBody<Body>>, Error = Infallible>,
    S: Clone + Send + 'static,
    S::Future: Send,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let service = TowerToHyperService::new(service.clone());
            tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
        }
    });
    address
}

/// A process of its own, as far as traces are concerned.
fn service() -> (Registry, DistributedTracer, RequestsLayer) {
    let registry = Registry::new();
    let tracer = keeping(&registry);
    let layer = RequestsLayer::new(&registry).unwrap().tracer(&tracer);
    (registry, tracer, layer.route(|head| Some(head.uri.path().into())))
}

fn ask(server: &str, path: &str) -> Request<Full<Bytes>> {
    Request::get(format!("http://{server}{path}"))
        .header("host", server)
        .body(Full::default())
        .unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_through_two_services_is_one_trace() {
    let (_stock_registry, stock, stock_layer) = service();
    let work = stock.clone();
    let stock_address = serve(stock_layer.layer(service_fn(move |request: Request<Incoming>| {
        let baggage = request.headers()["baggage"].clone();
        let work = work.clone();
        async move {
            tokio::task::yield_now().await;
            let mut query = work.span("query");
            query.attribute("baggage", baggage.to_str().unwrap());
            drop(query);
            Ok::<_, Infallible>(answer(404, full("none left")))
        }
    })))
    .await;

    let (_shop_registry, shop, shop_layer) = service();
    let calls = ClientLayer::new(&shop).template(|head| Some(head.uri.path().into()));
    let calls = calls.layer(service_fn(send));
    let shop_address = serve(shop_layer.layer(service_fn(move |request: Request<Incoming>| {
        let (calls, mut call) = (calls.clone(), ask(&stock_address, "/items"));
        let baggage = request.extensions().get::<Baggage>().unwrap().clone();
        call.extensions_mut().insert(baggage);
        async move {
            let answered = calls.oneshot(call).await.unwrap();
            let status = answered.status();
            answered.into_body().collect().await.unwrap();
            assert_eq!(status, 404);
            Ok::<_, Infallible>(answer(200, full("sold out")))
        }
    })))
    .await;

    let registry = Registry::new();
    let browser = keeping(&registry);
    let client = ClientLayer::new(&browser).layer(service_fn(send));
    let mut request = ask(&shop_address, "/cart");
    let mut baggage = Baggage::new();
    baggage.set("user", "Zoë").unwrap();
    request.extensions_mut().insert(baggage);
    let click = browser.start("click").root().begin();
    let response = client.oneshot(request).in_span(click).await.unwrap();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    assert_eq!(body, "sold out");

    // A server ends its span with the last byte that it gives away, before the client has it.
    let all = [&browser, &shop, &stock].map(spans);
    let names =
        all.each_ref().map(|spans| spans.iter().map(|span| &*span.name).collect::<Vec<_>>());
    assert_eq!(
        names,
        [vec!["click", "GET"], vec!["GET /cart", "GET /items"], vec!["GET /items", "query"]]
    );
    let all: Vec<_> = all.into_iter().flatten().collect();
    assert_eq!(all[0].parent, None);
    for (upper, lower) in all.iter().zip(&all[1..]) {
        assert_eq!(lower.trace_id, all[0].trace_id, "one trace");
        assert_eq!(lower.parent, Some(upper.span_id), "{} below {}", lower.name, upper.name);
    }
    let remote: Vec<bool> = all.iter().map(|span| span.parent_is_remote).collect();
    assert_eq!(remote, [false, false, true, false, true, false]);
    assert_eq!(Context::current(), Context::default());

    let (host, port) = shop_address.split_once(':').unwrap();
    let expected = format!(
        "client GET http.request.method=GET server.address={host} server.port={port} \
         url.full=http://{shop_address}/cart http.response.status_code=200"
    );
    assert_eq!(lines(&browser)[1], expected);
    assert!(
        lines(&shop)[1].starts_with("failed client GET /items"),
        "to its client, 404 is a failure"
    );
    assert!(lines(&stock)[0].starts_with("server GET /items"), "to the server it is not");
    assert_eq!(lines(&stock)[1], "internal query baggage=user=Zo%C3%AB");
}

/// What the headers of a call told, and how the call's span looks afterwards.
async fn call<E: std::fmt::Debug>(
    tracer: &DistributedTracer,
    request: Request<Full<Bytes>>,
    outcome: Result<u16, E>,
) -> (SpanContext, String) {
    let (sender, received) = std::sync::mpsc::channel();
    let mut outcome = Some(outcome);
    let mut service =
        ClientLayer::new(tracer).layer(service_fn(move |request: Request<Full<Bytes>>| {
            assert_ne!(Context::current().span_id, 0, "called within the span");
            sender.send(request.headers().clone()).unwrap();
            let outcome = outcome.take().unwrap();
            ready(outcome.map(|status| answer(status, full(""))))
        }));
    let _ = service.call(request).await;
    let sent = perf_monitor_tracing::propagation::extract(&received.recv().unwrap());
    (sent.context.unwrap(), lines(tracer).pop().unwrap())
}

#[tokio::test]
async fn a_call_tells_its_own_span_and_how_it_ended() {
    let registry = Registry::new();
    let tracer = keeping(&registry);
    for (outcome, end) in [
        (Ok(204), "http.response.status_code=204"),
        (Ok(400), "http.response.status_code=400 error.type=400"),
        (Ok(500), "http.response.status_code=500 error.type=500"),
        (Err(Broken), "error.type=error"),
    ] {
        let (sent, line) = call(&tracer, get("/a"), outcome).await;
        let span = spans(&tracer).pop().unwrap();
        assert_eq!((sent.trace_id, sent.span_id), (span.trace_id, span.span_id));
        assert!(sent.is_sampled());
        assert!(line.ends_with(&format!(" {end}")), "{line}");
        assert_eq!(line.starts_with("failed"), end.contains("error"));
    }
}

#[tokio::test]
async fn what_may_be_secret_in_an_address_is_not_kept() {
    let registry = Registry::new();
    let tracer = keeping(&registry);
    let url = "https://user:password@example.com:8443/a?token=1";
    let request = Request::get(url).body(Full::default()).unwrap();
    let (_, line) = call(&tracer, request, Ok::<_, Broken>(200)).await;
    let expected = "client GET http.request.method=GET server.address=example.com \
                    server.port=8443 url.full=https://example.com:8443/a http.response.status_code=200";
    assert_eq!(line, expected);
    // Without an address in the request, as over a connection that is there already.
    let request = Request::put("/a?token=1").header("host", "example.com").body(Full::default());
    let (_, line) = call(&tracer, request.unwrap(), Ok::<_, Broken>(200)).await;
    let expected = "client PUT http.request.method=PUT server.address=example.com url.path=/a \
                    http.response.status_code=200";
    assert_eq!(line, expected);
}

#[tokio::test]
async fn a_call_that_is_given_up_has_failed() {
    let registry = Registry::new();
    let tracer = keeping(&registry);
    let never = service_fn(|_: Request<Full<Bytes>>| pending::<Result<Response<Body>, Broken>>());
    drop(ClientLayer::new(&tracer).layer(never).call(get("/a")));
    let expected = ["failed client GET http.request.method=GET url.path=/a error.type=cancelled"];
    assert_eq!(lines(&tracer), expected);
}
