//! Where a monitor listens, and how the listener's own numbers become metrics.

use std::fmt;
use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use perf_monitor_http::{Mounted, Rejection, Router, Server, ServerOptions, ServerStats, Token};

use crate::builder::{Context, PerformanceMonitorBuilder};
use crate::error::{Error, Kind};
use crate::healthz;
use crate::monitor::PerformanceMonitor;
use crate::share::{CounterShare, GaugeShare};
use crate::ticker::Part;

pub(crate) type Routes = Router;

/// The port that Prometheus has set aside for programs that speak for themselves.
const DEFAULT: ([u8; 4], u16) = ([127, 0, 0, 1], 9464);

/// The longest request: a profile of five minutes, and its names.
const REQUEST_TIME: Duration = Duration::from_secs(330);

/// What the listener holds while nobody asks: its routes and counters. Measured, as the next one,
/// 2026-11-20 by a counting allocator.
const LISTENER_BYTES: u64 = 9_000;

/// What it holds for each connection: the buffers to read and write, and the task.
const CONNECTION_BYTES: u64 = 23_000;

/// Where to listen, and for whom.
pub(crate) struct Plan {
    place: Place,
    options: ServerOptions,
    token: Option<String>,
}

#[derive(Debug)]
enum Place {
    Nowhere,
    Here(SocketAddr),
    HereOrFree(SocketAddr),
    Mounted,
}

/// A socket that listens already, a place in another server, or none.
pub(crate) enum Bound {
    Nowhere,
    Here(Box<Server>),
    Mounted(Box<ServerOptions>),
}

/// What the monitor's thread serves.
#[derive(Default)]
pub(crate) struct Listener(Option<(Server, Router)>);

/// What another server serves, if it does.
pub(crate) type Mount = Option<Mounted>;

/// The listener: on <http://127.0.0.1:9464> or another free port, unless chosen otherwise.
impl PerformanceMonitorBuilder {
    /// Listens on this address and no other. A port of 0 takes a free one.
    ///
    /// [`start`](Self::start) fails if it is taken, or if it can be reached from other machines and
    /// there is no [`token`](Self::token).
    pub fn listen(mut self, address: impl Into<SocketAddr>) -> Self {
        self.listener.place = Place::Here(address.into());
        self
    }

    /// Listens on this address, or on another free port of the same IP if it is taken.
    pub fn listen_or_free(mut self, address: impl Into<SocketAddr>) -> Self {
        self.listener.place = Place::HereOrFree(address.into());
        self
    }

    /// Listens nowhere: ticks and exports go on.
    pub fn no_listener(mut self) -> Self {
        self.listener.place = Place::Nowhere;
        self
    }

    /// Listens nowhere by itself: a server of the program's own serves [`PerformanceMonitor::mounted`].
    pub fn mount(mut self) -> Self {
        self.listener.place = Place::Mounted;
        self
    }

    /// What a client must show: a bearer token of 8 to 256 letters, digits or `-._~+/=`.
    pub fn token(mut self, token: impl Into<String>) -> Self {
        self.listener.token = Some(token.into());
        self
    }

    /// Answers requests for this host name too, besides `localhost` and the address itself.
    pub fn allow_host(mut self, name: impl Into<String>) -> Self {
        let options = std::mem::take(&mut self.listener.options);
        self.listener.options = options.allow_host(name);
        self
    }

    /// The limits of the listener, which replace those set so far; a
    /// [`token`](Self::token) set here stays.
    pub fn server_options(mut self, options: ServerOptions) -> Self {
        self.listener.options = options;
        self
    }
}

impl Default for Plan {
    fn default() -> Plan {
        Plan {
            place: Place::HereOrFree(DEFAULT.into()),
            options: ServerOptions::default().request_time(REQUEST_TIME),
            token: None,
        }
    }
}

impl Plan {
    /// Takes the address, so that nothing else has begun if it is not to be had.
    pub(crate) fn bind(self) -> Result<Bound, Error> {
        let mut options = self.options;
        if let Some(token) = self.token {
            options = options.token(Token::new(token).map_err(refused)?);
        }
        let bound = match self.place {
            Place::Nowhere => return Ok(Bound::Nowhere),
            Place::Mounted => return Ok(Bound::Mounted(options.into())),
            Place::Here(address) => Server::bind(address, options),
            Place::HereOrFree(address) => Server::bind_or_free(address, options),
        };
        Ok(Bound::Here(bound.map_err(refused)?.into()))
    }
}

fn refused(error: perf_monitor_http::Error) -> Error {
    let kind = if error.is_address_in_use() {
        Kind::AddressInUse
    } else if error.is_invalid() {
        Kind::Options
    } else {
        Kind::System
    };
    Error::new(kind, error.to_string()).because(error)
}

impl Bound {
    pub(crate) fn address(&self) -> Option<SocketAddr> {
        match self {
            Bound::Here(server) => Some(server.local_addr()),
            Bound::Nowhere | Bound::Mounted(_) => None,
        }
    }

    /// Whether anybody may ask.
    pub(crate) fn serves(&self) -> bool {
        !matches!(self, Bound::Nowhere)
    }

    /// The listener with the routes that the parts have made, its numbers among the metrics.
    pub(crate) fn join(self, context: &mut Context) -> Result<(Listener, Mount), Error> {
        let routes = std::mem::take(&mut context.routes);
        let routes = healthz::routes(routes, context);
        match self {
            Bound::Nowhere => Ok((Listener::default(), None)),
            Bound::Here(server) => {
                count(context, server.stats())?;
                Ok((Listener(Some((*server, routes))), None))
            }
            Bound::Mounted(options) => {
                let mounted = routes.mount(*options);
                count(context, mounted.stats())?;
                Ok((Listener::default(), Some(mounted)))
            }
        }
    }
}

impl Listener {
    /// Serves until `closed`; whether it could.
    pub(crate) async fn serve(self, closed: impl Future<Output = ()>) -> bool {
        match self.0 {
            Some((server, routes)) => server.serve(routes, closed).await.is_ok(),
            None => {
                closed.await;
                true
            }
        }
    }
}

/// Brings the listener's numbers up to date at each tick.
fn count(context: &mut Context, stats: Arc<ServerStats>) -> Result<(), Error> {
    let mut numbers = Numbers::new(context, stats)?;
    context.collectors.push(Part {
        name: "listener",
        once_per_registry: false,
        work: Box::new(move || numbers.collect()),
    });
    Ok(())
}

impl PerformanceMonitor {
    /// All that the monitor would serve, for a server of the program's own, if [`mount`](PerformanceMonitorBuilder::mount) was
    /// chosen; see [`Mounted`] for how.
    ///
    /// It is answered on that server's runtime. WebSockets end with the last clone.
    pub fn mounted(&self) -> Option<Mounted> {
        self.mount.clone()
    }
}

/// What the listener counts, as metrics.
struct Numbers {
    stats: Arc<ServerStats>,
    accepted: CounterShare,
    requests: CounterShare,
    rejected: Vec<(Rejection, CounterShare)>,
    connections: GaugeShare,
    websockets: GaugeShare,
    bytes: GaugeShare,
}

impl Numbers {
    fn new(context: &Context, stats: Arc<ServerStats>) -> Result<Numbers, Error> {
        let registry = &context.registry;
        let counter =
            |name, help| Ok::<_, Error>(CounterShare::of(registry.counter((name, help))?));
        let gauge = |name, help| Ok::<_, Error>(GaugeShare::of(registry.gauge((name, help))?));
        let rejected = registry.counter_family(
            (
                "perf_monitor_http_rejected_total",
                "What the monitor's listener turned away or cut off.",
            ),
            &["reason"],
        )?;
        let by_reason =
            |reason: Rejection| Ok((reason, CounterShare::of(rejected.with(&[reason.as_str()])?)));
        Ok(Numbers {
            stats,
            accepted: counter(
                "perf_monitor_http_connections_total",
                "Connections that the monitor's listener took.",
            )?,
            requests: counter(
                "perf_monitor_http_requests_total",
                "Requests that reached the monitor's listener.",
            )?,
            rejected: Rejection::ALL.into_iter().map(by_reason).collect::<Result<_, Error>>()?,
            connections: gauge(
                "perf_monitor_http_open_connections",
                "Connections that the monitor's listener holds.",
            )?,
            websockets: gauge(
                "perf_monitor_http_open_websockets",
                "WebSockets that the monitor's listener holds.",
            )?,
            bytes: context.own.ledger("export")?,
        })
    }

    fn collect(&mut self) {
        self.accepted.bring_to(self.stats.connections_accepted());
        self.requests.bring_to(self.stats.requests());
        for (reason, share) in &mut self.rejected {
            share.bring_to(self.stats.rejected(*reason));
        }
        let open = self.stats.connections_open();
        self.connections.set(open);
        self.bytes.set(LISTENER_BYTES + open * CONNECTION_BYTES);
        self.websockets.set(self.stats.websockets_open());
    }
}

impl fmt::Debug for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Plan")
            .field("place", &self.place)
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}
