//! The dashboard's place in a monitor.

use std::sync::{Arc, OnceLock};
use std::time::{Duration, SystemTime};

use perf_monitor_dashboard::{
    About, DashboardStats, Marker, MarkerKind, MetricsDashboard, Setting,
};
use perf_monitor_history::MemoryHistory;

use crate::builder::{Context, TICKS};
use crate::error::Error;
use crate::share::{CounterShare, GaugeShare};
use crate::ticker::Part;

/// What the other parts have for the page.
#[derive(Default)]
pub(crate) struct Kit {
    history: Option<Arc<MemoryHistory>>,
    parts: Vec<&'static str>,
    settings: Vec<Setting>,
    marks: Marks,
}

/// Marks moments on the page; before there is one, and where there is none, nothing happens.
#[derive(Clone, Default)]
pub(crate) struct Marks(Arc<OnceLock<MetricsDashboard>>);

impl Kit {
    /// The page has a view of this part.
    pub(crate) fn part(&mut self, name: &'static str) {
        self.parts.push(name);
    }

    pub(crate) fn history(&mut self, history: &Arc<MemoryHistory>) {
        self.history = Some(history.clone());
    }

    pub(crate) fn settings(&mut self, settings: impl IntoIterator<Item = Setting>) {
        self.settings.extend(settings);
    }

    pub(crate) fn marks(&self) -> Marks {
        self.marks.clone()
    }
}

impl Marks {
    /// An alert fired or resolved.
    pub(crate) fn alert(
        &self,
        at: SystemTime,
        title: String,
        state: &'static str,
        severity: &'static str,
    ) {
        let marker = Marker::new(MarkerKind::Alert, at, title).state(state).severity(severity);
        self.mark(marker);
    }

    /// A profile was taken, which began at `at`.
    pub(crate) fn profile(&self, at: SystemTime, title: String, state: &'static str) {
        self.mark(Marker::new(MarkerKind::Profile, at, title).state(state));
    }

    fn mark(&self, marker: Marker) {
        if let Some(dashboard) = self.0.get() {
            dashboard.mark(marker);
        }
    }
}

/// Serves the page, and tells it of each tick.
pub(crate) fn join(context: &mut Context) -> Result<(), Error> {
    let Kit { history, parts, settings, marks } = std::mem::take(&mut context.page);
    let tick = context.pace.every();
    let about = About::new(context.service.as_str(), tick);
    let about = about.host(context.host_name.clone()).parts(parts);
    let (metrics, registry) = (context.metrics.clone(), context.registry.clone());
    let dashboard = match history {
        Some(history) => MetricsDashboard::with_history(about, metrics, registry, history),
        None => MetricsDashboard::new(about, metrics, registry),
    };
    dashboard.add_settings(settings.into_iter().chain([tick_setting(context, &marks)]));
    let _ = marks.0.set(dashboard.clone());
    context.routes = std::mem::take(&mut context.routes).merge(dashboard.routes());
    let mut numbers = Numbers::new(context)?;
    context.readers.push(Part {
        name: "dashboard",
        once_per_registry: false,
        work: Box::new(move || {
            dashboard.tick();
            numbers.tell(&dashboard.stats());
        }),
    });
    Ok(())
}

fn tick_setting(context: &Context, marks: &Marks) -> Setting {
    let (now, pace) = (context.pace.clone(), context.pace.clone());
    // weakly, as the dashboard has its settings
    let page = Arc::downgrade(&marks.0);
    let ms = |time: &Duration| time.as_millis() as f64;
    let help = "How often numbers are collected and windows closed.";
    Setting::new("tick_ms", "ms", ms(TICKS.start())..=ms(TICKS.end()), help)
        .whole()
        .reads(move || now.every().as_millis() as f64)
        .applies(move |ms| {
            let every = Duration::from_millis(ms as u64);
            pace.set(every);
            if let Some(dashboard) = page.upgrade().as_ref().and_then(|page| page.get()) {
                dashboard.set_tick(every);
            }
            Box::pin(std::future::ready(Ok(())))
        })
}

/// What the dashboard holds and refuses, as metrics.
struct Numbers {
    bytes: GaugeShare,
    clients: GaugeShare,
    counters: [CounterShare; 3],
}

impl Numbers {
    fn new(context: &Context) -> Result<Numbers, Error> {
        let registry = &context.registry;
        let counter = |name, help| registry.counter((name, help)).map(CounterShare::of);
        let clients = ("perf_monitor_dashboard_clients", "Pages and others that watch.");
        Ok(Numbers {
            bytes: context.own.ledger("dashboard")?,
            clients: GaugeShare::of(registry.gauge(clients)?),
            counters: [
                counter(
                    "perf_monitor_dashboard_skipped_frames_total",
                    "Frames and updates that a client was too slow for.",
                )?,
                counter(
                    "perf_monitor_dashboard_refused_clients_total",
                    "Clients that came when as many watched as may.",
                )?,
                counter(
                    "perf_monitor_dashboard_refused_columns_total",
                    "Columns that were asked for and refused.",
                )?,
            ],
        })
    }

    fn tell(&mut self, stats: &DashboardStats) {
        self.bytes.set(stats.bytes);
        self.clients.set(stats.clients);
        let totals = [stats.skipped_frames, stats.refused_clients, stats.refused_columns];
        for (counter, total) in self.counters.iter_mut().zip(totals) {
            counter.bring_to(total);
        }
    }
}
