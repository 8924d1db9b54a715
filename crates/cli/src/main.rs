//! The agent `perf-monitor`, which shows what this machine does on one page.

mod agent;
mod args;
mod config;
mod demo;
mod error;
mod limits;
mod signals;

use std::process::ExitCode;

use clap::Parser;

use crate::args::Args;

fn main() -> ExitCode {
    match agent::run(Args::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("perf-monitor: {error}");
            ExitCode::FAILURE
        }
    }
}
