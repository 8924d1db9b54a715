//! A file that stays open between reads.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

/// The time between two tries to open a file that is missing or forbidden: an attempt costs about
/// 3 µs, so that 15 missing files add 9 µs a second at one collect a second.
pub(crate) const RETRY_NS: u64 = 5_000_000_000;

/// The most that is read of one file. `/proc/stat` of 4096 cores has 400 KiB; what lies beyond is left out.
const MAX_BYTES: usize = 1 << 20;

const FIRST_BYTES: usize = 8 << 10;

/// A kernel file whose descriptor is kept, because opening costs more than reading: 3 µs in
/// `/proc`, up to 40 µs in `/proc/net` (2026-11, 2-core VM, kernel 6.18).
///
/// The first of the candidate paths that opens is used. One that cannot be opened is tried again
/// every [`RETRY_NS`]; one whose descriptor fails (the device or process behind it is gone) is
/// dropped, then opened anew by the next read.
pub(crate) struct KeptFile {
    paths: Vec<PathBuf>,
    file: Option<File>,
    next_try_ns: u64,
}

impl KeptFile {
    pub(crate) fn new(root: &Path, relative: &[&str]) -> Self {
        KeptFile {
            paths: relative.iter().map(|path| root.join(path)).collect(),
            file: None,
            next_try_ns: 0,
        }
    }

    /// Closes the file; the next read opens it again.
    pub(crate) fn forget(&mut self) {
        self.file = None;
        self.next_try_ns = 0;
    }

    /// Reads the whole file into `buffer`; `None` when it is missing, forbidden or gone.
    pub(crate) fn read<'a>(&mut self, buffer: &'a mut Vec<u8>, now_ns: u64) -> Option<&'a [u8]> {
        if self.file.is_none() {
            self.open(now_ns);
        }
        match read_from_start(self.file.as_ref()?, buffer) {
            Ok(length) => Some(&buffer[..length]),
            Err(_) => {
                self.forget();
                None
            }
        }
    }

    fn open(&mut self, now_ns: u64) {
        if now_ns < self.next_try_ns {
            return;
        }
        self.file = self.paths.iter().find_map(|path| File::open(path).ok());
        self.next_try_ns = now_ns.saturating_add(RETRY_NS);
    }
}

/// `/proc` files come in pieces of a page, so a short read is not the end: only 0 bytes are.
fn read_from_start(file: &File, buffer: &mut Vec<u8>) -> io::Result<usize> {
    let mut length = 0;
    loop {
        if length == buffer.len() {
            if length >= MAX_BYTES {
                return Ok(length);
            }
            buffer.resize((length * 2).max(FIRST_BYTES), 0);
        }
        match read_at(file, &mut buffer[length..], length as u64) {
            Ok(0) => return Ok(length),
            Ok(more) => length += more,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

#[cfg(unix)]
fn read_at(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    std::os::unix::fs::FileExt::read_at(file, buffer, offset)
}

#[cfg(windows)]
fn read_at(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    std::os::windows::fs::FileExt::seek_read(file, buffer, offset)
}

#[cfg(not(any(unix, windows)))]
fn read_at(_: &File, _: &mut [u8], _: u64) -> io::Result<usize> {
    Err(io::ErrorKind::Unsupported.into())
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::process::{Command, Stdio};

    use super::*;

    #[test]
    fn a_file_whose_process_ended_is_dropped() {
        let mut child =
            Command::new("cat").stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
        let path = format!("proc/{}/stat", child.id());
        let mut file = KeptFile::new(Path::new("/"), &[&path]);
        let mut buffer = Vec::new();
        assert!(file.read(&mut buffer, 0).is_some());
        drop(child.stdin.take());
        child.wait().unwrap();
        assert_eq!(file.read(&mut buffer, 1), None);
        assert!(file.file.is_none());
    }

    #[test]
    fn a_long_file_is_read_whole_up_to_the_limit() {
        let name = format!("perf-monitor-host-kept-{}", std::process::id());
        let path = std::env::temp_dir().join(name);
        let mut buffer = Vec::new();
        for length in [0, 1, FIRST_BYTES, FIRST_BYTES + 1, MAX_BYTES, MAX_BYTES + 1] {
            std::fs::write(&path, vec![b'x'; length]).unwrap();
            let mut file = KeptFile::new(Path::new("/"), &[path.to_str().unwrap()]);
            let text = file.read(&mut buffer, 0).unwrap();
            assert_eq!(text.len(), length.min(MAX_BYTES));
            assert!(text.iter().all(|b| *b == b'x'));
        }
        std::fs::remove_file(&path).unwrap();
    }
}
