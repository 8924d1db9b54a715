//! The code that is mapped, as it comes and goes while a profile is taken.

use super::mapped::Zeroes;
use super::tree::Spot;
use crate::maps::{self, Mapping, Module};

/// Modules that are told apart, those that are gone included. A service has ten.
const MOST: usize = 256;

/// Bytes of their paths.
const TEXT: usize = 6 * 1024;

/// Numbers of modules stay as they are for as long as a profiler runs, since frames carry them. Nothing here
/// allocates until [`all`](Self::all) is asked for.
#[repr(C)]
pub(crate) struct Modules {
    all: [Known; MOST],
    count: usize,
    /// The numbers of what is mapped now, in the order of addresses.
    live: [u16; MOST],
    lives: usize,
    text: [u8; TEXT],
    written: usize,
    /// What was mapped in the last look and found no room.
    without_room: usize,
}

// SAFETY: integers, arrays and structs of them.
unsafe impl Zeroes for Modules {}

#[repr(C)]
#[derive(Clone, Copy, PartialEq)]
struct Known {
    start: u64,
    /// A longer one is known in part, as offsets have no more bits.
    length: u32,
    /// In units of the smallest page.
    file_pages: u32,
    path: Text,
}

const PAGE: u64 = 4096;

/// Where a path is.
#[repr(C)]
#[derive(Clone, Copy, PartialEq)]
struct Text {
    at: u16,
    length: u16,
}

impl Modules {
    /// The spot of `address`, unless no code that is mapped now is there.
    pub(crate) fn spot(&self, address: u64) -> Option<Spot> {
        let known = |number: u16| &self.all[usize::from(number)];
        let live = &self.live[..self.lives];
        let after = live.partition_point(|number| known(*number).start <= address);
        let module = *live[..after].last()?;
        let Known { start, length, .. } = *known(module);
        let offset = u32::try_from(address - start).ok()?;
        (offset < length).then_some(Spot { module, offset })
    }

    /// Reads again what is mapped. Where it cannot be read it stays as it is known.
    pub(crate) fn refresh(&mut self) {
        let (lives, without_room) = (self.lives, self.without_room);
        self.begin();
        if maps::each(|mapping| self.take(mapping)).is_err() {
            (self.lives, self.without_room) = (lives, without_room);
        }
    }

    fn begin(&mut self) {
        (self.lives, self.without_room) = (0, 0);
    }

    /// What is mapped comes in the order of addresses.
    fn take(&mut self, mapping: &Mapping<'_>) {
        if !mapping.executable {
            return;
        }
        match self.number(mapping) {
            Some(number) if self.lives < MOST => {
                self.live[self.lives] = number;
                self.lives += 1;
            }
            _ => self.without_room += 1,
        }
    }

    /// The one that is like it, or a new one if there is room.
    fn number(&mut self, mapping: &Mapping<'_>) -> Option<u16> {
        let path = self.text(mapping.path)?;
        let &Mapping { start, end, file_offset, .. } = mapping;
        let length = u32::try_from(end.saturating_sub(start)).unwrap_or(u32::MAX);
        let file_pages = u32::try_from(file_offset / PAGE).ok()?;
        let module = Known { start, length, file_pages, path };
        let known = self.all[..self.count].iter().position(|known| *known == module);
        known.or_else(|| self.add(module)).map(|number| number as u16)
    }

    fn add(&mut self, module: Known) -> Option<usize> {
        *self.all.get_mut(self.count)? = module;
        self.count += 1;
        Some(self.count - 1)
    }

    /// Where `path` is written, once for all that have it.
    fn text(&mut self, path: &str) -> Option<Text> {
        let mut texts = self.all[..self.count].iter().map(|known| known.path);
        if let Some(known) = texts.find(|text| self.read(*text) == path.as_bytes()) {
            return Some(known);
        }
        let (at, end) = (self.written, self.written + path.len());
        self.text.get_mut(at..end)?.copy_from_slice(path.as_bytes());
        self.written = end;
        Some(Text { at: at as u16, length: path.len() as u16 })
    }

    fn read(&self, text: Text) -> &[u8] {
        &self.text[usize::from(text.at)..][..usize::from(text.length)]
    }

    /// What was mapped in the last look and is not told apart, for want of room.
    pub(crate) fn without_room(&self) -> usize {
        self.without_room
    }

    /// All that were seen, by number.
    pub(crate) fn all(&self) -> Vec<Module> {
        let module = |known: &Known| Module {
            range: known.start..known.start + u64::from(known.length),
            file_offset: u64::from(known.file_pages) * PAGE,
            path: String::from_utf8_lossy(self.read(known.path)).into_owned(),
        };
        self.all[..self.count].iter().map(module).collect()
    }
}

/// How many libraries were loaded and unloaded so far, if the system counts them.
pub(crate) fn loads() -> Option<(u64, u64)> {
    extern "C" fn see(
        info: *mut libc::dl_phdr_info,
        size: libc::size_t,
        out: *mut libc::c_void,
    ) -> libc::c_int {
        if size >= size_of::<libc::dl_phdr_info>() {
            // SAFETY: the loader passes an info that is as large as it says, and our own pointer.
            let (info, out) = unsafe { (&*info, &mut *out.cast::<Option<(u64, u64)>>()) };
            *out = Some((info.dlpi_adds, info.dlpi_subs));
        }
        1 // the first one tells enough
    }
    let mut counts: Option<(u64, u64)> = None;
    // SAFETY: the function does what it must, and the pointer lives across the call.
    unsafe { libc::dl_iterate_phdr(Some(see), (&raw mut counts).cast()) };
    counts
}

#[cfg(test)]
mod tests {
    use super::super::mapped::Mapped;
    use super::*;

    fn code(start: u64, end: u64, path: &str) -> Mapping<'_> {
        let (readable, writable, executable) = (true, false, true);
        Mapping { start, end, readable, writable, executable, file_offset: 0, path }
    }

    fn take(modules: &mut Modules, mapped: &[Mapping<'_>]) {
        modules.begin();
        mapped.iter().for_each(|mapping| modules.take(mapping));
    }

    #[test]
    fn what_comes_where_something_else_was_has_a_number_of_its_own() {
        let mut modules = Mapped::<Modules>::new().unwrap();
        take(&mut modules, &[code(100, 200, "a"), code(300, 400, "b")]);
        assert_eq!(modules.spot(150), Some(Spot { module: 0, offset: 50 }));
        take(&mut modules, &[code(100, 200, "c"), code(300, 400, "b")]);
        assert_eq!(modules.spot(150), Some(Spot { module: 2, offset: 50 }));
        assert_eq!(modules.spot(399), Some(Spot { module: 1, offset: 99 }));
        for nowhere in [99, 200, 299, 400] {
            assert_eq!(modules.spot(nowhere), None);
        }
        take(&mut modules, &[code(100, 200, "a")]);
        assert_eq!(modules.spot(150), Some(Spot { module: 0, offset: 50 }));
        assert_eq!(modules.spot(350), None);
        let paths: Vec<_> = modules.all().into_iter().map(|module| module.path).collect();
        assert_eq!(paths, ["a", "b", "c"]);
    }

    #[test]
    fn data_is_no_module() {
        let mut modules = Mapped::<Modules>::new().unwrap();
        take(&mut modules, &[Mapping { executable: false, ..code(100, 200, "a") }]);
        assert_eq!((modules.spot(150), modules.all().len()), (None, 0));
    }

    #[test]
    fn a_path_is_written_once_wherever_its_file_comes_to_lie() {
        let mut modules = Mapped::<Modules>::new().unwrap();
        for start in 0..10 {
            take(&mut modules, &[code(start * 100, start * 100 + 50, "/lib/one")]);
        }
        assert_eq!((modules.count, modules.written), (10, "/lib/one".len()));
    }

    #[test]
    fn what_there_is_no_room_for_is_counted() {
        let mut modules = Mapped::<Modules>::new().unwrap();
        let starts = 0..MOST as u64 + 10;
        let many: Vec<_> = starts.map(|start| code(start, start + 1, "")).collect();
        take(&mut modules, &many);
        assert_eq!((modules.without_room(), modules.all().len()), (10, MOST));
        assert_eq!(modules.spot(MOST as u64 + 5), None);
        let mut modules = Mapped::<Modules>::new().unwrap();
        let long = "x".repeat(TEXT + 1);
        take(&mut modules, &[code(100, 200, &long), code(300, 400, "b")]);
        assert_eq!((modules.without_room(), modules.spot(350).is_some()), (1, true));
    }

    #[test]
    fn this_function_has_a_spot() {
        let mut modules = Mapped::<Modules>::new().unwrap();
        modules.refresh();
        assert!(modules.spot(loads as *const () as u64).is_some());
        assert!(loads().is_some());
    }
}
