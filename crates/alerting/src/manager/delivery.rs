//! What is waiting, sent: each receiver by a task of its own.

use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::Ordering::AcqRel;
use std::sync::{Arc, Weak};
use std::task::Poll;
use std::time::Duration;

use perf_monitor_http::BoxFuture;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};

use super::backoff::{Backoff, random};
use super::{AlertManager, Inner};
use crate::book::{Fate, Waiting};
use crate::machine::millis;
use crate::notification::Notification;
use crate::notify::{Attempt, Notifier};

/// Waiting is looked at anew at least this often, whatever a receiver asked for.
const LONGEST_SLEEP: Duration = Duration::from_secs(3_700);

impl AlertManager {
    /// Starts delivery on this runtime, if it does not run anywhere. It ends with the manager.
    pub(super) fn ensure_delivery(&self) {
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        let Some(running) = Running::begin(&self.inner) else { return };
        let weak = Arc::downgrade(&self.inner);
        let receivers = self.inner.wake.len();
        runtime.spawn(async move {
            let _running = running;
            // Nobody closes it: dropping the manager wakes each receiver, which then finds it gone.
            let (_open, closed) = watch::channel(false);
            let mut tasks = tasks(&weak, receivers, &closed);
            while tasks.join_next().await.is_some() {}
        });
    }
}

pub(super) async fn deliver(inner: &Arc<Inner>, closed: impl Future<Output = ()>) {
    // A delivery that a check started ends when its runtime does; two at once would send twice.
    let Some(_running) = Running::begin(inner) else {
        return closed.await;
    };
    let (close, closing) = watch::channel(false);
    let mut tasks = tasks(&Arc::downgrade(inner), inner.wake.len(), &closing);
    closed.await;
    let _ = close.send(true);
    inner.wake_all();
    while tasks.join_next().await.is_some() {}
}

fn tasks(inner: &Weak<Inner>, receivers: usize, closing: &watch::Receiver<bool>) -> JoinSet<()> {
    let mut tasks = JoinSet::new();
    for at in 0..receivers {
        let Some(retry) = inner.upgrade().map(|i| i.book.lock().receivers[at].route.retry) else {
            break;
        };
        let receiver = Delivery {
            inner: inner.clone(),
            at,
            closing: closing.clone(),
            backoff: Backoff::new(retry),
            head: None,
        };
        tasks.spawn(receiver.run());
    }
    tasks
}

/// The right to deliver, which only one has.
struct Running(Weak<Inner>);

impl Running {
    fn begin(inner: &Arc<Inner>) -> Option<Running> {
        let is_running = inner.is_delivering.swap(true, AcqRel);
        (!is_running).then(|| Running(Arc::downgrade(inner)))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(inner) = self.0.upgrade() {
            inner.is_delivering.store(false, std::sync::atomic::Ordering::Release);
        }
    }
}

/// One receiver's notifications, in their order.
struct Delivery {
    inner: Weak<Inner>,
    at: usize,
    closing: watch::Receiver<bool>,
    backoff: Backoff,
    /// The notification that is being tried, and how often.
    head: Option<(u64, u16)>,
}

/// What to do next.
enum Next {
    Send(Waiting, Arc<dyn Notifier>, Duration),
    Pass(Arc<Notification>, Arc<dyn Notifier>, Duration),
    Wait(Arc<tokio::sync::Notify>),
    End,
}

impl Delivery {
    async fn run(mut self) {
        loop {
            match self.next() {
                Next::End => return,
                Next::Wait(wake) => wake.notified().await,
                Next::Pass(notification, notifier, time) => {
                    let attempt = attempt(&*notifier, &notification, time).await;
                    self.passed(attempt);
                }
                Next::Send(waiting, notifier, time) => {
                    let begun = Instant::now();
                    let attempt = attempt(&*notifier, &waiting.notification, time).await;
                    let Some(wait) = self.sent(&waiting, attempt, begun.elapsed()).await else {
                        continue;
                    };
                    if *self.closing.borrow() {
                        return;
                    }
                    let closing = self.closing.changed();
                    tokio::select! {
                        () = sleep(wait.min(LONGEST_SLEEP)) => {}
                        // One last attempt, at once.
                        _ = closing => {}
                    }
                }
            }
        }
    }

    fn next(&mut self) -> Next {
        let Some(inner) = self.inner.upgrade() else { return Next::End };
        let closing = *self.closing.borrow();
        let wake = inner.wake[self.at].clone();
        let mut book = inner.book.lock();
        let receiver = &mut book.receivers[self.at];
        let (notifier, time) = (receiver.route.notifier.clone(), receiver.route.timeout);
        // What comes after an unsynced one waits with it, so that the order stays.
        match receiver.waiting.front() {
            Some(first) if first.synced => Next::Send(first.clone(), notifier, time),
            _ if closing => Next::End,
            Some(_) => Next::Wait(wake),
            None => match receiver.passing.take() {
                Some(passing) => Next::Pass(passing, notifier, time),
                None => Next::Wait(wake),
            },
        }
    }

    /// Takes in what became of an attempt; how long to wait if it is to be tried again.
    async fn sent(
        &mut self,
        waiting: &Waiting,
        attempt: Attempt,
        took: Duration,
    ) -> Option<Duration> {
        let inner = self.inner.upgrade()?;
        let attempts = match self.head {
            Some((number, attempts)) if number == waiting.number => attempts.saturating_add(1),
            _ => 1,
        };
        self.head = Some((waiting.number, attempts));
        let waits_ms = inner.steady_ms() - waiting.since_ms;
        let is_old = waits_ms >= millis(inner.book.lock().limits.age);
        let (fate, text) = match attempt {
            Attempt::Delivered(said) => (Fate::Delivered, said),
            Attempt::Never(why) => (Fate::Refused, why),
            Attempt::Later(why, _) if is_old => (Fate::TooOld, why),
            Attempt::Later(why, asked) => {
                inner.failed(self.at, &why);
                return Some(self.backoff.wait(asked, random()));
            }
        };
        self.backoff.reset();
        self.head = None;
        let took_ms = u32::try_from(took.as_millis()).unwrap_or(u32::MAX);
        let record = {
            let mut book = inner.book.lock();
            let record = book.done(waiting, fate, attempts, took_ms, &text);
            book.apply(&record);
            record
        };
        inner.note(vec![record]).await;
        None
    }

    fn passed(&self, attempt: Attempt) {
        let Some(inner) = self.inner.upgrade() else { return };
        match attempt {
            Attempt::Delivered(_) => {
                let unix_ms = inner.unix_ms();
                let fares = &mut inner.book.lock().receivers[self.at].fares;
                fares.last_unix_ms = Some(unix_ms);
                fares.failing_since_unix_ms = None;
                fares.trouble = None;
            }
            Attempt::Later(why, _) | Attempt::Never(why) => inner.failed(self.at, &why),
        }
    }
}

impl Inner {
    fn failed(&self, at: usize, why: &str) {
        let unix_ms = self.unix_ms();
        let fares = &mut self.book.lock().receivers[at].fares;
        fares.attempts_failed += 1;
        fares.failing_since_unix_ms.get_or_insert(unix_ms);
        fares.trouble = Some(crate::book::cut(why, 200).into());
    }
}

async fn attempt(notifier: &dyn Notifier, notification: &Notification, time: Duration) -> Attempt {
    match timeout(time, caught(|| notifier.notify(notification))).await {
        Ok(Some(attempt)) => attempt,
        Ok(None) => Attempt::Later("the notifier panicked".into(), None),
        Err(_) => Attempt::Later(format!("no answer within {time:?}"), None),
    }
}

/// What the future of `make` gives, or `None` if either panicked: what it shares is its own to guard.
async fn caught<'a, T>(make: impl FnOnce() -> BoxFuture<'a, T>) -> Option<T> {
    let mut future = catch_unwind(AssertUnwindSafe(make)).ok()?;
    poll_fn(move |cx| match catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(cx))) {
        Ok(poll) => poll.map(Some),
        Err(_) => Poll::Ready(None),
    })
    .await
}
