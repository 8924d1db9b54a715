//! The one listener and the one client of perf-monitor: HTTP/1.1 with a limit on everything that a peer can make grow.
//!
//! ```
//! use http::StatusCode;
//! use perf_monitor_http::{Request, Router, Server, ServerOptions, answer};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let server = Server::bind(([127, 0, 0, 1], 0), ServerOptions::default())?;
//! println!("listening on http://{}", server.local_addr());
//!
//! let router = Router::new()
//!     .get("/healthz", async |_: Request| answer(StatusCode::OK, "text/plain", "ok\n"));
//!
//! // on any tokio runtime, also one of a single thread
//! let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
//! let ctrl_c = async {}; // what ends the server
//! runtime.block_on(server.serve(router, ctrl_c))?;
//! # Ok(())
//! # }
//! ```
//!
//! # What it promises
//!
//! - A request is looked at in this order: its size and time, `Host`, the token, the path, `Origin` where something is
//!   written or work is done, its body; only then a handler sees it. What is refused is counted in [`ServerStats`].
//! - Without a token only loopback is listened on. Other sites' pages cannot read, write, or open a WebSocket, also when
//!   their name is rebound to this address.
//! - A silent connection holds about 2 KiB, a talking one 16 KiB of buffers, a streamed answer two chunks; their number is
//!   capped, and waiting ones make room for new ones.
//! - A handler's panic, a client that never reads, or a client that never writes ends nothing but its own connection.
//! - The server's tasks end with [`Server::serve`], the client has none. Nothing here logs or spawns a thread, except that
//!   the client looks up a name (not an address) on the runtime's blocking pool.
#![forbid(unsafe_code)]

mod answer;
mod body;
mod catch;
mod client;
mod connection;
mod error;
mod exchange;
#[cfg(feature = "websocket")]
mod frames;
mod guard;
mod line;
mod login;
mod mount;
mod options;
mod pulse;
mod query;
mod router;
mod server;
mod session;
mod socket;
mod stats;
#[cfg(feature = "tls")]
mod tls;
mod token;
#[cfg(feature = "websocket")]
mod websocket;

pub use answer::{Response, answer};
pub use body::{Body, CHUNK_BYTES, ChunkSource};
pub use client::{Client, ClientOptions};
pub use error::Error;
pub use mount::Mounted;
pub use options::ServerOptions;
pub use query::query_value;
pub use router::{BoxFuture, Handler, Request, Router};
pub use server::Server;
pub use session::Session;
pub use stats::{Rejection, ServerStats};
pub use token::Token;
#[cfg(feature = "websocket")]
pub use websocket::{Message, WebSocket, WebSocketHandler};
