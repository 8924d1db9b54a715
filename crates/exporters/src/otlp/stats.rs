//! What became of what was sent, as metrics of the same registry.

use perf_monitor_core::{Counter, Family, Registry};

use crate::error::{Error, ErrorKind};

/// The counters of one kind of data.
#[derive(Clone, Debug)]
pub(crate) struct Stats {
    signal: &'static str,
    pub(crate) requests: Counter,
    pub(crate) bytes: Counter,
    failures: Family<Counter>,
    rejected: Family<Counter>,
}

impl Stats {
    /// The counters of `signal`, whose items are called `items`.
    pub(crate) fn new(
        registry: &Registry,
        signal: &'static str,
        items: &str,
    ) -> Result<Stats, Error> {
        let family = |name: &str, help: &str, labels: &[&str]| {
            registry.counter_family((name, help), labels).map_err(refused)
        };
        let requests = family(
            "perf_monitor_otlp_requests_total",
            "Requests to a collector of OpenTelemetry.",
            &["signal"],
        )?;
        let bytes = family(
            "perf_monitor_otlp_sent_bytes_total",
            "Bodies of requests to a collector, as they were sent.",
            &["signal"],
        )?;
        let failures = family(
            "perf_monitor_otlp_failures_total",
            "Requests that a collector did not take.",
            &["signal", "reason"],
        )?;
        let rejected = family(
            &format!("perf_monitor_otlp_{items}_rejected_total"),
            "What a collector got and refused for good.",
            &["reason"],
        )?;
        Ok(Stats {
            signal,
            requests: requests.with(&[signal]).map_err(refused)?,
            bytes: bytes.with(&[signal]).map_err(refused)?,
            failures,
            rejected,
        })
    }

    pub(crate) fn failed(&self, reason: &str) {
        self.failures.add(&[self.signal, reason], 1);
    }

    pub(crate) fn rejected(&self, reason: &str, items: u64) {
        if items > 0 {
            self.rejected.add(&[reason], items);
        }
    }
}

/// The counter of spans that arrived.
pub(crate) fn spans_sent(registry: &Registry) -> Result<Counter, Error> {
    let help = "Spans that a collector took.";
    registry.counter(("perf_monitor_otlp_spans_sent_total", help)).map_err(refused)
}

fn refused(error: perf_monitor_core::Error) -> Error {
    Error::new(ErrorKind::Options, format!("metrics of OTLP: {error}")).because(error)
}
