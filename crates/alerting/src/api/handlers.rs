//! The API's paths.

use std::future::ready;

use http::StatusCode;
use perf_monitor_http::{Request, Response, Router, answer, query_value};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::backtest::{self, Turns};
use crate::error::Error;
use crate::manager::AlertManager;
use crate::matcher::Matcher;
use crate::silence::Silence;
use crate::time::of_rfc3339;

/// Bytes of a request's body, at most.
const LONGEST_BODY: usize = 64 * 1024;

/// Entries of the history that are shown unless asked otherwise, and at most.
const SHOWN: usize = 100;
const MOST_SHOWN: usize = 1_000;

impl AlertManager {
    /// The paths of alerts, to be merged into a server's router, whose rules for writes hold for them.
    ///
    /// | path | does |
    /// |---|---|
    /// | `GET /api/alerts?limit=100` | alerts, receivers, the last notifications, the counts |
    /// | `POST /api/alerts/acknowledge` | `{"fingerprint": "…", "by": "me", "comment": "on it"}` |
    /// | `POST /api/alerts/test` | `{"receiver": "slack"}`: sends a test through the real way |
    /// | `GET /api/silences` | all silences |
    /// | `POST /api/silences` | `{"matchers": ["alertname=\"Slow\""], "durationSeconds": 3600, "createdBy": "me", "comment": "why"}`: adds one, or with `id` changes it |
    /// | `DELETE /api/silences/7` | ends one |
    /// | `GET /api/rules` | rules and files, and how they fare |
    /// | `POST /api/rules/backtest?seconds=3600&step=10` | when the rules of the file in the body would have fired; one at a time, up to 3,600 looks; with `format=text` a table |
    ///
    /// A silence may have `startsAt` and `endsAt` (RFC 3339) in the place of its duration, and matchers
    /// as Alertmanager writes them. What is wrong is answered by 400, 404 or 409 and
    /// `{"error": "a sentence"}`.
    pub fn routes(&self) -> Router {
        let at = || self.clone();
        let (alerts, ack, test) = (at(), at(), at());
        let (silences, silence, unsilence, rules) = (at(), at(), at(), at());
        let (tried, turns) = (at(), Turns::new());
        Router::new()
            .get("/api/alerts", move |request: Request| ready(show_alerts(&alerts, &request)))
            .post("/api/alerts/acknowledge", move |request| acknowledge(ack.clone(), request))
            .post("/api/alerts/test", move |request| try_out(test.clone(), request))
            .get("/api/silences", move |_: Request| ready(show_silences(&silences)))
            .post("/api/silences", move |request| add_silence(silence.clone(), request))
            .delete("/api/silences/*", move |request| end_silence(unsilence.clone(), request))
            .get("/api/rules", move |_: Request| ready(show_rules(&rules)))
            .post("/api/rules/backtest", move |request| {
                backtest::run(tried.clone(), turns.clone(), request)
            })
    }
}

pub(super) fn json(status: StatusCode, value: &impl Serialize) -> Response {
    match serde_json::to_vec(value) {
        Ok(body) => answer(status, "application/json", body),
        Err(error) => wrong(StatusCode::INTERNAL_SERVER_ERROR, &error.to_string()),
    }
}

pub(super) fn wrong(status: StatusCode, what: &str) -> Response {
    let body = json!({ "error": what }).to_string();
    answer(status, "application/json", body)
}

/// What was done, or what was wrong with the request.
pub(super) fn said(status: StatusCode, done: Result<serde_json::Value, Error>) -> Response {
    match done {
        Ok(value) => json(status, &value),
        Err(error) => refused(&error),
    }
}

fn refused(error: &Error) -> Response {
    let status = match error {
        error if error.is_not_found() => StatusCode::NOT_FOUND,
        error if error.is_limit() => StatusCode::CONFLICT,
        _ => StatusCode::BAD_REQUEST,
    };
    wrong(status, &error.to_string())
}

fn show_alerts(manager: &AlertManager, request: &Request) -> Response {
    let limit = match query_value(request, "limit").map(|limit| limit.parse::<usize>()) {
        None => SHOWN,
        Some(Ok(limit)) if limit <= MOST_SHOWN => limit,
        Some(_) => {
            let what = format!("limit is a number from 0 to {MOST_SHOWN}");
            return wrong(StatusCode::BAD_REQUEST, &what);
        }
    };
    let value = json!({
        "alerts": manager.alert_views(),
        "receivers": manager.receiver_views(),
        "history": manager.history(limit),
        "stats": manager.stats(),
        "repair": manager.repair().map(ToString::to_string),
        "writeTrouble": manager.write_trouble(),
    });
    json(StatusCode::OK, &value)
}

fn show_silences(manager: &AlertManager) -> Response {
    json(StatusCode::OK, &json!({ "silences": manager.silences() }))
}

fn show_rules(manager: &AlertManager) -> Response {
    let value = json!({ "rules": manager.rule_views(), "files": manager.files() });
    json(StatusCode::OK, &value)
}

/// The body as what is expected, or what is wrong with it.
fn body<T: DeserializeOwned>(request: &Request) -> Result<T, Error> {
    if request.body().len() > LONGEST_BODY {
        return Err(Error::options(format!("a body has at most {LONGEST_BODY} bytes: send less")));
    }
    serde_json::from_slice(request.body()).map_err(|error| {
        Error::options(format!("the body is not as it should be: {error}")).because(error)
    })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Acknowledge {
    fingerprint: String,
    by: String,
    #[serde(default)]
    comment: String,
}

async fn acknowledge(manager: AlertManager, request: Request) -> Response {
    let done = async {
        let ask: Acknowledge = body(&request)?;
        manager.acknowledge(&ask.fingerprint, &ask.by, &ask.comment).await?;
        Ok(json!({ "acknowledged": ask.fingerprint }))
    };
    said(StatusCode::OK, done.await)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TryOut {
    receiver: String,
}

async fn try_out(manager: AlertManager, request: Request) -> Response {
    let done = async {
        let ask: TryOut = body(&request)?;
        Ok(json!({ "id": manager.test_receiver(&ask.receiver).await? }))
    };
    said(StatusCode::ACCEPTED, done.await)
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct NewSilence {
    #[serde(default)]
    id: String,
    matchers: Vec<Written>,
    starts_at: Option<String>,
    ends_at: Option<String>,
    duration_seconds: Option<u32>,
    created_by: String,
    comment: String,
}

/// A matcher as text or as Alertmanager's object.
#[derive(Deserialize)]
#[serde(untagged)]
enum Written {
    Text(String),
    Object(serde_json::Value),
}

impl NewSilence {
    fn silence(self, now_unix_ms: i64) -> Result<Silence, Error> {
        let matchers = self.matchers.into_iter().map(|written| match written {
            Written::Text(text) => text.parse::<Matcher>(),
            Written::Object(value) => serde_json::from_value(value).map_err(|error| {
                Error::options(format!("a matcher is not as it should be: {error}"))
            }),
        });
        let time = |name: &str, text: &str| {
            of_rfc3339(text).ok_or_else(|| {
                Error::options(format!("{name} is a time such as 2030-01-31T12:00:00Z"))
            })
        };
        let starts = self.starts_at.as_deref().map(|text| time("startsAt", text)).transpose()?;
        let starts_unix_ms = starts.unwrap_or(now_unix_ms);
        let ends_unix_ms = match (self.ends_at, self.duration_seconds) {
            (Some(text), None) => time("endsAt", &text)?,
            (None, Some(seconds)) => starts_unix_ms + i64::from(seconds) * 1_000,
            _ => return Err(Error::options("give either endsAt or durationSeconds")),
        };
        Ok(Silence {
            id: self.id,
            matchers: matchers.collect::<Result<_, _>>()?,
            starts_unix_ms,
            ends_unix_ms,
            created_by: self.created_by,
            comment: self.comment,
        })
    }
}

async fn add_silence(manager: AlertManager, request: Request) -> Response {
    let done = async {
        let ask: NewSilence = body(&request)?;
        let silence = ask.silence(manager.inner.unix_ms())?;
        Ok(json!({ "id": manager.silence(silence).await? }))
    };
    said(StatusCode::OK, done.await)
}

async fn end_silence(manager: AlertManager, request: Request) -> Response {
    let id = request.uri().path().rsplit('/').next().unwrap_or_default().to_owned();
    said(StatusCode::OK, manager.unsilence(&id).await.map(|()| json!({ "ended": id })))
}
