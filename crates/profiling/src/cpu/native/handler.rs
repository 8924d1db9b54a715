//! What runs inside of the threads that are sampled.
//!
//! A handler may interrupt anything: an allocation, another handler, a thread that ends. So it
//! allocates nothing, takes no lock, makes no system call, touches no thread-local and leaves `errno`
//! alone. It calls functions of this crate that do the same, and reads the clock of the core, which
//! has been read before. It reads memory at three places: what is shared with the sampler, the
//! interrupted thread's context, and that thread's own stack between its stack pointer and its end.

use std::sync::atomic::Ordering;

use perf_monitor_core::{Context, ContextCell, Instant};

use super::gate::Gate;
use super::mapped::Mapped;
use super::record::Record;
use super::registers::{Registers, thread_pointer};
use super::shared::{Shared, Slot};
use crate::walk::{MOST_FRAMES, walk};

/// The way to what handlers write to while a profiler runs.
static GATE: Gate<Shared> = Gate::new();

/// Bytes of a page, at the least.
const PAGE: u64 = 4096;

/// Lets handlers write to `shared`, which is kept until [`close`] and [`is_empty`].
pub(crate) fn open(shared: &Mapped<Shared>) {
    GATE.open(&raw const **shared);
}

/// Keeps handlers out from now on; some may still be inside.
pub(crate) fn close() {
    GATE.close();
}

/// Whether no handler is inside that came before [`close`].
pub(crate) fn is_empty() -> bool {
    GATE.is_empty()
}

/// In a forked child: the handlers that were inside are the parent's.
pub(crate) fn forget_parent() {
    GATE.forget_parent();
}

/// What a timer's signal tells beside its number, as Linux lays it out on 64-bit systems.
#[repr(C)]
struct TimerInfo {
    number: libc::c_int,
    error: libc::c_int,
    code: libc::c_int,
    _padding: libc::c_int,
    timer: libc::c_int,
    overrun: libc::c_int,
    value: usize,
}

const _: () = assert!(size_of::<TimerInfo>() <= size_of::<libc::siginfo_t>());

/// The signal's handler.
pub(crate) extern "C" fn on_signal(
    _: libc::c_int,
    info: *mut libc::siginfo_t,
    context: *mut libc::c_void,
) {
    let Some(pass) = GATE.enter() else { return };
    // SAFETY: the kernel calls a handler with SA_SIGINFO with a siginfo, which is as large as that.
    let info = unsafe { &*info.cast::<TimerInfo>() };
    if info.code == libc::SI_TIMER {
        // SAFETY: who opened the gate keeps the mapping until it is closed and empty.
        let shared = unsafe { pass.used() };
        // SAFETY: this is such a handler, and its third argument.
        let registers = unsafe { Registers::interrupted(context) };
        sample(shared, info, registers);
    }
}

#[inline]
fn sample(shared: &Shared, info: &TimerInfo, registers: Registers) {
    let begun = Instant::now();
    let Some((number, slot)) = shared.slot_of(info.value) else { return };
    let overruns = u32::try_from(info.overrun).unwrap_or(0);
    let mut callers = [0; MOST_FRAMES];
    let (found, whole) = if shared.walks.load(Ordering::Relaxed) {
        callers_of(shared, slot, registers, &mut callers)
    } else {
        (0, true)
    };
    let record = Record {
        slot: number,
        periods: overruns.saturating_add(1),
        context: context(shared),
        code: registers.code,
        callers: &callers[..found],
        cut: !whole,
    };
    let counts = &shared.counts;
    counts.signals.fetch_add(1, Ordering::Relaxed);
    counts.overruns.fetch_add(u64::from(overruns), Ordering::Relaxed);
    if record.push(&shared.ring).is_err() {
        counts.lost.fetch_add(1, Ordering::Relaxed);
    }
    counts.handler_ns.fetch_add(begun.elapsed_ns(), Ordering::Relaxed);
}

/// How many callers there are, and whether these are all of them.
#[inline]
fn callers_of(
    shared: &Shared,
    slot: &Slot,
    registers: Registers,
    callers: &mut [u64; MOST_FRAMES],
) -> (usize, bool) {
    let stack = registers.stack;
    let end = slot.stack_end(stack);
    let high = end.unwrap_or_else(|| {
        slot.ask(stack, thread_pointer());
        rest_of_page(stack)
    });
    // SAFETY: between its stack pointer and the end of its stack a thread's memory is mapped for as
    // long as the thread runs on it, and this has interrupted it. Of a stack that is not known, that
    // holds for the page of the last thing that was pushed.
    let found = unsafe {
        let (first, framed) = without_frames(shared, registers, high, callers);
        first + walk(framed.frame, framed.stack, high, &mut callers[first..])
    };
    (found, end.is_some() && found > 0 && found < MOST_FRAMES)
}

/// The callers of code that is known to have no frame, up to the first that may have one, and how many
/// they are.
///
/// # Safety
/// From the stack pointer to `high` memory can be read.
#[inline]
unsafe fn without_frames(
    shared: &Shared,
    mut registers: Registers,
    high: u64,
    callers: &mut [u64; MOST_FRAMES],
) -> (usize, Registers) {
    for (count, caller) in callers.iter_mut().enumerate() {
        // but for the first, what was interrupted is a call, before the address to go back to
        let code = registers.code.wrapping_sub(u64::from(count > 0));
        // SAFETY: the caller's promise; each step leads up the same stack.
        let up = shared.rows.step(code).and_then(|step| unsafe { step.take(registers, high) });
        let Some(up) = up else { return (count, registers) };
        *caller = up.code;
        registers = up;
    }
    (MOST_FRAMES, registers)
}

/// The end of the page that is certainly there: the one of the word below the stack pointer, which was
/// pushed or may be.
#[inline]
fn rest_of_page(stack: u64) -> u64 {
    (stack.wrapping_sub(8) | (PAGE - 1)).wrapping_add(1).max(stack)
}

/// The interrupted thread's span, if it is in one and contexts can be found.
#[inline]
fn context(shared: &Shared) -> Option<Context> {
    let offset = shared.context_offset.load(Ordering::Relaxed);
    if offset == 0 {
        return None;
    }
    let cell = thread_pointer().wrapping_add_signed(offset) as *const ContextCell;
    // SAFETY: the sampler has made sure that all threads have their context at this distance from
    // their thread pointer, in memory that is there before a thread runs and for as long as it does.
    let context = unsafe { &*cell }.get();
    (context.span_id != 0).then_some(context)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rest_of_a_page_is_nothing_where_a_stack_is_empty() {
        assert_eq!(rest_of_page(0x7000), 0x7000);
        assert_eq!(rest_of_page(0x6ff8), 0x7000);
        assert_eq!(rest_of_page(0x6008), 0x7000);
        assert_eq!(rest_of_page(0x6000), 0x6000);
    }
}
