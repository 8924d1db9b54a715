//! One exposition, made in chunks while a client reads it.

use std::io::{self, Write};

use perf_monitor_core::{Cursor, Registry, Visitor};
use perf_monitor_http::{CHUNK_BYTES, ChunkSource};
use perf_monitor_instruments::ResourceSample;

use crate::csv::CsvEncoder;
use crate::json::JsonEncoder;
use crate::text::TextEncoder;

/// Chunks are cut at this size, in bytes, when series are so large that one step overshoots by a lot.
const MOST_CHUNK_BYTES: usize = 2 * CHUNK_BYTES;

/// What one step should append, in bytes.
const STEP_BYTES: usize = 4 * 1024;

/// A chunk of this size, in bytes, takes no further step, so that most chunks fit where the listener wants them.
const FULL_BYTES: usize = CHUNK_BYTES - 2 * STEP_BYTES;

/// The most series of one step: 64 histograms of the default edges, when they come behind small series, are 100 KiB.
const MOST_STEP_SERIES: usize = 64;

/// Something that can write a registry in parts.
pub(crate) trait Encode: Visitor + Send {
    fn buffer(&mut self) -> &mut Vec<u8>;

    /// Appends a part of what comes after the registry's last family; returns whether more remains.
    fn rest(&mut self) -> bool;
}

impl Encode for TextEncoder {
    fn buffer(&mut self) -> &mut Vec<u8> {
        TextEncoder::buffer(self)
    }

    fn rest(&mut self) -> bool {
        self.finish();
        false
    }
}

/// One exposition of a registry as a body that is made while it is read.
///
/// About 32 KiB are in memory at a time, whatever the size of the registry, and the registry is not held between two
/// chunks: a slow client delays nobody. A series that comes or goes in the meantime may or may not be in it.
///
/// ```
/// use perf_monitor_core::Registry;
/// use perf_monitor_exporters::{Format, Scrape, TextEncoder};
///
/// let scrape = Scrape::new(&Registry::new(), TextEncoder::new(Format::OpenMetrics));
/// assert_eq!(scrape.read_to_end(), b"# EOF\n");
/// ```
pub struct Scrape {
    cursor: Cursor,
    encoder: Box<dyn Encode>,
    series_at_once: usize,
    registry_remains: bool,
}

impl Scrape {
    /// An exposition of `registry` as `encoder` writes it.
    pub fn new(registry: &Registry, encoder: TextEncoder) -> Scrape {
        Scrape::with(registry, Box::new(encoder))
    }

    /// A snapshot of `registry` as JSON; see [`snapshot_handler`](crate::snapshot_handler) for its shape.
    pub fn json(registry: &Registry) -> Scrape {
        Scrape::with(registry, Box::new(JsonEncoder::new()))
    }

    /// `registry` as comma-separated values, then `history`; see [`to_csv`](crate::to_csv) for its columns.
    pub fn csv(registry: &Registry, history: Vec<ResourceSample>) -> Scrape {
        let now = registry.clock().unix_ns();
        Scrape::with(registry, Box::new(CsvEncoder::new(now, history)))
    }

    pub(crate) fn with(registry: &Registry, encoder: Box<dyn Encode>) -> Scrape {
        Scrape { cursor: registry.cursor(), encoder, series_at_once: 1, registry_remains: true }
    }

    /// All of it at once.
    pub fn read_to_end(mut self) -> Vec<u8> {
        while self.step() {}
        std::mem::take(self.encoder.buffer())
    }

    /// Writes all of it, a chunk at a time.
    ///
    /// # Errors
    /// What `out` answers.
    pub fn write_to(mut self, out: &mut (impl Write + ?Sized)) -> io::Result<()> {
        let mut chunk = Vec::with_capacity(CHUNK_BYTES);
        loop {
            let more = self.next_chunk(&mut chunk);
            out.write_all(&chunk)?;
            chunk.clear();
            if !more {
                return Ok(());
            }
        }
    }

    /// Appends the next few series, or a part of the rest; returns whether more remains.
    fn step(&mut self) -> bool {
        if !self.registry_remains {
            return self.encoder.rest();
        }
        let before = self.encoder.buffer().len();
        self.registry_remains = self.cursor.next(self.series_at_once, &mut *self.encoder);
        let bytes_per_series = (self.encoder.buffer().len() - before) / self.series_at_once;
        self.series_at_once = (STEP_BYTES / bytes_per_series.max(1)).clamp(1, MOST_STEP_SERIES);
        true
    }
}

impl ChunkSource for Scrape {
    fn next_chunk(&mut self, out: &mut Vec<u8>) -> bool {
        if self.encoder.buffer().is_empty() {
            std::mem::swap(out, self.encoder.buffer());
        }
        let mut more = true;
        while more && self.encoder.buffer().len() < FULL_BYTES {
            more = self.step();
        }
        let buffer = self.encoder.buffer();
        if buffer.len() > MOST_CHUNK_BYTES {
            out.extend(buffer.drain(..CHUNK_BYTES));
            return true;
        }
        std::mem::swap(out, buffer);
        more
    }
}
