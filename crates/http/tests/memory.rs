//! What connections cost, counted at the allocator, in a process of its own.

use std::collections::VecDeque;
use std::sync::atomic::Ordering::Relaxed;

use perf_monitor_http::{Body, CHUNK_BYTES, Request, Router, Server, ServerOptions, answer};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

#[path = "../../core/tests/support/counting.rs"]
mod counting;

use counting::{HELD, PEAK};

fn held() -> usize {
    HELD.load(Relaxed)
}

/// The most bytes held above the present ones while `run` runs.
async fn peak(run: impl Future<Output = ()>) -> usize {
    let before = held();
    PEAK.store(before, Relaxed);
    run.await;
    PEAK.load(Relaxed) - before
}

const STREAM_BYTES: usize = 16 * 1024 * 1024;

#[cfg(feature = "websocket")]
const HANDSHAKE: &[u8] = b"GET /socket HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\n\
    Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

fn router() -> Router {
    let stream = async |_: Request| {
        let mut left = STREAM_BYTES / CHUNK_BYTES;
        let body = Body::stream(move |out: &mut Vec<u8>| {
            out.resize(CHUNK_BYTES, b'x');
            left -= 1;
            left > 0
        });
        answer(http::StatusCode::OK, "text/plain", body)
    };
    let router = Router::new().get("/", stream);
    #[cfg(feature = "websocket")]
    let router = router.websocket(
        "/socket",
        async |mut socket: perf_monitor_http::WebSocket, _: Request| {
            while let Ok(Some(_)) = socket.recv().await {
                let _ = socket.send_text("heard").await;
            }
        },
    );
    router
}

#[cfg(feature = "websocket")]
async fn skip_handshake(tcp: &mut TcpStream) {
    let mut answer = Vec::with_capacity(256);
    while !answer.ends_with(b"\r\n\r\n") {
        answer.push(tcp.read_u8().await.unwrap());
    }
}

/// A text of 15,000 letters with a mask of zeroes.
#[cfg(feature = "websocket")]
fn large_message() -> Vec<u8> {
    let head = [&[0x81, 0x80 | 126][..], &15_000_u16.to_be_bytes(), &[0; 4]].concat();
    [head, vec![b'x'; 15_000]].concat()
}

/// Reads the stream to its end through a small buffer.
async fn scrape(address: std::net::SocketAddr) {
    let mut tcp = TcpStream::connect(address).await.unwrap();
    let request = b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    tcp.write_all(request).await.unwrap();
    let (mut buffer, mut whole) = ([0; 4096], 0);
    loop {
        match tcp.read(&mut buffer).await.unwrap() {
            0 => break,
            read => whole += read,
        }
    }
    assert!(whole > STREAM_BYTES);
}

#[tokio::test]
async fn silent_connections_and_large_answers_cost_little_and_leave_nothing() {
    let server = Server::bind(([127, 0, 0, 1], 0), ServerOptions::default()).unwrap();
    let (address, stats) = (server.local_addr(), server.stats());
    tokio::spawn(async move { server.serve(router(), std::future::pending()).await });
    let settle = async |open: u64, accepted: u64| {
        while stats.connections_open() != open || stats.connections_accepted() != accepted {
            tokio::task::yield_now().await;
        }
    };
    scrape(address).await;
    settle(0, 1).await;

    let scraped = peak(scrape(address)).await;
    assert!(scraped < 128 * 1024, "{scraped} bytes for a streamed answer");
    settle(0, 2).await;
    let idle = held();

    // a usual limit of 1,024 files holds both ends of these
    let mut silent = VecDeque::with_capacity(500);
    let silence = peak(async {
        for n in 1..=1000 {
            if silent.len() == 500 {
                silent.pop_front();
            }
            silent.push_back(std::net::TcpStream::connect(address).unwrap());
            settle(n.min(64), 2 + n).await;
        }
    });
    let silence = silence.await;
    assert!(silence < 192 * 1024, "{silence} bytes for 1,000 silent connections");

    drop(silent);
    settle(0, 1002).await;
    let left = held().saturating_sub(idle);
    assert!(left < 64 * 1024, "{left} bytes left behind");
    #[cfg(feature = "websocket")]
    {
        let before = held();
        let mut sockets = Vec::with_capacity(32);
        for n in 1..=32 {
            let mut tcp = std::net::TcpStream::connect(address).unwrap();
            std::io::Write::write_all(&mut tcp, HANDSHAKE).unwrap();
            sockets.push(tcp);
            while stats.websockets_open() != n {
                tokio::task::yield_now().await;
            }
        }
        let websockets = held() - before;
        assert!(websockets < 32 * 16 * 1024, "{websockets} bytes for 32 WebSockets");
        println!("32 WebSockets {websockets} bytes");

        let mut answer = [0; 7];
        let mut heard = Vec::with_capacity(32);
        for socket in sockets {
            socket.set_nonblocking(true).unwrap();
            let mut socket = TcpStream::from_std(socket).unwrap();
            skip_handshake(&mut socket).await;
            socket.write_all(&large_message()).await.unwrap();
            socket.read_exact(&mut answer).await.unwrap();
            heard.push(socket);
        }
        let after = held() - before;
        assert!(after < 32 * 16 * 1024, "{after} bytes for 32 WebSockets that heard 15,000 bytes");
        println!("after 15,000 bytes for each {after} bytes");
    }
    println!("streamed answer {scraped}, silent connections {silence}, left {left} bytes");
}
