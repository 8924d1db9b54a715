//! A report as Markdown.

use super::page::{Block, Column, Page, Table};
use super::width::{cut, width};
use crate::escape::visible;

/// What a text may take, in columns, before it is cut.
const LONGEST: usize = 300;

/// Cells are filled up to this width, in columns, so that the source reads as a table too.
const FILLED: usize = 40;

pub(super) fn render(page: &Page) -> String {
    let mut out = String::new();
    for block in &page.blocks {
        if !out.is_empty() {
            out.push('\n');
        }
        push(&mut out, block);
    }
    out
}

fn push(out: &mut String, block: &Block) {
    let mut line = |parts: &[&str]| {
        parts.iter().for_each(|part| out.push_str(part));
        out.push('\n');
    };
    match block {
        Block::Title(title) => line(&["# ", &inline(title)]),
        Block::Heading(heading) => line(&["## ", &inline(heading)]),
        Block::Text(text) => line(&[&line_of(text)]),
        Block::Lines(lines) => lines.iter().for_each(|text| line(&["- ", &line_of(text)])),
        Block::Facts(facts) => {
            facts
                .iter()
                .for_each(|(what, fact)| line(&["- **", &inline(what), ":** ", &inline(fact)]));
        }
        Block::Table(table) => push_table(out, table),
    }
}

fn push_table(out: &mut String, table: &Table) {
    let titles: Vec<_> = table.columns.iter().map(|column| inline(column.title)).collect();
    let rows: Vec<Vec<String>> =
        table.rows.iter().map(|row| row.iter().map(|cell| inline(cell)).collect()).collect();
    let mut widths: Vec<usize> = titles.iter().map(|title| width(title).max(3)).collect();
    for row in &rows {
        for (widest, cell) in widths.iter_mut().zip(row) {
            *widest = width(cell).min(FILLED).max(*widest);
        }
    }
    push_row(out, &table.columns, &widths, &titles);
    for (column, width) in table.columns.iter().zip(&widths) {
        let rule = "-".repeat(width + 1);
        out.push('|');
        out.push_str(&if column.is_number { format!("{rule}:") } else { format!(":{rule}") });
    }
    out.push_str("|\n");
    rows.iter().for_each(|row| push_row(out, &table.columns, &widths, row));
    if table.left_out > 0 {
        out.push_str(&format!("\nand {} more\n", table.left_out));
    }
}

fn push_row(out: &mut String, columns: &[Column], widths: &[usize], row: &[String]) {
    for ((column, cell), room) in columns.iter().zip(row).zip(widths) {
        let fill = " ".repeat(room.saturating_sub(width(cell)));
        let (before, after) = if column.is_number { (&*fill, "") } else { ("", &*fill) };
        for part in ["| ", before, cell, after, " "] {
            out.push_str(part);
        }
    }
    out.push_str("|\n");
}

/// A text that Markdown shows as it is, at the begin of a line.
fn line_of(text: &str) -> String {
    let text = inline(text);
    let number = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let (digits, rest) = text.split_at(number);
    // A list, a rule, an underline.
    let has_meaning = match number {
        0 => rest.starts_with(['-', '+', '=']),
        _ => rest.starts_with(['.', ')']) && !rest[1..].starts_with(|c: char| c != ' '),
    };
    if has_meaning { format!("{digits}\\{rest}") } else { text }
}

/// A text that Markdown shows as it is, within a line.
fn inline(text: &str) -> String {
    let text = cut(&visible(text), LONGEST);
    let mut out = String::with_capacity(text.len());
    let mut before = None;
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        if is_special(before, c, chars.peek().copied()) {
            out.push('\\');
        }
        out.push(c);
        before = Some(c);
    }
    out
}

/// Whether a character means something to Markdown, between the one before it and the one behind it.
fn is_special(before: Option<char>, c: char, next: Option<char>) -> bool {
    let word = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
    match c {
        '\\' | '`' | '*' | '[' | ']' | '<' | '>' | '|' | '#' | '&' | '~' | '$' => true,
        // Within a word it is itself.
        '_' => !(word(before) && word(next)),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_means_something_to_markdown_is_inline() {
        for (text, wanted) in [
            ("sender_cache", "sender_cache"),
            ("_a_", "\\_a\\_"),
            ("a|b\\|c", "a\\|b\\\\\\|c"),
            ("a\nb", "a\\\\nb"),
            ("- item", "\\- item"),
            ("---", "\\---"),
            ("2024-05-01 at 1.5", "2024-05-01 at 1.5"),
            ("1.5 s", "1.5 s"),
            ("1. first", "1\\. first"),
            ("12)", "12\\)"),
            ("<b>&amp;`x`", "\\<b\\>\\&amp;\\`x\\`"),
            ("# [a](b) *c* ~d~", "\\# \\[a\\](b) \\*c\\* \\~d\\~"),
        ] {
            assert_eq!(line_of(text), wanted);
        }
        assert_eq!(inline("- item"), "- item");
    }
}
