//! What stands in the way of sampling is told, and nothing is broken by it.
#![cfg(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64")))]

mod support;

use std::time::Duration;

use perf_monitor_profiling::{CpuOptions, CpuProfiler, Error};
use support::{burn, in_a_process, is_child};

extern "C" fn foreign(_: libc::c_int) {}

fn handle(signal: i32) {
    // SAFETY: the handler does nothing.
    let before = unsafe { libc::signal(signal, foreign as *const () as usize) };
    assert_ne!(before, libc::SIG_ERR);
}

#[test]
fn a_signal_that_somebody_handles_is_left_to_them_and_another_one_does() {
    if !is_child() {
        return in_a_process("a_signal_that_somebody_handles_is_left_to_them_and_another_one_does");
    }
    handle(libc::SIGPROF);
    let taken = CpuProfiler::new().start(99);
    assert!(matches!(taken, Err(Error::SignalTaken(libc::SIGPROF))), "{taken:?}");
    let options = CpuOptions::default().signal(libc::SIGRTMIN() + 3);
    let mut profiler = CpuProfiler::with_options(options);
    profiler.start(250).unwrap();
    burn(Duration::from_millis(300));
    assert!(profiler.stop().unwrap().total(0) > 20);
}

#[test]
fn a_handler_that_is_replaced_while_a_profile_is_taken_is_noticed() {
    if !is_child() {
        return in_a_process("a_handler_that_is_replaced_while_a_profile_is_taken_is_noticed");
    }
    let mut profiler = CpuProfiler::new();
    profiler.start(99).unwrap();
    handle(libc::SIGPROF);
    let noticed = || {
        burn(Duration::from_millis(50));
        profiler.report().unwrap().notes.iter().any(|note| note.contains("handler"))
    };
    assert!((0..200).any(|_| noticed()));
}

#[test]
fn timers_that_the_system_refuses_are_an_error_that_says_so() {
    if !is_child() {
        return in_a_process("timers_that_the_system_refuses_are_an_error_that_says_so");
    }
    refuse(libc::SYS_timer_create as u32);
    let refused = CpuProfiler::new().start(99).unwrap_err();
    assert!(matches!(refused, Error::System(..)), "{refused:?}");
    assert!(refused.to_string().contains("timer"), "{refused}");
    burn(Duration::from_millis(20));
}

#[test]
fn a_wrong_signal_is_an_error() {
    if !is_child() {
        return in_a_process("a_wrong_signal_is_an_error");
    }
    for signal in [-1, 0, libc::SIGKILL, 1_000] {
        let wrong = CpuProfiler::with_options(CpuOptions::default().signal(signal)).start(99);
        assert!(matches!(wrong, Err(Error::System(..))), "{signal}: {wrong:?}");
    }
}

/// Makes the system call `number` fail with `EPERM` in all threads that begin later and this one.
fn refuse(number: u32) {
    const LOAD: u16 = 0x20; // BPF_LD | BPF_W | BPF_ABS
    const EQUAL: u16 = 0x15; // BPF_JMP | BPF_JEQ | BPF_K
    const RETURN: u16 = 0x06; // BPF_RET | BPF_K
    let step = |code, jt, jf, k| libc::sock_filter { code, jt, jf, k };
    let mut steps = [
        step(LOAD, 0, 0, 0),
        step(EQUAL, 0, 1, number),
        step(RETURN, 0, 0, libc::SECCOMP_RET_ERRNO | libc::EPERM as u32),
        step(RETURN, 0, 0, libc::SECCOMP_RET_ALLOW),
    ];
    let program = libc::sock_fprog { len: steps.len() as u16, filter: steps.as_mut_ptr() };
    // SAFETY: the program and its steps live across the calls.
    unsafe {
        assert_eq!(libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
        let mode = libc::SECCOMP_MODE_FILTER;
        assert_eq!(libc::prctl(libc::PR_SET_SECCOMP, mode, &raw const program, 0, 0), 0);
    }
}
