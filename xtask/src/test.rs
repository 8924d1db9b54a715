//! `cargo xtask test`: every test of the workspace against real peers, then the loom models.

mod transcript;

use std::process::Command;

use crate::command;
use crate::error::{Error, Result};
use crate::peers;
use crate::workspace::Workspace;
use transcript::Transcript;

/// What `cargo xtask test` and the tasks that include it may choose.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Options {
    pub(crate) without_peers: bool,
    /// Only tests whose name contains one of these; empty: all.
    pub(crate) filters: Vec<String>,
    pub(crate) tier: Tier,
}

/// How many rounds the tests do.
#[derive(Debug, Default, Clone, Copy, PartialEq)]
pub(crate) enum Tier {
    /// Debug build; loom with two preemptions.
    #[default]
    Usual,
    /// Release build, `PERF_MONITOR_SOAK=1`; loom with three preemptions.
    Soak,
}

/// The test target that holds a crate's loom models, and only them.
const LOOM_TARGET: &str = "loom";

pub(crate) fn run(workspace: &Workspace, args: &[String]) -> Result<()> {
    let options = Options::parse(args)?;
    execute(workspace, &options).map(drop)
}

impl Options {
    fn parse(args: &[String]) -> Result<Self> {
        let mut options = Self::default();
        for argument in args {
            match argument.as_str() {
                "--without-peers" => options.without_peers = true,
                option if option.starts_with('-') => {
                    return Err(Error::usage(format!(
                        "test has no option `{option}`; it takes --without-peers and filters"
                    )));
                }
                filter => options.filters.push(filter.to_owned()),
            }
        }
        Ok(options)
    }
}

/// Runs the tests and prints what came of them; the line it returns says how many passed.
pub(crate) fn execute(workspace: &Workspace, options: &Options) -> Result<String> {
    let mut transcript = Transcript::default();
    let outcome = tests(workspace, options, &mut transcript)
        .and_then(|()| loom(workspace, options, &mut transcript));
    if options.without_peers {
        print!("{}", transcript.skipped());
    }
    println!("{}", transcript.totals());
    outcome.map(|()| transcript.totals())
}

fn tests(workspace: &Workspace, options: &Options, transcript: &mut Transcript) -> Result<()> {
    let mut cargo = workspace.cargo();
    cargo.args(["test", "--workspace", "--all-features", "--no-fail-fast"]);
    tell_peers(&mut cargo, workspace, options)?;
    if options.tier == Tier::Soak {
        cargo.arg("--release").env("PERF_MONITOR_SOAK", "1");
    }
    cargo.arg("--").args(&options.filters);
    if options.without_peers {
        cargo.arg("--show-output"); // a skipped test says so in its output
    }
    observe(&mut cargo, transcript)
}

fn tell_peers(cargo: &mut Command, workspace: &Workspace, options: &Options) -> Result<()> {
    if options.without_peers {
        cargo.env_remove(peers::SWITCH);
        for peer in peers::ALL {
            cargo.env_remove(peer.variable);
        }
    } else {
        cargo.env(peers::SWITCH, "1").envs(peers::ensure(workspace, &peers::ALL)?);
    }
    Ok(())
}

/// Each crate's models in a target directory of their own, since `--cfg loom` compiles every dependency anew.
fn loom(workspace: &Workspace, options: &Options, transcript: &mut Transcript) -> Result<()> {
    let packages = loom_packages(workspace);
    if packages.is_empty() {
        return Err(Error::new(
            "no package has a test target named `loom`; the lock-free types need their models",
        ));
    }
    for package in packages {
        println!("loom: the models of {package}");
        let mut cargo = workspace.cargo();
        cargo
            .args(["test", "--release", "--package", package, "--test", LOOM_TARGET, "--"])
            .args(&options.filters);
        cargo.env("RUSTFLAGS", rustflags_with_loom(std::env::var("RUSTFLAGS").ok()));
        cargo.env("CARGO_TARGET_DIR", workspace.target.join("loom"));
        if std::env::var_os("LOOM_MAX_PREEMPTIONS").is_none() {
            cargo.env("LOOM_MAX_PREEMPTIONS", preemptions(options.tier));
        }
        observe(&mut cargo, transcript)?;
    }
    Ok(())
}

fn loom_packages(workspace: &Workspace) -> Vec<&str> {
    let has_models = workspace
        .packages
        .iter()
        .filter(|package| package.test_targets.iter().any(|name| name == LOOM_TARGET));
    has_models.map(|package| package.name.as_str()).collect()
}

fn preemptions(tier: Tier) -> &'static str {
    match tier {
        Tier::Usual => "2",
        Tier::Soak => "3",
    }
}

fn rustflags_with_loom(given: Option<String>) -> String {
    format!("{} --cfg loom", given.unwrap_or_default()).trim_start().to_owned()
}

fn observe(cargo: &mut Command, transcript: &mut Transcript) -> Result<()> {
    command::run_lines(cargo, |line| {
        if transcript.read(line) {
            println!("{line}");
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workspace::Package;

    fn strings(words: &[&str]) -> Vec<String> {
        words.iter().map(|word| (*word).to_owned()).collect()
    }

    #[test]
    fn filters_and_the_peer_switch_are_told_apart() {
        let options = Options::parse(&strings(&["exact", "--without-peers", "scrape"])).unwrap();
        assert_eq!(options.filters, ["exact", "scrape"]);
        assert!(options.without_peers);
    }

    #[test]
    fn an_unknown_option_is_an_error_that_names_it() {
        let error = Options::parse(&strings(&["--release"])).unwrap_err().to_string();
        assert!(error.contains("--release"), "{error}");
    }

    #[test]
    fn loom_runs_where_a_test_target_has_its_name() {
        let package = |name: &str, targets: &[&str]| Package {
            name: name.to_owned(),
            test_targets: strings(targets),
            ..Package::default()
        };
        let workspace = Workspace {
            root: "".into(),
            target: "".into(),
            packages: vec![package("core", &["exact", "loom"]), package("http", &["loom_free"])],
        };
        assert_eq!(loom_packages(&workspace), ["core"]);
    }

    #[test]
    fn the_caller_s_rustflags_are_kept() {
        assert_eq!(rustflags_with_loom(None), "--cfg loom");
        assert_eq!(rustflags_with_loom(Some("-C debuginfo=0".into())), "-C debuginfo=0 --cfg loom");
    }
}
