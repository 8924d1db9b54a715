//! One timer of one thread's CPU time.

use std::io;
use std::mem;
use std::ptr;
use std::time::Duration;

/// A timer that sends a signal to a thread of this process whenever it has used up so much CPU time.
/// The kernel keeps it until it is [taken away](Self::delete), also when the thread has ended.
///
/// The system is called by number: the C library's own `timer_create` wants a clock of its own making,
/// and the clock of another thread is known by that thread's number.
#[derive(Clone, Copy, Debug)]
#[repr(transparent)]
pub(crate) struct Timer(libc::c_int);

/// The clock of a thread's CPU time, as the kernel numbers it: the complement of the thread's number,
/// then 4 for "of a thread" and 2 for "as the scheduler counts".
fn clock_of(thread: i32) -> libc::clockid_t {
    (!thread << 3) | 6
}

impl Timer {
    /// A timer for `thread` that sends `signal` with `value`; it does not run yet.
    ///
    /// # Errors
    /// The thread has ended (`EINVAL`), too many signals may be pending (`EAGAIN`), or a filter of
    /// system calls is in the way (`EPERM`, `ENOSYS`).
    pub(crate) fn new(thread: i32, signal: i32, value: usize) -> io::Result<Timer> {
        // SAFETY: an all-zero sigevent is one.
        let mut event: libc::sigevent = unsafe { mem::zeroed() };
        event.sigev_notify = libc::SIGEV_THREAD_ID;
        event.sigev_signo = signal;
        event.sigev_value.sival_ptr = ptr::without_provenance_mut(value);
        event.sigev_notify_thread_id = thread;
        let mut number: libc::c_int = 0;
        // SAFETY: the kernel reads the event and writes the number, both of which live across the call.
        let made = unsafe {
            libc::syscall(
                libc::SYS_timer_create,
                clock_of(thread),
                &raw const event,
                &raw mut number,
            )
        };
        if made == 0 { Ok(Timer(number)) } else { Err(io::Error::last_os_error()) }
    }

    /// Runs it: first after `first`, then every `period` of CPU time.
    pub(crate) fn run(&self, first: Duration, period: Duration) -> io::Result<()> {
        let spec = libc::itimerspec { it_interval: timespec(period), it_value: timespec(first) };
        // SAFETY: the kernel reads the spec, which lives across the call; the timer is ours.
        let set = unsafe {
            libc::syscall(
                libc::SYS_timer_settime,
                self.0,
                0,
                &raw const spec,
                ptr::null_mut::<libc::itimerspec>(),
            )
        };
        if set == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
    }

    /// Takes it away. Whoever made it does this once, and does not use it after.
    pub(crate) fn delete(self) {
        // SAFETY: takes a number; of one that is no timer of this process it does nothing.
        unsafe { libc::syscall(libc::SYS_timer_delete, self.0) };
    }
}

fn timespec(time: Duration) -> libc::timespec {
    // SAFETY: an all-zero timespec is one; some targets have padding in it.
    let mut spec: libc::timespec = unsafe { mem::zeroed() };
    spec.tv_sec = time.as_secs() as _;
    spec.tv_nsec = time.subsec_nanos() as _;
    spec
}
