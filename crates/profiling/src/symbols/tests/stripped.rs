//! Libraries whose debug information is elsewhere.

use std::fs;

use super::super::binary::Head;
use super::*;

/// The lines of `library`, with separate files in `debug_files`.
fn lines_with(library: &Path, debug_files: &Path) -> Vec<Line> {
    let head = Head::of(File::open(library).unwrap()).unwrap();
    let search = Binary::trusted(library.into(), head).search_with(debug_files);
    library::all_lines(&search, fs::metadata(library).unwrap().len())
}

/// A library of a build id that is given, since that of two builds would differ.
fn build(name: &str, build_id: &str, debug: &[&str]) -> std::path::PathBuf {
    let build_id = format!("link-arg=-Wl,--build-id=0x{build_id}");
    library::compile_with(name, library::SOURCE, &[debug, &["-C", &build_id]].concat())
}

#[test]
fn debug_information_is_found_by_build_id_and_only_that_of_the_same_one() {
    let stripped = build("stripped", "4d5e6f", &["-C", "strip=symbols"]);
    let whole = build("debugged", "4d5e6f", &["-g"]);
    let of_another = build("of_another", "aaaaaa", &["-g"]);
    let folder = whole.with_extension("build-id");
    let separate = folder.join("4d").join("5e6f.debug");
    let _ = fs::remove_dir_all(&folder); // of an earlier run
    fs::create_dir_all(separate.parent().unwrap()).unwrap();

    let found = |name: &str, with_line: bool| {
        let lines = lines_with(&stripped, &folder);
        lines.iter().any(|line| line.function == name && line.line.is_some() == with_line)
    };
    assert!(found("perf_monitor_second", false), "it is in the table that loading needs");
    assert!(!found("perf_monitor_second", true));
    fs::copy(&of_another, &separate).unwrap();
    assert!(!found("perf_monitor_second", true));
    fs::copy(&whole, &separate).unwrap();
    assert!(found("perf_monitor_second", true));
}
