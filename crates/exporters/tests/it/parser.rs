//! A strict reader of expositions, written from the formats' descriptions.

use std::collections::BTreeMap;

#[derive(Debug, Default, PartialEq)]
pub(crate) struct Exposition {
    pub(crate) families: BTreeMap<String, Family>,
    pub(crate) samples: Vec<Sample>,
    /// Whether the last line is OpenMetrics' end mark.
    pub(crate) ended: bool,
}

#[derive(Debug, Default, PartialEq)]
pub(crate) struct Family {
    pub(crate) help: String,
    pub(crate) kind: String,
    pub(crate) unit: String,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Sample {
    pub(crate) name: String,
    pub(crate) labels: Vec<(String, String)>,
    pub(crate) value: String,
}

impl Sample {
    pub(crate) fn label(&self, name: &str) -> Option<&str> {
        self.labels.iter().find(|(label, _)| label == name).map(|(_, value)| &**value)
    }

    pub(crate) fn number(&self) -> f64 {
        self.value.parse().unwrap()
    }
}

impl Exposition {
    /// Reads `text`; panics with the line at fault.
    pub(crate) fn parse(text: &str) -> Exposition {
        let mut read = Exposition::default();
        assert!(text.is_empty() || text.ends_with('\n'), "the last line is not ended");
        for line in text.lines_of_exposition() {
            assert!(!read.ended, "{line:?} comes after the end");
            match line.strip_prefix("# ") {
                Some("EOF") => read.ended = true,
                Some(comment) => read.comment(comment),
                None => read.samples.push(sample(line)),
            }
        }
        read
    }

    pub(crate) fn named<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Sample> {
        self.samples.iter().filter(move |sample| sample.name == name)
    }

    fn comment(&mut self, comment: &str) {
        let mut words = comment.splitn(3, ' ');
        let (keyword, name) = (words.next().unwrap(), words.next().unwrap_or(""));
        let text = words.next().unwrap_or("");
        if !matches!(keyword, "HELP" | "TYPE" | "UNIT") {
            return;
        }
        let family = self.families.entry(name.to_owned()).or_default();
        match keyword {
            "HELP" => family.help = unescape(text),
            "TYPE" => family.kind = text.to_owned(),
            _ => family.unit = text.to_owned(),
        }
    }
}

/// Lines end at a line feed alone: a carriage return belongs to the line.
trait Lines {
    fn lines_of_exposition(&self) -> impl Iterator<Item = &str>;
}

impl Lines for str {
    fn lines_of_exposition(&self) -> impl Iterator<Item = &str> {
        self.split_terminator('\n')
    }
}

fn sample(line: &str) -> Sample {
    let name_end = line.find(['{', ' ']).unwrap_or_else(|| panic!("no value in {line:?}"));
    let (name, mut rest) = line.split_at(name_end);
    let mut labels = Vec::new();
    if let Some(mut inner) = rest.strip_prefix('{') {
        loop {
            let (label, behind) = inner.split_once("=\"").unwrap_or_else(|| panic!("{line:?}"));
            let end =
                closing_quote(behind).unwrap_or_else(|| panic!("no closing quote in {line:?}"));
            labels.push((label.to_owned(), unescape(&behind[..end])));
            inner = &behind[end + 1..];
            match inner.strip_prefix(',') {
                Some(more) => inner = more,
                None => break,
            }
        }
        rest = inner.strip_prefix('}').unwrap_or_else(|| panic!("no closing brace in {line:?}"));
    }
    let value =
        rest.strip_prefix(' ').unwrap_or_else(|| panic!("no blank before the value in {line:?}"));
    Sample { name: name.to_owned(), labels, value: value.to_owned() }
}

fn closing_quote(text: &str) -> Option<usize> {
    let mut escaped = false;
    text.bytes().position(|byte| {
        let closes = byte == b'"' && !escaped;
        escaped = byte == b'\\' && !escaped;
        closes
    })
}

fn unescape(text: &str) -> String {
    let mut out = String::new();
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        out.push(match c {
            '\\' => match chars.next() {
                Some('n') => '\n',
                Some(c @ ('\\' | '"')) => c,
                other => panic!("unknown escape {other:?} in {text:?}"),
            },
            c => c,
        });
    }
    out
}
