//! What clients cost that mean harm or are slow, counted at the allocator, in a process of its own.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::thread;
use std::time::Duration;

use perf_monitor_core::{Gauge, MetricsCollector, Registry};
use perf_monitor_dashboard::{About, MetricsDashboard};
use perf_monitor_history::{MemoryHistory, Options, Storage};
use perf_monitor_http::{Rejection, Server, ServerOptions, ServerStats};
use tokio::sync::oneshot;

#[allow(dead_code)] // the bench uses the rest
#[path = "support/client.rs"]
mod client;

use client::Client;

#[path = "../../core/tests/support/counting.rs"]
mod counting;

use counting::{HELD, PEAK};

/// Both the listener's limits and the patience with those who do not read.
const SHORT: Duration = Duration::from_millis(300);

const COLUMNS: usize = 200;

/// A service and its page, on a thread of its own as a monitor's.
struct Service {
    registry: Registry,
    levels: Vec<Gauge>,
    dashboard: MetricsDashboard,
    stats: Arc<ServerStats>,
    address: SocketAddr,
    stop: oneshot::Sender<()>,
    thread: thread::JoinHandle<()>,
}

impl Service {
    fn start() -> Service {
        let registry = Registry::new();
        let family = registry.gauge_family(("level", "A level."), &["of"]).unwrap();
        let levels = (0..COLUMNS).map(|of| family.with(&[&of.to_string()]).unwrap()).collect();
        let history = Arc::new(MemoryHistory::new(Options::default()).unwrap());
        let now_ms = (registry.clock().unix_ns() / 1_000_000) as i64;
        for ago in (0..300).rev() {
            history.record(now_ms - 1_000 * ago, &registry);
        }
        assert!(history.generation().changes > 0);
        let metrics = MetricsCollector::new(&registry).unwrap();
        let about = About::new("checkout", Duration::from_secs(1));
        let dashboard = MetricsDashboard::with_history(about, metrics, registry.clone(), history);
        let options = ServerOptions::default().stall_time(SHORT).header_time(SHORT);
        let server = Server::bind(([127, 0, 0, 1], 0), options).unwrap();
        let (address, stats) = (server.local_addr(), server.stats());
        let (stop, stopped) = oneshot::channel();
        let routes = dashboard.routes();
        let thread = thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            let stopped = async { drop(stopped.await) };
            runtime.unwrap().block_on(server.serve(routes, stopped)).unwrap();
        });
        Service { registry, levels, dashboard, stats, address, stop, thread }
    }

    fn columns() -> String {
        let column =
            |of| format!(r#"{{"metric":"level","labels":{{"of":"{of}"}},"stat":"value"}}"#);
        (0..COLUMNS).map(column).collect::<Vec<_>>().join(",")
    }

    fn watch(&self) -> Client {
        let mut client = Client::open(self.address, "/api/stream").unwrap();
        let columns = Service::columns();
        client
            .say(&format!(r#"{{"type":"subscribe","id":1,"rate":60,"columns":[{columns}]}}"#))
            .unwrap();
        client.text("subscribed").unwrap();
        client
    }

    fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).unwrap()
    }

    fn wait_for(&self, reached: impl Fn(&ServerStats) -> bool) {
        while !reached(&self.stats) {
            thread::yield_now();
        }
    }

    fn stop(self) {
        self.stop.send(()).unwrap();
        self.thread.join().unwrap();
    }
}

/// Its name, what it does, and the bytes that it may take meanwhile.
type Attack = (&'static str, fn(&Service), usize);

/// Sends until the other side takes no more or closes.
fn flood(socket: &mut TcpStream, bytes: &[u8]) {
    socket.set_nonblocking(true).unwrap();
    let mut again = 0;
    while again < 50 {
        match socket.write(bytes) {
            Ok(_) => again = 0,
            Err(e) if e.kind() == ErrorKind::WouldBlock => {
                again += 1;
                thread::yield_now();
            }
            Err(_) => return,
        }
    }
}

fn masked(opcode: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![0x80 | opcode, 0x80 | 126];
    frame.extend((payload.len() as u16).to_be_bytes());
    frame.extend([0; 4]);
    frame.extend(payload);
    frame
}

fn handshake(address: SocketAddr) -> String {
    format!(
        "GET /api/stream HTTP/1.1\r\nHost: {address}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
}

/// Asks for large pasts, and reads none of the answers.
fn never_reads(service: &Service) {
    let before = service.stats.rejected(Rejection::Stalled);
    let mut socket = service.connect();
    socket.write_all(handshake(service.address).as_bytes()).unwrap();
    let columns = Service::columns();
    let ask = format!(r#"{{"type":"history","id":1,"from":0,"until":9e15,"columns":[{columns}]}}"#);
    let asked = masked(1, ask.as_bytes());
    while service.stats.rejected(Rejection::Stalled) == before {
        flood(&mut socket, &asked);
    }
}

/// Watches, and reads a byte now and then.
fn reads_slowly(service: &Service) {
    let mut socket = service.connect();
    socket.write_all(handshake(service.address).as_bytes()).unwrap();
    let columns = Service::columns();
    let ask = format!(r#"{{"type":"subscribe","id":1,"rate":60,"columns":[{columns}]}}"#);
    socket.write_all(&masked(1, ask.as_bytes())).unwrap();
    let past =
        format!(r#"{{"type":"history","id":1,"from":0,"until":9e15,"columns":[{columns}]}}"#);
    flood(&mut socket, &masked(1, past.as_bytes()));
    socket.set_nonblocking(false).unwrap();
    for _ in 0..200 {
        let mut byte = [0];
        if socket.read(&mut byte).unwrap_or(0) == 0 {
            return;
        }
        thread::yield_now();
    }
}

/// Frames that are none: not masked, of a reserved kind, of a length beyond all bounds, of a text that is none.
fn sends_garbage(service: &Service) {
    let huge = [[0x81, 0xff].as_slice(), &u64::MAX.to_be_bytes(), &[0; 4]].concat();
    let garbage = [
        vec![0x81, 0x02, b'h', b'i'],
        vec![0x8b, 0x80, 0, 0, 0, 0],
        huge,
        masked(1, &[0xff; 200]),
        vec![0xff; 70_000],
    ];
    for bytes in garbage {
        let before = service.stats.websockets_open();
        let mut socket = service.connect();
        socket.write_all(handshake(service.address).as_bytes()).unwrap();
        service.wait_for(|stats| stats.websockets_open() == before + 1);
        flood(&mut socket, &bytes);
        service.wait_for(|stats| stats.websockets_open() == before);
    }
    assert!(service.stats.rejected(Rejection::Malformed) > 0);
}

fn shakes_half_a_hand(service: &Service) {
    let before = service.stats.rejected(Rejection::HeaderTime);
    let half = handshake(service.address);
    let halves: Vec<_> = (1..=20)
        .map(|n| {
            let mut socket = service.connect();
            socket.write_all(&half.as_bytes()[..half.len() * n / 21]).unwrap();
            socket
        })
        .collect();
    service.wait_for(|stats| stats.rejected(Rejection::HeaderTime) >= before + 20);
    drop(halves);
}

/// A thousand connections that say nothing; a usual limit of 1,024 files holds both ends of half of them.
fn says_nothing(service: &Service) {
    let before = service.stats.connections_accepted();
    let mut silent = std::collections::VecDeque::new();
    for n in 1..=1_000 {
        if silent.len() == 400 {
            silent.pop_front();
        }
        silent.push_back(service.connect());
        service.wait_for(|stats| stats.connections_accepted() >= before + n);
    }
}

fn sends_a_large_head(service: &Service) {
    let before = service.stats.rejected(Rejection::HeaderBytes);
    let mut socket = service.connect();
    let head = format!("GET / HTTP/1.1\r\nHost: localhost\r\nX: {}\r\n\r\n", "x".repeat(20_000));
    flood(&mut socket, head.as_bytes());
    service.wait_for(|stats| stats.rejected(Rejection::HeaderBytes) > before);
}

#[test]
fn nobody_takes_memory_or_frames_from_others() {
    let service = Service::start();
    let mut good = service.watch();
    let mut alone = HELD.load(Relaxed);
    let mut frames = 0;
    // how many frames until a change is seen: as many as without anybody else
    let mut sees = |value: f64| {
        service.levels[0].set(value);
        (1..=10).any(|_| {
            frames += 1;
            let (frame, _) = good.frame().unwrap();
            let at = if frame[1] == 1 { 16 } else { 16 + COLUMNS / 8 };
            let told = frame[1] == 1 || frame[16] & 1 == 1;
            told && frame[at..at + 4] == (value as f32).to_le_bytes()
        })
    };
    assert!(sees(1.0));
    let attacks: [Attack; 6] = [
        ("never reads", never_reads, 512 * 1024),
        ("reads slowly", reads_slowly, 512 * 1024),
        ("garbage", sends_garbage, 512 * 1024),
        ("half a handshake", shakes_half_a_hand, 640 * 1024),
        ("silence", says_nothing, 512 * 1024),
        ("a large head", sends_a_large_head, 256 * 1024),
    ];
    for (n, (name, attack, most)) in attacks.into_iter().enumerate() {
        alone = alone.max(HELD.load(Relaxed));
        PEAK.store(HELD.load(Relaxed), Relaxed);
        thread::scope(|scope| {
            let attacker = scope.spawn(|| attack(&service));
            // the service and the page that somebody watches go on
            let mut value = 100.0 * (n as f64 + 1.0);
            while !attacker.is_finished() {
                value += 1.0;
                service.registry.tick();
                service.dashboard.tick();
                assert!(sees(value), "{name}");
            }
        });
        let peak = PEAK.load(Relaxed).saturating_sub(alone);
        assert!(peak < most, "{name}: {peak} bytes");
        service.wait_for(|stats| stats.connections_open() == 1);
        assert!(sees(7.0 + n as f64), "{name}");
        let left = HELD.load(Relaxed).saturating_sub(alone);
        assert!(left < 32 * 1024, "{name}: {left} bytes left behind");
        println!("{name}: {peak} bytes at the most, {left} left");
    }
    assert_eq!(service.dashboard.stats().clients, 1);
    assert!(frames > 6, "{frames}");
    service.stop();
}
