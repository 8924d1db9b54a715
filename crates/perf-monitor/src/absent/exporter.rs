//! An exporter that this build is without.

use crate::builder::Context;
use crate::error::Error;
use crate::service::Instruments;

#[derive(Debug, Default)]
pub(crate) struct Plan {}

pub(crate) struct Exporter {}

impl Plan {
    pub(crate) fn join(self, _: &mut Context, _: &Instruments) -> Result<Exporter, Error> {
        Ok(Exporter {})
    }
}
