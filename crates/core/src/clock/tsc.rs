//! The time stamp counter of x86-64.
//!
//! It is used when the processor says that it ticks at one rate in all states, and, on Linux, when
//! the kernel itself keeps time by it. Its rate is measured against the system's clock: over two
//! milliseconds at first use, then over all the time since, at each tick.

use std::fs::File;
use std::io::Read;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Nanoseconds per count in 32.32 fixed point; 0 while unknown, 1 when the counter is not used.
/// No counter is so fast that its true value would be 1.
static RATE: AtomicU64 = AtomicU64::new(0);
const NOT_USED: u64 = 1;

/// Microseconds per count as a fraction of 2^64; 0 while unknown or not used.
static US_RATE: AtomicU64 = AtomicU64::new(0);

static ORIGIN: OnceLock<(u64, Instant)> = OnceLock::new();

/// The first measurement: reads within 100 ns of each other over this time err by 50 ppm.
const FIRST_LOOK: Duration = Duration::from_millis(2);

/// The counter's rate, if it is used.
#[inline(always)]
pub(super) fn rate() -> Option<u64> {
    match RATE.load(Ordering::Relaxed) {
        0 | NOT_USED => decide(),
        rate => Some(rate),
    }
}

#[inline(always)]
pub(super) fn read() -> u64 {
    // SAFETY: every x86-64 processor has the instruction.
    unsafe { std::arch::x86_64::_rdtsc() }
}

#[inline(always)]
pub(super) fn to_ns(counts: u64, rate: u64) -> u64 {
    ((u128::from(counts) * u128::from(rate)) >> 32) as u64
}

/// The counter's rate in microseconds, if it is used and known.
#[inline(always)]
pub(super) fn us_rate() -> Option<u64> {
    Some(US_RATE.load(Ordering::Relaxed)).filter(|rate| *rate != 0)
}

#[inline(always)]
pub(super) fn to_us(counts: u64, rate: u64) -> u64 {
    ((u128::from(counts) * u128::from(rate)) >> 64) as u64
}

fn keep(rate: u64) {
    RATE.store(rate, Ordering::Relaxed);
    if rate != NOT_USED {
        US_RATE.store(((u128::from(rate) << 32) / 1_000) as u64, Ordering::Relaxed);
    }
}

#[cold]
#[inline(never)]
fn decide() -> Option<u64> {
    static ONCE: OnceLock<()> = OnceLock::new();
    ONCE.get_or_init(|| {
        let rate = if is_steady() { first_rate() } else { NOT_USED };
        keep(rate);
    });
    Some(RATE.load(Ordering::Relaxed)).filter(|rate| *rate != NOT_USED)
}

fn is_steady() -> bool {
    let highest = std::arch::x86_64::__cpuid(0x8000_0000).eax;
    if highest < 0x8000_0007 || std::arch::x86_64::__cpuid(0x8000_0007).edx & (1 << 8) == 0 {
        return false;
    }
    if !cfg!(target_os = "linux") {
        return true;
    }
    // Read without an allocation: an allocator that takes the time would come in here again.
    let source = "/sys/devices/system/clocksource/clocksource0/current_clocksource";
    let mut name = [0; 8];
    let read = File::open(source).and_then(|mut file| file.read(&mut name));
    read.is_ok_and(|len| name[..len].trim_ascii() == b"tsc")
}

fn first_rate() -> u64 {
    let (counts, time) = *ORIGIN.get_or_init(pair);
    while time.elapsed() < FIRST_LOOK {
        std::hint::spin_loop();
    }
    rate_since(counts, time)
}

/// Measures the rate anew over all the time since the first use.
pub(super) fn refine() {
    if let Some(&(counts, time)) = ORIGIN.get()
        && RATE.load(Ordering::Relaxed) > NOT_USED
    {
        keep(rate_since(counts, time));
    }
}

fn rate_since(counts: u64, time: Instant) -> u64 {
    let (counts_now, now) = pair();
    let ns = now.duration_since(time).as_nanos();
    let passed = counts_now.wrapping_sub(counts).max(1);
    (((ns << 32) / u128::from(passed)) as u64).max(NOT_USED + 1)
}

/// Both clocks at one moment: the closest of a few tries, so that an interruption between the two
/// reads does no harm.
fn pair() -> (u64, Instant) {
    let tries = (0..5).map(|_| {
        let before = read();
        let time = Instant::now();
        let after = read();
        (after.wrapping_sub(before), (before + after.wrapping_sub(before) / 2, time))
    });
    tries.min_by_key(|(gap, _)| *gap).expect("there are tries").1
}
