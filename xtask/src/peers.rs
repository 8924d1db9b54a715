//! Real programs of others that tests measure against, unpacked from their packages below `target/peers`.
//!
//! Nothing is installed and no service starts: `apt-get` fetches a package of Debian, `dpkg -x` unpacks it; what comes
//! from PyPI gets a Python environment of its own. Neither needs root. A package that is already unpacked is
//! not touched again. A variable that the caller has set, such as `PERF_MONITOR_PROMETHEUS=/path/to/prometheus`, wins
//! over the package.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::command;
use crate::error::{Error, Result};
use crate::workspace::Workspace;

/// Tells tests that the peers are there, so that they must run.
pub(crate) const SWITCH: &str = "PERF_MONITOR_PEERS";

/// One program of a package, and the variable that tells tests where it is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Peer {
    pub(crate) variable: &'static str,
    package: &'static str,
    program: &'static str,
    source: Source,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Source {
    Debian,
    /// Of a large package the program alone, which this option makes answer. Tests that ask for it are skipped where it
    /// cannot be had: the package has the version of one release in its name.
    DebianProgram {
        answers: &'static str,
    },
    /// With every library that this system lacks; one that is installed is used instead. Tests that ask for it are skipped
    /// where it cannot be had.
    DebianWithLibraries,
    /// The program is the Python that finds the package. Tests that ask for it are skipped where it cannot be had.
    PyPi,
}

pub(crate) const PROMETHEUS: Peer = Peer {
    variable: "PERF_MONITOR_PROMETHEUS",
    package: "prometheus",
    program: "usr/bin/prometheus",
    source: Source::Debian,
};
pub(crate) const PROMTOOL: Peer = Peer {
    variable: "PERF_MONITOR_PROMTOOL",
    package: "prometheus",
    program: "usr/bin/promtool",
    source: Source::Debian,
};
pub(crate) const NODE_EXPORTER: Peer = Peer {
    variable: "PERF_MONITOR_NODE_EXPORTER",
    package: "prometheus-node-exporter",
    program: "usr/bin/prometheus-node-exporter",
    source: Source::Debian,
};
pub(crate) const ALERTMANAGER: Peer = Peer {
    variable: "PERF_MONITOR_ALERTMANAGER",
    package: "prometheus-alertmanager",
    program: "usr/bin/prometheus-alertmanager",
    source: Source::Debian,
};
/// Asks an Alertmanager what it shows.
pub(crate) const AMTOOL: Peer = Peer {
    variable: "PERF_MONITOR_AMTOOL",
    package: "prometheus-alertmanager",
    program: "usr/bin/amtool",
    source: Source::Debian,
};
/// Decodes OTLP independently of what encodes it.
pub(crate) const OTLP_PYTHON: Peer = Peer {
    variable: "PERF_MONITOR_OTLP_PYTHON",
    package: "opentelemetry-proto",
    program: "bin/python",
    source: Source::PyPi,
};

/// `go tool pprof`, which needs nothing else of Go.
pub(crate) const PPROF: Peer = Peer {
    variable: "PERF_MONITOR_PPROF",
    package: "golang-1.19-go",
    program: if cfg!(target_arch = "aarch64") {
        "usr/lib/go-1.19/pkg/tool/linux_arm64/pprof"
    } else {
        "usr/lib/go-1.19/pkg/tool/linux_amd64/pprof"
    },
    source: Source::DebianProgram { answers: "-h" },
};

/// Opens the page as a person's browser does.
pub(crate) const CHROMIUM: Peer = Peer {
    variable: "PERF_MONITOR_CHROMIUM",
    package: "chromium",
    program: "chromium",
    source: Source::DebianWithLibraries,
};

/// Every peer that a test may ask for.
pub(crate) const ALL: [Peer; 8] =
    [PROMETHEUS, PROMTOOL, NODE_EXPORTER, ALERTMANAGER, AMTOOL, OTLP_PYTHON, PPROF, CHROMIUM];

/// `cargo xtask peers`: lets a plain `cargo test` use them, by `eval "$(cargo xtask peers)"`.
pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    for (variable, program) in ensure(workspace, &ALL)? {
        println!("export {variable}='{}'", program.display());
    }
    println!("export {SWITCH}=1");
    Ok(())
}

/// Makes sure that each peer is there; returns the variables to hand to the tests. Without a variable, tests that can do
/// without their peer say so.
pub(crate) fn ensure(
    workspace: &Workspace,
    peers: &[Peer],
) -> Result<Vec<(&'static str, PathBuf)>> {
    let place = workspace.target.join("peers");
    let mut found = Vec::new();
    for peer in peers {
        match find_or_unpack(peer, &place) {
            Ok(program) => found.push((peer.variable, program)),
            Err(error) if peer.source != Source::Debian => eprintln!("peers: skipped: {error}"),
            Err(error) => return Err(error),
        }
    }
    Ok(found)
}

fn find_or_unpack(peer: &Peer, place: &Path) -> Result<PathBuf> {
    if let Some(path) = std::env::var_os(peer.variable) {
        return given_by_the_caller(peer, path.into());
    }
    if peer.source == Source::DebianWithLibraries
        && let Some(program) = installed(peer.program)
    {
        return Ok(program);
    }
    let package = place.join(peer.package);
    let program = package.join(peer.program);
    if !program.is_file() {
        unpack(peer, place, &package).map_err(|error| with_remedy(peer, &error))?;
    }
    Ok(program)
}

/// The program of this name that a shell would find.
fn installed(name: &str) -> Option<PathBuf> {
    let places = std::env::var_os("PATH")?;
    std::env::split_paths(&places).map(|place| place.join(name)).find(|path| path.is_file())
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
    let whose = if peer.source == Source::PyPi { "PyPI" } else { "Debian" };
    eprintln!("peers: unpacking {whose}'s package {} below {}", peer.package, place.display());
    let staging = place.join(format!("{}.{}", peer.package, std::process::id()));
    let unpacked = match peer.source {
        Source::Debian => unpack_into(peer, place, &staging),
        Source::DebianProgram { answers } => program_into(peer, answers, place, &staging),
        Source::DebianWithLibraries => with_libraries_into(peer, place, &staging),
        Source::PyPi => python_into(peer, &staging),
    };
    let outcome = unpacked.and_then(|()| move_whole(&staging, package, peer));
    let _ = fs::remove_dir_all(&staging);
    outcome
}

fn unpack_into(peer: &Peer, place: &Path, staging: &Path) -> Result<()> {
    let root = staging.join("root");
    unpack_all(peer, place, staging, &root)?;
    answers(&root.join(peer.program), "--version")
}

/// Leaves the rest of the package behind: of Go's, 325 MB of 335.
fn program_into(peer: &Peer, option: &str, place: &Path, staging: &Path) -> Result<()> {
    let all = staging.join("all");
    unpack_all(peer, place, staging, &all)?;
    let program = staging.join("root").join(peer.program);
    let folder = program.parent().unwrap_or(staging);
    fs::create_dir_all(folder).map_err(|cause| at(folder, &cause))?;
    fs::rename(all.join(peer.program), &program).map_err(|cause| at(&program, &cause))?;
    answers(&program, option)
}

fn unpack_all(peer: &Peer, place: &Path, staging: &Path, root: &Path) -> Result<()> {
    fs::create_dir_all(root).map_err(|cause| at(root, &cause))?;
    download(peer.package, place, staging)?;
    let archive = only_archive(staging)?;
    command::run(Command::new("dpkg").arg("-x").arg(&archive).arg(root))
}

/// A script stands for the program, so that its libraries and fonts are found where they were unpacked.
fn with_libraries_into(peer: &Peer, place: &Path, staging: &Path) -> Result<()> {
    let root = staging.join("root");
    fs::create_dir_all(&root).map_err(|cause| at(&root, &cause))?;
    for archive in download_with_libraries(peer.package, place, staging)? {
        command::run(Command::new("dpkg").arg("-x").arg(&archive).arg(&root))?;
    }
    write(&root.join("fonts.conf"), FONTS)?;
    let script = root.join(peer.program);
    let program = format!("usr/lib/{}/{}", peer.package, peer.program);
    write(&script, &STARTER.replace("PROGRAM", &program))?;
    command::run(Command::new("chmod").arg("+x").arg(&script))?;
    answers(&script, "--version")
}

const STARTER: &str = r#"#!/bin/sh
root=$(dirname "$(readlink -f "$0")")
for libraries in "$root"/usr/lib/*-linux-gnu "$root"/lib/*-linux-gnu; do
  LD_LIBRARY_PATH="$libraries${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}"
done
export LD_LIBRARY_PATH FONTCONFIG_FILE="$root/fonts.conf" XDG_CACHE_HOME="$root/cache"
exec "$root/PROGRAM" "$@"
"#;

const FONTS: &str = r#"<?xml version="1.0"?>
<fontconfig>
  <dir prefix="relative">usr/share/fonts</dir>
  <dir>/usr/share/fonts</dir>
  <cachedir prefix="xdg">fontconfig</cachedir>
</fontconfig>
"#;

fn write(path: &Path, text: &str) -> Result<()> {
    fs::write(path, text).map_err(|cause| at(path, &cause))
}

/// An environment can be moved as long as its `python` is called by its path.
fn python_into(peer: &Peer, staging: &Path) -> Result<()> {
    let root = staging.join("root");
    command::output(Command::new("python3").args(["-m", "venv"]).arg(&root))?;
    let pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check"];
    let mut install = Command::new(root.join(peer.program));
    command::output(install.args(pip).arg(peer.package).stdin(Stdio::null()))?;
    answers(&root.join(peer.program), "--version")
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
    renew_lists(place)?;
    get(Lists::Private)
}

/// What `apt-get install` would fetch, fetched and not installed.
fn download_with_libraries(package: &str, place: &Path, staging: &Path) -> Result<Vec<PathBuf>> {
    let archives = staging.join("archives");
    let partial = archives.join("partial");
    fs::create_dir_all(&partial).map_err(|cause| at(&partial, &cause))?;
    let get = |lists| {
        let mut command = apt(place, lists);
        command.args(["-o", "Debug::NoLocking=true", "-o"]);
        command.arg(format!("Dir::Cache::archives={}", archives.display()));
        command.args(["--yes", "--download-only", "--no-install-recommends", "install", package]);
        command::output(command.arg("fonts-dejavu-core")).map(drop)
    };
    if get(Lists::System).is_err() && get(Lists::Private).is_err() {
        renew_lists(place)?;
        get(Lists::Private)?;
    }
    archives_in(&archives)
}

fn renew_lists(place: &Path) -> Result<()> {
    eprintln!("peers: renewing the package lists");
    for directory in ["apt/lists/partial", "apt/cache/archives/partial"] {
        let directory = place.join(directory);
        fs::create_dir_all(&directory).map_err(|cause| at(&directory, &cause))?;
    }
    let mut update = apt(place, Lists::Private);
    command::output(update.args(["-o", "APT::Update::Error-Mode=any", "update"])).map(drop)
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
    archives_in(staging).map(|mut archives| archives.remove(0))
}

/// At least one.
fn archives_in(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = fs::read_dir(folder).map_err(|cause| at(folder, &cause))?;
    let paths = entries.flatten().map(|entry| entry.path());
    let archives: Vec<_> =
        paths.filter(|path| path.extension().is_some_and(|e| e == "deb")).collect();
    if archives.is_empty() {
        return Err(Error::new("`apt-get` succeeded but left no .deb file"));
    }
    Ok(archives)
}

/// A program that lacks a shared library fails here, with the loader's own words.
fn answers(program: &Path, option: &str) -> Result<()> {
    command::output(Command::new(program).arg(option)).map(drop)
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
