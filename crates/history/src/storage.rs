//! What every place that series are stored in can do.

use crate::error::{Error, ErrorKind};
use crate::labels::Labels;
use crate::selector::Selector;

/// A stretch of time, both ends included, in milliseconds since the Unix epoch, and how far apart the
/// points of an answer may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// The first millisecond.
    pub from_ms: i64,
    /// The last millisecond.
    pub until_ms: i64,
    /// The distance at which whoever asks will look, 0 for a single look. A backend with coarser tiers may
    /// answer from one whose step is not larger; one without may ignore it.
    pub step_ms: i64,
}

/// The state of a storage's set of series: equal means that it is the same storage, and that no series
/// came or went.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Generation {
    /// Which storage.
    pub storage: u64,
    /// How often its set of series changed.
    pub changes: u64,
}

/// A series of a storage, for as long as it is stored: numbers are not given to another series.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SeriesId(pub u64);

/// A series that a selector means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Series {
    /// Its number.
    pub id: SeriesId,
    /// Its labels, with the metric's name.
    pub labels: Labels,
}

/// What became of the values between two points of a coarser tier.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rollup {
    /// The smallest.
    pub min: f64,
    /// The largest.
    pub max: f64,
    /// Their sum.
    pub sum: f64,
    /// How many there were.
    pub count: u32,
}

/// Points of a series, oldest first.
///
/// Those of a coarser tier come first: the point `i` stands for [`rollups`](Self::rollups)`[i]`, as long
/// as there is one; its value is the last that it stands for, its time that of the last tick in its step.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Samples {
    /// Milliseconds since the Unix epoch, ascending.
    pub at_ms: Vec<i64>,
    /// The values; [`STALE`] where the series ended.
    pub values: Vec<f64>,
    /// What the first points stand for.
    pub rollups: Vec<Rollup>,
}

impl Samples {
    /// How many points.
    pub fn len(&self) -> usize {
        self.at_ms.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.at_ms.is_empty()
    }

    /// Forgets all points, and keeps the room for others.
    pub fn clear(&mut self) {
        self.at_ms.clear();
        self.values.clear();
        self.rollups.clear();
    }

    /// Adds a point of the finest tier.
    pub fn push(&mut self, at_ms: i64, value: f64) {
        self.at_ms.push(at_ms);
        self.values.push(value);
    }
}

/// How a series changed over a span.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Change {
    /// Its first point: milliseconds since the Unix epoch, and the value.
    pub first: (i64, f64),
    /// Its last point.
    pub last: (i64, f64),
    /// How many points there are, with both.
    pub points: usize,
    /// The sum of what it had each time before it fell: what a counter had counted before it began anew.
    pub fallen: f64,
}

impl Change {
    /// That of these points, which are ascending; `None` if there is none. Markers are passed over.
    pub fn of(at_ms: &[i64], values: &[f64]) -> Option<Change> {
        let mut points = at_ms.iter().copied().zip(values.iter().copied());
        let first = points.find(|(_, value)| !is_stale(*value))?;
        let mut change = Change { first, last: first, points: 1, fallen: 0.0 };
        for point in points.filter(|(_, value)| !is_stale(*value)) {
            let before = change.last.1;
            change.fallen += if point.1 < before { before } else { 0.0 };
            change.last = point;
            change.points += 1;
        }
        Some(change)
    }
}

/// The value that says that a series ended: Prometheus' own staleness marker, a NaN like no other.
pub const STALE: f64 = f64::from_bits(0x7ff0_0000_0000_0002);

/// Whether `value` is the staleness marker.
pub fn is_stale(value: f64) -> bool {
    value.to_bits() == STALE.to_bits()
}

/// A place that series are stored in: memory, a file, another server.
///
/// Reads are calls that return: a backend that waits for a disk or a network belongs on a thread that may
/// wait. Every call may fail; a query then fails with the backend's error.
pub trait Storage: Send + Sync {
    /// Which set of series this is. A prepared query finds its series again while this stays the same.
    fn generation(&self) -> Generation;

    /// The state of the series that `selector` may mean, where that is known to be older than the whole's:
    /// series of other metrics that come and go need not disturb a prepared query.
    fn generation_of(&self, selector: &Selector) -> Generation {
        let _ = selector;
        self.generation()
    }

    /// The series that `selector` means and that may have points in `span`, in any order.
    ///
    /// A prepared query keeps the answer while [`generation_of`](Self::generation_of) stays the same, and takes it to
    /// hold at later moments too; over a range it asks each time.
    ///
    /// # Errors
    /// Where the backend fails.
    fn select(&self, selector: &Selector, span: Span) -> Result<Vec<Series>, Error>;

    /// Appends the points of a series in `span` to `into`, which the caller has cleared; none if the series
    /// is not stored any more.
    ///
    /// # Errors
    /// Where the backend fails.
    fn read(&self, series: SeriesId, span: Span, into: &mut Samples) -> Result<(), Error>;

    /// How a series changed over `span`; `None` if it has no point there. It is what rates are made of, so a backend that
    /// knows it without all of the points says so.
    ///
    /// # Errors
    /// Where the backend fails.
    fn change(&self, series: SeriesId, span: Span) -> Result<Option<Change>, Error> {
        let mut samples = Samples::default();
        self.read(series, span, &mut samples)?;
        Ok(Change::of(&samples.at_ms, &samples.values))
    }

    /// Reads the newest point in `span` alone.
    ///
    /// # Errors
    /// Where the backend fails.
    fn last(&self, series: SeriesId, span: Span) -> Result<Option<(i64, f64)>, Error> {
        let mut samples = Samples::default();
        self.read(series, span, &mut samples)?;
        Ok(samples.at_ms.last().copied().zip(samples.values.last().copied()))
    }

    /// Writes what rules made of stored series: a value for each of these at `at_ms`, in milliseconds since the Unix epoch,
    /// [`STALE`] where a series ends. What is written is there for the next query at that time. Such a series goes on
    /// until it is ended, however seldom it gets a value.
    ///
    /// Returns how many of the series found no room.
    ///
    /// # Errors
    /// Where the backend fails, or is one that is only read, as this default is.
    fn write(&self, at_ms: i64, values: &[(Labels, f64)]) -> Result<usize, Error> {
        let _ = (at_ms, values);
        let text =
            "this storage is only read: rules that record series need one that is written too";
        Err(Error::new(ErrorKind::Unsupported, text))
    }
}
