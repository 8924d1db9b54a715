//! Texts with `{{ … }}` in them, as Prometheus' rule files have them.
//!
//! The part of Go's template language that rules use: values, fields, pipelines, variables, `if` and
//! `with`, and Prometheus' functions except those that query. What cannot be rendered is shown as it
//! was written: a notification with a raw template in it is better than none.

mod eval;
mod functions;
mod lex;
mod number;
mod parse;

use std::sync::Arc;

use crate::labels::Labels;

pub(crate) use number::shortest;

/// What a template is rendered with.
#[derive(Clone, Copy, Debug)]
pub struct Values<'a> {
    /// `$labels`, `.Labels`.
    pub labels: &'a Labels,
    /// `$value`, `.Value`.
    pub value: f64,
}

impl<'a> Values<'a> {
    pub(crate) fn new(labels: &'a Labels, value: f64) -> Values<'a> {
        Values { labels, value }
    }
}

/// A text that may have templates in it.
///
/// ```
/// use perf_monitor_alerting::{Labels, Template, Values};
///
/// let template = Template::new("{{ $labels.route }} took {{ $value | humanizeDuration }}");
/// let labels = Labels::new([("route", "/cart")]);
/// assert_eq!(template.render(&Values { labels: &labels, value: 0.25 }), "/cart took 250ms");
///
/// let broken = Template::new("{{ $value | shout }}");
/// assert!(broken.error().unwrap().contains("shout"));
/// assert_eq!(broken.render(&Values { labels: &labels, value: 0.25 }), "{{ $value | shout }}");
/// ```
#[derive(Clone, Debug)]
pub struct Template {
    text: Arc<str>,
    nodes: Option<Result<Arc<[parse::Node]>, Box<str>>>,
}

impl Template {
    /// Any text is a template; [`error`](Self::error) says what cannot be rendered of it.
    pub fn new(text: impl Into<Arc<str>>) -> Template {
        let text = text.into();
        let nodes = text.contains("{{").then(|| parse::parse(&text).map(Into::into));
        let nodes = nodes.map(|parsed| parsed.map_err(Into::into));
        Template { text, nodes }
    }

    /// A text in which `{{` means nothing.
    pub(crate) fn plain(text: impl Into<Arc<str>>) -> Template {
        Template { text: text.into(), nodes: None }
    }

    /// What is wrong with it.
    pub fn error(&self) -> Option<&str> {
        match &self.nodes {
            Some(Err(why)) => Some(why),
            _ => None,
        }
    }

    /// The text as it was written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The text with its values, or as it was written if that fails.
    pub fn render(&self, values: &Values<'_>) -> String {
        self.try_render(values).unwrap_or_else(|_| self.text.to_string())
    }

    /// The text with its values.
    ///
    /// # Errors
    /// A sentence that says what failed.
    pub fn try_render(&self, values: &Values<'_>) -> Result<String, String> {
        match &self.nodes {
            None => Ok(self.text.to_string()),
            Some(Ok(nodes)) => eval::render(nodes, values),
            Some(Err(why)) => Err(why.to_string()),
        }
    }

    /// What it takes on the heap, in bytes.
    pub(crate) fn bytes(&self) -> usize {
        let nodes = match &self.nodes {
            Some(Ok(nodes)) => nodes.len() * 2 * size_of::<parse::Node>() + self.text.len(),
            _ => 0,
        };
        self.text.len() + 16 + nodes
    }
}
