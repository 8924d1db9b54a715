//! The history of resources, from what the monitor reads of the machine anyway.

use perf_monitor_host::HostMetrics;
use perf_monitor_instruments::ResourceSampler;

use crate::builder::Context;
use crate::reading::Readings;
use crate::service::Instruments;

/// The sampler of a monitor.
pub(crate) struct Sampling(Readings);

impl Sampling {
    pub(crate) fn new(context: &Context, instruments: &Instruments) -> Sampling {
        let resources = instruments.service().resources();
        let clock = context.registry.clock().clone();
        Sampling(Readings::new(resources, ResourceSampler::INTERVAL, clock))
    }

    /// Keeps what was last read of `host`, every 5 s.
    pub(crate) fn look(&mut self, host: &HostMetrics) {
        if self.0.due() {
            self.0.sample(host.last());
        }
    }
}
