//! What is told of metrics before they are recorded.

use std::collections::HashMap;

use ::metrics::Unit;
use perf_monitor_core::{Budget, Lock, Reservation};

use super::{name, units};

/// Help texts, units and labels by the cleaned name of the metric.
pub(super) struct Descriptions {
    budget: Budget,
    by_name: Lock<HashMap<String, Told>>,
}

#[derive(Default)]
struct Told {
    said: Option<Said>,
    labels: Vec<Box<str>>,
    _charged: Vec<Reservation>,
}

/// What a description said of a metric.
#[derive(Clone)]
pub(super) struct Said {
    pub(super) help: String,
    pub(super) unit: Option<Unit>,
}

/// Bytes of a description beside its texts.
const BESIDE: usize = size_of::<Told>() + 100;

impl Descriptions {
    pub(super) fn new(budget: Budget) -> Descriptions {
        Descriptions { budget, by_name: Lock::default() }
    }

    /// Whether something was said of `name`.
    pub(super) fn is_said(&self, name: &str) -> bool {
        let by_name = self.by_name.lock();
        by_name.get(&*name::metric(name)).is_some_and(|told| told.said.is_some())
    }

    /// Keeps what is said of `name`, unless something was said before; false if there is no room.
    pub(super) fn describe(&self, name: &str, unit: Option<Unit>, help: &str) -> bool {
        let help = format!("{help}{}", units::remark(unit).unwrap_or_default());
        let said = Said { help, unit };
        let is_said = |told: &Told| told.said.is_some();
        self.tell(name, said.help.len(), is_said, |told| told.said = Some(said))
    }

    /// Keeps which labels `name` will have, unless that was told before; without room it has those of its first record.
    pub(super) fn labels(&self, name: &str, labels: &[&str]) {
        let bytes = labels.iter().map(|label| label.len() + size_of::<Box<str>>()).sum();
        let are_told = |told: &Told| !told.labels.is_empty();
        self.tell(name, bytes, are_told, |told| {
            for label in labels {
                let label = Box::from(&*name::label(label));
                if !told.labels.contains(&label) {
                    told.labels.push(label);
                }
            }
        });
    }

    /// Runs `tell` on what is known of `name`, unless that `is_told`; false if there is no room.
    fn tell(
        &self,
        name: &str,
        bytes: usize,
        is_told: impl Fn(&Told) -> bool,
        tell: impl FnOnce(&mut Told),
    ) -> bool {
        let name = name::metric(name);
        let mut by_name = self.by_name.lock();
        if by_name.get(&*name).is_some_and(is_told) {
            return true;
        }
        let beside = if by_name.contains_key(&*name) { 0 } else { BESIDE + name.len() };
        let Some(charged) = self.budget.reserve(beside + bytes) else {
            return false;
        };
        let told = by_name.entry(name.into_owned()).or_default();
        told._charged.push(charged);
        tell(told);
        true
    }

    /// What was said of the metric of this cleaned name, and the labels that it will have.
    pub(super) fn of(&self, name: &str) -> (Option<Said>, Vec<Box<str>>) {
        let by_name = self.by_name.lock();
        by_name.get(name).map(|told| (told.said.clone(), told.labels.clone())).unwrap_or_default()
    }
}
