//! The process is killed at any instant, again and again: no alert is lost.

use std::collections::BTreeMap;
use std::fs::File;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use http::StatusCode;
use perf_monitor_alerting::{
    AlertManager, AlertRule, AlertSeverity, Limits, Metrics, Route, Secret, Webhook,
};
use perf_monitor_http::{Request, Router, Server, ServerOptions, answer};
use serde_json::Value;

use crate::support::Place;

/// Where the child finds its outbox and its receiver.
const CHILD: &str = "PERF_MONITOR_ALERTING_CHILD";

const RULES: u64 = 6;

fn rounds() -> u32 {
    if std::env::var("PERF_MONITOR_SOAK").is_ok_and(|v| v == "1") { 200 } else { 25 }
}

/// Not a test of its own: what the process that is killed does.
#[test]
fn child() {
    let Ok(given) = std::env::var(CHILD) else { return };
    let (address, rest) = given.split_once(' ').unwrap();
    let (begin, path) = rest.split_once(' ').unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(live(address, begin.parse().ok(), Path::new(path)));
}

/// Alerts that come and go at each tick, from tick `begin` on; with none, all that there is comes to
/// its end, and so does this.
async fn live(address: &str, begin: Option<u64>, path: &Path) {
    let route = |name: &str| {
        let url = format!("http://{address}/{name}");
        Route::to(Webhook::new(Secret::text(url)))
            .named(name.to_owned())
            .retry(Duration::from_millis(1), Duration::from_millis(10))
    };
    let rule = |n: u64| {
        AlertRule::new(format!("rule{n}"), AlertSeverity::Warning, move |m| {
            m.total_requests > 0 && m.total_requests / (n + 1) % 2 == 1
        })
        .cooldown(Duration::ZERO)
        .flapping(None)
    };
    // So small that the file is written anew many times in a round.
    let limits =
        Limits { file_bytes: 16 * 1024, history: 20, waiting: 10_000, ..Limits::default() };
    let builder = AlertManager::builder().outbox(path).limits(limits);
    let builder = (0..RULES).fold(builder, |builder, n| builder.rule(rule(n)));
    let manager = builder.notify(route("one")).notify(route("two")).build().unwrap();
    let mut tick = begin.unwrap_or_default();
    loop {
        let metrics = Metrics { total_requests: tick, ..Metrics::default() };
        manager.check_alerts(&metrics).await;
        match begin {
            // Ticks are made faster than a receiver takes: what finds no room is given up, which is no
            // loss that this test is about.
            Some(_) if manager.stats().waiting > 50 => tokio::task::yield_now().await,
            Some(_) => tick += 1,
            None if manager.is_idle() => return,
            None => tokio::task::yield_now().await,
        }
    }
}

/// What arrived of one alert at one receiver, in order: the id, and whether it fired.
type Arrived = BTreeMap<(String, String), Vec<(String, bool)>>;

#[derive(Default)]
struct Received {
    arrived: Arrived,
    /// Ids that were not in the file when they came.
    too_early: Vec<String>,
    count: u64,
}

/// What arrived, and a bell that rings when more does.
#[derive(Default)]
struct Inbox {
    received: Mutex<Received>,
    more: Condvar,
}

impl Inbox {
    fn count(&self) -> u64 {
        self.received.lock().unwrap().count
    }

    /// Waits until so many have arrived in all; false if that takes longer than anything may.
    fn wait_for(&self, count: u64) -> bool {
        let received = self.received.lock().unwrap();
        let few = |received: &mut Received| received.count < count;
        let most = Duration::from_secs(120);
        let waited = self.more.wait_timeout_while(received, most, few).unwrap();
        !waited.1.timed_out()
    }
}

fn receiver(outbox: PathBuf) -> (SocketAddr, Arc<Inbox>) {
    let received: Arc<Inbox> = Arc::default();
    let seen = received.clone();
    let server = Server::bind(([127, 0, 0, 1], 0), ServerOptions::default()).unwrap();
    let address = server.local_addr();
    let router = Router::new().post("/*", move |request: Request| {
        let value: Value = serde_json::from_slice(request.body()).unwrap();
        let id = value["notificationId"].as_str().unwrap().to_owned();
        let written = std::fs::read(&outbox).unwrap_or_default();
        let mut received = seen.received.lock().unwrap();
        if !String::from_utf8_lossy(&written).contains(&id) {
            received.too_early.push(id.clone());
        }
        let by = request.uri().path().to_owned();
        let name = value["groupLabels"]["alertname"].as_str().unwrap().to_owned();
        let fires = value["status"] == "firing";
        received.arrived.entry((by, name)).or_default().push((id, fires));
        received.count += 1;
        seen.more.notify_all();
        std::future::ready(answer(StatusCode::OK, "text/plain", "ok"))
    });
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(server.serve(router, std::future::pending()))
    });
    (address, received)
}

/// Numbers that look random and are the same each time.
struct Chance(u64);

impl Chance {
    fn below(&mut self, bound: u64) -> u64 {
        let Chance(state) = self;
        *state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (*state >> 33) % bound
    }
}

fn spawn(address: SocketAddr, begin: &str, path: &Path, log: &Path) -> std::process::Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "kill::child", "--nocapture"])
        .env(CHILD, format!("{address} {begin} {}", path.display()))
        .stdout(Stdio::null())
        .stderr(File::create(log).unwrap())
        .spawn()
        .unwrap()
}

#[test]
fn no_alert_is_lost_and_hardly_any_comes_twice() {
    let place = Place::new();
    let (path, log) = (place.join("outbox"), place.join("log"));
    let (address, received) = receiver(path.clone());
    let mut chance = Chance(0x9e37_79b9_7f4a_7c15);
    let rounds = rounds();
    for round in 0..rounds {
        let begin = (1 + u64::from(round) * 1_000 + chance.below(16)).to_string();
        let before = received.count();
        let mut child = spawn(address, &begin, &path, &log);
        // Most rounds get somewhere; a few end while the child begins. The instant is what this test is about.
        let wanted = chance.below(20);
        if !received.wait_for(before + wanted) {
            panic!("{wanted} never came: {}", std::fs::read_to_string(&log).unwrap());
        }
        std::thread::sleep(Duration::from_micros(chance.below(30_000)));
        child.kill().unwrap();
        child.wait().unwrap();
    }
    let mut last = spawn(address, "end", &path, &log);
    let status = last.wait().unwrap();
    assert!(status.success(), "{}", std::fs::read_to_string(&log).unwrap());

    let received = received.received.lock().unwrap();
    assert_eq!(received.too_early, [""; 0], "sent before they were written");
    assert_eq!(received.arrived.len(), 2 * RULES as usize);
    let (mut twice, mut all) = (0, 0);
    for ((by, name), arrived) in &received.arrived {
        let mut distinct: Vec<(String, bool)> = Vec::new();
        for one in arrived {
            all += 1;
            match distinct.contains(one) {
                // Only the last may be in doubt: what comes again is what came last.
                true if distinct.last() == Some(one) => twice += 1,
                true => panic!("{by} {name}: {one:?} came again out of order"),
                false => distinct.push(one.clone()),
            }
        }
        let turns = distinct.iter().zip(0..).all(|((_, fires), n)| *fires == (n % 2 == 0));
        assert!(turns, "{by} {name}: firings and resolves do not take turns: {distinct:?}");
        assert!(!distinct.last().unwrap().1, "{by} {name}: its last resolve is missing");
    }
    // One may have been in flight to each receiver at each kill.
    assert!(twice <= 2 * rounds, "{twice} of {all} came twice");
    println!("{all} notifications in {rounds} rounds, {twice} came twice");
}
