//! Alerts and a history that this build is without.

use tokio::sync::watch;

use crate::builder::Context;
use crate::error::Error;
use crate::past;
use crate::profiler::Profiler;

#[derive(Debug, Default)]
pub(crate) struct Plan {}

pub(crate) struct Alerts {}

pub(crate) struct Checking {}

impl Plan {
    pub(crate) fn join(
        self,
        _: &mut Context,
        _: past::Plan,
        _: &Profiler,
    ) -> Result<(Alerts, Checking), Error> {
        Ok((Alerts {}, Checking {}))
    }
}

impl Checking {
    pub(crate) async fn run(self, mut closed: watch::Receiver<()>) {
        let _ = closed.changed().await;
    }
}
