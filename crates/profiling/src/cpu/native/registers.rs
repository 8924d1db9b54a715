//! The registers that stack walking begins from.

use std::arch::asm;

/// Of a thread that a signal has interrupted.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Registers {
    /// What it was about to execute.
    pub(crate) code: u64,
    pub(crate) stack: u64,
    pub(crate) frame: u64,
    /// Where a function goes back to that has not put that on the stack; 0 if it always is there, or is not known.
    pub(crate) link: u64,
}

impl Registers {
    /// What the kernel saved before it called the handler.
    ///
    /// # Safety
    /// `context` is the third argument of a handler that was installed with `SA_SIGINFO`, and the
    /// handler has not returned.
    #[inline]
    pub(crate) unsafe fn interrupted(context: *const libc::c_void) -> Registers {
        // SAFETY: the kernel passes a ucontext_t to such handlers.
        let machine = unsafe { &(*context.cast::<libc::ucontext_t>()).uc_mcontext };
        #[cfg(target_arch = "x86_64")]
        let registers = Registers {
            code: machine.gregs[libc::REG_RIP as usize] as u64,
            stack: machine.gregs[libc::REG_RSP as usize] as u64,
            frame: machine.gregs[libc::REG_RBP as usize] as u64,
            link: 0,
        };
        #[cfg(target_arch = "aarch64")]
        let registers = Registers {
            code: machine.pc,
            stack: machine.sp,
            frame: machine.regs[29],
            link: machine.regs[30],
        };
        registers
    }
}

/// The calling thread's pointer to its own control block. In a thread of the C library the block lies
/// at the top of the memory of its stack.
#[inline(always)]
pub(crate) fn thread_pointer() -> u64 {
    let pointer: u64;
    // SAFETY: reads one register; on x86-64 the block's first word is its own address, by the ABI of
    // thread-local storage.
    unsafe {
        #[cfg(target_arch = "x86_64")]
        asm!("mov {}, fs:0", out(reg) pointer, options(nostack, preserves_flags, readonly));
        #[cfg(target_arch = "aarch64")]
        asm!("mrs {}, tpidr_el0", out(reg) pointer, options(nostack, preserves_flags, nomem));
    }
    pointer
}

/// The calling function's frame pointer, or whatever the register holds in code without them.
#[inline(always)]
pub(crate) fn frame_pointer() -> u64 {
    let pointer: u64;
    // SAFETY: copies one register.
    unsafe {
        #[cfg(target_arch = "x86_64")]
        asm!("mov {}, rbp", out(reg) pointer, options(nostack, preserves_flags, nomem));
        #[cfg(target_arch = "aarch64")]
        asm!("mov {}, x29", out(reg) pointer, options(nostack, preserves_flags, nomem));
    }
    pointer
}
