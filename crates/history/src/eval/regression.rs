//! A line through the points of a range.

use super::number::Sum;
use super::rate::seconds;
use super::source::Window;

/// The line that is nearest to a series' points by least squares.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Line {
    /// Per second.
    pub(super) slope: f64,
    /// Its value at the moment that it was asked for.
    pub(super) intercept: f64,
}

/// The line, with its intercept at `at_ms`; `None` for fewer than two points.
pub(super) fn line(window: Window<'_>, at_ms: i64) -> Option<Line> {
    let &[first, _, ..] = window.values else { return None };
    if window.values.iter().all(|value| *value == first) {
        return Some(level(first));
    }
    let [mut x_sum, mut y_sum, mut xy_sum, mut xx_sum] = [Sum::default(); 4];
    for (at, y) in window.at_ms.iter().zip(window.values) {
        let x = seconds(at - at_ms);
        x_sum.add(x);
        y_sum.add(*y);
        xy_sum.add(x * y);
        xx_sum.add(x * x);
    }
    let count = window.values.len() as f64;
    let [x, y, xy, xx] = [x_sum, y_sum, xy_sum, xx_sum].map(Sum::total);
    let slope = (xy - x * y / count) / (xx - x * x / count);
    Some(Line { slope, intercept: y / count - slope * x / count })
}

fn level(value: f64) -> Line {
    match value.is_infinite() {
        true => Line { slope: f64::NAN, intercept: f64::NAN },
        false => Line { slope: 0.0, intercept: value },
    }
}
