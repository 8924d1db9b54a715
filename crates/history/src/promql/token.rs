//! The words of PromQL.

use crate::duration::parse_duration;
use crate::error::{Error, ErrorKind, Place};

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Token<'a> {
    /// A metric, label, function or keyword.
    Name(&'a str),
    Number(f64),
    /// Milliseconds.
    Duration(i64),
    Text(String),
    /// An operator or a bracket, as it is written.
    Sign(&'static str),
    End,
}

/// Longest first, so that `==` is not `=` twice.
const SIGNS: [&str; 25] = [
    "=~", "!~", "==", "!=", ">=", "<=", "=", ">", "<", "+", "-", "*", "/", "%", "^", "(", ")", "{",
    "}", "[", "]", ",", "@", "!", ";",
];

/// Reads a query word by word.
#[derive(Debug)]
pub(crate) struct Lexer<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Lexer<'a> {
    pub(crate) fn new(text: &'a str) -> Lexer<'a> {
        Lexer { text, at: 0 }
    }

    /// The next word and where it begins.
    pub(crate) fn next(&mut self) -> Result<(Token<'a>, usize), Error> {
        self.skip_blanks();
        let start = self.at;
        let rest = &self.text[start..];
        let token = match rest.chars().next() {
            None => Token::End,
            Some('"' | '\'' | '`') => self.text()?,
            Some(c) if c.is_ascii_digit() => self.number_or_duration()?,
            Some('.') if rest[1..].starts_with(|c: char| c.is_ascii_digit()) => self.number()?,
            Some(c) if begins_name(c) => self.name(),
            Some(c) => self.sign().ok_or_else(|| self.unexpected(c))?,
        };
        Ok((token, start))
    }

    fn unexpected(&self, c: char) -> Error {
        self.error(self.at, format!("{c:?} begins nothing in PromQL; take it out"))
    }

    fn error(&self, at: usize, text: impl Into<Box<str>>) -> Error {
        Error::new(ErrorKind::Syntax, text).at(Place::of(self.text, at))
    }

    fn skip_blanks(&mut self) {
        loop {
            let rest = &self.text[self.at..];
            let blanks = rest.len() - rest.trim_start_matches([' ', '\t', '\n', '\r']).len();
            let comment = rest[blanks..].starts_with('#');
            let line = rest[blanks..].find('\n').unwrap_or(rest.len() - blanks);
            self.at += blanks + if comment { line } else { 0 };
            if !comment {
                return;
            }
        }
    }

    fn sign(&mut self) -> Option<Token<'a>> {
        let sign = SIGNS.iter().find(|sign| self.text[self.at..].starts_with(**sign))?;
        self.at += sign.len();
        Some(Token::Sign(sign))
    }

    fn take(&mut self, belongs: impl Fn(char) -> bool) -> &'a str {
        let rest = &self.text[self.at..];
        let taken = &rest[..rest.find(|c| !belongs(c)).unwrap_or(rest.len())];
        self.at += taken.len();
        taken
    }

    fn name(&mut self) -> Token<'a> {
        let name = self.take(|c| begins_name(c) || c.is_ascii_digit());
        match name.to_ascii_lowercase().as_str() {
            "inf" => Token::Number(f64::INFINITY),
            "nan" => Token::Number(f64::NAN),
            _ => Token::Name(name),
        }
    }

    fn number_or_duration(&mut self) -> Result<Token<'a>, Error> {
        let rest = &self.text[self.at..];
        let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        match rest[digits..].starts_with(['s', 'm', 'h', 'd', 'w', 'y']) {
            true => self.duration(),
            false => self.number(),
        }
    }

    fn number(&mut self) -> Result<Token<'a>, Error> {
        let start = self.at;
        let rest = &self.text[start..];
        if let Some(hex) = rest.strip_prefix("0x").or_else(|| rest.strip_prefix("0X")) {
            self.at += 2;
            let digits = self.take(|c| c.is_ascii_alphanumeric() || c == '_');
            debug_assert!(hex.starts_with(digits));
            return match u64::from_str_radix(digits, 16) {
                Ok(number) => Ok(Token::Number(number as f64)),
                Err(_) => Err(self.error(start, format!("0x{digits} is no number"))),
            };
        }
        self.take(|c| c.is_ascii_digit());
        self.take(|c| c == '.');
        self.take(|c| c.is_ascii_digit());
        if self.text[self.at..].starts_with(['e', 'E']) {
            self.at += 1;
            self.at += usize::from(self.text[self.at..].starts_with(['+', '-']));
        }
        self.take(|c| c.is_ascii_alphanumeric() || c == '_');
        let number = &self.text[start..self.at];
        let number = if number.contains('_') { Err(()) } else { number.parse().map_err(drop) };
        number.map(Token::Number).map_err(|()| {
            self.error(start, format!("{:?} is no number", &self.text[start..self.at]))
        })
    }

    /// As `1h30m`: each unit at most once, the larger before the smaller.
    fn duration(&mut self) -> Result<Token<'a>, Error> {
        let start = self.at;
        let all = self.take(|c| c.is_ascii_alphanumeric() || c == '_');
        let duration = parse_duration(all).map_err(|text| self.error(start, text))?;
        match duration.as_millis() as i64 {
            0 => Err(self.error(start, "a duration must be greater than 0")),
            milliseconds => Ok(Token::Duration(milliseconds)),
        }
    }

    fn text(&mut self) -> Result<Token<'a>, Error> {
        let start = self.at;
        let (text, length) =
            quoted(&self.text[start..]).map_err(|(at, what)| self.error(start + at, what))?;
        self.at += length;
        Ok(Token::Text(text))
    }
}

fn begins_name(c: char) -> bool {
    c.is_ascii_alphabetic() || c == '_' || c == ':'
}

type Misquoted = (usize, &'static str);

/// The text that `rest` begins with, and how long it is with its quotes.
fn quoted(rest: &str) -> Result<(String, usize), Misquoted> {
    let quote = rest.chars().next().unwrap_or('"');
    let (mut out, mut bytes) = (Vec::new(), rest.char_indices().skip(1));
    while let Some((at, c)) = bytes.next() {
        match c {
            c if c == quote => {
                let text = String::from_utf8(out);
                return text.map(|t| (t, at + 1)).map_err(|_| (0, "the text is no UTF-8"));
            }
            '\\' if quote != '`' => {
                let length = unescape(&rest[at + 1..], quote, &mut out)
                    .ok_or((at, "the text has an unknown escape; write \\\\ for a backslash"))?;
                for _ in 0..length {
                    bytes.next();
                }
            }
            '\n' if quote != '`' => return Err((at, "the text does not end on its line")),
            c => out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
    Err((0, "the text does not end; close its quote"))
}

/// What stands behind a backslash, as Go reads it; tells how many characters it is. All of them are ASCII.
fn unescape(rest: &str, quote: char, out: &mut Vec<u8>) -> Option<usize> {
    let kind = rest.chars().next()?;
    let simple = match kind {
        'a' => 7,
        'b' => 8,
        'f' => 12,
        'n' => b'\n',
        'r' => b'\r',
        't' => b'\t',
        'v' => 11,
        '\\' => b'\\',
        c if c == quote => c as u8,
        _ => 0,
    };
    if simple != 0 {
        out.push(simple);
        return Some(1);
    }
    let (skip, digits, radix) = match kind {
        'x' => (1, 2, 16),
        'u' => (1, 4, 16),
        'U' => (1, 8, 16),
        '0'..='7' => (0, 3, 8),
        _ => return None,
    };
    let number = rest.get(skip..skip + digits)?;
    if !number.chars().all(|c| c.is_digit(radix)) {
        return None;
    }
    let number = u32::from_str_radix(number, radix).ok()?;
    match kind {
        'u' | 'U' => {
            out.extend_from_slice(char::from_u32(number)?.encode_utf8(&mut [0; 4]).as_bytes());
        }
        _ => out.push(u8::try_from(number).ok()?),
    }
    Some(skip + digits)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Result<Vec<Token<'_>>, String> {
        let mut lexer = Lexer::new(text);
        let mut words = Vec::new();
        loop {
            match lexer.next().map_err(|error| error.to_string())? {
                (Token::End, _) => return Ok(words),
                (word, _) => words.push(word),
            }
        }
    }

    #[test]
    fn numbers_are_read_as_go_reads_them() {
        for (text, number) in
            [("1", 1.0), (".5", 0.5), ("1.", 1.0), ("1e3", 1e3), ("2E-2", 0.02), ("0x1F", 31.0)]
        {
            assert_eq!(words(text), Ok(vec![Token::Number(number)]), "{text}");
        }
        assert_eq!(words("iNf"), Ok(vec![Token::Number(f64::INFINITY)]));
        for bad in ["1e", "1..2", "0x", "1foo", "0xfg", "1_0"] {
            assert!(words(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn durations_have_each_unit_once_from_large_to_small() {
        assert_eq!(words("1h30m"), Ok(vec![Token::Duration(5_400_000)]));
        assert_eq!(words("5ms"), Ok(vec![Token::Duration(5)]));
        assert_eq!(words("1y2w3d"), Ok(vec![Token::Duration((365 + 14 + 3) * 86_400_000)]));
        for bad in ["1m1h", "1m1m", "0s", "5mm", "99999999999999999999y", "9999999999999y"] {
            assert!(words(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn texts_have_the_escapes_of_go() {
        let text = r#""a\"\n\x41\u00e4\101" 'it''s' `\n`"#;
        let texts = ["a\"\nAäA", "it", "s", "\\n"].map(|t| Token::Text(t.to_owned()));
        assert_eq!(words(text), Ok(texts.to_vec()));
        for bad in [r#""\q""#, r#""\'""#, "\"a\nb\"", "\"a", r#""\xg0""#, r#""\ud800""#, "'\\"] {
            assert!(words(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn comments_are_blanks() {
        assert_eq!(words("# one\n 1 # two\n#"), Ok(vec![Token::Number(1.0)]));
    }
}
