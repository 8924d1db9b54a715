//! A text of bounded length, made without allocation.

use std::fmt::{self, Debug, Display, Write};
use std::str;

use super::Field;
use crate::AttributeValue;
use crate::intern::cut;
use crate::payload::VALUE_BYTES;

/// The beginning of how a value is shown: as much as an attribute keeps.
#[doc(hidden)]
pub struct Text {
    bytes: [u8; VALUE_BYTES],
    len: usize,
}

impl Text {
    /// How `value` is displayed.
    #[doc(hidden)]
    pub fn display(value: &(impl Display + ?Sized)) -> Text {
        Text::of(format_args!("{value}"))
    }

    /// How `value` is debugged.
    #[doc(hidden)]
    pub fn debug(value: &(impl Debug + ?Sized)) -> Text {
        Text::of(format_args!("{value:?}"))
    }

    fn of(arguments: fmt::Arguments<'_>) -> Text {
        let mut text = Text { bytes: [0; VALUE_BYTES], len: 0 };
        // An error is its own, to end what nobody will see.
        let _ = text.write_fmt(arguments);
        text
    }

    pub(super) fn as_str(&self) -> &str {
        str::from_utf8(&self.bytes[..self.len]).unwrap_or_default()
    }
}

impl Write for Text {
    fn write_str(&mut self, part: &str) -> fmt::Result {
        let taken = cut(part, VALUE_BYTES - self.len);
        self.bytes[self.len..][..taken.len()].copy_from_slice(taken.as_bytes());
        self.len += taken.len();
        if taken.len() == part.len() { Ok(()) } else { Err(fmt::Error) }
    }
}

impl Field for Text {
    fn value(&self) -> Option<AttributeValue<'_>> {
        Some(AttributeValue::Str(self.as_str()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_cut_between_characters_and_its_making_ends_there() {
        assert_eq!(Text::debug("a\n").as_str(), "\"a\\n\"");
        let long = "é".repeat(VALUE_BYTES);
        assert_eq!(Text::display(&long).as_str(), &long[..VALUE_BYTES]);
        let odd = format!("a{long}");
        assert_eq!(Text::display(&odd).as_str().len(), VALUE_BYTES - 1);
        struct Endless;
        impl Display for Endless {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                loop {
                    f.write_str("more ")?;
                }
            }
        }
        assert_eq!(Text::display(&Endless).as_str().len(), VALUE_BYTES);
    }
}
