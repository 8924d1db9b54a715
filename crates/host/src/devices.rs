//! Which disks and interfaces are not made of others, so that sums count nothing twice.

use std::fs;
use std::path::{Path, PathBuf};

use crate::scan;

/// How long an answer holds. A device can get its members after it appeared.
const RECHECK_NS: u64 = 60_000_000_000;

/// The most answers that are kept; beyond, all are asked anew.
const MAX_ANSWERS: usize = 4096;

/// Answers by name, so that each read does not look into `/sys`.
///
/// Names come in the same order each time: the search begins where the last one ended.
#[derive(Default)]
pub(crate) struct Answers {
    known: Vec<(Box<[u8]>, bool)>,
    next: usize,
    expires_ns: u64,
}

impl Answers {
    /// Begins a pass over the names.
    pub(crate) fn start(&mut self, now_ns: u64) {
        self.next = 0;
        if now_ns >= self.expires_ns || self.known.len() > MAX_ANSWERS {
            self.known.clear();
            self.expires_ns = now_ns.saturating_add(RECHECK_NS);
        }
    }

    /// The answer for `name`, asked once.
    pub(crate) fn get(&mut self, name: &[u8], ask: impl FnOnce() -> bool) -> bool {
        let (before, after) = self.known.split_at(self.next.min(self.known.len()));
        let found = after.iter().chain(before).position(|(known, _)| &**known == name);
        let index = match found {
            Some(offset) => (self.next + offset) % self.known.len(),
            None => {
                self.known.push((name.into(), ask()));
                self.known.len() - 1
            }
        };
        self.next = index + 1;
        self.known[index].1
    }
}

/// Disks, told apart by `/sys/block`, or by their names where that is missing.
pub(crate) struct Disks {
    sys_block: PathBuf,
    answers: Answers,
}

impl Disks {
    pub(crate) fn new(root: &Path) -> Self {
        Disks { sys_block: root.join("sys/block"), answers: Answers::default() }
    }

    pub(crate) fn start(&mut self, now_ns: u64) {
        self.answers.start(now_ns);
    }

    /// Whether a device of `diskstats` is a whole disk that no other disk stands behind.
    ///
    /// Partitions, device-mapper and RAID devices, and all that has `slaves`, are left out: their
    /// I/O is counted by the disks below. So are loop, RAM and zram devices, whose I/O is that of
    /// a file or of memory.
    pub(crate) fn is_whole(&mut self, name: &[u8], diskstats: &[u8]) -> bool {
        if in_memory(name) || always_stacked(name) {
            return false;
        }
        let sys_block = &self.sys_block;
        self.answers.get(name, || match sysfs_name(name) {
            Some(entry) if sys_block.is_dir() => {
                let device = sys_block.join(entry);
                device.is_dir() && !has_entries(&device.join("slaves"))
            }
            _ => !is_partition(name, diskstats),
        })
    }
}

fn in_memory(name: &[u8]) -> bool {
    [&b"loop"[..], b"ram", b"zram"].iter().any(|kind| numbered(name, kind))
}

fn always_stacked(name: &[u8]) -> bool {
    numbered(name, b"dm-") || numbered(name, b"md")
}

fn numbered(name: &[u8], prefix: &[u8]) -> bool {
    let rest = name.strip_prefix(prefix);
    rest.and_then(<[u8]>::first).is_some_and(u8::is_ascii_digit)
}

/// `cciss/c0d0` is `cciss!c0d0` in sysfs.
fn sysfs_name(name: &[u8]) -> Option<String> {
    Some(std::str::from_utf8(name).ok()?.replace('/', "!"))
}

fn has_entries(dir: &Path) -> bool {
    fs::read_dir(dir).is_ok_and(|mut entries| entries.next().is_some())
}

/// Whether the file lists a disk of which this is a numbered part: `sda` for `sda1`, `nvme0n1` for `nvme0n1p1`.
fn is_partition(name: &[u8], diskstats: &[u8]) -> bool {
    let digits = name.iter().rev().take_while(|b| b.is_ascii_digit()).count();
    let base = &name[..name.len() - digits];
    let disk = match base {
        [disk @ .., b'p'] if disk.last().is_some_and(u8::is_ascii_digit) => disk,
        _ => base,
    };
    let listed = |line| scan::fields(line).nth(2) == Some(disk);
    digits > 0 && scan::lines(diskstats).any(listed)
}

/// Interfaces, told apart by `/sys/class/net`.
pub(crate) struct Interfaces {
    sys_net: PathBuf,
    answers: Answers,
}

impl Interfaces {
    pub(crate) fn new(root: &Path) -> Self {
        Interfaces { sys_net: root.join("sys/class/net"), answers: Answers::default() }
    }

    pub(crate) fn start(&mut self, now_ns: u64) {
        self.answers.start(now_ns);
    }

    /// Whether totals count an interface: not the loopback, nor one that stands on another (bridge,
    /// bond, VLAN: it has a `lower_*` link), nor a virtual port of a bridge or bond (it has a
    /// `master` and no `device`).
    pub(crate) fn in_totals(&mut self, name: &[u8]) -> bool {
        let sys_net = &self.sys_net;
        name != b"lo" && self.answers.get(name, || !repeats_another(sys_net, name))
    }
}

fn repeats_another(sys_net: &Path, name: &[u8]) -> bool {
    let Ok(name) = std::str::from_utf8(name) else {
        return false;
    };
    let Ok(entries) = fs::read_dir(sys_net.join(name)) else {
        return false;
    };
    let (mut lower, mut master, mut device) = (false, false, false);
    for entry in entries.flatten() {
        let name = entry.file_name();
        lower |= name.as_encoded_bytes().starts_with(b"lower_");
        master |= name == "master";
        device |= name == "device";
    }
    lower || (master && !device)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_partition_is_a_numbered_part_of_a_listed_disk() {
        let text = b"8 0 sda 1\n259 0 nvme0n1 1\n104 0 cciss/c0d0 1\n202 1 xvda1 1\n";
        for name in ["sda1", "sda12", "nvme0n1p1", "cciss/c0d0p3"] {
            assert!(is_partition(name.as_bytes(), text), "{name}");
        }
        for name in ["sda", "sdb1", "nvme0n1", "nvme0n2", "xvda1", "cciss/c0d0", "0", ""] {
            assert!(!is_partition(name.as_bytes(), text), "{name}");
        }
    }

    #[test]
    fn an_answer_is_asked_once_until_it_expires() {
        let mut answers = Answers::default();
        let mut asked = Vec::new();
        for now_ns in [1, 2, RECHECK_NS, RECHECK_NS + 1, RECHECK_NS + 2] {
            answers.start(now_ns);
            for name in ["a", "b", "c"] {
                let answer = answers.get(name.as_bytes(), || {
                    asked.push((now_ns, name));
                    name == "b"
                });
                assert_eq!(answer, name == "b");
            }
            assert!(!answers.get(b"a", || unreachable!()));
        }
        let first = [(1, "a"), (1, "b"), (1, "c")];
        let again = first.map(|(_, name)| (RECHECK_NS + 1, name));
        assert_eq!(asked, [first, again].concat());
    }

    #[test]
    fn memory_backed_and_stacked_names_need_a_number() {
        assert!(in_memory(b"loop0") && in_memory(b"ram15") && in_memory(b"zram1"));
        assert!(!in_memory(b"ramdisk") && !in_memory(b"loop") && !in_memory(b"sda"));
        assert!(always_stacked(b"dm-0") && always_stacked(b"md127p1"));
        assert!(!always_stacked(b"mdraid"));
    }
}
