//! How Prometheus' unit tests write series.

use perf_monitor_history::{Labels, MatchOp, Selector};

/// Values that one series may have.
const MOST: usize = 100_000;

/// A value, nothing (`_`), or the end of the series (`stale`).
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Point {
    Value(f64),
    Gap,
    Stale,
}

/// The labels of a series such as `up{job="x"}` or `{}`, with the metric's name.
pub(super) fn labels(text: &str) -> Result<Labels, String> {
    if text.trim() == "{}" {
        return Ok(Labels::none());
    }
    let selector = Selector::parse(text).map_err(|error| format!("{text:?}: {error}"))?;
    if let Some(other) = selector.matchers().iter().find(|m| m.op() != MatchOp::Equal) {
        return Err(format!("{text:?} is no series: {other} does not say one value"));
    }
    Ok(Labels::new(selector.matchers().iter().map(|m| (m.name(), m.value()))))
}

/// `1 2 _ 0+5x10 7x3 _x2 stale` and so on.
pub(super) fn values(text: &str) -> Result<Vec<Point>, String> {
    let mut points = Vec::new();
    for word in text.split_whitespace() {
        points.extend(expand(word).ok_or_else(|| format!("{word:?} is no value of a series"))?);
        if points.len() > MOST {
            return Err(format!("a series of more than {MOST} values: make it shorter"));
        }
    }
    Ok(points)
}

fn expand(word: &str) -> Option<Vec<Point>> {
    let (value, times) = match word.rsplit_once('x') {
        Some((value, times)) => (value, times.parse::<usize>().ok().filter(|n| *n <= MOST)?),
        None => (word, 0),
    };
    let is_repeated = word.len() > value.len();
    match value {
        "_" => Some(vec![Point::Gap; times.max(usize::from(!is_repeated))]),
        "stale" if !is_repeated => Some(vec![Point::Stale]),
        value => {
            let (first, step) = start_and_step(value)?;
            Some((0..=times).map(|n| Point::Value(first + step * n as f64)).collect())
        }
    }
}

/// `5`, `5+2`, `5-2`, `-5e3+1e-2`.
fn start_and_step(text: &str) -> Option<(f64, f64)> {
    if let Some(number) = number(text) {
        return Some((number, 0.0));
    }
    let signs = text.char_indices().skip(1).filter(|(_, c)| "+-".contains(*c));
    signs.into_iter().find_map(|(at, _)| Some((number(&text[..at])?, number(&text[at..])?)))
}

fn number(text: &str) -> Option<f64> {
    match text.trim_start_matches('+') {
        "NaN" | "nan" => Some(f64::NAN),
        "Inf" | "inf" => Some(f64::INFINITY),
        "-Inf" | "-inf" => Some(f64::NEG_INFINITY),
        // Rust reads more words as numbers than Prometheus does.
        digits if digits.contains(|c: char| c.is_ascii_digit()) => digits.parse().ok(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_expand_as_prometheus_documents_it() {
        let of = |text: &str| {
            let values = values(text).unwrap().into_iter().map(|point| match point {
                Point::Value(value) => value.to_string(),
                Point::Gap => "_".into(),
                Point::Stale => "stale".into(),
            });
            values.collect::<Vec<_>>().join(" ")
        };
        assert_eq!(of("-2+4x3"), "-2 2 6 10");
        assert_eq!(of("1-2x4"), "1 -1 -3 -5 -7");
        assert_eq!(of("1x4"), "1 1 1 1 1");
        assert_eq!(of("1 _x3 stale"), "1 _ _ _ stale");
        assert_eq!(of("0x2 1e3+1e-1x1 NaN -Inf"), "0 0 0 1000 1000.1 NaN -inf");
        for wrong in ["x", "1x", "stalex2", "1+x2", "infinity", "1x999999999"] {
            assert!(values(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn labels_are_those_of_one_series() {
        assert_eq!(labels(r#"up{job="x"}"#).unwrap().to_string(), r#"up{job="x"}"#);
        assert!(labels("{}").unwrap().is_empty());
        assert!(labels(r#"up{job=~"x"}"#).unwrap_err().contains("one value"));
    }
}
