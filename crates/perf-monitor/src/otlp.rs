//! What the monitor sends to a collector of OpenTelemetry.

use std::future::Future;

use perf_monitor_exporters::{OtlpExporter, OtlpOptions};

use crate::builder::{Context, PerformanceMonitorBuilder};
use crate::error::{Error, Kind};
use crate::tracer::Tracer;

/// Where to send, if anywhere.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    options: Option<OtlpOptions>,
}

/// What sends, if anything does.
pub(crate) struct Sending(Option<OtlpExporter>);

/// OpenTelemetry: nothing is sent, unless chosen otherwise.
impl PerformanceMonitorBuilder {
    /// Sends spans and metrics to a collector, by OTLP over HTTP, from the monitor's thread.
    ///
    /// The service's name and version and the machine's name are added where the options do not give
    /// them. A collector that is away is not missed: spans wait in the tracer, within its bytes.
    /// Stopping the monitor sends what is left for up to 800 ms, or for the options' `flush_time`
    /// if that is less.
    ///
    /// ```no_run
    /// use perf_monitor::PerformanceMonitor;
    /// use perf_monitor::export::OtlpOptions;
    ///
    /// let options = OtlpOptions::from_env()?; // OTEL_EXPORTER_OTLP_ENDPOINT and the like
    /// let monitor = PerformanceMonitor::builder("checkout").otlp(options).start()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn otlp(mut self, options: OtlpOptions) -> Self {
        self.otlp.options = Some(options);
        self
    }
}

impl Plan {
    pub(crate) fn join(self, context: &mut Context, tracer: &Tracer) -> Result<Sending, Error> {
        let Some(mut options) = self.options else {
            return Ok(Sending(None));
        };
        options = options.attribute_unless_given("service.name", &context.service);
        if let Some(version) = &context.version {
            options = options.attribute_unless_given("service.version", version);
        }
        if let Some(host) = &context.host_name {
            options = options.attribute_unless_given("host.name", host);
        }
        let exporter = OtlpExporter::new(&context.registry, Some(tracer), options);
        Ok(Sending(Some(exporter.map_err(refused)?)))
    }
}

fn refused(error: perf_monitor_exporters::Error) -> Error {
    let kind = if error.is_options() { Kind::Options } else { Kind::Registry };
    Error::new(kind, error.to_string()).because(error)
}

impl Sending {
    /// Sends until `closed`, then what is left, within the time that the options give.
    pub(crate) async fn run(self, closed: impl Future<Output = ()>) {
        match self.0 {
            Some(exporter) => exporter.run(closed).await,
            None => closed.await,
        }
    }
}
