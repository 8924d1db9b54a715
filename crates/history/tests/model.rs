//! What a history gives back is what a list of all points says.

use std::time::Duration;

use perf_monitor_history::{
    Change, Labels, MemoryHistory, Options, Rollup, STALE, Samples, Selector, Span, Storage, Tier,
    is_stale,
};
use proptest::prelude::*;

const FINE_KEEP_MS: i64 = 60_000;
const COARSE_STEP_MS: i64 = 10_000;
const COARSE_KEEP_MS: i64 = 300_000;
const STALE_AFTER: usize = 3;

fn options() -> Options {
    let tier = |step_ms, keep_ms: i64| Tier {
        step: Duration::from_millis(step_ms),
        keep: Duration::from_millis(keep_ms as u64),
    };
    Options {
        bytes: 500_000,
        series: 3,
        fine: tier(1_000, FINE_KEEP_MS),
        coarse: tier(COARSE_STEP_MS as u64, COARSE_KEEP_MS),
        stale_after: STALE_AFTER as u32,
        ..Options::default()
    }
}

/// A tick: milliseconds since the one before, and a value of each series, if it is there.
type Tick = (i64, [Option<f64>; 3]);

fn value() -> impl Strategy<Value = f64> {
    prop_oneof![
        8 => (0i64..2_000).prop_map(|n| n as f64),
        2 => (0i64..100_000).prop_map(|n| n as f64 / 1_000.0),
        2 => (0i64..50).prop_map(|n| n as f64 * 4_096.0),
        2 => -1.0f64..1.0,
        1 => any::<i64>().prop_map(|n| n as f64),
        1 => any::<u64>().prop_map(f64::from_bits),
        1 => prop::sample::select(vec![f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -0.0, 1e300, 5e-324]),
    ]
}

/// Values of one kind for a while, so that blocks fill up.
fn run() -> impl Strategy<Value = Vec<Tick>> {
    let distance = prop_oneof![20 => Just(1_000i64), 3 => 700i64..1_300, 1 => 1_500i64..40_000];
    let present = |chance: f64| prop::option::weighted(chance, value());
    let noisy = (distance.clone(), [present(0.97), present(0.9), present(0.3)]);
    let steady = (500i64..1_000_000, 1i64..300, 5usize..120).prop_map(|(from, rate, ticks)| {
        let value = |n: usize| Some((from + rate * n as i64 + (n as i64 * 7_919) % 13) as f64);
        (0..ticks).map(|n| (1_000, [value(n), Some(3.5), value(n / 20)])).collect::<Vec<Tick>>()
    });
    prop_oneof![prop::collection::vec(noisy, 1..60), steady]
}

/// All that happened to one series: its points and the markers of its end.
fn points_of(ticks: &[Tick], series: usize, from_ms: i64) -> Vec<(i64, f64)> {
    let (mut at_ms, mut points, mut missed) = (from_ms, Vec::new(), None);
    for (distance, values) in ticks {
        at_ms += distance;
        missed = match (values[series], missed) {
            (Some(value), _) => {
                points.push((at_ms, value));
                Some(0)
            }
            (None, Some(before)) => {
                if before + 1 == STALE_AFTER {
                    points.push((at_ms, STALE));
                }
                Some(before + 1)
            }
            (None, None) => None,
        };
    }
    points
}

fn same(a: f64, b: f64) -> bool {
    a.to_bits() == b.to_bits()
}

/// The same but for what the coarse tier may round: a millionth of what is around it.
fn near(a: f64, b: f64, around: f64) -> bool {
    same(a, b) || (a.is_nan() && b.is_nan()) || (a - b).abs() <= around * 4e-6
}

fn check_rollup(last: (i64, f64), rollup: Rollup, points: &[(i64, f64)], largest: f64) {
    let slot = last.0.div_euclid(COARSE_STEP_MS);
    let values: Vec<f64> = points
        .iter()
        .filter(|(at_ms, value)| at_ms.div_euclid(COARSE_STEP_MS) == slot && !is_stale(*value))
        .map(|(_, value)| *value)
        .collect();
    if is_stale(last.1) && values.is_empty() {
        return;
    }
    assert_eq!(rollup.count as usize, values.len(), "values of a slot");
    assert!(near(*values.last().unwrap(), last.1, largest), "the last of {values:?} is {last:?}");
    if values.iter().any(|value| !value.is_finite()) {
        return;
    }
    let (min, max) = (
        values.iter().copied().fold(f64::INFINITY, f64::min),
        values.iter().copied().fold(f64::NEG_INFINITY, f64::max),
    );
    let sum: f64 = values.iter().sum();
    if !sum.is_finite() {
        return;
    }
    let (step, rounding) = ((max - min) / 32.0, largest * 4e-6);
    assert!(
        rollup.min <= min + rounding && rollup.min >= min - step - rounding,
        "{rollup:?} {values:?}"
    );
    assert!(
        rollup.max >= max - rounding && rollup.max <= max + step + rounding,
        "{rollup:?} {values:?}"
    );
    let off = (rollup.sum - sum).abs() / values.len() as f64;
    assert!(off <= step * 2.0 + rounding, "{rollup:?} {values:?}");
}

fn largest_of(points: &[(i64, f64)]) -> f64 {
    let sizes = points.iter().map(|(_, value)| value.abs()).filter(|size| size.is_finite());
    sizes.fold(0.0, f64::max)
}

fn check(samples: &Samples, points: &[(i64, f64)], newest_ms: i64, span: Span) {
    let coarse = samples.rollups.len();
    assert!(samples.at_ms.windows(2).all(|pair| pair[0] < pair[1]), "{samples:?}");
    let largest = largest_of(points);
    for index in 0..coarse {
        let last = (samples.at_ms[index], samples.values[index]);
        check_rollup(last, samples.rollups[index], points, largest);
    }
    // From the coarse points on, or from where the fine tier reaches to, it is the list to the bit.
    let after_coarse = coarse.checked_sub(1).map_or(i64::MIN, |last| samples.at_ms[last] + 1);
    let fine_from = after_coarse.max(span.from_ms).max(newest_ms - FINE_KEEP_MS);
    let wanted: Vec<_> =
        points.iter().filter(|(at, _)| *at >= fine_from && *at <= span.until_ms).collect();
    let got: Vec<_> = samples.at_ms.iter().zip(&samples.values).skip(coarse).collect();
    assert_eq!(got.len(), wanted.len(), "{got:?}\n{wanted:?}\n{span:?}");
    for ((at, value), (wanted_at, wanted_value)) in got.iter().zip(&wanted) {
        assert!(*at == wanted_at && same(**value, *wanted_value), "{at} {value} {wanted_value}");
    }
    // Nothing within both tiers' reach is in neither.
    let reach = newest_ms - COARSE_KEEP_MS + COARSE_STEP_MS;
    let until = span.until_ms.min(newest_ms) - 2 * COARSE_STEP_MS;
    let first = points.iter().find(|(at, _)| *at >= span.from_ms.max(reach) && *at <= until);
    if let Some((at, _)) = first {
        let found = samples.at_ms.first().is_some_and(|first| *first < at + 2 * COARSE_STEP_MS);
        assert!(found, "{at} is missing in {samples:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]

    #[test]
    fn a_history_is_the_list_of_all_points(
        runs in prop::collection::vec(run(), 1..8),
        from_ms in prop::sample::select(vec![0i64, 1_700_000_000_000, -5_000_000]),
        spans in prop::collection::vec((0i64..400_000, 0i64..400_000), 4),
    ) {
        let ticks: Vec<Tick> = runs.into_iter().flatten().collect();
        let history = MemoryHistory::new(options()).unwrap();
        let labels = ["a", "b", "c"].map(|name| Labels::new([("__name__", name)]));
        let mut at_ms = from_ms;
        for (distance, values) in &ticks {
            at_ms += distance;
            let there = labels.iter().zip(values).filter_map(|(labels, value)| Some((labels, (*value)?)));
            prop_assert!(history.record_values(at_ms, there));
        }
        prop_assert_eq!((history.stats().lost_points, history.stats().evicted_points), (0, 0));

        let whole = (from_ms, at_ms);
        let spans = spans.iter().map(|(back, length)| (at_ms - back, at_ms - back + length));
        for (from_ms, until_ms) in spans.chain([whole]) {
            let span = Span { from_ms, until_ms, step_ms: 0 };
            for (index, name) in ["a", "b", "c"].iter().enumerate() {
                let points = points_of(&ticks, index, whole.0);
                for series in history.select(&Selector::parse(name).unwrap(), span).unwrap() {
                    let mut samples = Samples::default();
                    history.read(series.id, span, &mut samples).unwrap();
                    check(&samples, &points, at_ms, span);
                    let change = history.change(series.id, span).unwrap();
                    let counted = Change::of(&samples.at_ms, &samples.values);
                    prop_assert_eq!(format!("{change:?}"), format!("{counted:?}"));
                    // It is the newest that there is, exact where the other may be of a slot that both tiers have,
                    // whose time is that of its last tick.
                    let last = history.last(series.id, span).unwrap();
                    let newest = samples.at_ms.last().copied().zip(samples.values.last().copied());
                    let unit = if samples.rollups.len() == samples.len() { COARSE_STEP_MS } else { 1 };
                    let at = |point: (i64, f64)| point.0.div_euclid(unit);
                    prop_assert_eq!(last.map(at), newest.map(at));
                    if let (Some((_, last)), Some((_, newest))) = (last, newest) {
                        prop_assert!(near(last, newest, largest_of(&points)), "{last} {newest}");
                    }
                }
            }
        }
    }
}
