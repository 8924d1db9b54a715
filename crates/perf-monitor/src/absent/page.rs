//! A dashboard that this build is without.

use std::sync::Arc;
use std::time::SystemTime;

use crate::builder::Context;
use crate::error::Error;

#[derive(Default)]
pub(crate) struct Kit {}

#[derive(Clone, Default)]
pub(crate) struct Marks {}

#[allow(dead_code, reason = "which of them are called, other features say")]
impl Kit {
    pub(crate) fn part(&mut self, _: &'static str) {}

    pub(crate) fn history<T>(&mut self, _: &Arc<T>) {}

    pub(crate) fn marks(&self) -> Marks {
        Marks {}
    }
}

#[allow(dead_code, reason = "as above")]
impl Marks {
    pub(crate) fn alert(&self, _: SystemTime, _: String, _: &'static str, _: &'static str) {}

    pub(crate) fn profile(&self, _: SystemTime, _: String, _: &'static str) {}
}

pub(crate) fn join(_: &mut Context) -> Result<(), Error> {
    Ok(())
}
