//! The values of a series' labels, in one piece.

use std::fmt;
use std::ops::Index;

/// Values that end within the struct.
const FEW: usize = 4;

/// Label values, in the order of their family's names.
///
/// They lie one after another in one allocation: a read of 100,000 series waits for memory, once
/// for each piece that a series is in.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct LabelValues {
    text: Box<str>,
    ends: Ends,
}

#[derive(Clone, PartialEq, Eq)]
enum Ends {
    Few(u8, [u32; FEW]),
    Many(Box<[u32]>),
}

impl Default for Ends {
    fn default() -> Ends {
        Ends::Few(0, [0; FEW])
    }
}

impl LabelValues {
    #[inline]
    fn ends(&self) -> &[u32] {
        match &self.ends {
            Ends::Few(count, ends) => &ends[..usize::from(*count)],
            Ends::Many(ends) => ends,
        }
    }

    /// How many there are.
    #[inline]
    pub fn len(&self) -> usize {
        self.ends().len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The bytes of all values together.
    #[inline]
    pub fn text_bytes(&self) -> usize {
        self.text.len()
    }

    /// The value of the label at `index`.
    pub fn get(&self, index: usize) -> Option<&str> {
        let end = *self.ends().get(index)? as usize;
        let start = index.checked_sub(1).map_or(0, |before| self.ends()[before] as usize);
        Some(&self.text[start..end])
    }

    /// The values in order.
    #[inline]
    pub fn iter(&self) -> Values<'_> {
        Values { text: &self.text, start: 0, ends: self.ends().iter() }
    }

    pub(crate) fn as_ptr(&self) -> *const u8 {
        self.text.as_ptr()
    }
}

impl<S: AsRef<str>> FromIterator<S> for LabelValues {
    fn from_iter<I: IntoIterator<Item = S>>(values: I) -> LabelValues {
        let (mut text, mut all) = (String::new(), Vec::new());
        for value in values {
            // What would reach beyond 4 GiB is left empty.
            if u32::try_from(text.len() + value.as_ref().len()).is_ok() {
                text.push_str(value.as_ref());
            }
            all.push(text.len() as u32);
        }
        let mut few = [0; FEW];
        let ends = match few.get_mut(..all.len()) {
            Some(ends) => {
                ends.copy_from_slice(&all);
                Ends::Few(all.len() as u8, few)
            }
            None => Ends::Many(all.into()),
        };
        LabelValues { text: text.into(), ends }
    }
}

impl Index<usize> for LabelValues {
    type Output = str;

    /// # Panics
    /// When there is no label at `index`.
    fn index(&self, index: usize) -> &str {
        self.get(index).expect("the family has that many labels")
    }
}

impl<'a> IntoIterator for &'a LabelValues {
    type Item = &'a str;
    type IntoIter = Values<'a>;

    #[inline]
    fn into_iter(self) -> Values<'a> {
        self.iter()
    }
}

impl fmt::Debug for LabelValues {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self).finish()
    }
}

/// The values of [`LabelValues::iter`].
#[derive(Clone, Debug)]
pub struct Values<'a> {
    text: &'a str,
    start: usize,
    ends: std::slice::Iter<'a, u32>,
}

impl<'a> Iterator for Values<'a> {
    type Item = &'a str;

    #[inline]
    fn next(&mut self) -> Option<&'a str> {
        let end = *self.ends.next()? as usize;
        // SAFETY: `ends` are where values end in `text`, one after another, as `from_iter` put
        // them there: within it, ascending, and between characters.
        let value = unsafe { self.text.get_unchecked(self.start..end) };
        self.start = end;
        Some(value)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.ends.size_hint()
    }
}

impl ExactSizeIterator for Values<'_> {}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn values_come_back_as_they_went_in(values in prop::collection::vec(".{0,9}", 0..8)) {
            let packed: LabelValues = values.iter().collect();
            prop_assert_eq!(packed.iter().collect::<Vec<_>>(), values.iter().collect::<Vec<_>>());
            prop_assert_eq!(packed.len(), values.len());
            for (index, value) in values.iter().enumerate() {
                prop_assert_eq!(&packed[index], value);
            }
            prop_assert_eq!(packed.get(values.len()), None);
        }
    }
}
