//! Calls of functions.

use crate::error::Error;
use crate::labels::{Labels, METRIC_NAME};
use crate::promql::ast::{Expr, ExprKind};
use crate::promql::function::Function;
use crate::query::VectorSample;
use crate::selector::MatchOp;

use super::rate::{self, Kind, extrapolated};
use super::source::Window;
use super::{Evaluator, Value, histogram, number, over_time, regression};

impl Evaluator<'_> {
    pub(super) fn call(
        &self,
        function: Function,
        args: &[Expr],
        expr: &Expr,
        at_ms: i64,
    ) -> Result<Value, Error> {
        let scalar = |index: usize| self.scalar(&args[index], at_ms);
        match function {
            Function::Time => Ok(Value::Scalar(rate::seconds(at_ms))),
            Function::Scalar => {
                let samples = self.vector(&args[0], at_ms)?;
                Ok(Value::Scalar(if let [one] = &*samples { one.value } else { f64::NAN }))
            }
            Function::Vector => {
                let value = scalar(0)?;
                Ok(Value::Vector(vec![VectorSample { labels: Labels::none(), value }]))
            }
            Function::Absent => self.absent(&args[0], at_ms).map(Value::Vector),
            Function::HistogramQuantile => {
                let (q, samples) = (scalar(0)?, self.vector(&args[1], at_ms)?);
                Ok(Value::Vector(histogram::quantiles(q, samples)))
            }
            Function::QuantileOverTime => {
                let q = scalar(0)?;
                self.ranged(&args[1], at_ms, true, |window| Some(over_time::quantile_of(q, window)))
            }
            Function::PredictLinear => {
                let ahead = scalar(1)?;
                self.ranged(&args[0], at_ms, true, |window| {
                    let line = regression::line(window, at_ms)?;
                    Some(line.slope * ahead + line.intercept)
                })
            }
            Function::Rate => {
                self.changed(&args[0], at_ms, Kind { counter: true, per_second: true })
            }
            Function::Increase => {
                self.changed(&args[0], at_ms, Kind { counter: true, per_second: false })
            }
            Function::Delta => {
                self.changed(&args[0], at_ms, Kind { counter: false, per_second: false })
            }
            Function::LastOverTime => {
                self.ranged(&args[0], at_ms, false, |window| window.values.last().copied())
            }
            _ => match of_window(function) {
                Some(of_window) => self.ranged(&args[0], at_ms, true, of_window),
                None => self.mapped(function, args, expr, at_ms).map(Value::Vector),
            },
        }
    }

    /// How much each series changed over its range.
    fn changed(&self, arg: &Expr, at_ms: i64, kind: Kind) -> Result<Value, Error> {
        let (number, mut samples) = (self.selection_of(arg)?, Vec::new());
        self.source.changes(number, at_ms, |series, change, span| {
            if let Some(value) = extrapolated(change, span, kind) {
                samples.push(VectorSample { labels: series.labels.without_name(), value });
            }
        })?;
        self.apart(samples, number, arg)
    }

    /// A function of each series' range.
    fn ranged(
        &self,
        arg: &Expr,
        at_ms: i64,
        drops_name: bool,
        function: impl Fn(Window<'_>) -> Option<f64>,
    ) -> Result<Value, Error> {
        let (number, mut samples) = (self.selection_of(arg)?, Vec::new());
        self.source.windows(number, at_ms, |series, window| {
            if let Some(value) = function(window) {
                let labels = match drops_name {
                    true => series.labels.without_name(),
                    false => series.labels.clone(),
                };
                samples.push(VectorSample { labels, value });
            }
        })?;
        match drops_name {
            true => self.apart(samples, number, arg),
            false => Ok(Value::Vector(samples)),
        }
    }

    fn selection_of(&self, arg: &Expr) -> Result<usize, Error> {
        match arg.bare().kind {
            ExprKind::Matrix(number) => Ok(number),
            _ => Err(self.error(arg, "a range vector is wanted here")),
        }
    }

    /// Refuses what is the same without the metrics' names; series of one metric stay apart.
    fn apart(&self, samples: Vec<VectorSample>, number: usize, arg: &Expr) -> Result<Value, Error> {
        match self.source.selection(number).selector.metric_name().is_some() {
            true => Ok(Value::Vector(samples)),
            false => self.unique(samples, arg).map(Value::Vector),
        }
    }

    /// A function of each value by itself.
    fn mapped(
        &self,
        function: Function,
        args: &[Expr],
        expr: &Expr,
        at_ms: i64,
    ) -> Result<Vec<VectorSample>, Error> {
        let samples = self.vector(&args[0], at_ms)?;
        let scalar = |index: usize, default: f64| match args.get(index) {
            Some(arg) => self.scalar(arg, at_ms),
            None => Ok(default),
        };
        match function {
            Function::Abs => self.each(samples, expr, f64::abs),
            Function::Ceil => self.each(samples, expr, f64::ceil),
            Function::Floor => self.each(samples, expr, f64::floor),
            Function::Round => {
                let inverse = 1.0 / scalar(1, 1.0)?;
                self.each(samples, expr, |value| (value * inverse + 0.5).floor() / inverse)
            }
            Function::ClampMin => {
                let least = scalar(1, f64::NAN)?;
                self.each(samples, expr, |value| number::max(least, value))
            }
            Function::ClampMax => {
                let most = scalar(1, f64::NAN)?;
                self.each(samples, expr, |value| number::min(most, value))
            }
            _ => {
                let (least, most) = (scalar(1, f64::NAN)?, scalar(2, f64::NAN)?);
                let samples = if most < least { Vec::new() } else { samples };
                self.each(samples, expr, |value| number::max(least, number::min(most, value)))
            }
        }
    }

    /// 1 where there is nothing, with the labels that the selector says it would have.
    fn absent(&self, arg: &Expr, at_ms: i64) -> Result<Vec<VectorSample>, Error> {
        if !self.vector(arg, at_ms)?.is_empty() {
            return Ok(Vec::new());
        }
        let mut labels = Labels::none();
        if let ExprKind::Vector(number) = arg.bare().kind {
            let matchers = self.source.selection(number).selector.matchers();
            let sure = matchers.iter().filter(|matcher| {
                let alone =
                    matchers.iter().filter(|other| other.name() == matcher.name()).count() == 1;
                alone && matcher.op() == MatchOp::Equal && matcher.name() != METRIC_NAME
            });
            labels = Labels::of(sure.map(|matcher| (matcher.name(), matcher.value())).collect());
        }
        Ok(vec![VectorSample { labels, value: 1.0 }])
    }
}

/// The functions that make a number of a range alone.
fn of_window(function: Function) -> Option<fn(Window<'_>) -> Option<f64>> {
    Some(match function {
        Function::Irate => rate::instant_rate,
        Function::Deriv => |w| Some(regression::line(w, *w.at_ms.first()?)?.slope),
        Function::AvgOverTime => |w| Some(over_time::avg(w)),
        Function::MinOverTime => |w| Some(over_time::min(w)),
        Function::MaxOverTime => |w| Some(over_time::max(w)),
        Function::SumOverTime => |w| Some(over_time::sum(w)),
        Function::CountOverTime => |w| Some(over_time::count(w)),
        Function::StddevOverTime => |w| Some(over_time::stddev(w)),
        _ => return None,
    })
}
