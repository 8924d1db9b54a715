//! A rate that no page changes, as this build is without one.

use super::Profiler;
use crate::builder::Context;

pub(super) fn join(_: &mut Context, _: &Profiler) {}
