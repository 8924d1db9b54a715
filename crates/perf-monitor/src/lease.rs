//! Which of the monitors that serve one registry ticks it.

use std::process;
use std::ptr;
use std::sync::{Mutex, PoisonError, TryLockError};
use std::time::{Duration, Instant};

use perf_monitor_core::MetricsCollector;

/// The registries that are ticked, by process, so that a forked child inherits no claim.
static TICKED: Mutex<Vec<(u32, Key)>> = Mutex::new(Vec::new());

/// Where a registry's collector is: it has one, which does not move.
type Key = usize;

/// The lock is held for nanoseconds. One that is found taken at each ask for this long was taken when
/// the process was forked, by a thread that is not here: then nobody else asks for it either.
const ORPHANED: Duration = Duration::from_secs(1);

/// One monitor's claim to tick its registry: the first that asks has it until it is dropped.
#[derive(Debug)]
pub(crate) struct Lease {
    /// Keeps the key from becoming another registry's.
    collector: MetricsCollector,
    claim: Claim,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Claim {
    None,
    /// The lock was taken at each ask since then.
    Locked(Instant),
    Entered,
    Orphaned,
}

impl Lease {
    pub(crate) fn of(collector: &MetricsCollector) -> Lease {
        Lease { collector: collector.clone(), claim: Claim::None }
    }

    /// Whether this monitor ticks; asks for it if nobody does.
    pub(crate) fn is_mine(&mut self) -> bool {
        if !matches!(self.claim, Claim::Entered | Claim::Orphaned) {
            self.claim = self.ask();
        }
        matches!(self.claim, Claim::Entered | Claim::Orphaned)
    }

    fn ask(&self) -> Claim {
        let mut ticked = match TICKED.try_lock() {
            Ok(ticked) => ticked,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => return self.locked(),
        };
        ticked.retain(|(process, _)| *process == process::id());
        let entry = self.entry();
        if ticked.contains(&entry) {
            return Claim::None;
        }
        ticked.push(entry);
        Claim::Entered
    }

    fn locked(&self) -> Claim {
        match self.claim {
            Claim::Locked(since) if since.elapsed() >= ORPHANED => Claim::Orphaned,
            Claim::Locked(since) => Claim::Locked(since),
            _ => Claim::Locked(Instant::now()),
        }
    }

    fn entry(&self) -> (u32, Key) {
        let gauge = ptr::from_ref(self.collector.memory_gauge());
        (process::id(), gauge.addr())
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if self.claim == Claim::Entered {
            let entry = self.entry();
            let mut ticked = TICKED.lock().unwrap_or_else(PoisonError::into_inner);
            ticked.retain(|other| *other != entry);
        }
    }
}

#[cfg(test)]
mod tests {
    use perf_monitor_core::Registry;

    use super::*;

    fn lease(registry: &Registry) -> Lease {
        Lease::of(&MetricsCollector::new(registry).unwrap())
    }

    /// Asks until no other test has the lock at that moment.
    fn is_mine(lease: &mut Lease) -> bool {
        loop {
            if lease.is_mine() {
                return true;
            }
            if lease.claim == Claim::None {
                return false;
            }
        }
    }

    #[test]
    fn a_registry_is_ticked_by_one_until_that_one_goes() {
        let (one, other) = (Registry::new(), Registry::new());
        let (mut first, mut second) = (lease(&one), lease(&one));
        assert!(is_mine(&mut first) && is_mine(&mut first));
        assert!(!is_mine(&mut second));
        assert!(is_mine(&mut lease(&other)));
        drop(first);
        assert!(is_mine(&mut second));
    }
}
