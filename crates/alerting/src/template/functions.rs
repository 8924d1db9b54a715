//! The functions that a template may call.

use super::eval::Value;
use super::number::{self, of_text, significant};
use crate::matcher::Matcher;

const KNOWN: [&str; 33] = [
    "and",
    "eq",
    "ge",
    "gt",
    "html",
    "humanize",
    "humanize1024",
    "humanizeDuration",
    "humanizePercentage",
    "humanizeTimestamp",
    "index",
    "le",
    "len",
    "lt",
    "match",
    "ne",
    "not",
    "or",
    "parseDuration",
    "print",
    "printf",
    "println",
    "reReplaceAll",
    "safeHtml",
    "stripDomain",
    "stripPort",
    "title",
    "toLower",
    "toUpper",
    "urlquery",
    "graphLink",
    "tableLink",
    "pathPrefix",
];

/// Those that Prometheus has and that need what is not here.
const ELSEWHERE: [&str; 11] = [
    "args",
    "first",
    "label",
    "query",
    "sortByLabel",
    "strvalue",
    "tmpl",
    "toTime",
    "value",
    "externalURL",
    "call",
];

/// Whether `name` can be called.
pub(super) fn known(name: &str) -> Result<(), String> {
    if KNOWN.contains(&name) {
        return Ok(());
    }
    match ELSEWHERE.contains(&name) {
        true => Err(format!("the function {name:?} of Prometheus is not supported here")),
        false => Err(format!("there is no function {name:?}")),
    }
}

pub(super) fn call(name: &str, arguments: &[Value]) -> Result<Value, String> {
    let text = |at: usize| arguments.get(at).map(Value::show).ok_or_else(|| few(name));
    let number = |at: usize| arguments.get(at).ok_or_else(|| few(name)).and_then(of_value);
    let texts = |text: String| Ok(Value::Text(text));
    match name {
        "humanize" => texts(humanize(number(0)?)),
        "humanize1024" => texts(humanize1024(number(0)?)),
        "humanizeDuration" => texts(humanize_duration(number(0)?)),
        "humanizePercentage" => texts(format!("{}%", significant(number(0)? * 100.0, 4))),
        "humanizeTimestamp" => texts(number::timestamp(number(0)?)?),
        "parseDuration" => {
            let duration = perf_monitor_history::parse_duration(&text(0)?)?;
            Ok(Value::Number(duration.as_secs_f64()))
        }
        "title" => texts(title(&text(0)?)),
        "toUpper" => texts(text(0)?.to_uppercase()),
        "toLower" => texts(text(0)?.to_lowercase()),
        "html" | "safeHtml" => texts(text(0)?),
        "urlquery" => texts(urlquery(&text(0)?)),
        "stripPort" => texts(strip_port(&text(0)?)),
        "stripDomain" => texts(strip_domain(&text(0)?)),
        "match" => {
            let found = regex(&text(0)?)?.is_match(&text(1)?);
            Ok(Value::Bool(found))
        }
        "reReplaceAll" => {
            let (pattern, with, of) = (text(0)?, text(1)?, text(2)?);
            texts(regex(&pattern)?.replace_all(&of, with.as_str()).into_owned())
        }
        "printf" => texts(number::printf(&text(0)?, &arguments[1..])?),
        "print" => texts(print(arguments)),
        "println" => {
            let all: Vec<String> = arguments.iter().map(Value::show).collect();
            texts(all.join(" ") + "\n")
        }
        "len" => match arguments.first() {
            Some(Value::Labels(labels)) => Ok(Value::Number(labels.len() as f64)),
            _ => Ok(Value::Number(text(0)?.len() as f64)),
        },
        "index" => match arguments.first() {
            Some(Value::Labels(labels)) => texts(labels.get(&text(1)?).unwrap_or_default().into()),
            _ => Err("index takes labels and a name".into()),
        },
        "not" => Ok(Value::Bool(!arguments.first().ok_or_else(|| few(name))?.is_true())),
        "and" => Ok(arguments.iter().find(|v| !v.is_true()).or(arguments.last()).cloned())
            .and_then(|v| v.ok_or_else(|| few(name))),
        "or" => Ok(arguments.iter().find(|v| v.is_true()).or(arguments.last()).cloned())
            .and_then(|v| v.ok_or_else(|| few(name))),
        "eq" | "ne" | "lt" | "le" | "gt" | "ge" => compare(name, arguments),
        _ => Err(format!("{name:?} is not supported here")),
    }
}

/// With a space between two of which neither is a text, as Go has it.
fn print(arguments: &[Value]) -> String {
    let mut out = String::new();
    let mut was_text = true;
    for value in arguments {
        let is_text = matches!(value, Value::Text(_));
        if !was_text && !is_text {
            out.push(' ');
        }
        out += &value.show();
        was_text = is_text;
    }
    out
}

fn few(name: &str) -> String {
    format!("{name:?} has too few arguments")
}

fn of_value(value: &Value) -> Result<f64, String> {
    match value {
        Value::Number(number) => Ok(*number),
        Value::Text(text) => of_text(text).ok_or_else(|| format!("{text:?} is no number")),
        other => Err(format!("{} is no number", other.show())),
    }
}

fn compare(name: &str, arguments: &[Value]) -> Result<Value, String> {
    let [a, b] = arguments else { return Err(format!("{name:?} takes two arguments")) };
    let order = match (a, b) {
        (Value::Number(a), Value::Number(b)) => a.partial_cmp(b),
        (Value::Text(a), Value::Text(b)) => Some(a.cmp(b)),
        (Value::Bool(a), Value::Bool(b)) => Some(a.cmp(b)),
        _ => return Err(format!("{name:?} compares two of one kind")),
    };
    let yes = match name {
        "eq" => order.is_some_and(|o| o.is_eq()),
        "ne" => order.is_none_or(|o| o.is_ne()),
        "lt" => order.is_some_and(|o| o.is_lt()),
        "le" => order.is_some_and(|o| o.is_le()),
        // Go asks for the opposite, which NaN is not either.
        "gt" => !order.is_some_and(|o| o.is_le()),
        _ => !order.is_some_and(|o| o.is_lt()),
    };
    Ok(Value::Bool(yes))
}

fn regex(pattern: &str) -> Result<regex_lite::Regex, String> {
    // The bound on what is compiled is that of a matcher.
    Matcher::like("x", pattern).map_err(|error| error.to_string())?;
    regex_lite::Regex::new(pattern).map_err(|error| error.to_string())
}

const LARGE: [&str; 8] = ["k", "M", "G", "T", "P", "E", "Z", "Y"];
const SMALL: [&str; 8] = ["m", "u", "n", "p", "f", "a", "z", "y"];
const BINARY: [&str; 8] = ["ki", "Mi", "Gi", "Ti", "Pi", "Ei", "Zi", "Yi"];

fn humanize(value: f64) -> String {
    if value == 0.0 || !value.is_finite() {
        return significant(value, 4);
    }
    let (value, prefix) =
        if value.abs() >= 1.0 { shrink(value, 1_000.0, &LARGE) } else { grow(value) };
    significant(value, 4) + prefix
}

fn humanize1024(value: f64) -> String {
    if value.abs() <= 1.0 || !value.is_finite() {
        return significant(value, 4);
    }
    let (value, prefix) = shrink(value, 1_024.0, &BINARY);
    significant(value, 4) + prefix
}

fn shrink(mut value: f64, by: f64, prefixes: &[&'static str]) -> (f64, &'static str) {
    let mut prefix = "";
    for next in prefixes {
        if value.abs() < by {
            break;
        }
        (prefix, value) = (next, value / by);
    }
    (value, prefix)
}

fn grow(mut value: f64) -> (f64, &'static str) {
    let mut prefix = "";
    for next in SMALL {
        if value.abs() >= 1.0 {
            break;
        }
        (prefix, value) = (next, value * 1_000.0);
    }
    (value, prefix)
}

fn humanize_duration(value: f64) -> String {
    if !value.is_finite() {
        return significant(value, 4);
    }
    if value == 0.0 {
        return "0s".into();
    }
    if value.abs() < 1.0 {
        let (value, prefix) = grow(value);
        return format!("{}{prefix}s", significant(value, 4));
    }
    let sign = if value < 0.0 { "-" } else { "" };
    let whole = value.abs() as u64;
    let (s, m, h, d) = (whole % 60, whole / 60 % 60, whole / 3_600 % 24, whole / 86_400);
    match (d, h, m) {
        (0, 0, 0) => format!("{sign}{}s", significant(value.abs(), 4)),
        (0, 0, m) => format!("{sign}{m}m {s}s"),
        (0, h, m) => format!("{sign}{h}h {m}m {s}s"),
        (d, h, m) => format!("{sign}{d}d {h}h {m}m {s}s"),
    }
}

fn title(text: &str) -> String {
    let mut begins = true;
    let up = |c: char| {
        let is_first =
            std::mem::replace(&mut begins, !(c.is_alphanumeric() || c == '_' || c == '\''));
        if is_first { c.to_uppercase().collect::<String>() } else { c.to_string() }
    };
    text.chars().map(up).collect()
}

fn urlquery(text: &str) -> String {
    let byte = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
            char::from(byte).to_string()
        }
        b' ' => "+".into(),
        byte => format!("%{byte:02X}"),
    };
    text.bytes().map(byte).collect()
}

fn strip_port(text: &str) -> String {
    match text.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|b| b.is_ascii_digit()) && !port.is_empty() => {
            host.trim_start_matches('[').trim_end_matches(']').to_owned()
        }
        _ => text.to_owned(),
    }
}

fn strip_domain(text: &str) -> String {
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) => (host, Some(port)),
        None => (text, None),
    };
    let is_address = host.parse::<std::net::IpAddr>().is_ok();
    let host = if is_address { host } else { host.split('.').next().unwrap_or(host) };
    port.map_or(host.to_owned(), |port| format!("{host}:{port}"))
}
