//! Percent-encoding of what a baggage header cannot hold as it is.

use std::borrow::Cow;

/// Whether the value of a baggage member may hold this byte.
pub(super) fn is_plain(byte: u8) -> bool {
    matches!(byte, 0x21 | 0x23..=0x2b | 0x2d..=0x3a | 0x3c..=0x5b | 0x5d..=0x7e)
}

/// The text with all that is not plain as `%` with two digits, the percent sign too.
pub(super) fn encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if is_plain(byte) && byte != b'%' {
            encoded.push(byte.into());
        } else {
            let digit = |value: u8| char::from(b"0123456789ABCDEF"[usize::from(value & 15)]);
            encoded.extend(['%', digit(byte >> 4), digit(byte)]);
        }
    }
    encoded
}

/// What the text stands for. A percent sign that no two digits follow stands for itself; bytes that
/// are not UTF-8 become U+FFFD.
pub(super) fn decode(text: &str) -> Cow<'_, str> {
    if !text.contains('%') {
        return text.into();
    }
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        let byte = if *first == b'%' { escaped(after) } else { None };
        decoded.push(byte.unwrap_or(*first));
        rest = if byte.is_some() { &after[2..] } else { after };
    }
    String::from_utf8_lossy(&decoded).into_owned().into()
}

/// The byte of the two digits that this begins with.
fn escaped(text: &[u8]) -> Option<u8> {
    let digit = |byte: &u8| char::from(*byte).to_digit(16);
    let [high, low, ..] = text else { return None };
    Some((digit(high)? << 4 | digit(low)?) as u8)
}
