//! A manager with a clock that tests move and a receiver that remembers.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use perf_monitor_alerting::{
    AlertManager, AlertManagerBuilder, Attempt, Metrics, Notification, Route, notify_fn,
};
use perf_monitor_core::{Clock, FakeClock};

/// Whom a receiver was told of.
#[derive(Clone, Default)]
pub(crate) struct Inbox(Arc<Mutex<Vec<Notification>>>);

impl Inbox {
    /// A route that takes everything.
    pub(crate) fn route(&self, name: &str) -> Route {
        let inbox = self.clone();
        Route::to(notify_fn(name, move |notification| {
            let inbox = inbox.clone();
            async move {
                inbox.0.lock().unwrap().push(notification);
                Attempt::Delivered("taken".into())
            }
        }))
    }

    pub(crate) fn push(&self, notification: Notification) {
        self.0.lock().unwrap().push(notification);
    }

    pub(crate) fn all(&self) -> Vec<Notification> {
        self.0.lock().unwrap().clone()
    }

    /// What came since the last call, as titles.
    pub(crate) fn titles(&self) -> Vec<String> {
        self.0.lock().unwrap().drain(..).map(|notification| notification.title()).collect()
    }
}

/// A manager and its time.
pub(crate) struct Bench {
    pub(crate) manager: AlertManager,
    pub(crate) hand: FakeClock,
}

impl Bench {
    pub(crate) fn new(builder: AlertManagerBuilder) -> Bench {
        let (clock, hand) = Clock::fake();
        let manager = builder.clock(clock).build().unwrap();
        Bench { manager, hand }
    }

    /// Ends it and begins with `builder`, which may use the same outbox: once the last task of the old
    /// one has let go of it.
    pub(crate) async fn restart(self, builder: impl Fn() -> AlertManagerBuilder) -> Bench {
        drop(self);
        loop {
            let (clock, hand) = Clock::fake();
            match builder().clock(clock).build() {
                Ok(manager) => return Bench { manager, hand },
                Err(error) => assert!(error.to_string().contains("another process"), "{error}"),
            }
            tokio::task::yield_now().await;
        }
    }

    /// Looks at `metrics` a second later, and waits until everything is sent.
    pub(crate) async fn tick(&self, metrics: &Metrics) {
        self.hand.advance(Duration::from_secs(1));
        self.manager.check_alerts(metrics).await;
        self.settle().await;
    }

    pub(crate) async fn settle(&self) {
        while !self.manager.is_idle() {
            tokio::task::yield_now().await;
        }
    }

    pub(crate) fn fingerprint(&self) -> String {
        let alerts = self.manager.active_alerts();
        format!("{:016x}", alerts[0].labels.fingerprint())
    }
}

/// Figures with this share of errors.
pub(crate) fn errors(rate: f64) -> Metrics {
    Metrics { error_rate: rate, ..Metrics::default() }
}

/// A directory that goes away with the test.
pub(crate) struct Place(PathBuf);

impl Place {
    pub(crate) fn new() -> Place {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let name = format!("pm-alerting-{}-{}", std::process::id(), COUNT.fetch_add(1, Relaxed));
        let place = std::env::temp_dir().join(name);
        let _ = std::fs::remove_dir_all(&place);
        std::fs::create_dir_all(&place).unwrap();
        Place(place)
    }

    pub(crate) fn join(&self, name: impl AsRef<Path>) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
