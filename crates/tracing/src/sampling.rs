//! Whether a trace is recorded: decided as its root begins, then again as it ends.

use crate::TracerOptions;
use crate::group;
use crate::name::Name;
use crate::sync::Ordering;

/// The rules of a tracer.
pub(crate) struct Sampling {
    /// Traces whose right-most 56 bits are below this are not sampled, as OpenTelemetry's consistent
    /// sampling has it.
    reject_below: u64,
    /// Nanoseconds between two roots of one name; 0 without a limit.
    interval_ns: u64,
    tail: bool,
}

/// Bits of a trace id that are random.
const RANDOM_BITS: u32 = 56;

/// How long the rate of a name may go unused before it is lost: as much may come at once.
const BURST_NS: u64 = 1_000_000_000;

impl Sampling {
    pub(crate) fn new(options: &TracerOptions) -> Sampling {
        let all = (1_u64 << RANDOM_BITS) as f64;
        Sampling {
            reject_below: ((1.0 - options.ratio) * all) as u64,
            interval_ns: (1e9 / options.roots_per_second) as u64,
            tail: options.tail,
        }
    }

    /// Whether a trace that begins here is sampled.
    #[inline(always)]
    pub(crate) fn head(&self, trace: u128, name: &Name, now_ns: u64) -> bool {
        let random = trace as u64 & ((1 << RANDOM_BITS) - 1);
        random >= self.reject_below && (self.interval_ns == 0 || self.within_rate(name, now_ns))
    }

    /// A token bucket kept as the moment at which it was empty.
    fn within_rate(&self, name: &Name, now_ns: u64) -> bool {
        let after = |next: u64| next.max(now_ns.saturating_sub(BURST_NS)) + self.interval_ns;
        let next = &name.next_sample_ns;
        if after(next.load(Ordering::Relaxed)) > now_ns {
            return false;
        }
        let taken = next.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |next| {
            Some(after(next)).filter(|after| *after <= now_ns)
        });
        taken.is_ok()
    }

    /// Whether a trace that is not sampled is recorded.
    #[inline(always)]
    pub(crate) fn tail(&self) -> bool {
        self.tail
    }

    /// Whether a trace with these flags is kept.
    #[inline(always)]
    pub(crate) fn keeps(&self, flags: u64) -> bool {
        let interesting = group::FAILED | group::SLOW;
        flags & (group::SAMPLED | group::FORCED) != 0 || self.tail && flags & interesting != 0
    }
}
