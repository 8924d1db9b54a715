//! The rows of things that come and go.

use super::table::{Row, Table};

/// One row for each thing of the last reading, by key.
pub(crate) struct Rows<E> {
    rows: Vec<Keyed<E>>,
    next: usize,
}

/// A thing's row, with what else is kept of it from one reading to the next.
pub(crate) struct Keyed<E> {
    key: String,
    seen: bool,
    pub(crate) row: Row,
    pub(crate) kept: E,
}

impl<E: Default> Rows<E> {
    pub(crate) fn new() -> Self {
        Rows { rows: Vec::new(), next: 0 }
    }

    /// Begins a pass over the things of one reading.
    pub(crate) fn start(&mut self) {
        self.next = 0;
        self.rows.iter_mut().for_each(|row| row.seen = false);
    }

    /// The row of `key`, made when it is new. Things come in the same order each time: the search
    /// begins where the last one ended.
    pub(crate) fn get<C, G>(&mut self, table: &Table<C, G>, key: &str) -> &mut Keyed<E> {
        let (before, after) = self.rows.split_at(self.next.min(self.rows.len()));
        let found = after.iter().chain(before).position(|row| row.key == key);
        let index = match found {
            Some(offset) => (before.len() + offset) % self.rows.len(),
            None => {
                self.rows.push(Keyed {
                    key: key.to_owned(),
                    seen: true,
                    row: table.row(),
                    kept: E::default(),
                });
                self.rows.len() - 1
            }
        };
        self.next = index + 1;
        let row = &mut self.rows[index];
        row.seen = true;
        row
    }

    /// Ends the pass: things that were not among it take their series along.
    pub(crate) fn finish<C, G>(&mut self, table: &Table<C, G>) {
        self.rows.retain_mut(|row| {
            if !row.seen {
                table.hide(&mut row.row, Some(&row.key));
            }
            row.seen
        });
    }
}
