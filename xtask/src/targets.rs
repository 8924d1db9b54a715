//! The portable crates checked for other systems, where their standard library is installed.

use std::path::Path;
use std::process::Command;

use crate::command;
use crate::error::Result;
use crate::workspace::Workspace;

const OTHER_SYSTEMS: [&str; 3] =
    ["aarch64-unknown-linux-gnu", "x86_64-pc-windows-gnu", "aarch64-apple-darwin"];

/// The crates with code per system, and what users build; with default features none compiles C, which a cross check
/// could not.
const PORTABLE: [&str; 5] = [
    "perf-monitor-core",
    "perf-monitor-host",
    "perf-monitor-profiling",
    "perf-monitor",
    "perf-monitor-cli",
];

/// Returns what it skipped, as a remark for the summary.
pub(crate) fn check(workspace: &Workspace) -> Result<String> {
    let mut skipped = Vec::new();
    for target in OTHER_SYSTEMS {
        if is_installed(target)? {
            check_one(workspace, target)?;
        } else {
            println!(
                "skipped: {target} (its std is not installed; `rustup target add {target}` adds it)"
            );
            skipped.push(target);
        }
    }
    Ok(if skipped.is_empty() { String::new() } else { format!("skipped: {}", skipped.join(", ")) })
}

fn check_one(workspace: &Workspace, target: &str) -> Result<()> {
    let mut cargo = workspace.cargo();
    cargo.args(["check", "--target", target]);
    cargo.args(PORTABLE.iter().flat_map(|package| ["--package", package]));
    command::run(&mut cargo)
}

fn is_installed(target: &str) -> Result<bool> {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let libdir = command::output(Command::new(rustc).args([
        "--print",
        "target-libdir",
        "--target",
        target,
    ]))?;
    Ok(Path::new(libdir.trim()).is_dir())
}
