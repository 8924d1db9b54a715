//! What lies in this process's memory, read without touching it.

use std::fs::File;

use crate::maps::Module;

/// How much is compared around an address, and where it begins: at a multiple of it.
const PAGE: u64 = 4096;

/// The most pages of a module that are compared with its file.
const MOST_PAGES: usize = 64;

/// The memory of this process as a file: an address that is not mapped any more is an error, not a crash.
pub(super) struct Memory(Option<File>);

impl Memory {
    /// That of this process; where the system shows none, nothing can be read of it.
    pub(super) fn of_this_process() -> Memory {
        Memory(File::open("/proc/self/mem").ok())
    }

    /// Fills `bytes` from `address` on; whether it could.
    pub(super) fn read(&self, address: u64, bytes: &mut [u8]) -> bool {
        self.0.as_ref().is_some_and(|memory| read(memory, address, bytes))
    }

    /// Whether `file` has what is mapped as `module` around each of `addresses`.
    ///
    /// Code is mapped as it is in the file, so a file that differs there is not the one that was
    /// mapped, whatever its path is.
    pub(super) fn is_of(&self, file: &File, module: &Module, addresses: &[u64]) -> bool {
        let mut pages: Vec<u64> = addresses.iter().map(|address| address / PAGE * PAGE).collect();
        pages.dedup();
        let step = pages.len().div_ceil(MOST_PAGES).max(1);
        pages.into_iter().step_by(step).all(|page| self.is_same(file, module, page))
    }

    fn is_same(&self, file: &File, module: &Module, page: u64) -> bool {
        let (mut mapped, mut stored) = ([0; PAGE as usize], [0; PAGE as usize]);
        let start = page.max(module.range.start);
        let offset = start - module.range.start + module.file_offset;
        // the last page of a file ends before the page of memory does
        let length = file.metadata().map_or(0, |data| data.len()).saturating_sub(offset);
        let length = length.min(page + PAGE - start).min(module.range.end - start) as usize;
        length > 0
            && self.read(start, &mut mapped[..length])
            && read(file, offset, &mut stored[..length])
            && mapped == stored
    }
}

#[cfg(unix)]
fn read(file: &File, offset: u64, bytes: &mut [u8]) -> bool {
    std::os::unix::fs::FileExt::read_exact_at(file, bytes, offset).is_ok()
}

#[cfg(not(unix))]
fn read(_: &File, _: u64, _: &mut [u8]) -> bool {
    false
}
