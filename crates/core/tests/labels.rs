//! Each record counts for its own label values, however many, long, alike or new they are.

mod support;
mod workers;

use perf_monitor_core::{
    Counter, Error, Family, HistogramOptions, OwnedValue, Registry, SeriesSnapshot, Value,
};
use proptest::prelude::*;
use std::collections::HashMap;
use std::thread;
use support::soaked;
use workers::Workers;

/// A registry with room for everything.
fn roomy() -> Registry {
    Registry::builder().budget_bytes(1 << 30).series_per_family(1 << 20).build()
}

fn series(registry: &Registry, name: &str) -> Vec<SeriesSnapshot> {
    registry.snapshot().family(name).map(|family| family.series.clone()).unwrap_or_default()
}

fn count(series: &SeriesSnapshot) -> u64 {
    match &series.value {
        OwnedValue::Counter(n) => *n,
        OwnedValue::Histogram(value) => value.count,
        OwnedValue::FloatCounter(x) | OwnedValue::Gauge(x) => *x as u64,
    }
}

/// The total of each label set, and of the overflow series.
fn totals(registry: &Registry, name: &str) -> (HashMap<Vec<String>, u64>, u64) {
    let (overflow, own): (Vec<_>, Vec<_>) =
        series(registry, name).into_iter().partition(|s| s.info.overflow);
    let labels = |s: &SeriesSnapshot| s.info.label_values.iter().map(|v| v.to_string()).collect();
    let own_series = own.len();
    let own: HashMap<_, _> = own.iter().map(|s| (labels(s), count(s))).collect();
    assert_eq!(own.len(), own_series, "two series have the same labels");
    (own, overflow.iter().map(count).sum())
}

fn refs(values: &[String]) -> Vec<&str> {
    values.iter().map(String::as_str).collect()
}

#[test]
fn sixty_four_keys_in_turn_on_several_threads_are_all_exact() {
    let registry = roomy();
    let counts = registry.counter_family(("counts", ""), &["a", "b"]).unwrap();
    let sizes = registry
        .histogram_family(("sizes", ""), &["a"], HistogramOptions::default().highest(1_000))
        .unwrap();
    let keys: Vec<String> = (0..64).map(|i| format!("/route/{i}")).collect();
    let rounds = soaked(300);
    thread::scope(|scope| {
        for thread in 0..5 {
            let (counts, sizes, keys) = (&counts, &sizes, &keys);
            scope.spawn(move || {
                for i in 0..rounds * 64 {
                    // Each thread goes round by another step; all steps meet all keys.
                    let key = &keys[i * (2 * thread + 1) % 64];
                    counts.inc(&[key, "GET"]);
                    sizes.record(&[key], i as u64 % 1_000);
                }
            });
        }
    });
    for name in ["counts_total", "sizes"] {
        let (own, overflow) = totals(&registry, name);
        assert_eq!((own.len(), overflow), (64, 0));
        assert!(own.values().all(|n| *n == 5 * rounds as u64));
    }
}

#[test]
fn thousands_of_keys_on_one_thread_find_their_own_series() {
    let registry = roomy();
    let family = registry.counter_family(("counts", ""), &["a", "b"]).unwrap();
    let keys: Vec<[String; 2]> = (0..3_000)
        .map(|i: u32| [(i % 60).to_string(), format!("value-{:0w$}", i / 60, w = i as usize % 20)])
        .collect();
    let mut model: HashMap<Vec<String>, u64> = HashMap::new();
    for round in 0..soaked(4) {
        for (i, [a, b]) in keys.iter().enumerate() {
            let n = (i + round) as u64 % 7 + 1;
            family.add(&[a, b], n);
            *model.entry(vec![a.clone(), b.clone()]).or_default() += n;
            // The key of before again: it may just have been put out of the cache.
            let [a, b] = &keys[i * 7 / 8];
            family.inc(&[a, b]);
            *model.entry(vec![a.clone(), b.clone()]).or_default() += 1;
        }
    }
    assert_eq!(totals(&registry, "counts_total"), (model, 0));
}

#[test]
fn values_that_read_alike_end_to_end_are_told_apart() {
    let registry = roomy();
    let families: Vec<Family<Counter>> = [1, 2, 3, 4]
        .map(|n| {
            let names = &["a", "b", "c", "d"][..n];
            registry.counter_family((format!("of_{n}"), ""), names).unwrap()
        })
        .into();
    let mut keys: Vec<Vec<String>> = vec![vec![String::new()]];
    for len in [1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 40] {
        let text = "abababababababababababababababababababab"[..len].to_string();
        keys.push(vec![text.clone()]);
        keys.push(vec![text.replacen('a', "\0", 1)]);
        for at in 0..=len {
            let (left, right) = text.split_at(at);
            keys.push(vec![left.into(), right.into()]);
            keys.push(vec![left.into(), String::new(), right.into()]);
            keys.push(vec![left.into(), right.into(), String::new()]);
            keys.push(vec![String::new(), left.into(), right.into(), String::new()]);
        }
    }
    keys.extend((0..40).map(|zeroes| vec!["\0".repeat(zeroes), "\0".repeat(40 - zeroes)]));
    let mut model: [HashMap<Vec<String>, u64>; 4] = Default::default();
    for round in 1..=3 {
        for key in &keys {
            families[key.len() - 1].add(&refs(key), round);
            *model[key.len() - 1].entry(key.clone()).or_default() += round;
        }
    }
    for (n, model) in (1..).zip(model) {
        assert_eq!(totals(&registry, &format!("of_{n}_total")), (model, 0));
    }
}

/// Sixteen bytes of which a hash that multiplies a value's two halves, each with its salt, where
/// one salt is the other's inverse, makes the same: the halves swapped and inverted.
fn mirror(value: &str) -> String {
    let (left, right) = value.as_bytes().split_at(8);
    let bytes = right.iter().chain(left).map(|byte| !byte).collect();
    String::from_utf8(bytes).expect("a digit and a letter, inverted, are a letter of two bytes")
}

#[test]
fn values_of_one_hash_are_told_apart() {
    let registry = roomy();
    let family = registry.counter_family(("counts", ""), &["a"]).unwrap();
    let mut model = HashMap::new();
    for i in 0..50u64 {
        let value = format!("1a2b3c4d5e6f{}g{}h", i / 10, i % 10);
        for key in [mirror(&value), value] {
            // In turns, so that each finds the other's entry in its place.
            (0..3).for_each(|_| family.add(&[&key], i + key.len() as u64));
            model.insert(vec![key.clone()], 3 * (i + 16));
        }
    }
    let keys: Vec<String> = model.keys().map(|key| key[0].clone()).collect();
    assert_eq!(keys.len(), 100);
    keys.iter().for_each(|key| family.inc(&[key]));
    model.values_mut().for_each(|n| *n += 1);
    assert_eq!(totals(&registry, "counts_total"), (model, 0));
}

/// Values that are near each other: few letters, shared prefixes, all lengths up to 40.
fn value() -> impl Strategy<Value = String> {
    let letters = prop::sample::select(vec!["a", "b", "\0", "é", "日", "🦀"]);
    prop_oneof![
        2 => prop::collection::vec(letters, 0..10).prop_map(|v| v.concat()),
        1 => (0usize..=40, "[ab]{0,2}").prop_map(|(n, end)| "x".repeat(n) + &end),
        1 => any::<String>().prop_map(|s| s.chars().take(12).collect()),
    ]
}

#[test]
fn any_values_on_any_threads_count_as_a_map_does() {
    let workers = Workers::new(3);
    let config = ProptestConfig {
        failure_persistence: None,
        ..ProptestConfig::with_cases(soaked(60) as u32)
    };
    let keys = (1usize..=5).prop_flat_map(|n| {
        let key = prop::collection::vec(value(), n);
        (prop::collection::vec(key, 1..60), Just(n))
    });
    let strategy = (keys, prop::collection::vec((any::<u16>(), 0usize..3, 1u8..40), 1..150));
    proptest!(config, |(((keys, n), records) in strategy)| {
        let registry = roomy();
        let names = &["a", "b", "c", "d", "e"][..n];
        let family = registry.counter_family(("counts", ""), names).unwrap();
        let mut model = HashMap::new();
        for (index, worker, times) in records {
            let (family, key) = (family.clone(), keys[index as usize % keys.len()].clone());
            *model.entry(key.clone()).or_default() += u64::from(times);
            workers.run(worker, move || (0..times).for_each(|_| family.inc(&refs(&key))));
        }
        prop_assert_eq!(totals(&registry, "counts_total"), (model, 0));
    });
}

#[test]
fn a_wrong_number_of_values_is_an_error_that_names_the_metric_and_its_labels() {
    let registry = Registry::new();
    let family = registry.counter_family(("counts", ""), &["method", "route"]).unwrap();
    for wrong in [&[][..], &["GET"], &["GET", "/", "more"], &["a", "b", "c", "d"]] {
        let error: Error = family.with(wrong).unwrap_err();
        assert!(error.is_label_count());
        for name in ["counts_total", "method", "route", &format!("{wrong:?}")] {
            assert!(error.to_string().contains(name), "{error} does not name {name}");
        }
    }
    assert!(family.is_empty());
}

#[test]
fn a_record_with_a_wrong_number_of_values_counts_in_the_overflow_series() {
    let registry = Registry::new();
    let options = HistogramOptions::default();
    let counts = registry.counter_family(("counts", ""), &["a", "b"]).unwrap();
    let spent = registry.float_counter_family(("spent", ""), &["a", "b"]).unwrap();
    let seen = registry.observed_counter_family(("seen", ""), &["a", "b"]).unwrap();
    let levels = registry.gauge_family(("levels", ""), &["a", "b"]).unwrap();
    let sizes = registry.histogram_family(("sizes", ""), &["a", "b"], options).unwrap();
    for wrong in [&[][..], &["one"], &["1", "2", "3"], &["1", "2", "3", "4"]] {
        counts.inc(wrong);
        spent.add(wrong, 1.0);
        seen.observe(wrong, 4);
        levels.add(wrong, 1.0);
        sizes.record(wrong, 5);
    }
    for name in ["counts_total", "spent_total", "seen_total", "levels", "sizes"] {
        // Totals of several sources cannot share a series.
        let expected = if name == "seen_total" { 0 } else { 4 };
        assert_eq!(totals(&registry, name), (HashMap::new(), expected), "{name}");
        let shown = registry.snapshot();
        assert!(shown.value(name, &[("overflow", "true")]).is_some(), "{name}");
    }
    assert_eq!((registry.stats().wrong_labels, registry.stats().refused_series), (20, 0));
}

#[test]
fn series_above_the_cap_are_one_overflow_series_and_the_total_is_right() {
    let registry = Registry::builder().series_per_family(10).build();
    let family = registry.counter_family(("counts", ""), &["key"]).unwrap();
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                (0..2_000).for_each(|i| family.inc(&[&(i % 40).to_string()]));
            });
        }
    });
    let (own, overflow) = totals(&registry, "counts_total");
    assert_eq!((own.len(), family.len()), (10, 11));
    assert!(own.values().all(|n| *n == 200));
    assert_eq!(overflow, 4 * 1_500);
    let shown = registry.snapshot();
    assert!(matches!(
        shown.value("counts_total", &[("overflow", "true")]),
        Some(Value::Counter(6_000))
    ));
    assert!(registry.stats().refused_series >= 30);

    // A handle of one that has no room is the overflow series', and room is used once there is.
    family.with(&["new"]).unwrap().inc();
    assert_eq!(totals(&registry, "counts_total").1, 6_001);
    assert!(family.remove(&[own.keys().next().unwrap()[0].as_str()]));
    family.inc(&["new"]);
    assert_eq!(totals(&registry, "counts_total").0[&vec!["new".to_string()]], 1);
}

#[test]
fn what_the_byte_budget_has_no_room_for_overflows_and_is_counted() {
    let registry = Registry::builder().budget_bytes(20_000).build();
    let options = HistogramOptions::default();
    let counts = registry.counter_family(("counts", ""), &["key"]).unwrap();
    let sizes = registry.histogram_family(("sizes", ""), &["key"], options).unwrap();
    for i in 0..1_000u64 {
        sizes.record(&[&i.to_string()], 12_345);
        counts.inc(&[&i.to_string()]);
    }
    for name in ["counts_total", "sizes"] {
        let (own, overflow) = totals(&registry, name);
        assert!(!own.is_empty() && overflow > 0, "{name}");
        assert_eq!(own.values().sum::<u64>() + overflow, 1_000, "{name}");
    }
    let digits = |series: &SeriesSnapshot| match &series.value {
        OwnedValue::Histogram(value) => (series.info.overflow, value.layout.digits(), value.max),
        _ => unreachable!("the family is of histograms"),
    };
    for (overflow, digits, max) in series(&registry, "sizes").iter().map(digits) {
        assert_eq!((digits, max), (if overflow { 1 } else { 2 }, 12_345));
    }
    let stats = registry.stats();
    assert!(stats.refused_series > 0);
    // Beside the budget there is one overflow series a family, of one digit.
    assert!(stats.charged_bytes <= stats.budget_bytes + 4_000, "{stats:?}");
}

#[test]
fn plain_metrics_beyond_the_byte_budget_record_all_the_same() {
    let registry = Registry::builder().budget_bytes(0).build();
    let options = HistogramOptions::default();
    for _ in 0..2 {
        registry.counter(("counts", "")).unwrap().inc();
        registry.float_counter(("spent", "")).unwrap().add(1.0);
        registry.gauge(("level", "")).unwrap().add(1.0);
        registry.histogram(("sizes", ""), options.digits(3)).unwrap().record(1_000_000);
    }
    for name in ["counts_total", "spent_total", "level", "sizes"] {
        assert_eq!(totals(&registry, name), (HashMap::new(), 2), "{name}");
    }
    assert!(registry.stats().refused_series >= 4);
}

#[test]
fn a_removed_series_that_other_threads_remember_gets_no_more_records() {
    let registry = roomy();
    let family = registry.counter_family(("counts", ""), &["key"]).unwrap();
    let workers = Workers::new(4);
    let keys: Vec<String> = (0..64).map(|i| format!("key-{i}")).collect();
    let all = |family: &Family<Counter>, keys: &[String]| {
        keys.iter().for_each(|key| (0..20).for_each(|_| family.inc(&[key])));
    };
    for round in 0..soaked(15) {
        for worker in 0..4 {
            let (family, keys) = (family.clone(), keys.clone());
            workers.run(worker, move || all(&family, &keys));
        }
        let (own, overflow) = totals(&registry, "counts_total");
        assert_eq!((own.len(), overflow), (64, 0));
        for (i, key) in keys.iter().enumerate() {
            let kept_rounds = (0..round).rev().take_while(|r| (i + r) % 3 != 0).count() as u64;
            assert_eq!(own[&vec![key.clone()]], 80 * (1 + kept_rounds), "{key}");
            if (i + round) % 3 == 0 {
                assert!(family.remove(&[key]));
            }
        }
    }
}

#[test]
fn records_that_race_with_removals_are_never_counted_for_another_series() {
    let registry = roomy();
    let family = registry.counter_family(("counts", ""), &["key"]).unwrap();
    let bystander = family.with(&["bystander"]).unwrap();
    let records = soaked(20_000) as u64;
    thread::scope(|scope| {
        let writers = [(); 3].map(|()| {
            scope.spawn(|| {
                for i in 0..records {
                    family.add(&[["a", "b", "c", "d"][i as usize % 4]], 1_000);
                    family.inc(&["bystander"]);
                }
            })
        });
        while !writers.iter().all(|w| w.is_finished()) {
            for key in ["a", "b", "c", "d"] {
                family.remove(&[key]);
                // A new series that nobody else knows takes the cells that came free.
                let new = family.with(&["new"]).unwrap();
                assert_eq!(new.get(), 0);
                new.inc();
                assert_eq!(new.get(), 1);
                assert!(family.remove(&["new"]));
            }
        }
    });
    assert_eq!(bystander.get(), 3 * records);
    let (own, _) = totals(&registry, "counts_total");
    assert!(own.iter().all(|(key, n)| key[0] == "bystander" || n.is_multiple_of(1_000)));
}
