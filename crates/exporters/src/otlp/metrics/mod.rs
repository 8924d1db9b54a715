//! A registry's families as OTLP metrics.
//!
//! | a family of | becomes |
//! |---|---|
//! | counters | a monotonic sum: of integers where the recorded number is in its base unit, else of doubles |
//! | gauges | a gauge of doubles; NaN stays NaN |
//! | histograms | an exponential histogram with sum, smallest and largest value, and exemplars |
//!
//! Names are those of the scrape, with `_total` and the unit: a Prometheus that is sent OTLP appends neither where it
//! is there already, so both roads lead to the same series. Units are UCUM's: `s`, `By`, `1` for a ratio. Plain numbers
//! have none, because Prometheus makes a ratio of each gauge whose unit is `1`. Labels are attributes of text; the
//! series that takes what had no room has the one attribute `otel.metric.overflow`, which is true.
//!
//! Exponential histograms need no edges that fit; but a receiver has to know them. A Prometheus does where its native
//! histograms are switched on.
//!
//! Sums and histograms are cumulative since their series began, which each point tells as its start. A receiver that
//! missed a request, or got one twice, loses nothing but the values in between, so nothing is kept for what failed.
//! Deltas would take that away; they are not offered.
//!
//! All of it is written by hand, as spans are: the types of `opentelemetry-proto` own every name and value, and a
//! counter of two labels took 400 ns with them, eight times as long (2026-11). The tests read with those types.

mod attributes;
mod exponential;
mod packer;
mod point;
mod requests;
#[cfg(test)]
mod tests;
mod unit;

pub(crate) use requests::encode_metrics;
