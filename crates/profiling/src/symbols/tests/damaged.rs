//! Files that are not what they should be.

use std::fs;
use std::sync::OnceLock;

use proptest::prelude::*;
use proptest::sample::Index;

use super::super::binary::Head;
use super::*;

/// A whole library with debug information, some 20 KB.
fn whole() -> &'static [u8] {
    static WHOLE: OnceLock<Vec<u8>> = OnceLock::new();
    WHOLE.get_or_init(|| fs::read(library::compile("whole", library::SOURCE)).unwrap())
}

/// Looks at all of a file of these bytes, as if it had been loaded.
fn look(name: &str, bytes: &[u8]) -> Option<Vec<Line>> {
    let path = library::folder().join(format!("{name}.so"));
    fs::write(&path, bytes).unwrap();
    let head = Head::of(fs::File::open(&path).unwrap()).ok()?;
    let search = Binary::trusted(path, head).search();
    Some(library::all_lines(&search, bytes.len() as u64 + 64))
}

#[test]
fn a_whole_file_has_names_files_and_lines() {
    let lines = look("undamaged", whole()).unwrap();
    let named = |name: &str| lines.iter().any(|line| line.function == name && line.line.is_some());
    assert!(named("perf_monitor_first") && named("perf_monitor_second"));
    assert!(lines.iter().any(|line| line.function.ends_with("within")), "the inlined one");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    /// With what lies behind the end cut off, bytes changed, and stretches overwritten.
    #[test]
    fn a_damaged_file_costs_names_and_nothing_else(
        end in prop::option::of(any::<Index>()),
        bytes in prop::collection::vec((any::<Index>(), any::<u8>()), 0..40),
        stretches in prop::collection::vec((any::<Index>(), any::<u8>(), 1_usize..64), 0..4),
    ) {
        let mut damaged = whole().to_vec();
        for (at, value) in bytes {
            let at = at.index(damaged.len());
            damaged[at] = value;
        }
        for (at, value, length) in stretches {
            let at = at.index(damaged.len());
            let end = damaged.len().min(at + length);
            damaged[at..end].fill(value);
        }
        if let Some(end) = end {
            damaged.truncate(end.index(damaged.len()));
        }
        let lines = look("damaged", &damaged).unwrap_or_default();
        prop_assert!(lines.iter().all(|line| line.function.len() <= 1_100));
    }

    /// The tables of numbers at the beginning decide where all else is.
    #[test]
    fn a_damaged_head_costs_names_and_nothing_else(
        bytes in prop::collection::vec((0_usize..1024, any::<u8>()), 1..8),
    ) {
        let mut damaged = whole().to_vec();
        for (at, value) in bytes {
            damaged[at] = value;
        }
        look("headless", &damaged);
    }
}
