//! How many columns a text takes on a terminal.

/// The columns of a text, by the ranges of Unicode that are wide or combine with what is before them. (An approximation:
/// emoji of several characters count as so many.)
pub(super) fn width(text: &str) -> usize {
    text.chars().map(columns).sum()
}

fn columns(c: char) -> usize {
    match c as u32 {
        0x300..0x370
        | 0x483..0x48a
        | 0x591..0x5be
        | 0x1ab0..0x1b00
        | 0x1dc0..0x1e00
        | 0x20d0..0x2100
        | 0xfe00..0xfe10
        | 0xfe20..0xfe30 => 0,
        0x1100..0x1160
        | 0x2e80..0xa4d0
        | 0xa960..0xa980
        | 0xac00..0xd7a4
        | 0xf900..0xfb00
        | 0xfe30..0xfe70
        | 0xff00..0xff61
        | 0xffe0..0xffe7
        | 0x1f300..0x1f650
        | 0x1f680..0x1f700
        | 0x1f900..0x1fb00
        | 0x20000..0x3fffe => 2,
        _ => 1,
    }
}

/// As much of a text as takes `most` columns; where something is left out, it ends in an ellipsis.
pub(super) fn cut(text: &str, most: usize) -> String {
    if width(text) <= most {
        return text.to_owned();
    }
    let mut out = first(text, most.saturating_sub(1)).to_owned();
    out.push('…');
    out
}

/// The longest beginning of a text that takes at most `most` columns.
fn first(text: &str, most: usize) -> &str {
    let mut taken = 0;
    let end = text.char_indices().find(|(_, c)| {
        taken += columns(*c);
        taken > most
    });
    &text[..end.map_or(text.len(), |(at, _)| at)]
}

/// A text in lines of at most `most` columns, broken at spaces where there are some.
pub(super) fn wrap(text: &str, most: usize) -> Vec<&str> {
    let mut lines = Vec::new();
    let mut rest = text;
    loop {
        let longest = first(rest, most);
        if longest.len() == rest.len() {
            break;
        }
        let fits = rest[longest.len()..].starts_with(' ');
        let end = match longest.rfind(' ') {
            _ if fits => longest.len(),
            Some(space) if space > 0 => space,
            // At least one character, or this would not end.
            _ => longest.len().max(rest.chars().next().map_or(0, char::len_utf8)),
        };
        lines.push(rest[..end].trim_end());
        rest = rest[end..].trim_start();
    }
    lines.push(rest);
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn wide_and_combining_characters_are_counted_as_they_are_seen() {
        for (text, wanted) in
            [("abc", 3), ("größer", 6), ("e\u{301}", 1), ("日本", 4), ("🙂", 2), ("", 0)]
        {
            assert_eq!(width(text), wanted, "{text}");
        }
    }

    #[test]
    fn what_is_too_long_is_cut_with_an_ellipsis() {
        assert_eq!(cut("abcdef", 6), "abcdef");
        assert_eq!(cut("abcdefg", 6), "abcde…");
        assert_eq!(cut("日本語", 4), "日…");
    }

    #[test]
    fn lines_break_at_spaces_or_where_they_must() {
        assert_eq!(wrap("one two three", 7), ["one two", "three"]);
        assert_eq!(wrap("one twothree", 5), ["one", "twoth", "ree"]);
        assert_eq!(wrap("", 5), [""]);
    }

    proptest! {
        #[test]
        fn no_line_is_wider_than_asked_and_nothing_but_spaces_is_lost(text: String, most in 2_usize..60) {
            let lines = wrap(&text, most);
            let squeeze = |text: &str| text.split_whitespace().collect::<String>();
            prop_assert_eq!(squeeze(&lines.concat()), squeeze(&text));
            prop_assert!(lines.iter().all(|line| width(line) <= most));
            prop_assert!(width(&cut(&text, most)) <= most);
        }
    }
}
