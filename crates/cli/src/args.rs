//! The command line.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::Parser;

use crate::config::EXAMPLE;
use crate::limits;

/// Watch this machine in one page: CPU, memory, disks and network, live, and as Prometheus metrics.
#[derive(Debug, Parser)]
#[command(name = "perf-monitor", version, after_long_help = settings())]
pub(crate) struct Args {
    /// Where to serve: an address of this machine with a port. It must be free [default:
    /// 127.0.0.1:9464, or another free port if that one is taken]
    #[arg(long, value_name = "ADDR", value_parser = limits::address)]
    pub(crate) listen: Option<SocketAddr>,

    /// The time between two updates, 10ms to 60m [default: 1s]
    #[arg(long, value_name = "TIME", value_parser = limits::tick)]
    pub(crate) tick: Option<Duration>,

    /// What a client must show to see anything; needed to listen on more than loopback. Other users
    /// can see an argument: prefer the variable
    #[arg(long, value_name = "TOKEN", env = "PERF_MONITOR_TOKEN", hide_env_values = true)]
    pub(crate) token: Option<String>,

    /// Also run a small service under load, so that every view has data
    #[arg(long)]
    pub(crate) demo: bool,

    /// Read settings from a TOML file; what is given here as well goes first
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
}

fn settings() -> String {
    format!("The settings file, of which each line may be left out:\n{EXAMPLE}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Args::command().debug_assert();
    }
}
