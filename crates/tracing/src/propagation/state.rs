//! The entries of a `tracestate` header.

use http::HeaderMap;

use super::{TRACESTATE, trim};
use crate::{TRACE_STATE_BYTES, TraceState};

/// Entries that the specification allows.
const ENTRIES: usize = 32;

/// Entries of more bytes are the first to be left out.
const LARGE: usize = 128;

/// Bytes of a key, of its two halves if it has an `@`, and of a value.
const KEY: usize = 256;
const TENANT: usize = 241;
const SYSTEM: usize = 14;
const VALUE: usize = 256;

/// What can be passed on of the header, and whether anything cannot.
pub(super) fn read(headers: &HeaderMap) -> (TraceState, bool) {
    if !headers.contains_key(&TRACESTATE) {
        return (TraceState::NONE, false);
    }
    match Entries::of(headers) {
        Some(mut entries) => {
            let shortened = entries.shorten();
            (entries.join(), shortened)
        }
        None => (TraceState::NONE, true),
    }
}

/// Valid entries in their order, without white space around them.
struct Entries<'a> {
    all: [&'a [u8]; ENTRIES],
    count: usize,
}

impl<'a> Entries<'a> {
    /// The entries of all lines of the header; `None` if any is not valid, or there are too many.
    fn of(headers: &'a HeaderMap) -> Option<Entries<'a>> {
        let mut entries = Entries { all: [&[]; ENTRIES], count: 0 };
        for line in headers.get_all(&TRACESTATE) {
            let texts = line.as_bytes().split(|byte| *byte == b',').map(trim);
            for text in texts.filter(|text| !text.is_empty()) {
                entries.push(text)?;
            }
        }
        Some(entries)
    }

    fn push(&mut self, entry: &'a [u8]) -> Option<()> {
        let key = valid_key(entry)?;
        if self.entries().any(|other| key_of(other) == Some(key)) {
            return None;
        }
        *self.all.get_mut(self.count)? = entry;
        self.count += 1;
        Some(())
    }

    fn entries(&self) -> impl DoubleEndedIterator<Item = &'a [u8]> + ExactSizeIterator {
        self.all[..self.count].iter().copied()
    }

    /// Bytes of all with the commas between them.
    fn bytes(&self) -> usize {
        let bytes: usize = self.entries().map(|entry| entry.len() + 1).sum();
        bytes.saturating_sub(1)
    }

    /// Leaves out entries until the rest fits: large ones first, each time the last. Whether any was.
    fn shorten(&mut self) -> bool {
        let before = self.count;
        while self.bytes() > TRACE_STATE_BYTES {
            let large = self.entries().rposition(|entry| entry.len() > LARGE);
            let out = large.unwrap_or(self.count - 1);
            self.all.copy_within(out + 1..self.count, out);
            self.count -= 1;
        }
        self.count < before
    }

    fn join(&self) -> TraceState {
        let (mut text, mut used) = ([b','; TRACE_STATE_BYTES + 1], 0);
        for entry in self.entries() {
            text[used..used + entry.len()].copy_from_slice(entry);
            used += entry.len() + 1;
        }
        let text = &text[..used.saturating_sub(1)];
        // Valid entries are ASCII, and fit.
        str::from_utf8(text).ok().and_then(TraceState::new).unwrap_or_default()
    }
}

fn key_of(entry: &[u8]) -> Option<&[u8]> {
    entry.split(|byte| *byte == b'=').next()
}

/// The key of an entry that is valid.
fn valid_key(entry: &[u8]) -> Option<&[u8]> {
    let key = key_of(entry)?;
    let value = entry.get(key.len() + 1..)?;
    (is_key(key) && is_value(value)).then_some(key)
}

/// `system`, or `tenant@system`.
fn is_key(key: &[u8]) -> bool {
    let mut parts = key.split(|byte| *byte == b'@');
    match (parts.next(), parts.next(), parts.next()) {
        (Some(key), None, _) => is_name(key, KEY),
        (Some(tenant), Some(system), None) => is_name(tenant, TENANT) && is_name(system, SYSTEM),
        _ => false,
    }
}

/// Begins with a letter or a digit, all lower case.
fn is_name(text: &[u8], most: usize) -> bool {
    let begins = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let goes_on = |byte: &u8| begins(byte) || matches!(byte, b'_' | b'-' | b'*' | b'/');
    text.first().is_some_and(begins) && text.len() <= most && text.iter().all(goes_on)
}

/// Printable, without what separates entries; spaces at its end were taken off.
fn is_value(text: &[u8]) -> bool {
    let is_allowed = |byte: &u8| matches!(byte, b' '..=b'~') && !matches!(byte, b',' | b'=');
    (1..=VALUE).contains(&text.len()) && text.iter().all(is_allowed)
}
