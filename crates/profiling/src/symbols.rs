//! What the addresses of a report are called in the source.

mod allocator;
mod binary;
mod line;
mod memory;
mod packed;
#[cfg(all(test, target_os = "linux"))]
mod tests;
mod vdso;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::panic::catch_unwind;

use crate::maps::{self, Module};
use crate::report::{self, Node, Place, Report};
use binary::Binary;
use memory::Memory;
use packed::Packed;

pub use line::Line;

/// The most places of one module whose names are looked up; the samplers keep fewer by far.
const MOST_PLACES: usize = 1 << 16;

/// The functions that the places of a [`Report`] are in, and the lines of the source.
///
/// A place in a function that the compiler wrote into others has several lines: the innermost first,
/// which is the function whose text the machine ran, the one that it stands in last.
///
/// # Where names come from
/// From the files of the program and its libraries: inlined functions, files and lines out of their
/// DWARF (`debug = "limited"` is enough; with `"line-tables-only"` an inlined function has but the last
/// part of its name), or of the separate file that belongs to their build id below `/usr/lib/debug`; the
/// function alone out of their tables of symbols otherwise; those of the `[vdso]` out of memory. The
/// program's own file is found when it was deleted or replaced while it runs. A library's file counts only if its code is what lies in memory: one that was replaced, or
/// that is no longer loaded, has no names, rather than wrong ones. What has no name is called by
/// module and address, such as `libz.so.1+0x9e40`, as `addr2line` takes it.
#[derive(Clone, Debug, Default)]
pub struct Names {
    places: HashMap<Place, Vec<Line>>,
    hidden: HashSet<Place>,
    build_ids: Vec<Vec<u8>>,
    notes: Vec<String>,
}

impl Names {
    /// Looks up every place of `report`, which is of this process.
    ///
    /// It reads files and may take seconds: call it on a thread that may block, never on one that
    /// serves. One file at a time is looked into, and everything but the names is given back before
    /// this returns. A file that cannot be read, or makes no sense, costs its names and nothing else.
    ///
    /// # Cost
    /// Of a program with 106 MB of debug information, 500 places take 0.2 s, and 57 MB meanwhile:
    /// `docs/profiling.md` has the figures.
    ///
    /// ```
    /// use perf_monitor_profiling::{Names, Place, Report};
    ///
    /// # fn report() -> Report { Report {
    /// #     values: vec![], period: 0, stacks: vec![], samples: vec![], modules: vec![], threads: vec![],
    /// #     spans: vec![], started: std::time::UNIX_EPOCH, duration: Default::default(), notes: vec![],
    /// # } }
    /// let report = report(); // of a profiler
    /// let names = Names::of(&report);
    /// for node in &report.stacks {
    ///     for line in names.lines(node.place) {
    ///         println!("{} {}:{}", line.function, line.file.as_deref().unwrap_or("?"), line.line.unwrap_or(0));
    ///     }
    /// }
    /// assert_eq!(names.lines(Place::Truncated)[0].function, "(truncated)");
    /// ```
    pub fn of(report: &Report) -> Names {
        let memory = Memory::of_this_process();
        let mut found = Found::default();
        for (path, modules) in by_path(&report.modules) {
            let addresses = addresses(report, &modules);
            if !addresses.is_empty() {
                found.look_up(path, &report.modules, &addresses, &memory);
            }
        }
        give_back();
        let mut names = Names::by(report, |_| Vec::new());
        names.places.extend(found.lines.unpacked());
        for (module, build_id) in found.build_ids {
            names.build_ids[usize::from(module)] = build_id;
        }
        names.notes = found.notes;
        names.hidden = allocator::places(report, &names);
        names
    }

    /// Takes the names from elsewhere: `lines` says those of a place, the innermost first; none if it
    /// knows none.
    pub fn by(report: &Report, mut lines: impl FnMut(Place) -> Vec<Line>) -> Names {
        let known = [Place::Overflow, Place::Truncated];
        let places = report.stacks.iter().map(|node| node.place).chain(known);
        let unique: HashSet<Place> = places.collect();
        let of = |place| match lines(place) {
            none if none.is_empty() => (place, vec![Line::unnamed(&report.modules, place)]),
            lines => (place, lines),
        };
        Names {
            places: unique.into_iter().map(of).collect(),
            hidden: HashSet::new(),
            build_ids: vec![Vec::new(); report.modules.len()],
            notes: Vec::new(),
        }
    }

    /// The lines of a place of the report, the innermost first; at least one, unless the place is of
    /// another report.
    pub fn lines(&self, place: Place) -> &[Line] {
        self.places.get(&place).map_or(&[], Vec::as_slice)
    }

    /// Whether formats leave a frame of the report out: in a profile of memory jemalloc's stacks begin with its own
    /// functions, which tell nothing of who allocates. A stack of nothing else keeps the outermost.
    pub fn is_hidden(&self, node: &Node) -> bool {
        node.caller.is_some() && self.hidden.contains(&node.place)
    }

    /// The build id of a module of the report, by its number; empty if it has none or its file was not read.
    pub fn build_id(&self, module: usize) -> &[u8] {
        self.build_ids.get(module).map_or(&[], Vec::as_slice)
    }

    /// What a reader should know: whose names could not be had, and why.
    pub fn notes(&self) -> &[String] {
        &self.notes
    }
}

/// Addresses to look up, by the number of their module; sorted.
type Addresses = BTreeMap<u16, Vec<u64>>;

/// What the files said.
#[derive(Default)]
struct Found {
    lines: Packed,
    build_ids: Vec<(u16, Vec<u8>)>,
    notes: Vec<String>,
}

impl Found {
    fn look_up(&mut self, path: &str, modules: &[Module], all: &Addresses, memory: &Memory) {
        // what reads DWARF is fuzzed by its makers; should it panic all the same, names are lost and no more
        let looked = catch_unwind(|| looked_up(path, modules, all, memory));
        match looked.unwrap_or(Err("makes no sense")) {
            Ok((lines, build_id)) => {
                self.lines.append(lines);
                self.build_ids.extend(all.keys().map(|module| (*module, build_id.clone())));
            }
            Err(why) => {
                self.notes.push(format!("{path} {why}: its functions are shown by address"));
            }
        }
    }
}

/// The lines and the build id in one file.
fn looked_up(
    path: &str,
    modules: &[Module],
    all: &Addresses,
    memory: &Memory,
) -> Result<(Packed, Vec<u8>), &'static str> {
    let search = match path {
        vdso::PATH => vdso::search(&modules[usize::from(first(all))], memory)?,
        path => Binary::of(path, modules, all, memory)?.search(),
    };
    let mut lines = Packed::default();
    for (module, addresses) in all {
        let of = &modules[usize::from(*module)];
        for address in addresses {
            let offset = (address - of.range.start).saturating_add(of.file_offset);
            let place = Place::Code { module: *module, address: *address };
            lines.push(place, &search.lines(of, offset));
        }
    }
    Ok((lines, search.build_id().to_vec()))
}

fn first(found: &Addresses) -> u16 {
    found.keys().next().copied().unwrap_or(0)
}

/// The numbers of the modules of each file; memory of no file has no names.
fn by_path(modules: &[Module]) -> BTreeMap<&str, Vec<u16>> {
    let mut paths: BTreeMap<&str, Vec<u16>> = BTreeMap::new();
    for (number, module) in modules.iter().enumerate().take(usize::from(u16::MAX) + 1) {
        if module.path.starts_with('/') || module.path == vdso::PATH {
            paths.entry(&module.path).or_default().push(number as u16);
        }
    }
    paths
}

fn addresses(report: &Report, modules: &[u16]) -> Addresses {
    let mut found = Addresses::new();
    for node in report.stacks.iter() {
        let Place::Code { module, address } = node.place else { continue };
        let is_within = |module: &Module| module.range.contains(&address);
        if modules.contains(&module)
            && report.modules.get(usize::from(module)).is_some_and(is_within)
        {
            found.entry(module).or_default().push(address);
        }
    }
    for addresses in found.values_mut() {
        addresses.sort_unstable();
        addresses.dedup();
        addresses.truncate(MOST_PLACES);
    }
    found
}

/// The functions at `addresses` of this process, in their order; those without a name are left out.
///
/// This is what Go's `/debug/pprof/symbol` answers. It costs as much as [`Names::of`], and belongs on
/// a thread that may block. Only the first 65,536 addresses are looked at.
///
/// ```
/// let here = perf_monitor_profiling::names_of as *const () as u64;
/// for (address, name) in perf_monitor_profiling::names_of(&[here, 0]) {
///     assert!(address == here && name.contains("names_of"), "{name}");
/// }
/// ```
pub fn names_of(addresses: &[u64]) -> Vec<(u64, String)> {
    let addresses = &addresses[..addresses.len().min(MOST_PLACES)];
    let modules = maps::read().map(|text| maps::modules(&text)).unwrap_or_default();
    let places: Vec<Place> = addresses.iter().map(|one| report::place(&modules, *one)).collect();
    let report = Report::of_places(modules, &places);
    let names = Names::of(&report);
    let name = |place: &Place| {
        let outermost = names.lines(*place).last()?;
        outermost.is_known.then(|| outermost.function.clone())
    };
    let named = addresses.iter().zip(&places);
    named.filter_map(|(address, place)| Some((*address, name(place)?))).collect()
}

/// Hands freed memory back to the system.
///
/// An allocator that keeps what it once had would hold the tens of megabytes that reading DWARF takes:
/// see `docs/profiling.md` for what was measured. Allocators other than glibc's give back by themselves.
fn give_back() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    // SAFETY: `malloc_trim` takes the allocator's own locks, and may be called from any thread.
    unsafe {
        libc::malloc_trim(0);
    }
}
