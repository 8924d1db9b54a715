//! `cargo xtask bench`: the measured costs, by the package `perf-monitor-benches` in release.

use crate::command;
use crate::error::Result;
use crate::peers::{self, Peer};
use crate::workspace::Workspace;

const PACKAGE: &str = "perf-monitor-benches";

/// The rows that need a program of others, and which.
const ROWS_WITH_PEERS: [(&str, Peer); 6] = [
    ("host/collect", peers::NODE_EXPORTER),
    ("dashboard/fps", peers::CHROMIUM),
    ("dashboard/browser-cpu", peers::CHROMIUM),
    ("dashboard/latency", peers::CHROMIUM),
    ("dashboard/weight", peers::CHROMIUM),
    ("dashboard/soak", peers::CHROMIUM),
];

/// Hands `args` on as they are; the exit code is the bench's own, 1 over a limit.
pub(crate) fn run(workspace: &Workspace, args: &[String]) -> Result<()> {
    let mut cargo = command::cargo(); // stays in the caller's directory, which `--json FILE` is relative to
    cargo.arg("run").arg("--release").arg("--manifest-path").arg(workspace.root.join("Cargo.toml"));
    cargo.args(["--package", PACKAGE, "--"]).args(args);
    let wanted = wanted(args);
    if !wanted.is_empty() {
        cargo.env(peers::SWITCH, "1").envs(peers::ensure(workspace, &wanted)?);
    }
    command::run(&mut cargo)
}

/// The peers of the rows that a filter leaves, each once.
fn wanted(args: &[String]) -> Vec<Peer> {
    let mut wanted: Vec<Peer> = Vec::new();
    for (row, peer) in ROWS_WITH_PEERS {
        let asked = filter(args).is_none_or(|filter| row.contains(filter));
        if asked && !wanted.iter().any(|other| other.variable == peer.variable) {
            wanted.push(peer);
        }
    }
    wanted
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
    fn a_peer_is_set_up_only_for_runs_that_include_a_row_of_it() {
        let wanted = |line: &str| {
            let args: Vec<_> = line.split_whitespace().map(str::to_owned).collect();
            wanted(&args).iter().map(|peer| peer.variable).collect::<Vec<_>>()
        };
        let all = ["PERF_MONITOR_NODE_EXPORTER", "PERF_MONITOR_CHROMIUM"];
        assert_eq!(wanted(""), all);
        assert_eq!(wanted("--short --gates"), all);
        assert_eq!(wanted("--json out.json"), all);
        assert_eq!(wanted("host"), all[..1]);
        assert_eq!(wanted("dashboard/fps"), all[1..]);
        assert!(wanted("--short counter --json out.json").is_empty());
    }
}
