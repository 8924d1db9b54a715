//! Reading a program's tables for exceptions, for code that has no frame of its own.

use std::slice;

use gimli::{
    BaseAddresses, CfaRule, EhFrame, EhFrameHdr, EndianSlice, NativeEndian, Pointer, ReaderOffset,
    Register, RegisterRule, UnwindContext, UnwindContextStorage, UnwindSection, UnwindTableRow,
};

use super::mapped::Zeroes;
use super::rows::{Row, Rows, Step};

/// Addresses that were looked at, by a hash: 4 KiB.
const BITS: usize = 32 * 1024;

/// Addresses that are looked at in one round. Each takes some microseconds.
const MOST: usize = 32;

/// Which code was looked at already. Two addresses may have one bit: then one of them is not looked at.
#[repr(C)]
pub(crate) struct Looked {
    bits: [u64; BITS / 64],
    count: usize,
    wanted: [u64; MOST],
    waiting: usize,
}

// SAFETY: integers and arrays of them.
unsafe impl Zeroes for Looked {}

impl Looked {
    /// Wants `code` to be looked at, unless it was or there is too much already.
    pub(crate) fn want(&mut self, code: u64) {
        let bit =
            (code.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> (64 - BITS.trailing_zeros())) as usize;
        let (word, mask) = (bit / 64, 1 << (bit % 64));
        if self.bits[word] & mask == 0 && self.waiting < MOST {
            self.bits[word] |= mask;
            self.count += 1;
            self.wanted[self.waiting] = code;
            self.waiting += 1;
        }
    }

    /// Forgets what was looked at.
    pub(crate) fn clear(&mut self) {
        self.bits = [0; BITS / 64];
        (self.count, self.waiting) = (0, 0);
    }

    /// Puts into `rows` what the tables say of the code that is wanted. It allocates nothing.
    pub(crate) fn learn(&mut self, rows: &Rows) {
        if self.waiting > 0 {
            let mut found = Found::default();
            find(&self.wanted[..self.waiting], &mut found);
            rows.add(found.rows());
            self.waiting = 0;
        }
        if self.count > BITS / 2 {
            self.clear();
        }
    }
}

/// The rows of what is looked at in one round.
struct Found {
    rows: [Row; MOST],
    count: usize,
}

impl Default for Found {
    fn default() -> Found {
        Found { rows: [Row::default(); MOST], count: 0 }
    }
}

impl Found {
    fn push(&mut self, row: Row) {
        if let Some(room) = self.rows.get_mut(self.count) {
            *room = row;
            self.count += 1;
        }
    }

    fn rows(&mut self) -> &mut [Row] {
        &mut self.rows[..self.count]
    }
}

/// Everything that reading a table takes, without an allocation.
struct OnStack;

impl<T: ReaderOffset> UnwindContextStorage<T> for OnStack {
    type Rules = [(Register, RegisterRule<T>); 32];
    type Stack = [UnwindTableRow<T, Self>; 2];
}

/// What is looked for, and what was found, on the way through the loader.
struct Search<'a> {
    wanted: &'a [u64],
    found: &'a mut Found,
}

/// Finds the rows of `wanted`, where they are needed: while the loader holds all libraries.
fn find(wanted: &[u64], found: &mut Found) {
    extern "C" fn see(
        info: *mut libc::dl_phdr_info,
        _: libc::size_t,
        search: *mut libc::c_void,
    ) -> libc::c_int {
        // SAFETY: the loader passes an info, and the pointer that it was given.
        let (info, search) = unsafe { (&*info, &mut *search.cast::<Search<'_>>()) };
        // SAFETY: the loader says that the library is mapped so, and keeps it until this returns.
        unsafe { search.look_in(info) };
        0
    }
    let mut search = Search { wanted, found };
    // SAFETY: the function does what it must, and the pointer lives across the call.
    unsafe { libc::dl_iterate_phdr(Some(see), (&raw mut search).cast()) };
}

impl Search<'_> {
    /// # Safety
    /// The library that `info` tells of is mapped as it says for as long as this runs.
    unsafe fn look_in(&mut self, info: &libc::dl_phdr_info) {
        // SAFETY: the headers are part of what the caller promises.
        let headers = unsafe { slice::from_raw_parts(info.dlpi_phdr, info.dlpi_phnum.into()) };
        let start = |header: &libc::Elf64_Phdr| info.dlpi_addr.wrapping_add(header.p_vaddr);
        let holds = |header: &libc::Elf64_Phdr, address: u64| {
            header.p_type == libc::PT_LOAD && address.wrapping_sub(start(header)) < header.p_memsz
        };
        let within = |address| headers.iter().find(|header| holds(header, address));
        let mut here = self.wanted.iter().filter(|code| within(**code).is_some()).peekable();
        let index = headers.iter().find(|header| header.p_type == libc::PT_GNU_EH_FRAME);
        let (Some(index), Some(_)) = (index, here.peek()) else { return };
        let rest = |address: u64| {
            let header = within(address)?;
            let bytes = header.p_memsz - (address - start(header));
            // SAFETY: it is part of one mapping, from the address to the end.
            Some(unsafe { slice::from_raw_parts(address as *const u8, bytes as usize) })
        };
        let at = start(index);
        let Some(bytes) = rest(at) else { return };
        read(at, bytes, here, rest, self.found);
    }
}

/// Reads the index at `at`, and the table that it leads to.
fn read<'m, 'c>(
    at: u64,
    index: &'m [u8],
    here: impl Iterator<Item = &'c u64>,
    rest: impl Fn(u64) -> Option<&'m [u8]>,
    found: &mut Found,
) {
    let bases = BaseAddresses::default().set_eh_frame_hdr(at);
    let index = EhFrameHdr::new(index, NativeEndian);
    let Ok(index) = index.parse(&bases, 8) else { return };
    let (Pointer::Direct(table_at), Some(search)) = (index.eh_frame_ptr(), index.table()) else {
        return;
    };
    let Some(table) = rest(table_at) else { return };
    let bases = bases.set_eh_frame(table_at);
    let mut table: EhFrame<EndianSlice<'_, NativeEndian>> = EhFrame::new(table, NativeEndian);
    table.set_vendor(machine::VENDOR);
    let mut context = UnwindContext::<usize, OnStack>::new_in();
    for code in here {
        let row = search.unwind_info_for_address(
            &table,
            &bases,
            &mut context,
            *code,
            EhFrame::cie_from_offset,
        );
        if let Some(row) = row.ok().and_then(row_of) {
            found.push(row.around(*code));
        }
    }
}

/// What tables call the registers that matter, and whether a call leaves the address to go back to in one.
#[cfg(target_arch = "x86_64")]
mod machine {
    use gimli::{Register, Vendor, X86_64};

    pub(super) const STACK: Register = X86_64::RSP;
    pub(super) const FRAME: Register = X86_64::RBP;
    pub(super) const BACK: Register = X86_64::RA;
    pub(super) const LINKS: bool = false;
    pub(super) const VENDOR: Vendor = Vendor::Default;
}
#[cfg(target_arch = "aarch64")]
mod machine {
    use gimli::{AArch64, Register, Vendor};

    pub(super) const STACK: Register = AArch64::SP;
    pub(super) const FRAME: Register = AArch64::X29;
    pub(super) const BACK: Register = AArch64::X30;
    pub(super) const LINKS: bool = true;
    /// Its tables may say where addresses to go back to are signed.
    pub(super) const VENDOR: Vendor = Vendor::AArch64;
}

/// A row that a handler can use: the caller's stack begins some words from the stack pointer. Code with
/// a frame of its own needs none.
fn row_of(row: &UnwindTableRow<usize, OnStack>) -> Option<Row> {
    let &CfaRule::RegisterAndOffset { register: machine::STACK, offset } = row.cfa() else {
        return None;
    };
    let words = |bytes: i64, most| {
        let words = u16::try_from(bytes / 8).ok().filter(|words| *words <= most);
        words.filter(|_| bytes % 8 == 0)
    };
    let below = |offset: i64| words(offset.checked_neg()?, Step::MOST_BELOW);
    let saved = match row.register(machine::FRAME) {
        None | Some(RegisterRule::Undefined | RegisterRule::SameValue) => 0,
        Some(RegisterRule::Offset(offset)) => below(offset)?,
        Some(_) => return None,
    };
    let back = match row.register(machine::BACK) {
        Some(RegisterRule::Offset(offset)) => below(offset).filter(|words| *words > 0)?,
        None | Some(RegisterRule::SameValue) if machine::LINKS => 0,
        _ => return None,
    };
    let step = Step { size: words(offset, Step::MOST_WORDS)?, saved, back };
    Some(Row { start: row.start_address(), end: row.end_address(), step })
}

#[cfg(test)]
mod tests {
    use super::super::mapped::Mapped;
    use super::super::shared::Shared;
    use super::*;

    fn address(name: &std::ffi::CStr) -> u64 {
        // SAFETY: looks for a symbol of the C library.
        unsafe { libc::dlsym(libc::RTLD_DEFAULT, name.as_ptr()) as u64 }
    }

    #[test]
    fn at_its_first_instruction_a_function_has_pushed_nothing() {
        let functions = [c"malloc", c"qsort", c"getenv"].map(address);
        let mut found = Found::default();
        find(&functions, &mut found);
        for row in found.rows() {
            let called = u16::from(!machine::LINKS);
            assert_eq!(row.step, Step { size: called, saved: 0, back: called }, "{row:x?}");
            assert!(functions.iter().any(|code| (row.start..row.end).contains(code)));
        }
        assert_eq!(found.rows().len(), functions.len());
    }

    #[test]
    fn code_that_is_nowhere_has_no_row_and_is_looked_at_once() {
        let mut looked = Mapped::<Looked>::new().unwrap();
        let rows = Mapped::<Shared>::new().unwrap();
        (0..100).for_each(|_| looked.want(4_096));
        assert_eq!(looked.waiting, 1);
        looked.learn(&rows.rows);
        assert_eq!(rows.rows.step(4_096), None);
        looked.want(4_096);
        assert_eq!(looked.waiting, 0);
    }
}
