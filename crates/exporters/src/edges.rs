//! Where the buckets of exported histograms end.

use std::collections::BTreeMap;
use std::sync::Arc;

use perf_monitor_core::{Buckets, FamilyInfo};

use crate::error::{Error, ErrorKind};

/// The most edges a histogram may have: each is a line per series.
const MOST_EDGES: usize = 256;

/// The upper edges of exported buckets, in base units (seconds, bytes), by unit and by metric.
///
/// A histogram is recorded in far finer cells than are exported. The count at an edge is that of all cells that end at
/// or below it, so it is exact for edges at cells' ends, and elsewhere off by at most the part of one cell (0.1 % of
/// the edge at three digits, 1 % at two). `+Inf` is added to every histogram and equals its `_count`. The defaults are those
/// of [`Buckets`].
///
/// ```
/// use perf_monitor_exporters::Edges;
///
/// let edges = Edges::default()
///     .seconds(&[0.01, 0.1, 1.0])?
///     .of("queue_depth", &[0.0, 1.0, 10.0, 100.0])?;
/// # Ok::<(), perf_monitor_exporters::Error>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Edges {
    buckets: Buckets,
    by_name: Arc<BTreeMap<Box<str>, Arc<[f64]>>>,
}

impl Edges {
    /// The edges of histograms of time, in seconds.
    ///
    /// # Errors
    /// Edges that do not ascend, are not finite, or are more than 256. The same holds for the other three.
    pub fn seconds(mut self, edges: &[f64]) -> Result<Edges, Error> {
        self.buckets.seconds = checked("seconds", edges)?;
        Ok(self)
    }

    /// The edges of histograms of sizes, in bytes.
    ///
    /// # Errors
    /// See [`seconds`](Self::seconds).
    pub fn bytes(mut self, edges: &[f64]) -> Result<Edges, Error> {
        self.buckets.bytes = checked("bytes", edges)?;
        Ok(self)
    }

    /// The edges of histograms of anything else.
    ///
    /// # Errors
    /// See [`seconds`](Self::seconds).
    pub fn plain(mut self, edges: &[f64]) -> Result<Edges, Error> {
        self.buckets.plain = checked("plain numbers", edges)?;
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
            None => self.buckets.of(family.unit),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edges_that_make_no_buckets_are_refused_by_name() {
        for bad in [&[1.0, 1.0][..], &[2.0, 1.0], &[f64::NAN], &[1.0, f64::INFINITY], &[0.0; 300]] {
            let error = Edges::default().of("depth", bad).unwrap_err();
            assert!(error.is_options() && error.to_string().contains("depth"));
        }
        assert!(Edges::default().seconds(&[]).is_ok(), "+Inf alone is a histogram");
    }
}
