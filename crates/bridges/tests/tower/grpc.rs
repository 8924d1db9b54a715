//! gRPC calls, by a client and a server of tonic.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::{Buf, BufMut, Bytes};
use futures_util::future::{BoxFuture, ready};
use futures_util::stream::{self, BoxStream};
use futures_util::{FutureExt, Stream, StreamExt};
use http::uri::PathAndQuery;
use perf_monitor_bridges::tower::RequestsLayer;
use perf_monitor_core::Registry;
use tokio::sync::oneshot;
use tonic::client::GrpcService;
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::server::{NamedService, ServerStreamingService, UnaryService};
use tonic::transport::{Channel, Endpoint, Server, server::TcpIncoming};
use tonic::{Code, Request, Response, Status};
use tower::{Layer, Service, ServiceExt};

use crate::support::{active, ended};

/// Messages as the bytes that they are.
#[derive(Clone, Copy, Default)]
struct Plain;

impl Codec for Plain {
    type Encode = Bytes;
    type Decode = Bytes;
    type Encoder = Plain;
    type Decoder = Plain;

    fn encoder(&mut self) -> Plain {
        Plain
    }

    fn decoder(&mut self) -> Plain {
        Plain
    }
}

impl Encoder for Plain {
    type Item = Bytes;
    type Error = Status;

    fn encode(&mut self, item: Bytes, to: &mut EncodeBuf<'_>) -> Result<(), Status> {
        to.put(item);
        Ok(())
    }
}

impl Decoder for Plain {
    type Item = Bytes;
    type Error = Status;

    fn decode(&mut self, from: &mut DecodeBuf<'_>) -> Result<Option<Bytes>, Status> {
        Ok(Some(from.copy_to_bytes(from.remaining())))
    }
}

/// A service that ends each call as the message asks.
#[derive(Clone)]
struct Orders;

impl NamedService for Orders {
    const NAME: &'static str = "shop.Orders";
}

fn status(message: &Bytes) -> Result<(), Status> {
    let code: i32 = std::str::from_utf8(message).unwrap().parse().unwrap();
    if code == 0 { Ok(()) } else { Err(Status::new(Code::from_i32(code), "as asked")) }
}

/// One answer, or a status in its place.
struct Get;

impl UnaryService<Bytes> for Get {
    type Response = Bytes;
    type Future = BoxFuture<'static, Result<Response<Bytes>, Status>>;

    fn call(&mut self, request: Request<Bytes>) -> Self::Future {
        ready(status(request.get_ref()).map(|()| Response::new(Bytes::from("an order")))).boxed()
    }
}

/// An answer, then a status; without a code, an answer and nothing more.
struct List;

impl ServerStreamingService<Bytes> for List {
    type Response = Bytes;
    type ResponseStream = BoxStream<'static, Result<Bytes, Status>>;
    type Future = BoxFuture<'static, Result<Response<Self::ResponseStream>, Status>>;

    fn call(&mut self, request: Request<Bytes>) -> Self::Future {
        let first = stream::iter([Ok(Bytes::from("an order"))]);
        let stream = match request.get_ref().is_empty() {
            true => first.chain(stream::pending()).boxed(),
            false => first.chain(stream::iter(status(request.get_ref()).err().map(Err))).boxed(),
        };
        ready(Ok(Response::new(stream))).boxed()
    }
}

impl Service<http::Request<tonic::body::Body>> for Orders {
    type Response = http::Response<tonic::body::Body>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<tonic::body::Body>) -> Self::Future {
        async move {
            let mut grpc = tonic::server::Grpc::new(Plain);
            Ok(match request.uri().path() {
                "/shop.Orders/Get" => grpc.unary(Get, request).await,
                "/shop.Orders/List" => grpc.server_streaming(List, request).await,
                _ => Status::unimplemented("").into_http(),
            })
        }
        .boxed()
    }
}

/// The layer with the methods of the service as routes.
fn layer(registry: &Registry) -> RequestsLayer {
    RequestsLayer::new(registry).unwrap().without_collector().route(|head| {
        let known = ["/shop.Orders/Get", "/shop.Orders/List"];
        known.into_iter().find(|known| *known == head.uri.path()).map(|known| known.into())
    })
}

fn method(path: &'static str) -> PathAndQuery {
    PathAndQuery::from_static(path)
}

/// How a unary call ends.
async fn call<S>(service: &S, path: &'static str, message: &'static str) -> Code
where
    S: GrpcService<tonic::body::Body> + Clone,
    <S::ResponseBody as http_body::Body>::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    S::ResponseBody: http_body::Body<Data = Bytes> + Send + 'static,
{
    let mut client = tonic::client::Grpc::new(service.clone());
    client.ready().await.unwrap_or_else(|_| panic!("it is always ready"));
    let request = Request::new(Bytes::from(message));
    let result = client.unary::<_, Bytes, _>(request, method(path), Plain).await;
    result.map_or_else(|status| status.code(), |_| Code::Ok)
}

#[tokio::test]
async fn a_call_counts_by_its_grpc_status() {
    let registry = Registry::new();
    let service = layer(&registry).layer(Orders);
    // A failed unary call has its status in the head, one that went well in the trailers.
    for (message, code) in [
        ("0", Code::Ok),
        ("1", Code::Cancelled),
        ("5", Code::NotFound),
        ("13", Code::Internal),
        ("14", Code::Unavailable),
    ] {
        assert_eq!(call(&service, "/shop.Orders/Get", message).await, code);
    }
    assert_eq!(call(&service, "/shop.Orders/Drop", "0").await, Code::Unimplemented);
    // A stream tells at its end.
    assert_eq!(call(&service, "/shop.Orders/List", "14").await, Code::Unavailable);
    let expected = [
        "POST /shop.Orders/Get 2xx 1",
        "POST /shop.Orders/Get 4xx 1",
        "POST /shop.Orders/Get 5xx 2",
        "POST /shop.Orders/Get cancelled 1",
        "POST /shop.Orders/List 5xx 1",
        "POST unknown 5xx 1",
    ];
    assert_eq!(ended(&registry), expected);
}

#[tokio::test]
async fn an_answer_of_grpc_that_ends_without_a_status_is_a_failure() {
    let registry = Registry::new();
    let service = layer(&registry).layer(tower::service_fn(|request: http::Request<String>| {
        let response = http::Response::builder().header("content-type", request.body().as_str());
        ready(Ok::<_, Infallible>(response.body(String::new()).unwrap()))
    }));
    for kind in ["application/grpc", "application/grpc+proto", "application/grpc-web"] {
        let request = http::Request::post("/").body(kind.to_string()).unwrap();
        service.clone().oneshot(request).await.unwrap();
    }
    assert_eq!(ended(&registry), ["POST unknown 2xx 1", "POST unknown 5xx 2"]);
}

/// A server on a free port, until the sender is used.
async fn serve(
    layer: RequestsLayer,
) -> (Channel, oneshot::Sender<()>, impl Future<Output = Result<(), tonic::transport::Error>>) {
    let incoming = TcpIncoming::bind(([127, 0, 0, 1], 0).into()).unwrap();
    let address = incoming.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel();
    let server = Server::builder().layer(layer).add_service(Orders);
    let server = server.serve_with_incoming_shutdown(incoming, stopped.map(drop));
    let channel = Endpoint::from_shared(format!("http://{address}")).unwrap().connect_lazy();
    (channel, stop, server)
}

/// The first message of a stream, and the stream.
async fn first(
    channel: &Channel,
    message: &'static str,
) -> Pin<Box<dyn Stream<Item = Result<Bytes, Status>>>> {
    let mut client = tonic::client::Grpc::new(channel.clone());
    client.ready().await.unwrap();
    let request = Request::new(Bytes::from(message));
    let path = method("/shop.Orders/List");
    let mut answers = client.server_streaming(request, path, Plain).await.unwrap().into_inner();
    assert_eq!(answers.next().await.unwrap().unwrap(), "an order");
    Box::pin(answers)
}

#[tokio::test]
async fn a_tonic_server_takes_the_layer_and_a_client_that_leaves_is_counted() {
    let registry = Registry::new();
    let (channel, stop, server) = serve(layer(&registry)).await;
    let server = tokio::spawn(server);
    assert_eq!(call(&channel, "/shop.Orders/Get", "0").await, Code::Ok);
    assert_eq!(call(&channel, "/shop.Orders/Get", "7").await, Code::PermissionDenied);
    let endless = first(&channel, "").await;
    assert!(active(&registry).contains(&"POST /shop.Orders/List 1".to_string()));
    drop((endless, channel));
    stop.send(()).unwrap();
    server.await.unwrap().unwrap();
    let expected = [
        "POST /shop.Orders/Get 2xx 1",
        "POST /shop.Orders/Get 4xx 1",
        "POST /shop.Orders/List cancelled 1",
    ];
    assert_eq!(ended(&registry), expected);
    assert!(active(&registry).iter().all(|line| line.ends_with(" 0")));
}
