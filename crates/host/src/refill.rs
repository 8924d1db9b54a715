//! A list of named entries that is filled again in place, so that names are not allocated anew.

use std::fmt::Write;

use crate::model::{DiskSample, InterfaceSample};

/// An entry that is known by its name.
pub(crate) trait Named {
    fn name(&self) -> &str;
    fn name_mut(&mut self) -> &mut String;
}

impl Named for DiskSample {
    fn name(&self) -> &str {
        &self.name
    }

    fn name_mut(&mut self) -> &mut String {
        &mut self.name
    }
}

impl Named for InterfaceSample {
    fn name(&self) -> &str {
        &self.name
    }

    fn name_mut(&mut self) -> &mut String {
        &mut self.name
    }
}

/// The list of the last reading, being overwritten by the next one.
pub(crate) struct Refill<T> {
    list: Vec<T>,
    filled: usize,
    same_names: bool,
    most: usize,
    pub(crate) over_limit: u64,
}

impl<T: Named> Refill<T> {
    pub(crate) fn new(list: Option<Vec<T>>, most: usize) -> Self {
        Refill { list: list.unwrap_or_default(), filled: 0, same_names: true, most, over_limit: 0 }
    }

    /// Puts an entry, whose own name is empty, under `name`. A name that was put before is left
    /// out, an entry beyond the limit counted.
    pub(crate) fn put(&mut self, name: &[u8], mut entry: T) {
        if self.filled == self.most {
            self.over_limit += 1;
            return;
        }
        let slot = self.list.get_mut(self.filled);
        let mut text = slot.map(|slot| std::mem::take(slot.name_mut())).unwrap_or_default();
        if text.as_bytes() != name {
            self.same_names = false;
            write_name(&mut text, name);
        }
        let repeated =
            !self.same_names && self.list[..self.filled].iter().any(|e| e.name() == text);
        *entry.name_mut() = text;
        match self.list.get_mut(self.filled) {
            Some(slot) => *slot = entry,
            None => self.list.push(entry),
        }
        self.filled += usize::from(!repeated);
    }

    pub(crate) fn finish(mut self) -> Vec<T> {
        self.list.truncate(self.filled);
        self.list
    }
}

/// Bytes that are no UTF-8 become `\xNN`, so that different names stay different.
fn write_name(text: &mut String, name: &[u8]) {
    text.clear();
    for chunk in name.utf8_chunks() {
        text.push_str(chunk.valid());
        for byte in chunk.invalid() {
            // writing into a String cannot fail
            let _ = write!(text, "\\x{byte:02x}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fill(list: Option<Vec<DiskSample>>, names: &[&[u8]]) -> Vec<DiskSample> {
        let mut refill = Refill::new(list, 4);
        for (index, name) in names.iter().enumerate() {
            let entry = DiskSample { reads: index as u64, ..DiskSample::default() };
            refill.put(name, entry);
        }
        refill.finish()
    }

    fn shown(list: &[DiskSample]) -> Vec<(&str, u64)> {
        list.iter().map(|disk| (&*disk.name, disk.reads)).collect()
    }

    #[test]
    fn entries_follow_the_last_reading() {
        let list = fill(None, &[b"a", b"b", b"c"]);
        let list = fill(Some(list), &[b"b", b"c"]);
        assert_eq!(shown(&list), [("b", 0), ("c", 1)]);
        let list = fill(Some(list), &[b"x", b"b", b"c", b"d"]);
        assert_eq!(shown(&list), [("x", 0), ("b", 1), ("c", 2), ("d", 3)]);
    }

    #[test]
    fn a_repeated_name_is_left_out() {
        let list = fill(None, &[b"a", b"b"]);
        let list = fill(Some(list), &[b"b", b"b", b"b", b"a"]);
        assert_eq!(shown(&list), [("b", 0), ("a", 3)]);
    }

    #[test]
    fn entries_beyond_the_limit_are_counted() {
        let mut refill = Refill::new(None, 1);
        for name in [b"a", b"b", b"c"] {
            refill.put(name, DiskSample::default());
        }
        assert_eq!(refill.over_limit, 2);
        assert_eq!(shown(&refill.finish()), [("a", 0)]);
    }

    #[test]
    fn names_that_are_no_text_stay_different() {
        let list = fill(None, &[b"a\xff", b"a\xfe", "é".as_bytes()]);
        assert_eq!(shown(&list), [("a\\xff", 0), ("a\\xfe", 1), ("é", 2)]);
    }
}
