//! What machine the numbers come from.

use std::fs;

use serde::Serialize;

/// The facts without which a number of nanoseconds says little.
#[derive(Debug, Serialize)]
pub(crate) struct HostFacts {
    cpu_model: Option<String>,
    cores: usize,
    kernel: Option<String>,
    clocksource: Option<String>,
    rustc: &'static str,
    /// Seconds that the hypervisor gave to others while the bench ran, over all cores.
    stolen_seconds: Option<f64>,
    /// Share of all cores' time that was stolen.
    stolen_ratio: Option<f64>,
    /// Share of all cores' time that other programs and the bench itself used.
    busy_ratio: Option<f64>,
}

impl HostFacts {
    /// The facts, with what happened since `before`.
    pub(crate) fn since(before: Option<CpuTimes>) -> HostFacts {
        let spent = before.zip(CpuTimes::now()).map(|(before, now)| now.since(before));
        HostFacts {
            cpu_model: cpu_model(),
            cores: std::thread::available_parallelism().map_or(0, usize::from),
            kernel: first_line("/proc/sys/kernel/osrelease"),
            clocksource: first_line(
                "/sys/devices/system/clocksource/clocksource0/current_clocksource",
            ),
            rustc: env!("BENCH_RUSTC"),
            stolen_seconds: spent.map(|t| t.stolen as f64 / ticks_per_second()),
            stolen_ratio: spent.map(|t| t.stolen as f64 / t.total.max(1) as f64),
            busy_ratio: spent.map(|t| (t.total - t.idle - t.stolen) as f64 / t.total.max(1) as f64),
        }
    }

    /// One line for a person.
    pub(crate) fn line(&self) -> String {
        let known = |fact: &Option<String>| fact.clone().unwrap_or_else(|| "unknown".into());
        format!(
            "{}, {} cores, Linux {}, clocksource {}, {}; stolen {}",
            known(&self.cpu_model),
            self.cores,
            known(&self.kernel),
            known(&self.clocksource),
            self.rustc,
            self.stolen_ratio.map_or("unknown".into(), |r| format!("{:.2} %", r * 100.0)),
        )
    }
}

/// The machine's CPU time by what it went to, in clock ticks.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct CpuTimes {
    total: u64,
    idle: u64,
    stolen: u64,
}

impl CpuTimes {
    pub(crate) fn now() -> Option<CpuTimes> {
        CpuTimes::parse(&fs::read_to_string("/proc/stat").ok()?)
    }

    fn parse(stat: &str) -> Option<CpuTimes> {
        let line = stat.lines().next()?.strip_prefix("cpu ")?;
        let fields: Vec<u64> = line.split_whitespace().map_while(|f| f.parse().ok()).collect();
        let all = fields.get(..8)?; // guest time is part of user time
        Some(CpuTimes { total: all.iter().sum(), idle: all[3] + all[4], stolen: all[7] })
    }

    fn since(self, before: CpuTimes) -> CpuTimes {
        CpuTimes {
            total: self.total.saturating_sub(before.total),
            idle: self.idle.saturating_sub(before.idle),
            stolen: self.stolen.saturating_sub(before.stolen),
        }
    }
}

pub(crate) fn ticks_per_second() -> f64 {
    rustix::param::clock_ticks_per_second() as f64
}

fn cpu_model() -> Option<String> {
    let cpuinfo = fs::read_to_string("/proc/cpuinfo").ok()?;
    let line = cpuinfo.lines().find(|line| line.starts_with("model name"))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}

fn first_line(path: &str) -> Option<String> {
    Some(fs::read_to_string(path).ok()?.lines().next()?.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stolen_time_is_the_eighth_field() {
        let stat = "cpu  10 1 5 100 4 0 2 8 3 0\ncpu0 1 2 3\n";
        let times = CpuTimes::parse(stat).unwrap();
        assert_eq!(times, CpuTimes { total: 130, idle: 104, stolen: 8 });
        let earlier = CpuTimes { total: 30, idle: 4, stolen: 3 };
        assert_eq!(times.since(earlier), CpuTimes { total: 100, idle: 100, stolen: 5 });
    }

    #[test]
    fn an_old_kernel_s_short_line_is_unknown() {
        assert_eq!(CpuTimes::parse("cpu  10 1 5 100\n"), None);
    }
}
