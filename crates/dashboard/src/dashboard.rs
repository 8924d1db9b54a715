//! The dashboard of one monitor.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use perf_monitor_core::{MetricsCollector, Registry};
use perf_monitor_http::{Error, Request, Router, WebSocket};
use serde::Serialize;
use tokio::sync::watch;

use crate::assets;
use crate::figures;
use crate::history::History;
use crate::update::{DashboardUpdate, unix_ms};

/// The live page of one monitor: makes an update at each tick and streams it to those who watch.
///
/// Clones are the same dashboard. Shareable between threads.
///
/// # Cost
/// A tick reads the registry once, whoever watches. An update becomes text once a tick, and only
/// while somebody watches; all viewers share that text, and one that is slow gets the latest when it
/// is ready for more, so that nothing queues.
#[derive(Clone)]
pub struct MetricsDashboard {
    shared: Arc<Shared>,
}

struct Shared {
    about: About,
    metrics: MetricsCollector,
    registry: Registry,
    state: Mutex<State>,
}

struct State {
    history: History,
    latest: watch::Sender<Arc<str>>,
}

/// What the page says of the service, once.
#[derive(Clone, Debug, Serialize)]
pub struct About {
    service: String,
    host: Option<String>,
    version: &'static str,
    pid: u32,
    #[serde(serialize_with = "unix_ms")]
    started: SystemTime,
    tick_ms: u64,
}

impl About {
    /// A service by its name and the time between two ticks.
    pub fn new(service: impl Into<String>, tick: Duration) -> About {
        About {
            service: service.into(),
            host: None,
            version: env!("CARGO_PKG_VERSION"),
            pid: std::process::id(),
            started: SystemTime::now(),
            tick_ms: tick.as_millis() as u64,
        }
    }

    /// The name of the machine, if it is known.
    pub fn host(mut self, name: Option<String>) -> About {
        self.host = name;
        self
    }
}

/// The first message of a stream.
#[derive(Serialize)]
struct Hello<'a> {
    #[serde(flatten)]
    about: &'a About,
    history: Vec<&'a DashboardUpdate>,
}

impl MetricsDashboard {
    /// A dashboard of what `metrics` and `registry` hold; nothing happens before [`tick`](Self::tick).
    pub fn new(about: About, metrics: MetricsCollector, registry: Registry) -> MetricsDashboard {
        let state = Mutex::new(State {
            history: History::new(),
            latest: watch::Sender::new(Arc::from("")),
        });
        MetricsDashboard { shared: Arc::new(Shared { about, metrics, registry, state }) }
    }

    /// Makes an update of the window that the registry's tick has just closed, for all who watch.
    ///
    /// Never waits for a viewer.
    pub fn tick(&self) {
        let shared = &*self.shared;
        let update = figures::read(&shared.metrics, &shared.registry);
        let mut state = shared.lock();
        state.history.push(update);
        if state.latest.receiver_count() > 0 {
            state.latest.send_replace(update.to_json().into());
        }
    }

    /// The latest update; `None` before the first tick.
    pub fn latest(&self) -> Option<DashboardUpdate> {
        self.shared.lock().history.last()
    }

    /// The page on `/`, what it loads below `/assets/`, and its stream on `/api/stream`.
    pub fn routes(&self) -> Router {
        let dashboard = self.clone();
        assets::routes().websocket("/api/stream", move |socket: WebSocket, _: Request| {
            let dashboard = dashboard.clone();
            async move {
                // a viewer that goes away is no failure; the listener counts those that misbehave
                let _ = dashboard.stream_updates(socket).await;
            }
        })
    }

    /// Streams to one viewer until it goes away: first what the service is and the last updates, then
    /// each update as JSON, or the latest where the viewer was slower than the ticks.
    ///
    /// # Errors
    /// The viewer broke the protocol, does not read, is silent for long, or was cut off.
    pub async fn stream_updates(&self, mut socket: WebSocket) -> Result<(), Error> {
        let (hello, mut latest) = self.join();
        socket.send_text(hello).await?;
        loop {
            tokio::select! {
                changed = latest.changed() => {
                    if changed.is_err() {
                        socket.close().await;
                        return Ok(());
                    }
                    let update = latest.borrow_and_update().to_string();
                    socket.send_text(update).await?;
                }
                said = socket.recv() => {
                    if said?.is_none() {
                        return Ok(());
                    }
                }
            }
        }
    }

    /// The bytes that the dashboard keeps, without those of its viewers' sockets.
    pub fn memory_bytes(&self) -> usize {
        let state = self.shared.lock();
        size_of::<Shared>() + state.history.memory_bytes() + state.latest.borrow().len()
    }

    /// The past, and all that comes after it: under one lock, so that no update is in both or neither.
    fn join(&self) -> (String, watch::Receiver<Arc<str>>) {
        let state = self.shared.lock();
        let history = state.history.updates().iter().collect();
        let hello = Hello { about: &self.shared.about, history };
        let hello = serde_json::to_string(&hello).expect("numbers and texts under fixed names");
        (hello, state.latest.subscribe())
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for MetricsDashboard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MetricsDashboard")
            .field("about", &self.shared.about)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_update_becomes_text_only_while_somebody_watches() {
        let registry = Registry::new();
        let metrics = MetricsCollector::new(&registry).unwrap();
        let about = About::new("checkout", Duration::from_secs(1));
        let dashboard = MetricsDashboard::new(about, metrics, registry);
        let text = || dashboard.shared.lock().latest.borrow().to_string();
        dashboard.tick();
        assert_eq!(text(), "");
        let (_, viewer) = dashboard.join();
        dashboard.tick();
        assert!(text().starts_with("{\"timestamp\":"));
        let before = text();
        drop(viewer);
        dashboard.tick();
        assert_eq!(text(), before);
    }
}
