//! The page as a person uses it: a real Chromium before a service that runs.
//!
//! They run where `PERF_MONITOR_CHROMIUM` names the browser; `cargo xtask test` sets it. What was seen lies as pictures
//! in `target/tmp/page`.

mod actions;
mod connection;
mod hostile;
#[path = "../agent/process.rs"]
#[allow(dead_code)]
mod process;
mod support;
mod views;
