//! The signal that samples come by.

use std::io;
use std::mem;
use std::ptr;

use super::handler::on_signal;
use crate::error::Error;

/// Installs the handler for `signal`. It stays when the profiler stops, doing nothing: a signal that
/// is still on its way would end the process if there were none.
///
/// # Errors
/// Another part of the program handles this signal, or the system does not take a handler for it.
pub(crate) fn install(signal: i32) -> Result<(), Error> {
    match handler(signal)? {
        Handler::Ours => return Ok(()),
        Handler::Foreign => return Err(Error::SignalTaken(signal)),
        Handler::Default => {}
    }
    // SAFETY: an all-zero sigaction is one.
    let mut action: libc::sigaction = unsafe { mem::zeroed() };
    action.sa_sigaction = on_signal as *const () as usize;
    // calls that were interrupted go on; a thread's own signal stack is used if it has one
    action.sa_flags = libc::SA_SIGINFO | libc::SA_RESTART | libc::SA_ONSTACK;
    // SAFETY: the mask is of this action; the handler is one for SA_SIGINFO and does only what a
    // handler may.
    let set = unsafe {
        libc::sigemptyset(&raw mut action.sa_mask);
        libc::sigaction(signal, &raw const action, ptr::null_mut())
    };
    if set == 0 { Ok(()) } else { Err(refused()) }
}

/// Whether the handler of `signal` is still ours.
pub(crate) fn is_ours(signal: i32) -> bool {
    matches!(handler(signal), Ok(Handler::Ours))
}

/// The signal that is used unless another one is chosen.
pub(crate) const USUAL: i32 = libc::SIGPROF;

enum Handler {
    Ours,
    Foreign,
    /// None, or one that ignores it.
    Default,
}

fn handler(signal: i32) -> Result<Handler, Error> {
    // SAFETY: an all-zero sigaction is one, which the call overwrites.
    let mut action: libc::sigaction = unsafe { mem::zeroed() };
    // SAFETY: asks only; the action lives across the call.
    if unsafe { libc::sigaction(signal, ptr::null(), &raw mut action) } != 0 {
        return Err(refused());
    }
    Ok(match action.sa_sigaction {
        handler if handler == on_signal as *const () as usize => Handler::Ours,
        libc::SIG_DFL | libc::SIG_IGN => Handler::Default,
        _ => Handler::Foreign,
    })
}

fn refused() -> Error {
    Error::System("the signal takes no handler", io::Error::last_os_error())
}
