//! A report as plain text.

use super::page::{Block, Column, Page, Table};
use super::width::{cut, width, wrap};
use crate::escape::visible;

/// No line is wider, in columns.
pub(super) const WIDEST: usize = 100;

const INDENT: &str = "  ";

/// Between two columns.
const GAP: usize = 2;

/// A column of texts does not give way beyond this width.
const LEAST: usize = 4;

/// Lines that a name may take which is too long for its column.
const NAME_LINES: usize = 3;

pub(super) fn render(page: &Page) -> String {
    let mut text = Text::default();
    page.blocks.iter().for_each(|block| text.block(block));
    text.out
}

#[derive(Default)]
struct Text {
    out: String,
}

impl Text {
    fn block(&mut self, block: &Block) {
        if !self.out.is_empty() {
            self.out.push('\n');
        }
        match block {
            Block::Title(title) => self.underlined(title, "="),
            Block::Heading(heading) => self.underlined(heading, "-"),
            Block::Text(text) => self.wrapped("", "", text),
            Block::Lines(lines) => lines.iter().for_each(|line| self.wrapped(INDENT, "    ", line)),
            Block::Facts(facts) => self.facts(facts),
            Block::Table(table) => self.table(table),
        }
    }

    fn line(&mut self, parts: &[&str]) {
        parts.iter().for_each(|part| self.out.push_str(part));
        let end = self.out.trim_end_matches(' ').len();
        self.out.truncate(end);
        self.out.push('\n');
    }

    fn underlined(&mut self, text: &str, with: &str) {
        let text = cut(&visible(text), WIDEST);
        self.line(&[&text]);
        self.line(&[&with.repeat(width(&text))]);
    }

    /// `first` stands before the first line, `further` before the ones after it.
    fn wrapped(&mut self, first: &str, further: &str, text: &str) {
        let text = visible(text);
        let room = WIDEST - width(first).max(width(further));
        for (i, line) in wrap(&text, room).into_iter().enumerate() {
            self.line(&[if i == 0 { first } else { further }, line]);
        }
    }

    fn facts(&mut self, facts: &[(String, String)]) {
        let widest = facts.iter().map(|(what, _)| width(what)).max().unwrap_or(0);
        for (what, fact) in facts {
            let first = format!("{INDENT}{what}{}", " ".repeat(widest - width(what) + GAP));
            let further = " ".repeat(width(&first));
            self.wrapped(&first, &further, fact);
        }
    }

    fn table(&mut self, table: &Table) {
        let rows: Vec<Vec<String>> =
            table.rows.iter().map(|row| row.iter().map(|cell| visible(cell)).collect()).collect();
        let widths = widths(&table.columns, &rows);
        let titles: Vec<_> = table.columns.iter().map(|column| column.title.to_owned()).collect();
        let rules: Vec<_> = widths.iter().map(|width| "-".repeat(*width)).collect();
        for row in [titles, rules].iter().chain(&rows) {
            self.row(&table.columns, &widths, row);
        }
        if table.left_out > 0 {
            self.line(&[INDENT, "and ", &table.left_out.to_string(), " more"]);
        }
    }

    fn row(&mut self, columns: &[Column], widths: &[usize], row: &[String]) {
        let mut line = INDENT.to_owned();
        for (i, ((cell, column), room)) in row.iter().zip(columns).zip(widths).enumerate() {
            if i > 0 {
                line.push_str(&" ".repeat(GAP));
            }
            let fits = width(cell) <= *room;
            let shown = match (i, column.is_number) {
                (0, _) if !fits => {
                    self.name(cell);
                    String::new()
                }
                (_, false) if !fits => cut(cell, *room),
                _ => cell.clone(),
            };
            let fill = " ".repeat(room.saturating_sub(width(&shown)));
            match column.is_number {
                true => line.extend([fill, shown]),
                false => line.extend([shown, fill]),
            }
        }
        self.line(&[&line]);
    }

    /// A name that is too long for its column stands above its row.
    fn name(&mut self, name: &str) {
        let room = WIDEST - INDENT.len();
        let name = cut(name, NAME_LINES * room - 2 * NAME_LINES);
        for line in wrap(&name, room) {
            self.line(&[INDENT, line]);
        }
    }
}

/// As wide as the widest cell. Where that is too wide for a line, the widest columns of texts give way.
fn widths(columns: &[Column], rows: &[Vec<String>]) -> Vec<usize> {
    let mut widths: Vec<usize> = columns.iter().map(|column| width(column.title)).collect();
    for row in rows {
        for (widest, cell) in widths.iter_mut().zip(row) {
            *widest = width(cell).min(WIDEST).max(*widest);
        }
    }
    let room = WIDEST - INDENT.len() - GAP * (columns.len() - 1);
    while widths.iter().sum::<usize>() > room {
        let texts = widths.iter_mut().zip(columns).filter(|(_, column)| !column.is_number);
        let widest = texts.map(|(width, _)| width).max_by_key(|width| **width);
        match widest {
            Some(widest) if *widest > LEAST => *widest -= 1,
            _ => break,
        }
    }
    widths
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_stay_aligned_whatever_the_names() {
        let mut page = Page::default();
        let long = "日本語".repeat(30);
        let row =
            |name: &str, reason: &str| [name.to_owned(), "1,000".to_owned(), reason.to_owned()];
        let rows = [row("größer", "-"), row("日本", &long), row(&long, "short")];
        page.table(["<name", "runs", "<reason"], 10, rows.into_iter());
        let text = render(&page);
        assert!(text.lines().all(|line| width(line) <= WIDEST), "{text}");
        let rows = text.lines().filter(|line| line.contains("1,000"));
        let ends: Vec<_> = rows.map(|row| width(row.split_once("1,000").unwrap().0)).collect();
        assert_eq!(ends, [ends[0]; 3], "{text}");
    }
}
