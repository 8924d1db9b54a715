//! An answer about spans that this build is without.

use crate::builder::Context;
use crate::tracer::Tracer;

pub(crate) fn join(_: &mut Context, _: &Tracer) {}
