//! The agent as its users run it: a process, its output, its page.

mod asks;
#[path = "../../../perf-monitor/tests/collector/mod.rs"]
mod collector;
mod demo;
mod otlp;
mod peer;
mod process;
mod settings;
mod starts;
mod stops;
mod stream;
