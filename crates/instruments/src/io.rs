//! Reads and writes that a program reports itself.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use perf_monitor_core::{Clock, Counter, Desc, Error, Family, Gauge, Registry, Unit};

use crate::once::Once;

/// How far apart two times of the last operation are at least: one store a millisecond, whatever
/// the number of operations, keeps threads off each other's cache lines.
const GRAIN_NS: u64 = 1_000_000;

/// The I/O of a program: reads, writes, bytes, and when the last of them was.
///
/// In the registry they are `io_operations_total{operation}` and `io_bytes_total{operation}`, where
/// the operation is `read` or `write`, and `io_last_operation_timestamp_seconds`, which is absent
/// before the first. A registry has one: `new` on the same registry gives the same. Clones are the
/// same; any thread may record.
///
/// ```
/// use perf_monitor_core::Registry;
/// use perf_monitor_instruments::Io;
///
/// let io = Io::new(&Registry::new())?;
/// io.record_io_read(4_096);
/// io.record_io_write(512);
/// let metrics = io.metrics();
/// assert_eq!((metrics.reads, metrics.bytes_read), (1, 4_096));
/// assert!(metrics.last_operation_unix_ns.is_some());
/// # Ok::<(), perf_monitor_core::Error>(())
/// ```
#[derive(Clone)]
pub struct Io(Arc<Core>);

struct Core {
    read: Operation,
    write: Operation,
    clock: Clock,
    /// Nanoseconds since the Unix epoch; 0 before the first operation.
    last_unix_ns: AtomicU64,
    /// Begins with the first operation.
    last: Once<Option<Gauge>>,
    lasts: Family<Gauge>,
}

struct Operation {
    count: Counter,
    bytes: Counter,
    /// Count and bytes without room for series: then those of reads and writes are the same.
    apart: Option<[AtomicU64; 2]>,
}

impl Operation {
    fn new(counts: &Family<Counter>, bytes: &Family<Counter>, name: &str) -> Result<Self, Error> {
        let has_room = |family: &Family<Counter>| Ok(family.try_with(&[name])?.is_some());
        let apart = !(has_room(counts)? && has_room(bytes)?);
        let apart = apart.then(|| [0; 2].map(AtomicU64::new));
        Ok(Operation { count: counts.with(&[name])?, bytes: bytes.with(&[name])?, apart })
    }

    #[inline]
    fn record(&self, bytes: u64) {
        self.count.inc();
        self.bytes.add(bytes);
        if let Some([count, all]) = &self.apart {
            count.fetch_add(1, Ordering::Relaxed);
            all.fetch_add(bytes, Ordering::Relaxed);
        }
    }

    /// The count and the bytes.
    fn totals(&self) -> [u64; 2] {
        match &self.apart {
            Some(apart) => apart.each_ref().map(|total| total.load(Ordering::Relaxed)),
            None => [self.count.get(), self.bytes.get()],
        }
    }
}

/// What is known of a program's I/O.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct IoMetrics {
    /// Read operations.
    pub reads: u64,
    /// Write operations.
    pub writes: u64,
    /// Bytes that they read.
    pub bytes_read: u64,
    /// Bytes that they wrote.
    pub bytes_written: u64,
    /// When the last operation was, in nanoseconds since the Unix epoch, to a millisecond; `None`
    /// before the first.
    pub last_operation_unix_ns: Option<u64>,
}

impl Io {
    /// The I/O of `registry`.
    ///
    /// # Errors
    /// One of its metrics' names is registered as something else.
    pub fn new(registry: &Registry) -> Result<Io, Error> {
        registry.companion(|| core(registry)).map(Io)
    }

    /// Counts a read of `bytes` bytes.
    ///
    /// # Cost
    /// `query/record`, its line `io_read`: two counters and a read of the wall clock; a store that all threads share, once
    /// a millisecond.
    #[inline]
    pub fn record_io_read(&self, bytes: u64) {
        self.0.record(&self.0.read, bytes);
    }

    /// Counts a write of `bytes` bytes.
    ///
    /// # Cost
    /// As [`record_io_read`](Self::record_io_read).
    #[inline]
    pub fn record_io_write(&self, bytes: u64) {
        self.0.record(&self.0.write, bytes);
    }

    /// What is known.
    pub fn metrics(&self) -> IoMetrics {
        let last = self.0.last_unix_ns.load(Ordering::Relaxed);
        let [reads, bytes_read] = self.0.read.totals();
        let [writes, bytes_written] = self.0.write.totals();
        IoMetrics {
            reads,
            writes,
            bytes_read,
            bytes_written,
            last_operation_unix_ns: (last > 0).then_some(last),
        }
    }
}

fn core(registry: &Registry) -> Result<Core, Error> {
    let counts = Desc::new("io_operations_total", "Reads and writes that the program reported.");
    let counts = registry.counter_family(counts, &["operation"])?;
    let bytes = Desc::new("io_bytes_total", "Bytes that the program read and wrote.");
    let bytes = registry.counter_family(bytes.unit(Unit::Bytes), &["operation"])?;
    let last = Desc::new(
        "io_last_operation_timestamp_seconds",
        "When the last reported read or write was, since the Unix epoch.",
    );
    let lasts = registry.gauge_family(last.unit(Unit::Seconds), &[])?;
    Ok(Core {
        read: Operation::new(&counts, &bytes, "read")?,
        write: Operation::new(&counts, &bytes, "write")?,
        clock: registry.clock().clone(),
        last_unix_ns: AtomicU64::new(0),
        last: Once::new(),
        lasts,
    })
}

impl Core {
    #[inline]
    fn record(&self, operation: &Operation, bytes: u64) {
        operation.record(bytes);
        let now = self.clock.unix_ns();
        // The wall clock may be set back.
        if now.abs_diff(self.last_unix_ns.load(Ordering::Relaxed)) >= GRAIN_NS {
            self.moved(now);
        }
    }

    #[cold]
    fn moved(&self, unix_ns: u64) {
        self.last_unix_ns.store(unix_ns, Ordering::Relaxed);
        if let Some(last) = self.last.get_or_make(|| self.lasts.with(&[]).ok()) {
            last.set(unix_ns as f64 / 1e9);
        }
    }
}

impl fmt::Debug for Io {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Io").field(&self.metrics()).finish()
    }
}
