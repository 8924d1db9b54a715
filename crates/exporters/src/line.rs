//! One line of a large exposition, written without a call per piece.
//!
//! A line of two labels is seven parts of a few bytes. Appended to a vector one by one, each costs a check of its
//! capacity and a call of `memcpy`, and each value a look at every byte: 47 ns a line, against 23 ns here (November
//! 2026, a shared cloud machine of two cores; the same without `unsafe` took 38).

use perf_monitor_core::LabelValues;

use crate::escape::push_label_value;

/// The step in which prepared pieces are copied: two vector registers.
const STEP: usize = 32;

/// The most digits of an integer.
const MOST_DIGITS: usize = 20;

/// What is the same on many lines: the bytes before each value and those before the number.
#[derive(Clone, Debug)]
pub(crate) struct Template {
    pieces: Box<[Piece]>,
    end: Piece,
    /// Bytes of all pieces with a whole step at least, and of the longest number.
    room: usize,
}

/// Bytes filled up to a whole step: the first ones here, as most pieces have no more, the others behind a pointer.
#[derive(Clone, Debug)]
struct Piece {
    first: [u8; STEP],
    rest: Box<[u8]>,
    len: usize,
}

impl Piece {
    fn new(bytes: &[u8]) -> Piece {
        let (here, rest) = bytes.split_at(bytes.len().min(STEP));
        let mut first = [0; STEP];
        first[..here.len()].copy_from_slice(here);
        Piece { first, rest: rest.into(), len: bytes.len() }
    }

    fn push(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.first[..self.len.min(STEP)]);
        out.extend_from_slice(&self.rest);
    }
}

impl Default for Template {
    fn default() -> Template {
        Template::new(&[], b"")
    }
}

impl Template {
    /// A line of these pieces, each before a value, and `end` before the number.
    pub(crate) fn new(pieces: &[Vec<u8>], end: &[u8]) -> Template {
        let pieces: Box<[Piece]> = pieces.iter().map(|piece| Piece::new(piece)).collect();
        let end = Piece::new(end);
        let room = pieces.iter().chain([&end]).map(|piece| STEP + piece.rest.len()).sum::<usize>();
        Template { pieces, end, room: room + MOST_DIGITS + 1 }
    }

    /// Appends a line up to its number, with escapes where values need them.
    pub(crate) fn push_escaped(&self, out: &mut Vec<u8>, values: &LabelValues) {
        for (piece, value) in self.pieces.iter().zip(values) {
            piece.push(out);
            push_label_value(out, value);
        }
        self.end.push(out);
    }

    /// Appends a whole line if no value needs an escape; otherwise appends nothing and returns false.
    ///
    /// There are to be as many values as pieces; of what is more on either side nothing is written.
    #[inline]
    pub(crate) fn push(&self, out: &mut Vec<u8>, values: &LabelValues, number: u64) -> bool {
        let start = self.reserve(out, values);
        // SAFETY: `reserve` made room for the head, and for `MOST_DIGITS` and the line's end behind it; what `set_len`
        // takes in has been written.
        unsafe {
            let Some(at) = self.put_head(start, values) else {
                return false;
            };
            let at = put_integer(at, number);
            at.write(b'\n');
            out.set_len(out.len() + at.offset_from_unsigned(start) + 1);
        }
        true
    }

    /// Appends a line up to its number if no value needs an escape; otherwise appends nothing and returns false.
    #[inline]
    pub(crate) fn push_head(&self, out: &mut Vec<u8>, values: &LabelValues) -> bool {
        let start = self.reserve(out, values);
        // SAFETY: `reserve` made room for the head; what `set_len` takes in has been written.
        unsafe {
            let Some(at) = self.put_head(start, values) else {
                return false;
            };
            out.set_len(out.len() + at.offset_from_unsigned(start));
        }
        true
    }

    /// Makes room for a line; returns where it is.
    #[inline(always)]
    fn reserve(&self, out: &mut Vec<u8>, values: &LabelValues) -> *mut u8 {
        out.reserve(self.room + values.text_bytes());
        out.spare_capacity_mut().as_mut_ptr().cast()
    }

    /// Writes a line up to its number; returns where that is to be, or none if a value needs an escape.
    ///
    /// # Safety
    /// There is room at `at` for all values, and for all pieces with a whole step each.
    #[inline(always)]
    unsafe fn put_head(&self, mut at: *mut u8, values: &LabelValues) -> Option<*mut u8> {
        let mut suspects = 0;
        for (piece, value) in self.pieces.iter().zip(values) {
            // SAFETY: the caller's promise; each part begins where the last ended.
            unsafe {
                at = put_piece(at, piece);
                (at, suspects) = put_value(at, value.as_bytes(), suspects);
            }
        }
        if suspects != 0 && !values.iter().all(is_plain) {
            return None;
        }
        // SAFETY: as above.
        Some(unsafe { put_piece(at, &self.end) })
    }
}

/// Copies a piece and what fills up its first step to `at`; returns where the piece ends.
///
/// # Safety
/// There is room for a whole step and the rest at `at`.
#[inline(always)]
unsafe fn put_piece(at: *mut u8, piece: &Piece) -> *mut u8 {
    // SAFETY: the caller's promise; an array of bytes has no alignment, and the exposition does not overlap with it.
    unsafe {
        at.cast::<[u8; STEP]>().write(piece.first);
        if piece.len > STEP {
            at.add(STEP).copy_from_nonoverlapping(piece.rest.as_ptr(), piece.rest.len());
        }
        at.add(piece.len)
    }
}

/// Copies a value to `at`; returns where it ends, and `suspects` with a bit set if it may need an escape.
///
/// # Safety
/// There is room for the value at `at`.
#[inline(always)]
unsafe fn put_value(at: *mut u8, value: &[u8], before: u64) -> (*mut u8, u64) {
    // SAFETY: the caller's promise; each branch copies as many bytes as it knows the value to have.
    let found = unsafe {
        match value.len() {
            16.. => put_long(at, value),
            8.. => {
                let (first, last) = put_ends::<8>(at, value);
                suspects(u64::from_ne_bytes(first)) | suspects(u64::from_ne_bytes(last))
            }
            4.. => {
                let (first, last) = put_ends::<4>(at, value);
                let (first, last) = (u32::from_ne_bytes(first), u32::from_ne_bytes(last));
                suspects(u64::from(first) << 32 | u64::from(last))
            }
            2.. => {
                let (first, last) = put_ends::<2>(at, value);
                let (first, last) = (u16::from_ne_bytes(first), u16::from_ne_bytes(last));
                suspects(LETTERS << 32 | u64::from(first) << 16 | u64::from(last))
            }
            1 => {
                let (byte, _) = put_ends::<1>(at, value);
                suspects(LETTERS << 8 | u64::from(byte[0]))
            }
            _ => 0,
        }
    };
    // SAFETY: as above.
    (unsafe { at.add(value.len()) }, before | found)
}

/// Copies the first and the last `N` bytes, which may overlap, and gives them back.
///
/// # Safety
/// There are at least `N` and at most `2 * N` bytes, and room for them at `at`.
#[inline(always)]
unsafe fn put_ends<const N: usize>(at: *mut u8, value: &[u8]) -> ([u8; N], [u8; N]) {
    // SAFETY: the caller's promise; arrays of bytes have no alignment.
    unsafe {
        let first = value.as_ptr().cast::<[u8; N]>().read();
        let last = value.as_ptr().add(value.len() - N).cast::<[u8; N]>().read();
        at.cast::<[u8; N]>().write(first);
        at.add(value.len() - N).cast::<[u8; N]>().write(last);
        (first, last)
    }
}

/// Copies a value of at least eight bytes.
///
/// # Safety
/// There is room for the value at `at`.
unsafe fn put_long(at: *mut u8, value: &[u8]) -> u64 {
    // SAFETY: the caller's promise; a value does not overlap with the exposition.
    unsafe { at.copy_from_nonoverlapping(value.as_ptr(), value.len()) };
    let words = value.as_chunks::<8>().0.iter().chain(value.last_chunk::<8>());
    words.fold(0, |any, word| any | suspects(u64::from_ne_bytes(*word)))
}

/// Writes `n` in decimal to `at`; returns where it ends.
///
/// # Safety
/// There is room for [`MOST_DIGITS`] bytes at `at`.
#[inline(always)]
unsafe fn put_integer(at: *mut u8, mut n: u64) -> *mut u8 {
    // SAFETY: no number has more digits than `MOST_DIGITS`; the loop goes down from the last pair of them to `at`.
    unsafe {
        let end = at.add(digits(n));
        let mut to = end;
        while n >= 10 {
            to = to.sub(2);
            to.cast::<[u8; 2]>().write(PAIRS[(n % 100) as usize]);
            n /= 100;
        }
        if to != at {
            at.write(b'0' + n as u8);
        }
        end
    }
}

/// How many digits `n` has.
#[inline(always)]
fn digits(n: u64) -> usize {
    // log10(2) is 1233 / 4096, near enough for 64 bits.
    let least = (((64 - (n | 1).leading_zeros()) * 1233) >> 12) as usize;
    least + usize::from(n >= POWERS[least])
}

/// 1 (for 0, so that it has a digit: see `digits`), 10, 100 and so on.
static POWERS: [u64; MOST_DIGITS] = {
    let mut powers = [0; MOST_DIGITS];
    let (mut i, mut power) = (1, 1);
    while i < MOST_DIGITS {
        power *= 10;
        powers[i] = power;
        i += 1;
    }
    powers
};

/// `00` to `99`.
static PAIRS: [[u8; 2]; 100] = {
    let mut pairs = [[0; 2]; 100];
    let mut n = 0;
    while n < 100 {
        pairs[n] = [b'0' + n as u8 / 10, b'0' + n as u8 % 10];
        n += 1;
    }
    pairs
};

const ONES: u64 = u64::from_ne_bytes([1; 8]);

/// What stands in for bytes that a short value does not have.
const LETTERS: u64 = ONES * b'a' as u64;

/// Not zero if one of the eight bytes may need an escape: is a `\` or comes before `#`, as a line break and `"` do.
///
/// Subtracting `n` from a byte below 128 sets its top bit if the byte is less than `n`; a borrow from the next byte can
/// only add a suspect beside a true one ("Bit Twiddling Hacks", "Determine if a word has a byte less than n").
#[inline(always)]
fn suspects(word: u64) -> u64 {
    let early = word.wrapping_sub(ONES * b'#' as u64) & !word;
    let rest = word ^ (ONES * b'\\' as u64);
    let backslash = rest.wrapping_sub(ONES) & !rest;
    (early | backslash) & (ONES << 7)
}

#[cold]
fn is_plain(value: &str) -> bool {
    !value.bytes().any(|byte| matches!(byte, b'"' | b'\\' | b'\n'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A label's value: short ones, long ones, and some that need escapes.
    fn value() -> impl Strategy<Value = Box<str>> {
        let plain = "[a-z/ !#]{0,9}|[a-zéÜ🙂\u{1}\u{7f}]{0,40}";
        (plain, prop::option::weighted(0.1, "[\"\\\\\n]"), any::<prop::sample::Index>()).prop_map(
            |(plain, special, at)| {
                let mut value: Vec<char> = plain.chars().collect();
                if let Some(special) = special {
                    value.insert(at.index(value.len() + 1), special.chars().next().unwrap());
                }
                value.into_iter().collect::<String>().into()
            },
        )
    }

    proptest! {
        #[test]
        fn a_line_is_its_parts_unless_a_value_needs_an_escape(
            parts in prop::collection::vec(("[a-z\"{,=]{0,50}", value()), 0..6),
            end in "[a-z\"} ]{0,20}",
            n: u64, bits in 0u32..64,
        ) {
            let n = n >> bits;
            let (pieces, values): (Vec<_>, Vec<_>) =
                parts.iter().map(|(piece, value)| (piece.clone().into_bytes(), value.clone())).unzip();
            let template = Template::new(&pieces, end.as_bytes());
            let packed: LabelValues = values.iter().collect();
            let mut out = b"before ".to_vec();
            let plain = values.iter().all(|value| !value.contains(['"', '\\', '\n']));
            prop_assert_eq!(template.push(&mut out, &packed, n), plain);
            let mut wanted = String::from("before ");
            if plain {
                parts.iter().for_each(|(piece, value)| wanted += &format!("{piece}{value}"));
                wanted += &format!("{end}{n}\n");
            }
            prop_assert_eq!(String::from_utf8(out).unwrap(), &*wanted);
            let mut head = Vec::new();
            prop_assert_eq!(template.push_head(&mut head, &packed), plain);
            head.extend_from_slice(format!("{n}\n").as_bytes());
            prop_assert!(!plain || wanted.as_bytes()[7..] == head);
        }
    }

    #[test]
    fn a_line_that_needs_escapes_gets_them() {
        let template = Template::new(&[b"a{b=\"".to_vec()], b"\"} ");
        let mut out = Vec::new();
        template.push_escaped(&mut out, &["x\n\"y\"\\"].iter().collect());
        assert_eq!(String::from_utf8(out).unwrap(), r#"a{b="x\n\"y\"\\"} "#);
    }

    #[test]
    fn integers_of_every_length_are_right() {
        let template = Template::new(&[], b"");
        let powers = (0..MOST_DIGITS as u32).map(|exponent| 10u64.pow(exponent));
        for n in powers.flat_map(|power| [power - 1, power, power + 1]).chain([u64::MAX]) {
            let mut out = Vec::new();
            assert!(template.push(&mut out, &LabelValues::default(), n));
            assert_eq!(String::from_utf8(out).unwrap(), format!("{n}\n"));
        }
    }

    #[test]
    fn values_without_pieces_and_pieces_without_values_are_left_out() {
        let template = Template::new(&[b"a=".to_vec(), b" b=".to_vec()], b" ");
        for (values, wanted) in [(&["1"][..], "a=1 7\n"), (&["1", "2", "3"], "a=1 b=2 7\n")] {
            let mut out = Vec::new();
            assert!(template.push(&mut out, &values.iter().collect(), 7));
            assert_eq!(String::from_utf8(out).unwrap(), wanted);
        }
    }
}
