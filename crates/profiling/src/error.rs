//! What can go wrong.

use std::error::Error as StdError;
use std::fmt;

/// Why a profiler could not do what it was asked.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// There is nothing to stop: start the profiler first.
    ProfilerNotStarted,
    /// A profile is being taken already, and the process has one timer a thread: stop it first, or wait.
    AlreadyStarted,
    /// A rate out of 1 to 1,000 Hz: choose 99 for a look, 19 for always.
    Frequency(i32),
    /// Another part of the program handles the signal that samples come by: choose another one with
    /// the options, or do without the other part.
    SignalTaken(i32),
    /// The system refuses what it takes, named first; the cause is its own word.
    System(&'static str, std::io::Error),
    /// This cannot be had in this build or on this system; the text says what would do it.
    Unsupported(&'static str),
    /// What was to be read is not what it should be: a dump of an allocator, an object file.
    Malformed(String),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::ProfilerNotStarted => f.write_str("the profiler is not started: start it first"),
            Error::AlreadyStarted => f.write_str(
                "a profile is being taken already: stop it first, or wait until it ends",
            ),
            Error::Frequency(hz) => {
                write!(f, "a rate of {hz} Hz is out of range: choose 1 to 1000, such as 99")
            }
            Error::SignalTaken(number) => write!(
                f,
                "signal {number} is handled by another part of the program: choose another signal"
            ),
            Error::System(what, cause) => write!(f, "{what}: {cause}"),
            Error::Unsupported(why) => f.write_str(why),
            Error::Malformed(why) => f.write_str(why),
        }
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match self {
            Error::System(_, cause) => Some(cause),
            _ => None,
        }
    }
}
