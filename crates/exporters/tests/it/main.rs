//! What the exporters promise, as tests.

mod families;
mod http;
mod parser;

#[cfg(feature = "prometheus")]
mod bridges;
mod golden;
mod handlers;
mod histograms;
mod hostile;
mod peers;
mod scrape;
mod server;
mod snapshot;
