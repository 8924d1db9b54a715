//! Reads and writes, operations on the timeline.

use perf_monitor_instruments::ComprehensiveMetrics;

use super::{table_of_counts, time};
use crate::report::page::Page;
use crate::report::words::{bytes, counted};

pub(super) fn write(page: &mut Page, metrics: &ComprehensiveMetrics) {
    let io = &metrics.io;
    if io.reads > 0 || io.writes > 0 {
        page.heading("Reads and writes");
        page.text("What the program reported itself; what the system counts is under resources.");
        let mut facts = vec![
            ("Read", traffic(io.bytes_read, io.reads, "read", "reads")),
            ("Written", traffic(io.bytes_written, io.writes, "write", "writes")),
        ];
        facts.extend(io.last_operation_unix_ns.map(|unix_ns| ("Last one", time(unix_ns))));
        page.facts(facts);
    }
    if metrics.timeline.iter().any(|one| one.count > 0) {
        page.heading("Timeline");
        page.text("Operations on the timeline, the most frequent first.");
        let counts = metrics.timeline.iter().map(|one| (&*one.operation, one.count));
        table_of_counts(page, ["<operation", "count"], counts);
    }
}

fn traffic(all_bytes: u64, n: u64, one: &str, many: &str) -> String {
    let each =
        all_bytes.checked_div(n).map_or(String::new(), |each| format!(", {} each", bytes(each)));
    format!("{} in {}{each}", bytes(all_bytes), counted(n, one, many))
}
