//! What was sent, to whom, when, and with what answer.

use std::collections::VecDeque;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::notification::{Status, Why};
use crate::packed::{put_difference, put_number, take_difference, take_number};

/// Bytes of an answer that are kept, and how many answers are.
const LONGEST_TEXT: usize = 200;
const MOST_TEXTS: usize = 64;

/// Bytes that an entry may take, on the average of all: with more, there are fewer of them.
const ENTRY_BYTES: usize = 40;

/// Bytes of a title that are kept.
const LONGEST_TITLE: usize = 512;

/// By how many bytes the packed entries grow: doubling would leave half of them unused.
const GROWTH: usize = 1_024;

/// How titles begin.
const RESOLVED: &str = "[RESOLVED] ";
const FIRING: &str = "[FIRING:";

/// By their numbers in packed entries.
const FATES: [Fate; 5] =
    [Fate::Delivered, Fate::Refused, Fate::TooOld, Fate::NoRoom, Fate::NoReceiver];
const WHYS: [Why; 8] = [
    Why::First,
    Why::More,
    Why::SomeResolved,
    Why::AllResolved,
    Why::Repeat,
    Why::Refresh,
    Why::Heartbeat,
    Why::Test,
];

/// What became of a notification.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fate {
    /// The receiver took it.
    Delivered,
    /// The receiver said that it never will.
    Refused,
    /// It was tried for as long as [`Limits::age`](crate::Limits::age) allows.
    TooOld,
    /// More waited than [`Limits::waiting`](crate::Limits::waiting) allows.
    NoRoom,
    /// There is no receiver of that name any more.
    NoReceiver,
}

/// One notification that is done with.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Entry {
    pub(crate) number: u64,
    pub(crate) unix_ms: i64,
    pub(crate) took_ms: u32,
    pub(crate) receiver: u16,
    pub(crate) alerts: u16,
    pub(crate) attempts: u16,
    pub(crate) status: Status,
    pub(crate) why: Why,
    pub(crate) fate: Fate,
    /// What the notification was called.
    pub(crate) title: Arc<str>,
}

/// The last entries, and the answers to the last of those that did not go well.
///
/// An entry is about ten bytes, packed behind the one before it and unpacked when somebody asks: its
/// numbers as differences from those of the entry before, its title as the number of the name in it.
#[derive(Debug, Default)]
pub(crate) struct History {
    most: usize,
    entries: usize,
    packed: VecDeque<u8>,
    /// What the differences of the oldest entry are from, and those of the next one.
    oldest: Last,
    newest: Last,
    names: Names,
    texts: VecDeque<(u64, Box<str>)>,
    dropped: u64,
}

/// Of the entry before.
#[derive(Clone, Copy, Debug, Default)]
struct Last {
    number: u64,
    unix_ms: i64,
}

impl History {
    pub(crate) fn new(most: usize) -> History {
        History { most, ..History::default() }
    }

    pub(crate) fn add(&mut self, entry: &Entry, text: Option<&str>) {
        if self.most == 0 {
            return;
        }
        if let Some(text) = text.filter(|text| !text.is_empty()) {
            if self.texts.len() == MOST_TEXTS {
                self.texts.pop_front();
            }
            self.texts.push_back((entry.number, cut(text, LONGEST_TEXT).into()));
        }
        if self.entries == self.most {
            self.forget_oldest();
        }
        self.pack(entry);
        // The newest stays, whatever it takes.
        while self.entries > 1 && self.packed.len() + self.names.bytes() > self.most * ENTRY_BYTES {
            self.forget_oldest();
        }
    }

    fn pack(&mut self, entry: &Entry) {
        let Last { number, unix_ms } = self.newest;
        let (shape, name) = parted(cut(&entry.title, LONGEST_TITLE));
        let mut record = Vec::with_capacity(32);
        put_difference(&mut record, entry.number.wrapping_sub(number) as i64);
        put_difference(&mut record, entry.unix_ms.wrapping_sub(unix_ms));
        let fate = place(&FATES, entry.fate) * WHYS.len() + place(&WHYS, entry.why);
        let is_firing = u64::from(entry.status == Status::Firing);
        put_number(&mut record, fate as u64 * 2 + is_firing);
        for number in [entry.receiver, entry.alerts, entry.attempts] {
            put_number(&mut record, number.into());
        }
        put_number(&mut record, entry.took_ms.into());
        put_number(&mut record, shape);
        put_number(&mut record, self.names.number_of(name) as u64);
        if self.packed.capacity() - self.packed.len() < record.len() {
            self.packed.reserve_exact(GROWTH.max(record.len()));
        }
        self.packed.extend(record);
        self.newest = Last { number: entry.number, unix_ms: entry.unix_ms };
        self.entries += 1;
    }

    /// The entry that comes next after one of `last`, and the number of its name.
    fn unpack(&self, bytes: &mut impl Iterator<Item = u8>, last: &mut Last) -> (Entry, usize) {
        last.number = last.number.wrapping_add(take_difference(bytes) as u64);
        last.unix_ms = last.unix_ms.wrapping_add(take_difference(bytes));
        let flags = take_number(bytes);
        let fate = (flags / 2) as usize;
        let receiver = take_number(bytes) as u16;
        let alerts = take_number(bytes) as u16;
        let attempts = take_number(bytes) as u16;
        let took_ms = take_number(bytes) as u32;
        let shape = take_number(bytes);
        let name = take_number(bytes) as usize;
        let entry = Entry {
            number: last.number,
            unix_ms: last.unix_ms,
            took_ms,
            receiver,
            alerts,
            attempts,
            status: if flags & 1 == 1 { Status::Firing } else { Status::Resolved },
            why: WHYS[fate % WHYS.len()],
            fate: FATES[fate / WHYS.len() % FATES.len()],
            title: joined(shape, self.names.get(name)).into(),
        };
        (entry, name)
    }

    fn forget_oldest(&mut self) {
        let mut oldest = self.oldest;
        let mut bytes = self.packed.iter().copied();
        let (_, name) = self.unpack(&mut bytes, &mut oldest);
        let taken = self.packed.len() - bytes.len();
        self.packed.drain(..taken);
        self.names.release(name);
        self.oldest = oldest;
        self.entries -= 1;
        self.dropped += 1;
    }

    /// The newest `most`, the oldest of them first, with their answers.
    pub(crate) fn newest(&self, most: usize) -> Vec<(Entry, Option<&str>)> {
        let (mut bytes, mut last) = (self.packed.iter().copied(), self.oldest);
        let all = (0..self.entries).map(|_| self.unpack(&mut bytes, &mut last).0);
        let wanted = all.skip(self.entries.saturating_sub(most));
        wanted.map(|entry| (self.text(entry.number), entry)).map(|(text, e)| (e, text)).collect()
    }

    /// The oldest first.
    pub(crate) fn saved(&self) -> Vec<(Entry, Option<String>)> {
        let all = self.newest(usize::MAX).into_iter();
        all.map(|(entry, text)| (entry, text.map(str::to_owned))).collect()
    }

    fn text(&self, number: u64) -> Option<&str> {
        self.texts.iter().find(|(n, _)| *n == number).map(|(_, text)| &**text)
    }

    pub(crate) fn dropped(&self) -> u64 {
        self.dropped
    }

    /// What it takes on the heap.
    pub(crate) fn bytes(&self) -> usize {
        let texts: usize = self.texts.iter().map(|(_, text)| text.len()).sum();
        let places = self.texts.capacity() * size_of::<(u64, Box<str>)>();
        self.packed.capacity() + self.names.bytes() + texts + places
    }
}

/// What titles are about, each with how many entries have it; a place that nobody has is given anew.
#[derive(Debug, Default)]
struct Names {
    places: Vec<(Box<str>, u32)>,
    /// Of the texts.
    bytes: usize,
}

impl Names {
    fn number_of(&mut self, name: &str) -> usize {
        let known = self.places.iter().position(|(n, uses)| *uses > 0 && **n == *name);
        if let Some(at) = known {
            self.places[at].1 += 1;
            return at;
        }
        self.bytes += name.len();
        if let Some(at) = self.places.iter().position(|(_, uses)| *uses == 0) {
            self.places[at] = (name.into(), 1);
            return at;
        }
        if self.places.len() == self.places.capacity() {
            self.places.reserve_exact(1 + self.places.len() / 8);
        }
        self.places.push((name.into(), 1));
        self.places.len() - 1
    }

    fn get(&self, at: usize) -> &str {
        self.places.get(at).map_or("", |(name, _)| name)
    }

    fn release(&mut self, at: usize) {
        let Some((name, uses)) = self.places.get_mut(at) else { return };
        *uses -= 1;
        if *uses == 0 {
            self.bytes -= name.len();
            *name = Box::default();
        }
    }

    fn bytes(&self) -> usize {
        self.places.capacity() * size_of::<(Box<str>, u32)>() + self.bytes
    }
}

/// A title as what its beginning says, which entries of one group do not share, and the rest of it.
fn parted(title: &str) -> (u64, &str) {
    if let Some(name) = title.strip_prefix(RESOLVED) {
        return (1, name);
    }
    let firing = title.strip_prefix(FIRING).and_then(|rest| rest.split_once("] "));
    let count = firing.and_then(|(count, name)| Some((count.parse::<u32>().ok()?, name)));
    match count {
        Some((count, name)) if joined(u64::from(count) + 2, name) == title => {
            (u64::from(count) + 2, name)
        }
        _ => (0, title),
    }
}

fn joined(shape: u64, name: &str) -> String {
    match shape {
        0 => name.to_owned(),
        1 => format!("{RESOLVED}{name}"),
        count => format!("{FIRING}{}] {name}", count - 2),
    }
}

fn place<T: PartialEq>(all: &[T], one: T) -> usize {
    all.iter().position(|other| *other == one).unwrap_or_default()
}

/// The first `most` bytes, or a few fewer: no character is cut in two.
pub(crate) fn cut(text: &str, most: usize) -> &str {
    let mut end = most.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn entry() -> impl Strategy<Value = Entry> {
        let title = prop_oneof![
            "\\[FIRING:[0-9]{1,11}\\] [a-c]",
            "\\[RESOLVED\\] [a-c]",
            "\\[FIRING:\\+?0?1\\]",
            ".{0,30}"
        ];
        let numbers = (any::<u64>(), any::<i64>(), any::<u32>(), any::<[u16; 3]>());
        let words = (any::<bool>(), 0..WHYS.len(), 0..FATES.len());
        (numbers, words, title).prop_map(|((number, unix_ms, took_ms, few), words, title)| Entry {
            number,
            unix_ms,
            took_ms,
            receiver: few[0],
            alerts: few[1],
            attempts: few[2],
            status: if words.0 { Status::Firing } else { Status::Resolved },
            why: WHYS[words.1],
            fate: FATES[words.2],
            title: title.into(),
        })
    }

    proptest! {
        #[test]
        fn the_last_entries_come_back_as_they_were(
            entries in prop::collection::vec(entry(), 0..60), most in 1_usize..20
        ) {
            let mut history = History::new(most);
            entries.iter().for_each(|entry| history.add(entry, None));
            let kept: Vec<Entry> = history.newest(usize::MAX).into_iter().map(|(e, _)| e).collect();
            prop_assert_eq!(&kept[..], &entries[entries.len() - kept.len()..]);
            prop_assert_eq!(history.dropped() as usize, entries.len() - kept.len());
            prop_assert!(kept.len() <= most);
            let packed = history.packed.len() + history.names.bytes();
            prop_assert!(packed <= most * ENTRY_BYTES || kept.len() <= 1);
            let some: Vec<Entry> = history.newest(3).into_iter().map(|(e, _)| e).collect();
            prop_assert_eq!(&some[..], &kept[kept.len().saturating_sub(3)..]);
        }
    }
}
