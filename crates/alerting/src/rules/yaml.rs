//! YAML as a tree in which everything has its line.

use std::collections::HashMap;
use std::rc::Rc;

use saphyr_parser::{Event, Parser, ScalarStyle, Span};

/// How deep a file may nest, and how many nodes it may have with its aliases written out: a few lines
/// of aliases could otherwise mean terabytes.
const DEEPEST: usize = 64;
const MOST_NODES: usize = 200_000;

/// A node and the line where it begins, counted from 1.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub(crate) line: u32,
    pub(crate) content: Rc<Content>,
}

#[derive(Debug)]
pub(crate) enum Content {
    /// Text, and whether it stood there without quotes, so that it may mean something else than text.
    Scalar(String, bool),
    Sequence(Vec<Node>),
    Mapping(Vec<(Node, Node)>),
}

/// What is wrong with a file, and where.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Wrong {
    pub(crate) line: u32,
    pub(crate) what: String,
}

impl Node {
    /// The one document in `text`; `None` if it is empty.
    pub(crate) fn parse(text: &str) -> Result<Option<Node>, Wrong> {
        let mut events =
            Events { parser: Parser::new_from_str(text), anchors: HashMap::new(), nodes: 0 };
        let mut document = None;
        loop {
            let (event, span) = events.next()?;
            match event {
                Event::StreamEnd => return Ok(document),
                Event::StreamStart | Event::DocumentStart(_) | Event::DocumentEnd => {}
                Event::Nothing => {}
                event if document.is_none() => {
                    document = Some(events.node(event, span, 0)?.0);
                }
                _ => return Err(wrong(span, "a second document: put everything into the first")),
            }
        }
    }

    pub(crate) fn wrong(&self, what: impl Into<String>) -> Wrong {
        Wrong { line: self.line, what: what.into() }
    }

    /// Whether it stands for no value.
    pub(crate) fn is_null(&self) -> bool {
        let null = ["", "~", "null", "Null", "NULL"];
        matches!(&*self.content, Content::Scalar(text, true) if null.contains(&&**text))
    }

    /// Any scalar as the text that it was written as, as Go's decoder takes it for a string.
    pub(crate) fn text(&self) -> Result<&str, Wrong> {
        match &*self.content {
            Content::Scalar(text, _) => Ok(if self.is_null() { "" } else { text }),
            _ => Err(self.wrong("a text is expected here")),
        }
    }

    pub(crate) fn number(&self) -> Result<f64, Wrong> {
        let text = self.text()?;
        let parsed = match text {
            ".inf" | ".Inf" | "+.inf" | "+Inf" | "Inf" => Ok(f64::INFINITY),
            "-.inf" | "-.Inf" | "-Inf" => Ok(f64::NEG_INFINITY),
            ".nan" | ".NaN" => Ok(f64::NAN),
            text => text.parse(),
        };
        parsed.map_err(|_| self.wrong(format!("{text:?} is no number")))
    }

    pub(crate) fn sequence(&self) -> Result<&[Node], Wrong> {
        match &*self.content {
            Content::Sequence(nodes) => Ok(nodes),
            _ if self.is_null() => Ok(&[]),
            _ => Err(self.wrong("a list is expected here: begin its items with `- `")),
        }
    }

    /// Keys and values, of which no key is there twice.
    pub(crate) fn mapping(&self) -> Result<Vec<(&str, &Node, &Node)>, Wrong> {
        let pairs = match &*self.content {
            Content::Mapping(pairs) => pairs,
            _ if self.is_null() => return Ok(Vec::new()),
            _ => return Err(self.wrong("keys and values are expected here: write `key: value`")),
        };
        let mut seen: Vec<(&str, &Node, &Node)> = Vec::with_capacity(pairs.len());
        let mut known: HashMap<&str, u32> = HashMap::new();
        for (key, value) in pairs {
            let name = key.text()?;
            if name == "<<" {
                merge(value, &mut seen, pairs)?;
                continue;
            }
            if let Some(line) = known.insert(name, key.line) {
                return Err(key.wrong(format!("{name:?} is there already, in line {line}")));
            }
            seen.push((name, key, value));
        }
        Ok(seen)
    }
}

/// `<<: *anchor`: the pairs of another mapping that this one has not itself.
fn merge<'a>(
    value: &'a Node,
    seen: &mut Vec<(&'a str, &'a Node, &'a Node)>,
    own: &[(Node, Node)],
) -> Result<(), Wrong> {
    let sources: Vec<&Node> = match &*value.content {
        Content::Sequence(nodes) => nodes.iter().collect(),
        _ => vec![value],
    };
    for source in sources {
        for (name, key, value) in source.mapping()? {
            let is_own = own.iter().any(|(key, _)| key.text().is_ok_and(|own| own == name));
            if !is_own && seen.iter().all(|(known, _, _)| *known != name) {
                seen.push((name, key, value));
            }
        }
    }
    Ok(())
}

struct Events<'a> {
    parser: Parser<'a, saphyr_parser::StrInput<'a>>,
    /// With the number of nodes of each, aliases written out.
    anchors: HashMap<usize, (Node, usize)>,
    nodes: usize,
}

impl<'a> Events<'a> {
    fn next(&mut self) -> Result<(Event<'a>, Span), Wrong> {
        match self.parser.next_event() {
            Some(Ok(event)) => Ok(event),
            Some(Err(error)) => Err(Wrong {
                line: error.marker().line().try_into().unwrap_or(u32::MAX),
                what: format!("this is no YAML: {}", error.info()),
            }),
            None => Ok((Event::StreamEnd, Span::empty(saphyr_parser::Marker::new(0, 1, 0)))),
        }
    }

    /// The node that begins with `event`, and how many nodes it has.
    fn node(&mut self, event: Event<'a>, span: Span, depth: usize) -> Result<(Node, usize), Wrong> {
        if depth > DEEPEST {
            return Err(wrong(span, "this nests too deep: make it flatter"));
        }
        let begun = self.nodes;
        self.count(span, 1)?;
        let (content, anchor) = match event {
            Event::Scalar(text, style, anchor, tag) => {
                let plain = style == ScalarStyle::Plain && tag.is_none();
                (Content::Scalar(text.into_owned(), plain), anchor)
            }
            Event::SequenceStart(anchor, _) => (Content::Sequence(self.sequence(depth)?), anchor),
            Event::MappingStart(anchor, _) => (Content::Mapping(self.mapping(depth)?), anchor),
            Event::Alias(id) => {
                let unknown = || wrong(span, "this alias has no anchor before it");
                let (node, nodes) = self.anchors.get(&id).cloned().ok_or_else(unknown)?;
                self.count(span, nodes)?;
                return Ok((Node { line: line(span), ..node }, nodes));
            }
            _ => return Err(wrong(span, "this is no value")),
        };
        let node = Node { line: line(span), content: Rc::new(content) };
        let nodes = self.nodes - begun;
        if anchor > 0 {
            self.anchors.insert(anchor, (node.clone(), nodes));
        }
        Ok((node, nodes))
    }

    fn sequence(&mut self, depth: usize) -> Result<Vec<Node>, Wrong> {
        let mut nodes = Vec::new();
        loop {
            match self.next()? {
                (Event::SequenceEnd, _) => return Ok(nodes),
                (event, span) => nodes.push(self.node(event, span, depth + 1)?.0),
            }
        }
    }

    fn mapping(&mut self, depth: usize) -> Result<Vec<(Node, Node)>, Wrong> {
        let mut pairs = Vec::new();
        loop {
            let key = match self.next()? {
                (Event::MappingEnd, _) => return Ok(pairs),
                (event, span) => self.node(event, span, depth + 1)?.0,
            };
            let (event, span) = self.next()?;
            pairs.push((key, self.node(event, span, depth + 1)?.0));
        }
    }

    fn count(&mut self, span: Span, nodes: usize) -> Result<(), Wrong> {
        self.nodes += nodes;
        match self.nodes > MOST_NODES {
            true => {
                Err(wrong(span, "the file means too much: use fewer aliases, or several files"))
            }
            false => Ok(()),
        }
    }
}

fn line(span: Span) -> u32 {
    span.start.line().try_into().unwrap_or(u32::MAX)
}

fn wrong(span: Span, what: &str) -> Wrong {
    Wrong { line: line(span), what: what.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_node_knows_its_line() {
        let text = "a: 1\nb:\n  - x\n  - &y {c: d}\n  - *y\nlong: |\n  one\n  two\n";
        let node = Node::parse(text).unwrap().unwrap();
        let pairs = node.mapping().unwrap();
        let lines: Vec<_> = pairs.iter().map(|(name, key, _)| (*name, key.line)).collect();
        assert_eq!(lines, [("a", 1), ("b", 2), ("long", 6)]);
        let items = pairs[1].2.sequence().unwrap();
        assert_eq!(items.iter().map(|n| n.line).collect::<Vec<_>>(), [3, 4, 5]);
        assert_eq!(items[2].mapping().unwrap()[0].2.text().unwrap(), "d");
        assert_eq!(pairs[2].2.text().unwrap(), "one\ntwo\n");
    }

    #[test]
    fn a_key_that_is_there_twice_and_broken_yaml_have_lines() {
        let node = Node::parse("a: 1\nb: 2\na: 3\n").unwrap().unwrap();
        assert_eq!(node.mapping().unwrap_err().line, 3);
        assert_eq!(Node::parse("a: [1\nb: 2\n").unwrap_err().line, 2);
        assert!(Node::parse("").unwrap().is_none());
    }

    #[test]
    fn aliases_that_mean_terabytes_are_refused() {
        let mut text = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n".to_owned();
        for n in 1..20 {
            let all = vec![format!("*a{}", n - 1); 9].join(", ");
            text += &format!("a{n}: &a{n} [{all}]\n");
        }
        assert!(Node::parse(&text).unwrap_err().what.contains("aliases"));
    }

    #[test]
    fn a_merge_adds_what_is_not_there() {
        let text = "base: &b {x: 1, y: 2}\nown:\n  <<: *b\n  y: 3\n";
        let node = Node::parse(text).unwrap().unwrap();
        let pairs = node.mapping().unwrap();
        let own = pairs[1].2.mapping().unwrap();
        let mut values: Vec<_> = own.iter().map(|(n, _, v)| (*n, v.text().unwrap())).collect();
        values.sort_unstable();
        assert_eq!(values, [("x", "1"), ("y", "3")]);
    }
}
