//! `/proc/stat` with `/proc/loadavg`: CPU time, scheduler counters, load: proc_stat(5).

use crate::model::{CoreSample, CpuTimes, HostSample, LoadSample};
use crate::scan::{self, Fields};

/// Fills CPU, cores and system from `/proc/stat`; `max_cores` is `None` when cores are not wanted.
pub(crate) fn fill(sample: &mut HostSample, text: &[u8], tick_ns: u64, max_cores: Option<usize>) {
    let mut cores = sample.cores.take().unwrap_or_default();
    cores.clear();
    for line in scan::lines(text) {
        let mut fields = scan::fields(line);
        let system = &mut sample.system;
        match fields.next().unwrap_or_default() {
            b"cpu" => sample.cpu = times(fields, tick_ns),
            b"intr" => system.interrupts = fields.number(), // the first number is the total
            b"ctxt" => system.context_switches = fields.number(),
            b"btime" => system.boot_time_unix_s = fields.number(),
            b"processes" => system.forks = fields.number(),
            b"procs_running" => system.running = fields.number(),
            b"procs_blocked" => system.blocked = fields.number(),
            key => {
                let (Some(most), Some(core)) = (max_cores, core_number(key)) else {
                    continue;
                };
                let Some(times) = times(fields, tick_ns) else {
                    continue;
                };
                if cores.last().is_some_and(|last| last.core >= core) {
                    continue; // the kernel lists each core once, in order
                }
                if cores.len() < most {
                    cores.push(CoreSample { core, times });
                } else {
                    sample.over_limit.cores += 1;
                }
            }
        }
    }
    sample.cores = (!cores.is_empty()).then_some(cores);
}

fn core_number(key: &[u8]) -> Option<u32> {
    let number = scan::number(key.strip_prefix(b"cpu")?)?;
    u32::try_from(number).ok()
}

fn times(mut fields: Fields<'_>, tick_ns: u64) -> Option<CpuTimes> {
    let mut next = || fields.number()?.checked_mul(tick_ns);
    Some(CpuTimes {
        user_ns: next()?,
        nice_ns: next()?,
        system_ns: next()?,
        idle_ns: next()?,
        iowait_ns: next(),
        irq_ns: next(),
        softirq_ns: next(),
        steal_ns: next(),
    })
}

/// When the machine started, in seconds since 1970.
pub(crate) fn boot_time(text: &[u8]) -> Option<u64> {
    let row = scan::lines(text).find_map(|line| line.strip_prefix(b"btime"))?;
    scan::fields(row).number()
}

/// The three averages of `/proc/loadavg`.
pub(crate) fn load(text: &[u8]) -> Option<LoadSample> {
    let mut fields = scan::fields(scan::lines(text).next()?);
    let mut next = || fields.next().and_then(scan::fraction);
    Some(LoadSample { one: next()?, five: next()?, fifteen: next()? })
}
