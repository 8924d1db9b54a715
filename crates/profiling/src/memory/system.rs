//! What the system says about the process's memory.

use std::fs;
use std::path::{Path, PathBuf};

/// In bytes and faults; what it does not say is `None`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct System {
    pub(super) rss: Option<u64>,
    pub(super) cgroup: Option<u64>,
    pub(super) cgroup_limit: Option<u64>,
    pub(super) minor_faults: Option<u64>,
    pub(super) major_faults: Option<u64>,
}

/// Reads `/proc` and `/sys` below a root.
pub(super) struct Reader<'a> {
    root: &'a Path,
}

/// A cgroup's files of memory, by the kernel's version of cgroups.
struct Cgroup {
    directory: PathBuf,
    usage: &'static str,
    limit: &'static str,
}

/// A limit of version 1 from here on is none: the kernel shows the largest number of whole pages.
const NO_LIMIT: u64 = 1 << 62;

impl Reader<'_> {
    pub(super) fn new(root: &Path) -> Reader<'_> {
        Reader { root }
    }

    pub(super) fn read(&self) -> System {
        let [minor_faults, major_faults] =
            self.faults().map_or([None; 2], |faults| faults.map(Some));
        let cgroup = self.cgroup();
        let number = |file: fn(&Cgroup) -> &'static str| {
            let cgroup = cgroup.as_ref()?;
            number_in(&cgroup.directory.join(file(cgroup)))
        };
        System {
            rss: self.rss(),
            cgroup: number(|cgroup| cgroup.usage),
            cgroup_limit: number(|cgroup| cgroup.limit).filter(|limit| *limit < NO_LIMIT),
            minor_faults,
            major_faults,
        }
    }

    fn rss(&self) -> Option<u64> {
        let statm = self.text("proc/self/statm")?;
        let pages: u64 = statm.split_whitespace().nth(1)?.parse().ok()?;
        pages.checked_mul(page_bytes()?)
    }

    fn faults(&self) -> Option<[u64; 2]> {
        let stat = self.text("proc/self/stat")?;
        // The name before may have spaces and parentheses; after it come the state, and seven fields.
        let mut fields = stat[stat.rfind(')')? + 1..].split_whitespace().skip(7);
        let minor = fields.next()?.parse().ok()?;
        let major = fields.nth(1)?.parse().ok()?;
        Some([minor, major])
    }

    /// The group that accounts for this process's memory: of version 1 where it has memory, else of version 2.
    fn cgroup(&self) -> Option<Cgroup> {
        let lines = self.text("proc/self/cgroup")?;
        let of_memory = |line: &&str| {
            line.split(':')
                .nth(1)
                .is_some_and(|kinds| kinds.split(',').any(|kind| kind == "memory"))
        };
        let path = |line: &str| line.splitn(3, ':').nth(2).map(str::to_owned);
        if let Some(path) = lines.lines().find(of_memory).and_then(path) {
            return self.group(
                "sys/fs/cgroup/memory",
                &path,
                "memory.usage_in_bytes",
                "memory.limit_in_bytes",
            );
        }
        let path = lines.lines().find_map(|line| line.strip_prefix("0::"))?;
        self.group("sys/fs/cgroup", path, "memory.current", "memory.max")
    }

    /// The group, or the nearest one above that is there: in a container the path may be the host's.
    fn group(
        &self,
        mount: &str,
        path: &str,
        usage: &'static str,
        limit: &'static str,
    ) -> Option<Cgroup> {
        let mount = self.root.join(mount);
        let full = mount.join(path.trim_start_matches('/'));
        let mut above = full.ancestors().take_while(|directory| directory.starts_with(&mount));
        let directory = above.find(|directory| directory.join(usage).exists())?.to_owned();
        Some(Cgroup { directory, usage, limit })
    }

    fn text(&self, path: &str) -> Option<String> {
        let bytes = fs::read(self.root.join(path)).ok()?;
        Some(String::from_utf8_lossy(&bytes).into_owned())
    }
}

/// `max` is no number.
fn number_in(path: &Path) -> Option<u64> {
    fs::read_to_string(path).ok()?.trim().parse().ok()
}

#[cfg(target_os = "linux")]
fn page_bytes() -> Option<u64> {
    // SAFETY: a call without pointers.
    u64::try_from(unsafe { libc::sysconf(libc::_SC_PAGESIZE) }).ok()
}

#[cfg(not(target_os = "linux"))]
fn page_bytes() -> Option<u64> {
    None
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    /// A tree of files in a directory of its own, removed with it.
    struct Tree(PathBuf);

    impl Tree {
        fn new(name: &str, files: &[(&str, &str)]) -> Tree {
            let root = std::env::temp_dir().join(format!("{name}-{}", std::process::id()));
            for (path, text) in files {
                let path = root.join(path);
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                fs::write(path, text).unwrap();
            }
            Tree(root)
        }

        fn read(&self) -> System {
            Reader::new(&self.0).read()
        }
    }

    impl Drop for Tree {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    const STAT: &str = "7 (a) b) R 1 2 3 4 5 6 777 8 99 10 11";

    #[test]
    fn version_1_is_read_where_it_has_memory() {
        let tree = Tree::new(
            "memory-v1",
            &[
                ("proc/self/statm", "1000 250 30 1 0 90 0"),
                ("proc/self/stat", STAT),
                ("proc/self/cgroup", "9:name=systemd:/\n4:cpu,memory:/a/b\n0::/a\n"),
                ("sys/fs/cgroup/memory/a/b/memory.usage_in_bytes", "4096\n"),
                ("sys/fs/cgroup/memory/a/b/memory.limit_in_bytes", "9223372036854771712\n"),
            ],
        );
        let system = System {
            rss: Some(250 * page_bytes().unwrap()),
            cgroup: Some(4096),
            cgroup_limit: None,
            minor_faults: Some(777),
            major_faults: Some(99),
        };
        assert_eq!(tree.read(), system);
    }

    #[test]
    fn version_2_is_read_from_the_nearest_group_that_is_there() {
        let tree = Tree::new(
            "memory-v2",
            &[
                ("proc/self/cgroup", "0::/of/the/host\n"),
                ("sys/fs/cgroup/memory.current", "123\n"),
                ("sys/fs/cgroup/memory.max", "1000\n"),
            ],
        );
        let read = tree.read();
        assert_eq!((read.cgroup, read.cgroup_limit, read.rss), (Some(123), Some(1000), None));
        fs::write(tree.0.join("sys/fs/cgroup/memory.max"), "max\n").unwrap();
        assert_eq!(tree.read().cgroup_limit, None);
    }

    #[test]
    fn nothing_and_nonsense_are_unknown() {
        let tree = Tree::new(
            "memory-nothing",
            &[
                ("proc/self/statm", "x"),
                ("proc/self/stat", "7 no name"),
                ("proc/self/cgroup", "0:/\n::\n"),
            ],
        );
        assert_eq!(tree.read(), System::default());
        assert_eq!(Reader::new(Path::new("/nowhere")).read(), System::default());
    }

    #[test]
    fn this_process_has_memory() {
        let read = Reader::new(Path::new("/")).read();
        assert!(read.rss.unwrap() > 100_000 && read.minor_faults.unwrap() > 0);
    }
}
