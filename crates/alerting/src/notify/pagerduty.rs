//! Incidents in PagerDuty, by its Events API v2.

use perf_monitor_http::{BoxFuture, Client};
use serde_json::json;

use super::http::Target;
use super::{Attempt, Notifier, Secret};
use crate::book::cut;
use crate::error::Error;
use crate::notification::{Notice, Notification, Status};
use crate::severity::AlertSeverity;
use crate::time::rfc3339;

const URL: &str = "https://events.pagerduty.com";

/// Opens an incident for each alert that fires and resolves it with the alert: the same alert has the
/// same `dedup_key`, also after a restart.
///
/// Needs the feature `tls`.
#[derive(Clone, Debug)]
pub struct PagerDuty {
    target: Target,
    routing_key: Secret,
    source: String,
}

impl PagerDuty {
    /// The integration with this routing key; `source` is what is affected, such as the service's or
    /// the host's name, where an alert has no label `instance`.
    pub fn new(routing_key: Secret, source: impl Into<String>) -> PagerDuty {
        PagerDuty { target: Target::new(Secret::text(URL)), routing_key, source: source.into() }
    }

    /// Another address, such as <https://events.eu.pagerduty.com>.
    pub fn url(mut self, url: impl Into<Box<str>>) -> Self {
        self.target = Target::new(Secret::text(url));
        self
    }

    /// Sends through `client`, for its certificates and limits.
    pub fn client(mut self, client: Client) -> Self {
        self.target.client(client);
        self
    }

    /// The event of one alert.
    ///
    /// # Errors
    /// The routing key cannot be read.
    pub fn payload(&self, notice: &Notice) -> Result<String, Error> {
        let firing = notice.status() == Status::Firing;
        let mut value = json!({
            "routing_key": self.routing_key.read()?,
            "event_action": if firing { "trigger" } else { "resolve" },
            "dedup_key": notice.fingerprint(),
            "client": "perf-monitor",
        });
        if firing {
            value["payload"] = json!({
                "summary": cut(&notice.sentence(), 1_024),
                "source": notice.labels.get("instance").unwrap_or(&self.source),
                "severity": severity(notice.severity),
                "timestamp": rfc3339(notice.starts_unix_ms),
                "class": notice.name(),
                "custom_details": {
                    "labels": notice.labels,
                    "annotations": notice.annotations,
                    "value": notice.value,
                },
            });
        }
        if let Some(link) = notice.annotations.get("runbook_url") {
            value["links"] = json!([{ "href": link, "text": "runbook" }]);
        }
        Ok(value.to_string())
    }
}

fn severity(severity: AlertSeverity) -> &'static str {
    match severity {
        AlertSeverity::Critical => "critical",
        AlertSeverity::Warning => "warning",
        AlertSeverity::Info => "info",
    }
}

impl Notifier for PagerDuty {
    fn name(&self) -> &str {
        "pagerduty"
    }

    fn notify<'a>(&'a self, notification: &'a Notification) -> BoxFuture<'a, Attempt> {
        Box::pin(async {
            let mut last = Attempt::Delivered(String::new());
            // After a failure all are sent again: those that arrived change nothing a second time.
            for notice in &notification.alerts {
                let body = match self.payload(notice) {
                    Ok(body) => body,
                    Err(error) => return Attempt::Later(error.to_string(), None),
                };
                match self.target.post("/v2/enqueue", &notification.id, body).await {
                    Ok(answer) => last = answer.delivered(),
                    Err(attempt) => return attempt,
                }
            }
            last
        })
    }

    fn group_by(&self) -> Option<&'static [&'static str]> {
        None
    }
}
