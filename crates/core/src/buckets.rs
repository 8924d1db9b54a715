//! Where the buckets end that other systems see a histogram in.

use std::sync::Arc;

use crate::unit::Unit;

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

/// The upper edges of the buckets that a histogram is shown or kept in, in base units; `+Inf` is added to them.
///
/// One set of defaults for scrapes and for stored series, so that a query means the same in both. Each edge is a series: a
/// service that keeps several histograms gives fewer.
#[derive(Clone, Debug, PartialEq)]
pub struct Buckets {
    /// Of histograms of time, in seconds.
    pub seconds: Arc<[f64]>,
    /// Of histograms of sizes, in bytes.
    pub bytes: Arc<[f64]>,
    /// Of all others.
    pub plain: Arc<[f64]>,
}

impl Default for Buckets {
    /// Seconds: 16 edges from 0.0005 to 60. Bytes: powers of 4 from 64 to 1 GiB. Plain numbers: powers of 4 from 1 to
    /// 1,048,576.
    fn default() -> Buckets {
        Buckets { seconds: SECONDS.into(), bytes: BYTES.into(), plain: PLAIN.into() }
    }
}

impl Buckets {
    /// The edges of histograms that are recorded in `unit`, in its base unit.
    pub fn of(&self, unit: Unit) -> &[f64] {
        match unit.base_name() {
            "seconds" => &self.seconds,
            "bytes" => &self.bytes,
            _ => &self.plain,
        }
    }
}
