//! The text of a `traceparent` header.

use crate::{SpanContext, SpanId, TraceFlags, TraceId};

/// Bytes of version 00: `00-<trace id>-<span id>-<flags>`.
const LENGTH: usize = 55;

/// The version that no `traceparent` may have.
const FORBIDDEN: u64 = 0xff;

/// What stands for a character that is no lower-case hexadecimal digit: beyond any digit's value.
const NO_DIGIT: u8 = 0xff;

static DIGITS: [u8; 256] = digits();

const fn digits() -> [u8; 256] {
    let mut digits = [NO_DIGIT; 256];
    let mut value = 0;
    while value < 16 {
        digits[b"0123456789abcdef"[value] as usize] = value as u8;
        value += 1;
    }
    digits
}

/// The number of up to 16 digits.
#[inline]
fn number(text: &[u8]) -> Option<u64> {
    let (mut number, mut seen) = (0, 0);
    for byte in text {
        let digit = DIGITS[usize::from(*byte)];
        seen |= digit;
        number = number << 4 | u64::from(digit & 15);
    }
    (seen < 16).then_some(number)
}

/// The remote context of this text, without state. Later versions may have more behind a dash.
#[inline]
pub(super) fn parse(text: &[u8]) -> Option<SpanContext> {
    let (known, more) = text.split_at_checked(LENGTH)?;
    let version = number(&known[..2])?;
    let fits = match version {
        0 => more.is_empty(),
        FORBIDDEN => false,
        _ => matches!(more, [] | [b'-', ..]),
    };
    if !fits || [2, 35, 52].iter().any(|at| known[*at] != b'-') {
        return None;
    }
    let trace = u128::from(number(&known[3..19])?) << 64 | u128::from(number(&known[19..35])?);
    let span = number(&known[36..52])?;
    let flags = TraceFlags::from_byte(number(&known[53..])? as u8);
    // Of a later version no other flag is known to mean the same.
    let flags = match version {
        0 => flags,
        _ if flags.is_sampled() => TraceFlags::SAMPLED,
        _ => TraceFlags::NONE,
    };
    Some(SpanContext::new(TraceId::new(trace)?, SpanId::new(span)?).flags(flags).remote())
}

/// The text of a context, in version 00.
pub(super) fn format(context: &SpanContext) -> [u8; LENGTH] {
    let mut text = *b"00-00000000000000000000000000000000-0000000000000000-00";
    write(&mut text[3..35], &context.trace_id.to_bytes());
    write(&mut text[36..52], &context.span_id.to_bytes());
    write(&mut text[53..], &[context.flags.byte()]);
    text
}

fn write(text: &mut [u8], bytes: &[u8]) {
    for (pair, byte) in text.chunks_exact_mut(2).zip(bytes) {
        let digit = |value: u8| b"0123456789abcdef"[usize::from(value & 15)];
        pair.copy_from_slice(&[digit(byte >> 4), digit(*byte)]);
    }
}
