//! `cargo xtask bench`: the measured costs, by the package `perf-monitor-benches` in release.

use crate::command;
use crate::error::Result;
use crate::peers;
use crate::workspace::Workspace;

const PACKAGE: &str = "perf-monitor-benches";

/// The row that a real node_exporter is the control of.
const ROW_WITH_A_PEER: &str = "host/collect";

/// Hands `args` on as they are; the exit code is the bench's own, 1 over a limit.
pub(crate) fn run(workspace: &Workspace, args: &[String]) -> Result<()> {
    let mut cargo = command::cargo(); // stays in the caller's directory, which `--json FILE` is relative to
    cargo.arg("run").arg("--release").arg("--manifest-path").arg(workspace.root.join("Cargo.toml"));
    cargo.args(["--package", PACKAGE, "--"]).args(args);
    if wants_peer(args) {
        cargo.env(peers::SWITCH, "1").envs(peers::ensure(workspace, &[peers::NODE_EXPORTER])?);
    }
    command::run(&mut cargo)
}

/// False only when a filter is given that leaves the row out.
fn wants_peer(args: &[String]) -> bool {
    filter(args).is_none_or(|filter| ROW_WITH_A_PEER.contains(filter))
}

fn filter(args: &[String]) -> Option<&str> {
    let mut args = args.iter().map(String::as_str);
    while let Some(argument) = args.next() {
        match argument {
            "--json" => drop(args.next()),
            option if option.starts_with('-') => {}
            filter => return Some(filter),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_peer_is_set_up_only_for_runs_that_include_its_row() {
        let wants = |line: &str| {
            wants_peer(&line.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
        };
        assert!(wants(""));
        assert!(wants("--short --gates"));
        assert!(wants("--json out.json"));
        assert!(wants("host"));
        assert!(!wants("--short counter --json out.json"));
    }
}
