//! Names of threads as small numbers.

/// Names that are told apart. Threads of one pool have one name, or names that differ in a number.
const MOST: usize = 254;

/// The number of every name that there was no room for.
const OTHERS: u8 = MOST as u8;

#[derive(Debug, Default)]
pub(crate) struct Names(Vec<String>);

impl Names {
    pub(crate) fn number(&mut self, name: String) -> u8 {
        if let Some(number) = self.0.iter().position(|known| *known == name) {
            return number as u8;
        }
        if self.0.len() == MOST {
            return OTHERS;
        }
        self.0.push(name);
        (self.0.len() - 1) as u8
    }

    pub(crate) fn get(&self, number: u8) -> &str {
        self.0.get(usize::from(number)).map_or("(other threads)", |name| name)
    }

    pub(crate) fn bytes(&self) -> usize {
        self.0.iter().map(String::capacity).sum::<usize>() + self.0.capacity() * size_of::<String>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_keeps_its_number_and_the_last_number_is_for_all_others() {
        let mut names = Names::default();
        for number in 0..300_usize {
            let given = names.number(format!("worker-{number}"));
            assert_eq!(usize::from(given), number.min(MOST));
        }
        assert_eq!(names.number("worker-7".into()), 7);
        assert_eq!(names.get(7), "worker-7");
        assert_eq!(names.get(OTHERS), "(other threads)");
    }
}
