//! Names against functions whose names are known.

mod damaged;
mod library;
mod stripped;

use std::fs::File;
use std::hint::black_box;
use std::path::Path;

use super::*;
use library::Loaded;

/// The lines at an address of this process.
fn lines(address: u64) -> Vec<Line> {
    let modules = maps::modules(&maps::read().unwrap());
    let place = report::place(&modules, address);
    Names::of(&Report::of_places(modules, &[place])).lines(place).to_vec()
}

/// Where this runs: being inlined, it has no function of its own.
#[inline(always)]
fn here() -> u64 {
    let address: u64;
    #[cfg(target_arch = "x86_64")]
    // SAFETY: it loads an address.
    unsafe {
        std::arch::asm!("lea {}, [rip]", out(reg) address);
    }
    #[cfg(target_arch = "aarch64")]
    // SAFETY: it loads an address.
    unsafe {
        std::arch::asm!("adr {}, .", out(reg) address);
    }
    // On x86-64 it is that of the next instruction, which may be of the caller.
    if cfg!(target_arch = "x86_64") { address - 1 } else { address }
}

#[inline(never)]
fn outer() -> (u64, u32) {
    let found = (black_box(here()), line!());
    black_box(found)
}

#[test]
fn a_function_of_this_program_has_its_name() {
    let found = lines(a_function_of_this_program_has_its_name as *const () as u64);
    let outermost = found.last().unwrap();
    assert!(outermost.is_known);
    assert_eq!(
        outermost.function,
        "perf_monitor_profiling::symbols::tests::a_function_of_this_program_has_its_name"
    );
}

#[test]
fn an_inlined_function_comes_before_the_one_that_it_is_in_with_file_and_line() {
    let (address, called_at) = outer();
    let found = lines(address);
    let names: Vec<_> =
        found.iter().map(|line| line.function.rsplit("::").next().unwrap()).collect();
    assert_eq!(names, ["here", "outer"], "{found:?}");
    for line in &found {
        assert!(line.file.as_deref().unwrap().ends_with("src/symbols/tests.rs"), "{line:?}");
    }
    assert_eq!(found[1].line, Some(called_at));
}

#[test]
fn a_function_of_libc_has_its_name_without_line_tables() {
    let found = names_of(&[libc::malloc as *const () as u64, 16]);
    assert_eq!(found.len(), 1, "nothing is at 16");
    assert!(found[0].1.contains("malloc"), "{found:?}");
}

#[test]
fn the_kernel_s_code_is_named_out_of_memory() {
    let modules = maps::modules(&maps::read().unwrap());
    let Some(vdso) = modules.iter().find(|module| module.path == vdso::PATH) else {
        println!("skipped: this kernel maps no [vdso]");
        return;
    };
    let all: Vec<u64> = vdso.range.clone().step_by(16).collect();
    let found = names_of(&all);
    assert!(found.iter().any(|(_, name)| name.contains("clock_gettime")), "{found:?}");
}

#[test]
fn places_of_no_code_say_what_they_are() {
    let places = [Place::Overflow, Place::Truncated, Place::Unknown { address: 0x123 }];
    let names = Names::of(&Report::of_places(Vec::new(), &places));
    let all: Vec<_> = places.iter().map(|place| names.lines(*place)[0].function.as_str()).collect();
    assert_eq!(all, ["(overflow)", "(truncated)", "0x123"]);
    assert!(names.notes().is_empty());
}

#[test]
fn a_report_of_nonsense_is_named_by_address() {
    let module = |path: &str| Module { range: 0x1000..0x9000, file_offset: 7, path: path.into() };
    let modules = vec![module("/dev/zero"), module("/"), module("/no/such"), module(vdso::PATH)];
    let code = |module| Place::Code { module, address: 0x1234 };
    let places: Vec<_> = (0..6).map(code).collect();
    let names = Names::of(&Report::of_places(modules, &places));
    assert!(places.iter().all(|place| !names.lines(*place)[0].is_known));
    assert_eq!(names.notes().len(), 4, "{:?}", names.notes());
}

#[test]
fn a_file_is_what_is_loaded_if_its_code_is() {
    let loaded = Loaded::new("compared");
    let (address, _) = loaded.function();
    let modules = maps::modules(&maps::read().unwrap());
    let module = modules.iter().find(|module| module.range.contains(&address)).unwrap();
    let memory = Memory::of_this_process();
    let is_of = |path: &Path| memory.is_of(&File::open(path).unwrap(), module, &[address]);
    assert!(is_of(&loaded.path));
    assert!(!is_of(&library::compile("compared_other", library::OTHER_SOURCE)));
    assert!(!is_of(Path::new("/dev/null")));
    loaded.unload();
}

#[test]
fn a_library_that_is_replaced_or_gone_has_no_wrong_names() {
    let loaded = Loaded::new("replaced");
    let (address, name) = loaded.function();
    assert_eq!(lines(address).last().unwrap().function, name);

    // the same, but for what lies where the function was
    loaded.replace(library::OTHER_SOURCE);
    let modules = maps::modules(&maps::read().unwrap());
    let found = lines(address);
    let is_right = found.last().unwrap().function == name; // who may open what is mapped still knows it
    assert!(is_right || !found.last().unwrap().is_known, "{found:?}");

    loaded.unload();
    let place = report::place(&modules, address);
    let names = Names::of(&Report::of_places(modules, &[place]));
    assert!(!names.lines(place).last().unwrap().is_known);
    assert!(names.notes()[0].contains("is not what was loaded"), "{:?}", names.notes());
}
