//! What rules write into a history is kept beside what a registry has.

use perf_monitor_core::Registry;
use perf_monitor_history::{
    Labels, MemoryHistory, Options, Query, QueryValue, STALE, Selector, Storage,
};

const START_MS: i64 = 1_700_000_000_000;

fn ask(history: &MemoryHistory, query: &str, at_ms: i64) -> Vec<f64> {
    match Query::parse(query).unwrap().instant(history, at_ms).unwrap() {
        QueryValue::Vector(samples) => samples.iter().map(|sample| sample.value).collect(),
        other => panic!("{query} gives {other:?}"),
    }
}

/// A registry's gauge each second, and what is written a few milliseconds later.
struct Ticks {
    registry: Registry,
    history: MemoryHistory,
    second: i64,
}

impl Ticks {
    fn new(options: Options) -> Ticks {
        let registry = Registry::new();
        registry.gauge(("depth", "")).unwrap().set(1.0);
        let history = MemoryHistory::new(options).unwrap();
        Ticks { registry, history, second: 0 }
    }

    fn now(&self) -> i64 {
        START_MS + self.second * 1_000 + 7
    }

    fn tick(&mut self, values: &[(Labels, f64)]) -> usize {
        self.second += 1;
        assert!(self.history.record(START_MS + self.second * 1_000, &self.registry));
        self.history.write(self.now(), values).unwrap()
    }
}

fn options() -> Options {
    Options { keep: vec![Selector::parse("depth").unwrap()], ..Options::default() }
}

#[test]
fn a_value_is_of_the_newest_tick_and_kept_whatever_else_is() {
    let mut ticks = Ticks::new(options());
    let doubled = Labels::new([("__name__", "depth:doubled")]);
    for second in 0..60 {
        assert_eq!(ticks.tick(&[(doubled.clone(), f64::from(second))]), 0);
        assert_eq!(ask(&ticks.history, "depth:doubled", ticks.now()), [f64::from(second)]);
    }
    assert_eq!(ask(&ticks.history, "rate(depth:doubled[30s])", ticks.now()), [1.0]);
    let stats = ticks.history.stats();
    assert_eq!((stats.ticks, stats.early_ticks, stats.series), (60, 0, 2));
}

#[test]
fn it_goes_on_until_it_is_ended_and_then_is_gone_at_once() {
    for stale_after in [1, 3] {
        let mut ticks = Ticks::new(Options { stale_after, ..options() });
        let seldom = Labels::new([("__name__", "seldom")]);
        ticks.tick(&[(seldom.clone(), 5.0)]);
        // A group with an interval writes in a few ticks alone.
        for _ in 0..40 {
            ticks.tick(&[]);
        }
        assert_eq!(ask(&ticks.history, "seldom", ticks.now()), [5.0]);
        ticks.tick(&[(seldom.clone(), STALE)]);
        assert_eq!(ask(&ticks.history, "seldom", ticks.now()), [0.0; 0]);
        assert_eq!(ask(&ticks.history, "last_over_time(seldom[1m])", ticks.now()), [5.0]);
        ticks.tick(&[(seldom.clone(), 6.0)]);
        assert_eq!(ask(&ticks.history, "seldom", ticks.now()), [6.0]);
        // It has a value in this tick: its end is that of the next.
        ticks.history.write(ticks.now(), &[(seldom.clone(), STALE)]).unwrap();
        assert_eq!(ask(&ticks.history, "seldom", ticks.now()), [6.0]);
        ticks.tick(&[]);
        assert_eq!(ask(&ticks.history, "seldom", ticks.now()), [0.0; 0]);
    }
}

#[test]
fn what_nobody_ends_is_forgotten_once_its_points_are_too_old() {
    let mut ticks = Ticks::new(options());
    ticks.tick(&[(Labels::new([("__name__", "left")]), 5.0)]);
    for _ in 0..3_700 {
        ticks.tick(&[]);
    }
    assert_eq!(ticks.history.stats().series, 1);
}

#[test]
fn what_finds_no_room_is_counted() {
    let mut ticks = Ticks::new(Options { series: 3, ..options() });
    let series = |n: u32| (Labels::new([("__name__", "x".to_owned()), ("n", n.to_string())]), 1.0);
    let values: Vec<_> = (0..5).map(series).collect();
    assert_eq!(ticks.tick(&values), 3);
    assert_eq!(ticks.history.stats().refused_series, 3);
    assert_eq!(ask(&ticks.history, "count(x)", ticks.now()), [2.0]);
}
