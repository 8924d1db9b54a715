//! The listener and the client over real sockets on 127.0.0.1.

mod client;
mod guard;
mod limits;
mod mount;
mod requests;
mod session;
mod shutdown;
mod support;
#[cfg(feature = "tls")]
mod tls;
#[cfg(feature = "websocket")]
mod websocket;
