//! The commands `rules check`, `rules test` and `rules backtest`.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Subcommand;
use perf_monitor::alerting::{CheckReport, check_rules, test_rules};

use crate::args::Source;
use crate::error::{Error, Result};
use crate::fetch::{self, Place};
use crate::{ask, limits};

/// Bytes of a rule file, at most: as many as a monitor takes.
const FILE_BYTES: u64 = 1024 * 1024;

/// What is done with rule files.
#[derive(Debug, Subcommand)]
pub(crate) enum RulesCommand {
    /// Say what is wrong with rule files, by file and line
    Check {
        /// Rule files of Prometheus
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
    },

    /// Run unit tests of rules, as `promtool test rules` does
    Test {
        /// Test files, which name their rule files
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
    },

    /// Ask a running monitor when rules would have fired, over what its history still has
    Backtest {
        /// A rule file of Prometheus
        #[arg(value_name = "FILE")]
        file: PathBuf,

        /// How far back to begin
        #[arg(long, value_name = "TIME", default_value = "60m", value_parser = limits::time)]
        since: Duration,

        /// How far apart two looks are: the history has a point each second for five minutes, and each
        /// ten seconds for an hour
        #[arg(long, value_name = "TIME", default_value = "10s", value_parser = limits::time)]
        step: Duration,

        /// For programs: JSON, in the place of a table
        #[arg(long)]
        json: bool,

        #[command(flatten)]
        source: Source,
    },
}

impl RulesCommand {
    /// Does it.
    ///
    /// # Errors
    /// A file that is not as it should be: what is wrong has been said then.
    pub(crate) fn run(self) -> Result<()> {
        match self {
            RulesCommand::Check { files } => each(&files, |path| {
                checked(path).map(|report| (report.is_ok(), report.to_string()))
            }),
            RulesCommand::Test { files } => each(&files, |path| {
                let report = test_rules(path).map_err(|e| Error::new(e.to_string()).because(e))?;
                Ok((report.is_ok(), report.to_string()))
            }),
            RulesCommand::Backtest { file, since, step, json, source } => {
                usable(&file)?;
                let text = text_of(&file)?;
                let place = Place::of(&source.url)?;
                let (seconds, step) = (since.as_secs().max(1), step.as_secs().max(1));
                let format = if json { "json" } else { "text" };
                let path =
                    format!("/api/rules/backtest?seconds={seconds}&step={step}&format={format}");
                let answer = fetch::post(&place, &path, source.token.as_deref(), text)?;
                ask::write(answer, &source)
            }
        }
    }
}

/// Says what is to be said of each file; an error if any is not as it should be.
fn each(files: &[PathBuf], look: impl Fn(&Path) -> Result<(bool, String)>) -> Result<()> {
    let mut bad = 0;
    for path in files {
        let (is_ok, said) = look(path).unwrap_or_else(|error| (false, error.to_string()));
        bad += usize::from(!is_ok);
        // Somebody like `head` may have seen enough.
        let _ = writeln!(io::stdout(), "{said}");
    }
    match bad {
        0 => Ok(()),
        bad => Err(Error::new(format!(
            "files that are not as they should be: {bad} of {}",
            files.len()
        ))),
    }
}

/// What is right and wrong with a rule file.
///
/// # Errors
/// It cannot be read.
pub(crate) fn checked(path: &Path) -> Result<CheckReport> {
    Ok(check_rules(&path.display().to_string(), &text_of(path)?))
}

/// # Errors
/// A rule file that is missing or wrong, with its line.
pub(crate) fn usable(path: &Path) -> Result<()> {
    let report = checked(path)?;
    match report.errors.first() {
        None => Ok(()),
        Some(first) => Err(Error::new(format!("{}:{}: {}", report.file, first.line, first.what))),
    }
}

fn text_of(path: &Path) -> Result<String> {
    let read = || {
        let mut text = String::new();
        File::open(path)?.take(FILE_BYTES + 1).read_to_string(&mut text)?;
        match text.len() as u64 > FILE_BYTES {
            true => Err(io::Error::other("it has more than 1 MiB: split it")),
            false => Ok(text),
        }
    };
    read().map_err(|e| Error::new(format!("{}: {e}", path.display())).because(e))
}
