//! The route that axum found.

use super::Head;
use axum::extract::MatchedPath;
use std::borrow::Cow;

/// The template of the route (`/users/{id}`), once axum has routed the request to it.
pub(super) fn route(head: Head<'_>) -> Option<Cow<'_, str>> {
    head.extensions.get::<MatchedPath>().map(|path| path.as_str().into())
}
