//! Keys, tokens, passwords, and addresses that are as good as these.

use std::fmt;
use std::path::PathBuf;

use crate::error::Error;
use crate::rules::read_bounded;

/// A secret has at most so many bytes.
const LONGEST: usize = 16 * 1024;

/// Something that must not be seen: it is in no log, no `Debug`, no answer of the API, no error.
///
/// A file or a variable is read at each use, so that a secret that is changed there is taken.
///
/// ```
/// use perf_monitor_alerting::Secret;
/// assert_eq!(format!("{:?}", Secret::text("hunter2")), "Secret(given)");
/// assert_eq!(format!("{:?}", Secret::env("SLACK_URL")), "Secret(env SLACK_URL)");
/// ```
#[derive(Clone)]
pub struct Secret(Source);

#[derive(Clone)]
enum Source {
    Text(Box<str>),
    File(PathBuf),
    Env(Box<str>),
}

impl Secret {
    /// This text. It is better kept in a file.
    pub fn text(text: impl Into<Box<str>>) -> Secret {
        Secret(Source::Text(text.into()))
    }

    /// The content of a file, without white space around it.
    pub fn file(path: impl Into<PathBuf>) -> Secret {
        Secret(Source::File(path.into()))
    }

    /// The value of an environment variable.
    pub fn env(name: impl Into<Box<str>>) -> Secret {
        Secret(Source::Env(name.into()))
    }

    pub(super) fn read(&self) -> Result<String, Error> {
        let text = match &self.0 {
            Source::Text(text) => text.trim().to_owned(),
            Source::File(path) => {
                let read = read_bounded(path, LONGEST).map_err(|cause| {
                    let path = path.display();
                    let message = format!("the secret in {path} cannot be read: {cause}");
                    Error::options(message).because(cause)
                });
                read?.trim().to_owned()
            }
            Source::Env(name) => match std::env::var(&**name) {
                Ok(text) => text.trim().to_owned(),
                Err(_) => return Err(Error::options(format!("the variable {name} is not set"))),
            },
        };
        match text.is_empty() {
            true => Err(Error::options(format!("{self:?} is empty"))),
            false => Ok(text),
        }
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Source::Text(_) => f.write_str("Secret(given)"),
            Source::File(path) => write!(f, "Secret(file {})", path.display()),
            Source::Env(name) => write!(f, "Secret(env {name})"),
        }
    }
}
