//! Series in memory, in bytes that are set and held.

mod bits;
mod buckets;
mod chain;
mod history;
mod kept;
mod options;
mod pool;
mod record;
mod rice;
mod ring;
mod rollups;
mod scale;
mod slot;
mod spread;
mod stats;
mod store;
mod table;
mod track;
mod walk;

pub use history::MemoryHistory;
pub use options::{Options, Tier};
pub use stats::Stats;
