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

/// A map in one piece, for what is mostly there once or not at all: one alone needs nothing on the heap, and more have
/// little more room than they need.
#[derive(Debug)]
pub(crate) enum Sorted<T> {
    One(T),
    Many(Vec<T>),
}

impl<T> Default for Sorted<T> {
    fn default() -> Sorted<T> {
        Sorted::Many(Vec::new())
    }
}

impl<T> Sorted<T> {
    fn all(&self) -> &[T] {
        match self {
            Sorted::One(one) => std::slice::from_ref(one),
            Sorted::Many(all) => all,
        }
    }

    fn all_mut(&mut self) -> &mut [T] {
        match self {
            Sorted::One(one) => std::slice::from_mut(one),
            Sorted::Many(all) => all,
        }
    }

    fn take(&mut self) -> Vec<T> {
        match std::mem::take(self) {
            Sorted::One(one) => vec![one],
            Sorted::Many(all) => all,
        }
    }

    fn put(&mut self, mut all: Vec<T>) {
        *self = match all.pop() {
            Some(one) if all.is_empty() => Sorted::One(one),
            Some(last) => {
                all.push(last);
                Sorted::Many(all)
            }
            None => Sorted::default(),
        };
    }
}

impl<T: Labelled> Sorted<T> {
    fn place(&self, labels: &Labels) -> Result<usize, usize> {
        self.all().binary_search_by(|one| one.labels().cmp(labels))
    }

    pub(crate) fn get(&self, labels: &Labels) -> Option<&T> {
        self.place(labels).ok().map(|at| &self.all()[at])
    }

    pub(crate) fn get_mut(&mut self, labels: &Labels) -> Option<&mut T> {
        self.place(labels).ok().map(|at| &mut self.all_mut()[at])
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
        &mut self.all_mut()[at]
    }

    /// Puts `one` in the place of the one with its labels.
    pub(crate) fn insert(&mut self, one: T) {
        match self.place(one.labels()) {
            Ok(at) => self.all_mut()[at] = one,
            Err(at) => self.insert_at(at, one),
        }
    }

    /// With little more room than is needed: a doubled one would be half empty.
    fn insert_at(&mut self, at: usize, one: T) {
        let mut all = self.take();
        if all.len() == all.capacity() {
            all.reserve_exact(1 + all.len() / 8);
        }
        all.insert(at, one);
        self.put(all);
    }

    pub(crate) fn remove(&mut self, labels: &Labels) -> Option<T> {
        let at = self.place(labels).ok()?;
        let mut all = self.take();
        let one = all.remove(at);
        self.put_back(all);
        Some(one)
    }

    pub(crate) fn retain(&mut self, mut keep: impl FnMut(&mut T) -> bool) {
        // One that stays is not moved.
        let stays = match self {
            Sorted::One(one) => keep(one),
            Sorted::Many(_) => false,
        };
        if !stays {
            let is_one = matches!(self, Sorted::One(_));
            let mut all = self.take();
            all.retain_mut(|one| !is_one && keep(one));
            self.put_back(all);
        }
    }

    fn put_back(&mut self, mut all: Vec<T>) {
        if all.capacity() > 2 * all.len() {
            all.shrink_to_fit();
        }
        self.put(all);
    }

    pub(crate) fn len(&self) -> usize {
        self.all().len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.all().is_empty()
    }

    pub(crate) fn iter(&self) -> std::slice::Iter<'_, T> {
        self.all().iter()
    }

    pub(crate) fn iter_mut(&mut self) -> std::slice::IterMut<'_, T> {
        self.all_mut().iter_mut()
    }

    pub(crate) fn into_iter(mut self) -> std::vec::IntoIter<T> {
        self.take().into_iter()
    }

    /// What the places take on the heap, in bytes, without what the things hold themselves.
    pub(crate) fn bytes(&self) -> usize {
        match self {
            Sorted::One(_) => 0,
            Sorted::Many(all) => all.capacity() * size_of::<T>(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    #[derive(Debug, PartialEq)]
    struct One(Labels, u32);

    impl Labelled for One {
        fn labels(&self) -> &Labels {
            &self.0
        }
    }

    proptest! {
        #[test]
        fn it_is_a_map(steps in prop::collection::vec((0_u8..4, 0_u8..5), 0..40)) {
            let (mut sorted, mut map) = (Sorted::default(), BTreeMap::new());
            for (n, (step, name)) in (0..).zip(steps) {
                let labels = Labels::new([("n", name.to_string())]);
                match step {
                    0 => {
                        sorted.insert(One(labels.clone(), n));
                        map.insert(labels, n);
                    }
                    1 => {
                        let found = sorted.get_or_insert_with(&labels, || One(labels.clone(), n)).1;
                        prop_assert_eq!(found, *map.entry(labels).or_insert(n));
                    }
                    2 => prop_assert_eq!(sorted.remove(&labels).map(|one| one.1), map.remove(&labels)),
                    _ => {
                        sorted.retain(|one| one.0 != labels);
                        map.retain(|own, _| *own != labels);
                    }
                }
                let both = sorted.iter().map(|one| (&one.0, &one.1));
                prop_assert_eq!(both.collect::<Vec<_>>(), map.iter().collect::<Vec<_>>());
                prop_assert!(sorted.len() != 1 || matches!(sorted, Sorted::One(_)));
            }
        }
    }
}
