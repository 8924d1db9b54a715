//! Request methods as a label, which must be few.

use http::Method;

/// The label of methods that the HTTP standards do not know.
pub(super) const OTHER: &str = "other";

/// The method's name; [`OTHER`] for one that nobody knows, as clients may send any.
pub(super) fn label(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::DELETE => "DELETE",
        Method::HEAD => "HEAD",
        Method::OPTIONS => "OPTIONS",
        Method::CONNECT => "CONNECT",
        Method::PATCH => "PATCH",
        Method::TRACE => "TRACE",
        _ => OTHER,
    }
}
