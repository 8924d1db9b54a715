//! An exporter that this build is without.

use crate::builder::Context;
use crate::error::Error;

#[derive(Debug, Default)]
pub(crate) struct Plan {}

pub(crate) struct Exporter {}

impl Plan {
    pub(crate) fn join(self, _: &mut Context) -> Result<Exporter, Error> {
        Ok(Exporter {})
    }
}
