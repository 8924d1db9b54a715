//! The bytes that a registry may take, drawn from by whatever grows with it.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

/// What a registry's series are charged, and what they were refused.
#[derive(Debug)]
pub(crate) struct Ledger {
    limit: AtomicUsize,
    other: AtomicUsize,
    histograms: AtomicUsize,
    /// Look-ups of new names or label values that found no room.
    pub(crate) refused: AtomicU64,
    /// Records of histograms that had no room for the cells of their octave.
    pub(crate) coarse: AtomicU64,
}

impl Ledger {
    pub(crate) fn new(limit: usize) -> Ledger {
        Ledger {
            limit: AtomicUsize::new(limit),
            other: AtomicUsize::new(0),
            histograms: AtomicUsize::new(0),
            refused: AtomicU64::new(0),
            coarse: AtomicU64::new(0),
        }
    }

    pub(crate) fn set_limit(&self, bytes: usize) {
        self.limit.store(bytes, Ordering::Relaxed);
    }

    pub(crate) fn limit(&self) -> usize {
        self.limit.load(Ordering::Relaxed)
    }

    pub(crate) fn other(&self) -> usize {
        self.other.load(Ordering::Relaxed)
    }

    pub(crate) fn used(&self) -> usize {
        self.other() + self.histograms.load(Ordering::Relaxed)
    }

    /// Whether there are `bytes` left.
    pub(crate) fn fits(&self, bytes: usize) -> bool {
        self.used() + bytes <= self.limit()
    }

    fn account(&self, histogram: bool) -> &AtomicUsize {
        if histogram { &self.histograms } else { &self.other }
    }

    pub(crate) fn charge(&self, bytes: usize, histogram: bool) {
        self.account(histogram).fetch_add(bytes, Ordering::Relaxed);
    }

    /// Charges `bytes` if there are as many left. Several threads at once may all be refused the
    /// last bytes; they never get more than there are.
    pub(crate) fn try_charge(&self, bytes: usize, histogram: bool) -> bool {
        self.charge(bytes, histogram);
        let fits = self.used() <= self.limit();
        if !fits {
            self.discharge(bytes, histogram);
        }
        fits
    }

    pub(crate) fn discharge(&self, bytes: usize, histogram: bool) {
        self.account(histogram).fetch_sub(bytes, Ordering::Relaxed);
    }
}

/// Where something charges the bytes that it grows by.
#[derive(Clone)]
pub(crate) struct Account {
    pub(crate) ledger: Arc<Ledger>,
    /// Whether it gets them though there are none left: the one metric that everybody looks at.
    pub(crate) always: bool,
}

impl Account {
    /// Charges `bytes` of a histogram, unless there are none left.
    pub(crate) fn grow(&self, bytes: usize) -> bool {
        if self.always {
            self.ledger.charge(bytes, true);
            return true;
        }
        self.ledger.try_charge(bytes, true)
    }

    pub(crate) fn shrink(&self, bytes: usize) {
        self.ledger.discharge(bytes, true);
    }
}

/// The bytes that a registry may take ([`RegistryBuilder::budget_bytes`]), for structures that
/// stand beside its series and grow with them: tables of names, rings of samples.
///
/// Cheap to clone; any thread may reserve.
///
/// ```
/// use perf_monitor_core::Registry;
///
/// let registry = Registry::builder().budget_bytes(1_000).build();
/// let ring = registry.budget().reserve(800).unwrap();
/// assert!(registry.budget().reserve(800).is_none(), "there are 200 left");
/// drop(ring); // gives the bytes back
/// assert!(registry.budget().reserve(800).is_some());
/// ```
///
/// [`RegistryBuilder::budget_bytes`]: crate::RegistryBuilder::budget_bytes
#[derive(Clone)]
pub struct Budget(pub(crate) Arc<Ledger>);

impl Budget {
    /// Sets `bytes` aside for as long as the reservation lives; `None` if there are fewer left.
    pub fn reserve(&self, bytes: usize) -> Option<Reservation> {
        self.0.try_charge(bytes, false).then(|| Reservation { ledger: self.0.clone(), bytes })
    }

    /// Counts that something new found no room and was recorded elsewhere: one more of
    /// [`RegistryStats::refused_series`](crate::RegistryStats::refused_series).
    pub fn count_refused(&self) {
        self.0.refused.fetch_add(1, Ordering::Relaxed);
    }
}

impl fmt::Debug for Budget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Budget({} of {} bytes)", self.0.used(), self.0.limit())
    }
}

/// Bytes of a [`Budget`] that are set aside until this is dropped.
#[derive(Debug)]
#[must_use = "dropping it gives the bytes back"]
pub struct Reservation {
    ledger: Arc<Ledger>,
    bytes: usize,
}

impl Reservation {
    /// How many bytes.
    pub fn bytes(&self) -> usize {
        self.bytes
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        self.ledger.discharge(self.bytes, false);
    }
}
