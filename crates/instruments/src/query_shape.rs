//! The shape of a query: its text without what differs from run to run.

/// Characters of a shape.
const LONGEST: usize = 120;

/// The shape of an SQL text, as a name for [`Queries`](crate::Queries): numbers and texts become
/// `?`, lists of them one `?`, white space one blank, comments nothing; at most 120 characters.
///
/// It does not parse: any text has a shape, whatever the dialect. Numbers inside of names stay, and
/// so do names in double quotes or backticks. A backslash in a text escapes the quote after it, as in
/// MySQL.
///
/// ```
/// use perf_monitor_instruments::query_shape;
///
/// let sql = "SELECT name FROM t1\n  WHERE id IN (1, 2, 3) AND city = 'Oslo' -- by city";
/// assert_eq!(query_shape(sql), "SELECT name FROM t1 WHERE id IN (?) AND city = ?");
/// ```
pub fn query_shape(sql: &str) -> String {
    let mut shape = Shape { text: String::new(), blank: false };
    let mut rest = sql;
    while shape.has_room() {
        let Some((token, after)) = next(rest) else {
            break;
        };
        shape.push(token);
        rest = after;
    }
    shape.finish()
}

#[derive(Clone, Copy)]
enum Token<'a> {
    Blank,
    Literal,
    /// A word, or a character that is part of none.
    Text(&'a str),
}

/// The first token and what follows it.
fn next(sql: &str) -> Option<(Token<'_>, &str)> {
    let first = sql.chars().next()?;
    let (token, len) = match first {
        c if c.is_whitespace() => (Token::Blank, c.len_utf8()),
        '\'' => (Token::Literal, quoted(sql, '\'')),
        '?' => (Token::Literal, 1),
        '"' | '`' => whole(sql, quoted(sql, first)),
        '-' if sql.starts_with("--") => (Token::Blank, sql.find('\n').unwrap_or(sql.len())),
        '/' if sql.starts_with("/*") => {
            (Token::Blank, sql[2..].find("*/").map_or(sql.len(), |end| end + 4))
        }
        c if c.is_ascii_digit() => (Token::Literal, number(sql)),
        c if is_of_word(c) => whole(sql, run(sql, is_of_word)),
        c => whole(sql, c.len_utf8()),
    };
    Some((token, &sql[len..]))
}

fn whole(sql: &str, len: usize) -> (Token<'_>, usize) {
    (Token::Text(&sql[..len]), len)
}

/// Bytes up to the quote that ends what begins with one; a doubled or escaped quote does not.
fn quoted(sql: &str, quote: char) -> usize {
    let mut chars = sql.char_indices().skip(1).peekable();
    while let Some((at, c)) = chars.next() {
        match c {
            '\\' if quote == '\'' => drop(chars.next()),
            c if c == quote && chars.next_if(|(_, next)| *next == quote).is_none() => {
                return at + c.len_utf8();
            }
            _ => {}
        }
    }
    sql.len()
}

/// Bytes of the number in front, with the sign of its exponent.
fn number(sql: &str) -> usize {
    let len = run(sql, is_of_number);
    let exponent = sql[..len].ends_with(['e', 'E']) && !sql.starts_with("0x");
    match sql[len..].strip_prefix(['+', '-']) {
        Some(rest) if exponent && rest.starts_with(|c: char| c.is_ascii_digit()) => {
            len + 1 + run(rest, is_of_number)
        }
        _ => len,
    }
}

fn run(sql: &str, is_of: impl Fn(char) -> bool) -> usize {
    sql.find(|c| !is_of(c)).unwrap_or(sql.len())
}

fn is_of_number(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '.' || c == '_'
}

fn is_of_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_' || c == '$'
}

struct Shape {
    text: String,
    /// White space came since the last token.
    blank: bool,
}

impl Shape {
    fn has_room(&self) -> bool {
        // A character has a byte at least, so the count is asked for seldom.
        self.text.len() < LONGEST || self.text.chars().count() < LONGEST
    }

    fn push(&mut self, token: Token<'_>) {
        match token {
            Token::Blank => self.blank = !self.text.is_empty(),
            Token::Literal if self.ends_in_list() => {
                self.text.truncate(self.text.len() - 1);
                self.blank = false;
            }
            Token::Literal => self.append("?"),
            Token::Text(text) => self.append(text),
        }
    }

    /// Whether the next literal belongs to a list whose first is there: `?,`.
    fn ends_in_list(&self) -> bool {
        self.text.ends_with("?,")
    }

    fn append(&mut self, text: &str) {
        if std::mem::take(&mut self.blank) {
            self.text.push(' ');
        }
        self.text.push_str(cut(text));
    }

    fn finish(mut self) -> String {
        self.text.truncate(cut(&self.text).len());
        self.text
    }
}

/// The characters that there is room for.
fn cut(text: &str) -> &str {
    text.char_indices().nth(LONGEST).map_or(text, |(end, _)| &text[..end])
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check(sql: &str, shape: &str) {
        assert_eq!(query_shape(sql), shape);
    }

    #[test]
    fn literals_become_question_marks() {
        check("select 1", "select ?");
        check("a = -1.5e10 AND b='it''s' AND c = 'x\\'y'", "a = -? AND b=? AND c = ?");
        check("x = 0xFF", "x = ?");
        check("x = 1.5e-3 AND y = 2E+10-7", "x = ? AND y = ?-?");
        check("x = 0xE-3", "x = ?-?");
        check("x IN (?, ?,?)", "x IN (?)");
        check("INSERT INTO t VALUES (1, 'a'), (2, 'b')", "INSERT INTO t VALUES (?), (?)");
    }

    #[test]
    fn names_keep_their_numbers() {
        check(
            "SELECT c1 FROM \"t 2\" JOIN `u 3` ON $1 = tab_4",
            "SELECT c1 FROM \"t 2\" JOIN `u 3` ON $1 = tab_4",
        );
    }

    #[test]
    fn white_space_and_comments_are_one_blank() {
        check("  a\n\t b /* c\n d */ e -- f\ng  ", "a b e g");
        check("a -- b", "a");
        check("a /* b", "a");
        check("a /*/ b */ c", "a c");
        check("'open", "?");
        check("", "");
    }

    #[test]
    fn a_shape_of_a_thousand_words_is_cut_between_characters() {
        let shape = query_shape(&"é ".repeat(1_000));
        assert_eq!(shape.chars().count(), 120);
    }

    proptest! {
        #[test]
        fn any_text_has_a_short_shape_which_is_its_own(sql in ".{0,300}") {
            let shape = query_shape(&sql);
            prop_assert!(shape.chars().count() <= 120);
        }
    }
}
