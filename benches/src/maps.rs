//! What of this process's memory has been written, by mapping.

use std::fs;

/// One mapping of `/proc/self/smaps`.
#[derive(Debug, PartialEq)]
struct Mapping {
    start: u64,
    end: u64,
    path: String,
    private_dirty: u64,
    /// Pages that are no file's. A private page of a file counts as dirty while the file's own page
    /// waits for the disk, as those of a program do that was just built; only copies count here.
    anonymous: u64,
}

impl Mapping {
    fn written(&self) -> u64 {
        self.private_dirty.min(self.anonymous)
    }
}

/// The mappings of this process.
#[derive(Debug)]
pub(crate) struct Maps(Vec<Mapping>);

impl Maps {
    pub(crate) fn now() -> Result<Maps, String> {
        let smaps = fs::read_to_string("/proc/self/smaps");
        smaps.map(|text| Maps::parse(&text)).map_err(|cause| format!("/proc/self/smaps: {cause}"))
    }

    fn parse(smaps: &str) -> Maps {
        let mut maps: Vec<Mapping> = Vec::new();
        for line in smaps.lines() {
            if let Some(mapping) = head(line) {
                maps.push(mapping);
            } else if let Some(mapping) = maps.last_mut() {
                mapping.private_dirty =
                    kib(line, "Private_Dirty:").unwrap_or(mapping.private_dirty);
                mapping.anonymous = kib(line, "Anonymous:").unwrap_or(mapping.anonymous);
            }
        }
        Maps(maps)
    }

    /// Private dirty memory, in all mappings.
    pub(crate) fn private_dirty(&self) -> u64 {
        self.0.iter().map(Mapping::written).sum()
    }

    /// Private dirty memory by what it is for: the first heap, heaps of threads with their stacks, and what files lie
    /// behind.
    pub(crate) fn parts(&self) -> Vec<(String, i64)> {
        let part = |m: &Mapping| match m.path.as_str() {
            "[heap]" => 0,
            "" => 1,
            _ => 2,
        };
        let mut parts =
            ["first heap", "heaps and stacks of threads", "files"].map(|name| (name.to_owned(), 0));
        self.0.iter().for_each(|m| parts[part(m)].1 += m.written() as i64);
        parts.into()
    }

    /// The written part of this program's own data: statics that were touched, relocations.
    pub(crate) fn statics(&self) -> u64 {
        let program = std::env::current_exe().unwrap_or_default();
        let program = program.to_string_lossy();
        let is_data = |i: usize| {
            let m = &self.0[i];
            // The zeroed statics lie in the nameless mapping right behind the file's last one.
            let behind = i > 0
                && m.path.is_empty()
                && self.0[i - 1].path == program
                && self.0[i - 1].end == m.start;
            m.path == program || behind
        };
        (0..self.0.len()).filter(|&i| is_data(i)).map(|i| self.0[i].written()).sum()
    }

    /// The written part of the stacks of the threads of these names; `None` if there is no such
    /// thread that waits, or the kernel does not tell where its stack is.
    pub(crate) fn stacks(&self, names: &[&str]) -> Option<u64> {
        let pointers = stack_pointers(names);
        if pointers.is_empty() {
            return None;
        }
        let holds = |m: &&Mapping| pointers.iter().any(|sp| (m.start..m.end).contains(sp));
        Some(self.0.iter().filter(holds).map(Mapping::written).sum())
    }
}

/// Where the stacks of these threads end now, as the kernel tells of threads that wait.
fn stack_pointers(names: &[&str]) -> Vec<u64> {
    let tasks = fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
    let of_task = |task: fs::DirEntry| {
        let read = |file| fs::read_to_string(task.path().join(file)).ok();
        names.contains(&read("comm")?.trim_end()).then_some(())?;
        let syscall = read("syscall")?; // "number arguments... stack-pointer program-counter"
        let pointer = syscall.split_whitespace().rev().nth(1)?;
        u64::from_str_radix(pointer.strip_prefix("0x")?, 16).ok()
    };
    tasks.filter_map(of_task).collect()
}

fn head(line: &str) -> Option<Mapping> {
    let mut fields = line.split_whitespace();
    let (start, end) = fields.next()?.split_once('-')?;
    let hex = |digits| u64::from_str_radix(digits, 16).ok();
    let (start, end) = (hex(start)?, hex(end)?);
    let path = fields.skip(4).collect::<Vec<_>>().join(" ");
    Some(Mapping { start, end, path, private_dirty: 0, anonymous: 0 })
}

/// The bytes that a line of this name tells in kibibytes.
fn kib(line: &str, name: &str) -> Option<u64> {
    let kib = line.strip_prefix(name)?.trim().strip_suffix("kB")?;
    Some(kib.trim().parse::<u64>().ok()? * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_s_page_that_waits_for_the_disk_is_not_written_memory() {
        let maps = Maps::parse(
            "55d0-55d8 r-xp 00000000 08:01 42  /bin/a b\nPrivate_Dirty:   8 kB\nAnonymous:   4 kB\n\
             7f00-7f08 rw-p 00000000 00:00 0 \nPrivate_Dirty:   12 kB\nAnonymous:   12 kB\n",
        );
        assert_eq!((maps.0[0].start, maps.0[0].end), (0x55d0, 0x55d8));
        assert_eq!((&*maps.0[0].path, &*maps.0[1].path), ("/bin/a b", ""));
        assert_eq!((maps.0[0].written(), maps.private_dirty()), (4096, 16 * 1024));
    }

    #[test]
    fn the_stack_of_a_named_thread_is_found() {
        let (go, wait) = std::sync::mpsc::channel::<()>();
        let thread = std::thread::Builder::new().name("maps-test".into());
        let thread = thread.spawn(move || wait.recv()).unwrap();
        // It waits soon, and the kernel tells the stack pointer of threads that wait.
        let found = (0..100_000).any(|_| {
            std::thread::yield_now();
            Maps::now().unwrap().stacks(&["maps-test"]) > Some(0)
        });
        assert!(found);
        drop(go);
        let _ = thread.join();
    }
}
