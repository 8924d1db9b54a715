//! `cargo xtask tidy`: the rules of this repository that no compiler checks.
//!
//! Each rule is one file with a pure function from text to findings; this one reads the files and prints.

mod budgets;
mod citations;
mod first_lines;
mod layers;
mod leftovers;

use std::fs;
use std::path::Path;

use crate::command;
use crate::error::{Error, Result};
use crate::workspace::Workspace;

/// A broken rule: where, then what.
type Finding = String;

/// A file that is tracked, or would be when added.
struct File {
    path: String,
    /// `None` when it is not UTF-8.
    text: Option<String>,
    bytes: u64,
}

pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    let files = files(workspace)?;
    let layers = layers::check(&workspace.packages);
    let mut findings = layers.findings;
    for file in &files {
        findings.extend(first_lines::check(&file.path, file.text.as_deref().unwrap_or_default()));
        findings.extend(leftovers::check(&file.path, file.text.as_deref(), file.bytes));
    }
    findings
        .extend(citations::check(text_of(&files, "docs/seeds.md"), |path| text_of(&files, path)));
    findings.extend(budgets::check(text_of(&files, "benches/budgets.toml")));
    report(files.len(), &layers.notes, &findings)
}

fn report(files: usize, notes: &[String], findings: &[Finding]) -> Result<()> {
    notes.iter().for_each(|note| println!("tidy: note: {note}"));
    findings.iter().for_each(|finding| println!("tidy: {finding}"));
    println!("tidy: {files} files, {} findings", findings.len());
    if findings.is_empty() { Ok(()) } else { Err(Error::new("tidy has findings, listed above")) }
}

fn text_of<'a>(files: &'a [File], path: &str) -> Option<&'a str> {
    files.iter().find(|file| file.path == path).and_then(|file| file.text.as_deref())
}

/// What git tracks or would track: ignored files are nobody's business.
fn files(workspace: &Workspace) -> Result<Vec<File>> {
    let mut git = std::process::Command::new("git");
    git.current_dir(&workspace.root).args([
        "ls-files",
        "-z",
        "--cached",
        "--others",
        "--exclude-standard",
    ]);
    let paths = command::output(&mut git)?;
    let paths = paths.split('\0').filter(|path| !path.is_empty());
    Ok(paths.filter_map(|path| read(&workspace.root, path)).collect())
}

/// `None` for what is gone from the work tree, and for links, whose target is read under its own name.
fn read(root: &Path, path: &str) -> Option<File> {
    let full = root.join(path);
    if !full.symlink_metadata().ok()?.is_file() {
        return None;
    }
    let bytes = fs::read(full).ok()?;
    Some(File {
        path: path.to_owned(),
        bytes: bytes.len() as u64,
        text: String::from_utf8(bytes).ok(),
    })
}
