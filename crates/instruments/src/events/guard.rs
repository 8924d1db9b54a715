//! One event that is being processed, recorded when its scope ends.

use perf_monitor_core::Instant;

use super::{Event, Events};

/// Records an event when it is dropped: with the time that it lived, as a failure if somebody said
/// so or the thread panics. It may live across an `.await`; a future that is cancelled ends it as
/// it is.
///
/// ```
/// use perf_monitor_core::Registry;
/// use perf_monitor_instruments::Events;
///
/// let events = Events::new(&Registry::new())?;
/// for payload in ["21.5", "warm"] {
///     let mut event = events.start("mqtt", "sensor", "sensor.attic");
///     match payload.parse::<f64>() {
///         Ok(_) => event.wrote(1, payload.len() as u64),
///         Err(_) => event.fail(),
///     }
/// }
/// let metrics = events.summary();
/// assert_eq!((metrics.total, metrics.failures, metrics.timed), (2, 1, 2));
/// assert_eq!(metrics.data_bytes, 4);
/// # Ok::<(), perf_monitor_core::Error>(())
/// ```
#[must_use = "the event is recorded when this is dropped"]
#[derive(Debug)]
pub struct EventGuard<'a> {
    events: &'a Events,
    event: Event<'a>,
    start: Instant,
    /// Whether the thread was panicking before: then it is not this event that did.
    panicking: bool,
}

impl<'a> EventGuard<'a> {
    pub(super) fn new(events: &'a Events, event: Event<'a>) -> EventGuard<'a> {
        let panicking = std::thread::panicking();
        EventGuard { events, event, panicking, start: Instant::now() }
    }

    /// It was not processed well.
    pub fn fail(&mut self) {
        self.event.success = false;
    }

    /// So many more data points, of so many bytes together, were written for it.
    pub fn wrote(&mut self, data_points: u64, bytes: u64) {
        self.event.data_points = self.event.data_points.saturating_add(data_points);
        self.event.bytes = self.event.bytes.saturating_add(bytes);
    }

    /// It had come before, so it is dropped.
    pub fn duplicate(mut self) {
        self.event.duplicate = true;
    }

    /// Ends without a record.
    pub fn discard(self) {
        std::mem::forget(self);
    }
}

impl Drop for EventGuard<'_> {
    fn drop(&mut self) {
        let event = self.event.duration(self.start.elapsed());
        let panicked = std::thread::panicking() && !self.panicking;
        let event = event.success(event.success && !panicked);
        self.events.record(&event);
    }
}
