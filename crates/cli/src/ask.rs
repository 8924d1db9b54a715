//! The commands that ask: from a running monitor into a file or the standard output.

use std::io::{self, ErrorKind, Write};
use std::path::Path;
use std::time::Duration;

use perf_monitor::export::write_atomically;

use crate::args::Source;
use crate::error::{Error, Result};
use crate::fetch::{self, Answer, Place};

/// What is asked for, of whom.
pub(crate) struct Ask {
    /// The path that a monitor answers it on.
    pub(crate) path: String,
    /// How long the monitor works before it answers.
    pub(crate) length: Duration,
    pub(crate) source: Source,
}

/// Asks the monitor and writes what it answers.
///
/// # Errors
/// The monitor does not answer, or not all of it; the file or the standard output does not take it.
/// The file is as it was then.
pub(crate) fn run(ask: &Ask) -> Result<()> {
    let Ask { path, length, source } = ask;
    let place = Place::of(&source.url)?;
    if !length.is_zero() {
        source.out.as_deref().map_or(Ok(()), try_out)?;
        eprintln!("perf-monitor: {place} takes a profile for {} s", length.as_secs());
    }
    let answer = fetch::get(&place, path, source.token.as_deref(), *length)?;
    write(answer, source)
}

/// Writes `answer` to where it is wanted.
///
/// # Errors
/// As those of [`run`].
pub(crate) fn write(answer: Answer, source: &Source) -> Result<()> {
    match &source.out {
        Some(path) => to_file(answer, path),
        None => to_standard_output(answer),
    }
}

/// Whether a file can be written, before anybody waits half a minute for what is to be in it. Nothing is left of the try.
/// A pipe is not opened, as its reader would take that for the end.
fn try_out(path: &Path) -> Result<()> {
    if path.metadata().is_ok_and(|there| !there.is_file() && !there.is_dir()) {
        return Ok(());
    }
    let mut can_be_written = false;
    let tried = write_atomically(path, |_| {
        can_be_written = true;
        Err(ErrorKind::Interrupted.into())
    });
    match tried {
        Err(e) if !can_be_written => Err(Error::new(format!("{e}")).because(e)),
        _ => Ok(()),
    }
}

fn to_file(answer: Answer, path: &Path) -> Result<()> {
    write_atomically(path, |file| answer.copy_to(file))
        .map_err(|e| Error::new(format!("{e}")).because(e))
}

fn to_standard_output(answer: Answer) -> Result<()> {
    let mut out = io::stdout().lock();
    match answer.copy_to(&mut out).and_then(|()| out.flush()) {
        Ok(()) => Ok(()),
        // somebody like `head` has seen enough
        Err(e) if e.kind() == ErrorKind::BrokenPipe => Ok(()),
        Err(e) if fetch::is_of_the_monitor(&e) => Err(Error::new(format!("{e}")).because(e)),
        Err(e) => Err(Error::new(format!("cannot write to the standard output: {e}")).because(e)),
    }
}
