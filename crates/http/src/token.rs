//! The bearer token that guards the listener.

use std::fmt;
use std::hint::black_box;

use crate::error::{Error, Kind};

const LENGTHS: std::ops::RangeInclusive<usize> = 8..=256;

/// A secret that a client must show; never printed.
#[derive(Clone)]
pub struct Token(Box<str>);

impl Token {
    /// A token of 8 to 256 characters from `A–Z a–z 0–9 - . _ ~ + / =`, so that it fits a header and a cookie as it is.
    ///
    /// # Errors
    ///
    /// Another length or character: make one with `openssl rand -hex 32`.
    pub fn new(secret: impl Into<String>) -> Result<Self, Error> {
        let secret = secret.into();
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~+/=".contains(&byte);
        if LENGTHS.contains(&secret.len()) && secret.bytes().all(fits) {
            return Ok(Self(secret.into()));
        }
        Err(Error::new(
            Kind::Options,
            "a token has 8 to 256 letters, digits or -._~+/=: make one with `openssl rand -hex 32`",
        ))
    }

    pub(crate) fn reveal(&self) -> &str {
        &self.0
    }

    /// Whether `shown` is the token, in a time that tells nothing of how much of it was right.
    pub(crate) fn matches(&self, shown: &[u8]) -> bool {
        let secret = self.0.as_bytes();
        let mut differs = u8::from(secret.len() != shown.len());
        for (index, byte) in shown.iter().enumerate() {
            differs |= black_box(byte ^ secret[index % secret.len()]);
        }
        black_box(differs) == 0
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_matches_itself_alone() {
        let token = Token::new("open.sesame").unwrap();
        assert!(token.matches(b"open.sesame"));
        for wrong in ["", "open.sesamE", "open.sesam", "open.sesameopen.sesame", "x"] {
            assert!(!token.matches(wrong.as_bytes()), "{wrong:?}");
        }
    }

    #[test]
    fn a_token_that_fits_no_cookie_is_an_error_and_none_is_printed() {
        for bad in ["", "short", "has space", "semi;colon", "new\nlines", "ümlautümlaut"] {
            let error = Token::new(bad).unwrap_err();
            assert!(error.is_invalid());
            assert!(bad.is_empty() || !error.to_string().contains(bad));
        }
        assert!(Token::new("x".repeat(257)).is_err());
        let shown = format!("{:?}", Token::new("open.sesame").unwrap());
        assert_eq!(shown, "Token(..)");
    }
}
