//! Kept traces in the order in which they make room.

use crate::free::NIL;
use crate::stack::Bundle;

/// Why a trace is kept, from the least missed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Class {
    /// An exporter has sent it.
    Sent,
    Ordinary,
    /// Something in it failed.
    Failed,
    /// It has one of the slowest spans of a name.
    Slowest,
}

const CLASSES: usize = 4;

/// Traces that count as the oldest.
const FEW: usize = 16;

/// An exporter has taken a copy, and has not said yet what became of it.
const TAKEN: u8 = 1;
const SENT: u8 = 2;

/// A kept trace, at the place of its first span's slot.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entry {
    /// Which of the traces that were kept it is, from 1 on; 0 for none.
    pub(crate) sequence: u32,
    older: u16,
    newer: u16,
    /// Its spans.
    pub(crate) count: u16,
    /// Cells of payload that they have; known of protected traces.
    cells: u16,
    class: Class,
    /// The flags of its group.
    pub(crate) flags: u8,
    export: u8,
    /// Where its slots are at home.
    pub(crate) home: u8,
    /// Spans of it that are among the slowest of their names.
    pub(crate) slowest: u16,
}

impl Entry {
    const NONE: Entry = Entry {
        sequence: 0,
        older: NIL,
        newer: NIL,
        count: 0,
        cells: 0,
        class: Class::Ordinary,
        flags: 0,
        export: 0,
        home: 0,
        slowest: 0,
    };

    /// Whether an exporter has it.
    pub(crate) fn was_taken(&self) -> bool {
        self.export != 0
    }

    /// Whether an exporter has sent it.
    pub(crate) fn was_sent(&self) -> bool {
        self.export == SENT
    }
}

/// One list for each class, each from the oldest to the newest.
pub(crate) struct Lists {
    entries: Box<[Entry]>,
    lists: [List; CLASSES],
    sequence: u32,
    /// Spans that no exporter has taken.
    waiting: usize,
}

#[derive(Clone, Copy)]
struct List {
    oldest: u16,
    newest: u16,
    spans: usize,
    cells: usize,
}

impl Lists {
    pub(crate) fn new(slots: u16) -> Lists {
        Lists {
            entries: vec![Entry::NONE; usize::from(slots)].into(),
            lists: [List { oldest: NIL, newest: NIL, spans: 0, cells: 0 }; CLASSES],
            sequence: 0,
            waiting: 0,
        }
    }

    pub(crate) fn bytes(&self) -> usize {
        size_of_val(&*self.entries)
    }

    pub(crate) fn entry(&self, first: u16) -> &Entry {
        &self.entries[usize::from(first)]
    }

    pub(crate) fn entry_mut(&mut self, first: u16) -> &mut Entry {
        &mut self.entries[usize::from(first)]
    }

    pub(crate) fn add(&mut self, bundle: Bundle, cells: u16, class: Class) {
        // Numbers come again after 2^32 traces; by then nobody remembers the first.
        self.sequence = self.sequence.wrapping_add(1).max(1);
        let (sequence, Bundle { first, count, flags, home }) = (self.sequence, bundle);
        *self.entry_mut(first) = Entry { sequence, count, cells, flags, home, ..Entry::NONE };
        self.waiting += usize::from(count);
        self.link_newest(first, class);
    }

    fn link_newest(&mut self, first: u16, class: Class) {
        let newest = self.lists[class as usize].newest;
        self.link(first, class, newest, NIL);
    }

    fn link_oldest(&mut self, first: u16, class: Class) {
        let oldest = self.lists[class as usize].oldest;
        self.link(first, class, NIL, oldest);
    }

    fn link(&mut self, first: u16, class: Class, older: u16, newer: u16) {
        let entry = *self.entry(first);
        self.lists[class as usize].spans += usize::from(entry.count);
        self.lists[class as usize].cells += usize::from(entry.cells);
        self.join(class, older, first);
        self.join(class, first, newer);
        self.entry_mut(first).class = class;
    }

    fn unlink(&mut self, first: u16) {
        let entry = *self.entry(first);
        self.lists[entry.class as usize].spans -= usize::from(entry.count);
        self.lists[entry.class as usize].cells -= usize::from(entry.cells);
        self.join(entry.class, entry.older, entry.newer);
    }

    fn join(&mut self, class: Class, older: u16, newer: u16) {
        match older {
            NIL => self.lists[class as usize].oldest = newer,
            _ => self.entry_mut(older).newer = newer,
        }
        match newer {
            NIL => self.lists[class as usize].newest = older,
            _ => self.entry_mut(newer).older = older,
        }
    }

    /// Protects a trace, or no longer does so: then it is the next to go of those that are not.
    pub(crate) fn protect(&mut self, first: u16, cells: u16) {
        self.unlink(first);
        self.entry_mut(first).cells = cells;
        self.link_newest(first, Class::Slowest);
    }

    pub(crate) fn demote(&mut self, first: u16) {
        self.unlink(first);
        self.entry_mut(first).slowest = 0;
        match self.entry(first).was_sent() {
            true => self.link_oldest(first, Class::Sent),
            false => self.link_oldest(first, Class::Ordinary),
        }
    }

    pub(crate) fn oldest(&self, class: Class) -> Option<u16> {
        Some(self.lists[class as usize].oldest).filter(|first| *first != NIL)
    }

    fn old(&self, class: Class, home: usize) -> Option<u16> {
        let newer = |first: &u16| Some(self.entry(*first).newer).filter(|first| *first != NIL);
        let mut few = std::iter::successors(self.oldest(class), newer).take(FEW);
        few.find(|first| usize::from(self.entry(*first).home) == home)
    }

    /// Demotes the oldest of a class, after having told `forget`, until the rest has a quarter of the
    /// slots and `most_cells` at most.
    pub(crate) fn bound(&mut self, class: Class, most_cells: usize, mut forget: impl FnMut(u16)) {
        let most = self.entries.len() / 4;
        let over = |list: &List| list.spans > most || list.cells > most_cells;
        while over(&self.lists[class as usize]) {
            let Some(first) = self.oldest(class) else { return };
            forget(first);
            self.demote(first);
        }
    }

    /// Takes out the trace that is the least missed, unless all are protected.
    pub(crate) fn remove_least(&mut self) -> Option<(u16, Entry)> {
        let first = self.oldest(Class::Sent).or_else(|| self.oldest(Class::Ordinary))?;
        Some((first, self.remove(first)))
    }

    /// The same of those of one home, if there is one among the oldest few.
    pub(crate) fn remove_of(&mut self, home: usize) -> Option<(u16, Entry)> {
        let sent = self.oldest(Class::Sent).is_some();
        let first = self.old(if sent { Class::Sent } else { Class::Ordinary }, home)?;
        Some((first, self.remove(first)))
    }

    fn remove(&mut self, first: u16) -> Entry {
        self.unlink(first);
        let entry = std::mem::replace(self.entry_mut(first), Entry::NONE);
        self.waiting -= if entry.was_taken() { 0 } else { usize::from(entry.count) };
        entry
    }

    /// How many traces and spans are kept.
    pub(crate) fn totals(&self) -> (usize, usize) {
        let spans = self.lists.iter().map(|list| list.spans).sum();
        (self.iter().count(), spans)
    }

    /// How many spans no exporter has taken.
    pub(crate) fn waiting(&self) -> usize {
        self.waiting
    }

    /// All traces, in no order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u16, &Entry)> {
        let all = self.entries.iter().enumerate().map(|(first, entry)| (first as u16, entry));
        all.filter(|(_, entry)| entry.sequence != 0)
    }

    /// The trace of this number, if it is still there.
    fn find(&mut self, first: u16, sequence: u32) -> Option<&mut Entry> {
        Some(self.entry_mut(first)).filter(|entry| entry.sequence == sequence)
    }

    /// Says that an exporter has a trace that nobody had.
    pub(crate) fn take(&mut self, first: u16) {
        self.entry_mut(first).export = TAKEN;
        self.waiting -= usize::from(self.entry(first).count);
    }

    /// Says that an exporter has sent it.
    pub(crate) fn sent(&mut self, first: u16, sequence: u32) {
        let Some(entry) = self.find(first, sequence) else { return };
        entry.export = SENT;
        if entry.class == Class::Ordinary {
            self.unlink(first);
            self.link_newest(first, Class::Sent);
        }
    }

    /// Says that an exporter could not send it; false if it is gone.
    pub(crate) fn give_back(&mut self, first: u16, sequence: u32) -> bool {
        let Some(entry) = self.find(first, sequence) else { return false };
        entry.export = 0;
        self.waiting += usize::from(self.entry(first).count);
        true
    }
}
