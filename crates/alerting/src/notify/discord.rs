//! Discord's webhooks.

use perf_monitor_http::{BoxFuture, Client};
use serde_json::{Value, json};

use super::http::Target;
use super::{Attempt, Notifier, Secret};
use crate::book::cut;
use crate::notification::{Notice, Notification, Status};
use crate::severity::AlertSeverity;
use crate::time::rfc3339;

/// Embeds of one message, of which Discord takes ten of 6,000 characters together.
const MOST: usize = 5;

/// Posts to a webhook, of which the URL is the secret.
#[derive(Clone, Debug)]
pub struct Discord {
    target: Target,
}

impl Discord {
    /// The webhook at this URL.
    pub fn new(url: Secret) -> Discord {
        Discord { target: Target::new(url) }
    }

    /// Sends through `client`, for its certificates and limits.
    pub fn client(mut self, client: Client) -> Self {
        self.target.client(client);
        self
    }

    /// What is posted. Nobody is mentioned, whatever a label says.
    pub fn payload(&self, notification: &Notification) -> String {
        let alerts = &notification.alerts;
        let embeds: Vec<Value> = alerts.iter().take(MOST).map(|notice| embed(notice)).collect();
        let more = match alerts.len().saturating_sub(MOST) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        json!({
            "content": cut(&format!("{}{more}", notification.title()), 1_900),
            "embeds": embeds,
            "allowed_mentions": { "parse": [] },
        })
        .to_string()
    }
}

fn embed(notice: &Notice) -> Value {
    let labels = notice.labels.filtered(|name| name != "alertname");
    let fields: Vec<Value> = labels
        .iter()
        .take(6)
        .map(|(name, value)| json!({ "name": cut(name, 64), "value": cut(value, 96), "inline": true }))
        .collect();
    json!({
        "title": cut(notice.name(), 200),
        "description": cut(&notice.sentence(), 500),
        "color": color(notice),
        "fields": fields,
        "timestamp": rfc3339(notice.ends_unix_ms.unwrap_or(notice.starts_unix_ms)),
    })
}

fn color(notice: &Notice) -> u32 {
    match (notice.status(), notice.severity) {
        (Status::Resolved, _) => 0x2e_b8_86,
        (_, AlertSeverity::Critical) => 0xa3_02_00,
        (_, AlertSeverity::Warning) => 0xda_a0_38,
        (_, AlertSeverity::Info) => 0x43_9f_e0,
    }
}

impl Notifier for Discord {
    fn name(&self) -> &str {
        "discord"
    }

    fn notify<'a>(&'a self, notification: &'a Notification) -> BoxFuture<'a, Attempt> {
        Box::pin(async {
            let body = self.payload(notification);
            match self.target.post("", &notification.id, body).await {
                Ok(answer) => answer.delivered(),
                Err(attempt) => attempt,
            }
        })
    }
}
