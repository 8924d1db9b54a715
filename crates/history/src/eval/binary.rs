//! Operators between scalars, and between a scalar and a vector.

use crate::error::Error;
use crate::promql::ast::{Binary, BinaryOp, Expr};
use crate::query::VectorSample;

use super::{Evaluator, Value, matching};

/// What an operator makes of two numbers, and whether a comparison holds.
pub(super) fn apply(op: BinaryOp, left: f64, right: f64) -> (f64, bool) {
    match op {
        BinaryOp::Add => (left + right, true),
        BinaryOp::Sub => (left - right, true),
        BinaryOp::Mul => (left * right, true),
        BinaryOp::Div => (left / right, true),
        BinaryOp::Mod => (left % right, true),
        BinaryOp::Pow => (left.powf(right), true),
        BinaryOp::Equal => (left, left == right),
        BinaryOp::NotEqual => (left, left != right),
        BinaryOp::Greater => (left, left > right),
        BinaryOp::Less => (left, left < right),
        BinaryOp::GreaterOrEqual => (left, left >= right),
        BinaryOp::LessOrEqual => (left, left <= right),
        BinaryOp::And | BinaryOp::Or | BinaryOp::Unless => (left, true),
    }
}

/// Of a comparison with `bool`: 0 or 1.
pub(super) fn as_number(holds: bool) -> f64 {
    f64::from(u8::from(holds))
}

/// Whether the result is another quantity than the operands, so that the metric's name is dropped.
pub(super) fn drops_name(binary: &Binary) -> bool {
    binary.bool || !binary.op.is_comparison()
}

impl Evaluator<'_> {
    pub(super) fn binary(&self, binary: &Binary, expr: &Expr, at_ms: i64) -> Result<Value, Error> {
        let (left, right) = (self.eval(&binary.left, at_ms)?, self.eval(&binary.right, at_ms)?);
        match (left, right) {
            (Value::Scalar(left), Value::Scalar(right)) => {
                let (value, holds) = apply(binary.op, left, right);
                Ok(Value::Scalar(if binary.bool { as_number(holds) } else { value }))
            }
            (Value::Vector(samples), Value::Scalar(number)) => {
                self.with_scalar(binary, samples, number, false, expr).map(Value::Vector)
            }
            (Value::Scalar(number), Value::Vector(samples)) => {
                self.with_scalar(binary, samples, number, true, expr).map(Value::Vector)
            }
            (Value::Vector(left), Value::Vector(right)) => {
                matching::evaluate(self, binary, left, right, expr).map(Value::Vector)
            }
        }
    }

    /// A comparison keeps the element of the vector, whichever side it is on.
    fn with_scalar(
        &self,
        binary: &Binary,
        mut samples: Vec<VectorSample>,
        number: f64,
        number_is_left: bool,
        expr: &Expr,
    ) -> Result<Vec<VectorSample>, Error> {
        let (comparison, drops_name) = (binary.op.is_comparison(), drops_name(binary));
        samples.retain_mut(|sample| {
            let (left, right) = match number_is_left {
                true => (number, sample.value),
                false => (sample.value, number),
            };
            let (value, holds) = apply(binary.op, left, right);
            sample.value = match (binary.bool, comparison) {
                (true, _) => as_number(holds),
                (false, true) => sample.value,
                (false, false) => value,
            };
            if drops_name {
                sample.labels = sample.labels.without_name();
            }
            holds || binary.bool
        });
        if drops_name { self.unique(samples, expr) } else { Ok(samples) }
    }
}
