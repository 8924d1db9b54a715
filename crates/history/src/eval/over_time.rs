//! Functions of the values that a series had within a range.
//!
//! Points of a coarser tier stand for several values: sums, counts, least and largest are those of all of them;
//! where each single value would be needed, their mean stands for each.

use super::number::{Sum, Variance, mean_stays, quantile};
use super::source::Window;

pub(super) fn avg(window: Window<'_>) -> f64 {
    if !window.rollups.is_empty() {
        return sum(window) / count(window);
    }
    let (mut mean, mut count) = (Sum::default(), 0.0);
    for &value in window.values {
        count += 1.0;
        if !mean_stays(mean.sum, value) {
            mean.add(value / count - mean.sum / count);
        }
    }
    mean.finite_total()
}

pub(super) fn sum(window: Window<'_>) -> f64 {
    let mut sum = Sum::default();
    window.rollups.iter().for_each(|rollup| sum.add(rollup.sum));
    fine(window).iter().for_each(|value| sum.add(*value));
    sum.finite_total()
}

pub(super) fn count(window: Window<'_>) -> f64 {
    let coarse: u64 = window.rollups.iter().map(|rollup| u64::from(rollup.count)).sum();
    coarse as f64 + fine(window).len() as f64
}

pub(super) fn min(window: Window<'_>) -> f64 {
    let all = window.rollups.iter().map(|rollup| rollup.min).chain(fine(window).iter().copied());
    all.fold(f64::NAN, |least, value| if value < least || least.is_nan() { value } else { least })
}

pub(super) fn max(window: Window<'_>) -> f64 {
    let all = window.rollups.iter().map(|rollup| rollup.max).chain(fine(window).iter().copied());
    all.fold(f64::NAN, |most, value| if value > most || most.is_nan() { value } else { most })
}

pub(super) fn stddev(window: Window<'_>) -> f64 {
    let mut variance = Variance::default();
    each(window, |value| variance.add(value));
    variance.variance().sqrt()
}

pub(super) fn quantile_of(q: f64, window: Window<'_>) -> f64 {
    let mut values = Vec::with_capacity(window.values.len());
    each(window, |value| values.push(value));
    quantile(q, &mut values)
}

/// The values of the finest tier.
fn fine<'a>(window: Window<'a>) -> &'a [f64] {
    &window.values[window.rollups.len()..]
}

fn each(window: Window<'_>, mut see: impl FnMut(f64)) {
    for rollup in window.rollups {
        (0..rollup.count).for_each(|_| see(rollup.sum / f64::from(rollup.count)));
    }
    fine(window).iter().for_each(|value| see(*value));
}
