//! The code that is mapped, as it comes and goes while a profile is taken.

use super::tree::Spot;
use crate::maps::{self, Module};

/// Modules that are told apart, those that are gone included.
const MOST: usize = 512;

/// Numbers of modules stay as they are for as long as a profiler runs, since frames carry them.
#[derive(Debug, Default)]
pub(crate) struct Modules {
    all: Vec<Module>,
    /// Where what is mapped now begins, in order, with its number.
    live: Vec<(u64, u16)>,
}

impl Modules {
    /// The spot of `address`, unless no code that is mapped now is there.
    pub(crate) fn spot(&self, address: u64) -> Option<Spot> {
        let after = self.live.partition_point(|(start, _)| *start <= address);
        let (start, number) = self.live[..after].last()?;
        let inside = self.all[usize::from(*number)].range.contains(&address);
        let offset = u32::try_from(address - start).ok()?;
        inside.then_some(Spot { module: *number, offset })
    }

    /// Reads again what is mapped. Where it cannot be read it stays as it is known.
    pub(crate) fn refresh(&mut self) {
        if let Ok(text) = maps::read() {
            self.take(maps::modules(&text));
        }
    }

    fn take(&mut self, mapped: Vec<Module>) {
        self.live.clear();
        for module in mapped {
            let start = module.range.start;
            if let Some(number) = self.number(module) {
                self.live.push((start, number));
            }
        }
    }

    /// The one that is like it, or a new one if there is room.
    fn number(&mut self, module: Module) -> Option<u16> {
        let known = self.all.iter().position(|known| *known == module);
        let number = known.or_else(|| {
            (self.all.len() < MOST).then(|| {
                self.all.push(module);
                self.all.len() - 1
            })
        })?;
        u16::try_from(number).ok()
    }

    pub(crate) fn all(&self) -> &[Module] {
        &self.all
    }

    /// Bytes that the list takes.
    pub(crate) fn bytes(&self) -> usize {
        let paths: usize = self.all.iter().map(|module| module.path.capacity()).sum();
        paths + self.all.capacity() * size_of::<Module>() + self.live.capacity() * 16
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
    use super::*;

    fn module(start: u64, end: u64, path: &str) -> Module {
        Module { range: start..end, file_offset: 0, path: path.to_owned() }
    }

    #[test]
    fn what_comes_where_something_else_was_has_a_number_of_its_own() {
        let mut modules = Modules::default();
        modules.take(vec![module(100, 200, "a"), module(300, 400, "b")]);
        assert_eq!(modules.spot(150), Some(Spot { module: 0, offset: 50 }));
        modules.take(vec![module(100, 200, "c"), module(300, 400, "b")]);
        assert_eq!(modules.spot(150), Some(Spot { module: 2, offset: 50 }));
        assert_eq!(modules.spot(399), Some(Spot { module: 1, offset: 99 }));
        for nowhere in [99, 200, 299, 400] {
            assert_eq!(modules.spot(nowhere), None);
        }
        modules.take(vec![module(100, 200, "a")]);
        assert_eq!(modules.spot(150), Some(Spot { module: 0, offset: 50 }));
        assert_eq!(modules.spot(350), None);
    }

    #[test]
    fn this_function_has_a_spot() {
        let mut modules = Modules::default();
        modules.refresh();
        assert!(modules.spot(loads as *const () as u64).is_some());
        assert!(loads().is_some());
    }
}
