//! What was sent, to whom, when, and with what answer.

use std::collections::VecDeque;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::notification::{Status, Why};

/// Bytes of an answer that are kept, and how many answers are.
const LONGEST_TEXT: usize = 200;
const MOST_TEXTS: usize = 64;

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

/// One notification that is done with, small enough for a thousand of them.
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
    /// What the group is called; entries of one group share it.
    pub(crate) title: Arc<str>,
}

/// The last entries, and the answers to the last of those that did not go well.
#[derive(Debug, Default)]
pub(crate) struct History {
    most: usize,
    entries: VecDeque<Entry>,
    texts: VecDeque<(u64, Box<str>)>,
    dropped: u64,
}

impl History {
    pub(crate) fn new(most: usize) -> History {
        History { most, ..History::default() }
    }

    pub(crate) fn add(&mut self, mut entry: Entry, text: Option<&str>) {
        if self.most == 0 {
            return;
        }
        if let Some(known) = self.entries.iter().rev().find(|e| e.title == entry.title) {
            entry.title = known.title.clone();
        }
        if let Some(text) = text.filter(|text| !text.is_empty()) {
            if self.texts.len() == MOST_TEXTS {
                self.texts.pop_front();
            }
            self.texts.push_back((entry.number, cut(text, LONGEST_TEXT).into()));
        }
        if self.entries.len() == self.most {
            self.entries.pop_front();
            self.dropped += 1;
        }
        self.entries.push_back(entry);
    }

    /// The newest first.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&Entry, Option<&str>)> {
        self.entries.iter().rev().map(|entry| (entry, self.text(entry.number)))
    }

    /// The oldest first.
    pub(crate) fn saved(&self) -> Vec<(Entry, Option<String>)> {
        let all = self.entries.iter();
        all.map(|entry| (entry.clone(), self.text(entry.number).map(str::to_owned))).collect()
    }

    fn text(&self, number: u64) -> Option<&str> {
        self.texts.iter().find(|(n, _)| *n == number).map(|(_, text)| &**text)
    }

    pub(crate) fn dropped(&self) -> u64 {
        self.dropped
    }

    pub(crate) fn bytes(&self) -> usize {
        let share = |e: &Entry| (e.title.len() + 16) / Arc::strong_count(&e.title).max(1);
        let titles: usize = self.entries.iter().map(share).sum();
        let texts: usize = self.texts.iter().map(|(_, text)| text.len() + 24).sum();
        self.entries.capacity() * size_of::<Entry>() + titles + texts
    }
}

/// The first `most` bytes, or a few fewer: no character is cut in two.
pub(crate) fn cut(text: &str, most: usize) -> &str {
    let mut end = most.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}
