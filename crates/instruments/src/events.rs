//! Events of a service: how many came, how long they took, what was written for them.

pub(crate) mod durations;
mod guard;
mod inner;
mod metrics;
mod rates;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use perf_monitor_core::{Error, Registry};

pub use guard::EventGuard;
use inner::Inner;
pub use metrics::EventMetrics;

/// One event, as it is told to [`Events::record`].
///
/// ```
/// use perf_monitor_instruments::Event;
/// use std::time::Duration;
///
/// let event = Event::new("mqtt", "light", "light.living_room")
///     .duration(Duration::from_micros(150))
///     .wrote(1, 96);
/// assert!(event.success);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Event<'a> {
    /// Where it came from.
    pub source: &'a str,
    /// What kind of thing it is about.
    pub domain: &'a str,
    /// Which thing it is about.
    pub entity: &'a str,
    /// How long it took, if somebody measured it.
    pub duration: Option<Duration>,
    /// Whether it was processed well: true.
    pub success: bool,
    /// Data points that were written for it.
    pub data_points: u64,
    /// Bytes that were written for it.
    pub bytes: u64,
    /// Whether it was dropped because it had come before; then it counts as nothing else.
    pub duplicate: bool,
}

impl<'a> Event<'a> {
    /// An event that was processed well.
    pub fn new(source: &'a str, domain: &'a str, entity: &'a str) -> Event<'a> {
        Event {
            source,
            domain,
            entity,
            duration: None,
            success: true,
            data_points: 0,
            bytes: 0,
            duplicate: false,
        }
    }

    /// It took so long.
    pub fn duration(mut self, duration: Duration) -> Self {
        self.duration = Some(duration);
        self
    }

    /// Whether it was processed well.
    pub fn success(mut self, success: bool) -> Self {
        self.success = success;
        self
    }

    /// So many data points, of so many bytes together, were written for it.
    pub fn wrote(mut self, data_points: u64, bytes: u64) -> Self {
        (self.data_points, self.bytes) = (data_points, bytes);
        self
    }

    /// Whether it was dropped because it had come before.
    pub fn duplicate(mut self, duplicate: bool) -> Self {
        self.duplicate = duplicate;
        self
    }
}

/// Events that a service processes, by source, domain and entity.
///
/// The metrics: `events_total{source,domain,entity,outcome}`,
/// `event_processing_duration_seconds{domain}`, `data_points_written_total{source}`,
/// `data_written_bytes_total{source}`, `events_deduplicated_total{source}`, `queue_depth{queue}`,
/// `active_connections{kind}`.
///
/// A clone is the same; so is whatever else asks for it on one registry. Names that find no room in
/// the registry's budget share one overflow series of each metric: totals stay right, and the
/// refusal is counted.
///
/// ```
/// use perf_monitor_core::Registry;
/// use perf_monitor_instruments::{Event, Events};
/// use std::time::Duration;
///
/// let events = Events::new(&Registry::new())?;
/// let event = Event::new("mqtt", "light", "light.living_room");
/// events.record(&event.duration(Duration::from_millis(150)));
/// events.record(&event.success(false));
/// events.record_duplicate("mqtt");
///
/// let metrics = events.summary();
/// assert_eq!((metrics.total, metrics.failures), (2, 1));
/// assert_eq!(metrics.error_rate(), Some(0.5));
/// assert_eq!(metrics.by_domain["light"], 2);
/// # Ok::<(), perf_monitor_core::Error>(())
/// ```
#[derive(Clone)]
pub struct Events {
    inner: Arc<Inner>,
}

impl Events {
    /// The registry's events.
    ///
    /// # Errors
    /// One of its metrics' names is taken by a metric of another kind or other labels.
    pub fn new(registry: &Registry) -> Result<Events, Error> {
        let inner = registry.companion(|| Inner::new(registry))?;
        Ok(Events { inner })
    }

    /// Records an event, with everything that is known of it.
    ///
    /// # Cost
    /// `event/3-labels`: comparing three texts with what the thread remembers, an add, a record of
    /// the duration. Data that was written takes one more look-up.
    #[inline]
    pub fn record(&self, event: &Event<'_>) {
        if event.duplicate {
            return self.record_duplicate(event.source);
        }
        self.inner.record(event);
        if event.data_points | event.bytes != 0 {
            self.record_data_points(event.source, event.data_points, event.bytes);
        }
    }

    /// Starts an event: it is recorded when the guard is dropped, with its duration.
    ///
    /// # Cost
    /// Two reads of the clock and a [`record`](Self::record).
    pub fn start<'a>(
        &'a self,
        source: &'a str,
        domain: &'a str,
        entity: &'a str,
    ) -> EventGuard<'a> {
        EventGuard::new(self, Event::new(source, domain, entity))
    }

    /// Counts an event that was processed well, of which nothing else is known.
    ///
    /// # Cost
    /// As [`record`](Self::record), without the duration.
    pub fn record_event_processed(&self, source: &str, domain: &str, entity: &str) {
        self.inner.record(&Event::new(source, domain, entity));
    }

    /// Records how long an event of no known domain took: the series whose label `domain` is empty.
    ///
    /// # Cost
    /// A look-up in the thread's cache and a record.
    pub fn record_processing_time(&self, duration: Duration) {
        self.inner.record_duration("", duration);
    }

    /// Counts data points that were written for events of `source`, and their bytes.
    ///
    /// # Cost
    /// A look-up in the thread's cache and two adds.
    pub fn record_data_points(&self, source: &str, data_points: u64, bytes: u64) {
        self.inner.record_data_points(source, data_points, bytes);
    }

    /// Counts an event of `source` that was dropped because it had come before. It is not among the
    /// events that were processed.
    ///
    /// # Cost
    /// A look-up in the thread's cache and an add.
    pub fn record_duplicate(&self, source: &str) {
        self.inner.record_duplicate(source);
    }

    /// Says how many events wait in `queue`.
    ///
    /// # Cost
    /// A look-up in the thread's cache and a store that all threads share.
    pub fn set_queue_depth(&self, queue: &str, depth: u64) {
        self.inner.set_queue_depth(queue, depth);
    }

    /// Says how many connections of this kind are open.
    ///
    /// # Cost
    /// As [`set_queue_depth`](Self::set_queue_depth).
    pub fn set_connections(&self, kind: &str, open: u64) {
        self.inner.set_connections(kind, open);
    }

    /// Closes the window of [`EventMetrics::throughput_per_s`] at `now_ns` of the registry's clock.
    /// One caller should do this, now and then: a monitor does, once a second. A time that is not
    /// later than before changes nothing.
    ///
    /// # Cost
    /// A read of each event's counters.
    pub fn tick(&self, now_ns: u64) {
        self.inner.tick(now_ns);
    }

    /// Everything that was recorded.
    ///
    /// # Cost
    /// A read of each series: tens of microseconds for a few hundred.
    pub fn summary(&self) -> EventMetrics {
        self.inner.summary()
    }

    pub(crate) fn inner(&self) -> &Inner {
        &self.inner
    }
}

impl fmt::Debug for Events {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (total, failures) = self.inner.totals();
        f.debug_struct("Events")
            .field("total", &total)
            .field("failures", &failures)
            .finish_non_exhaustive()
    }
}
