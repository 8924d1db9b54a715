//! Routers of axum.

use axum::Router;
use axum::body::Body;
use axum::extract::Path;
use axum::http::{Request, StatusCode};
use axum::routing::{any, get, post};
use http_body_util::BodyExt;
use perf_monitor_bridges::tower::RequestsLayer;
use perf_monitor_core::Registry;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, oneshot};
use tower::ServiceExt;

use crate::support::{active, ended};

fn layer(registry: &Registry) -> RequestsLayer {
    RequestsLayer::new(registry).unwrap()
}

/// Asks, and reads the answer to its end.
async fn ask(app: &Router, method: &str, path: &str) -> StatusCode {
    let request = Request::builder().method(method).uri(path).body(Body::empty()).unwrap();
    let response = app.clone().oneshot(request).await.unwrap();
    let status = response.status();
    response.into_body().collect().await.unwrap();
    status
}

async fn hello() -> &'static str {
    "hello"
}

#[tokio::test]
async fn the_route_is_the_template_and_never_the_path() {
    let registry = Registry::new();
    let users = |Path(id): Path<u32>| async move { id.to_string() };
    let app = Router::new()
        .route("/", get(hello))
        .route("/users/{id}", get(users).put(users))
        .route("/files/{*path}", get(hello))
        .layer(layer(&registry));
    for n in 0..3 {
        ask(&app, "GET", &format!("/users/{n}?page={n}")).await;
        ask(&app, "GET", &format!("/files/a/{n}.txt")).await;
        assert_eq!(ask(&app, "GET", &format!("/nothing/{n}")).await, 404);
    }
    ask(&app, "PUT", "/users/1").await;
    assert_eq!(ask(&app, "GET", "/users/somebody").await, 400);
    assert_eq!(ask(&app, "DELETE", "/users/1").await, 405);
    ask(&app, "HEAD", "/").await;
    let expected = [
        "DELETE /users/{id} 4xx 1",
        "GET /files/{*path} 2xx 3",
        "GET /users/{id} 2xx 3",
        "GET /users/{id} 4xx 1",
        "GET unknown 4xx 3",
        "HEAD / 2xx 1",
        "PUT /users/{id} 2xx 1",
    ];
    assert_eq!(ended(&registry), expected);
    assert!(active(&registry).iter().all(|line| line.ends_with(" 0")));
}

#[tokio::test]
async fn nested_and_merged_routers_have_the_whole_template() {
    let registry = Registry::new();
    let orders = Router::new().route("/{order}", get(hello)).route("/", post(hello));
    let shop = Router::new().nest("/orders", orders).route("/stock", get(hello));
    let app = Router::new()
        .nest("/shops/{shop}", shop)
        .merge(Router::new().route("/about", get(hello)))
        .nest_service("/legacy", Router::new().route("/{page}", any(hello)))
        .layer(layer(&registry));
    ask(&app, "GET", "/shops/north/orders/17").await;
    ask(&app, "POST", "/shops/north/orders").await;
    ask(&app, "GET", "/shops/south/stock").await;
    ask(&app, "GET", "/about").await;
    // What is a service to the router keeps its routes to itself.
    assert_eq!(ask(&app, "GET", "/legacy/17").await, 200);
    assert_eq!(ask(&app, "GET", "/shops/north/nothing/17").await, 404);
    let expected = [
        "GET /about 2xx 1",
        "GET /shops/{shop}/orders/{order} 2xx 1",
        "GET /shops/{shop}/stock 2xx 1",
        "GET unknown 2xx 1",
        "GET unknown 4xx 1",
        "POST /shops/{shop}/orders 2xx 1",
    ];
    assert_eq!(ended(&registry), expected);
}

#[tokio::test]
async fn a_layer_inside_a_nested_router_knows_the_whole_template() {
    let registry = Registry::new();
    let orders = Router::new().route("/{order}", get(hello)).route_layer(layer(&registry));
    let app = Router::new().nest("/orders", orders);
    ask(&app, "GET", "/orders/17").await;
    assert_eq!(ask(&app, "GET", "/orders/17/items").await, 404);
    assert_eq!(ended(&registry), ["GET /orders/{order} 2xx 1"]);
}

#[tokio::test]
async fn around_a_whole_router_the_route_is_unknown() {
    let registry = Registry::new();
    let app = Router::new().route("/users/{id}", get(hello));
    let app = tower::Layer::layer(&layer(&registry), app);
    let request = Request::get("/users/17").body(Body::empty()).unwrap();
    app.oneshot(request).await.unwrap().into_body().collect().await.unwrap();
    assert_eq!(ended(&registry), ["GET unknown 2xx 1"]);
}

#[tokio::test]
async fn a_handler_that_panics_is_an_error_of_its_route() {
    let registry = Registry::new();
    async fn panics() -> &'static str {
        panic!("as it should")
    }
    let app = Router::new().route("/broken", get(panics)).layer(layer(&registry));
    let task = tokio::spawn(async move { ask(&app, "GET", "/broken").await });
    assert!(task.await.unwrap_err().is_panic());
    assert_eq!(ended(&registry), ["GET /broken error 1"]);
    assert_eq!(active(&registry), ["GET /broken 0"]);
}

#[tokio::test]
async fn a_handler_that_is_given_up_is_cancelled() {
    let registry = Registry::new();
    let never = || async { std::future::pending::<&'static str>().await };
    let app = Router::new().route("/slow", get(never)).layer(layer(&registry));
    let (begin, begun) = oneshot::channel();
    let request = Request::get("/slow").body(Body::empty()).unwrap();
    let task = tokio::spawn(async move {
        let mut answer = std::pin::pin!(app.oneshot(request));
        assert!(futures_util::poll!(&mut answer).is_pending());
        begin.send(()).unwrap();
        answer.await
    });
    begun.await.unwrap();
    assert_eq!(active(&registry), ["GET /slow 1"]);
    task.abort();
    assert!(task.await.unwrap_err().is_cancelled());
    assert_eq!(ended(&registry), ["GET /slow cancelled 1"]);
    assert_eq!(active(&registry), ["GET /slow 0"]);
}

#[tokio::test]
async fn a_server_of_axum_counts_streams_and_clients_that_leave() {
    let registry = Registry::new();
    let (begin, mut begun) = mpsc::unbounded_channel();
    let never = move || {
        begin.send(()).unwrap();
        std::future::pending::<&'static str>()
    };
    let chunks = || async {
        let chunks = ["one ", "two ", "three"].map(Ok::<_, std::convert::Infallible>);
        Body::from_stream(futures_util::stream::iter(chunks))
    };
    let app = Router::new()
        .route("/chunks", get(chunks))
        .route("/never/{id}", get(never))
        .layer(layer(&registry));
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel::<()>();
    let stopped = async move { drop(stopped.await) };
    let server =
        tokio::spawn(axum::serve(listener, app).with_graceful_shutdown(stopped).into_future());

    let mut client = TcpStream::connect(address).await.unwrap();
    let request = "GET /chunks HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    client.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    client.read_to_string(&mut answer).await.unwrap();
    assert!(answer.contains("three"));

    let mut client = TcpStream::connect(address).await.unwrap();
    client.write_all(b"GET /never/17 HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    begun.recv().await.unwrap();
    assert!(active(&registry).contains(&"GET /never/{id} 1".to_string()));
    drop(client);
    stop.send(()).unwrap();
    server.await.unwrap().unwrap();
    assert_eq!(ended(&registry), ["GET /chunks 2xx 1", "GET /never/{id} cancelled 1"]);
    assert!(active(&registry).iter().all(|line| line.ends_with(" 0")));
}
