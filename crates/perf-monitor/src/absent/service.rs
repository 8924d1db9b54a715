//! Instruments that this build is without.

use crate::builder::Context;
use crate::error::Error;

#[derive(Debug, Default)]
pub(crate) struct Plan {}

pub(crate) struct Instruments {}

impl Plan {
    pub(crate) fn join(self, _: &mut Context) -> Result<Instruments, Error> {
        Ok(Instruments {})
    }
}

impl Instruments {
    pub(crate) fn read_the_machine(&self) -> bool {
        true
    }

    pub(crate) fn serve_prometheus(&self) -> bool {
        true
    }
}
