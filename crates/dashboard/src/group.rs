//! Clients that see the same columns at the same rate: one reading and one encoding for all of them.

use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use perf_monitor_core::Registry;
use tokio::sync::watch;
use tokio::time::Instant;

use crate::beat::Beat;
use crate::column::Column;
use crate::dashboard::lock;
use crate::frame::{Frame, Head};
use crate::message::unix_ms;
use crate::plan::{Described, Plan};
use crate::setting::PageSettings;

/// After how long all clients get all columns again.
const FULL_EVERY: Duration = Duration::from_secs(10);

/// Series that one group reads in a second: 3 ms of a core. With more, it reads less often, down to once a second.
const SERIES_PER_SECOND: usize = 60_000;

type Latest = Option<Arc<Frame>>;

/// All groups that somebody sees.
pub(crate) struct Groups {
    registry: Registry,
    settings: Arc<PageSettings>,
    keys: RandomState,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    groups: Vec<Arc<Group>>,
    schemas: u16,
}

/// Columns that are read at a rate, as long as somebody sees them.
pub(crate) struct Group {
    /// By which its columns are known: a keyed hash, so that nobody can make two that are the same.
    key: u64,
    rate: u32,
    schema: u16,
    plan: Mutex<Plan>,
    latest: watch::Sender<Latest>,
    settings: Arc<PageSettings>,
}

/// One client's place in a group.
pub(crate) struct Subscription {
    group: Arc<Group>,
    frames: watch::Receiver<Latest>,
    /// The number of the frame that the client had last.
    had: Option<u32>,
    skipped: u64,
}

impl Groups {
    pub(crate) fn new(registry: Registry, settings: Arc<PageSettings>) -> Groups {
        Groups { registry, settings, keys: RandomState::new(), state: Mutex::default() }
    }

    /// A place in the group of these columns and this rate, which begins to be read now if it is new.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub(crate) fn join(self: &Arc<Groups>, columns: Box<[Column]>, rate: u32) -> Subscription {
        let key = self.keys.hash_one(&columns);
        let mut state = lock(&self.state);
        let same = |group: &&Arc<Group>| group.rate == rate && group.key == key;
        let (group, mut frames) = match state.groups.iter().find(same) {
            Some(group) => (group.clone(), group.latest.subscribe()),
            None => {
                state.schemas = state.schemas.wrapping_add(1);
                let (latest, frames) = watch::channel(None);
                let plan = Mutex::new(Plan::new(&self.registry, &columns));
                let schema = state.schemas;
                let settings = self.settings.clone();
                let group = Group { key, rate, schema, plan, latest, settings };
                let group = Arc::new(group);
                state.groups.push(group.clone());
                tokio::spawn(group.clone().run(self.clone()));
                (group, frames)
            }
        };
        // what there is already is seen at once
        if frames.borrow().is_some() {
            frames.mark_changed();
        }
        Subscription { group, frames, had: None, skipped: 0 }
    }

    /// Forgets a group that nobody sees any more; whether that is so.
    fn leave(&self, group: &Arc<Group>) -> bool {
        let mut state = lock(&self.state);
        let empty = group.latest.receiver_count() == 0;
        if empty {
            state.groups.retain(|other| !Arc::ptr_eq(other, group));
            state.groups.shrink_to_fit();
        }
        empty
    }

    pub(crate) fn count(&self) -> usize {
        lock(&self.state).groups.len()
    }

    pub(crate) fn bytes(&self) -> usize {
        let state = lock(&self.state);
        state.groups.iter().map(|group| group.bytes()).sum::<usize>() + 8 * state.groups.capacity()
    }
}

impl Group {
    /// Reads until nobody sees it any more.
    async fn run(self: Arc<Group>, groups: Arc<Groups>) {
        let mut rate = self.affordable();
        let mut due = Beat::new(Duration::from_secs(1) / rate);
        let (mut number, mut whole) = (0, None);
        loop {
            tokio::select! {
                biased;
                () = self.latest.closed() => {
                    if groups.leave(&self) {
                        return;
                    }
                    continue;
                }
                () = due.turn() => {}
            }
            let begin = whole.is_none_or(|whole: Instant| whole.elapsed() >= FULL_EVERY);
            if begin {
                whole = Some(Instant::now());
            }
            self.read(&groups.registry, number, begin);
            number = number.wrapping_add(1);
            let affordable = self.affordable();
            if affordable != rate {
                rate = affordable;
                due.change(Duration::from_secs(1) / rate);
            }
        }
    }

    fn read(&self, registry: &Registry, number: u32, whole: bool) {
        let mut plan = lock(&self.plan);
        let head = Head { schema: self.schema, number, unix_ms: unix_ms(registry) };
        let values = plan.read();
        let frame = match &*self.latest.borrow() {
            Some(before) if !whole => Frame::after(before, head, values),
            _ => Frame::full(head, values),
        };
        self.latest.send_replace(Some(Arc::new(frame)));
    }

    /// The rate at which its series may be read.
    fn affordable(&self) -> u32 {
        let series = lock(&self.plan).series().max(1);
        let most = self.rate.min(self.settings.rate());
        most.min((SERIES_PER_SECOND / series) as u32).max(1)
    }

    fn bytes(&self) -> usize {
        let frame = self.latest.borrow().as_ref().map_or(0, |frame| frame.bytes());
        size_of::<Group>() + lock(&self.plan).bytes() + frame
    }
}

impl Subscription {
    pub(crate) fn schema(&self) -> u16 {
        self.group.schema
    }

    /// The rate that it has, which may be less than was asked for.
    pub(crate) fn rate(&self) -> u32 {
        self.group.affordable()
    }

    pub(crate) fn describe(&self) -> Vec<Described> {
        lock(&self.group.plan).describe()
    }

    /// The next frame for this client: the latest, whole if it missed one before. `None` if there will be none.
    ///
    /// Dropping the future loses nothing.
    pub(crate) async fn next(&mut self) -> Option<bytes::Bytes> {
        self.frames.changed().await.ok()?;
        let frame = self.frames.borrow_and_update().clone()?;
        let follows = self.had.is_some_and(|had| had.wrapping_add(1) == frame.number());
        if let Some(had) = self.had.filter(|_| !follows) {
            self.skipped += u64::from(frame.number().wrapping_sub(had).saturating_sub(1));
        }
        self.had = Some(frame.number());
        Some(frame.changes().filter(|_| follows).unwrap_or_else(|| frame.whole()))
    }

    /// Frames that this client was too slow for, since the last call.
    pub(crate) fn take_skipped(&mut self) -> u64 {
        std::mem::take(&mut self.skipped)
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::sleep;

    use super::*;
    use crate::column::Stat;

    fn groups() -> (Registry, Arc<Groups>) {
        let registry = Registry::new();
        let settings = Arc::new(PageSettings::new(1_000));
        (registry.clone(), Arc::new(Groups::new(registry, settings)))
    }

    fn columns() -> Box<[Column]> {
        [Column { metric: "level".into(), labels: Box::default(), stat: Stat::Value }].into()
    }

    fn kind(frame: &[u8]) -> u8 {
        frame[1]
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_missed_frames_gets_a_whole_one_and_they_are_counted() {
        let (_, groups) = groups();
        let mut client = groups.join(columns(), 50);
        assert_eq!(kind(&client.next().await.unwrap()), 1);
        assert_eq!(kind(&client.next().await.unwrap()), 2);
        assert_eq!(client.take_skipped(), 0);
        sleep(Duration::from_secs(1)).await;
        assert_eq!(kind(&client.next().await.unwrap()), 1);
        assert!((48..=50).contains(&client.take_skipped()));
        assert_eq!(kind(&client.next().await.unwrap()), 2);
        assert_eq!(client.take_skipped(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn everybody_gets_a_whole_frame_every_ten_seconds() {
        let (_, groups) = groups();
        let mut client = groups.join(columns(), 10);
        let mut whole = 0;
        for _ in 0..=300 {
            whole += usize::from(kind(&client.next().await.unwrap()) == 1);
        }
        assert_eq!(whole, 4);
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_comes_later_sees_at_once_what_the_others_see() {
        let (registry, groups) = groups();
        registry.gauge(("level", "A level.")).unwrap().set(4.0);
        let mut first = groups.join(columns(), 1);
        let frame = first.next().await.unwrap();
        let mut second = groups.join(columns(), 1);
        assert_eq!(second.next().await.unwrap(), frame);
        assert_eq!(groups.count(), 1);
        drop((first, second));
        sleep(Duration::from_millis(1)).await;
        assert_eq!(groups.count(), 0, "without waiting for a second");
    }

    #[tokio::test(start_paused = true)]
    async fn very_many_series_and_the_page_s_setting_slow_it_down() {
        let (registry, groups) = groups();
        let family = registry.gauge_family(("level", "A level."), &["of"]).unwrap();
        for of in 0..1_900 {
            family.set(&[&of.to_string()], 1.0);
        }
        let mut client = groups.join(columns(), 60);
        assert_eq!(client.rate(), (60_000 / registry.stats().series.min(1_900)) as u32);
        groups.settings.rate.store(5, std::sync::atomic::Ordering::Relaxed);
        client.next().await.unwrap();
        client.next().await.unwrap();
        let begun = Instant::now();
        for _ in 0..5 {
            client.next().await.unwrap();
        }
        assert!(begun.elapsed() > Duration::from_millis(900), "{:?}", begun.elapsed());
    }
}
