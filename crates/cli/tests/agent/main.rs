//! The agent as its users run it: a process, its output, its page.

mod alerts;
mod asks;
#[path = "../../../perf-monitor/tests/collector/mod.rs"]
mod collector;
mod demo;
mod otlp;
mod peer;
mod process;
#[path = "../../../perf-monitor/tests/receiver/mod.rs"]
mod receiver;
mod settings;
mod starts;
mod stops;
mod stream;
mod top;
