//! The agent `perf-monitor`, which shows what this machine does on one page.

mod agent;
mod alerts;
mod args;
mod ask;
mod config;
mod demo;
mod error;
mod fetch;
mod limits;
mod open;
mod otlp;
mod profile;
mod rules;
mod signals;
mod top;

use std::alloc::System;
use std::process::ExitCode;

use clap::Parser;
use perf_monitor::profiling::TrackedAlloc;

use crate::args::Args;

/// Lets the program show where its own memory goes.
#[global_allocator]
static ALLOCATOR: TrackedAlloc<System> = TrackedAlloc::new(System);

fn main() -> ExitCode {
    match Args::parse().run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("perf-monitor: {error}");
            ExitCode::FAILURE
        }
    }
}
