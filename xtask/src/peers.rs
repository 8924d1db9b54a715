//! Real programs of others that tests measure against, unpacked from Debian packages below `target/peers`.
//!
//! Nothing is installed and no service starts: `apt-get download` fetches the package, `dpkg -x` unpacks it. Neither
//! needs root. A package that is already unpacked is not touched again. A variable that the caller has set, such as
//! `PERF_MONITOR_PROMETHEUS=/path/to/prometheus`, wins over the package.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::command;
use crate::error::{Error, Result};
use crate::workspace::Workspace;

/// Tells tests that the peers are there, so that they must run.
pub(crate) const SWITCH: &str = "PERF_MONITOR_PEERS";

/// One program of a Debian package, and the variable that tells tests where it is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Peer {
    pub(crate) variable: &'static str,
    package: &'static str,
    program: &'static str,
}

pub(crate) const PROMETHEUS: Peer = Peer {
    variable: "PERF_MONITOR_PROMETHEUS",
    package: "prometheus",
    program: "usr/bin/prometheus",
};
pub(crate) const PROMTOOL: Peer =
    Peer { variable: "PERF_MONITOR_PROMTOOL", package: "prometheus", program: "usr/bin/promtool" };
pub(crate) const NODE_EXPORTER: Peer = Peer {
    variable: "PERF_MONITOR_NODE_EXPORTER",
    package: "prometheus-node-exporter",
    program: "usr/bin/prometheus-node-exporter",
};

/// Every peer that a test may ask for.
pub(crate) const ALL: [Peer; 3] = [PROMETHEUS, PROMTOOL, NODE_EXPORTER];

/// `cargo xtask peers`: lets a plain `cargo test` use them, by `eval "$(cargo xtask peers)"`.
pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    for (variable, program) in ensure(workspace, &ALL)? {
        println!("export {variable}='{}'", program.display());
    }
    println!("export {SWITCH}=1");
    Ok(())
}

/// Makes sure that each peer is there; returns the variables to hand to the tests.
pub(crate) fn ensure(
    workspace: &Workspace,
    peers: &[Peer],
) -> Result<Vec<(&'static str, PathBuf)>> {
    let place = workspace.target.join("peers");
    peers.iter().map(|peer| Ok((peer.variable, find_or_unpack(peer, &place)?))).collect()
}

fn find_or_unpack(peer: &Peer, place: &Path) -> Result<PathBuf> {
    if let Some(path) = std::env::var_os(peer.variable) {
        return given_by_the_caller(peer, path.into());
    }
    let package = place.join(peer.package);
    let program = package.join(peer.program);
    if !program.is_file() {
        unpack(peer, place, &package).map_err(|error| with_remedy(peer, &error))?;
    }
    Ok(program)
}

fn given_by_the_caller(peer: &Peer, path: PathBuf) -> Result<PathBuf> {
    if path.is_file() {
        return Ok(path);
    }
    Err(Error::new(format!(
        "{} names `{}`, which is no file; correct or unset it",
        peer.variable,
        path.display()
    )))
}

fn with_remedy(peer: &Peer, error: &Error) -> Error {
    Error::new(format!(
        "the peer `{}` cannot be had: {error}\n  set {} to a program that you have, or run `cargo xtask test --without-peers`",
        peer.package, peer.variable
    ))
}

/// Unpacks beside the final place and renames at the end, so that what is there is whole.
fn unpack(peer: &Peer, place: &Path, package: &Path) -> Result<()> {
    eprintln!("peers: unpacking Debian's package {} below {}", peer.package, place.display());
    let staging = place.join(format!("{}.{}", peer.package, std::process::id()));
    let outcome =
        unpack_into(peer, place, &staging).and_then(|()| move_whole(&staging, package, peer));
    let _ = fs::remove_dir_all(&staging);
    outcome
}

fn unpack_into(peer: &Peer, place: &Path, staging: &Path) -> Result<()> {
    let root = staging.join("root");
    fs::create_dir_all(&root).map_err(|cause| at(&root, &cause))?;
    download(peer.package, place, staging)?;
    let archive = only_archive(staging)?;
    command::run(Command::new("dpkg").arg("-x").arg(&archive).arg(&root))?;
    answers(&root.join(peer.program))
}

/// A stale or empty package list is renewed once, in a private place: the system's own lists need root.
fn download(package: &str, place: &Path, staging: &Path) -> Result<()> {
    let get = |lists| {
        let mut command = apt(place, lists);
        command::output(command.args(["download", package]).current_dir(staging)).map(drop)
    };
    if get(Lists::System).is_ok() || get(Lists::Private).is_ok() {
        return Ok(());
    }
    eprintln!("peers: renewing the package lists");
    for directory in ["apt/lists/partial", "apt/cache/archives/partial"] {
        let directory = place.join(directory);
        fs::create_dir_all(&directory).map_err(|cause| at(&directory, &cause))?;
    }
    let mut update = apt(place, Lists::Private);
    command::output(update.args(["-o", "APT::Update::Error-Mode=any", "update"]))?;
    get(Lists::Private)
}

#[derive(PartialEq)]
enum Lists {
    System,
    Private,
}

fn apt(place: &Path, lists: Lists) -> Command {
    let mut command = Command::new("apt-get");
    command.arg("-qq").stdin(Stdio::null());
    command.args(["-o", "APT::Sandbox::User=root"]); // `_apt` may not read a checkout below a private home
    if lists == Lists::Private {
        for (option, directory) in [("Dir::State::Lists", "apt/lists"), ("Dir::Cache", "apt/cache")]
        {
            command.arg("-o").arg(format!("{option}={}", place.join(directory).display()));
        }
    }
    command
}

fn only_archive(staging: &Path) -> Result<PathBuf> {
    let entries = fs::read_dir(staging).map_err(|cause| at(staging, &cause))?;
    let mut archives = entries
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|e| e == "deb"));
    archives.next().ok_or_else(|| Error::new("`apt-get download` succeeded but left no .deb file"))
}

/// A program that lacks a shared library fails here, with the loader's own words.
fn answers(program: &Path) -> Result<()> {
    command::output(Command::new(program).arg("--version")).map(drop)
}

/// Another run may have been quicker: then its copy stays.
fn move_whole(staging: &Path, package: &Path, peer: &Peer) -> Result<()> {
    if !package.join(peer.program).is_file() {
        let _ = fs::remove_dir_all(package);
    }
    match fs::rename(staging.join("root"), package) {
        Err(cause) if !package.join(peer.program).is_file() => Err(at(package, &cause)),
        _ => Ok(()),
    }
}

fn at(path: &Path, cause: &std::io::Error) -> Error {
    Error::new(format!("{}: {cause}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_of_the_caller_that_is_no_file_is_named_with_its_variable() {
        let error =
            given_by_the_caller(&PROMTOOL, "no/such/promtool".into()).unwrap_err().to_string();
        assert!(
            error.contains("PERF_MONITOR_PROMTOOL") && error.contains("no/such/promtool"),
            "{error}"
        );
    }

    #[test]
    fn a_peer_that_cannot_be_had_comes_with_two_remedies() {
        let error = with_remedy(&NODE_EXPORTER, &Error::new("no network")).to_string();
        assert!(
            error.contains("PERF_MONITOR_NODE_EXPORTER") && error.contains("--without-peers"),
            "{error}"
        );
    }

    #[test]
    fn private_lists_leave_the_system_s_alone() {
        let line = command::line_of(&apt(Path::new("peers"), Lists::Private));
        assert!(
            line.contains("Dir::State::Lists=peers/apt/lists")
                && line.contains("Dir::Cache=peers/apt/cache")
        );
        assert!(!command::line_of(&apt(Path::new("peers"), Lists::System)).contains("Dir::"));
    }
}
