//! What sends spans and metrics for as long as a service runs.

use std::fmt;
use std::future::Future;
use std::pin::pin;
use std::time::Duration;

use perf_monitor_core::Registry;
use perf_monitor_tracing::{DistributedTracer, FutureExt};

use super::health::{OtlpHealth, Signal};
use super::load::Loader;
use super::options::OtlpOptions;
use super::points::Points;
use super::sender::Sender;
use super::stats::{self, Stats};
use super::stop::Stop;
use super::traces::Traces;
use super::waiting::Waiting;
use crate::error::Error;

/// Sends the spans of a tracer and the metrics of a registry to a collector, by OTLP over HTTP.
///
/// ```no_run
/// use perf_monitor_core::Registry;
/// use perf_monitor_exporters::{OtlpExporter, OtlpOptions};
/// use perf_monitor_tracing::{DistributedTracer, TracerOptions};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # async fn ctrl_c() {}
/// let registry = Registry::new();
/// let tracer = DistributedTracer::new(&registry, TracerOptions::default())?;
/// let options = OtlpOptions::from_env()?.service("checkout");
/// let exporter = OtlpExporter::new(&registry, Some(&tracer), options)?;
/// let sending = tokio::spawn(exporter.run(ctrl_c()));
/// drop(tracer.root("request"));
/// sending.await?;
/// # Ok(())
/// # }
/// ```
///
/// # When the collector does not take it
/// Spans wait in the tracer, within its memory and by its rules; metrics are cumulative, so that nothing needs to wait.
/// One request of each kind is out at a time. While the collector is not there, answers too late, breaks off, or says
/// 429, 502, 503 or 504, the next request waits: for up to a second, then up to twice as long each time up to a minute,
/// or for as long as `Retry-After` says up to five minutes. Other answers are final: what was sent is dropped. All of it
/// is counted in `perf_monitor_otlp_*`. A span may arrive twice when an answer got lost.
///
/// # Why not the crate `opentelemetry-otlp`
/// Its exporter tells neither status, nor `Retry-After`, nor what was partly refused; it waits and tries again by itself
/// while a second queue would fill; and its spans are a dozen allocations each.
pub struct OtlpExporter {
    tracer: Option<DistributedTracer>,
    traces: Option<Traces>,
    metrics: Option<Points>,
    health: OtlpHealth,
    flush_time: Duration,
}

impl OtlpExporter {
    /// Sends nothing before it [runs](Self::run).
    ///
    /// # Errors
    /// Metrics of its names that are something else.
    pub fn new(
        registry: &Registry,
        tracer: Option<&DistributedTracer>,
        options: OtlpOptions,
    ) -> Result<OtlpExporter, Error> {
        let health = OtlpHealth::default();
        let with_traces = options.enabled && options.traces.enabled;
        let with_metrics = options.enabled && options.metrics.enabled;
        let traced = tracer.filter(|_| with_traces);
        let traces = traced.map(|tracer| traces(registry, tracer, &options, &health));
        let metrics = with_metrics.then(|| points(registry, &options, &health));
        Ok(OtlpExporter {
            tracer: tracer.cloned(),
            traces: traces.transpose()?,
            metrics: metrics.transpose()?,
            health,
            flush_time: options.flush_time,
        })
    }

    /// Whether the collector takes what it is sent, also while it runs.
    pub fn health(&self) -> OtlpHealth {
        self.health.clone()
    }

    /// Sends until `closed`, then what is left for as long as [`flush_time`](OtlpOptions::flush_time).
    ///
    /// It needs a tokio runtime with IO and time, starts no task, and gives back to the tracer what it has when it is
    /// dropped. Its own requests are in no trace.
    pub async fn run(mut self, closed: impl Future<Output = ()>) {
        match self.tracer.take() {
            Some(tracer) => {
                let untraced = tracer.start("perf_monitor.otlp").untraced().begin();
                self.send(closed).in_span(untraced).await;
            }
            None => self.send(closed).await,
        }
    }

    async fn send(&mut self, closed: impl Future<Output = ()>) {
        let stop = Stop::default();
        let flush_time = self.flush_time;
        let traces = async {
            if let Some(traces) = &mut self.traces {
                traces.run(&stop).await;
            }
        };
        let metrics = async {
            if let Some(metrics) = &mut self.metrics {
                metrics.run(&stop).await;
            }
        };
        let mut work = pin!(async { tokio::join!(traces, metrics) });
        tokio::select! {
            () = closed => {}
            // It ends before that only when there is nothing to send at all.
            _ = &mut work => return,
        }
        stop.set();
        let _ = tokio::time::timeout(flush_time, work).await;
    }
}

impl fmt::Debug for OtlpExporter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OtlpExporter")
            .field("traces", &self.traces.is_some())
            .field("metrics", &self.metrics.is_some())
            .field("health", &self.health)
            .finish()
    }
}

fn traces(
    registry: &Registry,
    tracer: &DistributedTracer,
    options: &OtlpOptions,
    health: &OtlpHealth,
) -> Result<Traces, Error> {
    let stats = Stats::new(registry, "traces", "spans")?;
    let clock = registry.clock().clone();
    Ok(Traces {
        loader: Loader::new(tracer, options),
        sender: Sender::new(options, Signal::Traces, stats, clock, health.clone()),
        waiting: Waiting::new(tracer, options.spans_per_request, options.spans_within),
        sent: stats::spans_sent(registry)?,
    })
}

fn points(
    registry: &Registry,
    options: &OtlpOptions,
    health: &OtlpHealth,
) -> Result<Points, Error> {
    let stats = Stats::new(registry, "metrics", "data_points")?;
    let clock = registry.clock().clone();
    Ok(Points {
        registry: registry.clone(),
        resource: options.resource.clone(),
        sender: Sender::new(options, Signal::Metrics, stats, clock, health.clone()),
        every: options.metrics_every,
        request_bytes: options.request_bytes,
    })
}
