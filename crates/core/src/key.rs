//! Label values as a key that can be looked up without owning them.

use crate::LabelValues;
use crate::series::Series;
use std::borrow::Borrow;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

/// A series as a key: by its label values, which can be looked up without owning them.
pub(crate) struct ByLabels(pub(crate) Arc<Series>);

pub(crate) trait Labels {
    fn count(&self) -> usize;
    fn at(&self, index: usize) -> &str;
}

impl Labels for &[&str] {
    fn count(&self) -> usize {
        self.len()
    }

    fn at(&self, index: usize) -> &str {
        self[index]
    }
}

impl Labels for LabelValues {
    fn count(&self) -> usize {
        self.len()
    }

    fn at(&self, index: usize) -> &str {
        &self[index]
    }
}

impl Hash for dyn Labels + '_ {
    fn hash<H: Hasher>(&self, state: &mut H) {
        for index in 0..self.count() {
            self.at(index).hash(state);
        }
    }
}

impl PartialEq for dyn Labels + '_ {
    fn eq(&self, other: &Self) -> bool {
        self.count() == other.count() && (0..self.count()).all(|i| self.at(i) == other.at(i))
    }
}

impl Eq for dyn Labels + '_ {}

impl<'a> Borrow<dyn Labels + 'a> for ByLabels {
    fn borrow(&self) -> &(dyn Labels + 'a) {
        &self.0.info.label_values
    }
}

impl Hash for ByLabels {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (&self.0.info.label_values as &dyn Labels).hash(state);
    }
}

impl PartialEq for ByLabels {
    fn eq(&self, other: &Self) -> bool {
        self.0.info.label_values == other.0.info.label_values
    }
}

impl Eq for ByLabels {}
