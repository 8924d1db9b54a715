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

/// Bytes of a line that are looked at: a path of 4,096 bytes with what stands before it.
#[cfg(target_os = "linux")]
const LINE: usize = 4096 + 128;

/// Shows `see` each line of the kernel's list of this process, as far as it is text. It allocates nothing.
///
/// # Errors
/// There is no `/proc`, or it may not be read; some lines may have been shown by then.
#[cfg(target_os = "linux")]
pub(crate) fn each(see: impl FnMut(&Mapping<'_>)) -> io::Result<()> {
    lines(&mut fs::File::open("/proc/self/maps")?, see)
}

#[cfg(target_os = "linux")]
fn lines(list: &mut impl io::Read, mut see: impl FnMut(&Mapping<'_>)) -> io::Result<()> {
    let mut buffer = [0; LINE];
    let mut filled = 0;
    loop {
        let read = list.read(&mut buffer[filled..])?;
        filled += read;
        let mut begin = 0;
        while let Some(end) = buffer[begin..filled].iter().position(|byte| *byte == b'\n') {
            text(&buffer[begin..begin + end]).and_then(mapping).iter().for_each(&mut see);
            begin += end + 1;
        }
        buffer.copy_within(begin..filled, 0);
        filled -= begin;
        if read == 0 {
            return Ok(()); // the end, or a line that is longer than any can be
        }
    }
}

/// As much of it as is text.
#[cfg(target_os = "linux")]
fn text(line: &[u8]) -> Option<&str> {
    line.utf8_chunks().next().map(|chunk| chunk.valid())
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
    fn the_list_is_read_whole_however_it_comes() {
        /// Gives so many bytes at a time.
        struct Pieces<'a>(&'a [u8], usize);
        impl io::Read for Pieces<'_> {
            fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
                let most = self.1.min(buffer.len());
                io::Read::read(&mut self.0, &mut buffer[..most])
            }
        }
        let long = format!("1000-2000 r-xp 00000000 fe:00 1    /{}\n", "x".repeat(4_000));
        let list = LIST.repeat(40) + &long + LIST;
        let whole: Vec<_> = mappings(&list).map(|mapping| format!("{mapping:?}")).collect();
        for bytes in [1, 7, 1_000, usize::MAX] {
            let mut seen = Vec::new();
            let see = |mapping: &Mapping<'_>| seen.push(format!("{mapping:?}"));
            lines(&mut Pieces(list.as_bytes(), bytes), see).unwrap();
            assert_eq!(seen, whole, "{bytes}");
        }
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_path_that_is_no_text_ends_where_it_is_none() {
        let mut list: &[u8] = b"1000-2000 r-xp 00000000 fe:00 1    /lib/a\xffb\n";
        let mut paths = Vec::new();
        lines(&mut list, |mapping| paths.push(mapping.path.to_owned())).unwrap();
        assert_eq!(paths, ["/lib/a"]);
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
