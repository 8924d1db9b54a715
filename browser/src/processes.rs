//! The processes of a browser: one for itself, some for its pages.

use std::collections::HashMap;
use std::fs;
use std::time::Duration;

/// Ticks of the kernel's clock in a second, for every program that asks.
const TICKS_PER_SECOND: u64 = 100;

/// One process as the kernel tells of it.
struct Process {
    parent: u32,
    ticks: u64,
}

/// CPU time of `root` and all below it that still run.
pub(crate) fn cpu_time(root: u32) -> Duration {
    let all = all();
    let ticks: u64 =
        family(&all, root).iter().filter_map(|pid| all.get(pid)).map(|p| p.ticks).sum();
    Duration::from_millis(ticks * 1000 / TICKS_PER_SECOND)
}

fn family(all: &HashMap<u32, Process>, root: u32) -> Vec<u32> {
    let mut family = vec![root];
    let mut next = 0;
    while let Some(parent) = family.get(next).copied() {
        family.extend(all.iter().filter(|(_, p)| p.parent == parent).map(|(pid, _)| *pid));
        next += 1;
    }
    family
}

fn all() -> HashMap<u32, Process> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    pids.filter_map(|pid| {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        Some((pid, parse(&stat)?))
    })
    .collect()
}

/// The name stands in parentheses and may hold some; the numbers follow the last one.
fn parse(stat: &str) -> Option<Process> {
    let (_, numbers) = stat.rsplit_once(") ")?;
    let numbers: Vec<&str> = numbers.split(' ').collect();
    let number = |index: usize| numbers.get(index)?.parse::<u64>().ok();
    Some(Process { parent: number(1)? as u32, ticks: number(11)? + number(12)? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_read_whatever_its_name() {
        let stat = "7 (a) R (b) S 3 7 7 0 -1 4194560 1 2 3 4 250 50 9 9 20 0 1 0 5 6 7";
        let process = parse(stat).unwrap();
        assert_eq!((process.parent, process.ticks), (3, 300));
    }

    #[test]
    fn a_family_is_all_that_descends() {
        let process = |parent| Process { parent, ticks: 1 };
        let all = HashMap::from([(2, process(1)), (3, process(2)), (4, process(9))]);
        let mut family = family(&all, 1);
        family.sort_unstable();
        assert_eq!(family, [1, 2, 3]);
    }
}
