//! What a client wants to see: columns, each one number at each moment.

use std::collections::BTreeMap;
use std::fmt;
use std::hash::{Hash, Hasher};

use perf_monitor_core::HistogramValue;
use serde::Deserialize;

/// Columns of one subscription or request, and labels of all of them together.
pub(crate) const MOST_COLUMNS: usize = 256;
const MOST_LABELS: usize = 1_024;

/// Bytes of a metric's name, a label's name or value.
const MOST_TEXT: usize = 1_024;

/// A metric, the labels that a series must have, and what of them is shown.
#[derive(Clone, Debug, Hash)]
pub(crate) struct Column {
    pub(crate) metric: Box<str>,
    /// By name.
    pub(crate) labels: Box<[(Box<str>, Box<str>)]>,
    pub(crate) stat: Stat,
}

/// What of a metric is shown.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Stat {
    Value,
    Total,
    Rate,
    Mean,
    /// The share of records that are below.
    Quantile(f32),
    Max,
    /// Records from the first to below the second, in the base unit.
    Between(f32, f32),
}

impl Hash for Stat {
    fn hash<H: Hasher>(&self, state: &mut H) {
        std::mem::discriminant(self).hash(state);
        match self {
            Stat::Quantile(share) => share.to_bits().hash(state),
            Stat::Between(low, high) => [low, high].map(|edge| edge.to_bits()).hash(state),
            _ => {}
        }
    }
}

impl Column {
    /// Whether another column is of the same series.
    pub(crate) fn is_of_the_same(&self, other: &Column) -> bool {
        self.metric == other.metric && self.labels == other.labels
    }
}

impl Stat {
    fn parse(text: &str) -> Option<Stat> {
        Some(match text {
            "value" => Stat::Value,
            "total" => Stat::Total,
            "rate" => Stat::Rate,
            "mean" => Stat::Mean,
            "p50" => Stat::Quantile(0.5),
            "p90" => Stat::Quantile(0.9),
            "p95" => Stat::Quantile(0.95),
            "p99" => Stat::Quantile(0.99),
            "p999" => Stat::Quantile(0.999),
            "max" => Stat::Max,
            _ => {
                let (low, high) = text.strip_prefix("between:")?.split_once(':')?;
                let (low, high) = (low.parse().ok()?, high.parse().ok()?);
                return (low < high).then_some(Stat::Between(low, high));
            }
        })
    }

    /// Whether it is of the records of a tick.
    pub(crate) fn is_of_window(self) -> bool {
        matches!(self, Stat::Mean | Stat::Quantile(_) | Stat::Max | Stat::Between(..))
    }

    /// What it is of the records of `seconds`, whose recorded unit is `scale` base units; NaN without records,
    /// except of a count.
    pub(crate) fn of_records(self, records: &HistogramValue, scale: f64, seconds: f64) -> f64 {
        let any = records.count > 0;
        let known = |raw: f64| if any { raw * scale } else { f64::NAN };
        match self {
            Stat::Mean if any => {
                records.sum as f64 * records.sum_unit.scale() / records.count as f64
            }
            Stat::Quantile(share) => known(records.value_at_quantile(exact(share)) as f64),
            Stat::Max => known(records.max as f64),
            Stat::Between(low, high) => {
                // a cell is where its highest value is, so that rows that touch share none
                let (low, high) = (exact(low), exact(high));
                let inside = |highest: u64| (low..high).contains(&(highest as f64 * scale));
                let cells = records.iter_values().filter(|(_, highest, _)| inside(*highest));
                let count: u64 = cells.map(|(.., count)| count).sum();
                count as f64 / seconds
            }
            _ => f64::NAN,
        }
    }
}

/// The decimal that somebody wrote, of seven digits at the most: 0.99, not the 0.9900000095 that it is kept as.
pub(crate) fn exact(short: f32) -> f64 {
    short.to_string().parse().unwrap_or(f64::from(short))
}

/// A column as it is sent.
#[derive(Deserialize)]
pub(crate) struct Wanted {
    metric: String,
    #[serde(default)]
    labels: BTreeMap<String, String>,
    stat: String,
}

/// Checks what a client asks for.
///
/// # Errors
/// A sentence that names the column and what is wrong.
pub(crate) fn check(wanted: Vec<Wanted>) -> Result<Box<[Column]>, String> {
    if wanted.len() > MOST_COLUMNS {
        let count = wanted.len();
        return Err(format!(
            "{count} columns are over the limit of {MOST_COLUMNS}: ask for those that are seen"
        ));
    }
    let labels: usize = wanted.iter().map(|column| column.labels.len()).sum();
    if labels > MOST_LABELS {
        return Err(format!(
            "{labels} labels in all columns are over the limit of {MOST_LABELS}: ask for fewer"
        ));
    }
    wanted.into_iter().enumerate().map(|(index, column)| checked(index, column)).collect()
}

fn checked(index: usize, wanted: Wanted) -> Result<Column, String> {
    let Wanted { metric, labels, stat } = wanted;
    let texts = labels.iter().flat_map(|(name, value)| [name, value]).chain([&metric]);
    if texts.into_iter().any(|text| text.len() > MOST_TEXT) {
        return Err(format!("column {index}: a name or a label is longer than {MOST_TEXT} bytes"));
    }
    let Some(parsed) = Stat::parse(&stat) else {
        let stat = Short(&stat);
        return Err(format!(
            "column {index}: {stat} is no stat: there are value, rate, total, mean, p50, p90, p95, p99, p999, max and \
             between:LOW:HIGH with LOW below HIGH"
        ));
    };
    let labels = labels.into_iter().map(|(name, value)| (name.into(), value.into()));
    Ok(Column { metric: metric.into(), labels: labels.collect(), stat: parsed })
}

/// The begin of a text that somebody sent, in quotes.
pub(crate) struct Short<'a>(pub(crate) &'a str);

impl fmt::Display for Short<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let begin: String = self.0.chars().take(40).collect();
        write!(f, "{begin:?}")
    }
}
