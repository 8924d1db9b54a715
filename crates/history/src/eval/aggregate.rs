//! Aggregations: many series to one for each group.

use std::collections::HashMap;

use crate::error::Error;
use crate::labels::{Labels, METRIC_NAME};
use crate::promql::ast::{Aggregate, AggregateOp, Expr};
use crate::query::VectorSample;

use super::Evaluator;
use super::number::{mean_stays, quantile};

/// The members of a group, in the order in which they came.
struct Group {
    labels: Labels,
    members: Vec<VectorSample>,
}

pub(super) fn evaluate(
    evaluator: &Evaluator<'_>,
    aggregate: &Aggregate,
    expr: &Expr,
    at_ms: i64,
) -> Result<Vec<VectorSample>, Error> {
    let param = match &aggregate.param {
        Some(param) => evaluator.scalar(param, at_ms)?,
        None => 0.0,
    };
    let groups = groups(aggregate, evaluator.vector(&aggregate.arg, at_ms)?);
    if matches!(aggregate.op, AggregateOp::Topk | AggregateOp::Bottomk) {
        let count = count_of(param).ok_or_else(|| {
            evaluator
                .error(expr, format!("{:?} of {param} series; give a number", aggregate.op.name()))
        })?;
        return Ok(groups
            .into_iter()
            .flat_map(|group| first(aggregate.op, count, group))
            .collect());
    }
    let one = |group: Group| VectorSample {
        value: value(aggregate.op, param, group.members.iter().map(|member| member.value)),
        labels: group.labels,
    };
    Ok(groups.into_iter().map(one).collect())
}

fn groups(aggregate: &Aggregate, samples: Vec<VectorSample>) -> Vec<Group> {
    let (mut numbers, mut groups) = (HashMap::new(), Vec::<Group>::new());
    let listed = |name: &str| aggregate.labels.iter().any(|label| **label == *name);
    for sample in samples {
        let labels = match aggregate.without {
            true => sample.labels.filtered(|name| name != METRIC_NAME && !listed(name)),
            false => sample.labels.filtered(listed),
        };
        let number = *numbers.entry(labels.clone()).or_insert(groups.len());
        if number == groups.len() {
            groups.push(Group { labels, members: Vec::new() });
        }
        groups[number].members.push(sample);
    }
    groups
}

/// How many series `param` asks for; `None` for what no integer is.
fn count_of(param: f64) -> Option<usize> {
    let integer = (i64::MIN as f64..=i64::MAX as f64).contains(&param);
    integer.then_some(param.max(0.0) as usize)
}

/// The first `count` by value, NaN last.
fn first(op: AggregateOp, count: usize, mut group: Group) -> Vec<VectorSample> {
    let sign = if op == AggregateOp::Topk { -1.0 } else { 1.0 };
    group.members.sort_by(|a, b| {
        let ordered = (a.value * sign).partial_cmp(&(b.value * sign));
        ordered.unwrap_or_else(|| a.value.is_nan().cmp(&b.value.is_nan()))
    });
    group.members.truncate(count);
    group.members
}

fn value(op: AggregateOp, param: f64, values: impl ExactSizeIterator<Item = f64>) -> f64 {
    let count = values.len() as f64;
    match op {
        AggregateOp::Sum => values.fold(0.0, |sum, value| sum + value),
        AggregateOp::Min => values
            .reduce(|least, value| if least > value || least.is_nan() { value } else { least })
            .unwrap_or(f64::NAN),
        AggregateOp::Max => values
            .reduce(|most, value| if most < value || most.is_nan() { value } else { most })
            .unwrap_or(f64::NAN),
        AggregateOp::Avg => mean(values),
        AggregateOp::Count => count,
        AggregateOp::Stddev => variance(values).sqrt(),
        AggregateOp::Stdvar => variance(values),
        AggregateOp::Quantile => quantile(param, &mut values.collect::<Vec<f64>>()),
        // The other two keep their members.
        AggregateOp::Group | AggregateOp::Topk | AggregateOp::Bottomk => 1.0,
    }
}

/// Without a sum that could overflow.
fn mean(values: impl Iterator<Item = f64>) -> f64 {
    let (mut mean, mut count) = (0.0, 0.0);
    for value in values {
        count += 1.0;
        if count == 1.0 {
            mean = value;
        } else if !mean_stays(mean, value) {
            mean += value / count - mean / count;
        }
    }
    mean
}

fn variance(values: impl Iterator<Item = f64>) -> f64 {
    let (mut mean, mut squares, mut count) = (0.0, 0.0, 0.0);
    for value in values {
        count += 1.0;
        if count == 1.0 {
            mean = value;
            squares = if value.is_finite() { 0.0 } else { f64::NAN };
            continue;
        }
        let delta = value - mean;
        mean += delta / count;
        squares += delta * (value - mean);
    }
    squares / count
}
