//! How well caches do, with a word on each.

use std::cmp::Reverse;

use perf_monitor_instruments::CacheMetrics;

use super::ROWS;
use crate::escape::plain;
use crate::report::page::Page;
use crate::report::words::{bytes, count, percent};

/// Fewer look-ups say little about a cache.
const TOO_FEW: u64 = 100;

pub(super) fn write(page: &mut Page, caches: &[CacheMetrics]) {
    let mut caches: Vec<_> = caches.iter().collect();
    if caches.is_empty() {
        return;
    }
    caches.sort_by_key(|cache| Reverse(cache.misses));
    page.heading("Caches");
    page.text(
        "Those with the most misses first. The hit rate is the share of look-ups that a cache answered; an eviction is \
         an entry that was thrown out for another.",
    );
    let titles = ["<cache", "hits", "misses", "hit rate", "evictions", "size", "<remark"];
    page.table(titles, ROWS, caches.into_iter().map(row));
}

fn row(cache: &CacheMetrics) -> [String; 7] {
    [
        plain(&cache.name),
        count(cache.hits),
        count(cache.misses),
        cache.hit_rate().map_or_else(|| "-".to_owned(), percent),
        count(cache.evictions),
        cache.size_bytes.map_or_else(|| "-".to_owned(), bytes),
        remark(cache).to_owned(),
    ]
}

/// What the numbers mean, in plain words.
fn remark(cache: &CacheMetrics) -> &'static str {
    let lookups = cache.hits.saturating_add(cache.misses);
    let thrashes = cache.evictions > cache.misses / 2;
    match cache.hit_rate() {
        None => "never asked",
        Some(_) if lookups < TOO_FEW => "too few look-ups to judge",
        Some(rate) if rate < 0.5 && thrashes => "probably too small",
        Some(rate) if rate < 0.5 => "most look-ups miss",
        Some(_) if thrashes => "evicts much, may be too small",
        Some(rate) if rate < 0.8 => "helps, could do more",
        Some(rate) if rate < 0.95 => "works well",
        Some(_) => "answers nearly all",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_remark_follows_the_numbers() {
        for (hits, misses, evictions, wanted) in [
            (0, 0, 0, "never asked"),
            (9, 1, 0, "too few look-ups to judge"),
            (100, 900, 800, "probably too small"),
            (100, 900, 10, "most look-ups miss"),
            (900, 100, 90, "evicts much, may be too small"),
            (700, 300, 10, "helps, could do more"),
            (800, 200, 10, "works well"),
            (990, 10, 0, "answers nearly all"),
        ] {
            let cache = CacheMetrics { hits, misses, evictions, ..CacheMetrics::default() };
            assert_eq!(remark(&cache), wanted);
        }
    }
}
