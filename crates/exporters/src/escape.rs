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

/// Characters of a name that people read: more are left out.
const SHOWN: usize = 300;

/// A name for one line of text that people read: what is not seen or turns the line around is spelled out, an empty
/// name and one with spaces around it stand in quotes, and a very long one ends in an ellipsis.
pub(crate) fn plain(name: &str) -> String {
    if let Some((end, _)) = name.char_indices().nth(SHOWN) {
        return visible(&name[..end]) + "…";
    }
    let visible = visible(name);
    if name.trim().len() < name.len() || name.is_empty() {
        format!("\"{visible}\"")
    } else {
        visible
    }
}

/// A text with control characters, line breaks, marks of direction and invisible characters spelled out.
pub(crate) fn visible(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match is_visible(c) {
            true => out.push(c),
            false => out.extend(c.escape_default()),
        }
    }
    out
}

fn is_visible(c: char) -> bool {
    let hidden = matches!(c,
        '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
        | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}');
    !c.is_control() && !hidden
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stay_on_their_line() {
        for (name, wanted) in [
            ("fetch", "fetch"),
            ("größer 🙂", "größer 🙂"),
            ("a\nb\t\u{1b}[31m", "a\\nb\\t\\u{1b}[31m"),
            ("abc\u{202e}def\u{2028}", "\"abc\\u{202e}def\\u{2028}\""),
            ("", "\"\""),
            (" a ", "\" a \""),
        ] {
            assert_eq!(plain(name), wanted);
        }
        assert_eq!(plain(&"ü".repeat(300)), "ü".repeat(300));
        assert_eq!(plain(&"ü".repeat(301)), "ü".repeat(300) + "…");
    }
}
