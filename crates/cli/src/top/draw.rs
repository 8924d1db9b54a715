//! Lines as what a terminal is sent.

use crossterm::style::{Attribute, Color, ContentStyle, Stylize};

use crate::top::screen::{Line, Style};

/// As text, each line ended; with colours if `coloured`.
pub(crate) fn text(lines: &[Line], coloured: bool) -> String {
    lines.iter().map(|line| line_text(line, coloured) + "\n").collect()
}

/// One line without its end.
pub(crate) fn line_text(line: &Line, coloured: bool) -> String {
    if coloured {
        return line.iter().map(|(style, text)| look(*style).apply(text).to_string()).collect();
    }
    let text: String = line.iter().map(|(_, text)| text.as_str()).collect();
    text.trim_end().into()
}

fn look(style: Style) -> ContentStyle {
    let plain = ContentStyle::new();
    match style {
        Style::Plain => plain,
        Style::Dim => plain.attribute(Attribute::Dim),
        Style::Strong => plain.bold(),
        Style::Good => plain.with(Color::Green),
        Style::Warning => plain.with(Color::Yellow),
        Style::Bad => plain.with(Color::Red),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_colours_there_is_nothing_but_the_text() {
        let line = vec![(Style::Bad, "a ".into()), (Style::Plain, "b  ".into())];
        assert_eq!(text(&[line, Line::new()], false), "a b\n\n");
    }
}
