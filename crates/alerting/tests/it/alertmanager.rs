//! A real Alertmanager is told, shows it, and tells others.

use std::path::Path;
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use http::StatusCode;
use perf_monitor_alerting::{
    AlertManager, AlertRule, AlertSeverity, Alertmanager, Secret, Webhook,
};
use perf_monitor_http::{Request, Router, Server, ServerOptions, answer};
use serde_json::Value;
use tokio::time::{interval, timeout};

use crate::peer::{self, peer};
use crate::support::errors;

/// How long the peer may take for anything before the test gives up.
const PATIENCE: Duration = Duration::from_secs(60);

/// Tells `webhook` of everything, at once.
fn config(webhook: &str) -> String {
    format!(
        "route: {{receiver: hook, group_by: [alertname], group_wait: 0s, group_interval: 1s}}\n\
         receivers: [{{name: hook, webhook_configs: [{{url: '{webhook}'}}]}}]\n"
    )
}

/// A receiver of webhooks: the documents by who sent them.
async fn hooks() -> (String, Arc<Mutex<Vec<(String, Value)>>>) {
    let got: Arc<Mutex<Vec<(String, Value)>>> = Arc::default();
    let seen = got.clone();
    let server = Server::bind(([127, 0, 0, 1], 0), ServerOptions::default()).unwrap();
    let url = format!("http://{}", server.local_addr());
    let router = Router::new().post("/*", move |request: Request| {
        let value = serde_json::from_slice(request.body()).unwrap();
        seen.lock().unwrap().push((request.uri().path().to_owned(), value));
        std::future::ready(answer(StatusCode::OK, "text/plain", "ok"))
    });
    tokio::spawn(async move { server.serve(router, std::future::pending()).await });
    (url, got)
}

/// Asks until the answer is one; the peers take their time.
async fn until<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let asking = async {
        let mut due = interval(Duration::from_millis(50));
        loop {
            due.tick().await;
            if let Some(found) = ask() {
                return found;
            }
        }
    };
    timeout(PATIENCE, asking).await.unwrap_or_else(|_| panic!("{what} took too long"))
}

fn query(amtool: &Path, url: &str) -> Vec<Value> {
    let url = format!("--alertmanager.url={url}");
    let run =
        Command::new(amtool).args(["alert", "query", "--output=json", &url]).output().unwrap();
    serde_json::from_slice(&run.stdout).unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_real_alertmanager_shows_what_fires_and_tells_of_its_end() {
    let Some(program) = peer("PERF_MONITOR_ALERTMANAGER") else { return };
    let Some(amtool) = peer("PERF_MONITOR_AMTOOL") else { return };
    let (hook, got) = hooks().await;
    let theirs = peer::Alertmanager::start(&program, &config(&format!("{hook}/theirs")));
    let url = format!("http://{}", theirs.address);
    let rule = AlertRule::new("errors", AlertSeverity::Critical, |m| m.error_rate > 0.5)
        .label("route", "/cart?x=\"1\"")
        .message("too many errors");
    let manager = AlertManager::builder()
        .rule(rule)
        .notify(Alertmanager::new(url.as_str()))
        .notify(Webhook::new(Secret::text(format!("{hook}/ours"))))
        .build()
        .unwrap();
    manager.check_alerts(&errors(0.9)).await;
    let shown = until("showing it", || query(&amtool, &url).pop()).await;
    assert_eq!(shown["labels"]["alertname"], "errors");
    assert_eq!(shown["labels"]["route"], "/cart?x=\"1\"");
    assert_eq!(shown["annotations"]["summary"], "too many errors");
    let fingerprint = manager.alert_views()[0].fingerprint.clone();
    assert_eq!(shown["fingerprint"], fingerprint.as_str());

    let sent = |by: &str, status: &str| {
        let got = got.lock().unwrap();
        let fits = |(path, value): &&(String, Value)| path == by && value["status"] == status;
        got.iter().find(fits).map(|(_, value)| value.clone())
    };
    let firing = until("their webhook", || sent("/theirs", "firing")).await;
    let ours = until("our webhook", || sent("/ours", "firing")).await;
    same_form(&firing, &ours, "");
    assert_eq!(firing["alerts"][0]["fingerprint"], ours["alerts"][0]["fingerprint"]);
    assert_eq!(firing["alerts"][0]["startsAt"], ours["alerts"][0]["startsAt"]);

    manager.check_alerts(&errors(0.0)).await;
    let resolved = until("their resolve", || sent("/theirs", "resolved")).await;
    let ours = until("our resolve", || sent("/ours", "resolved")).await;
    same_form(&resolved, &ours, "");
    assert_eq!(resolved["alerts"][0]["endsAt"], ours["alerts"][0]["endsAt"]);
    until("taking it away", || query(&amtool, &url).is_empty().then_some(())).await;
}

/// Everything that a webhook of theirs has is in ours, and of the same kind.
fn same_form(theirs: &Value, ours: &Value, path: &str) {
    match (theirs, ours) {
        (Value::Object(theirs), Value::Object(ours)) => {
            for (key, value) in theirs {
                let path = format!("{path}.{key}");
                let own = ours.get(key).unwrap_or_else(|| panic!("{path} is missing"));
                same_form(value, own, &path);
            }
        }
        (Value::Array(theirs), Value::Array(ours)) => same_form(&theirs[0], &ours[0], path),
        (theirs, ours) => assert_eq!(
            std::mem::discriminant(theirs),
            std::mem::discriminant(ours),
            "{path}: {theirs} and {ours}"
        ),
    }
}
