//! Starting other programs, with errors that show the command line.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader};
use std::process::{Command, ExitStatus, Stdio};

use crate::error::{Error, Result};

/// A nested cargo that does not inherit what the outer `cargo run` set for xtask alone: build scripts that watch those
/// variables would run again each time the caller changes.
pub(crate) fn cargo() -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    for (name, _) in std::env::vars_os() {
        if is_of_the_outer_package(&name) {
            command.env_remove(name);
        }
    }
    command
}

fn is_of_the_outer_package(name: &OsStr) -> bool {
    let name = name.to_string_lossy();
    name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_")
}

/// Runs it to its end; anything but exit code 0 is an error with that code.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let status = command.status().map_err(|cause| cannot_start(command, &cause))?;
    succeeded(command, status)
}

/// Runs it to its end and gives each line of its stdout to `on_line`; stderr passes through.
pub(crate) fn run_lines(command: &mut Command, mut on_line: impl FnMut(&str)) -> Result<()> {
    let mut child =
        command.stdout(Stdio::piped()).spawn().map_err(|cause| cannot_start(command, &cause))?;
    let stdout = child.stdout.take().expect("stdout was piped above");
    for line in BufReader::new(stdout).split(b'\n').map_while(std::result::Result::ok) {
        on_line(&String::from_utf8_lossy(&line));
    }
    let status = child.wait().map_err(|cause| cannot_start(command, &cause))?;
    succeeded(command, status)
}

/// Its stdout; stderr becomes part of the error when it fails.
pub(crate) fn output(command: &mut Command) -> Result<String> {
    let output = command.output().map_err(|cause| cannot_start(command, &cause))?;
    succeeded(command, output.status).map_err(|error| {
        let stderr = String::from_utf8_lossy(&output.stderr);
        Error::new(format!("{error}\n{}", stderr.trim_end()))
    })?;
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

fn cannot_start(command: &Command, cause: &std::io::Error) -> Error {
    Error::new(format!("cannot run `{}`: {cause}", line_of(command)))
}

fn succeeded(command: &Command, status: ExitStatus) -> Result<()> {
    if status.success() {
        return Ok(());
    }
    let code = status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(1);
    Err(Error::new(format!("`{}` failed ({status})", line_of(command))).with_code(code))
}

/// The command as one would type it, program path shortened to its name.
pub(crate) fn line_of(command: &Command) -> String {
    let program = std::path::Path::new(command.get_program());
    let mut line =
        program.file_name().unwrap_or(program.as_os_str()).to_string_lossy().into_owned();
    for argument in command.get_args() {
        line.push(' ');
        line.push_str(&argument.to_string_lossy());
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_outer_package_s_variables_do_not_reach_a_nested_cargo() {
        assert!(is_of_the_outer_package(OsStr::new("CARGO_PKG_NAME")));
        assert!(is_of_the_outer_package(OsStr::new("CARGO_MANIFEST_DIR")));
        assert!(!is_of_the_outer_package(OsStr::new("CARGO_TARGET_DIR")));
        assert!(!is_of_the_outer_package(OsStr::new("CARGO_HOME")));
    }

    #[test]
    fn a_failing_command_is_named_with_its_exit_code() {
        let mut command = cargo();
        let error = output(command.arg("no-such-command-of-cargo")).unwrap_err();
        assert!(error.to_string().contains("cargo no-such-command-of-cargo"), "{error}");
    }

    #[test]
    fn lines_arrive_one_by_one() {
        let mut lines = 0;
        run_lines(cargo().arg("--version"), |line| {
            assert!(line.starts_with("cargo"));
            lines += 1;
        })
        .unwrap();
        assert_eq!(lines, 1);
    }
}
