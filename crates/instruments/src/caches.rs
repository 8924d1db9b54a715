//! Caches of a service: what they hold, how often they had the answer.

use std::fmt;
use std::sync::Arc;

use perf_monitor_core::{Budget, Counter, Desc, Error, Family, Gauge, Lock, Registry, Unit};

use crate::once::Once;
use crate::stages::OVERFLOW;
use crate::table::{Entry, Table, series};

/// The caches of a service, by name.
///
/// In the registry they are `cache_hits_total{cache}`, `cache_misses_total{cache}`,
/// `cache_evictions_total{cache}` and, once a size is known, `cache_size_bytes{cache}`. A registry
/// has one set of caches: `new` on the same registry gives the same. Clones are the same set; any
/// thread may record.
///
/// Caches that find no room in the registry's budget are counted together, in the overflow series,
/// and counted as refused.
///
/// ```
/// use perf_monitor_core::Registry;
/// use perf_monitor_instruments::Caches;
///
/// let caches = Caches::new(&Registry::new())?;
/// let senders = caches.cache("sender_cache"); // a handle, to keep
/// senders.hits(3);
/// senders.miss();
/// senders.set_size(4_096);
///
/// let metrics = senders.metrics();
/// assert_eq!(metrics.hit_rate(), Some(0.75));
/// assert_eq!(metrics.size_bytes, Some(4_096));
/// # Ok::<(), perf_monitor_core::Error>(())
/// ```
#[derive(Clone)]
pub struct Caches(Arc<Table<Cells>>);

/// What a cache records into.
struct Cells {
    hits: Counter,
    misses: Counter,
    evictions: Counter,
    /// Begins with the first size: nobody knows it before. `None` if it found no room.
    size: Once<Option<Gauge>>,
    sizes: Family<Gauge>,
    budget: Budget,
    /// The totals that the cache itself told last.
    told: Lock<[u64; 3]>,
}

/// One cache.
///
/// Cloning touches a shared reference count: clone once per thread or structure, not per record.
#[derive(Clone)]
pub struct Cache(Arc<Entry<Cells>>);

/// What is known of a cache.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CacheMetrics {
    /// The cache's name; "overflow" for all that found no room.
    pub name: String,
    /// Whether this is what found no room, all together.
    pub overflow: bool,
    /// Look-ups that it answered.
    pub hits: u64,
    /// Look-ups that it did not.
    pub misses: u64,
    /// Entries that it threw out for others.
    pub evictions: u64,
    /// Bytes that it takes; `None` until somebody says.
    pub size_bytes: Option<u64>,
}

impl CacheMetrics {
    /// The share of look-ups that it answered, 0 to 1; `None` without look-ups.
    pub fn hit_rate(&self) -> Option<f64> {
        let all = self.hits as f64 + self.misses as f64;
        (all > 0.0).then(|| self.hits as f64 / all)
    }

    /// The same in percent; 0 without look-ups.
    pub fn hit_rate_pct(&self) -> f64 {
        self.hit_rate().map_or(0.0, |rate| rate * 100.0)
    }
}

impl Caches {
    /// The caches of `registry`.
    ///
    /// # Errors
    /// One of its metrics' names is registered as something else.
    pub fn new(registry: &Registry) -> Result<Caches, Error> {
        registry.companion(|| table(registry)).map(Caches)
    }

    /// The cache `name`, to keep.
    pub fn cache(&self, name: &str) -> Cache {
        Cache(self.0.get(&[name]))
    }

    /// Takes what the cache `name` counted itself, as it stands now: totals, so that telling them
    /// again counts nothing twice. A total that is lower than before begins anew.
    ///
    /// Totals of several caches cannot share the overflow series: those of a cache that found no
    /// room are left out, which is counted as refused.
    ///
    /// ```
    /// use perf_monitor_core::Registry;
    /// use perf_monitor_instruments::Caches;
    ///
    /// let caches = Caches::new(&Registry::new())?;
    /// caches.record_cache("sender_cache", 800, 200, 10, 5 << 20);
    /// caches.record_cache("sender_cache", 900, 200, 10, 5 << 20);
    /// assert_eq!(caches.summary()[0].hits, 900);
    /// # Ok::<(), perf_monitor_core::Error>(())
    /// ```
    ///
    /// # Cost
    /// A short lock: this is for numbers that are read now and then.
    pub fn record_cache(
        &self,
        name: &str,
        hits: u64,
        misses: u64,
        evictions: u64,
        size_bytes: u64,
    ) {
        let cache = self.cache(name);
        if !cache.is_overflow() {
            cache.0.value.take_totals([hits, misses, evictions]);
            cache.set_size(size_bytes);
        }
    }

    /// All caches by name, last the one of all that found no room, if there were such.
    pub fn summary(&self) -> Vec<CacheMetrics> {
        self.0.entries().into_iter().map(|entry| Cache(entry).metrics()).collect()
    }
}

fn table(registry: &Registry) -> Result<Table<Cells>, Error> {
    let counter = |name, help| registry.counter_family(Desc::new(name, help), &["cache"]);
    let counters = [
        counter("cache_hits_total", "Look-ups that a cache answered.")?,
        counter("cache_misses_total", "Look-ups that a cache did not answer.")?,
        counter("cache_evictions_total", "Entries that a cache threw out for others.")?,
    ];
    let sizes = Desc::new("cache_size_bytes", "Bytes that a cache takes.").unit(Unit::Bytes);
    let sizes = registry.gauge_family(sizes, &["cache"])?;
    let budget = registry.budget();
    let bytes = counters.iter().map(Family::series_bytes).sum::<usize>() + sizes.series_bytes();
    let make = move |name: Option<&[&str]>| {
        Some(Cells {
            hits: series(&counters[0], name)?,
            misses: series(&counters[1], name)?,
            evictions: series(&counters[2], name)?,
            size: Once::new(),
            sizes: sizes.clone(),
            budget: budget.clone(),
            told: Lock::new([0; 3]),
        })
    };
    Ok(Table::new(registry.budget(), bytes, make))
}

impl Cells {
    fn take_totals(&self, totals: [u64; 3]) {
        let mut told = self.told.lock();
        let counters = [&self.hits, &self.misses, &self.evictions];
        for ((counter, told), total) in counters.into_iter().zip(&mut *told).zip(totals) {
            counter.add(total.checked_sub(*told).unwrap_or(total));
            *told = total;
        }
    }

    fn new_size(&self, name: &str) -> Option<Gauge> {
        let gauge = self.sizes.try_with(&[name]).ok().flatten();
        if gauge.is_none() {
            self.budget.count_refused();
        }
        gauge
    }
}

impl Cache {
    /// Its name; "overflow" when it found no room and shares the instrument of all such.
    pub fn name(&self) -> &str {
        self.0.name().get(0).unwrap_or(OVERFLOW)
    }

    fn is_overflow(&self) -> bool {
        self.0.name().is_empty()
    }

    /// Counts a look-up that it answered.
    ///
    /// # Cost
    /// `cache/hit`: as [`Counter::inc`].
    #[inline]
    pub fn hit(&self) {
        self.0.value.hits.inc();
    }

    /// Counts a look-up that it did not answer.
    ///
    /// # Cost
    /// As [`hit`](Self::hit).
    #[inline]
    pub fn miss(&self) {
        self.0.value.misses.inc();
    }

    /// Counts `n` look-ups that it answered.
    #[inline]
    pub fn hits(&self, n: u64) {
        self.0.value.hits.add(n);
    }

    /// Counts `n` look-ups that it did not answer.
    #[inline]
    pub fn misses(&self, n: u64) {
        self.0.value.misses.add(n);
    }

    /// Counts `n` entries that it threw out for others.
    #[inline]
    pub fn evicted(&self, n: u64) {
        self.0.value.evictions.add(n);
    }

    /// Says how many bytes it takes now. A size without a series of its own is left out: sizes of
    /// several caches cannot share one.
    ///
    /// # Cost
    /// A store that all threads share; the first registers a series.
    #[inline]
    pub fn set_size(&self, bytes: u64) {
        if self.is_overflow() {
            return;
        }
        let size = self.0.value.size.get_or_make(|| self.0.value.new_size(self.name()));
        if let Some(size) = size {
            size.set(bytes as f64);
        }
    }

    /// What is known of it.
    pub fn metrics(&self) -> CacheMetrics {
        let Cells { hits, misses, evictions, size, .. } = &self.0.value;
        let size = size.get().and_then(Option::as_ref);
        CacheMetrics {
            name: self.name().to_owned(),
            overflow: self.is_overflow(),
            hits: hits.get(),
            misses: misses.get(),
            evictions: evictions.get(),
            size_bytes: size.map(|gauge| gauge.get() as u64),
        }
    }
}

impl fmt::Debug for Caches {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.summary()).finish()
    }
}

impl fmt::Debug for Cache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Cache").field(&self.metrics()).finish()
    }
}
