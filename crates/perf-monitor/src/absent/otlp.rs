//! An exporter to collectors that this build is without.

use std::future::Future;

use crate::builder::Context;
use crate::error::Error;
use crate::tracer::Tracer;

#[derive(Debug, Default)]
pub(crate) struct Plan {}

pub(crate) struct Sending {}

impl Plan {
    pub(crate) fn join(self, _: &mut Context, _: &Tracer) -> Result<Sending, Error> {
        Ok(Sending {})
    }
}

impl Sending {
    pub(crate) async fn run(self, closed: impl Future<Output = ()>) {
        closed.await;
    }
}
