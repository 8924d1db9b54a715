//! What one receiver has been told of, group by group.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use super::record::SavedTold;
use super::sorted::{Labelled, Sorted};
use crate::labels::Labels;
use crate::machine::{Maybe, Moment, Reason, millis};
use crate::notification::{Notice, Notification, Status, Why};
use crate::route::Route;

/// What a receiver's task takes, about.
const DELIVERY_BYTES: usize = 1_500;

/// A route, what it has said, and what it has still to say.
pub(crate) struct Receiver {
    pub(crate) route: Route,
    pub(crate) groups: Sorted<Group>,
    /// By number, the first to be sent first.
    pub(crate) waiting: VecDeque<Waiting>,
    /// What is not written down: the newest refresh or sign of life.
    pub(crate) passing: Option<Arc<Notification>>,
    pub(crate) passed_ms: Option<i64>,
    pub(crate) fares: Fares,
}

/// How a receiver has answered lately.
#[derive(Debug, Default)]
pub(crate) struct Fares {
    pub(crate) delivered: u64,
    pub(crate) given_up: u64,
    pub(crate) attempts_failed: u64,
    pub(crate) last_unix_ms: Option<i64>,
    /// Since when nothing was taken, by the time of day.
    pub(crate) failing_since_unix_ms: Option<i64>,
    pub(crate) trouble: Option<Box<str>>,
}

#[derive(Clone, Debug)]
pub(crate) struct Waiting {
    pub(crate) number: u64,
    pub(crate) notification: Arc<Notification>,
    /// Whether it is on the disk: not before may it be sent.
    pub(crate) synced: bool,
    /// Since when it waits, in steady milliseconds; over a restart, since that.
    pub(crate) since_ms: i64,
}

#[derive(Debug)]
pub(crate) struct Group {
    labels: Labels,
    first_ms: i64,
    last_ms: Maybe,
    told: Sorted<Told>,
}

/// An alert that the receiver knows to fire.
#[derive(Debug)]
pub(crate) struct Told {
    pub(crate) notice: Arc<Notice>,
    pub(crate) ended: Option<(i64, Reason)>,
}

/// An alert that fires, as groups look at it.
pub(crate) struct Live {
    /// The number of its rule.
    pub(crate) rule: usize,
    /// What was last said of it.
    pub(crate) notice: Arc<Notice>,
    pub(crate) is_muted: bool,
    pub(crate) is_acknowledged: bool,
}

impl Labelled for Group {
    fn labels(&self) -> &Labels {
        &self.labels
    }
}

impl Labelled for Told {
    fn labels(&self) -> &Labels {
        &self.notice.labels
    }
}

impl Receiver {
    pub(crate) fn new(route: Route) -> Receiver {
        Receiver {
            route,
            groups: Sorted::default(),
            waiting: VecDeque::new(),
            passing: None,
            passed_ms: None,
            fares: Fares::default(),
        }
    }

    /// What it is to be told now: a group, why, and the alerts.
    pub(crate) fn due(
        &mut self,
        live: &[Live],
        now: Moment,
    ) -> Vec<(Labels, Why, Vec<Arc<Notice>>)> {
        let mut by_group: BTreeMap<Labels, Vec<&Live>> = BTreeMap::new();
        for alert in live {
            let labels = &alert.notice.labels;
            if self.route.takes(labels, alert.notice.severity) {
                by_group.entry(self.route.group_of(labels)).or_default().push(alert);
            }
        }
        for (labels, alerts) in &by_group {
            if alerts.iter().any(|alert| !alert.is_muted) {
                self.group(labels, now.steady_ms);
            }
        }
        let route = &self.route;
        let mut due = Vec::new();
        self.groups.retain(|group| {
            let alerts = by_group.get(&group.labels).map_or(&[][..], |alerts| alerts);
            group.forget_what_is_not_told(route, alerts);
            if let Some((why, notices)) = group.due(route, alerts, now) {
                due.push((group.labels.clone(), why, notices));
            }
            let waits = alerts.iter().any(|alert| !alert.is_muted);
            waits || !group.told.is_empty()
        });
        due
    }

    /// Takes in that it is told `notification` (or will be).
    pub(crate) fn tell(&mut self, notification: &Notification, steady_ms: i64) {
        let waits_for_nothing = self.route.wait.is_zero() && self.route.interval.is_zero();
        let group = self.group(&notification.group, steady_ms);
        group.last_ms = Maybe::of(steady_ms);
        for notice in &notification.alerts {
            match notice.status() {
                Status::Firing => {
                    let told = Told { notice: notice.clone(), ended: None };
                    group.told.insert(told);
                }
                Status::Resolved => drop(group.told.remove(&notice.labels)),
            }
        }
        // A new one would be told at the same moments.
        if waits_for_nothing && group.told.is_empty() {
            self.groups.remove(&notification.group);
        }
    }

    fn group(&mut self, labels: &Labels, steady_ms: i64) -> &mut Group {
        self.groups.get_or_insert_with(labels, || {
            let (labels, told) = (labels.clone(), Sorted::default());
            Group { labels, first_ms: steady_ms, last_ms: Maybe::NOT, told }
        })
    }

    /// Takes in that an alert resolved, or fires again.
    pub(crate) fn ended(&mut self, labels: &Labels, ended: Option<(i64, Reason)>) {
        if let Some(group) = self.groups.get_mut(&self.route.group_of(labels))
            && let Some(told) = group.told.get_mut(labels)
        {
            told.ended = ended;
        }
    }

    /// What it knows to fire.
    pub(crate) fn told(&self) -> impl Iterator<Item = (&Labels, &Told)> {
        self.groups.iter().flat_map(|group| group.told.iter().map(|told| (&group.labels, told)))
    }

    /// What it takes with what it holds, in bytes, its task of delivery too.
    pub(crate) fn bytes(&self) -> usize {
        let groups: usize = self.groups.iter().map(|group| group.bytes()).sum();
        let waiting = self.waiting.iter().map(|waiting| waiting.notification.bytes());
        let waiting = waiting.chain(self.passing.as_ref().map(|n| n.bytes())).sum::<usize>();
        let places = self.waiting.capacity() * size_of::<Waiting>();
        let trouble = self.fares.trouble.as_ref().map_or(0, |why| why.len());
        size_of::<Receiver>()
            + DELIVERY_BYTES
            + self.groups.bytes()
            + groups
            + waiting
            + places
            + trouble
    }

    pub(crate) fn saved(&self) -> impl Iterator<Item = SavedTold> {
        self.told().map(|(group, told)| SavedTold {
            receiver: self.route.name.clone(),
            group: group.clone(),
            notice: match told.ended {
                None => told.notice.clone(),
                Some((unix_ms, reason)) => Arc::new(ended(&told.notice, unix_ms, reason)),
            },
            unix_ms: told.notice.starts_unix_ms,
        })
    }

    /// What [`saved`](Self::saved) wrote.
    pub(crate) fn restore(&mut self, saved: SavedTold, now: Moment) {
        let notice = &saved.notice;
        let ended = notice.ends_unix_ms.zip(notice.reason.or(Some(Reason::Condition)));
        let told = Told { notice: notice.clone(), ended };
        let group = self.group(&saved.group, now.steady_ms);
        group.last_ms.get_or_insert(now.steady_ms);
        group.told.insert(told);
    }
}

impl Group {
    fn bytes(&self) -> usize {
        let own = self.told.iter().filter(|told| Arc::strong_count(&told.notice) == 1);
        let own: usize = own.map(|told| told.notice.bytes()).sum();
        self.labels.bytes() + self.told.bytes() + own
    }

    /// A receiver that wants no resolves forgets what has ended.
    fn forget_what_is_not_told(&mut self, route: &Route, alerts: &[&Live]) {
        if !route.send_resolved {
            self.told.retain(|told| alerts.iter().any(|a| a.notice.labels == told.notice.labels));
        }
    }

    fn due(&self, route: &Route, alerts: &[&Live], now: Moment) -> Option<(Why, Vec<Arc<Notice>>)> {
        let heard = alerts.iter().filter(|alert| !alert.is_muted);
        let is_told = |alert: &Live| self.told.contains(&alert.notice.labels);
        let is_new = |alert: &Live| !is_told(alert) && !alert.is_acknowledged;
        let fresh = heard.clone().any(|alert| is_new(alert));
        let ended = self.told.iter().any(|told| told.ended.is_some());
        let since = self.last_ms.get().map_or_else(
            || self.first_ms.saturating_add(millis(route.wait)),
            |last| last.saturating_add(millis(route.interval)),
        );
        let why = if fresh || ended {
            (now.steady_ms >= since).then(|| self.why(fresh, heard.clone().any(|a| is_told(a))))?
        } else {
            let last = self.last_ms.get()?;
            let again = heard.clone().any(|alert| is_told(alert) && !alert.is_acknowledged);
            let due = now.steady_ms >= last.saturating_add(millis(route.repeat?));
            (again && due).then_some(Why::Repeat)?
        };
        let firing = heard.filter(|alert| is_told(alert) || is_new(alert));
        let mut notices: Vec<_> = firing.map(|alert| alert.notice.clone()).collect();
        notices.extend(self.told.iter().filter_map(|told| {
            let (unix_ms, reason) = told.ended?;
            Some(Arc::new(self::ended(&told.notice, unix_ms, reason)))
        }));
        Some((why, notices))
    }

    fn why(&self, fresh: bool, others_fire: bool) -> Why {
        match (fresh, others_fire) {
            (true, _) if self.told.is_empty() => Why::First,
            (true, _) => Why::More,
            (false, true) => Why::SomeResolved,
            (false, false) => Why::AllResolved,
        }
    }
}

fn ended(notice: &Notice, unix_ms: i64, reason: Reason) -> Notice {
    Notice { ends_unix_ms: Some(unix_ms), reason: Some(reason), ..notice.clone() }
}
