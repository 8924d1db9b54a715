//! Files that are read again when they change.

use std::fs::{self, File};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// A file and what it was when it was last read.
#[derive(Clone, Debug)]
pub(crate) struct Watched {
    pub(crate) path: PathBuf,
    seen: Option<Seen>,
}

/// The time and the size say that a look is worth it, the content that something changed: an editor
/// may write the same within one tick of the file system's clock.
#[derive(Clone, Debug, PartialEq)]
struct Seen {
    modified: Option<SystemTime>,
    bytes: u64,
    hash: u64,
    /// Whether it was written so shortly before it was read that it may change unseen.
    is_fresh: bool,
}

/// Clocks of file systems tick at least this often.
const TICK_MS: u128 = 2_000;

impl Watched {
    pub(crate) fn new(path: PathBuf) -> Watched {
        Watched { path, seen: None }
    }

    /// The content, if it is another than the last time.
    ///
    /// # Errors
    /// It cannot be read, is larger than `most` bytes, or is not UTF-8.
    pub(crate) fn changed(&mut self, most: usize) -> io::Result<Option<String>> {
        let metadata = fs::metadata(&self.path)?;
        let (modified, bytes) = (metadata.modified().ok(), metadata.len());
        if let Some(seen) = &self.seen
            && !seen.is_fresh
            && (seen.modified, seen.bytes) == (modified, bytes)
        {
            return Ok(None);
        }
        let text = read_bounded(&self.path, most)?;
        let mut hasher = DefaultHasher::new();
        text.hash(&mut hasher);
        let hash = hasher.finish();
        let age = modified.and_then(|at| SystemTime::now().duration_since(at).ok());
        let is_fresh = age.is_none_or(|age| age.as_millis() < TICK_MS);
        let is_same = self.seen.as_ref().is_some_and(|seen| seen.hash == hash);
        self.seen = Some(Seen { modified, bytes, hash, is_fresh });
        Ok((!is_same).then_some(text))
    }
}

/// The text of a file of at most `most` bytes.
pub(crate) fn read_bounded(path: &Path, most: usize) -> io::Result<String> {
    let mut text = String::new();
    File::open(path)?.take(most as u64 + 1).read_to_string(&mut text)?;
    if text.len() > most {
        let why = format!("the file has more than {most} bytes: split it");
        return Err(io::Error::other(why));
    }
    Ok(text)
}
