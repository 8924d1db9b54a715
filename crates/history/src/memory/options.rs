//! What a history keeps, and how many bytes that may take.

use std::sync::Arc;
use std::time::Duration;

use perf_monitor_core::Buckets;

use crate::error::{Error, ErrorKind};
use crate::selector::Selector;

use super::buckets;
use super::pool::{BYTES_PER_BLOCK, SEGMENT_BYTES};

/// The settings of a [`MemoryHistory`](crate::MemoryHistory).
///
/// ```
/// use perf_monitor_history::{MemoryHistory, Options, Selector};
///
/// let options = Options {
///     keep: vec![Selector::parse("requests_total")?, Selector::parse(r#"{__name__=~"process_.*"}"#)?],
///     ..Options::default()
/// };
/// let history = MemoryHistory::new(options)?;
/// # Ok::<(), perf_monitor_history::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Options {
    /// Bytes that all of it may take, but for the selectors of `keep`: 100,000 by default. What is left beside tables
    /// and labels holds points.
    pub bytes: usize,
    /// Series at most: 50 by default, which fit these bytes. What comes after takes the place of a series that has
    /// ended, or is refused and counted.
    pub series: usize,
    /// The series to keep; all, in the order in which they come, if it is empty.
    pub keep: Vec<Selector>,
    /// The fine tier: a point a second for five minutes by default. A tick that comes sooner than half a step after
    /// the one before is not recorded.
    pub fine: Tier,
    /// The coarse tier: a point each ten seconds for an hour by default.
    pub coarse: Tier,
    /// Ticks that a series may miss before it counts as ended: 3 by default.
    pub stale_after: u32,
    /// Where the buckets of histograms end.
    pub buckets: Buckets,
}

/// How far apart points are, and for how long they are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tier {
    /// From one point to the next.
    pub step: Duration,
    /// From the oldest point to the newest.
    pub keep: Duration,
}

impl Default for Options {
    fn default() -> Options {
        let tier =
            |step, keep| Tier { step: Duration::from_secs(step), keep: Duration::from_secs(keep) };
        Options {
            bytes: 100_000,
            series: 50,
            keep: Vec::new(),
            fine: tier(1, 300),
            coarse: tier(10, 3_600),
            stale_after: 3,
            buckets: Buckets::default(),
        }
    }
}

/// Points that a tier may have.
const MOST_POINTS: u128 = 100_000;

/// Longer than 40 days a tier may not reach.
const LONGEST: Duration = Duration::from_secs(40 * 86_400);

/// Blocks that a series needs in both tiers, to be of any use.
const LEAST_BLOCKS: usize = 4;

/// Blocks have numbers of 16 bits.
const MOST_SERIES: usize = 16_000;

/// A tier in milliseconds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Steps {
    pub(super) step_ms: i64,
    pub(super) keep_ms: i64,
    pub(super) points: usize,
}

/// What the bytes are for.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    pub(super) fine: Steps,
    pub(super) coarse: Steps,
    pub(super) series: usize,
    /// For points and labels.
    pub(super) bytes: usize,
    pub(super) stale_after: u32,
    pub(super) keep: Arc<[Selector]>,
}

/// Bytes that are set aside for the labels of each series that may come yet.
pub(super) const LABELS: usize = 96;

impl Plan {
    /// Divides the bytes of `options`, of which each series takes `series_bytes` beside its labels and points.
    pub(super) fn new(options: &Options, series_bytes: usize) -> Result<Plan, Error> {
        if options.series > MOST_SERIES {
            return Err(wrong("series", "give at most 16,000; more belong into another backend"));
        }
        let fine = steps("fine", options.fine)?;
        let coarse = steps("coarse", options.coarse)?;
        if coarse.step_ms < fine.step_ms || coarse.step_ms % fine.step_ms != 0 {
            return Err(wrong("coarse.step", "give a multiple of the fine step"));
        }
        if fine.keep_ms < 2 * coarse.step_ms {
            return Err(wrong("fine.keep", "give at least two steps of the coarse tier"));
        }
        let tables =
            options.series * series_bytes + (fine.points + coarse.points) * size_of::<u32>();
        let tables = tables + buckets::bytes(&options.buckets);
        let bytes = options.bytes.saturating_sub(tables);
        let least = options.series * (LEAST_BLOCKS * BYTES_PER_BLOCK + LABELS) + 2 * SEGMENT_BYTES;
        if options.series == 0 || bytes < least {
            let text = format!(
                "{} bytes for {} series, which need at least {}: give more bytes or fewer series",
                options.bytes,
                options.series,
                tables + least
            );
            return Err(wrong("bytes", &text));
        }
        Ok(Plan {
            fine,
            coarse,
            series: options.series,
            bytes,
            stale_after: options.stale_after.max(1),
            keep: options.keep.clone().into(),
        })
    }
}

fn steps(name: &str, tier: Tier) -> Result<Steps, Error> {
    let step_ms = tier.step.as_millis();
    let keep_ms = tier.keep.as_millis();
    if step_ms == 0 || keep_ms < step_ms || tier.keep > LONGEST || keep_ms / step_ms > MOST_POINTS {
        let remedy = "give a step of at least 1 ms, and keep from one step to 100,000 or 40 days";
        return Err(wrong(&format!("{name} tier"), remedy));
    }
    let points = (keep_ms / step_ms) as usize + 1;
    Ok(Steps { step_ms: step_ms as i64, keep_ms: keep_ms as i64, points })
}

fn wrong(option: &str, remedy: &str) -> Error {
    Error::new(ErrorKind::Options, format!("option {option} of a history: {remedy}"))
}
