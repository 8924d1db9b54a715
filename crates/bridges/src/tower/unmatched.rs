//! The place of axum's route where nobody knows axum.

use super::Head;
use std::borrow::Cow;

pub(super) fn route(_: Head<'_>) -> Option<Cow<'_, str>> {
    None
}
