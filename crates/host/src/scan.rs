//! Byte-wise reading of the kernel's text files, without allocation.

/// The complete lines of `text`: a last line that lacks its newline was cut off, so it is left out.
pub(crate) fn lines(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    let complete = text.iter().rposition(|b| *b == b'\n').unwrap_or(0);
    text[..complete].split(|b| *b == b'\n')
}

/// The fields of a line, separated by any number of blanks.
pub(crate) fn fields(line: &[u8]) -> Fields<'_> {
    Fields { rest: line }
}

/// Iterator of [`fields`].
pub(crate) struct Fields<'a> {
    rest: &'a [u8],
}

impl Fields<'_> {
    /// The next field as a number; `None` at the end of the line and for anything but digits.
    pub(crate) fn number(&mut self) -> Option<u64> {
        self.next().and_then(number)
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let start = self.rest.iter().position(|b| !blank(*b))?;
        let rest = &self.rest[start..];
        let end = rest.iter().position(|b| blank(*b)).unwrap_or(rest.len());
        self.rest = &rest[end..];
        Some(&rest[..end])
    }
}

fn blank(byte: u8) -> bool {
    byte == b' ' || byte == b'\t'
}

/// A decimal number; `None` when it is empty, has a sign or another character, or is above `u64::MAX`.
pub(crate) fn number(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() {
        return None;
    }
    digits.iter().try_fold(0u64, |sum, byte| {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        sum.checked_mul(10)?.checked_add(u64::from(digit))
    })
}

/// A finite decimal fraction such as `0.07`.
pub(crate) fn fraction(text: &[u8]) -> Option<f64> {
    let value: f64 = std::str::from_utf8(text).ok()?.parse().ok()?;
    value.is_finite().then_some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_without_its_newline_is_left_out() {
        let all = |text: &'static [u8]| lines(text).collect::<Vec<_>>();
        assert_eq!(all(b"a 1\nb 2\nc 12"), [b"a 1", b"b 2"]);
        assert_eq!(all(b"a 1\n"), [b"a 1"]);
        assert_eq!(all(b"a 1"), [b""]);
        assert_eq!(all(b""), [b""]);
    }

    #[test]
    fn fields_are_separated_by_any_blanks() {
        let found: Vec<_> = fields(b"  a\t bc   7 ").collect();
        assert_eq!(found, [&b"a"[..], b"bc", b"7"]);
        assert_eq!(fields(b"   ").next(), None);
    }

    #[test]
    fn a_number_is_digits_within_u64() {
        assert_eq!(number(b"0"), Some(0));
        assert_eq!(number(b"18446744073709551615"), Some(u64::MAX));
        for bad in [&b""[..], b"18446744073709551616", b"-1", b"+1", b"1x", b"0x1", b"1."] {
            assert_eq!(number(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn a_fraction_is_finite() {
        assert_eq!(fraction(b"0.07"), Some(0.07));
        for bad in [&b""[..], b"nan", b"inf", b"1e999", b"\xff"] {
            assert_eq!(fraction(bad), None, "{bad:?}");
        }
    }
}
