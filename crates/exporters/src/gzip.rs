//! A stream of chunks, compressed.

use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use flate2::Compression;
use flate2::write::GzEncoder;
use perf_monitor_http::{CHUNK_BYTES, ChunkSource};

/// The most streams that are compressed at once, enough for a pair of Prometheus servers: the window, the tables and
/// the buffers of one are 450 KB (`tests/memory.rs`).
const MOST_AT_ONCE: usize = 2;

/// How many streams are being compressed.
#[derive(Debug, Default)]
pub(crate) struct Places(Arc<AtomicUsize>);

/// The right to compress one stream.
pub(crate) struct Place(Arc<AtomicUsize>);

impl Places {
    /// A place, or none if all are taken.
    pub(crate) fn take(&self) -> Option<Place> {
        let more = |taken| (taken < MOST_AT_ONCE).then_some(taken + 1);
        self.0.fetch_update(Relaxed, Relaxed, more).ok()?;
        Some(Place(Arc::clone(&self.0)))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Relaxed);
    }
}

/// The gzip of another source, at level 1: expositions shrink to a tenth, and higher levels take longer for little more.
pub(crate) struct Gzip<S> {
    source: S,
    plain: Vec<u8>,
    encoder: GzEncoder<Vec<u8>>,
    _place: Place,
}

impl<S: ChunkSource> Gzip<S> {
    pub(crate) fn new(source: S, place: Place) -> Gzip<S> {
        let encoder = GzEncoder::new(Vec::new(), Compression::fast());
        Gzip { source, plain: Vec::with_capacity(CHUNK_BYTES), encoder, _place: place }
    }
}

impl<S: ChunkSource> ChunkSource for Gzip<S> {
    fn next_chunk(&mut self, out: &mut Vec<u8>) -> bool {
        const INFALLIBLE: &str = "a vector takes all that is written to it";
        self.plain.clear();
        let more = self.source.next_chunk(&mut self.plain);
        self.encoder.write_all(&self.plain).expect(INFALLIBLE);
        if !more {
            self.encoder.try_finish().expect(INFALLIBLE);
        }
        std::mem::swap(out, self.encoder.get_mut());
        more
    }
}
