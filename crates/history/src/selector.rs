//! Which series a query or a rule means.

use std::fmt;

use regex_lite::Regex;

use crate::error::{Error, ErrorKind};
use crate::labels::{Labels, METRIC_NAME, Quoted};

/// How a matcher compares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MatchOp {
    /// `=`
    Equal,
    /// `!=`
    NotEqual,
    /// `=~`, on the whole value
    Regex,
    /// `!~`, on the whole value
    NotRegex,
}

impl fmt::Display for MatchOp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            MatchOp::Equal => "=",
            MatchOp::NotEqual => "!=",
            MatchOp::Regex => "=~",
            MatchOp::NotRegex => "!~",
        })
    }
}

/// What the least program of a regular expression takes, about.
const REGEX_BYTES: usize = 512;

/// One condition on a label; a label that is not there has the empty value.
#[derive(Clone, Debug)]
pub struct Matcher {
    /// The name, and the value right behind it.
    text: Box<str>,
    name_bytes: u32,
    op: MatchOp,
    regex: Option<Box<Regex>>,
}

impl Matcher {
    /// A matcher. Regular expressions are those of `regex-lite`: RE2's without Unicode classes
    /// (`\pL`), and `(?i)` for ASCII alone; they match the whole value.
    ///
    /// # Errors
    /// A regular expression that is none.
    pub fn new(name: &str, op: MatchOp, value: &str) -> Result<Matcher, Error> {
        let regex = match op {
            MatchOp::Equal | MatchOp::NotEqual => None,
            MatchOp::Regex | MatchOp::NotRegex => Some(Box::new(compile(value)?)),
        };
        let name_bytes = u32::try_from(name.len()).map_err(|_| {
            Error::new(ErrorKind::Options, "the name of a label has more than 4 GiB; shorten it")
        })?;
        Ok(Matcher { text: [name, value].concat().into(), name_bytes, op, regex })
    }

    /// The label's name.
    pub fn name(&self) -> &str {
        &self.text[..self.name_bytes as usize]
    }

    /// How it compares.
    pub fn op(&self) -> MatchOp {
        self.op
    }

    /// What it compares with.
    pub fn value(&self) -> &str {
        &self.text[self.name_bytes as usize..]
    }

    /// Whether a label of this value is meant; the empty value stands for no label.
    pub fn matches(&self, value: &str) -> bool {
        let found = match &self.regex {
            Some(regex) => regex.is_match(value),
            None => self.value() == value,
        };
        found == matches!(self.op, MatchOp::Equal | MatchOp::Regex)
    }
}

fn compile(value: &str) -> Result<Regex, Error> {
    Regex::new(&format!("^(?:{value})$")).map_err(|cause| {
        let text = format!("{} is no regular expression that is supported: {cause}", Quoted(value));
        Error::new(ErrorKind::Syntax, text)
    })
}

impl fmt::Display for Matcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}{}", self.name(), self.op, Quoted(self.value()))
    }
}

/// The matchers of a selector: a series is meant when all of them match.
///
/// ```
/// use perf_monitor_history::{Labels, Selector};
///
/// let selector = Selector::parse(r#"jobs_total{queue=~"mail|print"}"#)?;
/// assert!(selector.matches(&Labels::new([("__name__", "jobs_total"), ("queue", "mail")])));
/// assert!(!selector.matches(&Labels::new([("__name__", "jobs_total"), ("queue", "maily")])));
/// # Ok::<(), perf_monitor_history::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Selector {
    matchers: Box<[Matcher]>,
}

impl Selector {
    /// The series that all of `matchers` match.
    pub fn new(matchers: impl Into<Box<[Matcher]>>) -> Selector {
        Selector { matchers: matchers.into() }
    }

    /// A selector as PromQL writes it, without range and offset.
    ///
    /// # Errors
    /// What is no selector.
    pub fn parse(text: &str) -> Result<Selector, Error> {
        crate::promql::parse_selector(text)
    }

    /// Its matchers, as they were written; the metric's name is the first.
    pub fn matchers(&self) -> &[Matcher] {
        &self.matchers
    }

    /// The metric's name, where it is asked for by `=`.
    pub fn metric_name(&self) -> Option<&str> {
        let named = |m: &&Matcher| m.name() == METRIC_NAME && m.op == MatchOp::Equal;
        self.matchers.iter().find(named).map(Matcher::value)
    }

    /// Whether a series with these labels is meant.
    pub fn matches(&self, labels: &Labels) -> bool {
        self.matchers.iter().all(|m| m.matches(labels.get(m.name()).unwrap_or_default()))
    }

    /// What it takes on the heap, in bytes.
    pub(crate) fn bytes(&self) -> usize {
        let program =
            |m: &Matcher| m.regex.as_ref().map_or(0, |_| REGEX_BYTES + 64 * m.value().len());
        let own = self.matchers.iter().map(|m| size_of::<Matcher>() + m.text.len() + program(m));
        own.sum()
    }

    /// Whether a series of a metric of this name may be meant, whatever its other labels are.
    pub fn may_mean(&self, name: &str) -> bool {
        self.matchers.iter().all(|m| m.name() != METRIC_NAME || m.matches(name))
    }

    /// Whether it could match a series without any label, which Prometheus refuses.
    pub(crate) fn matches_everything(&self) -> bool {
        self.matchers.iter().all(|matcher| matcher.matches(""))
    }
}

impl fmt::Display for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("{")?;
        for (index, matcher) in self.matchers.iter().enumerate() {
            write!(f, "{}{matcher}", if index == 0 { "" } else { "," })?;
        }
        f.write_str("}")
    }
}
