//! When the next sample is due; what totals of the machine grew by since the last one.

use std::time::Duration;

use super::{ResourceSample, Resources};

/// What a reader of the machine tells: traffic as totals, which only grow. What it does not know is
/// `None`.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct ResourceReading {
    /// CPU time, in percent of one core.
    pub cpu_percent: Option<f64>,
    /// Memory.
    pub memory_bytes: Option<u64>,
    /// Bytes read from and written to disks, ever.
    pub disk_total_bytes: Option<u64>,
    /// Bytes received and sent, ever.
    pub network_total_bytes: Option<u64>,
}

/// Turns readings into samples, one in each interval.
///
/// It has no thread and no clock: whoever has both asks it when a sample is [due](Self::due), and
/// hands it a reading.
///
/// ```
/// use perf_monitor_core::Registry;
/// use perf_monitor_instruments::{ResourceReading, ResourceSampler, Resources};
///
/// let resources = Resources::new(&Registry::new())?;
/// let mut sampler = ResourceSampler::new(resources.clone(), ResourceSampler::INTERVAL);
/// let mut reading = ResourceReading { disk_total_bytes: Some(7_000), ..Default::default() };
/// assert!(sampler.due(0));
/// sampler.sample(0, 1_700_000_000_000_000_000, reading);
/// assert!(!sampler.due(4_999_999_999));
/// assert!(sampler.due(5_000_000_000));
/// reading.disk_total_bytes = Some(7_500);
/// sampler.sample(5_000_000_000, 1_700_000_005_000_000_000, reading);
/// let samples = resources.history();
/// assert_eq!(samples[0].disk_io_bytes, None); // nothing to compare with
/// assert_eq!(samples[1].disk_io_bytes, Some(500));
/// # Ok::<(), perf_monitor_core::Error>(())
/// ```
#[derive(Debug)]
pub struct ResourceSampler {
    resources: Resources,
    interval_ns: u64,
    next_ns: Option<u64>,
    disk: Option<u64>,
    network: Option<u64>,
}

impl ResourceSampler {
    /// Time between two samples by default: 5 s.
    pub const INTERVAL: Duration = Duration::from_secs(5);

    /// A sampler that records into `resources`. The first sample is due at once.
    pub fn new(resources: Resources, interval: Duration) -> ResourceSampler {
        let interval_ns = u64::try_from(interval.as_nanos()).unwrap_or(u64::MAX);
        ResourceSampler { resources, interval_ns, next_ns: None, disk: None, network: None }
    }

    /// Whether it is time for a sample at `now_ns` of a clock that does not go backwards.
    pub fn due(&self, now_ns: u64) -> bool {
        self.next_ns.is_none_or(|next| now_ns >= next)
    }

    /// Records a sample, taken at `now_ns` by that clock and at `unix_ns` by the calendar. The next
    /// is due an interval later: samples that were missed are not made up for.
    ///
    /// A total that is lower than before has started over; what it grew by is not known then.
    pub fn sample(&mut self, now_ns: u64, unix_ns: u64, reading: ResourceReading) {
        self.next_ns = Some(now_ns.saturating_add(self.interval_ns));
        self.resources.record(ResourceSample {
            unix_ns,
            cpu_percent: reading.cpu_percent,
            memory_bytes: reading.memory_bytes,
            disk_io_bytes: growth(&mut self.disk, reading.disk_total_bytes),
            network_io_bytes: growth(&mut self.network, reading.network_total_bytes),
        });
    }
}

/// What `total` grew by since it was last known.
fn growth(last: &mut Option<u64>, total: Option<u64>) -> Option<u64> {
    let total = total?;
    let before = last.replace(total)?;
    total.checked_sub(before)
}
