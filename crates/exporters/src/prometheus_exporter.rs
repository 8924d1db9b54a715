//! `/metrics` on a listener of its own.

use std::net::SocketAddr;

use perf_monitor_core::Registry;
use perf_monitor_http::{Router, Server, ServerOptions};
use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::error::{Error, ErrorKind};
use crate::exporter::MetricsExporter;
use crate::options::ExporterOptions;

/// Serves a registry to Prometheus on a listener of its own: `/metrics`, and 404 elsewhere.
///
/// It serves on the tokio runtime that calls [`start`](Self::start), until it is stopped or dropped. A monitor has one
/// listener for all; this is for programs that want the metrics alone.
///
/// ```
/// use perf_monitor_core::Registry;
/// use perf_monitor_exporters::PrometheusExporter;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), perf_monitor_exporters::Error> {
/// let mut exporter = PrometheusExporter::new(&Registry::new());
/// exporter.start(([127, 0, 0, 1], 0).into()).await?;
/// println!("http://{}/metrics", exporter.local_addr().expect("it was started"));
/// exporter.stop().await;
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct PrometheusExporter {
    exporter: MetricsExporter,
    server_options: ServerOptions,
    serving: Option<Serving>,
}

/// A task that serves; it stops when this is dropped.
#[derive(Debug)]
struct Serving {
    address: SocketAddr,
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl PrometheusExporter {
    /// An exporter of `registry` with default options, not started yet.
    pub fn new(registry: &Registry) -> PrometheusExporter {
        PrometheusExporter::with_options(registry, ExporterOptions::default())
    }

    /// An exporter of `registry`, not started yet.
    pub fn with_options(registry: &Registry, options: ExporterOptions) -> PrometheusExporter {
        PrometheusExporter {
            exporter: MetricsExporter::new(registry, options),
            server_options: ServerOptions::default(),
            serving: None,
        }
    }

    /// Limits the listener so, or gives it the token that an address off loopback needs.
    pub fn server_options(mut self, options: ServerOptions) -> PrometheusExporter {
        self.server_options = options;
        self
    }

    /// Listens on `address` (port 0 takes a free one) and serves in a task of the calling runtime.
    ///
    /// # Errors
    /// The address is taken ([`is_address_in_use`](Error::is_address_in_use)) or cannot be listened on, it is not
    /// loopback and there is no token, the exporter serves already, or there is no tokio runtime.
    pub async fn start(&mut self, address: SocketAddr) -> Result<(), Error> {
        if let Some(address) = self.local_addr() {
            let message = format!("the exporter serves on {address} already: stop it first");
            return Err(Error::new(ErrorKind::Start, message));
        }
        let runtime = Handle::try_current().map_err(|error| {
            let message = "the exporter needs a tokio runtime: call start from within one";
            Error::new(ErrorKind::Start, message).because(error)
        })?;
        let server = Server::bind(address, self.server_options.clone()).map_err(refused)?;
        let address = server.local_addr();
        let router = Router::new().get("/metrics", self.exporter.handler());
        let (stop, stopped) = oneshot::channel();
        let task = runtime.spawn(async move {
            let stopped = async { drop(stopped.await) };
            // The only error is a runtime without IO, which panics before it.
            let _ = server.serve(router, stopped).await;
        });
        self.serving = Some(Serving { address, stop, task });
        Ok(())
    }

    /// The address that is served, with the port that was taken; `None` before the start and after the end.
    pub fn local_addr(&self) -> Option<SocketAddr> {
        self.serving
            .as_ref()
            .filter(|serving| !serving.task.is_finished())
            .map(|serving| serving.address)
    }

    /// What is exported, with its counters.
    pub fn exporter(&self) -> &MetricsExporter {
        &self.exporter
    }

    /// Stops serving and waits until running scrapes have ended or half a second is over. Without a start it does
    /// nothing; afterwards it can be started again.
    pub async fn stop(&mut self) {
        if let Some(Serving { stop, task, .. }) = self.serving.take() {
            drop(stop);
            let _ = task.await;
        }
    }
}

/// The listener's refusal as ours: its sentence names the address and the remedy.
fn refused(error: perf_monitor_http::Error) -> Error {
    let kind = if error.is_address_in_use() {
        ErrorKind::AddressInUse
    } else if error.is_invalid() {
        ErrorKind::Options
    } else {
        ErrorKind::Start
    };
    Error::new(kind, error.to_string()).because(error)
}
