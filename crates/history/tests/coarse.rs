//! Questions that reach beyond the fine tier are answered from the coarse one, nearly as if all points were there.

mod support;

use perf_monitor_history::{Labels, MemoryHistory, Options, Query, QueryValue};
use support::service::Noise;

const END: i64 = 3_599;

/// An hour of a counter, that begins anew once, and of a gauge, with all their values.
fn hour() -> (MemoryHistory, Vec<f64>, Vec<f64>) {
    let history = MemoryHistory::new(Options::default()).unwrap();
    let (jobs, heat) =
        (Labels::new([("__name__", "jobs_total")]), Labels::new([("__name__", "heat")]));
    let (mut noise, mut total) = (Noise(5), 0.0);
    let (mut counts, mut heats) = (Vec::new(), Vec::new());
    for second in 0..=END {
        total = if second == 2_010 { 0.0 } else { total + noise.events(40.0) };
        counts.push(total);
        heats.push((500.0 + 80.0 * noise.normal()).round());
        let values = [(&jobs, total), (&heat, heats[second as usize])];
        history.record_values(second * 1_000, values);
    }
    (history, counts, heats)
}

fn one(history: &MemoryHistory, query: &str, at_ms: i64) -> f64 {
    match Query::parse(query).unwrap().instant(history, at_ms).unwrap() {
        QueryValue::Vector(samples) if samples.len() == 1 => samples[0].value,
        other => panic!("{query} gives {other:?}"),
    }
}

fn near(found: f64, wanted: f64, share: f64) {
    assert!((found - wanted).abs() <= wanted.abs() * share, "{found} is not near {wanted}");
}

#[test]
fn an_increase_over_half_an_hour_is_exact_but_for_what_a_restart_hides() {
    let (history, counts, _) = hour();
    let now = END * 1_000;
    let grown: f64 = counts.windows(2).skip(1_800).map(|pair| (pair[1] - pair[0]).max(0.0)).sum();
    // The step in which the counter begins anew has one point: what it had counted in there before is not seen.
    near(one(&history, "increase(jobs_total[30m])", now), grown, 0.01);
    let last_20_minutes = counts[END as usize] - counts[END as usize - 1_200];
    near(one(&history, "increase(jobs_total[20m])", now), last_20_minutes, 0.002);
    let rate = one(&history, "rate(jobs_total[20m])", now);
    near(rate * 1_200.0, last_20_minutes, 0.002);
}

#[test]
fn sums_and_counts_over_an_hour_are_those_of_all_points() {
    let (history, _, heats) = hour();
    let now = END * 1_000;
    let window = &heats[(END - 3_000) as usize..];
    let (count, sum) = (window.len() as f64, window.iter().sum::<f64>());
    near(one(&history, "count_over_time(heat[50m])", now), count, 0.004);
    near(one(&history, "sum_over_time(heat[50m])", now), sum, 0.004);
    near(one(&history, "avg_over_time(heat[50m])", now), sum / count, 0.001);
}

#[test]
fn least_and_largest_lie_outside_of_the_true_ones_by_less_than_a_step() {
    let (history, _, heats) = hour();
    let now = END * 1_000;
    let window = &heats[(END - 3_000) as usize..];
    let most = window.iter().copied().fold(f64::MIN, f64::max);
    let least = window.iter().copied().fold(f64::MAX, f64::min);
    let (found_most, found_least) = (
        one(&history, "max_over_time(heat[50m])", now),
        one(&history, "min_over_time(heat[50m])", now),
    );
    assert!(most <= found_most && found_most < most + 10.0, "{most} {found_most}");
    assert!(least - 10.0 < found_least && found_least <= least, "{least} {found_least}");
    let deviation = one(&history, "stddev_over_time(heat[5m])", now);
    assert!((70.0..90.0).contains(&deviation), "{deviation}");
}

#[test]
fn an_old_moment_is_answered_by_the_last_value_of_its_step() {
    let (history, counts, heats) = hour();
    for second in [700, 1_999, 2_500] {
        // The newest step that had ended by then.
        let last = (second + 1) / 10 * 10 - 1;
        assert_eq!(one(&history, "jobs_total", second as i64 * 1_000), counts[last]);
        assert_eq!(one(&history, "heat", second as i64 * 1_000), heats[last]);
    }
}
