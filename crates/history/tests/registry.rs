//! What a registry holds is kept under the names and in the units of a scrape.

use perf_monitor_core::{Desc, HistogramOptions, Registry, Unit};
use perf_monitor_history::{
    Labels, MemoryHistory, Options, Query, QueryValue, Selector, VectorSample,
};

const START_MS: i64 = 1_700_000_000_000;

fn ask(history: &MemoryHistory, query: &str, at_ms: i64) -> Vec<(String, f64)> {
    match Query::parse(query).unwrap().instant(history, at_ms).unwrap() {
        QueryValue::Vector(samples) => {
            let mut all: Vec<_> = samples
                .into_iter()
                .map(|VectorSample { labels, value }| (labels.to_string(), value))
                .collect();
            all.sort_by(|a, b| a.0.cmp(&b.0));
            all
        }
        other => panic!("{query} gives {other:?}"),
    }
}

fn one(history: &MemoryHistory, query: &str, at_ms: i64) -> f64 {
    let all = ask(history, query, at_ms);
    assert_eq!(all.len(), 1, "{query}: {all:?}");
    all[0].1
}

#[test]
fn numbers_are_in_base_units_and_histograms_in_buckets() {
    let registry = Registry::new();
    let busy =
        registry.counter(Desc::new("busy_seconds", "Time.").unit(Unit::Nanoseconds)).unwrap();
    let depth = registry.gauge_family(("depth", "Depth."), &["queue"]).unwrap();
    let times = Desc::new("request_seconds", "Time.").unit(Unit::Microseconds);
    let times = registry.histogram(times, HistogramOptions::default()).unwrap();
    let history = MemoryHistory::new(Options::default()).unwrap();
    for second in 0..=60 {
        busy.add(250_000_001);
        depth.with(&["mail"]).unwrap().set(second as f64 / 2.0);
        (0..100).for_each(|n| times.record(n * 1_000 + 500));
        assert!(history.record(START_MS + second * 1_000, &registry));
    }
    let now = START_MS + 60_000;
    assert_eq!(one(&history, "busy_seconds_total", now), 61.0 * 250_000_001.0 / 1e9);
    let rate = one(&history, "rate(busy_seconds_total[1m])", now);
    assert!((rate - 0.250_000_001).abs() < 1e-12, "{rate}");
    assert_eq!(ask(&history, "depth", now), [("depth{queue=\"mail\"}".to_owned(), 30.0)]);
    assert_eq!(one(&history, "request_seconds_count", now), 6_100.0);
    let sum = 61.0 * (99.0 * 50.0 + 50.0) / 1_000.0;
    assert!((one(&history, "request_seconds_sum", now) - sum).abs() < 1e-9);
    assert_eq!(one(&history, "request_seconds_bucket{le=\"0.01\"}", now), 610.0);
    assert_eq!(one(&history, "request_seconds_bucket{le=\"+Inf\"}", now), 6_100.0);
    let edges = one(&history, "count(request_seconds_bucket)", now);
    assert_eq!(edges, 17.0, "16 edges of seconds and infinity");
    let p90 = one(&history, "histogram_quantile(0.9, rate(request_seconds_bucket[1m]))", now);
    assert!((p90 - 0.09).abs() < 0.001, "{p90}");
}

#[test]
fn series_are_recognised_while_others_come_and_go() {
    let registry = Registry::new();
    let jobs = registry.counter_family(("jobs_total", "Jobs."), &["queue"]).unwrap();
    let first = registry.gauge(("a_first", "")).unwrap();
    let history = MemoryHistory::new(Options::default()).unwrap();
    let queues: Vec<String> = (0..12).map(|n| format!("q{n}")).collect();
    for second in 0..40i64 {
        first.set(second as f64);
        for (index, queue) in queues.iter().enumerate() {
            if second >= 2 * index as i64 {
                jobs.with(&[queue.as_str()]).unwrap().add(index as u64 + 1);
            }
        }
        history.record(START_MS + second * 1_000, &registry);
        assert_eq!(history.stats().series as i64, 1 + (second / 2 + 1).min(12));
    }
    let now = START_MS + 39_000;
    for (index, queue) in queues.iter().enumerate() {
        let wanted = (40 - 2 * index as i64) * (index as i64 + 1);
        let query = format!("jobs_total{{queue=\"{queue}\"}}");
        assert_eq!(one(&history, &query, now), wanted as f64);
    }
    assert_eq!(one(&history, "a_first", now), 39.0);

    // Half of them end; after three ticks they have no value, and none of the others' values is theirs.
    for queue in queues.iter().step_by(2) {
        jobs.remove(&[queue.as_str()]);
    }
    for second in 40..44 {
        history.record(START_MS + second * 1_000, &registry);
    }
    let now = START_MS + 43_000;
    assert_eq!(one(&history, "count(jobs_total)", now), 6.0);
    assert_eq!(one(&history, "count(jobs_total offset 3s)", now), 12.0);
    assert_eq!((history.stats().series, history.stats().ended_series), (13, 6));
}

#[test]
fn only_chosen_series_are_kept() {
    let registry = Registry::new();
    for name in ["a_total", "b_total", "c_total"] {
        registry.counter((name, "")).unwrap().inc();
    }
    let keep =
        vec![Selector::parse("a_total").unwrap(), Selector::parse("{__name__=~\"c.*\"}").unwrap()];
    let history = MemoryHistory::new(Options { keep, ..Options::default() }).unwrap();
    history.record(START_MS, &registry);
    let names: Vec<String> =
        ask(&history, "{__name__!=\"\"}", START_MS).into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["a_total", "c_total"]);
    assert_eq!(history.stats().refused_series, 0, "the others were not wanted");
}

#[test]
fn a_prepared_query_finds_series_that_come_later_and_none_that_went() {
    let history =
        MemoryHistory::new(Options { series: 2, bytes: 20_000, ..Options::default() }).unwrap();
    let labels = |n: i64| Labels::new([("__name__", "x".to_owned()), ("n", n.to_string())]);
    let query = Query::parse("count_over_time(x[2s])").unwrap();
    let count = |at_ms| match query.instant(&history, at_ms).unwrap() {
        QueryValue::Vector(samples) => samples.len(),
        other => panic!("{other:?}"),
    };
    let (a, b, c) = (labels(1), labels(2), labels(3));
    history.record_values(1_000, [(&a, 1.0)]);
    assert_eq!(count(1_000), 1);
    history.record_values(2_000, [(&a, 1.0), (&b, 1.0)]);
    assert_eq!(count(2_000), 2);
    for second in 3..7 {
        assert!(history.record_values(second * 1_000, [(&b, 1.0)]));
    }
    history.record_values(7_000, [(&b, 1.0), (&c, 1.0)]);
    assert_eq!(count(7_000), 2, "the third has the place of the first");
}

#[test]
fn what_is_kept_can_be_changed_and_what_no_selector_names_ends() {
    let registry = Registry::new();
    let gauge = |name| registry.gauge((name, "Depth.")).unwrap();
    let (_mail, _print) = (gauge("mail"), gauge("print"));
    let times = registry.histogram(("times", "Times."), HistogramOptions::default()).unwrap();
    times.record(3);
    let keep = |selectors: &[&str]| {
        selectors.iter().map(|text| Selector::parse(text).unwrap()).collect::<Vec<_>>()
    };
    let options = Options { keep: keep(&["mail"]), ..Options::default() };
    let history = MemoryHistory::new(options).unwrap();
    let mut now = START_MS;
    let mut second = |history: &MemoryHistory| {
        now += 1_000;
        assert!(history.record(now, &registry));
        now
    };
    let at = second(&history);
    assert_eq!((ask(&history, "mail", at).len(), ask(&history, "print", at).len()), (1, 0));
    history.keep(keep(&["{__name__=~\"pri.*\"}", "times_count"]));
    let at = second(&history);
    assert_eq!((ask(&history, "print", at).len(), history.stats().series), (1, 3));
    assert_eq!(one(&history, "times_count", at), 1.0);
    let at = (0..3).map(|_| second(&history)).last().unwrap();
    assert_eq!(ask(&history, "mail", at), [], "it ended");
    history.keep(Vec::new());
    let at = second(&history);
    assert_eq!(ask(&history, "mail", at).len(), 1);
    assert!(!ask(&history, "times_bucket", at).is_empty());
}
