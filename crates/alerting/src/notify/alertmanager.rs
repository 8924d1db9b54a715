//! Alerts to an Alertmanager, which groups and routes them itself.

use std::time::{Duration, SystemTime};

use perf_monitor_http::{BoxFuture, Client};
use serde_json::{Value, json};

use super::http::Target;
use super::{Attempt, Notifier, Secret};
use crate::notification::{Notice, Notification};
use crate::time::rfc3339;

/// How often it is told again of what fires.
const EVERY: Duration = Duration::from_secs(60);

/// Posts to `/api/v2/alerts`. What fires is posted again each minute, valid for four: an Alertmanager
/// that started anew learns of it, and one that hears nothing more takes it as resolved.
///
/// For a fleet: of alerts with the same labels from many instances, it makes one.
///
/// ```
/// use perf_monitor_alerting::{Alertmanager, Route};
/// let route = Route::to(Alertmanager::new("http://127.0.0.1:9093"));
/// ```
#[derive(Clone, Debug)]
pub struct Alertmanager {
    target: Target,
    external_url: String,
    every: Duration,
}

impl Alertmanager {
    /// The one at this URL, without `/api/…`.
    pub fn new(url: impl Into<Box<str>>) -> Alertmanager {
        Alertmanager {
            target: Target::new(Secret::text(url)),
            external_url: String::new(),
            every: EVERY,
        }
    }

    /// Sends `Authorization: Bearer …`.
    pub fn bearer_token(mut self, token: Secret) -> Self {
        self.target.token(token);
        self
    }

    /// Where people find this monitor, as `generatorURL`.
    pub fn external_url(mut self, url: impl Into<String>) -> Self {
        self.external_url = url.into();
        self
    }

    /// How often it is told again of what fires; each time it holds four times as long.
    pub fn every(mut self, every: Duration) -> Self {
        self.every = every;
        self
    }

    /// Sends through `client`, for its certificates and limits.
    pub fn client(mut self, client: Client) -> Self {
        self.target.client(client);
        self
    }

    /// What is posted at `unix_ms`.
    pub fn payload(&self, notification: &Notification, unix_ms: i64) -> String {
        let alerts = notification.alerts.iter().map(|notice| self.alert(notice, unix_ms));
        Value::Array(alerts.collect()).to_string()
    }

    fn alert(&self, notice: &Notice, unix_ms: i64) -> Value {
        let holds = i64::try_from(self.every.as_millis()).unwrap_or(i64::MAX).saturating_mul(4);
        let ends = notice.ends_unix_ms.unwrap_or(unix_ms.saturating_add(holds));
        // One that starts after its end is refused, together with all others of the request.
        json!({
            "labels": notice.labels,
            "annotations": notice.annotations,
            "startsAt": rfc3339(notice.starts_unix_ms.min(ends)),
            "endsAt": rfc3339(ends),
            "generatorURL": self.external_url,
        })
    }
}

impl Notifier for Alertmanager {
    fn name(&self) -> &str {
        "alertmanager"
    }

    fn notify<'a>(&'a self, notification: &'a Notification) -> BoxFuture<'a, Attempt> {
        Box::pin(async {
            let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
            let now = since.map_or(notification.unix_ms, |since| since.as_millis() as i64);
            let body = self.payload(notification, now);
            match self.target.post("/api/v2/alerts", &notification.id, body).await {
                Ok(answer) => answer.delivered(),
                Err(attempt) => attempt,
            }
        })
    }

    fn group_by(&self) -> Option<&'static [&'static str]> {
        Some(&[])
    }

    fn refresh(&self) -> Option<Duration> {
        Some(self.every)
    }
}
