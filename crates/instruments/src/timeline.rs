//! Operations on a timeline, counted by what they do.

use std::fmt;
use std::sync::Arc;

use perf_monitor_core::{Counter, Desc, Error, Registry};

use crate::stages::OVERFLOW;
use crate::table::{Table, series};

/// Counts of the operations on a timeline (commits, snapshots, look-ups of an old version).
///
/// In the registry they are `timeline_operations_total{operation}`. A registry has one timeline:
/// `new` on the same registry gives the same. Clones are the same; any thread may record.
/// Operations that find no room in the registry's budget are counted together, in the overflow
/// series, and counted as refused.
///
/// ```
/// use perf_monitor_core::Registry;
/// use perf_monitor_instruments::Timeline;
///
/// let timeline = Timeline::new(&Registry::new())?;
/// timeline.record("commit");
/// timeline.record("commit");
/// assert_eq!(timeline.summary()[0].count, 2);
/// # Ok::<(), perf_monitor_core::Error>(())
/// ```
#[derive(Clone)]
pub struct Timeline(Arc<Table<Counter>>);

/// How often an operation was done.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OperationCount {
    /// The operation's name; "overflow" for all that found no room.
    pub operation: String,
    /// Whether this is what found no room, all together.
    pub overflow: bool,
    /// How often it was done.
    pub count: u64,
}

impl Timeline {
    /// The timeline of `registry`.
    ///
    /// # Errors
    /// Its metric's name is registered as something else.
    pub fn new(registry: &Registry) -> Result<Timeline, Error> {
        registry.companion(|| table(registry)).map(Timeline)
    }

    /// Counts an operation.
    ///
    /// # Cost
    /// As a stage by name (`stage/guard`): comparing the name with what the thread remembers, and a
    /// [`Counter::inc`].
    #[inline]
    pub fn record(&self, operation: &str) {
        self.0.with(&[operation], |count| count.inc());
    }

    /// All operations by name, last what found no room, if there was such.
    pub fn summary(&self) -> Vec<OperationCount> {
        let entries = self.0.entries().into_iter();
        let counts = entries.map(|entry| OperationCount {
            operation: entry.name().get(0).unwrap_or(OVERFLOW).to_owned(),
            overflow: entry.name().is_empty(),
            count: entry.value.get(),
        });
        counts.collect()
    }
}

fn table(registry: &Registry) -> Result<Table<Counter>, Error> {
    let desc = Desc::new("timeline_operations_total", "Operations on the timeline.");
    let family = registry.counter_family(desc, &["operation"])?;
    let bytes = family.series_bytes();
    Ok(Table::new(registry.budget(), bytes, move |name| series(&family, name)))
}

impl fmt::Debug for Timeline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.summary()).finish()
    }
}
