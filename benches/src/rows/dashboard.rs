//! `dashboard/…`: what a page that watches costs, and how soon it sees.

use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, mpsc};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use perf_monitor_core::{
    Counter, Desc, Gauge, Histogram, HistogramOptions, MetricsCollector, Registry, Unit,
};
use perf_monitor_dashboard::{About, MetricsDashboard};
use perf_monitor_history::{Labels, MemoryHistory, Options};
use perf_monitor_http::{Router, Server, ServerOptions};
use tokio::io::AsyncWriteExt;
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tokio::sync::oneshot;

use super::Row;
use crate::alloc::Counting;
use crate::cpu_time;
use crate::harness::Effort;
use crate::report::Report;
use crate::stats::Samples;

#[allow(dead_code)] // the tests use the rest
#[path = "../../../crates/dashboard/tests/support/client.rs"]
mod client;

use client::Client;

pub(crate) const CPU: Row = Row { id: "dashboard/server-cpu", run: server_cpu };
pub(crate) const WIRE: Row = Row { id: "dashboard/wire", run: wire };
pub(crate) const MEMORY: Row = Row { id: "dashboard/memory", run: memory };
pub(crate) const LATENCY: Row = Row { id: "dashboard/stream-latency", run: latency };

const HZ: u32 = 60;
const COLUMNS: usize = 200;

/// Of what the columns show, what changes from one frame to the next.
const CHANGING: usize = COLUMNS / 10;

/// What the monitor leaves to its history.
const HISTORY_BYTES: usize = 74_000;

/// A dashboard on a thread of its own, as a monitor has it.
struct Served {
    registry: Registry,
    dashboard: MetricsDashboard,
    address: SocketAddr,
    ask: UnboundedSender<mpsc::Sender<Duration>>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Served {
    fn start(registry: &Registry, history: Option<Arc<MemoryHistory>>) -> Result<Served, String> {
        Served::listen(registry, history, true)
    }

    /// The same with or without the page's routes.
    fn listen(
        registry: &Registry,
        history: Option<Arc<MemoryHistory>>,
        page: bool,
    ) -> Result<Served, String> {
        let told = |error: &dyn std::fmt::Display| error.to_string();
        let metrics = MetricsCollector::new(registry).map_err(|e| told(&e))?;
        let about = About::new("bench", Duration::from_secs(1));
        let dashboard = match history {
            Some(history) => {
                MetricsDashboard::with_history(about, metrics, registry.clone(), history)
            }
            None => MetricsDashboard::new(about, metrics, registry.clone()),
        };
        let server = Server::bind(([127, 0, 0, 1], 0), ServerOptions::default());
        let server = server.map_err(|e| told(&e))?;
        let routes = if page { dashboard.routes() } else { Router::new() };
        let address = server.local_addr();
        let (ask, mut asked) = unbounded_channel::<mpsc::Sender<Duration>>();
        let (stop, mut stopped) = oneshot::channel();
        let thread = thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            let runtime = runtime.expect("a runtime");
            runtime.block_on(async {
                let serving = server.serve(routes, std::future::pending());
                tokio::pin!(serving);
                loop {
                    tokio::select! {
                        _ = &mut serving => return,
                        _ = &mut stopped => return,
                        Some(to) = asked.recv() => drop(to.send(cpu_time::of_this_thread())),
                    }
                }
            });
        });
        let registry = registry.clone();
        Ok(Served { registry, dashboard, address, ask, stop: Some(stop), thread: Some(thread) })
    }

    /// CPU time of the thread that serves, so far.
    fn cpu(&self) -> Result<Duration, String> {
        let (to, from) = mpsc::channel();
        self.ask.send(to).map_err(|_| "the server is gone")?;
        from.recv().map_err(|_| "the server is gone".to_owned())
    }

    fn client(&self, columns: &str) -> Result<Client, String> {
        subscribed(self.address, columns).map_err(|e| format!("a client: {e}"))
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        drop(self.stop.take());
        drop(self.thread.take().map(JoinHandle::join));
    }
}

fn subscribed(address: SocketAddr, columns: &str) -> io::Result<Client> {
    let mut client = Client::open(address, "/api/stream")?;
    let columns = format!(r#"{{"type":"subscribe","id":1,"rate":{HZ},"columns":[{columns}]}}"#);
    client.say(&columns)?;
    client.text("subscribed")?;
    Ok(client)
}

/// What the columns are of, as a page has it: gauges, rates of counters, stats of histograms.
struct Shop {
    gauges: Vec<Gauge>,
    counters: Vec<Counter>,
    histograms: Vec<Histogram>,
}

impl Shop {
    fn new(registry: &Registry) -> Result<Shop, String> {
        let told = |e: perf_monitor_core::Error| e.to_string();
        let gauges = registry.gauge_family(("level", "A level."), &["of"]).map_err(told)?;
        let counters = registry.counter_family(("done_total", "Done."), &["of"]).map_err(told)?;
        let desc = Desc::new("took_seconds", "Time.").unit(Unit::Microseconds);
        let histograms = registry.histogram_family(desc, &["of"], HistogramOptions::default());
        let histograms = histograms.map_err(told)?;
        let names = |count| (0..count).map(|n: usize| n.to_string()).collect::<Vec<_>>();
        let with = |e: perf_monitor_core::Error| e.to_string();
        Ok(Shop {
            gauges: names(120)
                .iter()
                .map(|n| gauges.with(&[n]).map_err(with))
                .collect::<Result<_, _>>()?,
            counters: names(60)
                .iter()
                .map(|n| counters.with(&[n]).map_err(with))
                .collect::<Result<_, _>>()?,
            histograms: names(4)
                .iter()
                .map(|n| histograms.with(&[n]).map_err(with))
                .collect::<Result<_, _>>()?,
        })
    }

    /// 200 columns: 120 levels, 60 rates, 5 stats of 4 histograms.
    fn columns() -> String {
        let column = |metric: &str, of: usize, stat: &str| {
            format!(r#"{{"metric":"{metric}","labels":{{"of":"{of}"}},"stat":"{stat}"}}"#)
        };
        let levels = (0..120).map(|of| column("level", of, "value"));
        let rates = (0..60).map(|of| column("done_total", of, "rate"));
        let stats = ["p50", "p90", "p99", "mean", "max"];
        let times = (0..4).flat_map(|of| stats.map(|stat| column("took_seconds", of, stat)));
        levels.chain(rates).chain(times).collect::<Vec<_>>().join(",")
    }

    /// What happens in the time of a frame.
    fn work(&self, frame: u64) {
        for n in 0..CHANGING {
            let at = (frame as usize * CHANGING + n) % self.gauges.len();
            self.gauges[at].set(frame as f64);
        }
        self.counters[frame as usize % self.counters.len()].add(3);
        self.histograms[frame as usize % self.histograms.len()].record(1_000 + frame % 9_000);
    }
}

/// Does something in the time of each frame, and a tick each second, until it is dropped.
struct Busy {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Busy {
    fn start(served: &Served, mut work: impl FnMut(u64) + Send + 'static) -> Busy {
        let stop = Arc::new(AtomicBool::new(false));
        let (stopped, registry) = (stop.clone(), served.registry.clone());
        let dashboard = served.dashboard.clone();
        let thread = thread::spawn(move || {
            let mut frame = 0;
            while !stopped.load(Relaxed) {
                work(frame);
                if frame.is_multiple_of(u64::from(HZ)) {
                    registry.tick();
                    dashboard.tick();
                }
                frame += 1;
                thread::sleep(Duration::from_secs(1) / HZ);
            }
        });
        Busy { stop, thread: Some(thread) }
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.stop.store(true, Relaxed);
        drop(self.thread.take().map(JoinHandle::join));
    }
}

/// Reads all that comes, on a thread of its own, until the server closes; frames and bytes are counted.
#[derive(Clone, Default)]
struct Counted(Arc<[AtomicU64; 2]>);

impl Counted {
    fn read(&self, mut client: Client) -> JoinHandle<()> {
        let counted = self.clone();
        thread::spawn(move || {
            while let Ok((_, wire)) = client.frame() {
                counted.0[0].fetch_add(1, Relaxed);
                counted.0[1].fetch_add(wire as u64, Relaxed);
            }
        })
    }

    fn now(&self) -> [f64; 2] {
        [0, 1].map(|at: usize| self.0[at].load(Relaxed) as f64)
    }
}

const CLIENTS: usize = 4;

fn server_cpu(effort: Effort) -> Result<Report, String> {
    let time = Duration::from_secs(effort.pick(3, 20));
    let registry = Registry::new();
    let shop = Shop::new(&registry)?;
    let served = Served::start(&registry, None)?;
    let _busy = Busy::start(&served, move |frame| shop.work(frame));
    let percent = |from: Duration, until: Duration, wall: Instant| {
        (until - from).as_secs_f64() / wall.elapsed().as_secs_f64() * 100.0
    };
    let over = |time: Duration| -> Result<f64, String> {
        let (from, wall) = (served.cpu()?, Instant::now());
        thread::sleep(time);
        Ok(percent(from, served.cpu()?, wall))
    };
    over(Duration::from_millis(500))?;
    let alone = over(time / 2)?;
    let counted = Counted::default();
    let one = counted.read(served.client(&Shop::columns())?);
    over(Duration::from_secs(1))?;
    let ([before, _], wall) = (counted.now(), Instant::now());
    let with_one = over(time)?;
    let frames = (counted.now()[0] - before) / wall.elapsed().as_secs_f64();
    let more = (1..CLIENTS).map(|_| Ok(counted.read(served.client(&Shop::columns())?)));
    let more = more.collect::<Result<Vec<_>, String>>()?;
    over(Duration::from_secs(1))?;
    let with_all = over(time)?;
    let bare = bare_cpu(time)?;
    let mut report = Report::default();
    report.number("percent_of_a_core", "%", with_one - alone);
    report.number("percent_for_each_more", "%", (with_all - with_one) / (CLIENTS - 1) as f64);
    report.number("percent_without_client", "%", alone);
    report.number_ratio("of_bare", "%", with_one, ("the same bytes by a bare timer", bare));
    report.note(format!("{frames:.1} frames a second"));
    drop(served);
    for reader in more.into_iter().chain([one]) {
        drop(reader.join());
    }
    Ok(report)
}

/// What it takes to write as many bytes as often to a socket, and nothing else.
fn bare_cpu(time: Duration) -> Result<f64, String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|e| e.to_string())?;
    let told = |e: io::Error| format!("a bare socket: {e}");
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).map_err(told)?;
    let client =
        std::net::TcpStream::connect(listener.local_addr().map_err(told)?).map_err(told)?;
    let reader = thread::spawn(move || {
        let (mut client, mut buffer) = (client, [0; 4096]);
        while io::Read::read(&mut client, &mut buffer).is_ok_and(|bytes| bytes > 0) {}
    });
    let (socket, _) = listener.accept().map_err(told)?;
    socket.set_nonblocking(true).map_err(told)?;
    let percent = runtime.block_on(async {
        let mut socket = tokio::net::TcpStream::from_std(socket).map_err(told)?;
        let mut due = tokio::time::interval(Duration::from_secs(1) / HZ);
        let (from, wall) = (cpu_time::of_this_thread(), Instant::now());
        while wall.elapsed() < time {
            due.tick().await;
            socket.write_all(&[0; 2 + 16 + COLUMNS / 8 + 4 * CHANGING]).await.map_err(told)?;
        }
        let took = (cpu_time::of_this_thread() - from).as_secs_f64();
        Ok::<_, String>(took / wall.elapsed().as_secs_f64() * 100.0)
    });
    drop(reader.join());
    percent
}

/// Gauges alone, of which as many change in each frame as is said.
struct Levels(Vec<Gauge>);

impl Levels {
    fn new(registry: &Registry) -> Result<Levels, String> {
        let told = |e: perf_monitor_core::Error| e.to_string();
        let levels = registry.gauge_family(("level", "A level."), &["of"]).map_err(told)?;
        let all = (0..COLUMNS).map(|of| levels.with(&[&of.to_string()]).map_err(told));
        all.collect::<Result<_, _>>().map(Levels)
    }

    fn columns() -> String {
        let column =
            |of| format!(r#"{{"metric":"level","labels":{{"of":"{of}"}},"stat":"value"}}"#);
        (0..COLUMNS).map(column).collect::<Vec<_>>().join(",")
    }

    fn change(&self, frame: u64) {
        for n in 0..CHANGING {
            self.0[(frame as usize * CHANGING + n) % COLUMNS].set(frame as f64);
        }
    }
}

fn wire(effort: Effort) -> Result<Report, String> {
    let registry = Registry::new();
    let levels = Levels::new(&registry)?;
    let served = Served::start(&registry, None)?;
    let mut client = served.client(&Levels::columns())?;
    // a frame for each change: with a full one of every ten seconds
    let frames = effort.pick(600, 1_800);
    let _busy = Busy::start(&served, move |frame| levels.change(frame));
    client.frame().map_err(|e| e.to_string())?;
    let (mut bytes, mut whole) = (0, 0);
    for _ in 0..frames {
        let (frame, wire) = client.frame().map_err(|e| e.to_string())?;
        whole += u64::from(frame[1] == 1);
        bytes += wire;
    }
    let each = bytes as f64 / f64::from(frames);
    let full = (4 + 16 + 4 * COLUMNS) as f64;
    let mut report = Report::default();
    report.number("bytes_per_s", "B/s", each * f64::from(HZ));
    report.number_ratio("of_whole_frames", "B", each, ("whole frames", full));
    report.note(format!("{whole} of {frames} frames were whole"));
    Ok(report)
}

fn memory(_: Effort) -> Result<Report, String> {
    const MORE: usize = 7;
    let registry = Registry::new();
    let _levels = Levels::new(&registry)?;
    let columns = Levels::columns();
    // what is no part of it: the metrics that it reads, and the thread that it runs on
    let warm = Served::start(&registry, None)?;
    drop(warm.client(&columns)?);
    drop(warm);
    Counting::start();
    let before = Counting::live();
    let history = Arc::new(full_history()?);
    let with_history = Counting::live() - before;
    // a listener of no page, with the runtime of its thread, has lines of its own in the ledger
    let between = Counting::live();
    let listener = Served::listen(&registry, None, false)?;
    Counting::wait_until_still();
    let listens = Counting::live() - between;
    drop(listener);
    let before = before + listens;
    let served = Served::start(&registry, Some(history.clone()))?;
    Counting::wait_until_still();
    let without_client = Counting::live() - before;
    let one = held_with(&served, &columns, 1)?;
    let state = one.bytes - before;
    drop(one.clients);
    Counting::wait_until_still();
    let all = held_with(&served, &columns, 1 + MORE)?;
    let each = (all.bytes - before - state) as f64 / MORE as f64;
    let mut report = Report::default();
    report.number("with_one_client", "B", state as f64);
    report.number("each_more", "B", each);
    report.number("history", "B", with_history as f64);
    let told = served.dashboard.stats().bytes;
    report.note(format!(
        "without a client {without_client} B; a listener alone {listens} B; the ledger says {told} B and the history's"
    ));
    Ok(report)
}

struct Held {
    clients: Vec<Client>,
    bytes: i64,
}

/// What is live while so many clients have their frames, without what is the clients' own.
fn held_with(served: &Served, columns: &str, count: usize) -> Result<Held, String> {
    let before = Counting::live();
    let buffers = (0..count).map(|_| Client::buffer()).collect::<Vec<_>>();
    let own = Counting::live() - before;
    drop(buffers);
    let mut clients = Vec::with_capacity(count);
    for _ in 0..count {
        clients.push(served.client(columns)?);
    }
    let listed = (clients.capacity() * size_of::<Client>()) as i64;
    // both kinds of frames, so that both encodings are there
    for _ in 0..10 {
        for client in &mut clients {
            client.frame().map_err(|e| e.to_string())?;
        }
    }
    Ok(Held { bytes: Counting::live() - own - listed, clients })
}

/// A history that is as large as it may be.
fn full_history() -> Result<MemoryHistory, String> {
    let options = Options { bytes: HISTORY_BYTES, ..Options::default() };
    let history = MemoryHistory::new(options).map_err(|e| e.to_string())?;
    let mut noise = 1_u64;
    for second in 0..4_000 {
        let mut values = Vec::with_capacity(50);
        for n in 0..50 {
            noise = noise.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let name = Labels::new([("__name__", "noise".to_owned()), ("of", format!("{n}"))]);
            values.push((name, (noise >> 33) as f64));
        }
        history.record_values(second * 1_000, values.iter().map(|(name, value)| (name, *value)));
    }
    Ok(history)
}

fn latency(effort: Effort) -> Result<Report, String> {
    let count = effort.pick(60, 600);
    let registry = Registry::new();
    let levels = Levels::new(&registry)?;
    let served = Served::start(&registry, None)?;
    let mut client = served.client(&Levels::columns())?;
    client.frame().map_err(|e| e.to_string())?;
    let mut waits = Samples::default();
    let mut all = Vec::with_capacity(count);
    for n in 1..=count {
        // at any moment between two frames
        thread::sleep(Duration::from_micros(17_000 + (n as u64 * 7_919) % 16_667));
        let begun = Instant::now();
        levels.0[0].set(n as f64);
        // the one change there is
        while last(client.frame().map_err(|e| e.to_string())?.0) != Some(n as f32) {}
        let wait = begun.elapsed().as_secs_f64() * 1e3;
        waits.push(wait);
        all.push(wait);
    }
    all.sort_by(f64::total_cmp);
    let mut report = Report::default();
    report.rounds("p50", "ms", &waits);
    report.number("p99", "ms", all[(all.len() * 99).div_ceil(100) - 1]);
    report.number("max", "ms", all[all.len() - 1]);
    Ok(report)
}

/// The first column, if the frame tells it.
fn last(frame: &[u8]) -> Option<f32> {
    let at = match (frame[1], frame[16] & 1) {
        (1, _) => 16,
        (2, 1) => 16 + COLUMNS.div_ceil(8),
        _ => return None,
    };
    Some(f32::from_le_bytes(frame[at..at + 4].try_into().ok()?))
}
