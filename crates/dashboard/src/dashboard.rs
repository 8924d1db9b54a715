//! The dashboard of one monitor.

use std::fmt;
use std::future::ready;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use perf_monitor_core::{MetricsCollector, Registry};
use perf_monitor_history::MemoryHistory;
use perf_monitor_http::{Error, Request, Router, WebSocket};
use serde::Serialize;
use tokio::sync::watch;

use crate::assets;
use crate::catalog;
use crate::config;
use crate::counts::{Counts, DashboardStats};
use crate::figures;
use crate::group::Groups;
use crate::marker::{Marker, Markers};
use crate::message::{Said, to_json, unix_ms};
use crate::news::News;
use crate::setting::{PageSettings, Setting};
use crate::stream::Client;
use crate::update::{self, DashboardUpdate};
use crate::updates::Updates;

/// The version of what a client and the server say to each other.
const PROTOCOL: u32 = 1;

/// How often clients are told of series that came or went, at the most.
const ANNOUNCE_NS: u64 = 1_000_000_000;

/// Clients of both streams together.
const MOST_CLIENTS: u64 = 32;

/// The live page of one monitor: streams what its clients see, and makes an update at each tick.
///
/// Clones are the same dashboard. Shareable between threads.
///
/// # Cost
/// `dashboard/server-cpu`, `dashboard/memory`: clients that see the same columns at the same rate share one reading and
/// one encoding; one that is slow gets the latest when it is ready for more, so that nothing queues. Without
/// clients nothing is read.
#[derive(Clone)]
pub struct MetricsDashboard {
    shared: Arc<Shared>,
}

/// What all clients share.
pub(crate) struct Shared {
    about: About,
    /// Another one whenever the service starts again.
    instance: String,
    metrics: MetricsCollector,
    pub(crate) registry: Registry,
    pub(crate) history: Option<Arc<MemoryHistory>>,
    pub(crate) groups: Arc<Groups>,
    pub(crate) counts: Counts,
    pub(crate) news: watch::Sender<News>,
    updates: Mutex<Updates>,
    /// When clients were last told of series that came or went.
    announced_ns: Mutex<Option<u64>>,
    markers: Mutex<Markers>,
    page: Arc<PageSettings>,
    settings: Mutex<Arc<[Setting]>>,
}

/// What the page says of the service, once.
#[derive(Clone, Debug, Serialize)]
pub struct About {
    service: String,
    host: Option<String>,
    version: &'static str,
    pid: u32,
    #[serde(serialize_with = "update::unix_ms")]
    started: SystemTime,
    parts: Vec<&'static str>,
    #[serde(skip)]
    tick: Duration,
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
            parts: Vec::new(),
            tick,
        }
    }

    /// What the monitor has besides metrics, which the page then shows: `alerts`, `profiles`, `spans`.
    pub fn parts(mut self, names: impl IntoIterator<Item = &'static str>) -> About {
        self.parts.extend(names);
        self
    }

    /// The name of the machine, if it is known.
    pub fn host(mut self, name: Option<String>) -> About {
        self.host = name;
        self
    }
}

/// The first message of a stream.
#[derive(Serialize)]
#[serde(tag = "type", rename = "hello")]
struct Hello<'a> {
    protocol: u32,
    instance: &'a str,
    now: f64,
    tick_ms: u64,
    window_s: u32,
    #[serde(flatten)]
    about: &'a About,
}

impl MetricsDashboard {
    /// A dashboard of what `metrics` and `registry` hold; nothing happens before [`tick`](Self::tick).
    pub fn new(about: About, metrics: MetricsCollector, registry: Registry) -> MetricsDashboard {
        MetricsDashboard::make(about, metrics, registry, None)
    }

    /// The same with a past: a page that opens shows what `history` keeps, which whoever has it records.
    pub fn with_history(
        about: About,
        metrics: MetricsCollector,
        registry: Registry,
        history: Arc<MemoryHistory>,
    ) -> MetricsDashboard {
        MetricsDashboard::make(about, metrics, registry, Some(history))
    }

    fn make(
        about: About,
        metrics: MetricsCollector,
        registry: Registry,
        history: Option<Arc<MemoryHistory>>,
    ) -> MetricsDashboard {
        let instance = format!("{:x}-{:x}", about.pid, registry.clock().unix_ns());
        let generation = registry.generation();
        let page = Arc::new(PageSettings::new(about.tick.as_millis() as u64));
        MetricsDashboard {
            shared: Arc::new(Shared {
                about,
                instance,
                metrics,
                groups: Arc::new(Groups::new(registry.clone(), page.clone())),
                registry,
                history,
                counts: Counts::default(),
                news: watch::Sender::new(News { generation, ..News::default() }),
                updates: Mutex::default(),
                announced_ns: Mutex::default(),
                markers: Mutex::default(),
                settings: Mutex::new(page_settings(&page).into()),
                page,
            }),
        }
    }

    /// Makes an update of the window that the registry's tick has just closed, and tells all clients what is new.
    ///
    /// Never waits for a client.
    pub fn tick(&self) {
        let shared = &*self.shared;
        let mut updates = lock(&shared.updates);
        let full = updates.tick(SystemTime::now(), || shared.update());
        shared.counts.skipped(full);
        drop(updates);
        shared.tell_generation();
    }

    /// Shows a moment on all charts, and on those of clients that come later, as long as it is one of the newest 32.
    pub fn mark(&self, marker: Marker) {
        let shared = &*self.shared;
        let count = lock(&shared.markers).push(marker);
        shared.news.send_modify(|news| news.markers = count);
    }

    /// Lets `settings` be seen and changed on `/api/config`, besides the page's own.
    pub fn add_settings(&self, settings: impl IntoIterator<Item = Setting>) {
        let mut all = lock(&self.shared.settings);
        *all = page_settings(&self.shared.page).into_iter().chain(settings).collect();
    }

    /// Tells clients that ticks are so far apart from now on.
    pub fn set_tick(&self, tick: Duration) {
        self.shared.page.tick_ms.store(tick.as_millis() as u64, Relaxed);
        self.shared.settings_changed();
    }

    /// The update of the last tick; `None` before the first.
    ///
    /// # Cost
    /// A read of the registry: where nobody takes updates, none is made before it is asked for.
    pub fn latest(&self) -> Option<DashboardUpdate> {
        lock(&self.shared.updates).latest(|| self.shared.update())
    }

    /// The page on `/`, what it loads below `/assets/`, its streams on `/api/stream` and `/api/updates`, and
    /// `/api/metrics` and `/api/config`.
    pub fn routes(&self) -> Router {
        let (stream, updates, catalog) = (self.clone(), self.clone(), self.shared.clone());
        let (config, changed) = (self.shared.clone(), self.shared.clone());
        assets::routes()
            .get("/api/metrics", move |request: Request| {
                ready(catalog::metrics(&catalog.registry, &request))
            })
            .get("/api/config", move |_: Request| ready(config::show(&config)))
            .post("/api/config", move |request: Request| config::change(changed.clone(), request))
            // a client that goes away is no failure; the listener counts those that misbehave
            .websocket("/api/stream", move |socket: WebSocket, _: Request| {
                let dashboard = stream.clone();
                async move { drop(dashboard.stream(socket).await) }
            })
            .websocket("/api/updates", move |socket: WebSocket, _: Request| {
                let dashboard = updates.clone();
                async move { drop(dashboard.stream_updates(socket).await) }
            })
    }

    /// Speaks the stream's protocol with one client until it goes away.
    ///
    /// # Errors
    /// The client broke the protocol, does not read, is silent for long, or was cut off.
    ///
    /// # Panics
    /// Outside of a tokio runtime with time.
    pub async fn stream(&self, socket: WebSocket) -> Result<(), Error> {
        match Place::take(&self.shared) {
            Some(_place) => Client::new(self.shared.clone(), socket).run().await,
            None => full(socket).await,
        }
    }

    /// Streams to one client until it goes away: the latest update as JSON, and one at each tick, through a channel of 100.
    ///
    /// A client that leaves the channel full misses updates, which is counted.
    ///
    /// # Errors
    /// The client broke the protocol, does not read, is silent for long, or was cut off.
    pub async fn stream_updates(&self, mut socket: WebSocket) -> Result<(), Error> {
        let Some(_place) = Place::take(&self.shared) else { return full(socket).await };
        let mut updates = lock(&self.shared.updates).join(|| self.shared.update());
        loop {
            tokio::select! {
                update = updates.recv() => match update {
                    Some(update) => socket.send_text(&*update).await?,
                    None => {
                        socket.close().await;
                        return Ok(());
                    }
                },
                said = socket.recv() => {
                    if said?.is_none() {
                        return Ok(());
                    }
                }
            }
        }
    }

    /// What it holds and what it refused.
    pub fn stats(&self) -> DashboardStats {
        let shared = &*self.shared;
        let clients = shared.groups.bytes() + lock(&shared.updates).bytes();
        let settings = lock(&shared.settings).len() * (size_of::<Setting>() + 64);
        let bytes = size_of::<Shared>() + clients + lock(&shared.markers).bytes() + settings;
        let groups = shared.groups.count() as u64;
        DashboardStats { groups, bytes: bytes as u64, ..shared.counts.stats() }
    }
}

/// Says why there is no place, and ends.
async fn full(mut socket: WebSocket) -> Result<(), Error> {
    let message = "as many pages watch as may: close another one";
    socket.send_text(to_json(&Said::Error { id: None, message })).await?;
    socket.close().await;
    Ok(())
}

/// A client's place, given back on drop.
struct Place(Arc<Shared>);

impl Place {
    fn take(shared: &Arc<Shared>) -> Option<Place> {
        shared.counts.come(MOST_CLIENTS).then(|| Place(shared.clone()))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.counts.leave();
    }
}

impl Shared {
    pub(crate) fn hello(&self) -> String {
        to_json(&Hello {
            protocol: PROTOCOL,
            instance: &self.instance,
            now: unix_ms(&self.registry),
            tick_ms: self.page.tick_ms(),
            window_s: self.page.window_s.load(Relaxed),
            about: &self.about,
        })
    }

    pub(crate) fn say_settings(&self) -> Said<'static> {
        let PageSettings { rate, window_s, .. } = &*self.page;
        let (page_rate_hz, window_s) = (rate.load(Relaxed), window_s.load(Relaxed));
        Said::Settings { tick_ms: self.page.tick_ms(), page_rate_hz, window_s }
    }

    pub(crate) fn settings(&self) -> Arc<[Setting]> {
        lock(&self.settings).clone()
    }

    /// Tells all clients.
    pub(crate) fn settings_changed(&self) {
        self.news.send_modify(|news| news.settings += 1);
    }

    pub(crate) fn markers_after(&self, told: u64) -> (Vec<Marker>, u64) {
        lock(&self.markers).after(told)
    }

    /// What the window that the last tick closed has.
    fn update(&self) -> DashboardUpdate {
        figures::read(&self.metrics, &self.registry)
    }

    /// Tells clients that series came or went, a second after the last time at the earliest.
    fn tell_generation(&self) {
        let (generation, now_ns) = (self.registry.generation(), self.registry.clock().now_ns());
        let mut announced = lock(&self.announced_ns);
        if announced.is_some_and(|then| now_ns.saturating_sub(then) < ANNOUNCE_NS) {
            return;
        }
        let differs =
            |news: &mut News| std::mem::replace(&mut news.generation, generation) != generation;
        if self.news.send_if_modified(differs) {
            *announced = Some(now_ns);
        }
    }
}

/// The settings of the page itself.
fn page_settings(page: &Arc<PageSettings>) -> [Setting; 2] {
    let whole = |name, unit, range, help, of: fn(&PageSettings) -> &AtomicU32| {
        let (now, then) = (page.clone(), page.clone());
        Setting::new(name, unit, range, help)
            .whole()
            .reads(move || f64::from(of(&now).load(Relaxed)))
            .applies(move |value| {
                of(&then).store(value as u32, Relaxed);
                Box::pin(ready(Ok(())))
            })
    };
    let rate = "Frames a second that a page gets at the most.";
    let window = "The time that charts show when a page opens.";
    [
        whole("page_rate_hz", "Hz", 1.0..=60.0, rate, |page| &page.rate),
        whole("window_s", "s", 10.0..=3600.0, window, |page| &page.window_s),
    ]
}

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
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
    use perf_monitor_core::Clock;

    use super::*;

    #[test]
    fn series_that_come_and_go_are_told_once_a_second() {
        let (clock, hand) = Clock::fake();
        let registry = Registry::builder().clock(clock).build();
        let metrics = MetricsCollector::new(&registry).unwrap();
        let about = About::new("checkout", Duration::from_millis(10));
        let dashboard = MetricsDashboard::new(about, metrics, registry.clone());
        let told = || dashboard.shared.news.borrow().generation;
        let mut told_last = told();
        let mut changes = 0;
        for n in 0..300 {
            registry.counter((format!("new_{n}_total").as_str(), "New.")).unwrap();
            hand.advance(Duration::from_millis(10));
            registry.tick();
            dashboard.tick();
            changes += usize::from(std::mem::replace(&mut told_last, told()) != told());
        }
        assert_eq!(changes, 3);
        hand.advance(Duration::from_secs(1));
        dashboard.tick();
        assert_eq!(told(), registry.generation());
    }

    #[test]
    fn an_update_is_made_where_somebody_takes_it() {
        let registry = Registry::new();
        let metrics = MetricsCollector::new(&registry).unwrap();
        let about = About::new("checkout", Duration::from_secs(1));
        let dashboard = MetricsDashboard::new(about, metrics.clone(), registry);
        assert_eq!(dashboard.latest(), None);
        let mut made = 0;
        let mut tick = |dashboard: &MetricsDashboard| {
            let mut updates = lock(&dashboard.shared.updates);
            updates.tick(SystemTime::now(), || {
                made += 1;
                dashboard.shared.update()
            });
            made
        };
        assert_eq!(tick(&dashboard), 0);
        metrics.record_request(Duration::from_millis(2), true);
        assert_eq!(dashboard.latest().map(|update| update.requests), Some(1));
        let client = lock(&dashboard.shared.updates).join(|| dashboard.shared.update());
        assert_eq!(tick(&dashboard), 1);
        drop(client);
        assert_eq!(tick(&dashboard), 1);
    }
}
