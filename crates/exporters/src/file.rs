//! Files that hold the old content or the new one, never a part.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, BufWriter, ErrorKind as Io, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use crate::error::{Error, ErrorKind};

/// Names that are tried for the temporary file: some may be left from processes that were killed.
const NAMES_TRIED: usize = 100;

/// Links that are followed, as many as Linux follows.
const LINKS_FOLLOWED: usize = 40;

/// What is collected before it goes to the disk, in bytes.
const BUFFER_BYTES: usize = 32 * 1024;

/// Makes what `write` writes the content of the file at `path`, at once.
///
/// It is written to a temporary file in the same directory, brought to the disk and renamed. Whoever reads the path
/// sees the old content or the new one, also after a crash or a power cut. A process that is killed meanwhile may
/// leave a `.perf-monitor-*.tmp` behind, which can be deleted.
///
/// An old file keeps its permissions; a symbolic link stays, and the file that it leads to is replaced. What is no
/// file (`/dev/stdout`, a named pipe) is written to directly. A hard link keeps the old content under its other
/// names. The thread waits for the disk, so async code calls this where blocking is allowed.
///
/// # Errors
/// [`is_file`](Error::is_file), naming the path and the remedy, with the cause as its source: the directory is
/// missing, may not be written or is full, the path is empty or a directory, the old file is read-only, or `write` itself
/// failed. The old file, if there was one, is as it was, and the temporary one is gone.
///
/// ```
/// use std::io::Write;
///
/// # let directory = std::env::temp_dir().join(format!("perf-monitor-doc-{}", std::process::id()));
/// # std::fs::create_dir_all(&directory)?;
/// let path = directory.join("report.txt");
/// perf_monitor_exporters::write_atomically(&path, |out| writeln!(out, "all is well"))?;
/// assert_eq!(std::fs::read_to_string(&path)?, "all is well\n");
/// # std::fs::remove_dir_all(&directory)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn write_atomically(
    path: impl AsRef<Path>,
    write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> Result<(), Error> {
    let path = path.as_ref();
    if path.as_os_str().is_empty() {
        let message = "nothing was written: the path is empty, name a file";
        return Err(Error::new(ErrorKind::File, message).because(io::Error::from(Io::InvalidInput)));
    }
    replace(path, write).map_err(|error| refused(path, error))
}

fn replace(path: &Path, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<()> {
    let permissions = match old(path)? {
        Old::None => None,
        Old::File(permissions) => Some(permissions),
        Old::Other(device) => return fill(&device, write),
    };
    let target = follow(path);
    let (temporary, file) = Temporary::beside(&target, permissions)?;
    fill(&file, write)?;
    file.sync_all()?;
    temporary.rename(&target)
}

/// What stands at a path before it is written.
enum Old {
    None,
    File(Permissions),
    /// A device or a pipe, open for writing.
    Other(File),
}

/// Opens for writing what is there, so that a file that may not be written is not replaced either.
fn old(path: &Path) -> io::Result<Old> {
    let file = match OpenOptions::new().write(true).open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == Io::NotFound => return Ok(Old::None),
        Err(error) => return Err(error),
    };
    let metadata = file.metadata()?;
    Ok(match metadata.is_file() {
        true => Old::File(metadata.permissions()),
        false => Old::Other(file),
    })
}

/// Where the links at `path` lead, whether or not a file is there.
fn follow(path: &Path) -> PathBuf {
    let mut target = path.to_owned();
    for _ in 0..LINKS_FOLLOWED {
        let Ok(next) = fs::read_link(&target) else { break };
        target = directory(&target).join(next);
    }
    target
}

fn directory(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

fn fill(file: &File, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<()> {
    let mut out = BufWriter::with_capacity(BUFFER_BYTES, file);
    write(&mut out).map_err(of_writer)?;
    out.flush()
}

/// A full disk is ours to explain. What else a writer fails with is its own, say a source that is not there, and must
/// not be taken for a failure of the path.
fn of_writer(error: io::Error) -> io::Error {
    match error.kind() {
        Io::StorageFull | Io::QuotaExceeded | Io::FileTooLarge => error,
        _ => io::Error::other(error),
    }
}

/// A file that is removed unless it is renamed.
struct Temporary {
    path: PathBuf,
    renamed: bool,
}

impl Temporary {
    fn beside(target: &Path, permissions: Option<Permissions>) -> io::Result<(Temporary, File)> {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let mut result = Err(Io::AlreadyExists.into());
        for _ in 0..NAMES_TRIED {
            let n = COUNT.fetch_add(1, Relaxed);
            let name = format!(".perf-monitor-{}-{n}.tmp", std::process::id());
            result = Temporary::create(directory(target).join(name), permissions.clone());
            if !matches!(&result, Err(error) if error.kind() == Io::AlreadyExists) {
                break;
            }
        }
        result
    }

    fn create(path: PathBuf, permissions: Option<Permissions>) -> io::Result<(Temporary, File)> {
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        if permissions.is_some() {
            private(&mut options);
        }
        let file = options.open(&path)?;
        let temporary = Temporary { path, renamed: false };
        if let Some(permissions) = permissions {
            file.set_permissions(permissions)?;
        }
        Ok((temporary, file))
    }

    fn rename(mut self, target: &Path) -> io::Result<()> {
        fs::rename(&self.path, target)?;
        self.renamed = true;
        // The new file stands. Where a directory cannot be brought to the disk, a power cut may bring
        // back the old file, which is whole.
        let _ = File::open(directory(target)).and_then(|directory| directory.sync_all());
        Ok(())
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        if !self.renamed {
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Nobody else may open the file before it has the permissions of the old one.
#[cfg(unix)]
fn private(options: &mut OpenOptions) {
    std::os::unix::fs::OpenOptionsExt::mode(options, 0o600);
}

#[cfg(not(unix))]
fn private(_: &mut OpenOptions) {}

fn refused(path: &Path, error: io::Error) -> Error {
    let path = path.display();
    let message = match error.kind() {
        Io::NotFound => format!("{path} was not written: create its directory first"),
        Io::PermissionDenied => {
            format!(
                "{path} was not written: allow writing to it and its directory, or name another"
            )
        }
        Io::IsADirectory => format!("{path} was not written: it is a directory, name a file in it"),
        Io::NotADirectory => {
            format!("{path} was not written: a part of the path is a file, name a directory")
        }
        Io::StorageFull | Io::QuotaExceeded | Io::FileTooLarge => {
            format!("{path} was not written: free space there, or name another place")
        }
        Io::ReadOnlyFilesystem => {
            format!("{path} was not written: it is on a read-only file system, name another place")
        }
        _ => format!("{path} was not written: {error}"),
    };
    Error::new(ErrorKind::File, message).because(error)
}
