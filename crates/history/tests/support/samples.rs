//! The same samples for a history and for Prometheus.

use std::time::Duration;

use perf_monitor_history::{Labels, MemoryHistory, Options, STALE, Tier};

use super::service::Noise;

/// When the first tick is.
pub(crate) const START_MS: i64 = 1_600_000_000_000;
/// Ticks, of which each is about a second after the one before.
pub(crate) const TICKS: i64 = 420;
/// When the last tick is.
pub(crate) const END_MS: i64 = START_MS + (TICKS - 1) * 1_000;

const STALE_AFTER: i64 = 3;

/// Series with their samples and the markers where they end.
pub(crate) type Samples = Vec<(Labels, Vec<(i64, f64)>)>;

/// Fills a history whose fine tier holds all of it, and says what it was given.
pub(crate) fn fill() -> (MemoryHistory, Samples) {
    let fine = Tier { step: Duration::from_secs(1), keep: Duration::from_secs(600) };
    let options = Options { bytes: 2_000_000, series: 200, fine, ..Options::default() };
    let history = MemoryHistory::new(options).unwrap();
    let mut makers = makers();
    let mut samples: Samples =
        makers.iter().map(|maker| (maker.labels.clone(), Vec::new())).collect();
    let mut noise = Noise(42);
    for tick in 0..TICKS {
        // Scrapes are not quite on time.
        let late = if tick % 7 == 3 && tick != TICKS - 1 { noise.below(90) as i64 } else { 0 };
        let at_ms = START_MS + tick * 1_000 + late;
        let values: Vec<Option<f64>> = makers.iter_mut().map(|maker| maker.next(tick)).collect();
        let there =
            makers.iter().zip(&values).filter_map(|(maker, v)| Some((&maker.labels, (*v)?)));
        assert!(history.record_values(at_ms, there));
        for ((maker, value), (_, samples)) in makers.iter_mut().zip(values).zip(&mut samples) {
            if let Some(value) = maker.sample(value) {
                samples.push((at_ms, value));
            }
        }
    }
    assert_eq!(history.stats().evicted_points + history.stats().refused_series, 0);
    (history, samples)
}

/// Makes the values of a series.
struct Maker {
    labels: Labels,
    kind: Kind,
    value: f64,
    noise: Noise,
    /// Ticks since the last value; `None` before the first and after the marker.
    missed: Option<i64>,
}

#[derive(Clone, Copy)]
enum Kind {
    /// Events per second; begins anew at these ticks.
    Counter(f64, &'static [i64]),
    Gauge(f64, f64),
    Ratio,
    Constant(f64),
    /// What no number is, every few ticks.
    Odd(f64),
    /// There from one tick to another.
    Within(i64, i64),
    /// Missing each third tick.
    Gaps,
}

impl Maker {
    fn next(&mut self, tick: i64) -> Option<f64> {
        let noise = &mut self.noise;
        match self.kind {
            Kind::Counter(rate, resets) => {
                self.value =
                    if resets.contains(&tick) { 0.0 } else { self.value } + noise.events(rate);
            }
            Kind::Gauge(mean, deviation) => {
                self.value = mean + (deviation * noise.normal()).round()
            }
            Kind::Ratio => self.value = noise.share(),
            Kind::Constant(value) => self.value = value,
            Kind::Odd(odd) => self.value = if tick % 11 == 5 { odd } else { tick as f64 },
            Kind::Within(from, until) => {
                self.value += 1.0;
                return (from..until).contains(&tick).then_some(self.value);
            }
            Kind::Gaps => {
                self.value += noise.events(5.0);
                return (tick % 3 != 1).then_some(self.value);
            }
        }
        Some(self.value)
    }

    /// The value, or the marker if it is due.
    fn sample(&mut self, value: Option<f64>) -> Option<f64> {
        self.missed = match value {
            Some(_) => Some(0),
            None => self.missed.map(|missed| missed + 1),
        };
        if self.missed == Some(STALE_AFTER) {
            self.missed = None;
            return Some(STALE);
        }
        value
    }
}

fn makers() -> Vec<Maker> {
    let mut makers = Vec::new();
    let mut add = |labels: &[(&str, &str)], kind| {
        let noise = Noise(makers.len() as u64 * 977);
        let labels = Labels::new(labels.iter().copied());
        makers.push(Maker { labels, kind, value: 0.0, noise, missed: None });
    };
    for (route, rate) in [("/", 220.0), ("/orders", 31.0), ("/items/{id}", 4.0)] {
        for (method, share) in [("GET", 1.0), ("POST", 0.3)] {
            for (status, part) in [("200", 1.0), ("500", 0.01)] {
                let resets: &[i64] = if method == "POST" { &[100, 260] } else { &[] };
                add(
                    &[
                        ("__name__", "requests_total"),
                        ("route", route),
                        ("method", method),
                        ("status", status),
                    ],
                    Kind::Counter(rate * share * part, resets),
                );
            }
        }
    }
    for (route, rate) in [("/", 200.0), ("/orders", 20.0)] {
        let buckets = [
            ("0.001", 0.01),
            ("0.01", 0.3),
            ("0.1", 0.8),
            ("0.5", 0.95),
            ("1", 0.99),
            ("+Inf", 1.0),
        ];
        for (le, share) in buckets {
            add(
                &[("__name__", "duration_seconds_bucket"), ("route", route), ("le", le)],
                Kind::Counter(rate * share, &[]),
            );
        }
        add(&[("__name__", "duration_seconds_count"), ("route", route)], Kind::Counter(rate, &[]));
        add(
            &[("__name__", "duration_seconds_sum"), ("route", route)],
            Kind::Counter(rate * 0.4, &[]),
        );
    }
    for (room, mean) in [("hall", 20.0), ("cellar", -3.0), ("attic", 31.0)] {
        add(&[("__name__", "temperature"), ("room", room), ("floor", "1")], Kind::Gauge(mean, 4.0));
        add(&[("__name__", "limit"), ("room", room)], Kind::Constant(mean + 1.5));
        add(
            &[("__name__", "room_info"), ("room", room), ("owner", "x"), ("color", room)],
            Kind::Constant(1.0),
        );
    }
    add(&[("__name__", "temperature"), ("room", "hall"), ("floor", "2")], Kind::Gauge(22.0, 0.0));
    for core in ["0", "1"] {
        add(&[("__name__", "busy_ratio"), ("core", core)], Kind::Ratio);
    }
    add(&[("__name__", "odd"), ("kind", "nan")], Kind::Odd(f64::NAN));
    add(&[("__name__", "odd"), ("kind", "inf")], Kind::Odd(f64::INFINITY));
    add(&[("__name__", "odd"), ("kind", "minus")], Kind::Odd(f64::NEG_INFINITY));
    add(&[("__name__", "gone"), ("when", "early")], Kind::Within(0, 50));
    add(&[("__name__", "gone"), ("when", "late")], Kind::Within(0, 400));
    add(&[("__name__", "young"), ("when", "late")], Kind::Within(395, TICKS));
    add(&[("__name__", "one_point")], Kind::Within(TICKS - 1, TICKS));
    add(&[("__name__", "gaps_total"), ("text", "a\"b\\c\nd")], Kind::Gaps);
    makers
}
