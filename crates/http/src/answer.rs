//! Answers and the headers that all of them carry.

use http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderName, HeaderValue, REFERRER_POLICY,
    X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderMap, StatusCode};

use crate::body::Body;

/// An answer on its way to a client.
pub type Response = http::Response<Body>;

pub(crate) const TEXT: &str = "text/plain; charset=utf-8";

/// An answer of one status, one content type and one body, such as `answer(StatusCode::OK, "application/json", json)`.
///
/// Headers that keep a browser safe are added on the way out, each unless it is set already: `X-Content-Type-Options`,
/// `Content-Security-Policy` (nothing may load), `Referrer-Policy`, `Cross-Origin-Resource-Policy`, `Cache-Control: no-store`.
pub fn answer(status: StatusCode, content_type: &'static str, body: impl Into<Body>) -> Response {
    let mut response = Response::new(body.into());
    *response.status_mut() = status;
    let content_type = HeaderValue::from_static(content_type);
    response.headers_mut().insert(CONTENT_TYPE, content_type);
    response
}

/// A plain sentence for a person, ending in a line break.
pub(crate) fn text(status: StatusCode, sentence: impl AsRef<str>) -> Response {
    answer(status, TEXT, format!("{}\n", sentence.as_ref()))
}

/// Adds `value` and gives the answer back.
pub(crate) fn with(
    mut response: Response,
    name: HeaderName,
    value: impl Into<HeaderValue>,
) -> Response {
    response.headers_mut().insert(name, value.into());
    response
}

const SAFE: [(HeaderName, &str); 5] = [
    (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (
        CONTENT_SECURITY_POLICY,
        "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
    ),
    (REFERRER_POLICY, "no-referrer"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    (CACHE_CONTROL, "no-store"),
];

pub(crate) fn add_safe_headers(headers: &mut HeaderMap) {
    for (name, value) in SAFE {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_that_the_handler_set_stays() {
        let mut response = with(
            text(StatusCode::OK, "hello"),
            CACHE_CONTROL,
            HeaderValue::from_static("immutable"),
        );
        add_safe_headers(response.headers_mut());
        assert_eq!(response.headers()[CACHE_CONTROL], "immutable");
        assert_eq!(response.headers()[X_CONTENT_TYPE_OPTIONS], "nosniff");
        assert_eq!(response.headers()[CONTENT_TYPE], TEXT);
    }
}
