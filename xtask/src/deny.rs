//! `cargo deny`: licences, bans and sources of every dependency, and known vulnerabilities where their database is.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::command;
use crate::error::Result;
use crate::workspace::Workspace;

const VERSION: &str = "0.20.2";

pub(crate) fn check(workspace: &Workspace) -> Result<()> {
    deny(workspace, "check --hide-inclusion-graph bans licenses sources")
}

/// The RustSec database is no package of a registry, so it is used where it is and never fetched.
/// Returns what it skipped, as a remark for the summary.
pub(crate) fn advisories(workspace: &Workspace) -> Result<String> {
    let Some(database) = database() else {
        let remedy = "where the network allows it, `cargo-deny fetch db` gets it";
        println!("skipped: advisories (no RustSec database on this machine; {remedy})");
        return Ok("skipped: no RustSec database".to_owned());
    };
    println!("advisories: with the database in {}", database.display());
    deny(workspace, "check --disable-fetch advisories").map(|()| String::new())
}

/// Where cargo-deny keeps its databases, if there is one.
fn database() -> Option<PathBuf> {
    let home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cargo")))?;
    let place = home.join("advisory-dbs");
    let mut entries = std::fs::read_dir(&place).ok()?.flatten();
    entries.any(|entry| entry.path().is_dir()).then_some(place)
}

fn deny(workspace: &Workspace, args: &str) -> Result<()> {
    let mut deny = Command::new(ensure(workspace)?);
    command::run(deny.current_dir(&workspace.root).args(args.split(' ')))
}

/// The one on the path, if it has the version; else builds it from crates.io once, below `target/tools`.
fn ensure(workspace: &Workspace) -> Result<PathBuf> {
    let tools = workspace.target.join("tools");
    let built = tools.join("bin").join("cargo-deny");
    if let Some(found) =
        [built.clone(), "cargo-deny".into()].into_iter().find(|program| has_version(program))
    {
        return Ok(found);
    }
    println!(
        "deny: building cargo-deny {VERSION} from crates.io into {}; this takes minutes, once",
        tools.display()
    );
    let mut cargo = workspace.cargo();
    // Unoptimised: 2 minutes of processor time instead of 6 (November 2026, 2 cores), for a check of seconds.
    cargo
        .args([
            "install",
            "--debug",
            "--locked",
            "--force",
            "--version",
            VERSION,
            "cargo-deny",
            "--root",
        ])
        .arg(&tools);
    command::run(&mut cargo)?;
    Ok(built)
}

fn has_version(program: &Path) -> bool {
    command::output(Command::new(program).arg("--version"))
        .is_ok_and(|text| text.trim().ends_with(VERSION))
}
