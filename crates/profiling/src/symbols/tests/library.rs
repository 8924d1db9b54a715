//! Small libraries that are compiled for the tests.

use std::ffi::{CString, c_void};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::super::binary::Search;
use super::{Line, Module};

pub(super) const SOURCE: &str = "
#![no_std]
#[panic_handler]
fn panic(_: &core::panic::PanicInfo) -> ! { loop {} }
#[inline(always)]
fn within(x: u64) -> u64 { x.wrapping_mul(7) ^ 3 }
#[unsafe(no_mangle)]
pub extern \"C\" fn perf_monitor_first(x: u64) -> u64 { within(x) }
#[unsafe(no_mangle)]
pub extern \"C\" fn perf_monitor_second(x: u64) -> u64 { within(x) + within(x >> 1) }
";

pub(super) const OTHER_SOURCE: &str = "
#![no_std]
#[panic_handler]
fn panic(_: &core::panic::PanicInfo) -> ! { loop {} }
#[unsafe(no_mangle)]
pub extern \"C\" fn perf_monitor_another(x: u64) -> u64 { (x << 3) / ((x >> 9) | 1) }
";

/// Where the files of these tests are, below the target directory.
pub(super) fn folder() -> PathBuf {
    let program = std::env::current_exe().unwrap();
    let folder = program.ancestors().nth(2).unwrap().join("tmp").join("symbols");
    fs::create_dir_all(&folder).unwrap();
    folder
}

/// Compiles a library with debug information into a file of this name.
pub(super) fn compile(name: &str, source: &str) -> PathBuf {
    compile_with(name, source, &["-g"])
}

pub(super) fn compile_with(name: &str, source: &str, more: &[&str]) -> PathBuf {
    let folder = folder();
    let (text, library) = (folder.join(format!("{name}.rs")), folder.join(format!("lib{name}.so")));
    fs::write(&text, source).unwrap();
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let flags = ["--edition", "2024", "--crate-type", "cdylib", "-O", "-C", "panic=abort"];
    let nothing = ["-C", "link-arg=-nostartfiles", "-C", "link-arg=-nostdlib"];
    let mut command = Command::new(rustc);
    command.args(flags).args(more).args(nothing).arg(&text).arg("-o").arg(&library);
    assert!(command.status().unwrap().success(), "{command:?}");
    library
}

/// What is found at every fourth byte up to `end`.
pub(super) fn all_lines(search: &Search, end: u64) -> Vec<Line> {
    let module = Module { range: 0..u64::MAX, file_offset: 0, path: "/library.so".into() };
    (0..end).step_by(4).flat_map(|offset| search.lines(&module, offset)).collect()
}

/// A library that is part of this process.
pub(super) struct Loaded {
    pub(super) path: PathBuf,
    handle: *mut c_void,
}

impl Loaded {
    pub(super) fn new(name: &str) -> Loaded {
        let path = compile(name, SOURCE);
        let c_path = CString::new(path.to_str().unwrap()).unwrap();
        // SAFETY: the library has no initialisers; the path is a C string.
        let handle = unsafe { libc::dlopen(c_path.as_ptr(), libc::RTLD_NOW) };
        assert!(!handle.is_null());
        Loaded { path, handle }
    }

    /// The address of a function in it, and its name.
    pub(super) fn function(&self) -> (u64, &'static str) {
        // SAFETY: the library is loaded; the name is a C string.
        let address = unsafe { libc::dlsym(self.handle, c"perf_monitor_second".as_ptr()) };
        assert!(!address.is_null());
        (address as u64, "perf_monitor_second")
    }

    /// Puts another library in the place of the file, as an upgrade does.
    pub(super) fn replace(&self, source: &str) {
        let other = compile("other", source);
        assert_ne!(fs::read(&other).unwrap(), fs::read(&self.path).unwrap());
        fs::rename(other, &self.path).unwrap();
    }

    pub(super) fn unload(self) {
        // SAFETY: nothing of it is in use.
        assert_eq!(unsafe { libc::dlclose(self.handle) }, 0);
        let _ = fs::remove_file(Path::new(&self.path));
    }
}
