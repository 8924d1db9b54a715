//! Series that go, windows that close while others record, and what is told of both.

use perf_monitor_core::*;
use std::collections::BTreeMap;
use std::sync::Barrier;
use std::time::Duration;

fn total(registry: &Registry, name: &str) -> u64 {
    let s = registry.snapshot();
    s.family(name).map_or(0, |f| {
        f.series
            .iter()
            .map(|s| match &s.value {
                OwnedValue::Counter(n) => *n,
                OwnedValue::Histogram(h) => h.count,
                _ => 0,
            })
            .sum()
    })
}

#[test]
fn each_record_with_a_wrong_number_of_values_is_counted() {
    let registry = Registry::new();
    let family = registry.counter_family(("hits", ""), &["a", "b"]).unwrap();
    for _ in 0..10 {
        family.inc(&["one"]);
    }
    assert_eq!(total(&registry, "hits_total"), 10);
    assert_eq!(registry.stats().wrong_labels, 10);
}

#[test]
fn removed_series_give_their_bytes_back() {
    let registry = Registry::builder().budget_bytes(64 * 1024).build();
    let family =
        registry.histogram_family(("took", ""), &["user"], HistogramOptions::default()).unwrap();
    for user in 0..100 {
        let user = format!("user-{user}");
        family.record(&[&user], 1);
        assert!(family.remove(&[&user]), "{user}: {:?}", registry.stats());
    }
    assert_eq!(registry.stats().refused_series, 0);
}

#[test]
fn expired_series_make_room() {
    let (clock, hand) = Clock::fake();
    let registry = Registry::builder().clock(clock).expire_after(Duration::from_secs(60)).build();
    let family =
        registry.histogram_family(("took", ""), &["user"], HistogramOptions::default()).unwrap();
    for user in 0..200 {
        family.record(&[&format!("user-{user}")], 1);
        registry.tick();
        hand.advance(Duration::from_secs(61));
        registry.tick();
    }
    assert_eq!(registry.stats().refused_series, 0, "{:?}", registry.stats());
}

#[derive(Default)]
struct Deltas(BTreeMap<String, u64>);
impl Visitor for Deltas {
    fn series(&mut self, f: &FamilyInfo, s: &SeriesInfo, value: Value<'_>) {
        let key = format!("{}{:?}", f.name, s.label_values);
        *self.0.entry(key).or_default() += match value {
            Value::Counter(n) => n,
            Value::Histogram(h) => h.count,
            _ => 0,
        };
    }
}

#[test]
fn a_record_that_a_tick_meets_half_way_is_in_a_later_window() {
    for round in 0..3000 {
        let registry = Registry::new();
        let h = registry.histogram(("h", ""), HistogramOptions::default().digits(3)).unwrap();
        let mut deltas = Deltas::default();
        let go = Barrier::new(2);
        std::thread::scope(|s| {
            s.spawn(|| {
                for _ in 0..40 {
                    h.record(1);
                }
                go.wait();
                h.record(1 << (11 + round % 10));
            });
            for _ in 0..1 {
                registry.tick();
                registry.visit_window(&mut deltas);
            }
            go.wait();
            for _ in 0..3 {
                registry.tick();
                registry.visit_window(&mut deltas);
            }
        });
        for _ in 0..2 {
            registry.tick();
            registry.visit_window(&mut deltas);
        }
        assert_eq!(deltas.0.values().sum::<u64>(), 41, "round {round}");
    }
}

#[test]
fn deltas_add_up_while_series_are_removed() {
    let registry = Registry::builder().budget_bytes(1 << 30).build();
    let family = registry.counter_family(("f", ""), &["k"]).unwrap();
    for round in 0..20 {
        for i in 0..400 {
            family.inc(&[&format!("victim-{i}")]);
        }
        let keys: Vec<String> = (0..400).map(|i| format!("steady-{round}-{i}")).collect();
        let steady: Vec<Counter> = keys.iter().map(|k| family.with(&[k]).unwrap()).collect();
        let mut deltas = Deltas::default();
        std::thread::scope(|s| {
            let remover = s.spawn(|| {
                for i in 0..400 {
                    family.remove(&[&format!("victim-{i}")]);
                    std::thread::yield_now();
                }
            });
            while !remover.is_finished() {
                steady.iter().for_each(|c| c.inc());
                registry.tick();
                registry.visit_window(&mut deltas);
            }
        });
        registry.tick();
        registry.visit_window(&mut deltas);
        for (k, c) in keys.iter().zip(&steady) {
            let key = format!("f_total{:?}", [k]);
            assert_eq!(deltas.0[&key], c.get(), "round {round} {key}");
        }
        family.clear();
    }
}

#[test]
fn a_gauge_and_a_counter_do_not_share_an_open_metrics_name() {
    let registry = Registry::new();
    registry.counter(("jobs", "")).unwrap();
    assert!(registry.gauge(("jobs", "")).is_err());
    assert!(registry.gauge(("jobs_created", "")).is_err());
}

#[test]
fn bad_histogram_options_name_the_metric() {
    let registry = Registry::new();
    let e = registry.histogram(("took", ""), HistogramOptions::default().digits(9)).unwrap_err();
    assert!(e.to_string().contains("took"), "{e}");
}

#[test]
fn an_observed_series_that_is_fed_does_not_expire() {
    let (clock, hand) = Clock::fake();
    let registry = Registry::builder().clock(clock).expire_after(Duration::from_secs(60)).build();
    let family = registry.observed_counter_family(("errors", ""), &["disk"]).unwrap();
    for _ in 0..200 {
        family.observe(&["sda"], 1000);
        hand.advance(Duration::from_secs(1));
        registry.tick();
    }
    assert_eq!(registry.stats().expired_series, 0);
}

#[test]
fn a_series_that_is_not_shown_is_not_counted() {
    let registry = Registry::new();
    let family = registry.counter_family(("f", ""), &["k"]).unwrap();
    family.inc(&["x"]);
    registry.unregister("f_total");
    assert_eq!(registry.stats().series, 0);
}
