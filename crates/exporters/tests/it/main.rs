//! What the exporters promise, as tests.

mod exemplars;
mod families;
mod http;
mod parser;

#[cfg(feature = "prometheus")]
mod bridges;
mod csv;
mod file;
mod golden;
mod handlers;
mod histograms;
mod hostile;
mod peers;
#[cfg(feature = "profiling")]
mod profiles;
mod report;
mod run;
mod scrape;
mod server;
mod snapshot;
#[cfg(feature = "tracing")]
mod spans;
