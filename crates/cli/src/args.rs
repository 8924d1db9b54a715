//! The command line.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Parser, Subcommand, ValueEnum};

use crate::ask::{self, Ask};
use crate::config::EXAMPLE;
use crate::error::Result;
use crate::profile::ProfileArgs;
use crate::rules::RulesCommand;
use crate::top::{self, TopArgs};
use crate::{agent, limits};

/// Watch this machine in one page: CPU, memory, disks and network, live, and as Prometheus metrics.
#[derive(Debug, Parser)]
#[command(name = "perf-monitor", version, after_long_help = settings())]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) command: Option<Command>,

    #[command(flatten)]
    pub(crate) agent: AgentArgs,
}

/// What the program does when it is not told to ask another.
#[derive(Debug, clap::Args)]
pub(crate) struct AgentArgs {
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

    /// Open the page in a browser of this machine
    #[arg(long)]
    pub(crate) open: bool,

    /// Also run a small service under load, so that every view has data
    #[arg(long)]
    pub(crate) demo: bool,

    /// Break the demo from the start, so that its alert fires: `POST /mend` to it mends it,
    /// `POST /break` breaks it again
    #[arg(long = "break", requires = "demo")]
    pub(crate) broken: bool,

    /// A rule file of Prometheus to look at, read again when it changes; may be given several times
    #[arg(long, value_name = "FILE")]
    pub(crate) rules: Vec<PathBuf>,

    /// Tell this Alertmanager of alerts, such as http://127.0.0.1:9093
    #[arg(long, value_name = "URL", value_parser = limits::receiver)]
    pub(crate) alertmanager: Option<String>,

    /// Post alerts to this URL, as Alertmanager's webhooks do. Other users can see an argument: an address
    /// that is a secret belongs into the settings file
    #[arg(long, value_name = "URL", value_parser = limits::receiver)]
    pub(crate) webhook: Option<String>,

    /// Keep alerts and what is to be sent in this file, so that they outlive the process
    #[arg(long, value_name = "FILE")]
    pub(crate) outbox: Option<PathBuf>,

    /// Sample where this program spends its CPU time, all the time, and keep the last five minutes;
    /// the demo does so anyway
    #[arg(long)]
    pub(crate) profile: bool,

    /// Read settings from a TOML file; what is given here as well goes first
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
}

/// What to do instead of watching this machine.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Print the performance report of a running monitor
    Report {
        /// How it is written
        #[arg(long, value_enum, default_value_t = ReportFormat::Text)]
        format: ReportFormat,

        #[command(flatten)]
        source: Source,
    },

    /// Write what a running monitor has measured, for other programs
    Export {
        /// json: the run with its stages, resources and caches; csv: a row for each series and
        /// sample; prometheus: the text that a scrape gets
        #[arg(long, value_enum)]
        format: ExportFormat,

        #[command(flatten)]
        source: Source,
    },

    /// Take a CPU or heap profile of a running monitor's program
    Profile(ProfileArgs),

    /// Show the live figures of a running monitor in this terminal
    Top(TopArgs),

    /// Look at rule files: whether they are right, do what they should, would have fired
    #[command(subcommand)]
    Rules(RulesCommand),
}

impl Args {
    /// Does what was asked for.
    ///
    /// # Errors
    /// What went wrong, as a sentence.
    pub(crate) fn run(self) -> Result<()> {
        match self.command {
            Some(Command::Rules(rules)) => rules.run(),
            Some(Command::Top(args)) => top::run(&args),
            Some(Command::Report { format, source }) => {
                ask::run(&Ask { path: format.path().into(), length: Duration::ZERO, source })
            }
            Some(Command::Export { format, source }) => {
                ask::run(&Ask { path: format.path().into(), length: Duration::ZERO, source })
            }
            Some(Command::Profile(profile)) => {
                let (path, length) = (profile.path()?, profile.length());
                ask::run(&Ask { path, length, source: profile.source })
            }
            None => agent::run(self.agent),
        }
    }
}

/// Whom to ask, and where the answer goes.
#[derive(Debug, clap::Args)]
pub(crate) struct Source {
    /// Where the monitor listens
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:9464")]
    pub(crate) url: String,

    /// What that monitor wants to be shown. Other users can see an argument: prefer the variable
    #[arg(long, value_name = "TOKEN", env = "PERF_MONITOR_TOKEN", hide_env_values = true)]
    pub(crate) token: Option<String>,

    /// Write to this file, which is replaced once the answer is whole [default: the standard output]
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
}

/// For whom a report is written.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum ReportFormat {
    /// For a terminal
    Text,
    /// For a page
    Markdown,
}

/// For which programs an export is written.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum ExportFormat {
    /// One document
    Json,
    /// RFC 4180
    Csv,
    /// Text format 0.0.4
    Prometheus,
}

impl ReportFormat {
    /// The path that a monitor answers this on.
    fn path(self) -> &'static str {
        match self {
            ReportFormat::Text => "/api/report?format=text",
            ReportFormat::Markdown => "/api/report?format=markdown",
        }
    }
}

impl ExportFormat {
    /// The path that a monitor answers this on.
    fn path(self) -> &'static str {
        match self {
            ExportFormat::Json => "/api/run",
            ExportFormat::Csv => "/api/series.csv",
            ExportFormat::Prometheus => "/metrics",
        }
    }
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
