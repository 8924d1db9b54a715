//! The project's own commands: `cargo xtask <TASK>`, one file per task.
//!
//! Each task sets up what it needs by itself, below `target/`, and says what it does. Nothing is installed into the
//! system, and nothing is downloaded but packages of Debian, PyPI, npm and crates.io.

use std::process::ExitCode;

mod bench;
mod ci;
mod command;
mod deny;
mod error;
mod features;
mod peers;
mod soak;
mod targets;
mod test;
mod tidy;
mod workspace;

use error::{Error, Result};
use workspace::Workspace;

const HELP: &str = "\
cargo xtask TASK

  test [--without-peers] [FILTER..]           every test, against real peers; then the loom models
  bench [FILTER] [--short] [--gates] [--json FILE]
                                              the measured costs against benches/budgets.toml
  peers                                       sets up the peers; prints the variables for a shell
  tidy                                        layers, first lines, cited tests, leftovers
  ci                                          all that has to hold before a change lands
  soak                                        the long tiers of the tests and of the bench
  help                                        these lines
";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    match dispatch(&args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error}");
            error.exit_code()
        }
    }
}

fn dispatch(args: &[String]) -> Result<()> {
    let (task, rest) = match args.split_first() {
        Some((task, rest)) => (task.as_str(), rest),
        None => ("help", args),
    };
    match task {
        "test" => test::run(&Workspace::load()?, rest),
        "bench" => bench::run(&Workspace::load()?, rest),
        "peers" => no_arguments(task, rest).and_then(|()| peers::run(&Workspace::load()?)),
        "tidy" => no_arguments(task, rest).and_then(|()| tidy::run(&Workspace::load()?)),
        "ci" => no_arguments(task, rest).and_then(|()| ci::run(&Workspace::load()?)),
        "soak" => no_arguments(task, rest).and_then(|()| soak::run(&Workspace::load()?)),
        "help" | "--help" | "-h" => {
            print!("{HELP}");
            Ok(())
        }
        _ => Err(Error::usage(format!("no task `{task}`; `cargo xtask help` lists them"))),
    }
}

fn no_arguments(task: &str, rest: &[String]) -> Result<()> {
    match rest.first() {
        None => Ok(()),
        Some(argument) => {
            Err(Error::usage(format!("{task} takes no arguments, found `{argument}`")))
        }
    }
}
