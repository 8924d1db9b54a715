//! What two readings of the machine say as one sample of resources.

use std::time::Duration;

use perf_monitor_core::Clock;
use perf_monitor_host::{HostSample, process_cpu_ratio};
use perf_monitor_instruments::{ResourceReading, ResourceSampler, Resources};

/// Turns readings into samples: CPU and memory of this process, disks and network of the machine, as
/// the system keeps them.
#[derive(Debug)]
pub(crate) struct Readings {
    sampler: ResourceSampler,
    clock: Clock,
    /// The time and the process of the reading before.
    before: Option<HostSample>,
}

impl Readings {
    pub(crate) fn new(resources: &Resources, interval: Duration, clock: Clock) -> Readings {
        let sampler = ResourceSampler::new(resources.clone(), interval);
        Readings { sampler, clock, before: None }
    }

    /// Whether it is time for a sample; the first one is due at once.
    pub(crate) fn due(&self) -> bool {
        self.sampler.due(self.clock.now_ns())
    }

    /// Records what `now` says. The first sample, which has nothing before it, knows the memory alone.
    pub(crate) fn sample(&mut self, now: &HostSample) {
        let cpu = self.before.as_ref().and_then(|before| process_cpu_ratio(before, now));
        let reading = ResourceReading {
            cpu_percent: cpu.map(|ratio| ratio * 100.0),
            memory_bytes: now.process.resident_bytes,
            disk_total_bytes: disk_bytes(now),
            network_total_bytes: network_bytes(now),
        };
        let HostSample { at_ns, process, .. } = *now;
        self.before = Some(HostSample { at_ns, process, ..HostSample::default() });
        self.sampler.sample(self.clock.now_ns(), self.clock.unix_ns(), reading);
    }
}

/// Read and written, all disks together.
fn disk_bytes(sample: &HostSample) -> Option<u64> {
    let disks = sample.disks.as_ref()?;
    Some(disks.iter().map(|disk| disk.read_bytes.saturating_add(disk.written_bytes)).sum())
}

/// Received and sent over the interfaces that count.
fn network_bytes(sample: &HostSample) -> Option<u64> {
    let counted = sample.interfaces.as_ref()?.iter().filter(|interface| interface.in_totals);
    Some(counted.map(|i| i.received.bytes.saturating_add(i.sent.bytes)).sum())
}

#[cfg(test)]
mod tests {
    use perf_monitor_core::Registry;
    use perf_monitor_host::{DiskSample, InterfaceSample, ProcessSample};
    use perf_monitor_instruments::ResourceSample;

    use super::*;

    fn reading(at_s: u64, cpu_ms: u64, disk_bytes: u64, network_bytes: u64) -> HostSample {
        let disk = DiskSample { written_bytes: disk_bytes, ..DiskSample::default() };
        let mut wire = InterfaceSample { in_totals: true, ..InterfaceSample::default() };
        wire.sent.bytes = network_bytes;
        let mut loopback = wire.clone();
        (loopback.in_totals, loopback.sent.bytes) = (false, network_bytes * 9);
        HostSample {
            at_ns: at_s * 1_000_000_000,
            process: ProcessSample {
                cpu_ns: Some(cpu_ms * 1_000_000),
                resident_bytes: Some(7_000_000),
                ..ProcessSample::default()
            },
            disks: Some(vec![disk.clone(), disk]),
            interfaces: Some(vec![wire, loopback]),
            ..HostSample::default()
        }
    }

    /// What is kept of these readings.
    fn samples(readings: &[HostSample]) -> Vec<ResourceSample> {
        let resources = Resources::new(&Registry::new()).unwrap();
        let mut into = Readings::new(&resources, ResourceSampler::INTERVAL, Clock::default());
        readings.iter().for_each(|reading| into.sample(reading));
        resources.history()
    }

    #[test]
    fn the_first_sample_knows_the_memory_and_the_others_what_came_since() {
        let samples = samples(&[reading(10, 100, 1_000, 50), reading(15, 2_600, 1_500, 80)]);
        let [first, second] = samples[..] else { panic!("{samples:?}") };
        assert_eq!((first.cpu_percent, first.memory_bytes), (None, Some(7_000_000)));
        assert_eq!((first.disk_io_bytes, first.network_io_bytes), (None, None));
        assert_eq!((second.cpu_percent, second.memory_bytes), (Some(50.0), Some(7_000_000)));
        assert_eq!((second.disk_io_bytes, second.network_io_bytes), (Some(1_000), Some(30)));
    }

    #[test]
    fn what_the_system_does_not_tell_stays_unknown() {
        for sample in samples(&[HostSample::default(), HostSample::default()]) {
            assert_eq!((sample.cpu_percent, sample.memory_bytes), (None, None));
            assert_eq!((sample.disk_io_bytes, sample.network_io_bytes), (None, None));
        }
    }
}
