//! Where the buckets of exported histograms end.

use std::collections::BTreeMap;
use std::sync::Arc;

use perf_monitor_core::{FamilyInfo, Unit};

use crate::error::{Error, ErrorKind};
use crate::number::decimals;

/// The most edges a histogram may have: each is a line per series.
const MOST_EDGES: usize = 256;

const SECONDS: [f64; 16] = [
    0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0,
    60.0,
];

/// Powers of 4 from 64 B to 1 GiB.
const BYTES: [f64; 13] = powers_of_4(64.0);

/// Powers of 4 from 1 to 1,048,576.
const PLAIN: [f64; 11] = powers_of_4(1.0);

const fn powers_of_4<const N: usize>(first: f64) -> [f64; N] {
    let mut edges = [first; N];
    let mut i = 1;
    while i < N {
        edges[i] = edges[i - 1] * 4.0;
        i += 1;
    }
    edges
}

/// The upper edges of exported buckets, in base units (seconds, bytes), by unit and by metric.
///
/// A histogram is recorded in far finer cells than are exported. The count at an edge is that of all cells that end at
/// or below it, so it is exact for edges at cells' ends, and elsewhere off by at most the part of one cell (0.1 % of
/// the edge at three digits, 1 % at two). `+Inf` is added to every histogram and equals its `_count`.
///
/// ```
/// use perf_monitor_exporters::Edges;
///
/// let edges = Edges::default()
///     .seconds(&[0.01, 0.1, 1.0])?
///     .of("queue_depth", &[0.0, 1.0, 10.0, 100.0])?;
/// # Ok::<(), perf_monitor_exporters::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Edges {
    seconds: Arc<[f64]>,
    bytes: Arc<[f64]>,
    plain: Arc<[f64]>,
    by_name: Arc<BTreeMap<Box<str>, Arc<[f64]>>>,
}

impl Default for Edges {
    /// Seconds: 16 edges from 0.0005 to 60. Bytes: powers of 4 from 64 to 1 GiB. Plain numbers: powers of 4 from 1 to
    /// 1,048,576.
    fn default() -> Edges {
        Edges {
            seconds: SECONDS.into(),
            bytes: BYTES.into(),
            plain: PLAIN.into(),
            by_name: Arc::default(),
        }
    }
}

impl Edges {
    /// The edges of histograms of time, in seconds.
    ///
    /// # Errors
    /// Edges that do not ascend, are not finite, or are more than 256. The same holds for the other three.
    pub fn seconds(mut self, edges: &[f64]) -> Result<Edges, Error> {
        self.seconds = checked("seconds", edges)?;
        Ok(self)
    }

    /// The edges of histograms of sizes, in bytes.
    ///
    /// # Errors
    /// See [`seconds`](Self::seconds).
    pub fn bytes(mut self, edges: &[f64]) -> Result<Edges, Error> {
        self.bytes = checked("bytes", edges)?;
        Ok(self)
    }

    /// The edges of histograms of anything else.
    ///
    /// # Errors
    /// See [`seconds`](Self::seconds).
    pub fn plain(mut self, edges: &[f64]) -> Result<Edges, Error> {
        self.plain = checked("plain numbers", edges)?;
        Ok(self)
    }

    /// The edges of the histogram called `name`, in its base unit.
    ///
    /// # Errors
    /// See [`seconds`](Self::seconds).
    pub fn of(mut self, name: &str, edges: &[f64]) -> Result<Edges, Error> {
        let edges = checked(name, edges)?;
        Arc::make_mut(&mut self.by_name).insert(name.into(), edges);
        Ok(self)
    }

    /// The edges of `family`, in its base unit.
    pub(crate) fn of_family(&self, family: &FamilyInfo) -> &[f64] {
        match self.by_name.get(&family.name) {
            Some(edges) => edges,
            None => match family.unit.base_name() {
                "seconds" => &self.seconds,
                "bytes" => &self.bytes,
                _ => &self.plain,
            },
        }
    }
}

fn checked(of: &str, edges: &[f64]) -> Result<Arc<[f64]>, Error> {
    let ascending = edges.windows(2).all(|pair| pair[0] < pair[1]);
    if ascending && edges.iter().all(|edge| edge.is_finite()) && edges.len() <= MOST_EDGES {
        return Ok(edges.into());
    }
    Err(Error::new(
        ErrorKind::Options,
        format!(
            "edges of {of}: give at most {MOST_EDGES} finite numbers that ascend; +Inf is added to them"
        ),
    ))
}

/// The largest recorded number that is at or below `edge`, which is in the base unit; `None` if there is none.
///
/// 0.0025 s are 2500 µs although their product is 2499.9999999999995: what is within rounding of a whole number is one.
pub(crate) fn recorded(edge: f64, unit: Unit) -> Option<u64> {
    let exact = edge * 10f64.powi(decimals(unit) as i32);
    let whole = exact.round();
    let near = (exact - whole).abs() <= whole.abs() * 4.0 * f64::EPSILON;
    let floor = if near { whole } else { exact.floor() };
    (floor >= 0.0).then_some(floor as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edges_in_base_units_meet_recorded_numbers_exactly() {
        for (micros, edge) in [500, 1_000, 2_500, 100_000, 250_000, 60_000_000]
            .into_iter()
            .zip([0.0005, 0.001, 0.0025, 0.1, 0.25, 60.0])
        {
            assert_eq!(recorded(edge, Unit::Microseconds), Some(micros), "{edge}");
            assert_eq!(recorded(edge, Unit::Nanoseconds), Some(micros * 1_000), "{edge}");
        }
        assert_eq!(recorded(1.5, Unit::Seconds), Some(1));
        assert_eq!(recorded(0.0, Unit::Bytes), Some(0));
        assert_eq!(recorded(-0.5, Unit::Bytes), None);
        assert_eq!(recorded(1e30, Unit::Bytes), Some(u64::MAX));
    }

    #[test]
    fn edges_that_make_no_buckets_are_refused_by_name() {
        for bad in [&[1.0, 1.0][..], &[2.0, 1.0], &[f64::NAN], &[1.0, f64::INFINITY], &[0.0; 300]] {
            let error = Edges::default().of("depth", bad).unwrap_err();
            assert!(error.is_options() && error.to_string().contains("depth"));
        }
        assert!(Edges::default().seconds(&[]).is_ok(), "+Inf alone is a histogram");
    }
}
