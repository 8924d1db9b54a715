//! Caches by handle and by their own totals.

use perf_monitor_core::{Registry, Value};
use perf_monitor_instruments::{CacheMetrics, Caches};

fn caches() -> Caches {
    Caches::new(&Registry::new()).unwrap()
}

#[test]
fn hits_misses_and_evictions_of_threads_add_up() {
    let caches = caches();
    std::thread::scope(|scope| {
        for _ in 0..8 {
            let cache = caches.cache("senders");
            scope.spawn(move || {
                for n in 0..1_000 {
                    if n % 4 == 0 { cache.miss() } else { cache.hit() }
                }
                cache.hits(10);
                cache.misses(20);
                cache.evicted(3);
            });
        }
    });
    let CacheMetrics { hits, misses, evictions, .. } = caches.summary()[0];
    assert_eq!((hits, misses, evictions), (6_080, 2_160, 24));
}

#[test]
fn the_hit_rate_is_a_share_or_unknown() {
    let cache = caches().cache("senders");
    assert_eq!((cache.metrics().hit_rate(), cache.metrics().hit_rate_pct()), (None, 0.0));
    cache.miss();
    assert_eq!(cache.metrics().hit_rate(), Some(0.0));
    cache.hits(4);
    assert_eq!((cache.metrics().hit_rate(), cache.metrics().hit_rate_pct()), (Some(0.8), 80.0));
}

#[test]
fn the_rate_of_very_many_look_ups_does_not_overflow() {
    let metrics = CacheMetrics { hits: u64::MAX, misses: u64::MAX, ..CacheMetrics::default() };
    assert_eq!(metrics.hit_rate(), Some(0.5));
}

#[test]
fn totals_that_a_cache_tells_again_are_not_counted_twice() {
    let caches = caches();
    caches.record_cache("senders", 800, 200, 10, 5_000);
    caches.record_cache("senders", 800, 200, 10, 5_000);
    caches.record_cache("senders", 900, 210, 10, 6_000);
    let CacheMetrics { hits, misses, evictions, size_bytes, .. } = caches.summary()[0];
    assert_eq!((hits, misses, evictions, size_bytes), (900, 210, 10, Some(6_000)));
}

#[test]
fn a_cache_that_began_anew_goes_on_from_what_it_had() {
    let caches = caches();
    caches.record_cache("senders", 800, 200, 10, 0);
    caches.record_cache("senders", 50, 300, 10, 0);
    let CacheMetrics { hits, misses, evictions, .. } = caches.summary()[0];
    assert_eq!((hits, misses, evictions), (850, 300, 10));
}

#[test]
fn totals_that_threads_tell_at_once_are_not_counted_twice() {
    let caches = caches();
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| (0..500).for_each(|_| caches.record_cache("senders", 7, 5, 3, 1)));
        }
    });
    let CacheMetrics { hits, misses, evictions, .. } = caches.summary()[0];
    assert_eq!((hits, misses, evictions), (7, 5, 3));
}

#[test]
fn a_size_is_absent_until_somebody_says_it() {
    let registry = Registry::new();
    let cache = Caches::new(&registry).unwrap().cache("senders");
    cache.hit();
    assert_eq!(cache.metrics().size_bytes, None);
    assert!(registry.snapshot().family("cache_size_bytes").is_none());
    cache.set_size(0);
    assert_eq!(cache.metrics().size_bytes, Some(0));
    let snapshot = registry.snapshot();
    let size = snapshot.value("cache_size_bytes", &[("cache", "senders")]);
    assert!(matches!(size, Some(Value::Gauge(0.0))));
}

#[test]
fn caches_are_metrics_of_their_registry() {
    let registry = Registry::new();
    Caches::new(&registry).unwrap().record_cache("senders", 1, 2, 3, 4);
    let snapshot = registry.snapshot();
    let counters = ["cache_hits_total", "cache_misses_total", "cache_evictions_total"];
    for (name, expected) in counters.into_iter().zip(1..) {
        let value = snapshot.value(name, &[("cache", "senders")]);
        assert!(matches!(value, Some(Value::Counter(n)) if n == expected), "{name}: {value:?}");
    }
}

#[test]
fn what_a_cache_without_room_tells_is_left_out_and_what_it_counts_is_not() {
    let registry = Registry::builder().budget_bytes(2_000).build();
    let caches = Caches::new(&registry).unwrap();
    for n in 0..20 {
        caches.cache(&format!("cache {n}")).hit();
    }
    let refused = registry.stats().refused_series;
    caches.record_cache("another", 100, 0, 0, 1);
    let summary = caches.summary();
    assert_eq!(summary.iter().map(|cache| cache.hits).sum::<u64>(), 20);
    let last = summary.last().unwrap();
    assert_eq!((last.name.as_str(), last.overflow, last.size_bytes), ("overflow", true, None));
    assert_eq!(registry.stats().refused_series, refused + 1);
}
