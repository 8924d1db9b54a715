//! This process and its machine, read at every tick.

use perf_monitor_host::{HostMetrics, HostOptions};

use crate::builder::{Context, PerformanceMonitorBuilder};
use crate::error::{Error, Kind};
use crate::sampling::Sampling;
use crate::service::Instruments;
use crate::ticker::Part;

/// What is read, if anything.
#[derive(Debug)]
pub(crate) struct Plan {
    on: bool,
    options: HostOptions,
}

/// Host metrics: everything, unless chosen otherwise.
impl PerformanceMonitorBuilder {
    /// Whether this process and its machine are read: yes by default.
    pub fn host_metrics(mut self, on: bool) -> Self {
        self.machine.on = on;
        self
    }

    /// What is read of them, and from where.
    pub fn host_options(mut self, options: HostOptions) -> Self {
        self.machine.options = options;
        self
    }
}

impl Default for Plan {
    fn default() -> Plan {
        Plan { on: true, options: HostOptions::default() }
    }
}

impl Plan {
    pub(crate) fn join(self, context: &mut Context, with: &Instruments) -> Result<(), Error> {
        if !self.on || !with.read_the_machine() {
            return Ok(());
        }
        let mut host = HostMetrics::new(&context.registry, self.options)
            .map_err(|e| Error::new(Kind::Registry, format!("host metrics: {e}")).because(e))?;
        let metrics = context.metrics.clone();
        let mut sampling = Sampling::new(context, with);
        context.collectors.push(Part {
            name: "host",
            once_per_registry: true,
            work: Box::new(move || {
                host.collect();
                // what is unknown stays at what was known last
                if let Some(ratio) = host.process_cpu_ratio() {
                    metrics.cpu_gauge().set(ratio);
                }
                sampling.look(&host);
            }),
        });
        Ok(())
    }
}
