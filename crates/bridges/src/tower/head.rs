//! What a route can be found by.

use http::{Extensions, HeaderMap, Method, Request, Uri};

/// The head of a request, whatever its body is.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Head<'a> {
    /// The method, as the client sent it.
    pub method: &'a Method,
    /// What was asked for, as the client sent it.
    pub uri: &'a Uri,
    /// The header fields.
    pub headers: &'a HeaderMap,
    /// What routers and layers outside left with the request.
    pub extensions: &'a Extensions,
}

impl<'a> Head<'a> {
    pub(super) fn of<A>(request: &'a Request<A>) -> Head<'a> {
        Head {
            method: request.method(),
            uri: request.uri(),
            headers: request.headers(),
            extensions: request.extensions(),
        }
    }
}
