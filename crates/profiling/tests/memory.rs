//! What looking names up takes is given back, in a process of its own.
#![cfg(all(target_os = "linux", target_env = "gnu", feature = "symbols"))]

use std::fs;
use std::time::{Duration, SystemTime};

use perf_monitor_profiling::{Module, Names, Node, Place, Report};

/// Memory of no file that is resident, in KB.
fn anonymous_kb() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("RssAnon:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// The code of this program.
fn this_program() -> Module {
    let maps = fs::read_to_string("/proc/self/maps").unwrap();
    let program = std::env::current_exe().unwrap();
    let path = program.to_str().unwrap().to_owned();
    let line = maps.lines().find(|line| line.contains(" r-xp ") && line.ends_with(&path)).unwrap();
    let (range, rest) = line.split_once(' ').unwrap();
    let (start, end) = range.split_once('-').unwrap();
    let hex = |text| u64::from_str_radix(text, 16).unwrap();
    let offset = rest.split(' ').nth(1).unwrap();
    Module { range: hex(start)..hex(end), file_offset: hex(offset), path }
}

/// A place every 4 KB, so that most of the debug information is needed.
fn report() -> Report {
    let module = this_program();
    let places = module.range.clone().step_by(4096);
    let node = |address| Node { caller: None, place: Place::Code { module: 0, address } };
    Report {
        values: Vec::new(),
        period: 0,
        stacks: places.map(node).collect(),
        samples: Vec::new(),
        modules: vec![module],
        threads: Vec::new(),
        spans: Vec::new(),
        started: SystemTime::UNIX_EPOCH,
        duration: Duration::ZERO,
        notes: Vec::new(),
    }
}

#[test]
fn what_looking_names_up_takes_is_given_back() {
    let report = report();
    let mut after = Vec::new();
    let before = anonymous_kb();
    for _ in 0..2 {
        let names = Names::of(&report);
        let known = report.stacks.iter().filter(|node| names.lines(node.place)[0].is_known).count();
        assert!(known * 2 > report.stacks.len(), "{known} of {}", report.stacks.len());
        after.push(anonymous_kb() - before);
    }
    println!("{} places; KB more than before: {after:?}", report.stacks.len());
    // 2 MB, of which the names are the most; 22 MB where nothing hands back (30 MB of program, November 2026)
    assert!(after.iter().all(|kb| *kb < 6_144), "{after:?}");
}
