//! Fifty series in both tiers fit their bytes, and what does not fit is given up fairly and counted.

mod support;

use perf_monitor_history::{Labels, MemoryHistory, Options, Samples, Selector, Span, Storage};
use support::service::{Service, Shape, service};

/// A little over an hour, so that both tiers are full and have turned over.
const SECONDS: i64 = 4_000;

fn run(series: &[(Labels, Shape)], options: Options) -> MemoryHistory {
    let history = MemoryHistory::new(options).unwrap();
    let mut values = Service::new(series.iter().map(|(_, shape)| *shape));
    for second in 0..SECONDS {
        let labels = series.iter().map(|(labels, _)| labels);
        history.record_values(second * 1_000, labels.zip(values.next().iter().copied()));
        if second % 100 == 0 {
            assert!(history.stats().bytes <= history.stats().limit_bytes);
        }
    }
    history
}

/// Seconds from the oldest point of each series to the newest, shortest first.
fn reaches(history: &MemoryHistory) -> Vec<(i64, String)> {
    let span = Span { from_ms: 0, until_ms: i64::MAX - 1, step_ms: 0 };
    let all = Selector::parse(r#"{__name__=~".+"}"#).unwrap();
    let mut reaches = Vec::new();
    for series in history.select(&all, span).unwrap() {
        let mut samples = Samples::default();
        history.read(series.id, span, &mut samples).unwrap();
        let reach = samples.at_ms.first().map_or(0, |first| SECONDS - first / 1_000);
        reaches.push((reach, series.labels.to_string()));
    }
    reaches.sort();
    reaches
}

#[test]
fn fifty_series_of_a_busy_service_fit_their_bytes_without_a_loss() {
    let series = service();
    assert_eq!(series.len(), 50);
    let history = run(&series, Options::default());
    let stats = history.stats();
    println!("{stats:?}\n{:?}", &reaches(&history)[..5]);
    assert_eq!((stats.lost_points, stats.refused_series, stats.series), (0, 0, 50));
    assert_eq!(stats.evicted_points, 0, "both tiers are whole");
    assert!(reaches(&history)[0].0 >= 3_600);
}

#[test]
fn noise_that_no_code_makes_small_shortens_its_own_history_first_and_is_counted() {
    let mut series: Vec<_> = service().into_iter().take(25).collect();
    for index in 0..25 {
        let labels = Labels::new([("__name__", "noise".to_owned()), ("n", index.to_string())]);
        series.push((labels, Shape::Quotient));
    }
    let history = run(&series, Options::default());
    let stats = history.stats();
    assert!(stats.evicted_points > 0 && stats.lost_points == 0, "{stats:?}");
    let (noise, others): (Vec<_>, Vec<_>) =
        reaches(&history).into_iter().partition(|(_, labels)| labels.starts_with("noise"));
    println!("{noise:?}");
    assert!(noise[0].0 >= 600, "{noise:?}");
    let whole = others.iter().filter(|(reach, _)| *reach >= 3_600).count();
    assert!(whole >= 20, "{others:?}");
}

#[test]
fn series_that_end_make_room_for_others_and_those_beyond_are_counted() {
    let options = Options { series: 4, bytes: 20_000, ..Options::default() };
    let history = MemoryHistory::new(options).unwrap();
    let labels = |index: i64| Labels::new([("__name__", format!("m{index}"))]);
    let mut second = 0;
    let mut tick = |from: i64, until: i64| {
        second += 1;
        let all: Vec<Labels> = (from..until).map(labels).collect();
        assert!(history.record_values(second * 1_000, all.iter().map(|labels| (labels, 1.0))));
    };
    tick(0, 5);
    assert_eq!((history.stats().series, history.stats().refused_series), (4, 1));
    (0..3).for_each(|_| tick(1, 4));
    assert_eq!(history.stats().ended_series, 1, "it missed three ticks");
    tick(1, 5);
    assert_eq!((history.stats().series, history.stats().evicted_series), (4, 1));
    assert_eq!(history.select(&Selector::parse("m4").unwrap(), ALWAYS).unwrap().len(), 1);
    (0..4_000).for_each(|_| tick(1, 2));
    assert_eq!(history.stats().series, 1, "what ended long ago is gone");
}

const ALWAYS: Span = Span { from_ms: i64::MIN, until_ms: i64::MAX, step_ms: 0 };

#[test]
fn a_clock_that_is_set_back_waits_or_begins_anew() {
    let history = MemoryHistory::new(Options::default()).unwrap();
    let up = Labels::new([("__name__", "up")]);
    let tick = |at_ms| history.record_values(at_ms, [(&up, 1.0)]);
    assert!(tick(1_000_000) && tick(1_001_000));
    assert!(!tick(1_001_300), "sooner than half a step");
    let down = Labels::new([("__name__", "down")]);
    assert!(history.record_values(1_001_000, [(&down, 1.0), (&up, 2.0)]), "more of the same tick");
    assert_eq!(history.stats().series, 2);
    let up_id = history.select(&Selector::parse("up").unwrap(), ALWAYS).unwrap()[0].id;
    assert_eq!(history.last(up_id, ALWAYS).unwrap(), Some((1_001_000, 1.0)), "the first counts");
    assert!(!tick(990_000), "back by 11 s");
    assert!(tick(500_000), "back by more than a minute");
    let stats = history.stats();
    assert_eq!((stats.ticks, stats.early_ticks, stats.restarts, stats.series), (3, 2, 1, 1));
}

#[test]
fn options_that_cannot_be_are_refused_with_a_remedy() {
    let few = Options { bytes: 10_000, ..Options::default() };
    let error = MemoryHistory::new(few).unwrap_err();
    assert!(error.is_options() && error.to_string().contains("give more bytes"), "{error}");
    let many = Options { series: 100_000, bytes: usize::MAX, ..Options::default() };
    assert!(MemoryHistory::new(many).unwrap_err().is_options());
    let mut odd = Options::default();
    odd.coarse.step = std::time::Duration::from_millis(1_500);
    assert!(MemoryHistory::new(odd).unwrap_err().to_string().contains("coarse.step"));
}
