//! Metrics as declarations: a name, a unit and where the value comes from.

use perf_monitor_core::{Desc, Family, Gauge, Instrument, ObservedCounter, Registry, Unit};

use super::steady::{Steady, StepBack};
use crate::Error;

/// A counter over a source `S`; `None` makes its series absent.
pub(crate) struct CounterDef<S: 'static> {
    name: &'static str,
    help: &'static str,
    unit: Unit,
    label: Option<(&'static str, &'static str)>,
    step_back: StepBack,
    value: fn(&S) -> Option<u64>,
}

impl<S> CounterDef<S> {
    pub(crate) const fn new(
        name: &'static str,
        help: &'static str,
        value: fn(&S) -> Option<u64>,
    ) -> Self {
        CounterDef {
            name,
            help,
            unit: Unit::None,
            label: None,
            step_back: StepBack::Restart,
            value,
        }
    }

    pub(crate) const fn unit(self, unit: Unit) -> Self {
        CounterDef { unit, ..self }
    }

    /// A label of its own: families of one name differ in it.
    pub(crate) const fn label(self, name: &'static str, value: &'static str) -> Self {
        CounterDef { label: Some((name, value)), ..self }
    }

    pub(crate) const fn step_back(self, step_back: StepBack) -> Self {
        CounterDef { step_back, ..self }
    }
}

/// A gauge over a source `S`; `None` makes its series absent.
pub(crate) struct GaugeDef<S: 'static> {
    name: &'static str,
    help: &'static str,
    unit: Unit,
    value: fn(&S) -> Option<f64>,
}

impl<S> GaugeDef<S> {
    pub(crate) const fn new(
        name: &'static str,
        help: &'static str,
        value: fn(&S) -> Option<f64>,
    ) -> Self {
        GaugeDef { name, help, unit: Unit::None, value }
    }

    pub(crate) const fn unit(self, unit: Unit) -> Self {
        GaugeDef { unit, ..self }
    }
}

/// An integer as a gauge's value.
pub(crate) fn number(value: Option<u64>) -> Option<f64> {
    value.map(|n| n as f64)
}

/// The registered families of one kind of thing: the machine, a core, a disk, an interface.
///
/// Counters read from a `C`, gauges from a `G`. Each thing has a [`Row`] and, when there are
/// several, a key: the value of the first label.
pub(crate) struct Table<C: 'static, G: 'static> {
    counters: Vec<(&'static CounterDef<C>, Family<ObservedCounter>)>,
    gauges: Vec<(&'static GaugeDef<G>, Family<Gauge>)>,
}

/// The series of one thing; those that are absent have no handle.
pub(crate) struct Row {
    counters: Vec<(Option<ObservedCounter>, Steady)>,
    gauges: Vec<Option<Gauge>>,
}

impl<C, G> Table<C, G> {
    /// Registers the families, whose first label is `key`, if any; none when they are not `on`.
    pub(crate) fn register(
        registry: &Registry,
        on: bool,
        key: Option<&'static str>,
        counters: &'static [CounterDef<C>],
        gauges: &'static [GaugeDef<G>],
    ) -> Result<Self, Error> {
        let (counters, gauges) = if on { (counters, gauges) } else { Default::default() };
        let counter = |def: &'static CounterDef<C>| {
            let desc = Desc::new(def.name, def.help).unit(def.unit);
            let names = Labels::new(key, def.label.map(|(name, _)| name));
            let family = registry.observed_counter_family(desc, names.as_slice());
            Ok((def, family.map_err(|cause| Error::new(def.name, cause))?))
        };
        let gauge = |def: &'static GaugeDef<G>| {
            let desc = Desc::new(def.name, def.help).unit(def.unit);
            let family = registry.gauge_family(desc, Labels::new(key, None).as_slice());
            Ok((def, family.map_err(|cause| Error::new(def.name, cause))?))
        };
        Ok(Table {
            counters: counters.iter().map(counter).collect::<Result<_, Error>>()?,
            gauges: gauges.iter().map(gauge).collect::<Result<_, Error>>()?,
        })
    }

    /// Removes what another feeder of the same families left behind.
    pub(crate) fn clear(&self) {
        self.counters.iter().for_each(|(_, family)| family.clear());
        self.gauges.iter().for_each(|(_, family)| family.clear());
    }

    /// A row without any series.
    pub(crate) fn row(&self) -> Row {
        Row {
            counters: self.counters.iter().map(|_| Default::default()).collect(),
            gauges: self.gauges.iter().map(|_| None).collect(),
        }
    }

    /// Feeds the row's series, adding and removing those that became known and unknown.
    pub(crate) fn show(
        &self,
        row: &mut Row,
        key: Option<&str>,
        counters: Option<&C>,
        gauges: Option<&G>,
    ) {
        for ((def, family), (handle, steady)) in self.counters.iter().zip(&mut row.counters) {
            let labels = Labels::new(key, def.label.map(|(_, value)| value));
            let value = counters.and_then(def.value);
            if let Some(counter) = present(family, handle, &labels, value.is_some())
                && let Some(value) = value
            {
                counter.observe(steady.observe(value, def.step_back));
            }
        }
        for ((def, family), handle) in self.gauges.iter().zip(&mut row.gauges) {
            let labels = Labels::new(key, None);
            let value = gauges.and_then(def.value);
            if let Some(gauge) = present(family, handle, &labels, value.is_some())
                && let Some(value) = value
            {
                gauge.set(value);
            }
        }
    }

    /// Removes the row's series.
    pub(crate) fn hide(&self, row: &mut Row, key: Option<&str>) {
        self.show(row, key, None, None);
    }
}

/// The handle of a series that is known now, made when it was absent; an absent one is removed.
fn present<'a, M: Instrument>(
    family: &Family<M>,
    handle: &'a mut Option<M>,
    labels: &Labels<'_>,
    known: bool,
) -> Option<&'a M> {
    if known && handle.is_none() {
        *handle = family.with(labels.as_slice()).ok();
    } else if !known && handle.take().is_some() {
        family.remove(labels.as_slice());
    }
    handle.as_ref()
}

/// Up to two label names or values.
struct Labels<'a> {
    all: [&'a str; 2],
    count: usize,
}

impl<'a> Labels<'a> {
    fn new(key: Option<&'a str>, own: Option<&'a str>) -> Self {
        match (key, own) {
            (Some(key), Some(own)) => Labels { all: [key, own], count: 2 },
            (Some(one), None) | (None, Some(one)) => Labels { all: [one, ""], count: 1 },
            (None, None) => Labels { all: [""; 2], count: 0 },
        }
    }

    fn as_slice(&self) -> &[&'a str] {
        &self.all[..self.count]
    }
}
