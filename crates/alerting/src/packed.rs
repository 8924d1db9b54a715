//! Numbers and texts in as few bytes as they need.

/// Appends a number: seven bits a byte, the least first.
pub(crate) fn put_number(out: &mut Vec<u8>, mut number: u64) {
    while number > 0x7f {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

/// Appends a difference, small ones of either sign in one byte.
pub(crate) fn put_difference(out: &mut Vec<u8>, difference: i64) {
    put_number(out, (difference << 1 ^ difference >> 63) as u64);
}

/// The number that comes next; 0 at the end.
pub(crate) fn take_number(bytes: &mut impl Iterator<Item = u8>) -> u64 {
    let (mut number, mut shift) = (0_u64, 0);
    for byte in bytes {
        number |= u64::from(byte & 0x7f).checked_shl(shift).unwrap_or(0);
        if byte < 0x80 {
            break;
        }
        shift += 7;
    }
    number
}

/// The difference that comes next.
pub(crate) fn take_difference(bytes: &mut impl Iterator<Item = u8>) -> i64 {
    let number = take_number(bytes);
    (number >> 1) as i64 ^ -((number & 1) as i64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_was_put_is_taken(number in any::<u64>(), difference in any::<i64>(), small in -64_i64..64) {
            let mut bytes = Vec::new();
            put_number(&mut bytes, number);
            put_difference(&mut bytes, difference);
            let before = bytes.len();
            put_difference(&mut bytes, small);
            prop_assert_eq!(bytes.len(), before + 1);
            let mut rest = bytes.into_iter();
            prop_assert_eq!(take_number(&mut rest), number);
            prop_assert_eq!(take_difference(&mut rest), difference);
            prop_assert_eq!(take_difference(&mut rest), small);
            prop_assert_eq!(rest.next(), None);
        }
    }
}
