//! Messages to phones by ntfy.

use perf_monitor_http::{BoxFuture, Client};
use serde_json::json;

use super::http::Target;
use super::{Attempt, Notifier, Secret};
use crate::book::cut;
use crate::notification::{Notification, Status};
use crate::severity::AlertSeverity;

/// Publishes to a topic of an ntfy server, <https://ntfy.sh> or one's own.
#[derive(Clone, Debug)]
pub struct Ntfy {
    target: Target,
    topic: String,
}

impl Ntfy {
    /// The topic of the server at this URL.
    pub fn new(url: impl Into<Box<str>>, topic: impl Into<String>) -> Ntfy {
        Ntfy { target: Target::new(Secret::text(url)), topic: topic.into() }
    }

    /// The server's access token.
    pub fn token(mut self, token: Secret) -> Self {
        self.target.token(token);
        self
    }

    /// Sends through `client`, for its certificates and limits.
    pub fn client(mut self, client: Client) -> Self {
        self.target.client(client);
        self
    }

    /// What is posted.
    pub fn payload(&self, notification: &Notification) -> String {
        let lines: Vec<String> =
            notification.alerts.iter().take(20).map(|notice| notice.sentence()).collect();
        let (priority, tag) = match (notification.status, notification.severity()) {
            (Status::Resolved, _) => (2, "white_check_mark"),
            (_, AlertSeverity::Critical) => (5, "rotating_light"),
            (_, AlertSeverity::Warning) => (4, "warning"),
            (_, AlertSeverity::Info) => (3, "information_source"),
        };
        let mut value = json!({
            "topic": self.topic,
            "title": cut(&notification.title(), 250),
            // From 4,096 bytes on, the server makes an attachment of it.
            "message": cut(&lines.join("\n"), 4_000),
            "priority": priority,
            "tags": [tag],
        });
        let first = notification.alerts.first();
        if let Some(link) = first.and_then(|notice| notice.annotations.get("runbook_url")) {
            value["click"] = json!(link);
        }
        value.to_string()
    }
}

impl Notifier for Ntfy {
    fn name(&self) -> &str {
        "ntfy"
    }

    fn notify<'a>(&'a self, notification: &'a Notification) -> BoxFuture<'a, Attempt> {
        Box::pin(async {
            let body = self.payload(notification);
            match self.target.post("/", &notification.id, body).await {
                Ok(answer) => answer.delivered(),
                Err(attempt) => attempt,
            }
        })
    }
}
