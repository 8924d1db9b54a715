//! Attributes, events, links of a span as words in its cells.

use std::sync::Arc;

use crate::cells::CELL_WORDS;
use crate::engine::Core;
use crate::free::NIL;
use crate::intern::{TEXT_BYTES, cut};
use crate::local::Local;
use crate::value::AttributeValue;

/// Bytes of the longest text that is a value.
pub(crate) const VALUE_BYTES: usize = 256;

/// Bytes of the longest text at all: a trace state.
const MOST_BYTES: usize = 512;

/// Cells that one span may have: about seventy numbers.
const MOST_CELLS: u16 = 32;

/// What a record is. An event's attributes follow it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Tag {
    Attribute = 1,
    Event = 2,
    EventAttribute = 3,
    Message = 4,
    Link = 5,
    State = 6,
}

/// A key that lives as long as the program, or another one.
#[derive(Clone, Copy)]
pub(crate) enum Key<'a> {
    Static(&'static str),
    Text(&'a str),
}

/// The number of a key that is written out.
const WRITTEN: u16 = u16::MAX;

const BOOL: u64 = 0;
const I64: u64 = 1;
const F64: u64 = 2;
const STR: u64 = 3;
const NOTHING: u64 = 4;

/// Writes records behind what a span has: all of what it is given, or nothing.
pub(crate) struct Writer<'a> {
    core: &'a Core,
    newest: u16,
    used: u16,
    /// Where it began.
    start: (u16, u16),
    /// The oldest of the cells that it took.
    first: u16,
    cells: u16,
    failed: bool,
}

/// Cells with records that no span has yet.
pub(crate) struct Segment {
    pub(crate) newest: u16,
    pub(crate) oldest: u16,
}

impl<'a> Writer<'a> {
    /// Behind what is in the cell `newest`, which the caller alone writes to.
    #[inline]
    pub(crate) fn behind(core: &'a Core, newest: u16) -> Writer<'a> {
        let used = if newest == NIL { 0 } else { core.cells.used(newest) };
        let start = (newest, used);
        Writer { core, newest, used, start, first: NIL, cells: 0, failed: false }
    }

    /// In cells of its own.
    pub(crate) fn apart(core: &'a Core) -> Writer<'a> {
        Writer::behind(core, NIL)
    }

    #[inline]
    fn word(&mut self, word: u64) {
        if (self.newest == NIL || self.used == CELL_WORDS as u16) && !self.grow() {
            return;
        }
        self.core.cells.set_word(self.newest, self.used, word);
        self.used += 1;
    }

    #[cold]
    #[inline(never)]
    fn grow(&mut self) -> bool {
        self.failed |= self.cells >= MOST_CELLS || self.depth() >= MOST_CELLS;
        let cell = if self.failed { None } else { self.core.take_cell() };
        let Some(cell) = cell else {
            self.failed = true;
            return false;
        };
        if self.newest != NIL {
            self.core.cells.set_used(self.newest, self.used);
        }
        self.core.cells.chain(cell, self.newest);
        self.first = if self.first == NIL { cell } else { self.first };
        (self.newest, self.used, self.cells) = (cell, 0, self.cells + 1);
        true
    }

    fn depth(&self) -> u16 {
        depth(self.core, self.newest)
    }

    #[inline]
    fn text(&mut self, text: &str) {
        let mut chunks = text.as_bytes().chunks_exact(8);
        for chunk in &mut chunks {
            self.word(u64::from_le_bytes(chunk.try_into().expect("eight bytes")));
        }
        let rest = chunks.remainder();
        if !rest.is_empty() {
            let mut last = [0; 8];
            last[..rest.len()].copy_from_slice(rest);
            self.word(u64::from_le_bytes(last));
        }
    }

    #[inline]
    fn number_of(&self, key: Key<'_>) -> u16 {
        let Key::Static(text) = key else { return WRITTEN };
        let keys = &self.core.keys;
        keys.seen(text).or_else(|| keys.resolve_static(text, |_| ())).unwrap_or(WRITTEN)
    }

    /// A head: `tag:8 kind:8 key:16 key bytes:16 value bytes:16`, from the lowest bit, with the key if
    /// it is not known by its number.
    #[inline]
    fn head(&mut self, tag: Tag, kind: u64, key: Key<'_>, value_bytes: usize) {
        let (Key::Static(text) | Key::Text(text)) = key;
        let text = cut(text, TEXT_BYTES);
        let number = self.number_of(key);
        let written = if number == WRITTEN { text } else { "" };
        let lengths = (written.len() as u64) << 32 | (value_bytes as u64) << 48;
        self.word(tag as u64 | kind << 8 | u64::from(number) << 16 | lengths);
        self.text(written);
    }

    #[inline]
    pub(crate) fn attribute(&mut self, tag: Tag, key: Key<'_>, value: AttributeValue<'_>) {
        let mut number = |kind, word| {
            self.head(tag, kind, key, 8);
            self.word(word);
        };
        match value {
            AttributeValue::Bool(value) => number(BOOL, u64::from(value)),
            AttributeValue::I64(value) => number(I64, value as u64),
            AttributeValue::F64(value) => number(F64, value.to_bits()),
            AttributeValue::Str(value) => {
                let value = cut(value, VALUE_BYTES);
                self.head(tag, STR, key, value.len());
                self.text(value);
            }
        }
    }

    /// An event at a moment of the tracer.
    pub(crate) fn event(&mut self, name: Key<'_>, ns: u64) {
        self.head(Tag::Event, I64, name, 8);
        self.word(ns);
    }

    /// A text that has no key.
    pub(crate) fn message(&mut self, tag: Tag, text: &str) {
        let most = if tag == Tag::State { MOST_BYTES } else { VALUE_BYTES };
        let text = cut(text, most);
        self.head(tag, STR, Key::Text(""), text.len());
        self.text(text);
    }

    pub(crate) fn link(&mut self, trace: u128, span: u64) {
        self.head(Tag::Link, NOTHING, Key::Text(""), 24);
        [(trace >> 64) as u64, trace as u64, span].into_iter().for_each(|word| self.word(word));
    }

    /// The newest cell, of all that was written; `None` if it did not fit, and nothing was.
    #[inline]
    pub(crate) fn finish(self) -> Option<u16> {
        if self.failed {
            self.undo();
            return None;
        }
        if self.newest != NIL {
            self.core.cells.set_used(self.newest, self.used);
        }
        Some(self.newest)
    }

    /// The same of a writer [`apart`](Self::apart).
    pub(crate) fn segment(self) -> Option<Segment> {
        let oldest = self.first;
        let newest = self.finish().filter(|newest| *newest != NIL)?;
        Some(Segment { newest, oldest })
    }

    fn undo(&self) {
        let (cell, used) = self.start;
        if self.first != NIL {
            self.core.cells.lead(self.first, NIL);
            self.core.cells.push_all(Local.home(), self.newest);
        }
        if cell != NIL {
            self.core.cells.set_used(cell, used);
        }
    }
}

/// How many cells there are from this one on; not more than [`MOST_CELLS`] are counted.
pub(crate) fn depth(core: &Core, newest: u16) -> u16 {
    let mut cell = newest;
    for depth in 0..MOST_CELLS {
        if cell == NIL {
            return depth;
        }
        cell = core.cells.next(cell);
    }
    MOST_CELLS
}

/// Whether a span with `newest` has room for one more segment.
pub(crate) fn has_room(core: &Core, newest: u16) -> bool {
    depth(core, newest) < MOST_CELLS
}

/// One record as it is read back.
pub(crate) struct Record {
    pub(crate) tag: u8,
    pub(crate) key: Arc<str>,
    pub(crate) value: Content,
}

pub(crate) enum Content {
    Bool(bool),
    I64(i64),
    F64(f64),
    Text(Box<str>),
    Words([u64; 3]),
}

/// The records from the oldest on, of a span that nobody writes to any more.
pub(crate) fn read(core: &Core, newest: u16) -> Vec<Record> {
    let words = words(core, newest);
    let mut rest = words.as_slice();
    std::iter::from_fn(|| record(core, &mut rest)).collect()
}

/// The oldest of them, which is not longer than a trace state.
pub(crate) fn oldest(core: &Core, newest: u16) -> Option<Record> {
    const CELLS: usize = (MOST_BYTES / 8 + 2).div_ceil(CELL_WORDS);
    let all = chain(core, newest);
    let words = words_of(core, &all[all.len().saturating_sub(CELLS)..]);
    record(core, &mut words.as_slice())
}

fn words(core: &Core, newest: u16) -> Vec<u64> {
    words_of(core, &chain(core, newest))
}

/// The cells from the newest to the oldest.
fn chain(core: &Core, newest: u16) -> Vec<u16> {
    let mut cells = Vec::new();
    let mut cell = newest;
    while cell != NIL && cells.len() <= 2 * usize::from(MOST_CELLS) {
        cells.push(cell);
        cell = core.cells.next(cell);
    }
    cells
}

fn words_of(core: &Core, cells: &[u16]) -> Vec<u64> {
    let of_cell = |cell: &u16| {
        let cell = *cell;
        (0..core.cells.used(cell)).map(move |index| core.cells.word(cell, index))
    };
    cells.iter().rev().flat_map(of_cell).collect()
}

fn record(core: &Core, rest: &mut &[u64]) -> Option<Record> {
    let (head, body) = rest.split_first()?;
    let number = (head >> 16) as u16;
    let (key_bytes, value_bytes) = ((head >> 32) as u16, (head >> 48) as u16);
    let (key, body) = split(body, key_bytes)?;
    let (value, body) = split(body, value_bytes)?;
    *rest = body;
    let key = match number {
        WRITTEN => text(key, key_bytes).into(),
        _ => core.keys.text(number)?.clone(),
    };
    let word = value.first().copied().unwrap_or_default();
    let value = match head >> 8 & 0xff {
        BOOL => Content::Bool(word != 0),
        I64 => Content::I64(word as i64),
        F64 => Content::F64(f64::from_bits(word)),
        STR => Content::Text(text(value, value_bytes)),
        _ => Content::Words(value.try_into().ok()?),
    };
    Some(Record { tag: *head as u8, key, value })
}

fn split(words: &[u64], bytes: u16) -> Option<(&[u64], &[u64])> {
    words.split_at_checked(usize::from(bytes).div_ceil(8))
}

fn text(words: &[u64], bytes: u16) -> Box<str> {
    let all: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
    String::from_utf8_lossy(&all[..usize::from(bytes)]).into()
}
