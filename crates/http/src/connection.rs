//! One connection, from its first byte to its last.

use std::future::poll_fn;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

use crate::exchange::Exchange;
use crate::options::ServerOptions;
use crate::pulse::Pulse;
use crate::router::Router;
use crate::socket::Socket;
use crate::stats::{Rejection, ServerStats};

/// What all connections of a server share.
pub(crate) struct Shared {
    pub(crate) router: Router,
    pub(crate) options: ServerOptions,
    pub(crate) stats: Arc<ServerStats>,
}

/// Errs once the server stops: its sender is dropped then, and never sends.
pub(crate) type Stopping = watch::Receiver<()>;

/// Serves until the client, a limit, or the server's end closes the connection.
pub(crate) async fn serve(
    tcp: TcpStream,
    peer: SocketAddr,
    pulse: Arc<Pulse>,
    shared: Arc<Shared>,
    stopping: Stopping,
) {
    // a connection that says nothing costs no buffers
    if !speaks(&tcp, &pulse, &shared.stats, stopping.clone()).await {
        return;
    }
    let Ok(local) = tcp.local_addr() else { return };
    let exchange = Arc::new(Exchange::new(shared, Arc::clone(&pulse), local, peer));
    let socket = Socket::new(tcp, pulse);
    if Box::pin(converse(socket, &exchange, stopping.clone())).await {
        // boxed apart, so that a WebSocket does not keep what HTTP needed
        Box::pin(exchange.upgrade(stopping)).await;
    }
}

/// Waits for the first byte.
async fn speaks(
    tcp: &TcpStream,
    pulse: &Pulse,
    stats: &ServerStats,
    mut stopping: Stopping,
) -> bool {
    let mut sleep = pin!(sleep_until(Instant::now()));
    let overdue = poll_fn(|cx| pulse.poll_overdue(sleep.as_mut(), cx));
    let mut first = [0];
    tokio::select! {
        // not `readable`, which may be ready though nothing has come
        peeked = tcp.peek(&mut first) => peeked.is_ok_and(|bytes| bytes > 0),
        _ = stopping.changed() => false,
        () = pulse.evicted() => false,
        reason = overdue => {
            reason.into_iter().for_each(|reason| stats.reject(reason));
            false
        }
    }
}

/// Answers requests until the last; returns whether all ended well.
async fn converse(socket: Socket, exchange: &Arc<Exchange>, mut stopping: Stopping) -> bool {
    let pulse = exchange.pulse();
    let stats = exchange.stats();
    let service = service_fn(|request| {
        let exchange = Arc::clone(exchange);
        async move { exchange.respond(request).await }
    });
    let connection = http1::Builder::new()
        .max_header_size(exchange.header_bytes())
        .max_buf_size(exchange.header_bytes())
        .serve_connection(TokioIo::new(socket), service)
        .with_upgrades();
    let mut connection = pin!(connection);
    let mut sleep = pin!(sleep_until(Instant::now()));
    let mut stops = false;
    let ended = loop {
        let overdue = poll_fn(|cx| pulse.poll_overdue(sleep.as_mut(), cx));
        tokio::select! {
            // the connection first, so that its time is looked at after it has moved
            biased;
            ended = connection.as_mut() => break ended,
            _ = stopping.changed(), if !stops => {
                stops = true;
                connection.as_mut().graceful_shutdown();
            }
            () = pulse.evicted() => return false,
            reason = overdue => {
                reason.into_iter().for_each(|reason| stats.reject(reason));
                return false;
            }
        }
    };
    match &ended {
        Err(error) if error.is_parse_too_large() => stats.reject(Rejection::HeaderBytes),
        Err(error) if error.is_parse() => stats.reject(Rejection::Malformed),
        _ => {}
    }
    ended.is_ok()
}
