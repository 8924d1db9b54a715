//! What columns were, from the history in memory.

use perf_monitor_history::{
    METRIC_NAME, MatchOp, Matcher, MemoryHistory, Samples, Selector, SeriesId, Span, Storage,
    is_stale,
};

use crate::column::{Column, Stat, exact};
use crate::plan::single;

/// Points of one past, and of one chunk of it.
const MOST_POINTS: i64 = 4_000;
const CHUNK_POINTS: usize = 500;

/// Bytes of one chunk, about.
const CHUNK_BYTES: usize = 64 * 1024;

/// How long a value holds when no other comes, in steps and in milliseconds, whichever is longer.
const HOLDS_STEPS: i64 = 3;
const HOLDS_MS: i64 = 15_000;

/// How many times smaller than the edge of the lowest bucket what is in there may be.
const LOWEST_SPAN: f64 = 1_000.0;

/// The past of some columns, made chunk by chunk.
pub(crate) struct Past {
    sources: Vec<Source>,
    columns: Vec<(usize, Stat)>,
    step_ms: i64,
    /// The first moment of the next chunk, and the last of all.
    next_ms: i64,
    until_ms: i64,
}

/// Moments, and the values of each column at each.
pub(crate) struct Chunk {
    pub(crate) at_ms: Vec<f64>,
    pub(crate) columns: Vec<Vec<f32>>,
}

/// The stored series of one metric with some labels.
enum Source {
    Numbers(Vec<SeriesId>),
    /// By upper edge, the last of which is infinite.
    Histogram {
        buckets: Vec<(f64, Vec<SeriesId>)>,
        sum: Vec<SeriesId>,
        count: Vec<SeriesId>,
    },
}

/// What a source was at each moment of a chunk.
enum Shown {
    Numbers {
        values: Vec<f64>,
        rates: Vec<f64>,
    },
    /// In a second: records, their sum, and records up to each edge.
    Histogram {
        rates: Vec<f64>,
        sums: Vec<f64>,
        edges: Vec<f64>,
        up_to: Vec<Vec<f64>>,
    },
}

impl Past {
    /// The past of `columns`, as far as `history` keeps it, in steps of its finest tier that reaches back to `from_ms`.
    pub(crate) fn new(
        history: &MemoryHistory,
        columns: &[Column],
        (from_ms, until_ms): (i64, i64),
        now_ms: i64,
    ) -> Past {
        let [fine, coarse] = history.tiers();
        let ms = |time: std::time::Duration| time.as_millis() as i64;
        let (step_ms, keep_ms) = match from_ms >= now_ms.saturating_sub(ms(fine.keep)) {
            true => (ms(fine.step), ms(fine.keep)),
            false => (ms(coarse.step), ms(coarse.keep)),
        };
        let from_ms = from_ms.clamp(now_ms.saturating_sub(keep_ms), now_ms.saturating_add(1));
        let until_ms = until_ms.min(now_ms).max(from_ms - 1);
        let step_ms = step_ms * ((until_ms - from_ms) / step_ms / MOST_POINTS + 1);
        let mut keys: Vec<&Column> = Vec::new();
        let planned = columns.iter().map(|column| {
            let same = |key: &&Column| key.is_of_the_same(column);
            let index = keys.iter().position(same).unwrap_or_else(|| {
                keys.push(column);
                keys.len() - 1
            });
            (index, column.stat)
        });
        let columns = planned.collect();
        let sources: Vec<Source> = keys.iter().map(|key| Source::find(history, key)).collect();
        let span = Span { from_ms, until_ms, step_ms };
        // what was never kept has no points
        let first_ms = sources.iter().filter_map(|source| source.first(history, span)).min();
        let next_ms = match first_ms {
            Some(first_ms) => first_ms.max(from_ms).saturating_add(step_ms - 1) / step_ms * step_ms,
            None => i64::MAX,
        };
        Past { sources, columns, step_ms, next_ms, until_ms }
    }

    pub(crate) fn step_ms(&self) -> i64 {
        self.step_ms
    }

    /// The next chunk, oldest first; `None` when there are no more. Others run between its sources.
    pub(crate) async fn next(&mut self, history: &MemoryHistory) -> Option<Chunk> {
        let fit = (CHUNK_BYTES / (8 + 4 * self.columns.len())).clamp(1, CHUNK_POINTS);
        let left = (self.until_ms.checked_sub(self.next_ms)?).div_euclid(self.step_ms) + 1;
        let points = usize::try_from(left).unwrap_or(0).min(fit);
        if points == 0 {
            return None;
        }
        let grid = Grid { from_ms: self.next_ms, step_ms: self.step_ms, points };
        self.next_ms += self.step_ms * points as i64;
        let mut columns = vec![Vec::new(); self.columns.len()];
        for (index, source) in self.sources.iter().enumerate() {
            let shown = source.read(history, grid);
            let of_it = self.columns.iter().zip(&mut columns).filter(|((of, _), _)| *of == index);
            for ((_, stat), values) in of_it {
                *values = (0..points).map(|point| single(shown.stat(*stat, point))).collect();
            }
            tokio::task::yield_now().await;
        }
        let at_ms = (0..points).map(|point| grid.at_ms(point) as f64).collect();
        Some(Chunk { at_ms, columns })
    }
}

#[derive(Clone, Copy)]
struct Grid {
    from_ms: i64,
    step_ms: i64,
    points: usize,
}

impl Grid {
    fn at_ms(self, point: usize) -> i64 {
        self.from_ms + self.step_ms * point as i64
    }

    fn holds_ms(self) -> i64 {
        (HOLDS_STEPS * self.step_ms).max(HOLDS_MS)
    }

    /// What to read for all of its points, with what came before the first.
    fn span(self) -> Span {
        Span {
            from_ms: self.from_ms - self.step_ms - self.holds_ms(),
            until_ms: self.at_ms(self.points - 1),
            step_ms: self.step_ms,
        }
    }
}

impl Source {
    fn find(history: &MemoryHistory, key: &Column) -> Source {
        let numbers = select(history, key, "");
        if !numbers.is_empty() {
            return Source::Numbers(numbers.into_iter().map(|(id, _)| id).collect());
        }
        let mut buckets: Vec<(f64, Vec<SeriesId>)> = Vec::new();
        for (id, le) in select(history, key, "_bucket") {
            let Some(edge) = le.and_then(|le| le.parse().ok()) else { continue };
            match buckets.iter_mut().find(|(other, _)| *other == edge) {
                Some((_, ids)) => ids.push(id),
                None => buckets.push((edge, vec![id])),
            }
        }
        buckets.sort_by(|(a, _), (b, _)| a.total_cmp(b));
        let ids = |suffix| select(history, key, suffix).into_iter().map(|(id, _)| id).collect();
        Source::Histogram { buckets, sum: ids("_sum"), count: ids("_count") }
    }

    /// When it is known from, in `span`.
    fn first(&self, history: &MemoryHistory, span: Span) -> Option<i64> {
        let ids = match self {
            Source::Numbers(ids) => ids,
            Source::Histogram { count, .. } => count,
        };
        let mut samples = Samples::default();
        let firsts = ids.iter().filter_map(|id| {
            samples.clear();
            history.read(*id, span, &mut samples).ok()?;
            samples.at_ms.first().copied()
        });
        firsts.min()
    }

    fn read(&self, history: &MemoryHistory, grid: Grid) -> Shown {
        match self {
            Source::Numbers(ids) => {
                let (values, rates) = together(history, ids, grid);
                Shown::Numbers { values, rates }
            }
            Source::Histogram { buckets, sum, count } => Shown::Histogram {
                rates: together(history, count, grid).1,
                sums: together(history, sum, grid).1,
                edges: buckets.iter().map(|(edge, _)| *edge).collect(),
                up_to: buckets.iter().map(|(_, ids)| together(history, ids, grid).1).collect(),
            },
        }
    }
}

/// The series of the metric's name and this ending, with their `le`.
fn select(history: &MemoryHistory, key: &Column, ending: &str) -> Vec<(SeriesId, Option<String>)> {
    let name = format!("{}{ending}", key.metric);
    let labels = key.labels.iter().map(|(name, value)| (&**name, &**value));
    let all = [(METRIC_NAME, &*name)].into_iter().chain(labels);
    let matchers = all.map(|(name, value)| Matcher::new(name, MatchOp::Equal, value));
    let Ok(matchers) = matchers.collect::<Result<Vec<_>, _>>() else { return Vec::new() };
    let anytime = Span { from_ms: i64::MIN, until_ms: i64::MAX, step_ms: 0 };
    let found = history.select(&Selector::new(matchers), anytime).unwrap_or_default();
    let with_edge = |series: perf_monitor_history::Series| {
        (series.id, series.labels.get("le").map(str::to_owned))
    };
    found.into_iter().map(with_edge).collect()
}

/// The values of all series together at each point, and how much they grow in a second; NaN where none is known.
fn together(history: &MemoryHistory, ids: &[SeriesId], grid: Grid) -> (Vec<f64>, Vec<f64>) {
    let mut values = vec![f64::NAN; grid.points];
    let mut rates = values.clone();
    let mut samples = Samples::default();
    for id in ids {
        samples.clear();
        if history.read(*id, grid.span(), &mut samples).is_err() {
            continue;
        }
        let mut last = Last { samples: &samples, next: 0 };
        let mut before = Last { samples: &samples, next: 0 };
        for point in 0..grid.points {
            let at_ms = grid.at_ms(point);
            let Some(now) = last.at(at_ms, grid.holds_ms()) else { continue };
            add(&mut values[point], samples.values[now]);
            let earlier = before.at(at_ms - grid.step_ms, grid.holds_ms());
            let earlier = earlier.filter(|earlier| *earlier < now);
            if let Some(rate) =
                earlier.or(now.checked_sub(1)).and_then(|from| rate(&samples, from, now))
            {
                add(&mut rates[point], rate);
            }
        }
    }
    (values, rates)
}

fn add(sum: &mut f64, more: f64) {
    *sum = if sum.is_nan() { more } else { *sum + more };
}

/// Goes along the samples of a series.
struct Last<'a> {
    samples: &'a Samples,
    /// The first that is later than the last moment asked for.
    next: usize,
}

impl Last<'_> {
    /// The last sample at `at_ms` or before, if it still holds then. Moments ascend from call to call.
    fn at(&mut self, at_ms: i64, holds_ms: i64) -> Option<usize> {
        while self.samples.at_ms.get(self.next).is_some_and(|sample| *sample <= at_ms) {
            self.next += 1;
        }
        let index = self.next.checked_sub(1)?;
        let holds = at_ms - self.samples.at_ms[index] < holds_ms;
        (holds && !is_stale(self.samples.values[index])).then_some(index)
    }
}

/// What a total grows by in a second between two samples; where it fell, it began anew.
fn rate(samples: &Samples, from: usize, until: usize) -> Option<f64> {
    let (mut grown, mut before) = (0.0, samples.values[from]);
    if is_stale(before) {
        return None;
    }
    for value in samples.values[from + 1..=until].iter().filter(|value| !is_stale(**value)) {
        grown += if *value < before { *value } else { value - before };
        before = *value;
    }
    let seconds = (samples.at_ms[until] - samples.at_ms[from]) as f64 * 1e-3;
    (seconds > 0.0).then(|| grown / seconds)
}

impl Shown {
    fn stat(&self, stat: Stat, point: usize) -> f64 {
        match (self, stat) {
            (Shown::Numbers { values, .. }, Stat::Value | Stat::Total) => values[point],
            (Shown::Numbers { rates, .. }, Stat::Rate) => rates[point],
            (Shown::Histogram { rates, .. }, Stat::Rate) => rates[point],
            (Shown::Histogram { rates, sums, .. }, Stat::Mean) if rates[point] > 0.0 => {
                sums[point] / rates[point]
            }
            (Shown::Histogram { edges, up_to, .. }, Stat::Quantile(share)) => {
                quantile(edges, &|edge| up_to[edge][point], exact(share))
            }
            (Shown::Histogram { edges, up_to, .. }, Stat::Between(low, high)) => {
                let below = |value| below(edges, &|edge| up_to[edge][point], value);
                below(exact(high)) - below(exact(low))
            }
            _ => f64::NAN,
        }
    }
}

/// The value that this share of records is below, as Prometheus tells it: in its bucket they lie evenly.
fn quantile(edges: &[f64], up_to: &dyn Fn(usize) -> f64, share: f64) -> f64 {
    let Some(last) = edges.len().checked_sub(1) else { return f64::NAN };
    let all = up_to(last);
    if all.is_nan() || all <= 0.0 {
        return f64::NAN;
    }
    let rank = share * all;
    let bucket = (0..last).find(|edge| up_to(*edge) >= rank).unwrap_or(last);
    if bucket == last {
        // of what is above the highest edge, no more is known
        return last.checked_sub(1).map_or(f64::NAN, |edge| edges[edge]);
    }
    let (low, below) = match bucket.checked_sub(1) {
        Some(before) => (edges[before], up_to(before)),
        None => (0.0, 0.0),
    };
    let inside = up_to(bucket) - below;
    if inside <= 0.0 {
        return edges[bucket];
    }
    low + (edges[bucket] - low) * (rank - below) / inside
}

/// How many records a second are below `value`: in the bucket that it is in they lie evenly over its logarithms, as the
/// rows of a heat map do. The lowest bucket, which begins at 0, is taken to reach down to a thousandth of its edge.
fn below(edges: &[f64], up_to: &dyn Fn(usize) -> f64, value: f64) -> f64 {
    let Some(last) = edges.len().checked_sub(1) else { return f64::NAN };
    let bucket = edges.iter().position(|edge| value <= *edge).unwrap_or(last);
    let high = edges[bucket];
    let (low, under) = match bucket.checked_sub(1) {
        Some(before) => (edges[before], up_to(before)),
        None => (high / LOWEST_SPAN, 0.0),
    };
    if high == value || !high.is_finite() {
        return up_to(bucket);
    }
    let share = match low > 0.0 {
        true => (value.max(low) / low).ln() / (high / low).ln(),
        false => (value - low) / (high - low),
    };
    under + (up_to(bucket) - under) * share.clamp(0.0, 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const EDGES: [f64; 4] = [0.1, 0.2, 0.4, f64::INFINITY];

    fn of(up_to: [f64; 4]) -> impl Fn(usize) -> f64 {
        move |edge| up_to[edge]
    }

    #[test]
    fn records_lie_evenly_in_their_bucket() {
        let up_to = of([10.0, 30.0, 40.0, 40.0]);
        assert!((quantile(&EDGES, &up_to, 0.5) - 0.15).abs() < 1e-9);
        assert!((quantile(&EDGES, &up_to, 1.0) - 0.4).abs() < 1e-9);
    }

    #[test]
    fn rows_of_a_heat_map_share_the_bucket_that_they_lie_in() {
        let up_to = of([12.0, 30.0, 40.0, 40.0]);
        let row = |low, high| below(&EDGES, &up_to, high) - below(&EDGES, &up_to, low);
        assert_eq!(below(&EDGES, &up_to, 0.1), 12.0);
        assert_eq!(below(&EDGES, &up_to, 5.0), 40.0);
        assert_eq!(below(&EDGES, &up_to, 0.0), 0.0);
        let middle = (0.1_f64 * 0.2).sqrt();
        assert!((row(0.1, middle) - 9.0).abs() < 1e-9);
        assert!((row(middle, 0.2) - 9.0).abs() < 1e-9);
        // three decades of the lowest bucket, and nothing below them
        for (low, high) in [(0.0001, 0.001), (0.001, 0.01), (0.01, 0.1)] {
            assert!((row(low, high) - 4.0).abs() < 1e-9, "{low} to {high}");
        }
        assert_eq!(row(0.000_01, 0.0001), 0.0);
    }

    #[test]
    fn no_records_are_a_gap_and_those_above_all_edges_are_at_the_highest() {
        assert!(quantile(&EDGES, &of([0.0; 4]), 0.5).is_nan());
        assert_eq!(below(&EDGES, &of([0.0; 4]), 0.3), 0.0);
        assert_eq!(quantile(&EDGES, &of([0.0, 0.0, 0.0, 9.0]), 0.5), 0.4);
        assert_eq!(below(&EDGES, &of([0.0, 0.0, 0.0, 9.0]), 0.3), 0.0);
    }

    #[test]
    fn a_total_that_fell_began_anew() {
        let samples = Samples {
            at_ms: vec![0, 1_000, 2_000],
            values: vec![10.0, 14.0, 3.0],
            rollups: Vec::new(),
        };
        assert_eq!(rate(&samples, 0, 1), Some(4.0));
        assert_eq!(rate(&samples, 0, 2), Some(3.5));
    }
}
