//! A service whose numbers are waves, and its page.

use std::f64::consts::TAU;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread::{self, JoinHandle};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use perf_monitor_core::{Gauge, MetricsCollector, Registry};
use perf_monitor_dashboard::{About, MetricsDashboard};
use perf_monitor_http::{Router, Server, ServerOptions};
use tokio::sync::oneshot;

pub(crate) const CHARTS: u32 = 12;
pub(crate) const LINES: u32 = 4;

/// The first line's wave, as the page's side computes it from milliseconds.
pub(crate) const WAVE: &str = "(ms) => 50 + 40 * Math.sin((2 * Math.PI * ms) / 8000)";

const PERIOD_MS: f64 = 8000.0;

/// Waves are set four times a frame.
const SET_EVERY: Duration = Duration::from_micros(4_167);

/// Between two stamps: no multiple of a frame, so that they fall anywhere in one.
const STAMP_MS: f64 = 97.0;

/// A dashboard on a thread of its own; another records.
pub(crate) struct Served {
    address: SocketAddr,
    base_ms: f64,
    done: Arc<AtomicBool>,
    stop: Option<oneshot::Sender<()>>,
    threads: Vec<JoinHandle<()>>,
}

impl Served {
    pub(crate) fn start() -> Result<Served, String> {
        Served::with(Router::new())
    }

    /// The same with further `routes`.
    pub(crate) fn with(routes: Router) -> Result<Served, String> {
        let registry = Registry::new();
        let metrics = MetricsCollector::new(&registry).map_err(|e| e.to_string())?;
        let about = About::new("bench", Duration::from_secs(1));
        let dashboard = MetricsDashboard::new(about, metrics, registry.clone());
        let server = Server::bind(([127, 0, 0, 1], 0), ServerOptions::default());
        let server = server.map_err(|e| e.to_string())?;
        let (address, routes) = (server.local_addr(), dashboard.routes().merge(routes));
        let (stop, stopped) = oneshot::channel();
        let serving = thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            let serving = server.serve(routes, async { drop(stopped.await) });
            let _ = runtime.expect("a runtime").block_on(serving);
        });
        let waves = Waves::new(&registry)?;
        let (base_ms, done) = (waves.base_ms, Arc::new(AtomicBool::new(false)));
        let until = done.clone();
        let recording = thread::spawn(move || waves.record(&until, &registry, &dashboard));
        let threads = vec![serving, recording];
        Ok(Served { address, base_ms, done, stop: Some(stop), threads })
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/", self.address)
    }

    /// What stamps count from, in milliseconds since the epoch.
    pub(crate) fn base_ms(&self) -> f64 {
        self.base_ms
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        self.done.store(true, Relaxed);
        drop(self.stop.take());
        self.threads.drain(..).for_each(|thread| drop(thread.join()));
    }
}

struct Waves {
    gauges: Vec<Gauge>,
    /// Milliseconds since `base_ms`, which 32 bits hold to a quarter of a millisecond for an hour.
    stamp: Gauge,
    base_ms: f64,
}

impl Waves {
    fn new(registry: &Registry) -> Result<Waves, String> {
        let told = |e: perf_monitor_core::Error| e.to_string();
        let family = registry.gauge_family(("wave", "A wave."), &["line"]).map_err(told)?;
        let line = |n: u32| family.with(&[&format!("{n:02}")]).map_err(told);
        let gauges = (0..CHARTS * LINES - 1).map(line).collect::<Result<_, String>>()?;
        let stamp = family.with(&["stamp"]).map_err(told)?;
        Ok(Waves { gauges, stamp, base_ms: now_ms() })
    }

    fn record(self, done: &AtomicBool, registry: &Registry, dashboard: &MetricsDashboard) {
        let (mut ticked, mut stamped) = (self.base_ms, self.base_ms);
        while !done.load(Relaxed) {
            let now = now_ms();
            for (n, gauge) in self.gauges.iter().enumerate() {
                // the lines of a chart are apart, so that a pixel tells which it is of
                let (phase, height) = match n as u32 % LINES {
                    0 => (0.0, 40.0),
                    _ => (n as f64, 4.0),
                };
                gauge.set(50.0 + height * (TAU * now / PERIOD_MS + phase).sin());
            }
            if now - stamped >= STAMP_MS {
                stamped = now;
                self.stamp.set(now_ms() - self.base_ms);
            }
            if now - ticked >= 1000.0 {
                ticked = now;
                registry.tick();
                dashboard.tick();
            }
            thread::sleep(SET_EVERY);
        }
    }
}

fn now_ms() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64() * 1e3
}
