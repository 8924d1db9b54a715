//! From what fires to what is to be sent.

use std::collections::HashMap;
use std::sync::Arc;

use super::record::Record;
use super::{Book, Entry, Fate, Live, Waiting};
use crate::labels::Labels;
use crate::machine::{Phase, millis};
use crate::notification::{Notice, Notification, Status, Why};
use crate::severity::AlertSeverity;

/// How often what is pending is written down, for rules that wait for longer than this.
const HELD_EVERY_MS: i64 = 60_000;

impl Book {
    /// What is to be told now. The records are taken in already, but not yet on the disk.
    pub(crate) fn dispatch(&mut self, healthy: bool) -> Vec<Record> {
        let now = self.now();
        let live = self.live();
        let mut records = Vec::new();
        for at in 0..self.receivers.len() {
            for (group, why, notices) in self.receivers[at].due(&live, now) {
                let notices = self.renewed(&live, notices);
                for (rule, notice) in &notices {
                    if let Some(rule) = rule {
                        self.rules[*rule].told(notice);
                    }
                }
                let notices: Vec<_> = notices.into_iter().map(|(_, notice)| notice).collect();
                let most = self.limits.alerts_per_notification.max(1);
                for notices in notices.chunks(most) {
                    records.push(self.queued(at, &group, why, notices));
                }
            }
            self.refresh(at, &live, healthy);
        }
        records.iter().for_each(|record| self.apply(record));
        let given_up = self.make_room();
        records.extend(given_up);
        records.extend(self.held_records());
        records
    }

    /// The same, those that fire with their values of now, and the numbers of their rules.
    fn renewed(
        &self,
        live: &[Live],
        notices: Vec<Arc<Notice>>,
    ) -> Vec<(Option<usize>, Arc<Notice>)> {
        let now = self.now();
        let rules: HashMap<*const Notice, usize> =
            live.iter().map(|alert| (Arc::as_ptr(&alert.notice), alert.rule)).collect();
        let renewed = notices.into_iter().map(|notice| {
            let rule = rules.get(&Arc::as_ptr(&notice)).copied();
            let renewed = rule.and_then(|rule| self.rules[rule].renewed(&notice.labels, now));
            (rule, renewed.unwrap_or(notice))
        });
        renewed.collect()
    }

    fn queued(&mut self, at: usize, group: &Labels, why: Why, notices: &[Arc<Notice>]) -> Record {
        let number = self.number();
        let notification = self.notification(self.id_of(number), at, group, why, notices);
        Record::Queued { number, notification }
    }

    fn notification(
        &self,
        id: String,
        receiver: usize,
        group: &Labels,
        why: Why,
        notices: &[Arc<Notice>],
    ) -> Arc<Notification> {
        let fires = notices.iter().any(|notice| notice.status() == Status::Firing);
        let notification = Notification {
            id,
            receiver: self.receivers[receiver].route.name.clone(),
            group: group.clone(),
            status: if fires { Status::Firing } else { Status::Resolved },
            why,
            alerts: notices.to_vec(),
            unix_ms: self.now().unix_ms,
        };
        Arc::new(notification)
    }

    /// The newest of what need not arrive: signs of life, and what is told again to those who forget.
    fn refresh(&mut self, at: usize, live: &[Live], healthy: bool) {
        let now = self.now();
        let receiver = &self.receivers[at];
        let (every, why) = match (receiver.route.heartbeat, receiver.route.notifier.refresh()) {
            (Some(every), _) => (every, Why::Heartbeat),
            (None, Some(every)) => (every, Why::Refresh),
            (None, None) => return,
        };
        let due = receiver.passed_ms.is_none_or(|at| now.steady_ms - at >= millis(every));
        if !due || (why == Why::Heartbeat && !healthy) {
            return;
        }
        let notices: Vec<Arc<Notice>> = match why {
            Why::Heartbeat => vec![Arc::new(sign_of_life(now.unix_ms))],
            _ => {
                let heard = live.iter().filter(|alert| !alert.is_muted);
                let told = |l: &Labels| receiver.told().any(|(_, told)| told.notice.labels == *l);
                let told = heard.map(|a| a.notice.clone()).filter(|n| told(&n.labels));
                let told = told.collect();
                self.renewed(live, told).into_iter().map(|(_, notice)| notice).collect()
            }
        };
        if notices.is_empty() {
            return;
        }
        // No number is used up: what is not written down must not have the id of what is.
        let id = format!("{:016x}-at-{}", self.instance, now.unix_ms);
        let notification = self.notification(id, at, &Labels::default(), why, &notices);
        self.receivers[at].passing = Some(notification);
        self.receivers[at].passed_ms = Some(now.steady_ms);
    }

    /// Gives up the oldest notifications of whoever has most waiting, until the rest fit.
    fn make_room(&mut self) -> Vec<Record> {
        let mut records = Vec::new();
        let mut waiting: usize = self.receivers.iter().map(|r| r.waiting.len()).sum();
        while waiting > self.limits.waiting.max(1) {
            let longest =
                (0..self.receivers.len()).max_by_key(|at| self.receivers[*at].waiting.len());
            let Some(oldest) = longest.and_then(|at| self.receivers[at].waiting.front()) else {
                break;
            };
            let (oldest, why) = (oldest.clone(), "more waits than there is room for");
            let record = self.done(&oldest, Fate::NoRoom, 0, 0, why);
            self.apply(&record);
            records.push(record);
            waiting -= 1;
        }
        records
    }

    /// That a notification is done with.
    pub(crate) fn done(
        &self,
        waiting: &Waiting,
        fate: Fate,
        attempts: u16,
        took_ms: u32,
        text: &str,
    ) -> Record {
        let notification = &waiting.notification;
        let names = self.receiver_names.iter();
        let receiver = names.clone().position(|name| *name == notification.receiver);
        let entry = Entry {
            number: waiting.number,
            unix_ms: self.now().unix_ms.max(notification.unix_ms),
            took_ms,
            receiver: receiver.map_or(u16::MAX, |at| at.try_into().unwrap_or(u16::MAX)),
            alerts: notification.alerts.len().try_into().unwrap_or(u16::MAX),
            attempts,
            status: notification.status,
            why: notification.why,
            fate,
            title: notification.title().into(),
        };
        let text = (!text.is_empty()).then(|| super::cut(text, 200).to_owned());
        Record::Done { number: waiting.number, entry, text }
    }

    /// Once a minute, how long pending alerts have been so, for rules that wait longer than that.
    fn held_records(&mut self) -> Vec<Record> {
        let now = self.now();
        if now.watched_ms - self.held_written_ms < HELD_EVERY_MS {
            return Vec::new();
        }
        self.held_written_ms = now.watched_ms;
        self.pending()
    }

    /// What is pending in rules that wait for longer than a minute.
    pub(super) fn pending(&self) -> Vec<Record> {
        let now = self.now();
        let slow = self.rules.iter().filter(|rule| millis(rule.timing.hold) > HELD_EVERY_MS);
        let pending = slow.flat_map(|rule| {
            let alerts = rule.state.alerts.iter();
            let pending = alerts.filter(|t| t.state.phase() == Phase::Pending);
            pending.map(|tracked| Record::Held {
                rule: rule.id.clone(),
                series: rule.series_of(tracked),
                labels: tracked.labels.clone(),
                held_ms: tracked.state.held_ms(now),
            })
        });
        pending.collect()
    }

    /// A notification to try receiver `at` out by, through the same way as any other.
    pub(crate) fn test_of(&mut self, at: usize) -> Record {
        let notice = Notice {
            labels: Labels::new([("alertname", "PerfMonitorTest"), ("severity", "info")]),
            annotations: Labels::new([("summary", "A test of this receiver: nothing is wrong.")]),
            severity: AlertSeverity::Info,
            ends_unix_ms: Some(self.now().unix_ms),
            ..sign_of_life(self.now().unix_ms)
        };
        let group = Labels::new([("alertname", "PerfMonitorTest")]);
        let record = self.queued(at, &group, Why::Test, &[Arc::new(notice)]);
        self.apply(&record);
        record
    }
}

fn sign_of_life(unix_ms: i64) -> Notice {
    Notice {
        labels: Labels::new([("alertname", "Watchdog"), ("severity", "info")]),
        annotations: Labels::new([(
            "summary",
            "Alerting works. When this stays away, it does not.",
        )]),
        severity: AlertSeverity::Info,
        starts_unix_ms: unix_ms,
        ends_unix_ms: None,
        reason: None,
        value: None,
        flapping: false,
    }
}
