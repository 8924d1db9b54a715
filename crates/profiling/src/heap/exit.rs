//! When threads end and processes fork, told in a way that an allocator may use.
//!
//! A thread-local with a destructor will not do: to register one the standard library allocates, and may
//! abort when an allocator registers one meanwhile. A key of POSIX threads takes neither; its destructors
//! run after those of thread-locals, so what these free is still counted in the thread's own cells.

#[cfg(unix)]
pub(super) use posix::*;
#[cfg(not(unix))]
pub(super) use without::*;

#[cfg(unix)]
mod posix {
    use std::ffi::c_void;
    use std::io;
    use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

    use crate::heap::{local, sampler};

    /// The key and one; 0 before it was made.
    static KEY: AtomicU64 = AtomicU64::new(0);
    static FORKS_ARE_WATCHED: AtomicBool = AtomicBool::new(false);

    /// Has the calling thread let go of its cells when it ends. `false`: the system has no room to remember it.
    pub(in crate::heap) fn watch_thread() -> bool {
        let Some(key) = key() else { return false };
        // Any value but null has the destructor run.
        // SAFETY: the key is of this process and is never deleted.
        unsafe { libc::pthread_setspecific(key, (&raw const KEY).cast()) == 0 }
    }

    fn key() -> Option<libc::pthread_key_t> {
        let known = KEY.load(Ordering::Acquire);
        if known != 0 {
            return Some((known - 1) as libc::pthread_key_t);
        }
        let mut made = 0;
        // SAFETY: `made` is writable; the destructor lives as long as the program.
        if unsafe { libc::pthread_key_create(&raw mut made, Some(ended)) } != 0 {
            return None;
        }
        let word = made as u64 + 1;
        match KEY.compare_exchange(0, word, Ordering::AcqRel, Ordering::Acquire) {
            Ok(_) => Some(made),
            Err(first) => {
                // SAFETY: made above, and nobody else has seen it.
                unsafe { libc::pthread_key_delete(made) };
                Some((first - 1) as libc::pthread_key_t)
            }
        }
    }

    extern "C" fn ended(_: *mut c_void) {
        local::leave();
    }

    /// Has a forked child put right what threads left that it does not have.
    pub(in crate::heap) fn watch_forks() {
        if !FORKS_ARE_WATCHED.swap(true, Ordering::Relaxed) {
            // SAFETY: the handler is a function that lives as long as the program. If there is no room to
            // remember it, a child merely has fewer cells.
            unsafe { libc::pthread_atfork(None, None, Some(forked)) };
        }
    }

    extern "C" fn forked() {
        sampler::after_fork();
        local::after_fork();
    }

    /// A number of the calling thread that no other living thread has; on Linux the kernel's.
    pub(in crate::heap) fn thread_number() -> u32 {
        #[cfg(target_os = "linux")]
        // SAFETY: a call without arguments that cannot fail.
        return unsafe { libc::gettid() } as u32;
        #[cfg(not(target_os = "linux"))]
        // Threads of POSIX are addresses, of which the low bits say nothing.
        // SAFETY: a call without arguments that cannot fail.
        return ((unsafe { libc::pthread_self() } as usize) >> 4) as u32 | 1;
    }

    /// Puts `errno` back: a free must not change it.
    pub(in crate::heap) struct KeepErrno(Option<i32>);

    impl KeepErrno {
        pub(in crate::heap) fn new() -> KeepErrno {
            KeepErrno(io::Error::last_os_error().raw_os_error())
        }
    }

    impl Drop for KeepErrno {
        fn drop(&mut self) {
            #[cfg(target_os = "linux")]
            if let Some(number) = self.0 {
                // SAFETY: the address of the calling thread's own `errno`.
                unsafe { *libc::__errno_location() = number };
            }
        }
    }
}

#[cfg(not(unix))]
mod without {
    //! Where nothing tells that a thread ends, none gets cells of its own: all count into the shared ones.

    pub(in crate::heap) fn watch_thread() -> bool {
        false
    }

    pub(in crate::heap) fn watch_forks() {}

    pub(in crate::heap) fn thread_number() -> u32 {
        1
    }

    pub(in crate::heap) struct KeepErrno;

    impl KeepErrno {
        pub(in crate::heap) fn new() -> KeepErrno {
            KeepErrno
        }
    }
}
