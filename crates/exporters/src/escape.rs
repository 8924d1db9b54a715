//! Text that other people wrote, made safe inside an exposition.

/// Appends the texts one after another, as they are.
pub(crate) fn push_all(out: &mut Vec<u8>, parts: &[&str]) {
    for part in parts {
        out.extend_from_slice(part.as_bytes());
    }
}

/// Appends a label's value with `\`, `"` and line breaks escaped; all else is as it is, UTF-8 included.
#[inline]
pub(crate) fn push_label_value(out: &mut Vec<u8>, value: &str) {
    if value.bytes().any(|b| matches!(b, b'\\' | b'"' | b'\n')) {
        return push_escaped(out, value, true);
    }
    out.extend_from_slice(value.as_bytes());
}

/// Appends a help text with `\` and line breaks escaped, and `"` too if the format asks for it.
#[cold]
pub(crate) fn push_escaped(out: &mut Vec<u8>, text: &str, quotes: bool) {
    for byte in text.bytes() {
        match byte {
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\\' => out.extend_from_slice(b"\\\\"),
            b'"' if quotes => out.extend_from_slice(b"\\\""),
            _ => out.push(byte),
        }
    }
}

/// Appends a JSON string with its quotes.
pub(crate) fn push_json(out: &mut Vec<u8>, text: &str) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    out.push(b'"');
    for byte in text.bytes() {
        match byte {
            b'"' | b'\\' => out.extend_from_slice(&[b'\\', byte]),
            0..0x20 => {
                out.extend_from_slice(b"\\u00");
                out.extend_from_slice(&[HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]]);
            }
            _ => out.push(byte),
        }
    }
    out.push(b'"');
}
