//! The formulas between two readings; what two readings do not tell is `None`.

use crate::model::{CpuTimes, DiskSample, HostSample};

/// The step of the kernel's 32-bit counters of milliseconds.
const WRAP_MS: u64 = 1 << 32;

/// What the time of one core, or of all, went to between two readings: shares of one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CpuShares {
    /// Neither idle nor waiting for a disk. Stolen time is in it.
    pub busy: f64,
    /// Idle while a task waited for a disk.
    pub iowait: Option<f64>,
    /// Taken by the hypervisor for another machine.
    pub steal: Option<f64>,
}

impl CpuShares {
    /// Shares of the time that the kernel accounted for, which is not exactly the time that
    /// passed. `None` when it accounted for none: two readings within 10 ms.
    ///
    /// A part that went backwards, as idle and iowait may, counts as no time.
    pub fn between(before: &CpuTimes, after: &CpuTimes) -> Option<CpuShares> {
        let grown = |part: fn(&CpuTimes) -> u64| part(after).saturating_sub(part(before));
        let grown_if_known =
            |part: fn(&CpuTimes) -> Option<u64>| Some(part(after)?.saturating_sub(part(before)?));
        let iowait = grown_if_known(|t| t.iowait_ns);
        let steal = grown_if_known(|t| t.steal_ns);
        let busy = [
            grown(|t| t.user_ns),
            grown(|t| t.nice_ns),
            grown(|t| t.system_ns),
            grown_if_known(|t| t.irq_ns).unwrap_or(0),
            grown_if_known(|t| t.softirq_ns).unwrap_or(0),
            steal.unwrap_or(0),
        ];
        let busy: f64 = busy.into_iter().map(|ns| ns as f64).sum();
        let iowait = iowait.map(|ns| ns as f64);
        let total = busy + grown(|t| t.idle_ns) as f64 + iowait.unwrap_or(0.0);
        (total > 0.0).then(|| CpuShares {
            busy: busy / total,
            iowait: iowait.map(|ns| ns / total),
            steal: steal.map(|ns| ns as f64 / total),
        })
    }
}

/// How a disk did between two readings.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DiskRates {
    /// The share of time with at least one request under way, 0 to 1. A disk that serves many
    /// requests at once (SSD, RAID) is not full at 1.
    pub utilisation: Option<f64>,
    /// Requests under way, averaged over time.
    pub queue_length: Option<f64>,
    /// Seconds from a read's arrival to its end, queueing included, averaged over reads; `None` without reads.
    pub read_await_s: Option<f64>,
    /// The same for writes.
    pub write_await_s: Option<f64>,
}

impl DiskRates {
    /// What iostat calls %util, aqu-sz, r_await and w_await. `None` when no time passed, or when
    /// the disk began anew in between.
    pub fn between(before: &DiskSample, after: &DiskSample, elapsed_ns: u64) -> Option<DiskRates> {
        if elapsed_ns == 0 || began_anew(before, after) {
            return None;
        }
        let times = DiskTimes::between(before, after, elapsed_ns);
        let elapsed_ms = elapsed_ns as f64 / 1e6;
        let share = |ms: Option<u64>| ms.map(|ms| ms as f64 / elapsed_ms);
        Some(DiskRates {
            utilisation: share(times.busy_ms).map(|share| share.min(1.0)),
            queue_length: share(times.queue_ms),
            read_await_s: seconds_each(times.read_ms, after.reads - before.reads),
            write_await_s: seconds_each(times.write_ms, after.writes - before.writes),
        })
    }
}

fn seconds_each(total_ms: Option<u64>, count: u64) -> Option<f64> {
    (count > 0).then_some(total_ms? as f64 / 1e3 / count as f64)
}

/// Whether the counters began at 0 in between: the disk was removed and another one got its name.
pub(crate) fn began_anew(before: &DiskSample, after: &DiskSample) -> bool {
    after.reads < before.reads
        || after.writes < before.writes
        || after.read_bytes < before.read_bytes
        || after.written_bytes < before.written_bytes
}

/// The milliseconds that a disk's times grew by.
pub(crate) struct DiskTimes {
    pub(crate) busy_ms: Option<u64>,
    pub(crate) queue_ms: Option<u64>,
    pub(crate) read_ms: Option<u64>,
    pub(crate) write_ms: Option<u64>,
}

impl DiskTimes {
    /// For a disk that did not begin anew.
    pub(crate) fn between(before: &DiskSample, after: &DiskSample, elapsed_ns: u64) -> Self {
        // busy time grows as fast as time at most, requests' times by any factor
        let most_busy_ms = (elapsed_ns / 1_000_000).saturating_mul(2).saturating_add(1000);
        let any = WRAP_MS / 2;
        DiskTimes {
            busy_ms: grown_ms(before.busy_time_ms, after.busy_time_ms, most_busy_ms),
            queue_ms: grown_ms(before.queue_time_ms, after.queue_time_ms, any),
            read_ms: grown_ms(before.read_time_ms, after.read_time_ms, any),
            write_ms: grown_ms(before.write_time_ms, after.write_time_ms, any),
        }
    }
}

/// How much a 32-bit counter of milliseconds grew. One that went down has wrapped if it then grew
/// by no more than `most_ms`; else it is unknown what happened.
fn grown_ms(before: u64, after: u64, most_ms: u64) -> Option<u64> {
    if after >= before {
        return Some(after - before);
    }
    let grown = (after + WRAP_MS).checked_sub(before)?;
    (grown <= most_ms).then_some(grown)
}

/// The CPU use of this process between two readings: 1 is one core, all the time.
pub fn process_cpu_ratio(before: &HostSample, after: &HostSample) -> Option<f64> {
    let elapsed_ns = after.at_ns.checked_sub(before.at_ns)?;
    let used_ns = after.process.cpu_ns?.checked_sub(before.process.cpu_ns?)?;
    (elapsed_ns > 0).then(|| used_ns as f64 / elapsed_ns as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000_000;

    fn times(busy: u64, idle: u64, iowait: u64, steal: u64) -> CpuTimes {
        CpuTimes {
            user_ns: busy,
            idle_ns: idle,
            iowait_ns: Some(iowait),
            steal_ns: Some(steal),
            ..CpuTimes::default()
        }
    }

    #[test]
    fn shares_are_of_all_accounted_time() {
        let shares = CpuShares::between(&times(10, 10, 10, 10), &times(40, 50, 30, 20)).unwrap();
        // 30 user + 10 steal busy, 40 idle, 20 waiting: 100 in all
        assert_eq!(shares.busy, 0.4);
        assert_eq!(shares.iowait, Some(0.2));
        assert_eq!(shares.steal, Some(0.1));
    }

    #[test]
    fn time_that_goes_backwards_counts_as_none() {
        let shares = CpuShares::between(&times(10, 50, 30, 0), &times(20, 80, 10, 0)).unwrap();
        assert_eq!(shares.busy, 0.25);
        assert_eq!(shares.iowait, Some(0.0));
    }

    #[test]
    fn no_accounted_time_means_no_shares() {
        let same = times(1, 2, 3, 4);
        assert_eq!(CpuShares::between(&same, &same), None);
    }

    #[test]
    fn unknown_parts_have_no_share() {
        let old = |user_ns| CpuTimes { user_ns, ..CpuTimes::default() };
        let shares = CpuShares::between(&old(1), &old(2)).unwrap();
        assert_eq!((shares.busy, shares.iowait, shares.steal), (1.0, None, None));
    }

    #[test]
    fn extreme_times_do_not_overflow() {
        let most = times(u64::MAX, u64::MAX, u64::MAX, u64::MAX);
        let shares = CpuShares::between(&CpuTimes::default(), &most).unwrap();
        assert_eq!(shares.busy, 1.0 / 2.0);
    }

    fn disk(reads: u64, read_time_ms: u64, busy_time_ms: u64, queue_time_ms: u64) -> DiskSample {
        DiskSample { reads, read_time_ms, busy_time_ms, queue_time_ms, ..DiskSample::default() }
    }

    #[test]
    fn disk_rates_are_those_of_iostat() {
        let rates =
            DiskRates::between(&disk(10, 100, 500, 1000), &disk(30, 150, 700, 4000), 2 * SECOND);
        let expected = DiskRates {
            utilisation: Some(0.1),
            queue_length: Some(1.5),
            read_await_s: Some(0.0025),
            write_await_s: None,
        };
        assert_eq!(rates, Some(expected));
    }

    #[test]
    fn utilisation_is_at_most_one() {
        let rates = DiskRates::between(&disk(0, 0, 0, 0), &disk(0, 0, 1004, 0), SECOND).unwrap();
        assert_eq!(rates.utilisation, Some(1.0));
    }

    #[test]
    fn times_that_wrapped_at_32_bits_go_on() {
        let top = (1 << 32) - 100;
        let rates =
            DiskRates::between(&disk(1, top, top, top), &disk(5, 300, 100, 900), SECOND).unwrap();
        assert_eq!(rates.read_await_s, Some(0.1));
        assert_eq!(rates.utilisation, Some(0.2));
        assert_eq!(rates.queue_length, Some(1.0));
    }

    #[test]
    fn a_time_that_steps_back_is_unknown_for_that_reading() {
        let rates =
            DiskRates::between(&disk(1, 50, 500, 50), &disk(2, 60, 490, 60), SECOND).unwrap();
        assert_eq!(rates.utilisation, None);
        assert_eq!(rates.read_await_s, Some(0.01));
        let most = disk(1, u64::MAX, u64::MAX, u64::MAX);
        assert_eq!(DiskRates::between(&most, &disk(1, 0, 0, 0), 1).unwrap().queue_length, None);
    }

    #[test]
    fn a_disk_that_began_anew_has_no_rates() {
        assert_eq!(DiskRates::between(&disk(9, 9, 9, 9), &disk(1, 9, 9, 9), SECOND), None);
        assert_eq!(DiskRates::between(&disk(1, 1, 1, 1), &disk(2, 2, 2, 2), 0), None);
    }

    #[test]
    fn process_cpu_is_used_time_by_elapsed_time() {
        let at = |at_ns, cpu_ns| {
            let mut sample = HostSample { at_ns, ..HostSample::default() };
            sample.process.cpu_ns = cpu_ns;
            sample
        };
        assert_eq!(process_cpu_ratio(&at(0, Some(5)), &at(100, Some(155))), Some(1.5));
        assert_eq!(process_cpu_ratio(&at(0, None), &at(100, Some(155))), None);
        assert_eq!(process_cpu_ratio(&at(0, Some(9)), &at(100, Some(5))), None);
        assert_eq!(process_cpu_ratio(&at(7, Some(9)), &at(7, Some(9))), None);
    }
}
