//! Webhooks as Alertmanager sends them.

use perf_monitor_http::{BoxFuture, Client};
use serde_json::{Value, json};

use super::http::Target;
use super::{Attempt, Notifier, Secret};
use crate::notification::{Notice, Notification, Status, Why};
use crate::time::rfc3339;

/// Go's zero time, which stands for "not yet".
const NOT_YET: &str = "0001-01-01T00:00:00Z";

/// Posts what Alertmanager's webhook receiver posts (version 4), so that what takes those takes these.
///
/// The header `Idempotency-Key` and the field `notificationId` have the notification's id.
#[derive(Clone, Debug)]
pub struct Webhook {
    target: Target,
    external_url: String,
}

impl Webhook {
    /// To this URL, which may be a secret.
    pub fn new(url: Secret) -> Webhook {
        Webhook { target: Target::new(url), external_url: String::new() }
    }

    /// Sends `Authorization: Bearer …`.
    pub fn bearer_token(mut self, token: Secret) -> Self {
        self.target.token(token);
        self
    }

    /// Where people find this monitor, as `externalURL`.
    pub fn external_url(mut self, url: impl Into<String>) -> Self {
        self.external_url = url.into();
        self
    }

    /// Sends through `client`, for its certificates and limits.
    pub fn client(mut self, client: Client) -> Self {
        self.target.client(client);
        self
    }

    /// What is posted.
    pub fn payload(&self, notification: &Notification) -> String {
        payload(notification, &self.external_url).to_string()
    }
}

impl Notifier for Webhook {
    fn name(&self) -> &str {
        "webhook"
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

/// The document, which a command gets too.
pub(super) fn payload(notification: &Notification, external_url: &str) -> Value {
    let alerts: Vec<Value> = notification.alerts.iter().map(|a| alert(a, external_url)).collect();
    json!({
        "version": "4",
        "groupKey": format!("{{}}:{}", notification.group),
        "truncatedAlerts": 0,
        "status": notification.status,
        "receiver": &*notification.receiver,
        "groupLabels": notification.group,
        "commonLabels": notification.common(|alert| &alert.labels),
        "commonAnnotations": notification.common(|alert| &alert.annotations),
        "externalURL": external_url,
        "notification_reason": reason(notification.why),
        "notificationId": notification.id,
        "alerts": alerts,
    })
}

/// In Alertmanager's words where it has some.
fn reason(why: Why) -> &'static str {
    match why {
        Why::First => "first notification",
        Why::More => "new alerts in group",
        Why::SomeResolved => "some alerts resolved",
        Why::AllResolved => "all alerts resolved",
        Why::Repeat => "repeat interval elapsed",
        Why::Refresh => "refresh",
        Why::Heartbeat => "heartbeat",
        Why::Test => "test",
    }
}

fn alert(notice: &Notice, external_url: &str) -> Value {
    let ends = notice.ends_unix_ms.map_or_else(|| NOT_YET.to_owned(), rfc3339);
    let mut value = json!({
        "status": notice.status(),
        "labels": notice.labels,
        "annotations": notice.annotations,
        "startsAt": rfc3339(notice.starts_unix_ms),
        "endsAt": ends,
        "generatorURL": external_url,
        "fingerprint": notice.fingerprint(),
    });
    if let Some(reason) = notice.reason.filter(|_| notice.status() == Status::Resolved) {
        value["resolvedReason"] = json!(reason);
    }
    value
}
