//! The file of a program or a library.

use std::fs::{self, File};
use std::ops::Range;
use std::path::{Path, PathBuf};

use addr2line::Loader;
use object::read::{ReadCache, ReadRef};
use object::{Object, ObjectKind, ObjectSection, ObjectSegment};

use super::line::Line;
use super::memory::Memory;
use super::{Addresses, first};
use crate::maps::Module;

/// The largest file that is looked into. It is mapped, not read, so what it takes is address space.
const MOST_FILE_BYTES: u64 = 4 << 30;

/// The most that compressed debug information may unpack to, as this is memory.
const MOST_UNPACKED_BYTES: u64 = 1 << 30;

/// The most functions that one place is inlined in.
const MOST_INLINED: usize = 64;

/// Where separate debug information lies by build id, by Debian's and Fedora's custom.
const DEBUG_FILES: &str = "/usr/lib/debug/.build-id";

/// A file that is what was mapped.
pub(super) struct Binary {
    path: PathBuf,
    head: Head,
}

impl Binary {
    /// The file of the modules that `found` is in, or why there is none.
    pub(super) fn of(
        path: &str,
        modules: &[Module],
        found: &Addresses,
        memory: &Memory,
    ) -> Result<Binary, &'static str> {
        let module = &modules[usize::from(first(found))];
        for candidate in candidates(path, module) {
            let Ok(file) = File::open(&candidate) else { continue };
            let is_same = |(number, addresses): (&u16, &Vec<u64>)| {
                memory.is_of(&file, &modules[usize::from(*number)], addresses)
            };
            if candidate == Path::new(THIS_PROGRAM) || found.iter().all(is_same) {
                let head = Head::of(file)?;
                return Ok(Binary { path: candidate, head });
            }
        }
        Err("is not what was loaded, or cannot be read")
    }

    /// A file of which nobody has to show that it is the right one.
    #[cfg(test)]
    pub(super) fn trusted(path: PathBuf, head: Head) -> Binary {
        Binary { path, head }
    }

    /// Reads its tables, those of its separate debug file included.
    pub(super) fn search(self) -> Search {
        self.search_with(Path::new(DEBUG_FILES))
    }

    /// With separate files in this folder.
    pub(super) fn search_with(self, debug_files: &Path) -> Search {
        let separate = match self.head.has_debug {
            true => None,
            false => separate(debug_files, &self.head.build_id),
        };
        let paths = separate.into_iter().chain([self.path]);
        Search {
            loaders: paths.filter_map(|path| Loader::new(path).ok()).collect(),
            table: Vec::new(),
            segments: self.head.segments,
            build_id: self.head.build_id,
        }
    }
}

/// The file that this program was started from, also once it was deleted or replaced.
const THIS_PROGRAM: &str = "/proc/self/exe";

/// Where the file of a module may be.
fn candidates(path: &str, module: &Module) -> Vec<PathBuf> {
    if fs::read_link(THIS_PROGRAM).is_ok_and(|program| program == Path::new(path)) {
        return vec![THIS_PROGRAM.into()];
    }
    let Range { start, end } = module.range;
    // only some may open it, but then it is the very file
    let mapped = format!("/proc/self/map_files/{start:x}-{end:x}").into();
    vec![mapped, path.into()]
}

/// Debug information in a file of its own, by the build id of the program.
fn separate(folder: &Path, build_id: &[u8]) -> Option<PathBuf> {
    let hex: String = build_id.iter().map(|byte| format!("{byte:02x}")).collect();
    let (first, rest) = hex.split_at_checked(2)?;
    let path = folder.join(first).join(format!("{rest}.debug"));
    let head = Head::of(File::open(&path).ok()?).ok()?;
    (head.build_id == build_id).then_some(path)
}

/// What the first look at a file tells.
pub(super) struct Head {
    segments: Vec<Segment>,
    build_id: Vec<u8>,
    has_debug: bool,
}

impl Head {
    pub(super) fn of(file: File) -> Result<Head, &'static str> {
        if file.metadata().map_or(u64::MAX, |data| data.len()) > MOST_FILE_BYTES {
            return Err("is too large");
        }
        let cache = ReadCache::new(file);
        let object = object::File::parse(&cache).map_err(|_| "is no object file")?;
        if !matches!(object.kind(), ObjectKind::Executable | ObjectKind::Dynamic) {
            return Err("is no program and no library");
        }
        if unpacked(&object) > MOST_UNPACKED_BYTES {
            return Err("has too much debug information");
        }
        let names = [".debug_info", ".zdebug_info"];
        Ok(Head {
            segments: Segment::all(&object),
            build_id: object.build_id().ok().flatten().unwrap_or_default().to_vec(),
            has_debug: names.iter().any(|name| object.section_by_name(name).is_some()),
        })
    }
}

fn unpacked<'a, R: ReadRef<'a>>(object: &object::File<'a, R>) -> u64 {
    let sections = object.sections().filter_map(|section| section.compressed_file_range().ok());
    let packed = sections.filter(|range| range.format != object::CompressionFormat::None);
    packed.fold(0, |sum, range| sum.saturating_add(range.uncompressed_size))
}

/// A part of a file, and the address that the linker gave it.
#[derive(Debug)]
pub(super) struct Segment {
    offsets: Range<u64>,
    address: u64,
}

impl Segment {
    pub(super) fn all<'a, R: ReadRef<'a>>(object: &object::File<'a, R>) -> Vec<Segment> {
        let segments = object.segments().map(|segment| {
            let (offset, size) = segment.file_range();
            let offsets = offset..offset.saturating_add(size);
            Segment { offsets, address: segment.address() }
        });
        segments.collect()
    }
}

/// Names by the addresses of one file.
pub(super) struct Search {
    segments: Vec<Segment>,
    build_id: Vec<u8>,
    /// Of what is in files.
    loaders: Vec<Loader>,
    /// Of what is not, in the order of addresses.
    table: Vec<(Range<u64>, String)>,
}

impl Search {
    pub(super) fn in_table(segments: Vec<Segment>, table: Vec<(Range<u64>, String)>) -> Search {
        Search { segments, build_id: Vec::new(), loaders: Vec::new(), table }
    }

    pub(super) fn build_id(&self) -> &[u8] {
        &self.build_id
    }

    /// The lines at an offset in the file, the innermost first.
    pub(super) fn lines(&self, module: &Module, offset: u64) -> Vec<Line> {
        let Some(address) = self.address(offset) else {
            return vec![Line::at(module, offset)];
        };
        let found = self.loaders.iter().map(|loader| lines(loader, address));
        let found = found.chain([self.in_this_table(address)]).find(|lines| !lines.is_empty());
        found.unwrap_or_else(|| vec![Line::at(module, address)])
    }

    fn address(&self, offset: u64) -> Option<u64> {
        let segment = self.segments.iter().find(|segment| segment.offsets.contains(&offset))?;
        segment.address.checked_add(offset - segment.offsets.start)
    }

    fn in_this_table(&self, address: u64) -> Vec<Line> {
        let after = self.table.partition_point(|(range, _)| range.end <= address);
        let found = self.table.get(after).filter(|(range, _)| range.contains(&address));
        found.map(|(_, name)| Line::named(name, None, None)).into_iter().collect()
    }
}

fn lines(loader: &Loader, address: u64) -> Vec<Line> {
    let mut lines = inlined(loader, address).unwrap_or_default();
    // the function that the others are inlined in may be in the table of symbols alone, or whole there alone
    let outermost = lines.pop().unwrap_or_default();
    let name = match (outermost.name.as_deref(), loader.find_symbol(address)) {
        (Some(short), Some(symbol)) if is_whole_of(symbol, short) => Some(symbol),
        (name, symbol) => name.or(symbol),
    };
    let outermost = name.map(|name| Line::named(name, outermost.file, outermost.line));
    let inner = lines.into_iter().filter_map(|at| {
        let name = at.name?;
        Some(Line::named(&name, at.file, at.line))
    });
    inner.chain(outermost).collect()
}

/// Whether `symbol` is the linker's name of the function that DWARF calls `short`: with `line-tables-only`, it knows
/// `poll<Sleep>` of `<tokio::time::Sleep as Future>::poll`. Functions that the linker made one have one symbol, of either.
fn is_whole_of(symbol: &str, short: &str) -> bool {
    let Ok(whole) = rustc_demangle::try_demangle(symbol) else { return false };
    let whole = format!("{whole:#}");
    let is_closure = |name: &str| name.starts_with('{');
    let last = whole.rsplit("::").next().unwrap_or(&whole);
    let base = short.split('<').next().unwrap_or(short);
    !base.is_empty()
        && !short.contains("::")
        && (last == base || is_closure(last) && is_closure(base))
}

/// What DWARF says of one function.
#[derive(Default)]
struct At<'a> {
    name: Option<String>,
    file: Option<&'a str>,
    line: Option<u32>,
}

fn inlined(loader: &Loader, address: u64) -> Option<Vec<At<'_>>> {
    let mut frames = loader.find_frames(address).ok()?;
    let mut found = Vec::new();
    while let Some(frame) = frames.next().ok()? {
        let name = frame.function.and_then(|name| Some(name.raw_name().ok()?.into_owned()));
        let (file, line) = frame.location.map_or((None, None), |at| (at.file, at.line));
        found.push(At { name, file, line });
        if found.len() == MOST_INLINED {
            break;
        }
    }
    Some(found)
}
