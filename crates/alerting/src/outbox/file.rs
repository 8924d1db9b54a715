//! The file: opened, repaired, appended to, written anew.

use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use super::frame::{self, MAGIC, Payload};
use crate::book::{Record, Saved};
use crate::error::{Error, ErrorKind};

/// A file of this process alone, by a lock that the system takes back when the process ends.
#[derive(Debug)]
pub(crate) struct Store {
    path: PathBuf,
    file: File,
    /// Up to here everything is good; what a failed write left behind it is cut off.
    bytes: u64,
    /// Up to here everything is on the disk; what the test of that order goes by.
    synced_bytes: u64,
    /// The size right after it was last written anew.
    compacted_bytes: u64,
    /// Whether a write failed since something was last written whole.
    is_torn: bool,
}

/// What was cut off a damaged file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Repair {
    /// The file.
    pub path: PathBuf,
    /// Bytes that were good, and are still there.
    pub good_bytes: u64,
    /// Bytes from the first damaged record on, which are kept beside the file, in `NAME.damaged`.
    pub lost_bytes: u64,
}

impl fmt::Display for Repair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.path.display();
        let (good, lost) = (self.good_bytes, self.lost_bytes);
        write!(
            f,
            "{path}: {lost} damaged bytes after {good} good ones were put into {path}.damaged"
        )
    }
}

/// What a file held.
#[derive(Debug, Default)]
pub(crate) struct Loaded {
    pub(crate) saved: Saved,
    pub(crate) records: Vec<Record>,
    pub(crate) repair: Option<Repair>,
}

impl Store {
    /// Opens the file at `path`, or makes it; what is damaged is cut off.
    pub(crate) fn open(path: &Path) -> Result<(Store, Loaded), Error> {
        let opened = open(path).and_then(|mut file| {
            let mut bytes = Vec::new();
            file.read_to_end(&mut bytes)?;
            Ok((file, bytes))
        });
        let (file, bytes) = opened.map_err(|cause| cannot("open", path, cause))?;
        if bytes.len() >= MAGIC.len() && &bytes[..MAGIC.len()] != MAGIC {
            let path = path.display();
            let message = format!(
                "{path} is not an outbox of this version: name another file, or move it away"
            );
            return Err(Error::new(ErrorKind::Store, message));
        }
        let (mut loaded, good) = load(&bytes);
        let mut store = Store {
            path: path.to_owned(),
            file,
            bytes: good,
            synced_bytes: 0,
            compacted_bytes: 0,
            is_torn: false,
        };
        // Less than the word at the beginning is what a kill at the very first write leaves.
        if good < bytes.len() as u64 && bytes.len() >= MAGIC.len() {
            let lost = &bytes[good as usize..];
            loaded.repair = Some(Repair {
                path: path.to_owned(),
                good_bytes: good,
                lost_bytes: lost.len() as u64,
            });
            // Only to be looked at: a disk that has no room for it is no reason not to start.
            let _ = private()
                .truncate(true)
                .open(beside(path, "damaged"))
                .and_then(|mut damaged| damaged.write_all(lost));
        }
        store.begin(bytes.len() as u64).map_err(|cause| cannot("write", path, cause))?;
        Ok((store, loaded))
    }

    /// Cuts off what is damaged, writes what a new file begins with.
    fn begin(&mut self, bytes: u64) -> io::Result<()> {
        if self.bytes < bytes {
            self.file.set_len(self.bytes)?;
        }
        self.file.seek(SeekFrom::Start(self.bytes))?;
        if self.bytes == 0 {
            self.file.write_all(MAGIC)?;
            self.bytes = MAGIC.len() as u64;
        }
        self.file.sync_data()?;
        self.synced_bytes = self.bytes;
        sync_directory(&self.path);
        Ok(())
    }

    /// Appends records, all or none; with `sync` they are on the disk when this returns.
    pub(crate) fn append(&mut self, records: Vec<Record>, sync: bool) -> Result<(), Error> {
        let mut out = Vec::new();
        let encoded = frame::write(&Payload::Changes(records), &mut out).map_err(io::Error::from);
        encoded
            .and_then(|()| self.write(&out, sync))
            .map_err(|cause| cannot("write", &self.path, cause))
    }

    fn write(&mut self, bytes: &[u8], sync: bool) -> io::Result<()> {
        if self.is_torn {
            self.file.set_len(self.bytes)?;
            self.file.seek(SeekFrom::Start(self.bytes))?;
        }
        self.is_torn = true;
        self.file.write_all(bytes)?;
        if sync {
            self.file.sync_data()?;
        }
        self.bytes += bytes.len() as u64;
        if sync {
            self.synced_bytes = self.bytes;
        }
        self.is_torn = false;
        Ok(())
    }

    /// Whether it has grown enough to be written anew: past `most`, and to twice of what it then was,
    /// so that a file that is large for good reason is not written anew each time.
    pub(crate) fn is_large(&self, most: u64) -> bool {
        self.bytes > most && self.bytes > 2 * self.compacted_bytes
    }

    /// How many bytes, from the beginning, are on the disk.
    #[cfg(test)]
    pub(crate) fn synced_bytes(&self) -> u64 {
        self.synced_bytes
    }

    /// Writes the file anew, from everything that is to be kept: readers, and the next start, find the
    /// old content or the new one.
    pub(crate) fn compact(&mut self, saved: Saved) -> Result<(), Error> {
        let mut out = MAGIC.to_vec();
        let encoded = frame::write(&Payload::Saved(Box::new(saved)), &mut out);
        encoded
            .map_err(io::Error::from)
            .and_then(|()| self.replace(&out))
            .map_err(|cause| cannot("write", &self.path, cause))
    }

    fn replace(&mut self, bytes: &[u8]) -> io::Result<()> {
        let new = beside(&self.path, "new");
        let mut file = open(&new)?;
        file.set_len(0)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&new, &self.path)?;
        sync_directory(&self.path);
        self.file = file;
        self.bytes = bytes.len() as u64;
        (self.synced_bytes, self.compacted_bytes) = (self.bytes, self.bytes);
        self.is_torn = false;
        Ok(())
    }
}

/// Reads frames up to the first that is damaged; and how many bytes are good.
fn load(bytes: &[u8]) -> (Loaded, u64) {
    let mut loaded = Loaded::default();
    let Some(mut rest) = bytes.strip_prefix(MAGIC) else { return (loaded, 0) };
    while let Some((payload, after)) = frame::read(rest) {
        match payload {
            Payload::Saved(saved) => {
                loaded.saved = *saved;
                loaded.records.clear();
            }
            Payload::Changes(records) => loaded.records.extend(records),
        }
        rest = after;
    }
    (loaded, (bytes.len() - rest.len()) as u64)
}

/// What an alert says may be nobody else's business.
fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

fn open(path: &Path) -> io::Result<File> {
    let file = private().truncate(false).open(path)?;
    file.try_lock().map_err(|error| match error {
        fs::TryLockError::WouldBlock => {
            io::Error::new(io::ErrorKind::ResourceBusy, "another process has it open")
        }
        fs::TryLockError::Error(error) => error,
    })?;
    Ok(file)
}

fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{ending}"));
    name.into()
}

/// Where a directory cannot be brought to the disk, a power cut may bring back the file of before,
/// which is whole.
fn sync_directory(path: &Path) {
    let directory = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let _ = File::open(directory).and_then(|directory| directory.sync_all());
}

fn cannot(what: &str, path: &Path, cause: io::Error) -> Error {
    let name = path.display();
    let remedy = match cause.kind() {
        io::ErrorKind::NotFound => "create its directory",
        io::ErrorKind::PermissionDenied => "allow reading and writing it",
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => "free space there",
        io::ErrorKind::ResourceBusy => "give each process its own",
        _ => "look at the cause, or name another file",
    };
    let message = format!("cannot {what} the outbox {name}: {cause}: {remedy}");
    Error::new(ErrorKind::Store, message).because(cause)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::labels::Labels;
    use crate::machine::Reason;

    fn record(n: i64) -> Record {
        Record::Resolved {
            rule: "r".into(),
            labels: Labels::default(),
            unix_ms: n,
            reason: Reason::Condition,
        }
    }

    fn place(name: &str) -> PathBuf {
        let directory =
            std::env::temp_dir().join(format!("pm-outbox-{}-{name}", std::process::id()));
        let _ = fs::remove_dir_all(&directory);
        fs::create_dir_all(&directory).unwrap();
        directory.join("outbox")
    }

    #[test]
    fn a_file_cut_at_any_byte_gives_what_was_whole_and_takes_more() {
        let path = place("cut");
        let (mut store, _) = Store::open(&path).unwrap();
        let mut ends = vec![store.bytes];
        for n in 0..3 {
            store.append(vec![record(n), record(n)], false).unwrap();
            ends.push(store.bytes);
        }
        drop(store);
        let whole = fs::read(&path).unwrap();
        for cut in 0..whole.len() {
            fs::write(&path, &whole[..cut]).unwrap();
            let (mut store, loaded) = Store::open(&path).unwrap();
            let good = ends.iter().filter(|end| **end <= cut as u64).count().saturating_sub(1);
            assert_eq!(loaded.records.len(), good * 2, "cut at {cut}");
            let at_end = ends.contains(&(cut as u64)) || cut < MAGIC.len();
            assert_eq!(loaded.repair.is_none(), at_end, "cut at {cut}");
            store.append(vec![record(7)], false).unwrap();
            drop(store);
            let (_, loaded) = Store::open(&path).unwrap();
            assert_eq!(loaded.records.last(), Some(&record(7)), "cut at {cut}");
            assert_eq!(loaded.repair, None);
        }
        fs::remove_dir_all(path.parent().unwrap()).unwrap();
    }

    #[test]
    fn any_byte_that_is_another_loses_nothing_before_it() {
        let path = place("flip");
        let (mut store, _) = Store::open(&path).unwrap();
        store.append(vec![record(1)], true).unwrap();
        let first = store.bytes;
        store.append(vec![record(2)], true).unwrap();
        drop(store);
        let whole = fs::read(&path).unwrap();
        for at in first as usize..whole.len() {
            let mut damaged = whole.clone();
            damaged[at] ^= 0x40;
            fs::write(&path, damaged).unwrap();
            let (_, loaded) = Store::open(&path).unwrap();
            assert_eq!(loaded.records, [record(1)], "byte {at}");
            assert_eq!(loaded.repair.unwrap().good_bytes, first);
        }
        #[cfg(unix)]
        for file in [path.clone(), beside(&path, "damaged")] {
            let mode = std::os::unix::fs::MetadataExt::mode(&fs::metadata(&file).unwrap());
            assert_eq!(mode & 0o777, 0o600, "{}", file.display());
        }
        fs::remove_dir_all(path.parent().unwrap()).unwrap();
    }

    #[test]
    fn a_file_written_anew_begins_with_everything_and_goes_on() {
        let path = place("anew");
        let (mut store, _) = Store::open(&path).unwrap();
        store.append((0..50).map(record).collect(), true).unwrap();
        assert!(store.is_large(100));
        store.compact(Saved { next_number: 9, ..Saved::default() }).unwrap();
        assert!(!store.is_large(store.bytes - 1));
        store.append(vec![record(1)], false).unwrap();
        drop(store);
        let (_, loaded) = Store::open(&path).unwrap();
        assert_eq!((loaded.saved.next_number, loaded.records), (9, vec![record(1)]));
        fs::remove_dir_all(path.parent().unwrap()).unwrap();
    }

    #[test]
    fn a_file_of_somebody_else_is_left_alone() {
        let path = place("else");
        fs::write(&path, "something else entirely").unwrap();
        assert!(Store::open(&path).unwrap_err().is_store());
        assert_eq!(fs::read(&path).unwrap(), b"something else entirely");
        fs::remove_file(&path).unwrap();
        let (_one, _) = Store::open(&path).unwrap();
        assert!(Store::open(&path).unwrap_err().to_string().contains("give each process its own"));
        let missing = path.parent().unwrap().join("no/such/outbox");
        assert!(Store::open(&missing).unwrap_err().to_string().contains("create its directory"));
        fs::remove_dir_all(path.parent().unwrap()).unwrap();
    }
}
