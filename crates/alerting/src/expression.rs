//! Expressions of rule files, evaluated over stored series.

use perf_monitor_history::{LOOKBACK, Query, Selector, Span, Storage, VectorSample, is_stale};

use crate::error::{Error, ErrorKind};
use crate::labels::Labels;

/// One element of what an expression gives.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    /// Its labels, without the metric's name.
    pub labels: Labels,
    /// Its value.
    pub value: f64,
}

/// An expression of PromQL that was parsed.
///
/// ```
/// use perf_monitor_alerting::Expr;
/// assert!(Expr::parse("rate(requests_total[1m]) > 100").is_ok());
/// let error = Expr::parse("requests_total >").unwrap_err();
/// assert!(error.is_expression() && error.to_string().contains("line 1"));
/// ```
#[derive(Clone, Debug)]
pub struct Expr {
    query: Query,
    /// `None` where all must be there, as for most.
    needs: Option<Box<Needs>>,
}

/// Of which selectors the data must be there for the expression to say anything.
#[derive(Clone, Debug, PartialEq)]
struct Needs {
    /// By the selectors' order; those inside of `absent` and behind `unless` are not needed.
    needed: Box<[bool]>,
    /// Whether one of them is enough, as there is an `or`.
    any: bool,
}

impl Expr {
    /// Reads an expression.
    ///
    /// # Errors
    /// [`is_expression`](Error::is_expression): it is none, or uses what is not supported; the text
    /// says where.
    pub fn parse(text: &str) -> Result<Expr, Error> {
        let query = Query::parse(text).map_err(failed)?;
        let needs = Needs::of(&query.to_string());
        let is_plain = !needs.any && needs.needed.iter().all(|needed| *needed);
        let needs = (!is_plain).then(|| Box::new(needs));
        Ok(Expr { query, needs })
    }

    /// What it gives at a moment, in milliseconds since the Unix epoch: a scalar is one sample without
    /// labels.
    ///
    /// # Errors
    /// [`is_expression`](Error::is_expression): series that cannot be combined, a range vector, a
    /// storage that fails.
    pub fn evaluate(&self, storage: &dyn Storage, unix_ms: i64) -> Result<Vec<Sample>, Error> {
        let all = self.evaluate_with_names(storage, unix_ms)?;
        let sample =
            |s: &VectorSample| Sample { labels: Labels::of_series(&s.labels), value: s.value };
        Ok(all.iter().map(sample).collect())
    }

    /// The same with the metric's name.
    pub(crate) fn evaluate_with_names(
        &self,
        storage: &dyn Storage,
        unix_ms: i64,
    ) -> Result<Vec<VectorSample>, Error> {
        let found = self.query.instant(storage, unix_ms).map_err(failed)?;
        found.into_vector().ok_or_else(is_range)
    }

    /// Whether data that it needs for an alert of these labels is not there at a moment: then nobody
    /// knows whether the alert holds.
    ///
    /// Each selector must have a series that has not ended and whose labels do not contradict the
    /// alert's; where there is an `or`, one selector must. A storage that fails has none.
    pub fn is_missing(&self, storage: &dyn Storage, labels: &Labels, unix_ms: i64) -> bool {
        let is_needed =
            |at: usize| self.needs.as_ref().is_none_or(|n| n.needed.get(at) == Some(&true));
        let needed = self.query.selectors().enumerate().filter(|(at, _)| is_needed(*at));
        let mut found = needed.map(|(_, selector)| has_data(storage, selector, labels, unix_ms));
        match self.needs.as_ref().is_some_and(|needs| needs.any) {
            true => !found.any(|has| has),
            false => !found.all(|has| has),
        }
    }

    /// What its selectors mean, in their order.
    pub fn selectors(&self) -> impl Iterator<Item = &Selector> {
        self.query.selectors()
    }

    /// As it was written.
    pub fn text(&self) -> &str {
        self.query.text()
    }

    /// What it takes on the heap, in bytes, itself in an `Arc` included.
    pub(crate) fn bytes(&self) -> usize {
        let needs = self.needs.as_ref().map_or(0, |needs| size_of::<Needs>() + needs.needed.len());
        2 * size_of::<usize>() + size_of::<Expr>() + self.query.bytes() + needs
    }
}

fn has_data(storage: &dyn Storage, selector: &Selector, labels: &Labels, unix_ms: i64) -> bool {
    let from_ms = unix_ms - LOOKBACK.as_millis() as i64;
    let span = Span { from_ms, until_ms: unix_ms, step_ms: 0 };
    let series = storage.select(selector, span).unwrap_or_default();
    let mut fitting = series.iter().filter(|s| Labels::of_series(&s.labels).agrees_with(labels));
    fitting.any(|series| {
        let last = storage.last(series.id, span).unwrap_or_default();
        last.is_some_and(|(_, value)| !is_stale(value))
    })
}

pub(crate) fn failed(error: perf_monitor_history::Error) -> Error {
    Error::new(ErrorKind::Expression, error.to_string()).because(error)
}

fn is_range() -> Error {
    let message = "the expression gives a range vector: wrap it, as in rate(x[1m])";
    Error::new(ErrorKind::Expression, message)
}

impl Needs {
    /// From a query as the history prints it: every selector in braces, every operation in parentheses.
    fn of(printed: &str) -> Needs {
        let mut needs = Vec::new();
        let mut any = false;
        // For each open parenthesis, whether what follows in it is needed.
        let mut open = vec![true];
        let mut rest = printed;
        while let Some(first) = rest.chars().next() {
            let word = rest.len() - rest.trim_start_matches(is_word).len();
            if word > 0 {
                let (name, after) = rest.split_at(word);
                match name {
                    "unless" => open.iter_mut().last().into_iter().for_each(|o| *o = false),
                    "or" => any = true,
                    _ => {}
                }
                let is_absent = name.starts_with("absent") && after.starts_with('(');
                rest = after;
                if is_absent {
                    open.push(false);
                    rest = &rest[1..];
                }
                continue;
            }
            let needed = open.last().copied().unwrap_or(true);
            match first {
                '(' => open.push(needed),
                ')' => drop(open.pop()),
                '{' => {
                    needs.push(needed);
                    rest = after_selector(rest);
                    continue;
                }
                _ => {}
            }
            rest = &rest[first.len_utf8()..];
        }
        Needs { needed: needs.into(), any }
    }
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_' || c == ':'
}

/// What comes after the selector that `text` begins with: its values may have any character.
fn after_selector(text: &str) -> &str {
    let (mut quoted, mut escaped) = (false, false);
    for (at, c) in text.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            '}' if !quoted => return &text[at + 1..],
            _ => {}
        }
    }
    ""
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_be_absent_is_not_needed() {
        for (text, needed, any) in [
            ("up == 0", &[true][..], false),
            ("absent(up{job=\"a)b\"}) == 1", &[false], false),
            ("a > 1 unless b > 2", &[true, false], false),
            ("(a unless b) > on(x) c", &[true, false, true], false),
            ("sum by (or) (rate(a{x=\"or\"}[5m])) / b", &[true, true], true),
            ("a or b", &[true, true], true),
            ("1 + 1", &[], false),
        ] {
            let needs = Needs::of(&Query::parse(text).unwrap().to_string());
            // A label called `or` only makes it less strict.
            assert_eq!((&*needs.needed, needs.any), (needed, any), "{text}");
        }
    }
}
