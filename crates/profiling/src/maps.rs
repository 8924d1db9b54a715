//! What is mapped into this process, as the kernel lists it.

use std::fs;
use std::io;
use std::ops::Range;

/// Code that was mapped while a profile was taken: a part of the program, of a library, or of nothing
/// that has a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Module {
    /// Where it lies in memory.
    pub range: Range<u64>,
    /// Where the mapping begins in its file.
    pub file_offset: u64,
    /// The file, `[vdso]`, or empty for memory of no file, such as compiled scripts.
    pub path: String,
}

/// One line of the kernel's list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Mapping<'a> {
    pub(crate) start: u64,
    pub(crate) end: u64,
    pub(crate) readable: bool,
    pub(crate) writable: bool,
    pub(crate) executable: bool,
    pub(crate) file_offset: u64,
    pub(crate) path: &'a str,
}

/// The kernel's list of this process, as text.
///
/// # Errors
/// There is no `/proc`, or it may not be read.
pub(crate) fn read() -> io::Result<String> {
    fs::read("/proc/self/maps").map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
}

/// The lines of `text` that can be read.
pub(crate) fn mappings(text: &str) -> impl Iterator<Item = Mapping<'_>> {
    text.lines().filter_map(mapping)
}

/// What may be executed, in the order of addresses.
pub(crate) fn modules(text: &str) -> Vec<Module> {
    let executable = mappings(text).filter(|mapping| mapping.executable);
    let module = |mapping: Mapping<'_>| Module {
        range: mapping.start..mapping.end,
        file_offset: mapping.file_offset,
        path: mapping.path.to_owned(),
    };
    executable.map(module).collect()
}

/// `55d0c2a00000-55d0c2a21000 r-xp 00001000 fe:00 1234   /usr/bin/name with spaces`
fn mapping(line: &str) -> Option<Mapping<'_>> {
    let (range, rest) = line.split_once(' ')?;
    let (start, end) = range.split_once('-')?;
    let (rights, rest) = rest.split_once(' ')?;
    let (offset, rest) = rest.split_once(' ')?;
    let (_device, rest) = rest.split_once(' ')?;
    let path = rest.split_once(' ').map_or("", |(_inode, path)| path.trim_start());
    let hex = |digits| u64::from_str_radix(digits, 16).ok();
    let may = |right| rights.contains(right);
    Some(Mapping {
        start: hex(start)?,
        end: hex(end)?,
        readable: may('r'),
        writable: may('w'),
        executable: may('x'),
        file_offset: hex(offset)?,
        path,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIST: &str = "\
55d0c2a00000-55d0c2a21000 r--p 00000000 fe:00 1234                       /opt/a b/service
55d0c2a21000-55d0c2b00000 r-xp 00021000 fe:00 1234                       /opt/a b/service (deleted)
7f0000000000-7f0000021000 rw-p 00000000 00:00 0 
7ffd0c1f0000-7ffd0c211000 rw-p 00000000 00:00 0                          [stack]
7ffd0c3f8000-7ffd0c3fa000 r-xp 00000000 00:00 0                          [vdso]
nonsense
";

    #[test]
    fn lines_are_read_with_their_paths_whole_and_nonsense_is_passed_over() {
        let read: Vec<_> = mappings(LIST).collect();
        assert_eq!(read.len(), 5);
        assert_eq!((read[0].path, read[2].path), ("/opt/a b/service", ""));
        assert!(read[3].readable && read[3].writable && !read[3].executable);
    }

    #[test]
    fn modules_are_what_may_be_executed() {
        let modules = modules(LIST);
        let paths: Vec<_> = modules.iter().map(|module| module.path.as_str()).collect();
        assert_eq!(paths, ["/opt/a b/service (deleted)", "[vdso]"]);
        assert_eq!(modules[0].file_offset, 0x21000);
        assert_eq!(modules[1].range, 0x7ffd_0c3f_8000..0x7ffd_0c3f_a000);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn this_function_is_in_a_module_of_this_process() {
        let here = modules as *const () as u64;
        let modules = modules(&read().unwrap());
        let module = modules.iter().find(|module| module.range.contains(&here)).unwrap();
        assert!(module.path.contains("perf_monitor_profiling"), "{module:?}");
    }
}
