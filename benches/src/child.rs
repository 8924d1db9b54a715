//! Rows in processes of their own, so that what one leaves behind is no part of another.
//!
//! The bench starts itself with `--child NAME`; the child prints what it found as one line of JSON.

use std::process::{Command, Stdio};

use serde::de::DeserializeOwned;

use crate::harness::Effort;
use crate::rows;

/// What the child called `name` found.
pub(crate) fn ask<T: DeserializeOwned>(name: &str, effort: Effort) -> Result<T, String> {
    let program = std::env::current_exe().map_err(|cause| format!("this program: {cause}"))?;
    let mut command = Command::new(program);
    command.args(["--child", name]).stderr(Stdio::inherit());
    if effort.short {
        command.arg("--short");
    }
    let output = command.output().map_err(|cause| format!("{name}: cannot start: {cause}"))?;
    if !output.status.success() {
        return Err(format!("{name}: its process failed ({})", output.status));
    }
    serde_json::from_slice(&output.stdout).map_err(|cause| format!("{name}: its answer: {cause}"))
}

/// In the child: finds it out and prints it.
pub(crate) fn answer(name: &str, effort: Effort) -> Result<(), String> {
    let found = rows::find_out(name, effort).map_err(|error| format!("{name}: {error}"))?;
    println!("{found}");
    Ok(())
}
