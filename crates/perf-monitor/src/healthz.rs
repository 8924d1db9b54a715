//! How the monitor and the parts of the service are, for probes, people and programs.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;
use perf_monitor_http::{Request, Response, Router, answer};

use crate::builder::Context;
use crate::health::{Component, Components, Health};

/// Adds `/healthz`, a line for each, and `/api/health`, the same as JSON.
///
/// The status tells of the ticks alone: a program that is started anew because its database is away
/// is no nearer to it.
pub(crate) fn routes(routes: Router, context: &Context) -> Router {
    let state = (Arc::clone(&context.health), Arc::clone(&context.components));
    let same = state.clone();
    routes
        .get("/healthz", move |_: Request| {
            let answer = lines(&state.0, state.0.age(), &state.1);
            async move { answer }
        })
        .get("/api/health", move |_: Request| {
            let answer = document(&same.0, same.0.age(), &same.1);
            async move { answer }
        })
}

fn status(health: &Health, age: Duration) -> StatusCode {
    match health.is_recent(age) {
        true => StatusCode::OK,
        false => StatusCode::SERVICE_UNAVAILABLE,
    }
}

/// `ok` or what is wrong, the age of the last tick, then the service's parts.
fn lines(health: &Health, age: Duration, components: &Components) -> Response {
    let status = status(health, age);
    let seconds = age.as_secs_f64();
    let mut text = match status {
        StatusCode::OK => format!("ok\nlast tick {seconds:.3} s ago\n"),
        _ => format!("the monitor's ticks stopped {seconds:.3} s ago\n"),
    };
    for Component { name, state, reason, .. } in components() {
        let _ = write!(text, "{}: {state}", one_line(&name));
        if !reason.is_empty() {
            let _ = write!(text, " ({})", one_line(&reason));
        }
        text.push('\n');
    }
    answer(status, "text/plain; charset=utf-8", text)
}

/// Characters of a name or a reason that are told.
const LONGEST: usize = 200;

/// Names and reasons are the service's, and may be of any length: what is cut ends in an ellipsis.
fn cut(text: &str) -> Cow<'_, str> {
    match text.char_indices().nth(LONGEST) {
        None => text.into(),
        Some(_) => text.chars().take(LONGEST - 1).chain(['…']).collect(),
    }
}

/// They may hold anything, too.
fn one_line(text: &str) -> String {
    cut(text).chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// `{"status": "ok", "last_tick_seconds": 0.2, "components": [...]}`, times in seconds since 1970.
fn document(health: &Health, age: Duration, components: &Components) -> Response {
    let status = status(health, age);
    let word = if status == StatusCode::OK { "ok" } else { "stopped" };
    let components: Vec<String> = components().iter().map(object).collect();
    let text = format!(
        "{{\"status\":\"{word}\",\"last_tick_seconds\":{:.3},\"components\":[{}]}}\n",
        age.as_secs_f64(),
        components.join(",")
    );
    answer(status, "application/json", text)
}

fn object(component: &Component) -> String {
    let Component { name, state, reason, since_unix_ns } = component;
    let since = *since_unix_ns as f64 / 1e9;
    format!(
        "{{\"component\":{},\"state\":\"{state}\",\"reason\":{},\"since\":{since:.3}}}",
        quoted(name),
        quoted(reason)
    )
}

/// As JSON has it, cut.
pub(crate) fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for c in cut(text).chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            c if c.is_control() => _ = write!(quoted, "\\u{:04x}", u32::from(c)),
            c => quoted.push(c),
        }
    }
    quoted + "\""
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pace::Pace;

    #[test]
    fn a_probe_gets_503_when_the_ticks_have_stopped() {
        let health = Health::new(Pace::new(Duration::from_secs(1)));
        let none: Components = Arc::new(Vec::new);
        for answer in [lines, document] {
            assert_eq!(answer(&health, Duration::from_secs(1), &none).status(), 200);
            assert_eq!(answer(&health, Duration::from_secs(60), &none).status(), 503);
        }
    }

    #[test]
    fn what_is_no_text_is_escaped_in_json() {
        assert_eq!(quoted("a \"b\"\\\n\u{7f}é"), r#""a \"b\"\\\u000a\u007fé""#);
        assert_eq!(one_line("a\r\nb"), "a  b");
    }

    #[test]
    fn what_is_long_is_cut_to_200_characters_with_an_ellipsis() {
        let fits = "é".repeat(200);
        assert_eq!(one_line(&fits), fits);
        let cut = format!("{}…", "é".repeat(199));
        let long = "é".repeat(201);
        assert_eq!(one_line(&long), cut);
        assert_eq!(quoted(&long), format!("\"{cut}\""));
        let huge = Component {
            name: "n".repeat(1 << 20),
            state: "degraded",
            reason: "\n".repeat(1 << 20),
            since_unix_ns: 0,
        };
        assert!(object(&huge).len() < 2_000);
    }
}
