//! `host/collect`: what looking at the machine costs.

use perf_monitor_core::Registry;
use perf_monitor_host::{HostMetrics, HostOptions};

use super::Row;
use crate::cpu_time;
use crate::harness::Effort;
use crate::node_exporter::{self, NodeExporter};
use crate::report::Report;
use crate::stats::Samples;

pub(crate) const ROW: Row = Row { id: "host/collect", run };

/// Collections, or scrapes, that one round takes the CPU time of.
const PER_ROUND: u32 = 10;

fn run(effort: Effort) -> Result<Report, String> {
    let registry = Registry::new();
    let host = HostMetrics::new(&registry, HostOptions::default());
    let mut host = host.map_err(|error| error.to_string())?;
    let peer = NodeExporter::start().transpose()?;
    let (mut ours, mut theirs) = (Samples::default(), Samples::default());
    for round in 0..effort.pick(21, 101) {
        let (own, other) = (collect(&mut host), scrape(peer.as_ref())?);
        if round > 0 {
            ours.push(own);
            other.into_iter().for_each(|us| theirs.push(us));
        }
    }
    let mut report = Report::default();
    report.rounds("cpu", "us", &ours);
    match peer {
        None => {
            report.missing("of_node_exporter", format!("{} is not set", node_exporter::VARIABLE))
        }
        Some(_) if theirs.len() < ours.len() => {
            report.missing("of_node_exporter", "the kernel does not tell its CPU time");
        }
        Some(_) => report.ratio("of_node_exporter", "us", &ours, ("a scrape of it", &theirs)),
    }
    Ok(report)
}

/// Microseconds of CPU time of one collection.
fn collect(host: &mut HostMetrics) -> f64 {
    let before = cpu_time::of_this_thread();
    (0..PER_ROUND).for_each(|_| host.collect());
    let spent = cpu_time::of_this_thread() - before;
    spent.as_secs_f64() * 1e6 / f64::from(PER_ROUND)
}

/// Microseconds of the peer's CPU time for one scrape.
fn scrape(peer: Option<&NodeExporter>) -> Result<Option<f64>, String> {
    let Some(peer) = peer else { return Ok(None) };
    let before = peer.cpu_time();
    for _ in 0..PER_ROUND {
        peer.scrape()?;
    }
    let spent = peer.cpu_time().zip(before).map(|(after, before)| after.saturating_sub(before));
    Ok(spent.map(|spent| spent.as_secs_f64() * 1e6 / f64::from(PER_ROUND)))
}
