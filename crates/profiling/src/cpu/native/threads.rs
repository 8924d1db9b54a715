//! The threads of this process, as the kernel lists them.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::os::fd::{AsRawFd, RawFd};
use std::os::unix::fs::MetadataExt;

use crate::error::Error;

/// What the kernel keeps of a thread's name, with zeroes behind it.
pub(crate) type Name = [u8; 16];

/// Shows `see` the number of each thread that there is now. It allocates nothing.
///
/// # Errors
/// There is no `/proc`, or no file can be opened.
pub(crate) fn each(mut see: impl FnMut(i32)) -> Result<(), Error> {
    let failed = |cause| Error::System("cannot list the threads in /proc/self/task", cause);
    let tasks = File::open("/proc/self/task").map_err(failed)?;
    let mut entries = Entries([0; ENTRIES]);
    loop {
        let filled = entries.fill(tasks.as_raw_fd()).map_err(failed)?;
        if filled == 0 {
            return Ok(());
        }
        names(&entries.0[..filled]).filter_map(number).for_each(&mut see);
    }
}

/// Some eighty threads at a time.
const ENTRIES: usize = 2048;

/// A piece of a directory, as the kernel writes it.
#[repr(C, align(8))]
struct Entries([u8; ENTRIES]);

/// Before the name in each entry: the file's number, a position, the entry's length and a type.
const HEAD: usize = 19;
const LENGTH_AT: usize = 16;

impl Entries {
    /// The next piece, and how many bytes of it there are; 0 at the end.
    fn fill(&mut self, directory: RawFd) -> io::Result<usize> {
        // SAFETY: the kernel writes as many bytes as there are, all of them part of this.
        let filled = unsafe {
            libc::syscall(libc::SYS_getdents64, directory, self.0.as_mut_ptr(), self.0.len())
        };
        usize::try_from(filled).map_err(|_| io::Error::last_os_error())
    }
}

/// The names in a piece of a directory.
fn names(mut entries: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        let length = entries.get(LENGTH_AT..LENGTH_AT + 2)?;
        let length = usize::from(u16::from_ne_bytes([length[0], length[1]]));
        let name = entries.get(HEAD..length)?;
        entries = &entries[length..];
        name.split(|byte| *byte == 0).next()
    })
}

fn number(name: &[u8]) -> Option<i32> {
    str::from_utf8(name).ok()?.parse().ok()
}

/// How many there are, which is told faster than which. `None` where the kernel does not tell.
pub(crate) fn count() -> Option<u64> {
    // a directory has two links and one for each directory in it
    fs::metadata("/proc/self/task").ok()?.nlink().checked_sub(2)
}

/// What the thread `number` is called; `None` once it has ended. It allocates nothing.
pub(crate) fn name(number: i32) -> Option<Name> {
    let mut path = [0; 48];
    let mut rest = &mut path[..];
    write!(rest, "/proc/self/task/{number}/comm").ok()?;
    let free = rest.len();
    let path = &path[..path.len() - free];
    let mut name = Name::default();
    let read = File::open(str::from_utf8(path).ok()?).ok()?.read(&mut name).ok()?;
    let length = name[..read].trim_ascii_end().len();
    name[length..].fill(0);
    Some(name)
}

/// The calling thread's number.
pub(crate) fn own() -> i32 {
    // SAFETY: takes nothing and cannot fail.
    unsafe { libc::gettid() }
}

#[cfg(test)]
mod tests {
    use std::sync::Barrier;

    use super::*;

    #[test]
    fn this_thread_is_listed_with_its_name() {
        let named = std::thread::Builder::new().name("somebody".into());
        let thread = named.spawn(|| {
            let mut found = false;
            each(|number| found |= number == own()).unwrap();
            assert!(found && count() >= Some(1));
            name(own())
        });
        assert_eq!(thread.unwrap().join().unwrap(), Some(*b"somebody\0\0\0\0\0\0\0\0"));
        assert_eq!(name(0), None);
    }

    #[test]
    fn more_threads_than_one_piece_of_the_list_has_are_all_listed() {
        const THREADS: usize = 300;
        let (there, end) = (Barrier::new(THREADS + 1), Barrier::new(THREADS + 1));
        std::thread::scope(|scope| {
            for _ in 0..THREADS {
                let small = std::thread::Builder::new().stack_size(64 * 1024);
                let wait = || {
                    there.wait();
                    end.wait();
                };
                small.spawn_scoped(scope, wait).unwrap();
            }
            there.wait();
            let mut listed = Vec::new();
            each(|number| listed.push(number)).unwrap();
            end.wait();
            assert!(listed.len() > THREADS);
            listed.sort_unstable();
            listed.dedup();
            assert!(listed.len() > THREADS, "each once");
        });
    }
}
