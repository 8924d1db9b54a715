//! A small service under load, so that every view has something to show.

mod activity;
mod dice;
mod load;
mod service;
mod traces;

use std::convert::Infallible;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::thread::{self, JoinHandle};

use perf_monitor::PerformanceMonitor;
use tokio::runtime::Builder;
use tokio::sync::oneshot;
use tokio::task::LocalSet;

use crate::error::{Error, Result};
use service::Shop;

/// The service and its clients, on a thread of their own; dropping this ends them.
pub(crate) struct Demo {
    address: SocketAddr,
    stop: Option<oneshot::Sender<Infallible>>,
    thread: Option<JoinHandle<()>>,
}

impl Demo {
    /// Starts the service on a free port of loopback, and its load; both are recorded by `monitor`. It is
    /// `broken` from the start, or until somebody breaks it.
    ///
    /// # Errors
    /// No port, no thread, or metrics that are in the way of the service's own.
    pub(crate) fn start(monitor: &PerformanceMonitor, broken: bool) -> Result<Demo> {
        let shop = Shop::new(monitor, broken)
            .map_err(|e| Error::new(format!("the demo service has no metrics: {e}")).because(e))?;
        Demo::serve(shop)
            .map_err(|e| Error::new(format!("the demo service does not start: {e}")).because(e))
    }

    fn serve(shop: Shop) -> io::Result<Demo> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let (stop, stopped) = oneshot::channel::<Infallible>();
        let thread = thread::Builder::new().name("demo".into()).spawn(move || {
            LocalSet::new().block_on(&runtime, async {
                tokio::select! {
                    _ = stopped => {}
                    _ = service::serve(listener, shop) => {}
                    () = load::run(address) => {}
                }
            });
        })?;
        Ok(Demo { address, stop: Some(stop), thread: Some(thread) })
    }

    /// Where the service listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
