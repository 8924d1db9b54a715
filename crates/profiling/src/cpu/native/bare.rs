//! A thread of which nothing stays once it has ended.
//!
//! The standard library's threads allocate as they begin and end, and the C library keeps what comes of
//! it: a heap for each thread that ever allocated, the stacks of threads that are over. This one has a
//! stack in a mapping of its own, and runs what allocates nothing.

use std::ffi::{c_int, c_void};
use std::io;
use std::mem::MaybeUninit;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr::{self, NonNull};

use crate::error::Error;

/// What a thread does. If it panics, it has ended.
pub(crate) trait Work: Sync {
    fn run(&self);
}

/// A thread that was started, to be [joined](Self::join).
pub(crate) struct Bare {
    thread: libc::pthread_t,
    _stack: Stack,
}

// SAFETY: a number that means the same in all threads, and a mapping.
unsafe impl Send for Bare {}

impl Bare {
    /// Starts a thread that does `work`.
    ///
    /// # Safety
    /// `work` stays where it is until the thread was joined.
    ///
    /// # Errors
    /// The system has no room for a thread.
    pub(crate) unsafe fn start<W: Work>(work: *const W) -> Result<Bare, Error> {
        let failed = |cause| Error::System("no thread for the sampler", cause);
        let stack = Stack::new().map_err(failed)?;
        // SAFETY: the caller's promise, and the stack lives as long as what is given back.
        let thread = unsafe { create(&stack, begin::<W>, work.cast_mut().cast()) };
        Ok(Bare { thread: thread.map_err(failed)?, _stack: stack })
    }

    /// Waits until it has ended, and gives its stack back.
    pub(crate) fn join(self) {
        // SAFETY: it was started, and this is the only one who joins it.
        unsafe { libc::pthread_join(self.thread, ptr::null_mut()) };
    }
}

extern "C" fn begin<W: Work>(work: *mut c_void) -> *mut c_void {
    // SAFETY: who started this thread keeps the work until it is joined.
    let work = unsafe { &*work.cast::<W>() };
    let _ = catch_unwind(AssertUnwindSafe(|| work.run()));
    ptr::null_mut()
}

/// # Safety
/// The stack and what `with` points to stay until the thread was joined.
unsafe fn create(
    stack: &Stack,
    begin: extern "C" fn(*mut c_void) -> *mut c_void,
    with: *mut c_void,
) -> io::Result<libc::pthread_t> {
    unsafe extern "C" {
        /// POSIX; the crate `libc` has it not.
        fn pthread_attr_setstack(
            attributes: *mut libc::pthread_attr_t,
            lowest: *mut c_void,
            bytes: libc::size_t,
        ) -> c_int;
    }
    let done =
        |number| if number == 0 { Ok(()) } else { Err(io::Error::from_raw_os_error(number)) };
    let mut attributes = MaybeUninit::uninit();
    let mut thread = MaybeUninit::uninit();
    // SAFETY: the attributes are initialised before they are used, and destroyed once; the stack is mapped and
    // nobody else's; the thread's number is written if the call succeeds.
    unsafe {
        done(libc::pthread_attr_init(attributes.as_mut_ptr()))?;
        let created =
            done(pthread_attr_setstack(attributes.as_mut_ptr(), stack.lowest(), STACK_BYTES))
                .and_then(|()| {
                    done(libc::pthread_create(
                        thread.as_mut_ptr(),
                        attributes.as_ptr(),
                        begin,
                        with,
                    ))
                });
        libc::pthread_attr_destroy(attributes.as_mut_ptr());
        created.map(|()| thread.assume_init())
    }
}

/// Room for a stack, of which the C library takes that for the program's thread-locals. Pages that are
/// never touched cost nothing; the sampler touches some four of 4 KiB.
const STACK_BYTES: usize = 256 * 1024;

/// What lies below the stack and cannot be touched: who needs more of it than there is ends the process
/// there. It is a page, of whatever size.
const GUARD_BYTES: usize = 64 * 1024;

struct Stack(NonNull<c_void>);

impl Stack {
    fn new() -> io::Result<Stack> {
        let kind = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE | libc::MAP_STACK;
        let bytes = GUARD_BYTES + STACK_BYTES;
        // SAFETY: a new private mapping at an address that the kernel chooses touches nothing else.
        let memory = unsafe { libc::mmap(ptr::null_mut(), bytes, libc::PROT_NONE, kind, -1, 0) };
        if memory == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        let stack = NonNull::new(memory).map(Stack).ok_or(io::ErrorKind::OutOfMemory)?;
        let rights = libc::PROT_READ | libc::PROT_WRITE;
        // SAFETY: the upper part of the mapping above.
        match unsafe { libc::mprotect(stack.lowest(), STACK_BYTES, rights) } {
            0 => Ok(stack),
            _ => Err(io::Error::last_os_error()),
        }
    }

    fn lowest(&self) -> *mut c_void {
        self.0.as_ptr().wrapping_byte_add(GUARD_BYTES)
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        // SAFETY: the mapping is this value's; its thread was joined, or never was.
        unsafe { libc::munmap(self.0.as_ptr(), GUARD_BYTES + STACK_BYTES) };
    }
}

#[cfg(test)]
mod tests {
    use std::hint::black_box;
    use std::sync::Mutex;

    use super::*;

    struct Where(Mutex<u64>);

    impl Work for Where {
        fn run(&self) {
            let local = black_box(7_u64);
            *self.0.lock().unwrap() = &raw const local as u64;
        }
    }

    fn is_mapped(address: u64) -> bool {
        let list = crate::maps::read().unwrap();
        let mut mappings = crate::maps::mappings(&list);
        mappings.any(|mapping| mapping.writable && (mapping.start..mapping.end).contains(&address))
    }

    #[test]
    fn the_stack_goes_with_the_thread() {
        let place = Where(Mutex::new(0));
        // SAFETY: joined below.
        let thread = unsafe { Bare::start(&raw const place) }.unwrap();
        let lowest = thread._stack.lowest() as u64;
        assert!(is_mapped(lowest) && !is_mapped(lowest - 1));
        thread.join();
        let local = *place.0.lock().unwrap();
        assert!((lowest..lowest + STACK_BYTES as u64).contains(&local));
        assert!(!is_mapped(lowest));
    }

    #[test]
    fn a_panic_ends_the_thread_and_no_more() {
        struct Panics;
        impl Work for Panics {
            fn run(&self) {
                std::panic::resume_unwind(Box::new("this panics on purpose"));
            }
        }
        let panics = Panics;
        // SAFETY: joined below.
        unsafe { Bare::start(&raw const panics) }.unwrap().join();
    }
}
