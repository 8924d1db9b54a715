//! A registry takes no more bytes than it was given, and loses nothing for it.

use std::sync::Arc;
use std::thread;

use perf_monitor_core::{
    Counter, Desc, Error, HistogramOptions, Lock, OwnedValue, Registry, Unit, Value,
};
use proptest::prelude::*;

fn tight(bytes: usize) -> Registry {
    Registry::builder().budget_bytes(bytes).build()
}

#[test]
fn a_histogram_is_charged_for_the_octaves_it_uses() {
    let registry = tight(1 << 20);
    let times = registry.histogram(("times", ""), HistogramOptions::default()).unwrap();
    let empty = registry.stats().charged_bytes;
    times.record(1_000);
    let one = registry.stats().charged_bytes;
    times.record(1_001);
    assert_eq!(registry.stats().charged_bytes, one, "the same octave");
    times.record(1_000_000);
    assert_eq!(registry.stats().charged_bytes - one, one - empty);
    drop(times);
    assert!(registry.unregister("times"));
    assert!(registry.stats().charged_bytes < empty);
}

#[test]
fn a_histogram_without_room_keeps_count_sum_and_max_and_the_octave() {
    let registry = tight(1 << 20);
    let times = registry.histogram(("times", ""), HistogramOptions::default()).unwrap();
    registry.set_budget_bytes(0);
    for value in [1_000, 1_500, 40_000] {
        times.record(value);
    }
    let value = times.value();
    assert_eq!((value.count, value.sum, value.max), (3, 42_500, 40_000));
    let found: Vec<_> = value.iter_values().map(|(_, highest, count)| (highest, count)).collect();
    assert_eq!(found, [(1_023, 1), (2_047, 1), (65_535, 1)]);
    let stats = registry.stats();
    assert_eq!(stats.coarse_records, 3);

    registry.set_budget_bytes(1 << 20);
    times.record(1_500);
    let fine = times.value();
    assert_eq!(fine.count, 4);
    assert!(fine.iter_values().any(|(lowest, highest, _)| lowest <= 1_500 && highest < 1_510));
    assert_eq!(registry.stats().coarse_records, 3);
}

#[test]
fn coarse_counts_reach_windows_and_snapshots_too() {
    let registry = tight(1 << 20);
    let times = registry.histogram(("times", ""), HistogramOptions::default()).unwrap();
    registry.set_budget_bytes(0);
    times.record(1_000);
    registry.tick();
    times.record(5_000);
    registry.tick();
    struct Deltas(u64);
    impl perf_monitor_core::Visitor for Deltas {
        fn series(
            &mut self,
            _: &perf_monitor_core::FamilyInfo,
            _: &perf_monitor_core::SeriesInfo,
            value: Value<'_>,
        ) {
            if let Value::Histogram(value) = value {
                self.0 += value.count;
            }
        }
    }
    let mut deltas = Deltas(0);
    registry.visit_window(&mut deltas);
    assert_eq!(deltas.0, 1);
}

#[test]
fn the_overflow_series_has_its_cells_whatever_the_budget_says() {
    let registry = tight(0);
    let options = HistogramOptions::default();
    let times = registry.histogram_family(("times", ""), &["route"], options).unwrap();
    times.record(&["/a"], 1_000);
    times.record(&["/b"], 1_000_000);
    let snapshot = registry.snapshot();
    let series = &snapshot.family("times").unwrap().series;
    assert_eq!(series.len(), 1);
    let OwnedValue::Histogram(value) = &series[0].value else { panic!("a histogram") };
    assert_eq!(value.count, 2);
    assert_eq!(registry.stats().coarse_records, 0);
}

#[test]
fn several_metrics_of_one_name_can_go_to_overflow_together() {
    let registry = tight(1 << 20);
    let counts = registry.counter_family(("counts", ""), &["name"]).unwrap();
    let held = counts.try_with(&["a"]).unwrap().unwrap();
    registry.set_budget_bytes(registry.stats().charged_bytes + counts.series_bytes() - 1);
    assert!(counts.try_with(&["b"]).unwrap().is_none());
    assert_eq!(registry.stats().refused_series, 0, "nothing was recorded in it");
    assert!(counts.try_with(&["a"]).unwrap().is_some(), "what is there needs no room");
    counts.overflow().add(5);
    held.inc();
    let snapshot = registry.snapshot();
    let total = |labels: &[(&str, &str)]| match snapshot.value("counts_total", labels) {
        Some(Value::Counter(n)) => n,
        other => panic!("{other:?}"),
    };
    assert_eq!((total(&[("name", "a")]), total(&[("overflow", "true")])), (1, 5));
    assert!(counts.try_with(&[]).unwrap_err().is_label_count());
}

#[test]
fn reservations_and_series_draw_from_one_budget() {
    let registry = tight(10_000);
    let budget = registry.budget();
    let half = budget.reserve(9_000).unwrap();
    assert_eq!((half.bytes(), registry.stats().charged_bytes), (9_000, 9_000));
    let counts = registry.counter_family(("counts", "a"), &["name"]).unwrap();
    (0..20).for_each(|n| counts.inc(&[&n.to_string()]));
    assert!(registry.stats().refused_series > 0);
    drop(half);
    counts.inc(&["after"]);
    assert_eq!(registry.snapshot().value("counts_total", &[("name", "after")]).map(count), Some(1));
}

fn count(value: Value<'_>) -> u64 {
    match value {
        Value::Counter(n) => n,
        other => panic!("{other:?}"),
    }
}

#[test]
fn threads_that_reserve_at_once_never_get_more_than_there_is() {
    let registry = tight(1_000);
    let got: usize = thread::scope(|scope| {
        let all: Vec<_> = (0..8)
            .map(|_| {
                let budget = registry.budget();
                scope.spawn(move || (0..50).filter_map(|_| budget.reserve(7)).collect::<Vec<_>>())
            })
            .collect();
        let held: Vec<_> = all.into_iter().flat_map(|t| t.join().unwrap()).collect();
        held.iter().map(|r| r.bytes()).sum()
    });
    assert!(got <= 1_000, "{got}");
    assert_eq!(registry.stats().charged_bytes, 0);
}

#[test]
fn a_registry_has_one_companion_of_a_type() {
    struct Jobs(Counter);
    let registry = Registry::new();
    let jobs = || registry.companion(|| Ok::<_, Error>(Jobs(registry.counter(("jobs", ""))?)));
    let (first, second) = (jobs().unwrap(), jobs().unwrap());
    assert!(Arc::ptr_eq(&first, &second));
    first.0.inc();
    let other = registry.companion(|| Ok::<_, Error>(7_u32)).unwrap();
    assert_eq!((second.0.get(), *other), (1, 7));
    assert!(registry.companion(|| Err::<u64, _>("no")).is_err());
    assert_eq!(registry.companion(|| Ok::<u64, ()>(3)).as_deref(), Ok(&3), "an error is not kept");
}

#[test]
fn a_lock_that_was_held_in_a_panic_goes_on() {
    let lock = Arc::new(Lock::new(1));
    let other = lock.clone();
    let ended = thread::spawn(move || {
        let _held = other.lock();
        panic!("on purpose");
    });
    assert!(ended.join().is_err());
    *lock.lock() += 1;
    assert_eq!(*lock.try_lock().unwrap(), 2);
}

#[test]
fn millionths_are_exported_as_plain_numbers() {
    let registry = Registry::new();
    let desc = Desc::new("share", "A share.").unit(Unit::Millionths);
    let share = registry.histogram(desc, HistogramOptions::default()).unwrap();
    share.record(250_000);
    assert_eq!(share.value().mean(Unit::Millionths) * Unit::Millionths.scale(), 0.25);
    assert_eq!(Unit::Millionths.base_name(), "");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn whatever_the_budget_no_record_is_lost(
        budget in 0_usize..40_000,
        records in prop::collection::vec((0_usize..30, 0_u64..60_000_000), 1..300),
    ) {
        let registry = tight(budget);
        let options = HistogramOptions::default();
        let times = registry.histogram_family(("times", ""), &["name"], options).unwrap();
        for (name, value) in &records {
            times.record(&[&format!("name {name}")], *value);
        }
        let snapshot = registry.snapshot();
        let (mut count, mut sum, mut max) = (0, 0, 0);
        for series in &snapshot.family("times").unwrap().series {
            let OwnedValue::Histogram(value) = &series.value else { panic!("a histogram") };
            count += value.count;
            sum += value.sum;
            max = max.max(value.max);
        }
        prop_assert_eq!(count, records.len() as u64);
        prop_assert_eq!(sum, records.iter().map(|r| r.1).sum::<u64>());
        prop_assert_eq!(max, records.iter().map(|r| r.1).max().unwrap());
        // The family itself and its overflow series, which are outside of it.
        prop_assert!(registry.stats().charged_bytes <= budget + 8_000);
    }
}
