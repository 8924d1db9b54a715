//! Where the series of a key is: under which name, with which labels.

use std::collections::HashMap;
use std::sync::Arc;

use ::metrics::Key;
use perf_monitor_core::{Desc, Family, Lock, Registry, Reservation};

use super::handle::Kind;
use super::labels::Labels;
use super::refused::Reason;
use super::units::Cells;
use super::{Inner, name};

/// The families of one kind, by the cleaned name of their keys.
pub(super) struct Families<H: Kind>(Lock<HashMap<Box<str>, Named<H>>>);

/// The families of one name, one for each set of labels that no other has; the first has the name itself.
struct Named<H: Kind> {
    /// As the first key had it.
    given: Box<str>,
    families: Vec<Arc<Shape<H>>>,
}

struct Shape<H: Kind> {
    family: Family<H::Metric>,
    labels: Vec<Box<str>>,
    cells: Cells,
    _charged: Reservation,
}

/// A key's place: a family, and its values there.
pub(super) struct Place<'a, H: Kind> {
    shape: Arc<Shape<H>>,
    values: Vec<&'a str>,
}

impl<H: Kind> Place<'_, H> {
    /// The series, unless it is new and has no room.
    pub(super) fn series(&self) -> Option<H::Metric> {
        self.shape.family.try_with(&self.values).ok().flatten()
    }

    pub(super) fn overflow(&self) -> H::Metric {
        self.shape.family.overflow()
    }

    pub(super) fn cells(&self) -> Cells {
        self.shape.cells
    }
}

impl<H: Kind> Families<H> {
    pub(super) fn new() -> Families<H> {
        Families(Lock::default())
    }

    /// Whether a key of this name was recorded.
    pub(super) fn knows(&self, name: &str) -> bool {
        self.0.lock().contains_key(H::stem(&name::metric(name)))
    }

    /// Where the series of `key` is. None if it takes a new family, for which there is no room or name.
    pub(super) fn place<'a>(
        &self,
        registry: &Registry,
        bridge: &Inner,
        key: &'a Key,
    ) -> Option<Place<'a, H>> {
        let (name, labels) = (name::metric(key.name()), Labels::of(key));
        let mut by_name = self.0.lock();
        let named = by_name.get(H::stem(&name));
        if named.is_some_and(|named| *named.given != *key.name()) {
            bridge.refused.count(Reason::Alike);
        }
        let families = named.map_or(&[][..], |named| &named.families);
        let shape = match families.iter().find(|shape| labels.fit(&shape.labels)) {
            Some(shape) => shape.clone(),
            None => {
                let first = families.is_empty();
                let shape = Arc::new(begin(registry, bridge, key, &labels, first)?);
                let named = by_name.entry(H::stem(&name).into());
                let given = || Named { given: key.name().into(), families: Vec::new() };
                named.or_insert_with(given).families.push(shape.clone());
                shape
            }
        };
        let values = labels.values(&shape.labels);
        Some(Place { shape, values })
    }
}

/// Bytes of a family in the registry beside its texts.
const FAMILY: usize = 600;

/// Bytes of what is kept of it here, with its place in the map.
const BESIDE: usize = 250;

/// A new family for these labels: by the key's own name if it is the `first` of it.
fn begin<H: Kind>(
    registry: &Registry,
    bridge: &Inner,
    key: &Key,
    labels: &Labels<'_>,
    first: bool,
) -> Option<Shape<H>> {
    let name = name::metric(key.name());
    let (said, told) = bridge.descriptions.of(&name);
    let labels = if first { united(labels, told) } else { labels.names().map(Box::from).collect() };
    let cells = H::cells(&name, said.as_ref().and_then(|said| said.unit));
    let name = if first { name.into_owned() } else { by_labels(H::stem(&name), &labels) };
    let help = said.map_or_else(|| unsaid(key), |said| said.help);
    let texts =
        2 * name.len() + labels.iter().map(|l| l.len() + size_of::<Box<str>>()).sum::<usize>();
    // A registry does not refuse a family, so whether it has room for one is asked first.
    drop(registry.budget().reserve(FAMILY + BESIDE + 2 * texts + help.len())?);
    let charged = registry.budget().reserve(BESIDE + texts)?;
    let family = register::<H>(registry, bridge, &name, &help, &labels, cells)?;
    if !first {
        bridge.refused.count(Reason::Labels);
    }
    Some(Shape { family, labels, cells, _charged: charged })
}

/// Registers the family by this name, or by another if something else has it.
fn register<H: Kind>(
    registry: &Registry,
    bridge: &Inner,
    name: &str,
    help: &str,
    labels: &[Box<str>],
    cells: Cells,
) -> Option<Family<H::Metric>> {
    let labels: Vec<&str> = labels.iter().map(|label| &**label).collect();
    let try_name =
        |name: String| H::register(registry, Desc::new(name, help).unit(cells.unit), &labels).ok();
    try_name(name.into()).or_else(|| {
        let family = try_name(format!("{}_{}", H::stem(name), H::NOUN))?;
        bridge.refused.count(Reason::Taken);
        Some(family)
    })
}

/// The name of a family of other labels than the first.
fn by_labels(stem: &str, labels: &[Box<str>]) -> String {
    let mut sorted: Vec<&str> = labels.iter().map(|label| &**label).collect();
    sorted.sort_unstable();
    format!("{stem}_by_{}", sorted.join("_"))
}

/// The labels that were told beforehand, then what the first key has beside them.
fn united(labels: &Labels<'_>, mut told: Vec<Box<str>>) -> Vec<Box<str>> {
    for name in labels.names() {
        if !told.iter().any(|known| **known == *name) {
            told.push(name.into());
        }
    }
    told
}

fn unsaid(key: &Key) -> String {
    format!("Recorded as {:?} through the metrics crate.", key.name())
}
