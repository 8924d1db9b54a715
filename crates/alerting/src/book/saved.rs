//! What a restart finds: everything as one value, and records since.

use std::collections::BTreeMap;

use super::group::Receiver;
use super::record::{Record, Saved, SavedAlert};
use super::rule::{Fired, Tracked};
use super::{Book, Fate, Waiting};
use crate::labels::Labels;
use crate::machine::{AlertState, Phase, Reason, millis};

impl Book {
    /// Everything that a restart must know of.
    pub(crate) fn saved(&self) -> Saved {
        let firing = self.rules.iter().flat_map(|rule| {
            let alerts = rule.state.alerts.iter();
            alerts.filter_map(|tracked| {
                let fired = tracked.fired.as_ref()?;
                Some(SavedAlert {
                    rule: rule.id.clone(),
                    series: rule.series_of(tracked),
                    notice: fired.notice.clone(),
                    ack: fired.ack.as_deref().cloned(),
                })
            })
        });
        let waiting = self.receivers.iter().flat_map(|receiver| &receiver.waiting);
        let mut waiting: Vec<_> =
            waiting.map(|waiting| (waiting.number, waiting.notification.clone())).collect();
        waiting.sort_by_key(|(number, _)| *number);
        Saved {
            instance: self.instance,
            next_number: self.next_number,
            next_silence: self.next_silence,
            alerts: firing.chain(self.restored.values().cloned()).collect(),
            held: self.pending(),
            silences: self.silences.clone(),
            told: self.receivers.iter().flat_map(Receiver::saved).collect(),
            waiting,
            history: self.history.saved(),
            receivers: self.receiver_names.clone(),
        }
    }

    /// Takes in what a file holds, before there are rules. `now` has been looked at.
    pub(crate) fn restore(&mut self, saved: Saved, records: Vec<Record>) {
        let now = self.now();
        self.next_number = self.next_number.max(saved.next_number);
        self.next_silence = self.next_silence.max(saved.next_silence);
        if saved.instance != 0 {
            self.instance = saved.instance;
        }
        self.restore_names(saved.receivers);
        self.restored =
            saved.alerts.into_iter().map(|a| (key(&a.rule, &a.notice.labels), a)).collect();
        self.silences = saved.silences;
        for (entry, text) in &saved.history {
            self.history.add(entry, text.as_deref());
        }
        for told in saved.told {
            if let Some(receiver) =
                self.receivers.iter_mut().find(|r| r.route.name == told.receiver)
            {
                receiver.restore(told, now);
            }
        }
        let mut lost: Vec<Waiting> = Vec::new();
        for (number, notification) in saved.waiting {
            let waiting = Waiting { number, notification, synced: true, since_ms: now.steady_ms };
            match self.receivers.iter_mut().find(|r| r.route.name == waiting.notification.receiver)
            {
                Some(receiver) => receiver.waiting.push_back(waiting),
                None => lost.push(waiting),
            }
        }
        self.held = saved.held;
        records.into_iter().for_each(|record| self.replay(record, &mut lost));
        self.receivers.iter_mut().flat_map(|r| &mut r.waiting).for_each(|w| w.synced = true);
        // Where the disk failed, numbers were given that nothing here knows of.
        self.next_number += NUMBERS_APART;
        for waiting in lost {
            let record = self.done(&waiting, Fate::NoReceiver, 0, 0, "there is no such receiver");
            if let Record::Done { entry, text, .. } = record {
                self.history.add(&entry, text.as_deref());
            }
        }
    }

    fn replay(&mut self, record: Record, lost: &mut Vec<Waiting>) {
        match &record {
            Record::Fired { rule, series, notice } => {
                let key = key(rule, &notice.labels);
                let (rule, series) = (rule.clone(), series.clone());
                let alert = SavedAlert { rule, series, notice: notice.clone(), ack: None };
                self.restored.insert(key, alert);
            }
            Record::Resolved { rule, labels, .. } => {
                self.restored.remove(&key(rule, labels));
            }
            Record::Acknowledged { rule, labels, ack } => {
                if let Some(alert) = self.restored.get_mut(&key(rule, labels)) {
                    alert.ack = Some(ack.clone());
                }
            }
            Record::Held { rule, labels, .. } => {
                let same = |held: &Record| matches!(held, Record::Held { rule: r, labels: l, .. } if r == rule && l == labels);
                self.held.retain(|held| !same(held));
                self.held.push(record.clone());
            }
            Record::Queued { number, notification }
                if self.receivers.iter().all(|r| r.route.name != notification.receiver) =>
            {
                let notification = notification.clone();
                let since_ms = self.now().steady_ms;
                lost.push(Waiting { number: *number, notification, synced: true, since_ms });
            }
            Record::Done { number, .. } => lost.retain(|waiting| waiting.number != *number),
            _ => {}
        }
        self.apply(&record);
    }

    /// The history's numbers stand for these names; routes that are new come after them.
    fn restore_names(&mut self, saved: Vec<std::sync::Arc<str>>) {
        let now: Vec<_> = self.receivers.iter().map(|r| r.route.name.clone()).collect();
        let new = now.into_iter().filter(|name| !saved.contains(name));
        self.receiver_names = saved.iter().cloned().chain(new).collect();
    }

    /// Gives the rule numbered `at` the alerts that it had before the restart.
    pub(super) fn claim(&mut self, at: usize) {
        let now = self.now();
        let rule = &mut self.rules[at];
        let all = std::mem::take(&mut self.restored).into_iter();
        let (mine, others) = all.partition(|((id, _), _)| *id == rule.id);
        self.restored = others;
        let mine: BTreeMap<_, SavedAlert> = mine;
        for alert in mine.into_values() {
            // Down-time is nothing that anybody watched; a rest since the firing goes on by the time
            // of day, which is all that there is.
            let ago = (now.unix_ms - alert.notice.starts_unix_ms).clamp(0, millis(MOST_AGO));
            let tracked = Tracked {
                state: AlertState::restored(true, now.steady_ms - ago, now),
                value: alert.notice.value,
                began_unix_ms: alert.notice.starts_unix_ms,
                fired: Some(Box::new(Fired {
                    notice: alert.notice.clone(),
                    metrics: None,
                    ack: alert.ack.map(Box::new),
                })),
                ..Tracked::new(&alert.notice.labels)
            };
            rule.state.alerts.insert(Box::new(tracked));
            rule.set_series(&alert.notice.labels, alert.series);
        }
        self.held.retain(|held| {
            let Record::Held { rule: id, series, labels, held_ms } = held else { return false };
            if *id != rule.id {
                return true;
            }
            let new = || Box::new(Tracked::new(labels));
            let tracked = rule.state.alerts.get_or_insert_with(labels, new);
            tracked.began_unix_ms = now.unix_ms - held_ms;
            tracked.state.resume_pending(*held_ms, now);
            rule.set_series(labels, series.clone());
            false
        });
    }

    /// Alerts of rules that are gone, once all rules have come: they resolve.
    pub(crate) fn resolve_unclaimed(&mut self) -> Vec<Record> {
        self.held.clear();
        let unix_ms = self.now().unix_ms;
        let gone = std::mem::take(&mut self.restored).into_values().map(|alert| Record::Resolved {
            rule: alert.rule,
            labels: alert.notice.labels.clone(),
            unix_ms,
            reason: Reason::RuleRemoved,
        });
        let mut records: Vec<Record> = gone.collect();
        records.iter().for_each(|record| self.apply(record));
        records.extend(self.end_what_no_longer_fires());
        records
    }

    /// What a receiver was told of and nothing remembers: the end was lost with a damaged file.
    fn end_what_no_longer_fires(&mut self) -> Vec<Record> {
        let firing = |labels: &Labels| {
            self.rules.iter().any(|rule| {
                let tracked = rule.state.alerts.get(labels);
                tracked.is_some_and(|t| t.state.phase() == Phase::Firing)
            })
        };
        let told = self.receivers.iter().flat_map(Receiver::told);
        let lost = told.filter(|(_, told)| told.ended.is_none() && !firing(&told.notice.labels));
        let mut lost: Vec<Labels> = lost.map(|(_, told)| told.notice.labels.clone()).collect();
        lost.sort();
        lost.dedup();
        let unix_ms = self.now().unix_ms;
        let record = |labels| Record::Resolved {
            rule: "".into(),
            labels,
            unix_ms,
            reason: Reason::RuleRemoved,
        };
        let records: Vec<Record> = lost.into_iter().map(record).collect();
        records.iter().for_each(|record| self.apply(record));
        records
    }
}

fn key(rule: &std::sync::Arc<str>, labels: &Labels) -> (std::sync::Arc<str>, Labels) {
    (rule.clone(), labels.clone())
}

/// How far the numbers of one start are from those of the next.
const NUMBERS_APART: u64 = 1_000_000;

/// A firing longer ago than this is as old as this.
const MOST_AGO: std::time::Duration = std::time::Duration::from_secs(30 * 24 * 3_600);
