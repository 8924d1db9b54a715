//! Slack's incoming webhooks.

use perf_monitor_http::{BoxFuture, Client};
use serde_json::{Value, json};

use super::http::Target;
use super::{Attempt, Notifier, Secret};
use crate::book::cut;
use crate::notification::{Notice, Notification, Status};
use crate::severity::AlertSeverity;

/// Alerts that are shown one by one; of more it is said how many.
const MOST: usize = 10;

/// Posts to an incoming webhook, of which the URL is the secret. What takes Slack's messages
/// (Mattermost, Rocket.Chat) takes these.
#[derive(Clone, Debug)]
pub struct Slack {
    target: Target,
}

impl Slack {
    /// The webhook at this URL.
    pub fn new(url: Secret) -> Slack {
        Slack { target: Target::new(url) }
    }

    /// Sends through `client`, for its certificates and limits.
    pub fn client(mut self, client: Client) -> Self {
        self.target.client(client);
        self
    }

    /// What is posted.
    pub fn payload(&self, notification: &Notification) -> String {
        let shown = notification.alerts.iter().take(MOST);
        let mut attachments: Vec<Value> = shown.map(|notice| attachment(notice)).collect();
        if notification.alerts.len() > MOST {
            let more = format!("and {} more", notification.alerts.len() - MOST);
            attachments.push(json!({ "text": more, "fallback": more }));
        }
        json!({ "text": escape(&notification.title()), "attachments": attachments }).to_string()
    }
}

fn attachment(notice: &Notice) -> Value {
    let sentence = cut(&notice.sentence(), 3_000).to_owned();
    let labels = notice.labels.filtered(|name| name != "alertname");
    let fields: Vec<Value> = labels
        .iter()
        .take(20)
        .map(|(name, value)| {
            let short = value.len() < 40;
            json!({ "title": escape(name), "value": escape(cut(value, 200)), "short": short })
        })
        .collect();
    let mut value = json!({
        "color": color(notice),
        "title": escape(notice.name()),
        "text": escape(&sentence),
        "fallback": escape(&sentence),
        "fields": fields,
        "footer": "perf-monitor",
        "ts": notice.ends_unix_ms.unwrap_or(notice.starts_unix_ms).div_euclid(1_000),
    });
    if let Some(link) = notice.annotations.get("runbook_url") {
        value["title_link"] = json!(link);
    }
    value
}

fn color(notice: &Notice) -> &'static str {
    match (notice.status(), notice.severity) {
        (Status::Resolved, _) => "good",
        (_, AlertSeverity::Critical) => "danger",
        (_, AlertSeverity::Warning) => "warning",
        (_, AlertSeverity::Info) => "#439fe0",
    }
}

/// What would be taken as Slack's own markup: a label could call everybody by `<!channel>`.
fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

impl Notifier for Slack {
    fn name(&self) -> &str {
        "slack"
    }

    fn notify<'a>(&'a self, notification: &'a Notification) -> BoxFuture<'a, Attempt> {
        Box::pin(async {
            let body = self.payload(notification);
            match self.target.post("", &notification.id, body).await {
                // Slack says so; a proxy's page that comes with 200 does not.
                Ok(answer) if answer.said == "ok" => answer.delivered(),
                Ok(answer) => Attempt::Never(format!("answered {:?} instead of ok", answer.said)),
                Err(attempt) => attempt,
            }
        })
    }
}
