//! Things in the order of their labels.

use crate::labels::Labels;

/// What is told from others by labels.
pub(crate) trait Labelled {
    /// Those labels.
    fn labels(&self) -> &Labels;
}

impl<T: Labelled> Labelled for Box<T> {
    fn labels(&self) -> &Labels {
        (**self).labels()
    }
}

/// A map in one piece, for what is mostly there once or not at all: a node of a `BTreeMap` has room for
/// eleven, and an empty map may keep one.
#[derive(Debug)]
pub(crate) struct Sorted<T>(Vec<T>);

impl<T> Default for Sorted<T> {
    fn default() -> Sorted<T> {
        Sorted(Vec::new())
    }
}

impl<T: Labelled> Sorted<T> {
    fn place(&self, labels: &Labels) -> Result<usize, usize> {
        self.0.binary_search_by(|one| one.labels().cmp(labels))
    }

    pub(crate) fn get(&self, labels: &Labels) -> Option<&T> {
        self.place(labels).ok().map(|at| &self.0[at])
    }

    pub(crate) fn get_mut(&mut self, labels: &Labels) -> Option<&mut T> {
        self.place(labels).ok().map(|at| &mut self.0[at])
    }

    pub(crate) fn contains(&self, labels: &Labels) -> bool {
        self.place(labels).is_ok()
    }

    /// The one with `labels`; `make` makes it if there is none.
    pub(crate) fn get_or_insert_with(
        &mut self,
        labels: &Labels,
        make: impl FnOnce() -> T,
    ) -> &mut T {
        let at = match self.place(labels) {
            Ok(at) => at,
            Err(at) => {
                self.insert_at(at, make());
                at
            }
        };
        &mut self.0[at]
    }

    /// Puts `one` in the place of the one with its labels.
    pub(crate) fn insert(&mut self, one: T) {
        match self.place(one.labels()) {
            Ok(at) => self.0[at] = one,
            Err(at) => self.insert_at(at, one),
        }
    }

    /// With little more room than is needed: a doubled one would be half empty.
    fn insert_at(&mut self, at: usize, one: T) {
        if self.0.len() == self.0.capacity() {
            self.0.reserve_exact(1 + self.0.len() / 8);
        }
        self.0.insert(at, one);
    }

    pub(crate) fn remove(&mut self, labels: &Labels) -> Option<T> {
        let one = self.place(labels).ok().map(|at| self.0.remove(at));
        self.give_back();
        one
    }

    pub(crate) fn retain(&mut self, keep: impl FnMut(&mut T) -> bool) {
        self.0.retain_mut(keep);
        self.give_back();
    }

    fn give_back(&mut self) {
        if self.0.capacity() > 2 * self.0.len() {
            self.0.shrink_to_fit();
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn iter(&self) -> std::slice::Iter<'_, T> {
        self.0.iter()
    }

    pub(crate) fn iter_mut(&mut self) -> std::slice::IterMut<'_, T> {
        self.0.iter_mut()
    }

    pub(crate) fn into_iter(self) -> std::vec::IntoIter<T> {
        self.0.into_iter()
    }

    /// What the places take on the heap, in bytes, without what the things hold themselves.
    pub(crate) fn bytes(&self) -> usize {
        self.0.capacity() * size_of::<T>()
    }
}
