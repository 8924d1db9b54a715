//! Identities of traces with their spans, as W3C Trace Context writes them.

use std::fmt;
use std::num::{NonZeroU64, NonZeroU128};
use std::str::FromStr;

/// The 128-bit identity of a trace, never zero. It is written as 32 lower-case hexadecimal digits.
///
/// ```
/// use perf_monitor_tracing::TraceId;
/// let id: TraceId = "4bf92f3577b34da6a3ce929d0e0e4736".parse()?;
/// assert_eq!(id.to_string(), "4bf92f3577b34da6a3ce929d0e0e4736");
/// assert!("00000000000000000000000000000000".parse::<TraceId>().is_err());
/// # Ok::<(), perf_monitor_tracing::InvalidId>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TraceId(NonZeroU128);

/// The 64-bit identity of a span, never zero. It is written as 16 lower-case hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SpanId(NonZeroU64);

/// A text that is no identity: one that has another length, other characters than lower-case
/// hexadecimal digits, or nothing but zeroes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidId(&'static str);

impl fmt::Display for InvalidId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for InvalidId {}

macro_rules! identity {
    ($id:ident, $number:ty, $non_zero:ty, $digits:literal, $error:literal) => {
        impl $id {
            /// The identity of this number; `None` for zero.
            pub const fn new(number: $number) -> Option<$id> {
                match <$non_zero>::new(number) {
                    Some(number) => Some($id(number)),
                    None => None,
                }
            }

            /// The number, in the order in which the digits are written.
            pub const fn get(self) -> $number {
                self.0.get()
            }

            /// The bytes in the order of the wire, the highest first.
            pub const fn to_bytes(self) -> [u8; $digits / 2] {
                self.0.get().to_be_bytes()
            }
        }

        impl fmt::Display for $id {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!("{:0", $digits, "x}"), self.0)
            }
        }

        impl fmt::Debug for $id {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($id), "({})"), self)
            }
        }

        impl FromStr for $id {
            type Err = InvalidId;

            fn from_str(text: &str) -> Result<$id, InvalidId> {
                let lower = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
                if text.len() != $digits || !text.bytes().all(lower) {
                    return Err(InvalidId($error));
                }
                let number = <$number>::from_str_radix(text, 16);
                number.ok().and_then($id::new).ok_or(InvalidId($error))
            }
        }
    };
}

identity!(
    TraceId,
    u128,
    NonZeroU128,
    32,
    "a trace id is 32 lower-case hexadecimal digits that are not all zero"
);
identity!(
    SpanId,
    u64,
    NonZeroU64,
    16,
    "a span id is 16 lower-case hexadecimal digits that are not all zero"
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_written_and_read_in_full_length() {
        let id = SpanId::new(0xb7).unwrap();
        assert_eq!(id.to_string(), "00000000000000b7");
        assert_eq!(id.to_string().parse(), Ok(id));
        assert_eq!(id.to_bytes(), [0, 0, 0, 0, 0, 0, 0, 0xb7]);
    }

    #[test]
    fn other_texts_are_no_ids() {
        for text in [
            "",
            "b7",
            "00000000000000B7",
            "0000000000000000",
            "+0000000000000b7",
            "é000000000000b7",
        ] {
            assert!(text.parse::<SpanId>().is_err(), "{text}");
        }
    }
}
