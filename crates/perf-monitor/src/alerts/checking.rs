//! What runs beside the ticks: looks at rules, notifications, evidence.

use perf_monitor_alerting::{AlertManager, Metrics};
use tokio::sync::{mpsc, watch};

use super::evidence::Evidence;

/// Looks at rules when it is asked, and sends what is to be sent.
pub(crate) struct Checking {
    manager: AlertManager,
    /// Boxed: a channel has room for 32 of what goes through it.
    asked: mpsc::Receiver<Box<Metrics>>,
    evidence: Evidence,
}

impl Checking {
    pub(super) fn new(
        manager: AlertManager,
        asked: mpsc::Receiver<Box<Metrics>>,
        evidence: Evidence,
    ) -> Checking {
        Checking { manager, asked, evidence }
    }

    /// Goes on until `closed`; then each receiver gets one last attempt at what waits for it.
    pub(crate) async fn run(self, closed: watch::Receiver<()>) {
        let Checking { manager, asked, evidence } = self;
        // First, so that no look begins a delivery of its own.
        let delivery = manager.deliver(until(closed.clone()));
        tokio::join!(delivery, looks(&manager, asked, evidence, closed));
    }
}

async fn looks(
    manager: &AlertManager,
    mut asked: mpsc::Receiver<Box<Metrics>>,
    evidence: Evidence,
    closed: watch::Receiver<()>,
) {
    let closed = until(closed);
    tokio::pin!(closed);
    loop {
        let metrics = tokio::select! {
            () = &mut closed => return,
            metrics = asked.recv() => metrics,
        };
        let Some(metrics) = metrics else { return };
        manager.check_alerts(&metrics).await;
        evidence.take(manager.take_captures());
    }
}

async fn until(mut closed: watch::Receiver<()>) {
    let _ = closed.changed().await;
}
