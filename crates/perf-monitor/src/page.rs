//! The dashboard's place in a monitor.

use perf_monitor_dashboard::{About, MetricsDashboard};

use crate::builder::Context;
use crate::error::Error;
use crate::ticker::Part;

/// Serves the page, and tells it of each tick.
pub(crate) fn join(context: &mut Context) -> Result<(), Error> {
    let about = About::new(context.service.as_str(), context.tick).host(context.host_name.clone());
    let dashboard = MetricsDashboard::new(about, context.metrics.clone(), context.registry.clone());
    context.routes = std::mem::take(&mut context.routes).merge(dashboard.routes());
    let mut bytes = context.own.ledger("dashboard")?;
    context.readers.push(Part {
        name: "dashboard",
        once_per_registry: false,
        work: Box::new(move || {
            dashboard.tick();
            bytes.set(dashboard.stats().bytes);
        }),
    });
    Ok(())
}
