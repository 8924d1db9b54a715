//! jemalloc by its control interface.

use std::alloc::Layout;
use std::ffi::c_char;
use std::fs::File;
use std::hint::black_box;
use std::io::{self, Read};
use std::os::fd::{AsRawFd, FromRawFd};
use std::sync::OnceLock;

use tikv_jemalloc_ctl::{epoch, raw, stats, thread};

use super::{Error, HeapProfile, MemorySnapshot};

const NOT_USED: &str = "jemalloc is linked but is not the program's allocator: set it with \
     #[global_allocator], or leave out the feature `jemalloc`";
const NOT_BUILT: &str = "jemalloc was built without its heap profiler: have one version of tikv-jemalloc-sys, \
     with its feature `profiling`";
const NOT_CONFIGURED: &str = "jemalloc was started without its heap profiler, which cannot be switched on \
     later: put jemalloc_conf!(\"prof:true,prof_active:false,lg_prof_sample:19\") into the program";

/// Bytes of the allocation that shows whether the program uses jemalloc.
const PROBE: usize = 1 << 20;

/// The options that jemalloc reads before `main`, as [`jemalloc_conf!`](crate::jemalloc_conf) has them.
#[repr(transparent)]
#[derive(Debug)]
pub struct JemallocConf(*const c_char);

// SAFETY: it points to text that lives as long as the program and that nobody writes to.
unsafe impl Sync for JemallocConf {}

impl JemallocConf {
    /// `options` end with a zero byte; else nothing is configured.
    pub const fn new(options: &'static str) -> JemallocConf {
        match std::ffi::CStr::from_bytes_with_nul(options.as_bytes()) {
            Ok(options) => JemallocConf(options.as_ptr()),
            Err(_) => JemallocConf(c"".as_ptr()),
        }
    }
}

/// Configures jemalloc at the start of the program: the heap profiler can be had only if it was configured.
///
/// It belongs into the crate of the binary, once; a library leaves the choice to its users. It defines the
/// symbol under both names that `tikv-jemallocator` may be built to look for, with and without its prefix.
///
/// ```
/// // The heap profiler is there, and off until `MemoryProfiler::start_sampling`: one sample in 2^19 bytes.
/// perf_monitor_profiling::jemalloc_conf!("prof:true,prof_active:false,lg_prof_sample:19");
/// # fn main() {}
/// ```
#[macro_export]
macro_rules! jemalloc_conf {
    ($options:literal) => {
        const _: () = {
            #[used]
            #[unsafe(export_name = "_rjem_malloc_conf")]
            static WITH_PREFIX: $crate::JemallocConf =
                $crate::JemallocConf::new(concat!($options, "\0"));
            #[used]
            #[unsafe(export_name = "malloc_conf")]
            static WITHOUT_PREFIX: $crate::JemallocConf =
                $crate::JemallocConf::new(concat!($options, "\0"));
        };
    };
}

/// Whether the program's allocations go to jemalloc; found out once, by one of them.
pub(in crate::memory) fn is_used() -> bool {
    static USED: OnceLock<bool> = OnceLock::new();
    *USED.get_or_init(|| probe().unwrap_or(false))
}

fn probe() -> Option<bool> {
    let allocated = thread::allocatedp::read().ok()?;
    let before = allocated.get();
    let layout = Layout::from_size_align(PROBE, 16).ok()?;
    // SAFETY: the layout has a size; the block is freed with it.
    unsafe {
        let block = black_box(std::alloc::alloc(layout));
        if block.is_null() {
            return None;
        }
        std::alloc::dealloc(block, layout);
    }
    Some(allocated.get().wrapping_sub(before) >= PROBE as u64)
}

/// What a snapshot says when the feature is on in vain.
pub(in crate::memory) fn notes() -> Vec<&'static str> {
    if is_used() { Vec::new() } else { vec![NOT_USED] }
}

/// The statistics of now.
pub(in crate::memory) fn fill(snapshot: MemorySnapshot) -> Result<MemorySnapshot, Error> {
    epoch::advance().map_err(|cause| refused("jemalloc does not renew its statistics", cause))?;
    let known = |read: tikv_jemalloc_ctl::Result<usize>| read.ok().map(|bytes| bytes as u64);
    Ok(MemorySnapshot {
        allocated: known(stats::allocated::read()),
        active: known(stats::active::read()),
        mapped: known(stats::mapped::read()),
        retained: known(stats::retained::read()),
        resident: known(stats::resident::read()),
        ..snapshot
    })
}

/// Whether jemalloc samples stacks.
pub(in crate::memory) fn is_active() -> bool {
    has_profiler().is_ok() && read_bool(b"prof.active\0").unwrap_or(false)
}

pub(in crate::memory) fn set_active(active: bool) -> Result<(), Error> {
    has_profiler()?;
    // SAFETY: `prof.active` takes a `bool`.
    unsafe { raw::write(b"prof.active\0", active) }
        .map_err(|cause| refused("jemalloc does not switch its heap profiler", cause))
}

/// The live heap by stack.
pub(in crate::memory) fn profile() -> Result<HeapProfile, Error> {
    has_profiler()?;
    if !read_bool(b"prof.active\0").unwrap_or(false) {
        return Err(Error::ProfilerNotStarted);
    }
    let mut profile = HeapProfile::default();
    profile.parse_dump(dump()?)?;
    Ok(profile)
}

fn has_profiler() -> Result<(), Error> {
    match () {
        _ if !is_used() => Err(Error::Unsupported(NOT_USED)),
        _ if !read_bool(b"config.prof\0").unwrap_or(false) => Err(Error::Unsupported(NOT_BUILT)),
        _ if !read_bool(b"opt.prof\0").unwrap_or(false) => Err(Error::Unsupported(NOT_CONFIGURED)),
        _ => Ok(()),
    }
}

/// `name` is one of those that are of type `bool`.
fn read_bool(name: &[u8]) -> Option<bool> {
    // SAFETY: jemalloc writes one byte, 0 or 1, for each name that is asked for here.
    unsafe { raw::read(name) }.ok()
}

/// What jemalloc dumps, into memory: no directory has to be writable, and nobody else can read it or be
/// written over.
#[cfg(target_os = "linux")]
fn dump() -> Result<Vec<u8>, Error> {
    let no_file = |cause| Error::System("memory for jemalloc's dump", cause);
    // SAFETY: the name is a text that ends with a zero.
    let descriptor = unsafe { libc::memfd_create(c"heap".as_ptr(), libc::MFD_CLOEXEC) };
    if descriptor < 0 {
        return Err(no_file(io::Error::last_os_error()));
    }
    // SAFETY: just opened, and nobody else's.
    let mut file = unsafe { File::from_raw_fd(descriptor) };
    let path = format!("/proc/self/fd/{}\0", file.as_raw_fd());
    // SAFETY: `prof.dump` takes a pointer to a text that ends with a zero, and does not keep it.
    unsafe { raw::write(b"prof.dump\0", path.as_ptr().cast::<c_char>()) }
        .map_err(|cause| refused("jemalloc does not dump its heap profile", cause))?;
    let mut dump = Vec::new();
    file.read_to_end(&mut dump).map_err(no_file)?;
    Ok(dump)
}

#[cfg(not(target_os = "linux"))]
fn dump() -> Result<Vec<u8>, Error> {
    Err(Error::Unsupported("heap profiles of jemalloc are read on Linux only"))
}

fn refused(what: &'static str, cause: tikv_jemalloc_ctl::Error) -> Error {
    Error::System(what, io::Error::other(cause.to_string()))
}
