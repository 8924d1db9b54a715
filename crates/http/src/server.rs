//! The listener: who gets a connection, and how it ends.

use std::fmt;
use std::future::Future;
use std::io::{self, ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use crate::connection::{self, Shared};
use crate::error::{Error, Kind};
use crate::options::ServerOptions;
use crate::pulse::Pulse;
use crate::router::Router;
use crate::stats::{Rejection, ServerStats};

/// The pause after the system refused a connection, most often for want of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// What a client gets when every connection is busy.
const FULL: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\n\
    Content-Type: text/plain; charset=utf-8\r\n\
    X-Content-Type-Options: nosniff\r\n\
    Cache-Control: no-store\r\n\
    Retry-After: 1\r\n\
    Connection: close\r\n\
    Content-Length: 53\r\n\r\n\
    all connections are busy: try again, or close others\n";

/// A bound listener that serves a [`Router`].
///
/// Binding needs no runtime, so that its errors come before one is made.
pub struct Server {
    listener: std::net::TcpListener,
    address: SocketAddr,
    options: ServerOptions,
    stats: Arc<ServerStats>,
}

impl Server {
    /// Listens on `address`; port 0 takes a free one.
    ///
    /// # Errors
    ///
    /// [`is_address_in_use`](Error::is_address_in_use) when the port is taken; [`is_invalid`](Error::is_invalid) when the
    /// address is not loopback and the options have no token; otherwise what the system says.
    pub fn bind(address: impl Into<SocketAddr>, options: ServerOptions) -> Result<Self, Error> {
        let address = address.into();
        if !address.ip().to_canonical().is_loopback() && options.token.is_none() {
            return Err(Error::new(
                Kind::Options,
                format!(
                    "address {address} can be reached from other machines and needs a token: set one, or listen on 127.0.0.1"
                ),
            ));
        }
        let failed = |error: io::Error| bind_error(address, error);
        let listener = std::net::TcpListener::bind(address).map_err(failed)?;
        listener.set_nonblocking(true).map_err(failed)?;
        Ok(Self {
            address: listener.local_addr().map_err(failed)?,
            listener,
            options,
            stats: Arc::default(),
        })
    }

    /// Listens on `address`, or on a free port of the same IP when that one is taken.
    ///
    /// # Errors
    ///
    /// As [`bind`](Self::bind), except that a taken port is none.
    pub fn bind_or_free(
        address: impl Into<SocketAddr>,
        options: ServerOptions,
    ) -> Result<Self, Error> {
        let address = address.into();
        match Self::bind(address, options.clone()) {
            Err(error) if error.is_address_in_use() => {
                Self::bind(SocketAddr::new(address.ip(), 0), options)
            }
            bound => bound,
        }
    }

    /// The address that is listened on, with the port that was taken.
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// The counters, which outlive the server.
    pub fn stats(&self) -> Arc<ServerStats> {
        Arc::clone(&self.stats)
    }

    /// Serves until `shutdown` is ready: then no connection is taken any more, running requests get
    /// [`shutdown_time`](ServerOptions::shutdown_time) to finish, and what still runs is dropped.
    ///
    /// Runs on a current-thread runtime as well as on others. Dropping the future drops all connections.
    ///
    /// # Errors
    ///
    /// The runtime cannot take the listener. Nothing that a client does is an error.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime with IO and time.
    pub async fn serve(
        self,
        router: Router,
        shutdown: impl Future<Output = ()>,
    ) -> Result<(), Error> {
        let address = self.address;
        let listener = tokio::net::TcpListener::from_std(self.listener)
            .map_err(|error| bind_error(address, error))?;
        let (stop, stopping) = watch::channel(());
        let mut places = Places::new(&self.options, &self.stats);
        let shutdown_time = self.options.shutdown_time;
        let shared = Arc::new(Shared { router, options: self.options, stats: self.stats });
        let mut tasks = JoinSet::new();
        let mut shutdown = pin!(shutdown);
        loop {
            tokio::select! {
                biased;
                () = shutdown.as_mut() => break,
                Some(_) = tasks.join_next() => {}
                accepted = listener.accept() => match accepted {
                    Ok((tcp, peer)) => {
                        shared.stats.accept();
                        let Some((place, tcp)) = places.find(tcp).await else { continue };
                        let (shared, stopping) = (Arc::clone(&shared), stopping.clone());
                        tasks.spawn(async move {
                            let pulse = Arc::clone(&place.pulse);
                            connection::serve(tcp, peer, pulse, shared, stopping).await;
                            drop(place);
                        });
                    }
                    // the peer's doing, and over
                    Err(error) if error.kind() == ErrorKind::ConnectionAborted => {}
                    Err(_) => {
                        shared.stats.reject(Rejection::Accept);
                        sleep(ACCEPT_PAUSE).await;
                    }
                }
            }
        }
        drop((listener, stop));
        let finish = async { while tasks.join_next().await.is_some() {} };
        if timeout(shutdown_time, finish).await.is_err() {
            tasks.shutdown().await;
        }
        Ok(())
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server")
            .field("address", &self.address)
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}

fn bind_error(address: SocketAddr, error: io::Error) -> Error {
    let (kind, remedy) = match error.kind() {
        ErrorKind::AddrInUse => {
            (Kind::AddressInUse, "is in use: choose another, or port 0 for a free one")
        }
        ErrorKind::AddrNotAvailable => {
            (Kind::Bind, "is not an address of this machine: choose 127.0.0.1 or one of its own")
        }
        ErrorKind::PermissionDenied => {
            (Kind::Bind, "is not allowed to this user: choose a port from 1024 up")
        }
        _ => {
            // no remedy is known: the system's own words
            let message = format!("address {address} cannot be listened on: {error}");
            return Error::new(Kind::Bind, message).because(error);
        }
    };
    Error::new(kind, format!("address {address} {remedy}")).because(error)
}

/// The places that connections take, and who has one.
struct Places {
    free: Arc<Semaphore>,
    taken: Arc<Taken>,
    stats: Arc<ServerStats>,
    options: ServerOptions,
}

type Taken = Mutex<Vec<Arc<Pulse>>>;

fn lock(taken: &Taken) -> MutexGuard<'_, Vec<Arc<Pulse>>> {
    taken.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Places {
    fn new(options: &ServerOptions, stats: &Arc<ServerStats>) -> Self {
        Self {
            free: Arc::new(Semaphore::new(options.connections)),
            taken: Arc::default(),
            stats: Arc::clone(stats),
            options: options.clone(),
        }
    }

    /// A place for `tcp`; if all are taken, that of the connection which waits longest for a request; else 503.
    async fn find(&mut self, tcp: TcpStream) -> Option<(Place, TcpStream)> {
        let permit = match Arc::clone(&self.free).try_acquire_owned() {
            Ok(permit) => permit,
            Err(_) if self.evict() => Arc::clone(&self.free).acquire_owned().await.ok()?,
            Err(_) => {
                self.stats.reject(Rejection::ConnectionsFull);
                refuse(tcp);
                return None;
            }
        };
        // small frames, such as those of a live page, must not wait for an acknowledgement
        let _ = tcp.set_nodelay(true);
        let pulse = Arc::new(Pulse::new(&self.options));
        lock(&self.taken).push(Arc::clone(&pulse));
        self.stats.opened();
        let place = Place {
            pulse,
            taken: Arc::clone(&self.taken),
            stats: Arc::clone(&self.stats),
            _permit: permit,
        };
        Some((place, tcp))
    }

    /// Ends the connection that waits longest; its place is free as soon as its task has run.
    fn evict(&self) -> bool {
        loop {
            let taken = lock(&self.taken);
            let waits = |pulse: &&Arc<Pulse>| pulse.waits_since().is_some();
            let waiting = taken.iter().filter(waits);
            let Some(longest) = waiting.min_by_key(|pulse| pulse.waits_since()).cloned() else {
                return false;
            };
            drop(taken);
            if longest.evict() {
                self.stats.reject(Rejection::Evicted);
                return true;
            }
        }
    }
}

/// The place of one connection, given back on drop.
struct Place {
    pulse: Arc<Pulse>,
    taken: Arc<Taken>,
    stats: Arc<ServerStats>,
    _permit: OwnedSemaphorePermit,
}

impl Drop for Place {
    fn drop(&mut self) {
        lock(&self.taken).retain(|pulse| !Arc::ptr_eq(pulse, &self.pulse));
        self.stats.closed();
    }
}

/// Answers 503 with what fits the socket's buffer: a client that takes no answer holds nothing of ours.
fn refuse(tcp: TcpStream) {
    let Ok(mut tcp) = tcp.into_std() else { return };
    // closing with unread bytes would reset the connection and may lose the answer
    let _ = tcp.read(&mut [0; 4096]);
    let _ = tcp.write(FULL);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_that_cannot_be_listened_on_is_an_error_that_says_why() {
        let address = SocketAddr::from(([127, 0, 0, 1], 9464));
        for (kind, why) in [
            (ErrorKind::AddrNotAvailable, "is not an address of this machine"),
            (ErrorKind::PermissionDenied, "choose a port from 1024 up"),
            (ErrorKind::Unsupported, &*ErrorKind::Unsupported.to_string()),
        ] {
            let error = bind_error(address, kind.into());
            let text = error.to_string();
            assert!(text.starts_with("address 127.0.0.1:9464 ") && text.contains(why), "{text}");
            assert!(std::error::Error::source(&error).is_some());
        }
    }
}
