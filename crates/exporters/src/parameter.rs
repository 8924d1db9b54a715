//! Parameters of a request's query.

use perf_monitor_http::{Request, query_value};

/// The value of a parameter; one that is there but cannot be read is not the same as none.
pub(crate) fn parameter(request: &Request, name: &str) -> Result<Option<String>, String> {
    let value = query_value(request, name);
    let mut pairs = request.uri().query().unwrap_or_default().split('&');
    let is_given = |pair: &str| pair.split('=').next() == Some(name);
    match value.is_none() && pairs.any(is_given) {
        true => Err(format!("{name}: give UTF-8, with %25 for a percent sign")),
        false => Ok(value),
    }
}
