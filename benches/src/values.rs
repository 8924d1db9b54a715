//! The recorded numbers, the same in every run.

use std::time::Duration;

/// How many there are: a power of two that leaves most of a core's first cache to what is measured.
pub(crate) const COUNT: usize = 1024;
const MASK: usize = COUNT - 1;

/// A table that loops walk round and round.
#[derive(Clone)]
pub(crate) struct Table<T>(Box<[T; COUNT]>);

impl<T: Copy> Table<T> {
    #[inline(always)]
    pub(crate) fn at(&self, index: u64) -> T {
        self.0[index as usize & MASK]
    }
}

/// Log-normal latencies within 1 to 60,000,000 µs: median 1 ms, 95 % from 50 µs to 20 ms, as of a
/// service that has caches and a database.
pub(crate) fn latencies_us() -> Table<u64> {
    let mut random = Random(0x9E37_79B9_7F4A_7C15);
    table(|| {
        let log = 1_000f64.ln() + 1.5 * random.normal();
        log.exp().clamp(1.0, 60e6) as u64
    })
}

/// The same latencies as durations, with nanoseconds.
pub(crate) fn durations() -> Table<Duration> {
    let latencies = latencies_us();
    let mut random = Random(0xD1B5_4A32_D192_ED03);
    let mut index = 0;
    table(|| {
        index += 1;
        Duration::from_nanos(latencies.at(index) * 1_000 + random.next() % 1_000)
    })
}

/// Whether request `n` succeeds: one in 64 does not.
#[inline(always)]
pub(crate) fn succeeds(n: u64) -> bool {
    n % 64 != 63
}

fn table<T: Copy>(mut value: impl FnMut() -> T) -> Table<T> {
    let values: Vec<T> = (0..COUNT).map(|_| value()).collect();
    let Ok(values) = values.into_boxed_slice().try_into() else {
        unreachable!("COUNT values were made")
    };
    Table(values)
}

/// splitmix64.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// Uniform in (0, 1].
    fn unit(&mut self) -> f64 {
        ((self.next() >> 11) + 1) as f64 / (1u64 << 53) as f64
    }

    /// Normal with mean 0 and deviation 1 (Box and Muller).
    fn normal(&mut self) -> f64 {
        let (u, v) = (self.unit(), self.unit());
        (-2.0 * u.ln()).sqrt() * (std::f64::consts::TAU * v).cos()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn latencies_spread_over_octaves_within_the_tracker_s_bounds() {
        let table = latencies_us();
        let mut all: Vec<u64> = (0..COUNT as u64).map(|i| table.at(i)).collect();
        all.sort_unstable();
        assert!(all[0] >= 1 && all[COUNT - 1] <= 60_000_000);
        assert!((800..1_250).contains(&all[COUNT / 2]), "median {}", all[COUNT / 2]);
        assert!(all[COUNT / 40] < 90 && all[COUNT - COUNT / 40] > 12_000);
    }
}
