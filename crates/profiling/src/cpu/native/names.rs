//! Names of threads as small numbers.

use std::borrow::Cow;

use super::mapped::Zeroes;
use super::threads::Name;

/// Names that are told apart. Threads of one pool have one name, or names that differ in a number.
const MOST: usize = 254;

/// The number of every name that there was no room for.
const OTHERS: u8 = MOST as u8;

#[repr(C)]
pub(crate) struct Names {
    all: [Name; MOST],
    count: usize,
}

// SAFETY: integers and arrays of them.
unsafe impl Zeroes for Names {}

impl Names {
    pub(crate) fn number(&mut self, name: Name) -> u8 {
        let known = self.all[..self.count].iter().position(|known| *known == name);
        known.or_else(|| self.add(name)).map_or(OTHERS, |number| number as u8)
    }

    fn add(&mut self, name: Name) -> Option<usize> {
        *self.all.get_mut(self.count)? = name;
        self.count += 1;
        Some(self.count - 1)
    }

    pub(crate) fn get(&self, number: u8) -> Cow<'_, str> {
        let name = self.all[..self.count].get(usize::from(number));
        let text = name.and_then(|name| name.split(|byte| *byte == 0).next());
        text.map_or("(other threads)".into(), String::from_utf8_lossy)
    }
}

#[cfg(test)]
mod tests {
    use super::super::mapped::Mapped;
    use super::*;

    fn name(text: &str) -> Name {
        let mut name = Name::default();
        name[..text.len()].copy_from_slice(text.as_bytes());
        name
    }

    #[test]
    fn a_name_keeps_its_number_and_the_last_number_is_for_all_others() {
        let mut names = Mapped::<Names>::new().unwrap();
        for number in 0..300_usize {
            let given = names.number(name(&format!("worker-{number}")));
            assert_eq!(usize::from(given), number.min(MOST));
        }
        assert_eq!(names.number(name("worker-7")), 7);
        assert_eq!(names.get(7), "worker-7");
        assert_eq!(names.get(OTHERS), "(other threads)");
    }

    #[test]
    fn a_name_may_be_as_long_as_the_kernel_keeps_it() {
        let mut names = Mapped::<Names>::new().unwrap();
        let number = names.number(*b"sixteen bytes ..");
        assert_eq!(names.get(number), "sixteen bytes ..");
    }
}
