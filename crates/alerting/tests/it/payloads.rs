//! What receivers are sent, compared with files.
//!
//! `PERF_MONITOR_BLESS=1` writes the files anew: look at what changed before it is committed.

use std::path::Path;
use std::sync::Arc;

use perf_monitor_alerting::{
    AlertSeverity, Alertmanager, Discord, Labels, Log, Notice, Notification, Ntfy, PagerDuty,
    Reason, Secret, Slack, Status, Webhook, Why,
};
use serde_json::Value;

fn firing() -> Notice {
    Notice {
        labels: Labels::new([
            ("alertname", "SlowResponses"),
            ("severity", "critical"),
            ("route", "/cart?<!channel>&x=\"1\""),
            ("instance", "web-1:9464"),
        ]),
        annotations: Labels::new([
            ("summary", "Requests take 250ms\non /cart"),
            ("runbook_url", "https://runbooks.example/slow"),
        ]),
        severity: AlertSeverity::Critical,
        starts_unix_ms: 1_700_000_000_250,
        ends_unix_ms: None,
        reason: None,
        value: Some(0.25),
        flapping: false,
    }
}

fn resolved() -> Notice {
    Notice {
        labels: Labels::new([
            ("alertname", "SlowResponses"),
            ("severity", "warning"),
            ("route", "/pay"),
        ]),
        annotations: Labels::new([("description", "Back to normal.")]),
        severity: AlertSeverity::Warning,
        ends_unix_ms: Some(1_700_000_300_000),
        reason: Some(Reason::Condition),
        ..firing()
    }
}

fn notification(alerts: Vec<Notice>) -> Notification {
    let fires = alerts.iter().any(|alert| alert.status() == Status::Firing);
    Notification {
        id: "00000000000000ff-7".into(),
        receiver: "team".into(),
        group: Labels::new([("alertname", "SlowResponses")]),
        status: if fires { Status::Firing } else { Status::Resolved },
        why: if fires { Why::First } else { Why::AllResolved },
        alerts: alerts.into_iter().map(Arc::new).collect(),
        unix_ms: 1_700_000_001_000,
    }
}

fn both() -> Notification {
    notification(vec![firing(), resolved()])
}

fn over() -> Notification {
    notification(vec![resolved()])
}

#[track_caller]
fn check(name: &str, payload: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name);
    let value: Value = serde_json::from_str(payload).unwrap();
    let got = serde_json::to_string_pretty(&value).unwrap() + "\n";
    if std::env::var_os("PERF_MONITOR_BLESS").is_some() {
        std::fs::write(&path, &got).unwrap();
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(got, expected, "{name}");
}

#[test]
fn a_webhook_gets_what_alertmanager_sends() {
    let webhook = Webhook::new(Secret::text("http://x")).external_url("http://127.0.0.1:9464");
    check("webhook.json", &webhook.payload(&both()));
    check("webhook_resolved.json", &webhook.payload(&over()));
}

#[test]
fn an_alertmanager_gets_when_an_alert_ends() {
    let alertmanager = Alertmanager::new("http://x").external_url("http://127.0.0.1:9464");
    check("alertmanager.json", &alertmanager.payload(&both(), 1_700_000_002_000));
}

#[test]
fn slack_gets_attachments_that_call_nobody() {
    let slack = Slack::new(Secret::text("http://x"));
    check("slack.json", &slack.payload(&both()));
    assert!(!slack.payload(&both()).contains("<!"), "markup of a label is none");
}

#[test]
fn pagerduty_gets_a_trigger_and_a_resolve() {
    let pagerduty = PagerDuty::new(Secret::text("R0UT1NGKEY"), "checkout");
    check("pagerduty_trigger.json", &pagerduty.payload(&firing()).unwrap());
    check("pagerduty_resolve.json", &pagerduty.payload(&resolved()).unwrap());
}

#[test]
fn discord_gets_embeds_that_call_nobody() {
    check("discord.json", &Discord::new(Secret::text("http://x")).payload(&both()));
}

#[test]
fn ntfy_gets_a_message_of_its_priority() {
    check("ntfy.json", &Ntfy::new("https://ntfy.sh", "alerts").payload(&both()));
    check("ntfy_resolved.json", &Ntfy::new("https://ntfy.sh", "alerts").payload(&over()));
}

#[test]
fn a_log_has_one_line_for_each_alert() {
    let lines = Log::lines(&both());
    assert_eq!(lines.len(), 2);
    assert!(lines[0].starts_with("alert firing: SlowResponses [critical] Requests take 250ms on"));
    assert!(lines.iter().all(|line| !line.contains('\n')));
}

#[test]
fn large_ones_stay_within_what_receivers_take() {
    let long = "ä".repeat(20_000);
    let mut notice = firing();
    notice.annotations = Labels::new([("summary", long.as_str())]);
    let labels = (0..100).map(|n| (format!("label_{n}"), long.clone()));
    notice.labels = Labels::new(labels);
    let notification = notification(vec![notice.clone(); 60]);
    let size = |payload: String| payload.len();
    assert!(size(Discord::new(Secret::text("x")).payload(&notification)) < 6_000 * 4);
    assert!(size(Ntfy::new("x", "y").payload(&notification)) < 4_096 + 512);
    assert!(size(Slack::new(Secret::text("x")).payload(&notification)) < 200_000);
    let event = PagerDuty::new(Secret::text("x"), "y").payload(&notice).unwrap();
    let event: Value = serde_json::from_str(&event).unwrap();
    assert!(event["payload"]["summary"].as_str().unwrap().len() <= 1_024);
}

#[test]
fn a_secret_is_in_no_text() {
    let secret = "hunter2-hunter2";
    let all = [
        format!("{:?}", Webhook::new(Secret::text(secret)).bearer_token(Secret::text(secret))),
        format!("{:?}", Slack::new(Secret::text(secret))),
        format!("{:?}", PagerDuty::new(Secret::text(secret), "x")),
        format!("{:?}", perf_monitor_alerting::Route::to(Slack::new(Secret::text(secret)))),
    ];
    assert!(all.iter().all(|text| !text.contains(secret)), "{all:?}");
}
