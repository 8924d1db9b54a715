//! Names in a few large pieces of memory.

use super::line::Line;
use crate::report::Place;

/// Places and their lines, while files are looked into.
///
/// Were each name an allocation of its own, it would lie among what reading DWARF allocates, and keep a page from being
/// given back: 20 MB for 4,000 names, where they have 1 MB.
#[derive(Default)]
pub(super) struct Packed {
    text: String,
    lines: Vec<PackedLine>,
    /// Each place, and how many lines it has.
    places: Vec<(Place, usize)>,
}

struct PackedLine {
    function_bytes: usize,
    file_bytes: Option<usize>,
    line: Option<u32>,
    is_known: bool,
}

impl Packed {
    pub(super) fn push(&mut self, place: Place, lines: &[Line]) {
        for line in lines {
            self.text.push_str(&line.function);
            self.text.push_str(line.file.as_deref().unwrap_or_default());
            self.lines.push(PackedLine {
                function_bytes: line.function.len(),
                file_bytes: line.file.as_ref().map(String::len),
                line: line.line,
                is_known: line.is_known,
            });
        }
        self.places.push((place, lines.len()));
    }

    pub(super) fn append(&mut self, mut other: Packed) {
        self.text.push_str(&other.text);
        self.lines.append(&mut other.lines);
        self.places.append(&mut other.places);
    }

    /// What was pushed, in its order.
    pub(super) fn unpacked(&self) -> impl Iterator<Item = (Place, Vec<Line>)> {
        let (mut text, mut lines) = (self.text.as_str(), self.lines.iter());
        self.places.iter().map(move |(place, count)| {
            let mut line = |packed: &PackedLine| Line {
                function: take(&mut text, packed.function_bytes).to_owned(),
                file: packed.file_bytes.map(|bytes| take(&mut text, bytes).to_owned()),
                line: packed.line,
                is_known: packed.is_known,
            };
            (*place, lines.by_ref().take(*count).map(&mut line).collect())
        })
    }
}

fn take<'a>(text: &mut &'a str, bytes: usize) -> &'a str {
    let (taken, rest) = text.split_at(bytes);
    *text = rest;
    taken
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_unpacked_is_what_was_pushed() {
        let line = |function: &str, file: Option<&str>| Line {
            function: function.to_owned(),
            file: file.map(str::to_owned),
            line: file.map(|_| 7),
            is_known: true,
        };
        let pushed = [
            (Place::Overflow, vec![line("a", Some("ü.rs")), line("", None)]),
            (Place::Truncated, Vec::new()),
            (Place::Unknown { address: 1 }, vec![line("b", Some(""))]),
        ];
        let mut packed = Packed::default();
        pushed.iter().for_each(|(place, lines)| packed.push(*place, lines));
        assert_eq!(packed.unpacked().collect::<Vec<_>>(), pushed);
    }
}
