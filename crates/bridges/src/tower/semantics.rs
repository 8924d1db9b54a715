//! What the semantic conventions of OpenTelemetry ask of the spans of HTTP.

use super::method::OTHER;
use perf_monitor_tracing::{AttributeValue, Span};

/// Bytes of names that are put together without an allocation.
const SHORT: usize = 128;

/// Runs `f` with the name of a request of this method, and this route or template if there is one.
#[inline]
pub(super) fn named<R>(method: &str, route: Option<&str>, f: impl FnOnce(&str) -> R) -> R {
    let method = if method == OTHER { "HTTP" } else { method };
    let Some(route) = route else {
        return f(method);
    };
    let (mut text, length) = ([b' '; SHORT], method.len() + 1 + route.len());
    if length > SHORT {
        return f(&format!("{method} {route}"));
    }
    text[..method.len()].copy_from_slice(method.as_bytes());
    text[method.len() + 1..length].copy_from_slice(route.as_bytes());
    f(str::from_utf8(&text[..length]).unwrap_or(method))
}

/// The method as an attribute of few values, with the one that was sent if that is not it.
pub(super) fn known<'a>(method: &'static str, sent: &'a str) -> (&'static str, Option<&'a str>) {
    if method == OTHER { ("_OTHER", Some(sent)) } else { (method, None) }
}

/// Keeps the attributes that there are, all at once.
pub(super) fn keep<'v, const N: usize>(
    span: &Span,
    attributes: [Option<(&'static str, AttributeValue<'v>)>; N],
) {
    let (mut known, mut count) = ([("", AttributeValue::Bool(false)); N], 0);
    for attribute in attributes.into_iter().flatten() {
        known[count] = attribute;
        count += 1;
    }
    span.attributes(&known[..count]);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_the_method_with_the_route() {
        fn name(method: &str, route: Option<&str>) -> String {
            named(method, route, str::to_owned)
        }
        assert_eq!(name("GET", Some("/users/{id}")), "GET /users/{id}");
        assert_eq!(name("GET", None), "GET");
        assert_eq!(name(OTHER, Some("/")), "HTTP /");
        for bytes in [SHORT - 4, SHORT - 3, 1_000] {
            let route = "é".repeat(bytes / 2);
            assert_eq!(name("GET", Some(&route)), format!("GET {route}"));
        }
    }
}
