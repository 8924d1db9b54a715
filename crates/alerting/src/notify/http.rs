//! A request to a receiver, and what its answer means.

use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use http::{Method, Request, Response, Uri};
use perf_monitor_http::{Client, ClientOptions};

use super::{Attempt, Secret};
use crate::error::Error;

/// The route's own timeout is shorter; this one is for nobody to wait for ever.
const LONGEST: Duration = Duration::from_secs(300);

/// Bytes of an answer that are read: more is no answer to a notification.
const ANSWER_BYTES: usize = 64 * 1024;

/// An address that requests go to, and the client for it.
#[derive(Clone, Debug)]
pub(super) struct Target {
    address: Secret,
    token: Option<Secret>,
    client: Client,
}

impl Target {
    pub(super) fn new(address: Secret) -> Target {
        let options = ClientOptions::default().answer_bytes(ANSWER_BYTES);
        Target { address, token: None, client: Client::new(options) }
    }

    pub(super) fn token(&mut self, token: Secret) {
        self.token = Some(token);
    }

    /// Puts `client` in, for its certificates.
    pub(super) fn client(&mut self, client: Client) {
        self.client = client;
    }

    /// Posts `body` as JSON to the address with `path` behind it.
    pub(super) async fn post(&self, path: &str, id: &str, body: String) -> Result<Answer, Attempt> {
        let request = self.request(path, id, body).map_err(|e| Attempt::Later(e.to_string(), None));
        let answer = self.client.send(request?, LONGEST).await;
        let answer = answer.map_err(|error| match error.is_invalid() || error.is_too_large() {
            true => Attempt::Never(error.to_string()),
            false => Attempt::Later(error.to_string(), None),
        })?;
        Answer::of(&answer, SystemTime::now())
    }

    /// A secret that cannot be read or does not fit may be put right, so it is no reason to give up.
    fn request(&self, path: &str, id: &str, body: String) -> Result<Request<Bytes>, Error> {
        let wrong = "the receiver's address is no URL: correct it";
        let address = self.address.read()?;
        let address = format!("{}{path}", address.trim_end_matches('/'));
        // The cause would show the address.
        let uri: Uri = address.parse().map_err(|_| Error::options(wrong))?;
        let mut request = Request::new(Bytes::from(body));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = uri;
        let headers = request.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        if let Ok(id) = HeaderValue::from_str(id) {
            headers.insert("idempotency-key", id);
        }
        if let Some(token) = &self.token {
            let wrong = |_| Error::options("the receiver's token is no header: correct it");
            let value = format!("Bearer {}", token.read()?);
            let mut value = HeaderValue::from_str(&value).map_err(wrong)?;
            value.set_sensitive(true);
            headers.insert(AUTHORIZATION, value);
        }
        Ok(request)
    }
}

/// A yes: its status, and the first of what was said.
#[derive(Debug, PartialEq)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) said: String,
}

impl Answer {
    fn of(answer: &Response<Bytes>, now: SystemTime) -> Result<Answer, Attempt> {
        let status = answer.status().as_u16();
        let said = said(answer.body());
        let line = match said.is_empty() {
            true => format!("answered {status}"),
            false => format!("answered {status}: {said}"),
        };
        match status {
            200..=299 => Ok(Answer { status, said }),
            408 | 425 | 429 | 500..=599 => Err(Attempt::Later(line, asked(answer, now))),
            _ => Err(Attempt::Never(line)),
        }
    }

    /// What is kept of it.
    pub(super) fn delivered(self) -> Attempt {
        match self.said.is_empty() {
            true => Attempt::Delivered(self.status.to_string()),
            false => Attempt::Delivered(format!("{} {}", self.status, self.said)),
        }
    }
}

/// The first of an answer on one line: it is somebody else's text.
fn said(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(&body[..body.len().min(160)]);
    text.trim().chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// How long the receiver wants to be left alone: `Retry-After`, or Discord's `retry_after`.
fn asked(answer: &Response<Bytes>, now: SystemTime) -> Option<Duration> {
    let header = answer.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok());
    header.and_then(|value| retry_after(value, now)).or_else(|| {
        let body: serde_json::Value = serde_json::from_slice(answer.body()).ok()?;
        Duration::try_from_secs_f64(body.get("retry_after")?.as_f64()?).ok()
    })
}

fn retry_after(value: &str, now: SystemTime) -> Option<Duration> {
    let value = value.trim();
    if let Ok(seconds) = value.parse::<f64>() {
        return Duration::try_from_secs_f64(seconds).ok();
    }
    let moment = httpdate::parse_http_date(value).ok()?;
    Some(moment.duration_since(now).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, header: Option<&str>, body: &'static str) -> Response<Bytes> {
        let mut answer = Response::new(Bytes::from_static(body.as_bytes()));
        *answer.status_mut() = http::StatusCode::from_u16(status).unwrap();
        if let Some(value) = header {
            answer.headers_mut().insert(RETRY_AFTER, HeaderValue::from_str(value).unwrap());
        }
        answer
    }

    #[test]
    fn answers_are_told_apart_by_what_trying_again_would_do() {
        let of = |status, header, body| {
            Answer::of(&answer(status, header, body), SystemTime::UNIX_EPOCH)
        };
        assert_eq!(of(204, None, "").unwrap().delivered(), Attempt::Delivered("204".into()));
        let later = |line: &str, s| Err(Attempt::Later(line.into(), s));
        let seconds = |s| Some(Duration::from_secs(s));
        assert_eq!(of(429, Some("7"), ""), later("answered 429", seconds(7)));
        assert_eq!(
            of(503, Some("Thu, 01 Jan 1970 00:01:00 GMT"), ""),
            later("answered 503", seconds(60))
        );
        assert_eq!(of(500, None, "a\nb"), later("answered 500: a b", None));
        let discord = r#"{"retry_after": 2}"#;
        assert!(matches!(of(429, None, discord), Err(Attempt::Later(_, at)) if at == seconds(2)));
        assert_eq!(of(400, None, "no"), Err(Attempt::Never("answered 400: no".into())));
        assert_eq!(of(302, None, ""), Err(Attempt::Never("answered 302".into())));
    }
}
