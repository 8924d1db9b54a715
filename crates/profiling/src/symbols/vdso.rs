//! The code that the kernel maps into every process, which is in no file.

use object::{File, Object};

use super::binary::{Search, Segment};
use super::memory::Memory;
use crate::maps::Module;

/// What the kernel's list calls it.
pub(super) const PATH: &str = "[vdso]";

/// As much of it as is read; it has one or two pages.
const MOST_BYTES: u64 = 64 * 1024;

/// Its symbols.
pub(super) fn search(module: &Module, memory: &Memory) -> Result<Search, &'static str> {
    let length = (module.range.end - module.range.start).min(MOST_BYTES);
    let mut bytes = vec![0; length as usize];
    if !memory.read(module.range.start, &mut bytes) {
        return Err("cannot be read");
    }
    let object = File::parse(&*bytes).map_err(|_| "makes no sense")?;
    let symbols = object.symbol_map();
    let symbols = symbols.symbols().iter();
    let owned =
        symbols.map(|one| (one.address()..one.address() + one.size().max(1), one.name().into()));
    Ok(Search::in_table(Segment::all(&object), owned.collect()))
}
