//! Quantiles of classic histograms: one series for each bucket, told apart by `le`.

use std::collections::HashMap;

use crate::labels::{Labels, METRIC_NAME};
use crate::query::VectorSample;

const EDGE: &str = "le";

/// A bucket's upper edge and how many observations lie at or below it.
#[derive(Clone, Copy, Debug)]
struct Bucket {
    edge: f64,
    count: f64,
}

/// The quantile of each histogram in `samples`; what has no edge is no bucket.
pub(super) fn quantiles(q: f64, samples: Vec<VectorSample>) -> Vec<VectorSample> {
    let (mut numbers, mut histograms) = (HashMap::new(), Vec::<(Labels, Vec<Bucket>)>::new());
    for sample in samples {
        let Some(edge) = sample.labels.get(EDGE).and_then(edge_of) else { continue };
        let labels = sample.labels.filtered(|name| name != EDGE && name != METRIC_NAME);
        let number = *numbers.entry(labels.clone()).or_insert(histograms.len());
        if number == histograms.len() {
            histograms.push((labels, Vec::new()));
        }
        histograms[number].1.push(Bucket { edge, count: sample.value });
    }
    let answer = |(labels, buckets)| VectorSample { labels, value: quantile(q, buckets) };
    histograms.into_iter().map(answer).collect()
}

/// A number as Go's `ParseFloat` reads it.
fn edge_of(text: &str) -> Option<f64> {
    let number = text.strip_prefix('+').unwrap_or(text);
    number.parse().ok()
}

fn quantile(q: f64, mut buckets: Vec<Bucket>) -> f64 {
    if q.is_nan() {
        return f64::NAN;
    }
    if !(0.0..=1.0).contains(&q) {
        return if q < 0.0 { f64::NEG_INFINITY } else { f64::INFINITY };
    }
    buckets.sort_by(|a, b| a.edge.total_cmp(&b.edge));
    let unbounded = buckets.last().is_some_and(|bucket| bucket.edge == f64::INFINITY);
    coalesce(&mut buckets);
    make_monotonic(&mut buckets);
    let count = buckets.last().map_or(0.0, |bucket| bucket.count);
    if !unbounded || buckets.len() < 2 || count == 0.0 {
        return f64::NAN;
    }
    within(&buckets, q * count)
}

/// The value below which `rank` observations lie, taking those of a bucket as spread evenly.
fn within(buckets: &[Bucket], rank: f64) -> f64 {
    let last = buckets.len() - 1;
    let index = (0..last).find(|index| buckets[*index].count >= rank).unwrap_or(last);
    let Bucket { edge, count } = buckets[index];
    if index == last {
        return buckets[last - 1].edge;
    }
    if index == 0 && edge <= 0.0 {
        return edge;
    }
    let below = match index {
        0 => Bucket { edge: 0.0, count: 0.0 },
        _ => buckets[index - 1],
    };
    below.edge + (edge - below.edge) * ((rank - below.count) / (count - below.count))
}

/// Adds up buckets of one edge, written in two ways.
fn coalesce(buckets: &mut Vec<Bucket>) {
    buckets.dedup_by(|next, kept| {
        let same = next.edge == kept.edge;
        kept.count += if same { next.count } else { 0.0 };
        same
    });
}

/// Rates of buckets that were read one after another may fall by a little from edge to edge.
fn make_monotonic(buckets: &mut [Bucket]) {
    let Some(first) = buckets.first() else { return };
    let mut most = first.count;
    for bucket in buckets {
        if bucket.count > most {
            most = bucket.count;
        } else if bucket.count < most {
            bucket.count = most;
        }
    }
}
