//! `POST /api/rules/backtest`: when rules would have fired, over what the history still has.

use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;
use perf_monitor_history::Storage;
use perf_monitor_http::{Request, Response, answer, query_value};
use serde_json::{Value, json};
use tokio::sync::Semaphore;

use super::handlers::{json, said, wrong};
use crate::error::Error;
use crate::labels::Labels;
use crate::manager::AlertManager;
use crate::trial::{Backtest, Firing, backtest};

/// What the usual history reaches back, and how far its points are apart there.
const USUAL_SECONDS: u32 = 3_600;
const USUAL_STEP: u32 = 10;

/// Looks of one request, at most: the usual history has as many points at the finest.
const MOST_LOOKS: u32 = 3_600;

/// One backtest at a time: others wait for the thread that it is on.
pub(super) struct Turns(Semaphore);

impl Turns {
    pub(super) fn new() -> Arc<Turns> {
        Arc::new(Turns(Semaphore::new(1)))
    }
}

/// Answers with the firings of the rule file in the body.
pub(super) async fn run(manager: AlertManager, turns: Arc<Turns>, request: Request) -> Response {
    let Ok(_turn) = turns.0.try_acquire() else {
        return wrong(StatusCode::CONFLICT, "another backtest is running: wait for its end");
    };
    let done = async {
        let asked = Asked::of(&manager, &request)?;
        // A runtime that is shutting down refuses.
        let ended = |_| Error::options("the backtest did not come to its end: ask again");
        tokio::task::spawn_blocking(move || asked.answer()).await.map_err(ended)?
    };
    match done.await {
        Ok(response) => response,
        Err(error) => said(StatusCode::OK, Err(error)),
    }
}

struct Asked {
    rules: String,
    history: Arc<dyn Storage>,
    from_ms: i64,
    until_ms: i64,
    step: u32,
    /// Whether a table for people is wanted.
    as_text: bool,
}

impl Asked {
    fn of(manager: &AlertManager, request: &Request) -> Result<Asked, Error> {
        let seconds = number(request, "seconds", USUAL_SECONDS)?;
        let step = number(request, "step", USUAL_STEP)?;
        if seconds / step > MOST_LOOKS {
            let message = format!("a backtest of more than {MOST_LOOKS} looks: take a longer step");
            return Err(Error::options(message));
        }
        let history = manager.inner.history.clone();
        let rules = String::from_utf8(request.body().to_vec());
        let until_ms = manager.inner.unix_ms();
        Ok(Asked {
            rules: rules.map_err(|_| Error::options("the body is no text: send a rule file"))?,
            history: history.ok_or_else(|| Error::options("there is no history to look at"))?,
            from_ms: until_ms - i64::from(seconds) * 1_000,
            until_ms,
            step,
            as_text: as_text(request)?,
        })
    }

    fn answer(self) -> Result<Response, Error> {
        let step = Duration::from_secs(self.step.into());
        let found = backtest(&self.rules, &*self.history, self.from_ms, self.until_ms, step)?;
        Ok(match self.as_text {
            true => answer(StatusCode::OK, "text/plain; charset=utf-8", format!("{found}\n")),
            false => json(StatusCode::OK, &shown(&found, &self)),
        })
    }
}

fn as_text(request: &Request) -> Result<bool, Error> {
    match query_value(request, "format").as_deref() {
        Some("text") => Ok(true),
        None | Some("json") => Ok(false),
        Some(_) => Err(Error::options("format is text or json")),
    }
}

fn number(request: &Request, name: &str, usual: u32) -> Result<u32, Error> {
    match query_value(request, name).map(|text| text.parse::<u32>()) {
        None => Ok(usual),
        Some(Ok(number)) if number > 0 => Ok(number),
        Some(_) => Err(Error::options(format!("{name} is a number of seconds, 1 or more"))),
    }
}

fn shown(found: &Backtest, asked: &Asked) -> Value {
    json!({
        "fromUnixMs": asked.from_ms,
        "untilUnixMs": asked.until_ms,
        "stepSeconds": asked.step,
        "looks": found.looks,
        "firings": found.firings.iter().map(firing).collect::<Vec<_>>(),
        "isCut": found.is_cut,
        "troubles": found.troubles,
    })
}

fn firing(firing: &Firing) -> Value {
    let Firing { labels, fired_unix_ms, resolved_unix_ms, value, peak, least, sentence } = firing;
    let labels: &Labels = labels;
    json!({
        "labels": labels,
        "firedUnixMs": fired_unix_ms,
        "resolvedUnixMs": resolved_unix_ms,
        "value": value,
        "peak": peak,
        "least": least,
        "summary": sentence,
    })
}
