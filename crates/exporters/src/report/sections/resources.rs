//! What the process used of the machine.

use perf_monitor_instruments::{ComprehensiveMetrics, ResourceMetrics, ResourceSample};

use crate::report::page::Page;
use crate::report::words::{bytes, counted};
use crate::run::lines::tenths;

/// Picks one number of a sample.
type Pick = fn(&ResourceSample) -> Option<f64>;

pub(super) fn write(page: &mut Page, metrics: &ComprehensiveMetrics) {
    let averages = &metrics.resources;
    let mb = |mb: Option<f64>| mb.map(|mb| mb * ResourceMetrics::BYTES_PER_MB);
    let all: [(&str, Option<f64>, Pick, Show); 4] = [
        ("CPU", averages.avg_cpu_percent, |sample| sample.cpu_percent, show_percent),
        ("memory", mb(averages.avg_memory_mb), |sample| known(sample.memory_bytes), show_bytes),
        ("disk", mb(averages.avg_disk_io_mb), |sample| known(sample.disk_io_bytes), show_bytes),
        (
            "network",
            mb(averages.avg_network_io_mb),
            |sample| known(sample.network_io_bytes),
            show_bytes,
        ),
    ];
    let history = &metrics.resource_history;
    let known = all.into_iter().filter_map(|(what, average, pick, show)| {
        let recent = history.iter().filter_map(pick);
        Some(row(what, average?, recent, show))
    });
    let rows: Vec<_> = known.collect();
    if rows.is_empty() {
        return;
    }
    page.heading("Resources");
    page.text(format!(
        "{} CPU, in percent of one core, and memory are this process's; disk and network are the whole machine's, from \
         one sample to the next.",
        basis(averages, history.len()),
    ));
    page.table(
        ["<resource", "latest", "average", "lowest", "highest"],
        rows.len(),
        rows.into_iter(),
    );
}

/// Of which samples the numbers are: not all are kept, and none without room in the registry's budget.
fn basis(averages: &ResourceMetrics, kept: usize) -> String {
    let all = averages.cpu_samples.max(averages.memory_samples);
    let samples = counted(all, "sample", "samples");
    match kept {
        0 => format!("Averages are of {samples}; no sample found room to be kept."),
        _ if kept as u64 >= all => format!("Of {samples}."),
        _ => format!("Averages are of {samples}, lowest and highest of the last {kept}."),
    }
}

/// Writes a number with its unit.
type Show = fn(f64) -> String;

fn row(what: &str, average: f64, recent: impl Iterator<Item = f64>, show: Show) -> [String; 5] {
    let range = recent.fold(None, |range: Option<[f64; 3]>, x| {
        let [_, lowest, highest] = range.unwrap_or([x; 3]);
        Some([x, lowest.min(x), highest.max(x)])
    });
    let or_dash = |i: usize| range.map_or_else(|| "-".to_owned(), |range| show(range[i]));
    [what.to_owned(), or_dash(0), show(average), or_dash(1), or_dash(2)]
}

fn known(n: Option<u64>) -> Option<f64> {
    n.map(|n| n as f64)
}

fn show_percent(percent: f64) -> String {
    format!("{}%", tenths(percent))
}

fn show_bytes(n: f64) -> String {
    bytes(n as u64)
}
