//! The agent `perf-monitor`, which shows what this machine does on one page.

mod agent;
mod args;
mod ask;
mod config;
mod demo;
mod error;
mod fetch;
mod limits;
mod otlp;
mod profile;
mod signals;

use std::process::ExitCode;

use clap::Parser;

use crate::args::Args;

fn main() -> ExitCode {
    let args = Args::parse();
    let done = match &args.command {
        Some(command) => ask::run(command),
        None => agent::run(args.agent),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("perf-monitor: {error}");
            ExitCode::FAILURE
        }
    }
}
