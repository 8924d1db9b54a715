//! `/debug/pprof/symbol`, by which `pprof` asks for names.

use http::{Method, StatusCode};
use perf_monitor_http::{Request, Response, answer};
use perf_monitor_profiling::names_of;

use super::blocking::blocking;
use super::output::TEXT;
use crate::escape::visible;

/// The most addresses of one request; the rest is not answered.
const MOST_ADDRESSES: usize = 4_096;

/// `0x1234+0x5678` in the query, or in the body of a POST, as Go has it.
pub(super) async fn symbol(request: Request) -> Response {
    let asked = match *request.method() {
        Method::POST => String::from_utf8_lossy(request.body()).into_owned(),
        _ => request.uri().query().unwrap_or_default().to_owned(),
    };
    let addresses: Vec<u64> = asked.split('+').take(MOST_ADDRESSES).filter_map(address).collect();
    if addresses.is_empty() {
        return answer(StatusCode::OK, TEXT, HEAD);
    }
    match blocking(move || Ok(names_of(&addresses))).await {
        Ok(names) => answer(StatusCode::OK, TEXT, written(&names)),
        Err(failure) => failure,
    }
}

/// How many symbols there are nobody knows; pprof only asks whether there are any.
const HEAD: &str = "num_symbols: 1\n";

fn written(names: &[(u64, String)]) -> String {
    let lines = names.iter().map(|(address, name)| format!("{address:#x} {}\n", visible(name)));
    std::iter::once(HEAD.to_owned()).chain(lines).collect()
}

fn address(text: &str) -> Option<u64> {
    match text.trim().strip_prefix("0x") {
        Some(hex) => u64::from_str_radix(hex, 16).ok(),
        None => text.trim().parse().ok(),
    }
}
