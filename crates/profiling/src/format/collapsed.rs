//! Stacks on lines, as `flamegraph.pl`, `inferno` and speedscope read them.

use std::fmt::Write;

use super::tree::{Call, CallTree};

impl CallTree {
    /// One line for each stack: its functions from the outermost on with `;` between, a space, its weight.
    ///
    /// Of a difference there are two weights, before and after, as `difffolded.pl` writes them. Lines are
    /// sorted. In names, what would break a line is replaced: `;` by `:`, control characters by `?`.
    ///
    /// ```text
    /// main;serve;parse 20200000
    /// main;serve;respond 10100000
    /// ```
    pub fn to_collapsed(&self) -> String {
        self.collapsed(1)
    }

    /// With weights divided by `unit`.
    pub(super) fn collapsed(&self, unit: u64) -> String {
        let frames: Vec<String> = self.functions.iter().map(|name| frame(name)).collect();
        let mut text = String::new();
        let mut stack = Stack::default();
        for (number, call) in self.calls.iter().enumerate() {
            stack.enter(number as u32, call, &frames);
            let (before, after) = (rounded(call.before.own, unit), rounded(call.weight.own, unit));
            let wrote = match self.before {
                _ if before == 0 && after == 0 => Ok(()),
                Some(_) => writeln!(text, "{} {before} {after}", stack.text),
                None => writeln!(text, "{} {after}", stack.text),
            };
            wrote.expect("a string takes all that is written to it");
        }
        text
    }
}

fn rounded(weight: u64, unit: u64) -> u64 {
    weight.saturating_add(unit / 2) / unit
}

/// The calls from the outermost to the one that is looked at.
#[derive(Default)]
struct Stack {
    text: String,
    /// Each call, and where in the text its name ends.
    ends: Vec<(u32, usize)>,
}

impl Stack {
    fn enter(&mut self, number: u32, call: &Call, frames: &[String]) {
        while self.ends.last().is_some_and(|(last, _)| Some(*last) != call.caller) {
            self.ends.pop();
        }
        self.text.truncate(self.ends.last().map_or(0, |(_, end)| *end));
        if !self.ends.is_empty() {
            self.text.push(';');
        }
        self.text.push_str(&frames[call.function as usize]);
        self.ends.push((number, self.text.len()));
    }
}

/// A name that is one frame of one line, whoever reads it.
pub(super) fn frame(name: &str) -> String {
    let mut frame = clean(name).replace(';', ":");
    // a number at the end would be taken for a weight, a `#` at the beginning for a comment
    let is_number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    if let Some(space) = frame.rfind(' ').filter(|space| is_number(&frame[space + 1..])) {
        frame.replace_range(space..=space, "_");
    }
    if frame.starts_with('#') {
        frame.replace_range(..1, "_");
    }
    match frame.is_empty() {
        true => "?".to_owned(),
        false => frame,
    }
}

/// A text on one line, of characters that XML can have, without spaces around it.
pub(super) fn clean(text: &str) -> String {
    let is_odd = |c: char| {
        c.is_control()
            || matches!(c, '\u{2028}' | '\u{2029}' | '\u{fffe}' | '\u{ffff}')
            || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    let shown = |c: char| match c {
        c if is_odd(c) => '?',
        c if c.is_whitespace() => ' ',
        c => c,
    };
    text.chars().map(shown).collect::<String>().trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_one_frame_of_one_line() {
        for (name, wanted) in [
            ("core::fmt::write", "core::fmt::write"),
            ("<T as core::fmt::Debug>::fmt", "<T as core::fmt::Debug>::fmt"),
            ("a;b\nc\u{1b}[31m", "a:b?c?[31m"),
            ("operator new 17", "operator new_17"),
            ("x 1.5", "x_1.5"),
            ("# comment", "_ comment"),
            ("  ", "?"),
            ("", "?"),
            ("f\u{a0}\u{202e}g\u{ffff}", "f ?g?"),
            ("ends ", "ends"),
            ("[u8; 4]", "[u8: 4]"),
        ] {
            assert_eq!(frame(name), wanted, "{name:?}");
        }
    }
}
