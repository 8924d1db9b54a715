//! What `go tool pprof` makes of it.
//!
//! It runs where `PERF_MONITOR_PPROF` names the program; `cargo xtask peers` gets it.

use std::path::{Path, PathBuf};
use std::process::Command;

use perf_monitor_profiling::{Report, Scale, ValueType};

use super::example::{HOSTILE, example, names, report};
use super::{difference_to_pprof, to_pprof};

fn pprof() -> Option<PathBuf> {
    let path = std::env::var_os("PERF_MONITOR_PPROF");
    if path.is_none() {
        println!("skipped: set PERF_MONITOR_PPROF to run it");
    }
    path.map(PathBuf::from)
}

/// What it prints for a profile, which goes through a file.
fn printed(pprof: &Path, name: &str, profile: &[u8], options: &[&str]) -> String {
    let program = std::env::current_exe().unwrap();
    let folder = program.ancestors().nth(2).unwrap().join("tmp").join("pprof");
    std::fs::create_dir_all(&folder).unwrap();
    let path = folder.join(name);
    std::fs::write(&path, profile).unwrap();
    let mut command = Command::new(pprof);
    command.env("PPROF_TMPDIR", &folder).args(["-symbolize=none", "-nodefraction=0"]);
    let output = command.args(options).arg(&path).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// The line of a function in a table of the top ones.
#[track_caller]
fn row<'a>(table: &'a str, name: &str) -> Vec<&'a str> {
    let line = table.lines().find(|line| line.ends_with(name));
    let line = line.unwrap_or_else(|| panic!("no {name} in\n{table}"));
    line.split_whitespace().take(5).collect()
}

#[test]
fn go_s_pprof_shows_the_function_that_burns_with_file_labels_and_notes() {
    let Some(pprof) = pprof() else { return };
    let report = example();
    let profile = to_pprof(&report, &names(&report));
    let top = printed(&pprof, "cpu.pb.gz", &profile, &["-top"]);
    assert!(top.contains("Type: cpu") && top.contains("Duration: 30s"), "{top}");
    let generic = "<alloc::vec::Vec<T> as core::ops::Index>::index";
    assert_eq!(row(&top, generic)[..2], ["40ms", "33.33%"]);
    assert_eq!(row(&top, "shop::price (inline)"), ["30ms", "25.00%", "83.33%", "80ms", "66.67%"]);
    let tags = printed(&pprof, "cpu.pb.gz", &profile, &["-tags"]);
    assert!(tags.contains("GET /cart") && tags.contains("worker"), "{tags}");
    let one_span =
        printed(&pprof, "cpu.pb.gz", &profile, &["-top", "-tagfocus=span_name=GET /cart"]);
    assert!(one_span.contains("Showing nodes accounting for 30ms"), "{one_span}");
    let lines = printed(&pprof, "cpu.pb.gz", &profile, &["-lines", "-top"]);
    assert!(lines.contains("src/price.rs:7"), "{lines}");
    let comments = printed(&pprof, "cpu.pb.gz", &profile, &["-comments"]);
    assert!(comments.contains("3 samples were lost") && comments.contains(HOSTILE), "{comments}");
}

#[test]
fn go_s_pprof_shows_what_holds_memory_and_what_grew() {
    let Some(pprof) = pprof() else { return };
    let of_memory = |report: Report| Report {
        values: vec![
            ValueType { name: "inuse_objects", unit: "count" },
            ValueType { name: "inuse_space", unit: "bytes" },
        ],
        ..report
    };
    let heap = of_memory(report(&[(&[2, 4], 3 << 20), (&[2, 3], 1 << 20)]));
    let top = printed(&pprof, "heap.pb.gz", &to_pprof(&heap, &names(&heap)), &["-top"]);
    assert!(top.contains("Type: inuse_space"), "{top}");
    assert_eq!(row(&top, " malloc")[..2], ["3MB", "75.00%"]);
    let before = of_memory(report(&[(&[2, 4], 1 << 20), (&[2, 3], 2 << 20)]));
    let growth = heap.diff(&before, Scale::AsMeasured);
    let growth = difference_to_pprof(&growth, &names(&growth.after));
    let top = printed(&pprof, "growth.pb.gz", &growth, &["-top"]);
    assert_eq!(row(&top, " malloc")[0], "2MB");
    assert_eq!(row(&top, "::index")[0], "-1MB");
}
