//! The clients: real HTTP over loopback, more at some times than at others.

use std::f64::consts::TAU;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::{self, SendRequest};
use hyper::header::HOST;
use hyper::{Method, Request};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::sleep;

use super::dice::Dice;

/// Clients, each with one connection and one request at a time: what bounds the load.
const CLIENTS: u64 = 24;

/// Requests a second, all clients together: this many more or less, once up and down in a wave.
const USUAL_RATE: f64 = 110.0;
const SWING: f64 = 60.0;
const WAVE: Duration = Duration::from_secs(75);

/// The pause after a connection failed.
const PAUSE: Duration = Duration::from_secs(1);

/// What clients ask for, by how many of a hundred do.
const MIX: [(f64, Method, &str); 4] = [
    (0.52, Method::GET, "/"),
    (0.30, Method::GET, "/search"),
    (0.10, Method::POST, "/checkout"),
    (0.08, Method::GET, "/report"),
];

/// Sends requests to `address` for ever.
pub(super) async fn run(address: SocketAddr) {
    let begun = Instant::now();
    let mut clients = JoinSet::new();
    for seed in 0..CLIENTS {
        clients.spawn_local(client(address, begun, Dice::new(seed)));
    }
    clients.join_all().await;
}

async fn client(address: SocketAddr, begun: Instant, dice: Dice) {
    loop {
        // the service is of this process: a failure is for want of sockets, and passes
        let _ = converse(address, begun, &dice).await;
        sleep(PAUSE).await;
    }
}

/// Requests over one connection, until it fails.
async fn converse(
    address: SocketAddr,
    begun: Instant,
    dice: &Dice,
) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let tcp = TcpStream::connect(address).await?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(tcp)).await?;
    let requests = async {
        loop {
            sleep(dice.pause(between(begun.elapsed()))).await;
            ask(&mut sender, address, dice).await?;
        }
    };
    tokio::select! {
        ended = connection => Ok(ended?),
        failed = requests => failed,
    }
}

/// The mean time between two requests of one client.
fn between(elapsed: Duration) -> Duration {
    let wave = (TAU * elapsed.as_secs_f64() / WAVE.as_secs_f64()).sin();
    Duration::from_secs_f64(CLIENTS as f64 / (USUAL_RATE + SWING * wave))
}

async fn ask(
    sender: &mut SendRequest<Full<Bytes>>,
    address: SocketAddr,
    dice: &Dice,
) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let (method, path) = choose(dice.share());
    let bytes = match method {
        Method::POST => 200 + (dice.share() * 4000.0) as usize,
        _ => 0,
    };
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header(HOST, address.to_string())
        .body(Full::from(vec![b'x'; bytes]))?;
    sender.ready().await?;
    sender.send_request(request).await?.into_body().collect().await?;
    Ok(())
}

fn choose(share: f64) -> (Method, &'static str) {
    let mut rest = share;
    for (part, method, path) in MIX {
        rest -= part;
        if rest < 0.0 {
            return (method, path);
        }
    }
    (Method::GET, "/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mix_is_complete_and_the_rate_stays_within_its_bounds() {
        assert!((MIX.iter().map(|(part, ..)| part).sum::<f64>() - 1.0).abs() < 1e-9);
        assert_eq!(choose(0.0).1, "/");
        assert_eq!(choose(0.999).1, "/report");
        for second in 0..200 {
            let rate = CLIENTS as f64 / between(Duration::from_secs(second)).as_secs_f64();
            assert!((49.0..=171.0).contains(&rate), "{rate}");
        }
    }
}
