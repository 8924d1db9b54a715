//! Settings of a tracer.

use crate::Error;

/// How much a tracer keeps.
///
/// ```
/// use perf_monitor_tracing::TracerOptions;
/// let options = TracerOptions { ratio: 0.1, ..TracerOptions::default() };
/// assert!(options.check().is_ok());
/// let wrong = TracerOptions { ratio: 2.0, ..options };
/// assert_eq!(wrong.check().unwrap_err().to_string(), "tracer option \"ratio\" is 2: choose 0 to 1");
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct TracerOptions {
    /// Bytes for everything that is kept: open spans, finished spans, their attributes, events,
    /// names. 20,000 to 4,000,000; 200,000 by default, which holds about 840 spans.
    pub memory_bytes: usize,
    /// The share of traces that are sampled as they begin, by their trace id: 0 to 1, by default 1.
    pub ratio: f64,
    /// Traces a second that are sampled as they begin, for each name of a root: above 0, by default
    /// 10; infinity for no limit. What a sender has sampled is not limited.
    pub roots_per_second: f64,
    /// Whether traces that were not sampled are recorded until their local root ends, then kept if
    /// anything in them failed, was slow, or was forced. True by default.
    pub tail: bool,
    /// Spans of one trace within this process: 1 to 1,000, by default 256.
    pub spans_per_trace: usize,
    /// Names that spans may have; those that come later share the name `overflow`. 1 to 1,000, by
    /// default 256; fewer when they would take more than about a quarter of the memory.
    pub names: usize,
}

impl Default for TracerOptions {
    fn default() -> Self {
        TracerOptions {
            memory_bytes: 200_000,
            ratio: 1.0,
            roots_per_second: 10.0,
            tail: true,
            spans_per_trace: 256,
            names: 256,
        }
    }
}

impl TracerOptions {
    /// Whether all are within their ranges.
    ///
    /// # Errors
    /// The first that is not, by its name and range.
    pub fn check(&self) -> Result<(), Error> {
        let wrong = |fine: bool, name, range, given: &dyn ToString| match fine {
            true => Ok(()),
            false => Err(Error::option(name, range, given.to_string())),
        };
        let bytes = self.memory_bytes;
        wrong(
            (20_000..=4_000_000).contains(&bytes),
            "memory_bytes",
            "20,000 to 4,000,000",
            &bytes,
        )?;
        wrong((0.0..=1.0).contains(&self.ratio), "ratio", "0 to 1", &self.ratio)?;
        let rate = self.roots_per_second;
        wrong(rate > 0.0, "roots_per_second", "more than 0, or infinity", &rate)?;
        let spans = self.spans_per_trace;
        wrong((1..=1_000).contains(&spans), "spans_per_trace", "1 to 1,000", &spans)?;
        wrong((1..=1_000).contains(&self.names), "names", "1 to 1,000", &self.names)
    }
}
