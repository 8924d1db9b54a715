//! The words inside of `{{ … }}`.

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Token {
    /// `if`, `printf`, `humanize` …
    Word(String),
    /// `$value`, `$`
    Variable(String),
    /// `.Labels`, or `.` alone as an empty one
    Field(String),
    Text(String),
    Number(f64),
    Pipe,
    Open,
    Close,
    Comma,
    Assign,
}

/// The words of one action.
pub(super) fn tokens(text: &str) -> Result<Vec<Token>, String> {
    let mut rest = text.trim_start();
    let mut tokens = Vec::new();
    while let Some(first) = rest.chars().next() {
        let (token, after) = next(first, rest)?;
        tokens.push(token);
        // A field right behind a value belongs to it; one behind a space does not.
        rest = after.trim_start();
        if tokens.len() > 1_000 {
            return Err("an action of more than 1000 words: make it shorter".into());
        }
    }
    Ok(tokens)
}

fn next(first: char, rest: &str) -> Result<(Token, &str), String> {
    let one = |token| Ok((token, &rest[first.len_utf8()..]));
    match first {
        '|' => one(Token::Pipe),
        '(' => one(Token::Open),
        ')' => one(Token::Close),
        ',' => one(Token::Comma),
        '=' => one(Token::Assign),
        ':' if rest.starts_with(":=") => Ok((Token::Assign, &rest[2..])),
        '"' => quoted(rest),
        '`' => {
            let end = rest[1..].find('`').ok_or("a ` that does not end: close it")?;
            Ok((Token::Text(rest[1..=end].to_owned()), &rest[end + 2..]))
        }
        '.' if !rest[1..].starts_with(|c: char| c.is_ascii_digit()) => {
            let (name, after) = word(&rest[1..]);
            Ok((Token::Field(name.to_owned()), after))
        }
        '$' => {
            let (name, after) = word(&rest[1..]);
            Ok((Token::Variable(name.to_owned()), after))
        }
        c if c.is_ascii_digit() || "+-.".contains(c) => number(rest),
        c if c.is_alphabetic() || c == '_' => {
            let (name, after) = word(rest);
            Ok((Token::Word(name.to_owned()), after))
        }
        other => Err(format!("{other:?} is nothing that a template knows: take it out")),
    }
}

fn word(text: &str) -> (&str, &str) {
    let end = text.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(text.len());
    text.split_at(end)
}

fn number(text: &str) -> Result<(Token, &str), String> {
    let is_part = |c: char| c.is_ascii_alphanumeric() || "+-._".contains(c);
    let end = text.find(|c| !is_part(c)).unwrap_or(text.len());
    let (digits, after) = text.split_at(end);
    let number = digits.replace('_', "").parse();
    number.map(|n| (Token::Number(n), after)).map_err(|_| format!("{digits:?} is no number"))
}

/// Go's quoted texts, of which rules use the plain escapes.
fn quoted(text: &str) -> Result<(Token, &str), String> {
    let mut out = String::new();
    let mut chars = text.char_indices().skip(1);
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return Ok((Token::Text(out), &text[at + 1..])),
            '\\' => match chars.next().map(|(_, c)| c) {
                Some('n') => out.push('\n'),
                Some('t') => out.push('\t'),
                Some('r') => out.push('\r'),
                Some(c @ ('"' | '\\' | '\'')) => out.push(c),
                other => return Err(format!("{other:?} after a backslash is not known here")),
            },
            c => out.push(c),
        }
    }
    Err("a quoted text that does not end: close it".into())
}
