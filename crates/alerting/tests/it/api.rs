//! The paths of the API, by a real client.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use perf_monitor_alerting::{AlertManager, AlertRule, AlertSeverity};
use perf_monitor_core::Clock;
use perf_monitor_history::{Labels as Stored, MemoryHistory, Options};
use perf_monitor_http::{Client, Server, ServerOptions};
use serde_json::{Value, json};

use crate::support::{Bench, Inbox, Place, errors};

struct Api {
    address: SocketAddr,
    client: Client,
}

impl Api {
    fn serve(manager: &AlertManager) -> Api {
        let options = ServerOptions::default();
        let server = Server::bind(([127, 0, 0, 1], 0), options).unwrap();
        let address = server.local_addr();
        let router = manager.routes();
        tokio::spawn(async move { server.serve(router, std::future::pending()).await });
        Api { address, client: Client::default() }
    }

    async fn ask(&self, method: &str, path: &str, body: &Value) -> (u16, Value) {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        self.call(method, path, body).await
    }

    /// Posts a text.
    async fn send(&self, path: &str, text: &str) -> (u16, Value) {
        self.call("POST", path, text.to_owned()).await
    }

    async fn call(&self, method: &str, path: &str, body: String) -> (u16, Value) {
        let request = http::Request::builder()
            .method(method)
            .uri(format!("http://{}{path}", self.address))
            .body(body.into())
            .unwrap();
        let answer = self.client.send(request, Duration::from_secs(30)).await.unwrap();
        let status = answer.status().as_u16();
        (status, serde_json::from_slice(answer.body()).unwrap_or_default())
    }

    async fn get(&self, path: &str) -> Value {
        let (status, value) = self.ask("GET", path, &Value::Null).await;
        assert_eq!(status, 200, "{value}");
        value
    }
}

fn bench(inbox: &Inbox) -> Bench {
    let rule = AlertRule::new("errors", AlertSeverity::Critical, |m| m.error_rate > 0.5)
        .message("too many errors");
    Bench::new(AlertManager::builder().rule(rule).notify(inbox.route("inbox")))
}

#[tokio::test]
async fn alerts_are_shown_and_acknowledged() {
    let inbox = Inbox::default();
    let bench = bench(&inbox);
    let api = Api::serve(&bench.manager);
    bench.tick(&errors(0.9)).await;
    let shown = api.get("/api/alerts").await;
    let alert = &shown["alerts"][0];
    assert_eq!(alert["state"], "firing");
    assert_eq!(alert["summary"], "too many errors");
    assert_eq!(alert["labels"]["alertname"], "errors");
    assert_eq!(shown["history"][0]["fate"], "delivered");
    assert_eq!(shown["history"][0]["answer"], "taken");
    assert_eq!(shown["receivers"][0]["delivered"], 1);
    assert_eq!(shown["stats"]["firing"], 1);

    let ask = json!({ "fingerprint": alert["fingerprint"], "by": "me", "comment": "on it" });
    assert_eq!(api.ask("POST", "/api/alerts/acknowledge", &ask).await.0, 200);
    assert_eq!(api.get("/api/alerts").await["alerts"][0]["acknowledged"]["by"], "me");
    for (ask, status) in [
        (json!({ "fingerprint": "00", "by": "me" }), 404),
        (json!({ "fingerprint": alert["fingerprint"], "by": " " }), 400),
        (json!({ "fingerprint": alert["fingerprint"] }), 400),
        (json!({ "fingerprint": "x", "by": "y".repeat(70_000) }), 413),
    ] {
        let (got, value) = api.ask("POST", "/api/alerts/acknowledge", &ask).await;
        assert_eq!(got, status, "{value}");
        assert!(status == 413 || value["error"].is_string());
    }
    assert_eq!(api.ask("GET", "/api/alerts?limit=no", &Value::Null).await.0, 400);
}

#[tokio::test]
async fn silences_are_added_changed_shown_and_ended() {
    let inbox = Inbox::default();
    let bench = bench(&inbox);
    let api = Api::serve(&bench.manager);
    bench.tick(&errors(0.0)).await;
    let ask = json!({
        "matchers": ["alertname=\"errors\"", { "name": "severity", "value": "c.*", "isRegex": true }],
        "durationSeconds": 60, "createdBy": "me", "comment": "deploying",
    });
    let (status, value) = api.ask("POST", "/api/silences", &ask).await;
    assert_eq!((status, &value["id"]), (200, &json!("1")), "{value}");
    bench.tick(&errors(0.9)).await;
    assert_eq!(api.get("/api/alerts").await["alerts"][0]["silencedBy"], "1");
    assert_eq!(inbox.all().len(), 0);

    let mut changed = ask.clone();
    changed["id"] = json!("1");
    changed["endsAt"] = json!("2001-09-09T01:50:00Z");
    changed.as_object_mut().unwrap().remove("durationSeconds");
    assert_eq!(api.ask("POST", "/api/silences", &changed).await.0, 200);
    let shown = api.get("/api/silences").await;
    assert_eq!(shown["silences"].as_array().unwrap().len(), 1);
    assert_eq!(shown["silences"][0]["endsUnixMs"], json!(1_000_000_200_000_i64));

    for (change, value) in [
        ("matchers", json!([])),
        ("matchers", json!(["nonsense"])),
        ("matchers", json!([{ "name": "a", "value": "(", "isRegex": true }])),
        ("createdBy", json!("")),
        ("durationSeconds", json!(0)),
        ("endsAt", json!("2001-09-09T01:50:00Z")),
        ("startsAt", json!("soon")),
        ("colour", json!("red")),
    ] {
        let mut wrong = ask.clone();
        wrong[change] = value;
        let (status, value) = api.ask("POST", "/api/silences", &wrong).await;
        assert_eq!(status, 400, "{change}: {value}");
    }
    assert_eq!(api.ask("DELETE", "/api/silences/1", &Value::Null).await.0, 200);
    assert_eq!(api.ask("DELETE", "/api/silences/1", &Value::Null).await.0, 404);
    bench.tick(&errors(0.9)).await;
    assert_eq!(inbox.titles(), ["[FIRING:1] errors"]);
}

#[tokio::test]
async fn rules_are_shown_and_receivers_tried_out() {
    let inbox = Inbox::default();
    let bench = bench(&inbox);
    let api = Api::serve(&bench.manager);
    bench.tick(&errors(0.0)).await;
    let rules = api.get("/api/rules").await;
    assert_eq!(rules["rules"][0]["id"], "errors");
    assert_eq!(rules["rules"][0]["health"], "ok");
    assert_eq!(rules["rules"][0]["cooldownMs"], 60_000);
    let (status, value) =
        api.ask("POST", "/api/alerts/test", &json!({ "receiver": "inbox" })).await;
    assert_eq!(status, 202);
    bench.settle().await;
    assert_eq!(inbox.all()[0].id, value["id"].as_str().unwrap());
    let (status, _) = api.ask("POST", "/api/alerts/test", &json!({ "receiver": "none" })).await;
    assert_eq!(status, 404);
}

#[tokio::test]
async fn a_backtest_is_over_the_manager_s_own_history() {
    let history = Arc::new(MemoryHistory::new(Options::default()).unwrap());
    let (clock, _hand) = Clock::fake();
    let builder = AlertManager::builder().history(history.clone()).clock(clock.clone());
    let manager = builder.build().unwrap();
    let depth = Stored::new([("__name__", "depth")]);
    let now_ms = (clock.unix_ns() / 1_000_000) as i64;
    for second in 0..60 {
        let value = if (20..40).contains(&second) { 9.0 } else { 1.0 };
        history.record_values(now_ms - 60_000 + second * 1_000, [(&depth, value)]);
    }
    let api = Api::serve(&manager);
    let rules = "groups: [{name: g, rules: [{alert: Full, expr: depth > 5, for: 10s}]}]";
    let path = "/api/rules/backtest?seconds=60&step=1";
    let (status, found) = api.send(path, rules).await;
    assert_eq!(status, 200, "{found}");
    let firing = &found["firings"][0];
    assert_eq!(firing["labels"]["alertname"], "Full");
    assert_eq!(firing["firedUnixMs"], now_ms - 30_000);
    assert_eq!(firing["resolvedUnixMs"], now_ms - 20_000);
    assert_eq!((&found["looks"], &found["isCut"]), (&json!(61), &json!(false)));
    for (path, rules) in [
        (path, "groups: 7"),
        ("/api/rules/backtest?seconds=0", rules),
        ("/api/rules/backtest?step=x", rules),
        ("/api/rules/backtest?seconds=3601&step=1", rules),
    ] {
        let (status, value) = api.send(path, rules).await;
        assert_eq!((status, value["error"].is_string()), (400, true), "{path}");
    }
    let none = Bench::new(AlertManager::builder());
    assert_eq!(Api::serve(&none.manager).send(path, rules).await.0, 400, "no history");
}

#[tokio::test]
async fn what_rules_look_at_is_told_and_when_it_changes() {
    let place = Place::new();
    let path = place.join("rules.yml");
    let write = |expr: &str| {
        let rule =
            format!("{{alert: A, expr: \"{expr}\", annotations: {{perf_monitor_clear: b < 1}}}}");
        std::fs::write(&path, format!("groups: [{{name: g, rules: [{rule}]}}]")).unwrap();
    };
    write("rate(a{x='1'}[1m]) > a{x='1'}");
    let bench = Bench::new(AlertManager::builder().rule_file(&path));
    let selectors = || {
        let all = bench.manager.selectors();
        all.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    assert_eq!(selectors().len(), 2, "each once: {:?}", selectors());
    assert!(selectors()[0].contains("x=\"1\""));
    let version = bench.manager.rules_version();
    bench.tick(&errors(0.0)).await;
    assert_eq!(bench.manager.rules_version(), version);
    write("c > 1");
    bench.tick(&errors(0.0)).await;
    assert_ne!(bench.manager.rules_version(), version);
    assert!(selectors()[0].contains("\"c\""), "{:?}", selectors());
    assert!(!bench.manager.has_closures());
    let rule = AlertRule::new("errors", AlertSeverity::Info, |m| m.error_rate > 0.5);
    bench.manager.add_rule(rule).unwrap();
    assert!(bench.manager.has_closures());
}
