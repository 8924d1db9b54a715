//! Alerts of the agent: its demo breaks, receivers are told, and rule files are looked at.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;

use serde_json::Value;

use crate::alertmanager::{Alertmanager, peer};
use crate::process::{PATIENCE, Running, agent, file, output, poll};
use crate::receiver::Inbox;

/// A rule over the demo, as a file has it.
const RULES: &str = "\
groups:
- name: demo
  rules:
  - alert: DemoFails
    expr: sum(rate(requests_total{outcome=\"failure\"}[10s])) > 1
    labels: { severity: warning }
    annotations: { summary: '{{ $value | humanize }} requests a second fail' }
";

fn post(address: SocketAddr, path: &str, headers: &str) -> String {
    let mut tcp = TcpStream::connect(address).unwrap();
    tcp.set_read_timeout(Some(PATIENCE)).unwrap();
    let length = "Content-Length: 0\r\n";
    write!(tcp, "POST {path} HTTP/1.0\r\nHost: {address}\r\n{length}{headers}\r\n").unwrap();
    let mut answer = String::new();
    tcp.read_to_string(&mut answer).unwrap();
    answer
}

/// The state of the alert of this name, or `none`.
fn state(agent: &Running, name: &str) -> String {
    let shown: Value = serde_json::from_str(&agent.get("/api/alerts").1).unwrap();
    let mut alerts = shown["alerts"].as_array().unwrap().iter();
    let state = alerts.find(|alert| alert["name"] == name).map(|alert| alert["state"].clone());
    state.map_or("none".into(), |state| state.as_str().unwrap().into())
}

/// Of which alerts a webhook was told.
fn name_of(told: &Value) -> &Value {
    &told["groupLabels"]["alertname"]
}

#[test]
fn the_demo_leads_to_its_slow_checkouts() {
    let agent = Running::start(&["--listen", "127.0.0.1:0", "--demo"]);
    poll("the alert", || (state(&agent, "SlowCheckout") == "firing").then_some(()));
}

#[test]
fn the_demo_breaks_tells_and_mends() {
    let inbox = Inbox::open();
    let rules = file("demo-rules.yml", RULES);
    let agent = Running::start(&[
        "--listen",
        "127.0.0.1:0",
        "--tick",
        "100ms",
        "--demo",
        "--break",
        "--webhook",
        &inbox.url,
        "--rules",
        rules.to_str().unwrap(),
    ]);
    assert!(agent.greeting.contains("Tells of alerts: a webhook."), "{}", agent.greeting);
    assert!(!agent.greeting.contains(&inbox.url), "an address may be a secret");
    // that its checkouts are slow it tells too, at some time
    let next = || {
        std::iter::repeat_with(|| inbox.next())
            .find(|told| name_of(told) != "SlowCheckout")
            .unwrap()
    };
    let mut told = [next(), next()];
    told.sort_by_key(|told| name_of(told).to_string());
    let names = told.each_ref().map(name_of);
    assert_eq!(names, ["DemoBroken", "DemoFails"]);
    assert!(told.iter().all(|told| told["status"] == "firing"));

    let demo = agent.address_of("demo");
    assert!(post(demo, "/mend", "Origin: http://evil.example\r\n").contains(" 403 "));
    assert_eq!(state(&agent, "DemoBroken"), "firing");
    assert!(post(demo, "/mend", "").contains(" 200 "));
    assert_eq!(next()["status"], "resolved");
    poll("the end", || (state(&agent, "DemoBroken") == "none").then_some(()));
    assert!(post(demo, "/break", "").contains(" 200 "));
    poll("the next", || (state(&agent, "DemoBroken") == "firing").then_some(()));
}

#[test]
fn a_rule_file_that_is_wrong_keeps_the_agent_from_starting() {
    let path = file("wrong-rules.yml", &RULES.replace("> 1", ">"));
    let path = path.to_str().unwrap();
    let (status, text) = output(&["--listen", "127.0.0.1:0", "--rules", path]);
    assert_eq!(status.code(), Some(1));
    assert!(text.starts_with(&format!("perf-monitor: {path}:5: ")), "{text}");
    for flag in ["--alertmanager", "--webhook"] {
        let (status, text) = output(&[flag, "ftp://me:hunter2@127.0.0.1"]);
        assert_eq!(status.code(), Some(1));
        assert!(text.contains(flag) && text.contains("http://127.0.0.1:9093"), "{text}");
        assert!(!text.contains("hunter2"), "{text}");
    }
}

#[test]
fn rules_are_checked_by_file_and_line() {
    let good = file("good-rules.yml", RULES);
    let bad = file("bad-rules.yml", &RULES.replace("> 1", ">"));
    let run = |files: &[&Path]| {
        let run = agent(&["rules", "check"]).args(files).output().unwrap();
        (run.status.code(), String::from_utf8(run.stdout).unwrap())
    };
    let (code, text) = run(&[&good]);
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains("good-rules.yml: ok, 1 alerting rules"), "{text}");
    let (code, text) = run(&[&good, &bad, Path::new("no-such-rules.yml")]);
    assert_eq!(code, Some(1), "{text}");
    assert!(text.contains("bad-rules.yml:5: error: "), "{text}");
    assert!(text.contains("no-such-rules.yml: "), "{text}");
}

#[test]
fn rules_are_tested_as_promtool_does() {
    file("tested-rules.yml", RULES);
    let tests = |alerts: &str| {
        format!(
            "rule_files: [tested-rules.yml]\nevaluation_interval: 10s\ntests:\n- interval: 10s\n  \
             input_series:\n  - {{ series: 'requests_total{{outcome=\"failure\"}}', values: '0+100x12' }}\n  \
             alert_rule_test:\n  - {{ eval_time: 1m, alertname: DemoFails, exp_alerts: {alerts} }}\n"
        )
    };
    let run = |name: &str, alerts: &str| {
        let run = agent(&["rules", "test"]).arg(file(name, &tests(alerts))).output().unwrap();
        (run.status.code(), String::from_utf8(run.stdout).unwrap())
    };
    let (code, text) = run("rule-tests-none.yml", "[]");
    assert_eq!(code, Some(1), "{text}");
    assert!(text.contains("rule-tests-none.yml:8: ") && text.contains("got {"), "{text}");
    let summary = "{ summary: '10 requests a second fail' }";
    let one = format!("[{{ exp_labels: {{ severity: warning }}, exp_annotations: {summary} }}]");
    let (code, text) = run("rule-tests-one.yml", &one);
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains("ok, 1 tests"), "{text}");
}

#[test]
fn a_running_monitor_says_when_rules_would_have_fired() {
    let agent =
        Running::start(&["--listen", "127.0.0.1:0", "--tick", "100ms", "--demo", "--break"]);
    poll("an alert", || (state(&agent, "DemoBroken") == "firing").then_some(()));
    let url = format!("http://{}", agent.address());
    let rules = file("backtested-rules.yml", RULES);
    let run = |more: &[&str]| {
        let args = ["rules", "backtest", "--since", "60s", "--step", "1s", "--url", &url];
        let run = crate::process::agent(&args).args(more).arg(&rules).output().unwrap();
        assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
        String::from_utf8(run.stdout).unwrap()
    };
    let found = poll("a firing", || {
        let found: Value = serde_json::from_str(&run(&["--json"])).unwrap();
        (found["firings"] != Value::Array(Vec::new())).then_some(found)
    });
    assert_eq!(found["firings"][0]["labels"]["alertname"], "DemoFails", "{found}");
    assert!(found["firings"][0]["peak"].as_f64().unwrap() > 0.0, "{found}");
    let table = run(&[]);
    let lines: Vec<&str> = table.lines().collect();
    assert!(lines[0].contains("would have fired from 20"), "{table}");
    assert!(lines[1].starts_with("fired ") && lines[1].ends_with(" alert"), "{table}");
    assert!(lines[2].ends_with("DemoFails{severity=\"warning\"}"), "{table}");
    let (status, text) = output(&["rules", "backtest", "--url", &url, "no-such-rules.yml"]);
    assert_eq!(status.code(), Some(1));
    assert!(text.contains("no-such-rules.yml"), "{text}");
    let bad = file("backtested-bad-rules.yml", &RULES.replace("> 1", ">"));
    let (_, text) = output(&["rules", "backtest", "--url", &url, bad.to_str().unwrap()]);
    assert!(text.contains("backtested-bad-rules.yml:5: "), "{text}");
    let rules = rules.to_str().unwrap();
    let (_, text) =
        output(&["rules", "backtest", "--since", "2h", "--step", "1s", "--url", &url, rules]);
    assert!(
        text.trim_end().ends_with(": a backtest of more than 3600 looks: take a longer step"),
        "{text}"
    );
}

#[test]
fn a_damaged_outbox_is_said_at_the_start() {
    let outbox = file("damaged-outbox", "");
    let path = outbox.to_str().unwrap();
    let agent = Running::start(&["--listen", "127.0.0.1:0", "--outbox", path]);
    agent.signal("-INT");
    assert!(agent.end().success());
    let mut bytes = std::fs::read(&outbox).unwrap();
    bytes.pop();
    std::fs::write(&outbox, bytes).unwrap();
    let agent = Running::start(&["--listen", "127.0.0.1:0", "--outbox", path]);
    assert!(agent.greeting.contains("The outbox was damaged: "), "{}", agent.greeting);
    poll("the count", || {
        let (_, metrics) = crate::process::get(agent.address(), "/metrics", "");
        metrics.contains("perf_monitor_errors_total{part=\"alerting\"} 1\n").then_some(())
    });
}

/// The alerts of this name that an Alertmanager shows.
fn shown(theirs: &Alertmanager, name: &str) -> Vec<Value> {
    let path = format!("/api/v2/alerts?filter=alertname%3D%22{name}%22");
    let (_, body) = crate::process::get(theirs.address, &path, "");
    serde_json::from_str(&body).unwrap_or_default()
}

#[test]
fn a_real_alertmanager_shows_the_demo_s_alert_until_it_is_mended() {
    let Some(program) = peer("PERF_MONITOR_ALERTMANAGER") else { return };
    let config = "route: { receiver: none }\nreceivers: [{ name: none }]\n";
    let theirs = Alertmanager::start(&program, config);
    let url = format!("http://{}", theirs.address);
    let args = ["--listen", "127.0.0.1:0", "--tick", "100ms", "--demo", "--alertmanager", &url];
    let agent = Running::start(&args);
    assert!(shown(&theirs, "DemoBroken").is_empty());
    let demo = agent.address_of("demo");
    assert!(post(demo, "/break", "").contains(" 200 "));
    let alert = poll("the alert", || shown(&theirs, "DemoBroken").pop());
    assert_eq!(alert["labels"]["severity"], "critical");
    assert_eq!(alert["annotations"]["summary"], "more than half of the demo's requests fail");
    assert!(post(demo, "/mend", "").contains(" 200 "));
    poll("its end", || shown(&theirs, "DemoBroken").is_empty().then_some(()));
}
