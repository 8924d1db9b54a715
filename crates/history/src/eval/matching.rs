//! Operators between vectors: which series belong together, and what labels their result has.

use std::collections::{HashMap, HashSet};

use crate::error::Error;
use crate::labels::{Labels, METRIC_NAME};
use crate::promql::ast::{Binary, BinaryOp, Card, Expr, Matching};
use crate::query::VectorSample;

use super::Evaluator;
use super::binary::{apply, as_number, drops_name};

type Vector = Vec<VectorSample>;

pub(super) fn evaluate(
    evaluator: &Evaluator<'_>,
    binary: &Binary,
    left: Vector,
    right: Vector,
    expr: &Expr,
) -> Result<Vector, Error> {
    match binary.op.is_set() {
        true => Ok(set(binary, left, right)),
        false => paired(evaluator, binary, left, right, expr),
    }
}

/// The labels by which a series finds its partner.
fn key(matching: &Matching, labels: &Labels) -> Labels {
    labels.filtered(|name| matching.counts(name))
}

fn set(binary: &Binary, mut left: Vector, mut right: Vector) -> Vector {
    let keys = |samples: &Vector| -> HashSet<Labels> {
        samples.iter().map(|sample| key(binary.matching(), &sample.labels)).collect()
    };
    if binary.op == BinaryOp::Or {
        let there = keys(&left);
        right.retain(|sample| !there.contains(&key(binary.matching(), &sample.labels)));
        left.append(&mut right);
        return left;
    }
    let (there, wanted) = (keys(&right), binary.op == BinaryOp::And);
    left.retain(|sample| there.contains(&key(binary.matching(), &sample.labels)) == wanted);
    left
}

/// Arithmetic and comparisons: each series of the many with its partner of the one.
fn paired(
    evaluator: &Evaluator<'_>,
    binary: &Binary,
    left: Vector,
    right: Vector,
    expr: &Expr,
) -> Result<Vector, Error> {
    if left.is_empty() || right.is_empty() {
        return Ok(Vec::new());
    }
    let swapped = binary.matching().card == Card::OneToMany;
    let (many, one) = if swapped { (right, left) } else { (left, right) };
    let partners = partners(evaluator, binary, one, swapped, expr)?;
    let (mut results, mut taken) = (Vec::new(), HashSet::new());
    for sample in many {
        let key = key(binary.matching(), &sample.labels);
        let Some(partner) = partners.get(&key) else { continue };
        let (l, r) = match swapped {
            true => (partner.value, sample.value),
            false => (sample.value, partner.value),
        };
        let (value, holds) = apply(binary.op, l, r);
        if !holds && !binary.bool {
            continue;
        }
        let labels = result_labels(binary, &sample.labels, &partner.labels);
        let one_to_one = binary.matching().card == Card::OneToOne;
        let unique = taken.insert(if one_to_one { key } else { labels.clone() });
        if !unique {
            return Err(ambiguous(evaluator, binary, &labels, expr));
        }
        let value = if binary.bool { as_number(holds) } else { value };
        results.push(VectorSample { labels, value });
    }
    evaluator.unique(results, expr)
}

fn partners(
    evaluator: &Evaluator<'_>,
    binary: &Binary,
    one: Vector,
    swapped: bool,
    expr: &Expr,
) -> Result<HashMap<Labels, VectorSample>, Error> {
    let mut partners = HashMap::with_capacity(one.len());
    for sample in one {
        let key = key(binary.matching(), &sample.labels);
        if partners.contains_key(&key) {
            let side = if swapped { "left" } else { "right" };
            let text = format!(
                "several series on the {side} side of {:?} match {key}; each may match one, so name more \
                 labels in \"on\" or aggregate",
                binary.op.name()
            );
            return Err(evaluator.error(expr, text));
        }
        partners.insert(key, sample);
    }
    Ok(partners)
}

fn ambiguous(evaluator: &Evaluator<'_>, binary: &Binary, labels: &Labels, expr: &Expr) -> Error {
    let remedy = match binary.matching().card {
        Card::OneToOne => "say \"group_left\" or \"group_right\" where several may match one",
        _ => "the labels of the grouping must tell the results apart",
    };
    let op = binary.op.name();
    evaluator
        .error(expr, format!("several results of {op:?} would have the labels {labels}; {remedy}"))
}

/// The labels of the many, as far as the matching leaves them, with what they take from the one.
fn result_labels(binary: &Binary, many: &Labels, one: &Labels) -> Labels {
    let Matching { on, labels, card, include } = binary.matching();
    let listed = |name: &str| labels.iter().any(|own| **own == *name);
    let result = many.filtered(|name| {
        let name_is_dropped = drops_name(binary) && name == METRIC_NAME;
        let stays = *card != Card::OneToOne || listed(name) == *on;
        !name_is_dropped && stays
    });
    if include.is_empty() {
        return result;
    }
    let taken: Vec<(&str, &str)> =
        include.iter().map(|name| (&**name, one.get(name).unwrap_or_default())).collect();
    result.with(&taken)
}
