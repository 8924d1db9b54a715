//! Alerts of a monitor that runs: rules, receivers, files, the API, restarts.

mod receiver;
mod support;

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::time::Duration;

use perf_monitor::alerting::{
    AlertRule, AlertSeverity, Health, Phase, Route, Secret, Webhook, notify_fn,
};
use perf_monitor::history::{Options, Query, QueryValue};
use perf_monitor::{
    Clock, FakeClock, Gauge, PerformanceMonitor, PerformanceMonitorBuilder, Registry,
};
use receiver::Inbox;
use serde_json::{Value, json};
use support::{Answer, ask_with, get, scraped, wait_for};

/// Tries before a condition counts as never met; each looks at a monitor that ticks every 10 ms.
const TRIES: usize = 2_000_000;

/// A registry with a queue, whose time a test moves.
struct Shop {
    registry: Registry,
    depth: Gauge,
    hand: FakeClock,
}

impl Shop {
    fn new() -> Shop {
        let (clock, hand) = Clock::fake();
        let registry = Registry::builder().clock(clock).build();
        let depth = registry.gauge(("jobs_waiting", "Jobs that wait.")).unwrap();
        Shop { registry, depth, hand }
    }

    /// A monitor that ticks fast, on a port of its own, with no rules but those of the test.
    fn builder(&self) -> PerformanceMonitorBuilder {
        PerformanceMonitor::builder("shop")
            .registry(self.registry.clone())
            .listen(([127, 0, 0, 1], 0))
            .tick(Duration::from_millis(10))
            .default_rules(false)
    }

    /// Lets a second pass, and the monitor see it.
    fn second(&self, monitor: &PerformanceMonitor) {
        self.hand.advance(Duration::from_secs(1));
        looks(monitor, 2);
    }
}

/// A rule over the queue.
fn full() -> AlertRule {
    AlertRule::new("full", AlertSeverity::Critical, |m| {
        m.metric("jobs_waiting", &[]).is_some_and(|depth| depth > 5.0)
    })
    .cooldown(Duration::ZERO)
    .flapping(None)
    .message("the queue is full")
}

fn webhook(inbox: &Inbox) -> Webhook {
    Webhook::new(Secret::text(inbox.url.as_str()))
}

/// Waits for `wanted`.
fn until(what: &str, mut wanted: impl FnMut() -> bool) {
    for _ in 0..TRIES {
        if wanted() {
            return;
        }
        std::thread::yield_now();
    }
    panic!("{what} never came");
}

/// Waits for looks that begin after this call.
fn looks(monitor: &PerformanceMonitor, more: u64) {
    let ticks = || monitor.alerter().stats().looks;
    let before = ticks();
    let rules = monitor.alerter().stats().rules.max(1) as u64;
    until("a look", || ticks() > before + more * rules);
}

fn api(monitor: &PerformanceMonitor, path: &str) -> Value {
    let answer = get(monitor, path);
    assert_eq!(answer.status, 200, "{}", answer.body);
    serde_json::from_str(&answer.body).unwrap()
}

fn ask(monitor: &PerformanceMonitor, what: &str, headers: &[&str], body: &Value) -> Answer {
    let body = if body.is_null() { String::new() } else { body.to_string() };
    ask_with(monitor.address().unwrap(), what, headers, &body)
}

fn firing(monitor: &PerformanceMonitor) -> usize {
    let alerts = monitor.alerter().active_alerts();
    alerts.iter().filter(|alert| alert.phase == Phase::Firing).count()
}

/// A directory that goes away with the test.
struct Place(PathBuf);

impl Place {
    fn new(name: &str) -> Place {
        let place = Path::new(env!("CARGO_TARGET_TMPDIR"))
            .join(format!("alerting-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&place);
        fs::create_dir_all(&place).unwrap();
        Place(place)
    }

    fn join(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[test]
fn a_closure_notifies_once_when_it_fires_and_once_when_it_resolves() {
    let (shop, inbox) = (Shop::new(), Inbox::open());
    let monitor = shop.builder().alert(full()).notify(webhook(&inbox)).start().unwrap();
    shop.second(&monitor);
    assert_eq!(firing(&monitor), 0);
    shop.depth.set(9.0);
    let told = inbox.next();
    assert_eq!((&told["version"], &told["status"]), (&json!("4"), &json!("firing")));
    assert_eq!(told["receiver"], "webhook");
    assert_eq!(told["groupLabels"], json!({ "alertname": "full" }));
    let alert = &told["alerts"][0];
    assert_eq!(alert["labels"], json!({ "alertname": "full", "severity": "critical" }));
    assert_eq!(alert["annotations"]["summary"], "the queue is full");
    assert_eq!(wait_for(&monitor, "perf_monitor_alerts_firing", |n| n == 1.0), 1.0);
    looks(&monitor, 20);
    assert_eq!(inbox.rest(), Vec::<Value>::new(), "an alert that goes on is told of once");

    shop.depth.set(1.0);
    let told = inbox.next();
    assert_eq!(told["status"], "resolved");
    assert_eq!(told["alerts"][0]["fingerprint"], alert["fingerprint"]);
    wait_for(&monitor, "perf_monitor_notifications_delivered_total", |n| n == 2.0);
    looks(&monitor, 20);
    assert_eq!((inbox.rest().len(), firing(&monitor)), (0, 0));
    assert_eq!(monitor.alerter().stats().fired, 1);
}

const RULES: &str = "
groups:
- name: shop
  rules:
  - alert: QueueFull
    expr: jobs_waiting > 5
    for: 30s
    labels: { severity: warning }
    annotations: { summary: '{{ $value }} jobs wait' }
";

#[test]
fn a_rule_file_fires_after_its_for_and_a_bad_one_leaves_it_in_force() {
    let (shop, place, inbox) = (Shop::new(), Place::new("files"), Inbox::open());
    let path = place.join("rules.yml");
    fs::write(&path, RULES).unwrap();
    let monitor = shop.builder().rules(&path).notify(webhook(&inbox)).start().unwrap();
    shop.depth.set(9.0);
    shop.second(&monitor);
    until("pending", || monitor.alerter().stats().pending == 1);
    (0..29).for_each(|_| shop.second(&monitor));
    assert_eq!((firing(&monitor), inbox.rest().len()), (0, 0), "29 s are not 30");
    shop.second(&monitor);
    let told = inbox.next();
    assert_eq!(told["alerts"][0]["annotations"]["summary"], "9 jobs wait");

    fs::write(&path, RULES.replace("> 5", ">")).unwrap();
    wait_for(&monitor, "perf_monitor_errors_total{part=\"alerting\"}", |n| n == 1.0);
    let shown = api(&monitor, "/api/rules");
    let error = shown["files"][0]["errors"][0].as_str().unwrap();
    assert!(error.contains("rules.yml:6: "), "{error}");
    assert_eq!(shown["rules"][0]["expr"], "jobs_waiting > 5");
    shop.second(&monitor);
    assert_eq!((firing(&monitor), inbox.rest().len()), (1, 0), "it goes on");

    fs::write(&path, RULES.replace("> 5", "> 50")).unwrap();
    until("the new file", || {
        shop.second(&monitor);
        firing(&monitor) == 0
    });
    assert_eq!(inbox.next()["status"], "resolved");
    assert_eq!(api(&monitor, "/api/rules")["files"][0]["errors"], json!([]));
}

#[test]
fn the_history_keeps_what_rules_come_to_look_at() {
    let (shop, place) = (Shop::new(), Place::new("keep"));
    let other = shop.registry.gauge(("others_waiting", "Others that wait.")).unwrap();
    other.set(3.0);
    let path = place.join("rules.yml");
    fs::write(&path, RULES).unwrap();
    let monitor = shop.builder().rules(&path).start().unwrap();
    let now_ms = || (shop.registry.clock().unix_ns() / 1_000_000) as i64;
    let count = |name: &str| {
        let query = Query::parse(name).unwrap();
        match query.instant(&**monitor.history(), now_ms()).unwrap() {
            QueryValue::Vector(found) => found.len(),
            other => panic!("{other:?}"),
        }
    };
    shop.depth.set(1.0);
    shop.second(&monitor);
    assert_eq!((count("jobs_waiting"), count("others_waiting")), (1, 0));
    fs::write(&path, RULES.replace("jobs_waiting", "others_waiting")).unwrap();
    until("the other series", || {
        shop.second(&monitor);
        count("others_waiting") == 1
    });
    until("the end of the first", || {
        shop.second(&monitor);
        count("jobs_waiting") == 0
    });
}

#[test]
fn alerts_are_silenced_and_acknowledged_over_http() {
    let shop = Shop::new();
    let monitor = shop.builder().alert(full()).start().unwrap();
    shop.depth.set(9.0);
    until("firing", || firing(&monitor) == 1);
    let alert = &api(&monitor, "/api/alerts")["alerts"][0];
    let (fingerprint, state) = (&alert["fingerprint"], &alert["state"]);
    assert_eq!(state, "firing");

    let silence = json!({ "matchers": ["alertname=\"full\""], "durationSeconds": 60,
        "createdBy": "me", "comment": "known" });
    for headers in [&["Origin: http://evil.example"][..], &["Sec-Fetch-Site: cross-site"]] {
        assert_eq!(ask(&monitor, "POST /api/silences", headers, &silence).status, 403);
    }
    assert_eq!(monitor.alerter().silences().len(), 0);
    let same = format!("Origin: {}", monitor.url().unwrap());
    let made = ask(&monitor, "POST /api/silences", &[&same], &silence);
    assert_eq!(made.status, 200, "{}", made.body);
    let id = serde_json::from_str::<Value>(&made.body).unwrap()["id"].clone();
    let silenced = || api(&monitor, "/api/alerts")["alerts"][0]["silencedBy"] == id;
    until("the silence", silenced);
    let delete = format!("DELETE /api/silences/{}", id.as_str().unwrap());
    assert_eq!(ask(&monitor, &delete, &[], &Value::Null).status, 200);
    until("its end", || api(&monitor, "/api/alerts")["alerts"][0]["silencedBy"].is_null());
    assert_eq!(ask(&monitor, "DELETE /api/silences/none", &[], &Value::Null).status, 404);

    let all = json!({ "matchers": [], "durationSeconds": 60, "createdBy": "me", "comment": "" });
    let refused = ask(&monitor, "POST /api/silences", &[], &all);
    assert_eq!(refused.status, 400, "{}", refused.body);
    assert!(serde_json::from_str::<Value>(&refused.body).unwrap()["error"].is_string());

    let ack = json!({ "fingerprint": fingerprint, "by": "me", "comment": "on it" });
    let path = "POST /api/alerts/acknowledge";
    assert_eq!(ask(&monitor, path, &["Origin: http://evil.example"], &ack).status, 403);
    assert_eq!(ask(&monitor, path, &[], &json!({ "fingerprint": "no" })).status, 400);
    assert_eq!(ask(&monitor, path, &[], &ack).status, 200);
    assert_eq!(api(&monitor, "/api/alerts")["alerts"][0]["acknowledged"]["by"], "me");
}

/// Starts it once whoever had its outbox before has let go of it.
fn begin(builder: impl Fn() -> PerformanceMonitorBuilder) -> PerformanceMonitor {
    for _ in 0..TRIES {
        match builder().start() {
            Ok(monitor) => return monitor,
            Err(error) => assert!(error.to_string().contains("another process"), "{error}"),
        }
        std::thread::yield_now();
    }
    panic!("the outbox is never free");
}

#[test]
fn what_fires_goes_on_firing_after_a_restart_and_its_end_is_told() {
    let (shop, place, inbox) = (Shop::new(), Place::new("restart"), Inbox::open());
    let outbox = place.join("outbox");
    let builder = || shop.builder().alert(full()).notify(webhook(&inbox)).outbox(&outbox);
    let monitor = begin(builder);
    shop.depth.set(9.0);
    let before = inbox.next();
    wait_for(&monitor, "perf_monitor_notifications_delivered_total", |n| n == 1.0);
    until("an idle sender", || monitor.alerter().is_idle());
    monitor.stop();

    let monitor = begin(builder);
    until("firing still", || firing(&monitor) == 1);
    looks(&monitor, 3);
    assert_eq!(inbox.rest(), Vec::<Value>::new(), "nobody is told again");
    shop.depth.set(1.0);
    let after = inbox.next();
    assert_eq!(after["status"], "resolved");
    assert_eq!(after["alerts"][0]["fingerprint"], before["alerts"][0]["fingerprint"]);
    assert_eq!(after["alerts"][0]["startsAt"], before["alerts"][0]["startsAt"]);
}

#[test]
fn an_outbox_that_cannot_be_used_keeps_the_monitor_from_starting() {
    let place = Place::new("no-outbox");
    let error = Shop::new().builder().outbox(place.0.join("no/where/outbox")).start().unwrap_err();
    assert!(error.to_string().contains("outbox"), "{error}");
    let twice = Shop::new().builder().alert(full()).alert(full()).start().unwrap_err();
    assert!(twice.is_options(), "{twice}");
}

#[test]
fn a_dead_receiver_and_a_closure_that_hangs_delay_neither_ticks_nor_others() {
    let (shop, inbox) = (Shop::new(), Inbox::open());
    // It takes connections and never answers.
    let silent = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let dead = format!("http://{}", silent.local_addr().unwrap());
    let dead = Route::to(Webhook::new(Secret::text(dead))).named("dead");
    let monitor = shop.builder().alert(full()).notify(dead).notify(webhook(&inbox));
    let monitor = monitor.start().unwrap();
    shop.depth.set(9.0);
    assert_eq!(inbox.next()["status"], "firing");
    let ticks = scraped(&monitor, "perf_monitor_tick_seconds_count");
    wait_for(&monitor, "perf_monitor_tick_seconds_count", |n| n > ticks + 10.0);
    assert_eq!(scraped(&monitor, "perf_monitor_notifications_waiting"), 1.0);

    let (release, released) = std::sync::mpsc::channel::<()>();
    let released = std::sync::Mutex::new(released);
    let hangs = AlertRule::new("hangs", AlertSeverity::Info, move |_| {
        let _ = released.lock().map(|released| released.recv());
        false
    });
    monitor.alerter().add_rule(hangs).unwrap();
    wait_for(&monitor, "perf_monitor_alert_looks_skipped_total", |n| n > 3.0);
    let ticks = scraped(&monitor, "perf_monitor_tick_seconds_count");
    wait_for(&monitor, "perf_monitor_tick_seconds_count", |n| n > ticks + 10.0);
    drop(release);
}

#[test]
fn a_closure_that_panics_and_a_notifier_that_panics_end_nothing() {
    let shop = Shop::new();
    let broken = AlertRule::new("broken", AlertSeverity::Info, |_| panic!("a rule, for a test"));
    let fails = notify_fn("fails", |_| async { panic!("a notifier, for a test") });
    let monitor = shop.builder().alert(broken).alert(full()).notify(fails).start().unwrap();
    shop.depth.set(9.0);
    until("firing", || firing(&monitor) == 1);
    let broken = |view: &perf_monitor::alerting::RuleView| view.health == Health::Disabled;
    assert!(monitor.alerter().rule_views().iter().any(broken));
    wait_for(&monitor, "perf_monitor_alert_rules_failing", |n| n == 1.0);
    wait_for(&monitor, "perf_monitor_notification_attempts_failed_total", |n| n > 0.0);
}

#[test]
fn both_stand_in_the_ledger_and_the_history_stays_within_its_bytes() {
    let registry = Registry::new();
    let builder =
        PerformanceMonitor::builder("test").registry(registry).listen(([127, 0, 0, 1], 0));
    let monitor = builder.tick(Duration::from_millis(10)).start().unwrap();
    let history = "perf_monitor_memory_bytes{subsystem=\"history\"}";
    assert!(wait_for(&monitor, history, |bytes| bytes > 0.0) <= 74_000.0);
    let alerts = "perf_monitor_memory_bytes{subsystem=\"alerts\"}";
    assert!(wait_for(&monitor, alerts, |bytes| bytes > 0.0) <= 100_000.0);
    wait_for(&monitor, "perf_monitor_history_series", |series| series > 5.0);
    assert_eq!(scraped(&monitor, "perf_monitor_alert_rules"), 6.0, "those of seed 4");
    let wrong = Options { bytes: 10, ..Options::default() };
    let error = PerformanceMonitor::builder("test").registry(Registry::new()).no_listener();
    assert!(error.history(wrong).start().unwrap_err().is_options());
}

#[test]
fn a_backtest_says_when_rules_would_have_fired() {
    let shop = Shop::new();
    let monitor = shop.builder().history(keep("jobs_waiting")).start().unwrap();
    for second in 0..60 {
        shop.depth.set(if (20..50).contains(&second) { 9.0 } else { 1.0 });
        shop.hand.advance(Duration::from_secs(1));
        let ticks = monitor.history().stats().ticks;
        until("a tick", || monitor.history().stats().ticks > ticks);
    }
    let path = "POST /api/rules/backtest?seconds=60&step=1";
    let rules = RULES.replace("30s", "10s");
    let answer = ask_with(monitor.address().unwrap(), path, &[], &rules);
    assert_eq!(answer.status, 200, "{}", answer.body);
    let found: Value = serde_json::from_str(&answer.body).unwrap();
    let firings = found["firings"].as_array().unwrap();
    assert_eq!(firings.len(), 1, "{found}");
    let lasted = firings[0]["resolvedUnixMs"].as_i64().unwrap()
        - firings[0]["firedUnixMs"].as_i64().unwrap();
    assert!((19_000..=21_000).contains(&lasted), "{found}");
    assert_eq!(ask_with(monitor.address().unwrap(), path, &[], "groups: 7").status, 400);
    let foreign = &["Origin: http://evil.example"];
    assert_eq!(ask_with(monitor.address().unwrap(), path, foreign, &rules).status, 403);
}

fn keep(selector: &str) -> Options {
    Options {
        bytes: 80_000,
        keep: vec![perf_monitor::history::Selector::parse(selector).unwrap()],
        ..Options::default()
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_profile_waits_until_nobody_else_takes_one() {
    let shop = Shop::new();
    let monitor = shop.builder().alert(full().capture_cpu()).start().unwrap();
    let mut theirs = monitor.profiler().cpu();
    // Other tests of this process profile too, one at a time.
    until("a profile of theirs", || theirs.start(99).is_ok());
    shop.depth.set(9.0);
    until("firing", || firing(&monitor) == 1);
    let stands = || api(&monitor, "/api/alerts")["alerts"][0]["profile"].clone();
    until("the wish", || stands() == "asked");
    looks(&monitor, 3);
    assert_eq!(stands(), "asked");
    theirs.stop().unwrap();
    until("the profile", || stands() == "taken");
    assert_eq!(api(&monitor, "/api/alerts/profiles")["profiles"].as_array().unwrap().len(), 1);
}

#[cfg(target_os = "linux")]
#[test]
fn a_rule_that_asks_for_it_has_a_cpu_profile_kept_with_its_alert() {
    let shop = Shop::new();
    let monitor = shop.builder().alert(full().capture_cpu()).profile_continuously(99);
    let monitor = monitor.start().unwrap();
    let mut sum = 0_u64;
    until("a profile", || {
        sum = (0..10_000).fold(sum, |sum, n| sum.rotate_left(5) ^ n);
        monitor.profiler().past(Duration::from_secs(10)..Duration::ZERO).is_some()
    });
    shop.depth.set(9.0);
    until("firing", || firing(&monitor) == 1);
    let listed = || api(&monitor, "/api/alerts/profiles")["profiles"].as_array().unwrap().clone();
    until("the profile", || listed().len() == 1);
    let profile = &listed()[0];
    assert_eq!(profile["rule"], "full");
    assert_eq!(profile["fingerprint"], api(&monitor, "/api/alerts")["alerts"][0]["fingerprint"]);
    let path = format!("/api/alerts/profiles/{}", profile["fingerprint"].as_str().unwrap());
    let answer = get(&monitor, &path);
    assert!(answer.status == 200 && !answer.body.is_empty(), "{}", answer.body);
    assert_eq!(get(&monitor, "/api/alerts/profiles/none").status, 404);

    shop.depth.set(1.0);
    until("its end", || firing(&monitor) == 0);
    shop.depth.set(9.0);
    until("firing again", || firing(&monitor) == 1);
    looks(&monitor, 3);
    assert_eq!(listed().len(), 1, "one for a rule and an hour");
}
