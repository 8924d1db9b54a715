//! Evaluates a query's tree, one moment after another.

mod aggregate;
mod binary;
mod call;
mod histogram;
mod matching;
mod number;
mod over_time;
mod rate;
mod regression;
mod source;

use std::collections::{HashMap, HashSet};

use crate::error::{Error, ErrorKind, Place};
use crate::labels::Labels;
use crate::limits::Limits;
use crate::promql::ast::{Expr, ExprKind};
use crate::query::{MatrixSeries, Query, QueryValue, VectorSample};
use crate::storage::Storage;
use source::Source;

/// The moments at which a query is evaluated, in milliseconds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Times {
    from_ms: i64,
    until_ms: i64,
    step_ms: i64,
}

impl Times {
    pub(crate) fn new(
        from_ms: i64,
        until_ms: i64,
        step_ms: i64,
        limits: &Limits,
    ) -> Result<Times, Error> {
        if step_ms < 1 || until_ms < from_ms {
            let text = format!(
                "the range from {from_ms} ms to {until_ms} ms by {step_ms} ms: give an end that is not \
                 before the start, and a step of at least 1 ms"
            );
            return Err(Error::new(ErrorKind::Options, text));
        }
        let steps = (until_ms.abs_diff(from_ms) / step_ms as u64).saturating_add(1);
        if steps > limits.steps as u64 {
            let what = format!("a range of {steps} steps");
            return Err(limits.reached(&what, "steps", limits.steps as u64));
        }
        Ok(Times { from_ms, until_ms, step_ms })
    }

    fn once(at_ms: i64) -> Times {
        Times { from_ms: at_ms, until_ms: at_ms, step_ms: 0 }
    }

    fn each(self) -> impl Iterator<Item = i64> {
        let step = self.step_ms.max(1);
        let steps = self.until_ms.abs_diff(self.from_ms) / step as u64;
        (0..=steps).map(move |n| self.from_ms.saturating_add((n as i64).saturating_mul(step)))
    }
}

/// A value while it is worked on.
#[derive(Clone, Debug)]
enum Value {
    Scalar(f64),
    Vector(Vec<VectorSample>),
}

pub(crate) fn instant(
    query: &Query,
    storage: &dyn Storage,
    at_ms: i64,
) -> Result<QueryValue, Error> {
    let source = Source::once(query, storage, at_ms)?;
    let evaluator = Evaluator { query, source };
    if let ExprKind::Matrix(number) = query.parsed().expr.bare().kind {
        return evaluator.source.matrix(number, at_ms).map(QueryValue::Matrix);
    }
    match evaluator.eval(&query.parsed().expr, at_ms)? {
        Value::Scalar(number) => Ok(QueryValue::Scalar(number)),
        Value::Vector(samples) => {
            query.limits().check_series("a result", samples.len())?;
            Ok(QueryValue::Vector(samples))
        }
    }
}

pub(crate) fn range(
    query: &Query,
    storage: &dyn Storage,
    times: Times,
) -> Result<Vec<MatrixSeries>, Error> {
    if let ExprKind::Matrix(_) = query.parsed().expr.bare().kind {
        let text = "a range vector has no value at one moment; apply a function to it, as `rate`";
        return Err(Error::new(ErrorKind::Syntax, text).at(Place { line: 1, column: 1 }));
    }
    let source = Source::over(query, storage, times)?;
    let evaluator = Evaluator { query, source };
    let (mut numbers, mut all) = (HashMap::new(), Vec::<MatrixSeries>::new());
    for at_ms in times.each() {
        let samples = match evaluator.eval(&query.parsed().expr, at_ms)? {
            Value::Scalar(value) => vec![VectorSample { labels: Labels::none(), value }],
            Value::Vector(samples) => samples,
        };
        for VectorSample { labels, value } in samples {
            let number = *numbers.entry(labels.clone()).or_insert(all.len());
            if number == all.len() {
                all.push(MatrixSeries { labels, points: Vec::new() });
            }
            all[number].points.push((at_ms, value));
        }
        query.limits().check_series("a result", all.len())?;
    }
    Ok(all)
}

struct Evaluator<'a> {
    query: &'a Query,
    source: Source<'a>,
}

impl Evaluator<'_> {
    fn eval(&self, expr: &Expr, at_ms: i64) -> Result<Value, Error> {
        match &expr.kind {
            ExprKind::Number(number) => Ok(Value::Scalar(*number)),
            ExprKind::Vector(number) => self.source.vector(*number, at_ms).map(Value::Vector),
            ExprKind::Matrix(_) => Err(self.error(expr, "a range vector stands where none may")),
            ExprKind::Paren(inner) => self.eval(inner, at_ms),
            ExprKind::Negate(inner) => self.negate(inner, at_ms),
            ExprKind::Call(call) => self.call(call.function, &call.args, expr, at_ms),
            ExprKind::Aggregate(aggregate) => {
                let value = aggregate::evaluate(self, aggregate, expr, at_ms)?;
                Ok(Value::Vector(value))
            }
            ExprKind::Binary(binary) => self.binary(binary, expr, at_ms),
        }
    }

    fn vector(&self, expr: &Expr, at_ms: i64) -> Result<Vec<VectorSample>, Error> {
        match self.eval(expr, at_ms)? {
            Value::Vector(samples) => Ok(samples),
            Value::Scalar(_) => Err(self.error(expr, "a scalar stands where a vector must")),
        }
    }

    fn scalar(&self, expr: &Expr, at_ms: i64) -> Result<f64, Error> {
        match self.eval(expr, at_ms)? {
            Value::Scalar(number) => Ok(number),
            Value::Vector(_) => Err(self.error(expr, "a vector stands where a scalar must")),
        }
    }

    fn negate(&self, inner: &Expr, at_ms: i64) -> Result<Value, Error> {
        match self.eval(inner, at_ms)? {
            Value::Scalar(number) => Ok(Value::Scalar(-number)),
            Value::Vector(samples) => self.each(samples, inner, |value| -value).map(Value::Vector),
        }
    }

    /// Changes each value, whose series lose the metric's name with it.
    fn each(
        &self,
        mut samples: Vec<VectorSample>,
        expr: &Expr,
        change: impl Fn(f64) -> f64,
    ) -> Result<Vec<VectorSample>, Error> {
        for sample in &mut samples {
            sample.value = change(sample.value);
            sample.labels = sample.labels.without_name();
        }
        self.unique(samples, expr)
    }

    /// Refuses two series with the same labels, which dropping names may make.
    fn unique(&self, samples: Vec<VectorSample>, expr: &Expr) -> Result<Vec<VectorSample>, Error> {
        if samples.len() > 1 {
            let mut seen = HashSet::with_capacity(samples.len());
            if let Some(twice) = samples.iter().find(|sample| !seen.insert(&sample.labels)) {
                let text = format!(
                    "two series of the result have the labels {}; select one metric or aggregate",
                    twice.labels
                );
                return Err(self.error(expr, text));
            }
        }
        Ok(samples)
    }

    fn error(&self, expr: &Expr, text: impl Into<Box<str>>) -> Error {
        Error::new(ErrorKind::Evaluation, text).at(Place::of(self.query.text(), expr.at()))
    }
}
