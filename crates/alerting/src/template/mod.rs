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

use std::borrow::Cow;
use std::sync::Arc;

use crate::labels::Labels;

pub(crate) use number::{shortest, significant};

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
///
/// It keeps the text alone and reads it again at each rendering, some microseconds: what was read would
/// take several times as much memory, and hardly any alert fires.
#[derive(Clone, Debug)]
pub struct Template {
    text: Arc<str>,
    /// Whether `{{` means something.
    is_template: bool,
}

impl Template {
    /// Any text is a template; [`error`](Self::error) says what cannot be rendered of it.
    pub fn new(text: impl Into<Arc<str>>) -> Template {
        let text = text.into();
        let is_template = text.contains("{{");
        Template { text, is_template }
    }

    /// What is wrong with it.
    pub fn error(&self) -> Option<String> {
        if self.is_template { parse::parse(&self.text).err() } else { None }
    }

    /// The text as it was written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The text with its values, or as it was written if that fails.
    pub fn render(&self, values: &Values<'_>) -> String {
        rendered(&self.text, values).into_owned()
    }

    /// The text with its values.
    ///
    /// # Errors
    /// A sentence that says what failed.
    pub fn try_render(&self, values: &Values<'_>) -> Result<String, String> {
        match self.is_template {
            true => eval::render(&parse::parse(&self.text)?, values),
            false => Ok(self.text.to_string()),
        }
    }
}

/// A text with its values, or as it was written if that fails or there is nothing to render.
pub(crate) fn rendered<'a>(text: &'a str, values: &Values<'_>) -> Cow<'a, str> {
    let nodes = if text.contains("{{") { parse::parse(text).ok() } else { None };
    let rendered = nodes.and_then(|nodes| eval::render(&nodes, values).ok());
    rendered.map_or(Cow::Borrowed(text), Cow::Owned)
}
