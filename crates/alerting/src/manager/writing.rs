//! Changes on their way to the disk, and what may be sent once they are there.

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use perf_monitor_core::Lock;

use super::Inner;
use crate::book::Record;
use crate::error::Error;
use crate::outbox::{Repair, Store};

/// The outbox's file, if there is one, and how it fares.
#[derive(Debug, Default)]
pub(crate) struct Writing {
    /// Held while the disk works: never by async code, and not across a fork, after which the child
    /// has nothing to write.
    store: Option<Mutex<Store>>,
    pub(crate) failures: AtomicU64,
    pub(crate) compactions: AtomicU64,
    pub(crate) trouble: Lock<Option<String>>,
    pub(crate) repair: Option<Repair>,
}

impl Writing {
    pub(crate) fn new(store: Option<Store>, repair: Option<Repair>) -> Writing {
        Writing { store: store.map(Mutex::new), repair, ..Writing::default() }
    }

    /// Whether the last write went well.
    pub(crate) fn is_healthy(&self) -> bool {
        self.trouble.lock().is_none()
    }

    fn took(&self, result: Result<(), Error>) {
        let trouble = result.err().map(|error| {
            self.failures.fetch_add(1, Relaxed);
            error.to_string()
        });
        *self.trouble.lock() = trouble;
    }
}

impl Inner {
    /// Writes `records` down and brings them to the disk; then what they queue may be sent.
    pub(super) async fn commit(self: &Arc<Self>, records: Vec<Record>) {
        self.write(records, true).await;
    }

    /// Writes `records` down some time before the next that matter: what is lost with them is only
    /// that something was sent, and it is sent again.
    pub(super) async fn note(self: &Arc<Self>, records: Vec<Record>) {
        self.write(records, false).await;
    }

    async fn write(self: &Arc<Self>, records: Vec<Record>, sync: bool) {
        if records.is_empty() {
            return;
        }
        if self.writing.store.is_none() {
            return self.write_blocking(records, sync);
        }
        let inner = self.clone();
        // A runtime that is shutting down refuses; what was not written was not sent either.
        let _ = tokio::task::spawn_blocking(move || inner.write_blocking(records, sync)).await;
    }

    pub(super) fn write_blocking(&self, records: Vec<Record>, sync: bool) {
        if records.is_empty() {
            return;
        }
        let queued: Vec<u64> = records.iter().filter_map(number_of).collect();
        if let Some(store) = &self.writing.store {
            let mut store = store.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
            self.writing.took(store.append(records, sync));
            let most = self.book.lock().limits.file_bytes;
            if store.is_large(most) || !self.writing.is_healthy() {
                self.compact(&mut store);
            }
        }
        // A disk that takes nothing keeps nobody from being told, of that for one; the failure shows,
        // and what was sent then may come again after a restart.
        self.release(&queued);
    }

    /// After a failed write the file lacks changes that the book has: it is written anew from that.
    fn compact(&self, store: &mut Store) {
        let saved = self.book.lock().saved();
        let result = store.compact(saved);
        if result.is_ok() {
            self.writing.compactions.fetch_add(1, Relaxed);
        }
        self.writing.took(result);
    }

    /// Writes the file anew, if there is one.
    pub(super) fn compact_now(&self) {
        if let Some(store) = &self.writing.store {
            self.compact(&mut store.lock().unwrap_or_else(|poisoned| poisoned.into_inner()));
        }
    }

    fn release(&self, numbers: &[u64]) {
        if numbers.is_empty() {
            return;
        }
        {
            let mut book = self.book.lock();
            let waiting = book.receivers.iter_mut().flat_map(|receiver| &mut receiver.waiting);
            waiting.filter(|w| numbers.contains(&w.number)).for_each(|w| w.synced = true);
        }
        self.wake_all();
    }

    pub(super) fn wake_all(&self) {
        self.wake.iter().for_each(|wake| wake.notify_one());
    }
}

fn number_of(record: &Record) -> Option<u64> {
    match record {
        Record::Queued { number, .. } => Some(*number),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex, OnceLock, Weak};

    use super::*;
    use crate::{
        AlertManager, AlertRule, AlertSeverity, Attempt, Limits, Metrics, Notification, Route,
        notify_fn,
    };

    /// What is on the disk for sure: the file up to where it was last synced.
    fn on_the_disk(inner: &Inner, path: &std::path::Path) -> String {
        let store = inner.writing.store.as_ref().unwrap().lock().unwrap();
        let bytes = std::fs::read(path).unwrap();
        String::from_utf8_lossy(&bytes[..store.synced_bytes() as usize]).into_owned()
    }

    #[tokio::test]
    async fn nothing_is_sent_before_it_is_on_the_disk() {
        let name = format!("pm-alerting-order-{}", std::process::id());
        let path = std::env::temp_dir().join(name);
        let _ = std::fs::remove_file(&path);
        let inner: Arc<OnceLock<Weak<Inner>>> = Arc::default();
        let sent: Arc<Mutex<Vec<bool>>> = Arc::default();
        let (seen, here, file) = (sent.clone(), inner.clone(), path.clone());
        let notifier = notify_fn("check", move |notification: Notification| {
            let inner = here.get().and_then(Weak::upgrade).unwrap();
            let written = on_the_disk(&inner, &file).contains(&notification.id);
            seen.lock().unwrap().push(written);
            async { Attempt::Delivered(String::new()) }
        });
        let rule = |n: u64| {
            AlertRule::new(format!("rule {n}"), AlertSeverity::Info, move |m| {
                (m.total_requests / (n + 1)).is_multiple_of(2)
            })
            .cooldown(std::time::Duration::ZERO)
            .flapping(None)
        };
        // Small enough to be written anew now and then.
        let limits = Limits { file_bytes: 4_096, ..Limits::default() };
        let builder = AlertManager::builder().limits(limits).outbox(&path);
        let builder = (0..5).fold(builder, |builder, n| builder.rule(rule(n)));
        let manager = builder.notify(Route::to(notifier)).build().unwrap();
        inner.set(Arc::downgrade(&manager.inner)).unwrap();
        for tick in 0..60 {
            let metrics = Metrics { total_requests: tick, ..Metrics::default() };
            manager.check_alerts(&metrics).await;
        }
        while !manager.is_idle() {
            tokio::task::yield_now().await;
        }
        let sent = sent.lock().unwrap();
        assert!(sent.len() > 50 && sent.iter().all(|written| *written), "{sent:?}");
        assert!(manager.stats().compactions > 2);
        let _ = std::fs::remove_file(&path);
    }
}
