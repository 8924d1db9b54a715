//! `alerts/memory`, `alerts/replay` and `alerts/first-byte`: what alerts hold, how fast they are back, how fast they are out.

use std::fmt::Write;
use std::io::Read;
use std::net::TcpListener;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use perf_monitor_alerting::{
    AlertManager, AlertManagerBuilder, AlertRule, AlertSeverity, Attempt, Limits, Metrics,
    Notification, Route, Secret, Webhook, notify_fn,
};
use perf_monitor_core::Clock;
use perf_monitor_history::{Labels, MemoryHistory, Options};

use super::Row;
use crate::alloc::Counting;
use crate::harness::Effort;
use crate::report::Report;
use crate::stats::Samples;

pub(crate) const MEMORY: Row = Row { id: "alerts/memory", run: memory };
pub(crate) const REPLAY: Row = Row { id: "alerts/replay", run: replay };
pub(crate) const FIRST_BYTE: Row = Row { id: "alerts/first-byte", run: first_byte };

const RULES: u64 = 100;

/// When the fake clock begins, in milliseconds.
const EPOCH_MS: i64 = 1_000_000_000_000;

/// A directory that goes away with the row.
struct Place(PathBuf);

impl Place {
    fn new(name: &str) -> Result<Place, String> {
        let place = std::env::temp_dir().join(format!("pm-bench-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&place);
        std::fs::create_dir_all(&place).map_err(|error| error.to_string())?;
        Ok(Place(place))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn runtime() -> Result<tokio::runtime::Runtime, String> {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    builder.enable_all().build().map_err(|error| error.to_string())
}

fn taken(name: &str) -> Route {
    Route::to(notify_fn(name, async |_: Notification| Attempt::Delivered(String::new())))
}

async fn settle(manager: &AlertManager) {
    while !manager.is_idle() {
        tokio::task::yield_now().await;
    }
}

/// A hundred rules of a file, as somebody would write them.
fn rule_file() -> String {
    let mut text = String::from("groups:\n- name: service\n  rules:\n");
    for n in 0..RULES {
        let _ = write!(
            text,
            "  - alert: SlowRoute{n}\n    expr: depth{{route=\"/route/{n}\"}} > 5\n    for: 0s\n    \
             labels: {{severity: warning}}\n    annotations:\n      summary: \"Route {n} is \
             {{{{ $value }}}} deep\"\n      perf_monitor_flapping: \"off\"\n"
        );
    }
    text
}

/// The rules fire and resolve until the history has its thousand entries.
fn memory(_: Effort) -> Result<Report, String> {
    let place = Place::new("memory")?;
    let path = place.0.join("rules.yml");
    std::fs::write(&path, rule_file()).map_err(|error| error.to_string())?;
    Counting::start();
    let quiet = held(&path, 10)?;
    let firing = held(&path, 11)?;
    let mut report = Report::default();
    report.number("heap", "B", quiet.heap);
    report.number("missing", "entries", 1_000.0 - quiet.entries);
    let off = (quiet.reported / quiet.heap - 1.0).abs() * 100.0;
    report.number("reported_off_percent", "%", off);
    report.number("heap_all_firing", "B", firing.heap);
    Ok(report)
}

/// What a manager holds after its ticks, by what is free once it is gone.
struct Held {
    heap: f64,
    reported: f64,
    entries: f64,
}

/// In each second tick of `ticks` nothing fires.
fn held(path: &std::path::Path, ticks: i64) -> Result<Held, String> {
    let options = Options { bytes: 1_000_000, series: RULES as usize + 10, ..Options::default() };
    let history = Arc::new(MemoryHistory::new(options).map_err(|error| error.to_string())?);
    let label =
        |n| Labels::new([("__name__", "depth".to_owned()), ("route", format!("/route/{n}"))]);
    let labels: Vec<Labels> = (0..RULES).map(label).collect();
    let runtime = runtime()?;
    let (clock, hand) = Clock::fake();
    let builder = AlertManager::builder().clock(clock).rule_file(path).history(history.clone());
    let manager = builder.notify(taken("receiver")).build().map_err(|error| error.to_string())?;
    let (close, closed) = tokio::sync::oneshot::channel::<()>();
    let delivering = manager.clone();
    let deliver = async move { delivering.deliver(async { drop(closed.await) }).await };
    let delivery = runtime.spawn(deliver);
    // It begins before a look would.
    runtime.block_on(tokio::task::yield_now());
    for second in 1..=ticks {
        hand.advance(Duration::from_secs(1));
        let depth = if second % 2 == 0 { 1.0 } else { 9.0 };
        history.record_values(EPOCH_MS + second * 1_000, labels.iter().map(|l| (l, depth)));
        runtime.block_on(async {
            manager.check_alerts(&Metrics::default()).await;
            settle(&manager).await;
        });
    }
    Counting::wait_until_still();
    let (reported, entries) = (manager.stats().bytes as f64, manager.history(2_000).len() as f64);
    let with = Counting::live();
    drop(close);
    runtime.block_on(delivery).map_err(|error| error.to_string())?;
    drop(manager);
    Counting::wait_until_still();
    Ok(Held { heap: (with - Counting::live()) as f64, reported, entries })
}

/// A rule that holds in each other tick.
fn turning(n: u64) -> AlertRule {
    AlertRule::new(format!("rule {n}"), AlertSeverity::Warning, |m| m.total_requests % 2 == 1)
        .cooldown(Duration::ZERO)
        .flapping(None)
        .message("something is the matter, and here is what")
        .label("team", "core")
}

fn turning_rules(path: &std::path::Path) -> AlertManagerBuilder {
    // Never written anew: everything is read back as it was appended.
    let limits = Limits { file_bytes: u64::MAX, ..Limits::default() };
    let builder = AlertManager::builder().outbox(path).limits(limits).notify(taken("receiver"));
    (0..RULES).fold(builder, |builder, n| builder.rule(turning(n)))
}

/// Ten thousand notifications, with the firings and resolves that led to them and what became of them.
fn replay(effort: Effort) -> Result<Report, String> {
    let place = Place::new("replay")?;
    let path = place.0.join("outbox");
    let runtime = runtime()?;
    runtime.block_on(async {
        let manager = turning_rules(&path).build().map_err(|error| error.to_string())?;
        for tick in 1..=100 {
            let metrics = Metrics { total_requests: tick, ..Metrics::default() };
            manager.check_alerts(&metrics).await;
            settle(&manager).await;
        }
        Ok::<(), String>(())
    })?;
    // With it go the tasks that hold the file.
    drop(runtime);
    let whole = std::fs::read(&path).map_err(|error| error.to_string())?;
    let mut samples = Samples::default();
    for _ in 0..effort.pick(3, 11) {
        std::fs::write(&path, &whole).map_err(|error| error.to_string())?;
        let begun = Instant::now();
        let manager = turning_rules(&path).build().map_err(|error| error.to_string())?;
        samples.push(begun.elapsed().as_secs_f64() * 1_000.0);
        if manager.history(2_000).len() != 1_000 {
            return Err("the history is not back".into());
        }
    }
    let mut report = Report::default();
    report.rounds("wall", "ms", &samples);
    report.number("file", "B", whole.len() as f64);
    Ok(report)
}

/// From the call of the tick that crosses the threshold to the first byte at a receiver on loopback,
/// over a connection that is not there yet, with the outbox brought to the disk in between.
fn first_byte(effort: Effort) -> Result<Report, String> {
    let place = Place::new("first-byte")?;
    let (address, arrived) = receiver()?;
    let webhook = Webhook::new(Secret::text(format!("http://{address}/")));
    let rule = AlertRule::new("crossing", AlertSeverity::Critical, |m| m.error_rate > 0.5)
        .cooldown(Duration::ZERO)
        .flapping(None);
    let runtime = runtime()?;
    let mut samples = Samples::default();
    runtime.block_on(async {
        let builder = AlertManager::builder().outbox(place.0.join("outbox"));
        let manager = builder.rule(rule).notify(webhook).build().map_err(|e| e.to_string())?;
        for tick in 0..effort.pick(20, 100) * 2 {
            let crosses = tick % 2 == 0;
            let error_rate = if crosses { 0.9 } else { 0.0 };
            let begun = Instant::now();
            manager.check_alerts(&Metrics { error_rate, ..Metrics::default() }).await;
            settle(&manager).await;
            let at = arrived.recv_timeout(Duration::from_secs(10)).map_err(|e| e.to_string())?;
            if crosses {
                samples.push(at.duration_since(begun).as_secs_f64() * 1_000.0);
            }
        }
        Ok::<(), String>(())
    })?;
    let mut report = Report::default();
    report.rounds("wall", "ms", &samples);
    Ok(report)
}

/// Says when the first byte of each request came, and answers it.
fn receiver() -> Result<(std::net::SocketAddr, Receiver<Instant>), String> {
    use std::io::Write;
    let listener = TcpListener::bind("127.0.0.1:0").map_err(|error| error.to_string())?;
    let address = listener.local_addr().map_err(|error| error.to_string())?;
    let (came, arrived) = channel();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            let mut chunk = [0; 16 * 1024];
            if stream.read(&mut chunk).is_err() || came.send(Instant::now()).is_err() {
                return;
            }
            let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
            let _ = stream.write_all(answer);
            // The rest of the request, so that closing does not reset the connection.
            let _ = stream.set_read_timeout(Some(Duration::from_millis(200)));
            while stream.read(&mut chunk).is_ok_and(|read| read > 0) {}
        }
    });
    Ok((address, arrived))
}
