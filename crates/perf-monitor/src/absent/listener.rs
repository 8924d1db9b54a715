//! A listener that this build is without.

use std::future::Future;
use std::net::SocketAddr;

use crate::builder::Context;
use crate::error::Error;

#[derive(Debug, Default)]
pub(crate) struct Plan {}

#[derive(Default)]
pub(crate) struct Routes {}

pub(crate) struct Bound;

pub(crate) struct Listener;

pub(crate) type Mount = ();

impl Plan {
    pub(crate) fn bind(self) -> Result<Bound, Error> {
        Ok(Bound)
    }
}

impl Bound {
    pub(crate) fn address(&self) -> Option<SocketAddr> {
        None
    }

    pub(crate) fn serves(&self) -> bool {
        false
    }

    pub(crate) fn join(self, _: &mut Context) -> Result<(Listener, Mount), Error> {
        Ok((Listener, ()))
    }
}

impl Listener {
    pub(crate) async fn serve(self, closed: impl Future<Output = ()>) -> bool {
        closed.await;
        true
    }
}
