//! Expressions of rule files, and who evaluates them.

use crate::error::Error;
use crate::labels::Labels;

/// One element of what an expression gives.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    /// Its labels, without the metric's name.
    pub labels: Labels,
    /// Its value.
    pub value: f64,
}

/// Evaluates expressions over series that it has.
///
/// It is called once a tick for every rule, so it should answer from memory.
pub trait Evaluator: Send + Sync + 'static {
    /// What `expr` gives at a moment, in milliseconds since the Unix epoch; a scalar is one sample
    /// without labels.
    ///
    /// # Errors
    /// [`is_expression`](Error::is_expression): it cannot be evaluated, such as for two series that
    /// match one.
    fn evaluate(&self, expr: &Expr, unix_ms: i64) -> Result<Vec<Sample>, Error>;

    /// Whether data that `expr` needs for an alert of these labels is not there at that moment: then
    /// nobody knows whether the alert holds.
    fn is_missing(&self, expr: &Expr, labels: &Labels, unix_ms: i64) -> bool;
}

/// An expression of PromQL that was parsed.
#[derive(Clone, Debug)]
pub struct Expr {
    text: Box<str>,
}

impl Expr {
    /// Reads an expression.
    ///
    /// # Errors
    /// [`is_expression`](Error::is_expression): it is none, or uses what is not supported; the text
    /// says where.
    pub fn parse(text: &str) -> Result<Expr, Error> {
        Ok(Expr { text: text.into() })
    }

    /// What it takes on the heap, in bytes.
    pub(crate) fn bytes(&self) -> usize {
        self.text.len()
    }
}
