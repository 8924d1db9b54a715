//! Records taken in, as they happen and after a restart.

use std::collections::VecDeque;
use std::sync::Arc;

use super::record::{Ack, Record};
use super::rule::Fired;
use super::{Book, Fate, Waiting};
use crate::error::{Error, ErrorKind};
use crate::labels::Labels;
use crate::machine::{Phase, Reason};
use crate::notification::{Notification, Why};
use crate::silence::Silence;

/// Room for notifications that is kept when none waits.
const MOST_ROOM_KEPT: usize = 16;

impl Book {
    /// Takes in a record, live or read back: what receivers, the outbox and the history make of it.
    /// The alerts themselves have moved before, or are [restored](Book::restore).
    pub(crate) fn apply(&mut self, record: &Record) {
        match record {
            Record::Fired { notice, .. } => {
                let labels = &notice.labels;
                self.receivers.iter_mut().for_each(|r| r.ended(labels, None));
            }
            Record::Resolved { labels, unix_ms, reason, .. } => self.end(labels, *unix_ms, *reason),
            Record::Queued { number, notification } => self.queue(*number, notification),
            Record::Done { number, entry, text } => {
                if self.take_waiting(*number) {
                    self.count_fate(entry.receiver, entry.fate, entry.unix_ms, text.as_deref());
                    self.history.add(entry, text.as_deref());
                }
            }
            Record::Silenced { number, silence } => {
                self.next_silence = self.next_silence.max(number + 1);
                self.silences.retain(|old| old.id != silence.id);
                self.silences.push(silence.clone());
            }
            Record::Unsilenced { id } => self.silences.retain(|silence| silence.id != *id),
            Record::Acknowledged { rule, labels, ack } => self.acknowledge(rule, labels, ack),
            Record::Held { .. } => {}
        }
    }

    /// Unless another rule says of the same labels that it fires.
    fn end(&mut self, labels: &Labels, unix_ms: i64, reason: Reason) {
        let fires = self.rules.iter().any(|rule| {
            let tracked = rule.state.alerts.get(labels);
            tracked.is_some_and(|t| t.fired.is_some() && t.state.phase() == Phase::Firing)
        });
        if !fires {
            self.receivers.iter_mut().for_each(|r| r.ended(labels, Some((unix_ms, reason))));
        }
    }

    fn queue(&mut self, number: u64, notification: &Arc<Notification>) {
        self.next_number = self.next_number.max(number + 1);
        let steady_ms = self.now().steady_ms;
        let found = self.receivers.iter_mut().find(|r| r.route.name == notification.receiver);
        let Some(receiver) = found else { return };
        if receiver.waiting.iter().any(|waiting| waiting.number == number) {
            return;
        }
        if notification.why != Why::Test {
            receiver.tell(notification, steady_ms);
        }
        let notification = notification.clone();
        let waiting = Waiting { number, notification, synced: false, since_ms: steady_ms };
        receiver.waiting.push_back(waiting);
    }

    fn take_waiting(&mut self, number: u64) -> bool {
        self.receivers.iter_mut().any(|receiver| {
            let waiting = &mut receiver.waiting;
            let at = waiting.iter().position(|waiting| waiting.number == number);
            let taken = at.and_then(|at| waiting.remove(at)).is_some();
            if waiting.is_empty() && waiting.capacity() > MOST_ROOM_KEPT {
                *waiting = VecDeque::new();
            }
            taken
        })
    }

    fn count_fate(&mut self, receiver: u16, fate: Fate, unix_ms: i64, text: Option<&str>) {
        let name = self.receiver_names.get(usize::from(receiver));
        let found = self.receivers.iter_mut().find(|r| Some(&r.route.name) == name);
        let Some(fares) = found.map(|receiver| &mut receiver.fares) else { return };
        if fate == Fate::Delivered {
            fares.delivered += 1;
            fares.last_unix_ms = Some(unix_ms);
            fares.failing_since_unix_ms = None;
            fares.trouble = None;
        } else {
            fares.given_up += 1;
            fares.failing_since_unix_ms.get_or_insert(unix_ms);
            fares.trouble = text.map(Into::into);
        }
    }

    fn acknowledge(&mut self, rule: &str, labels: &Labels, ack: &Ack) {
        let tracked = self.rule_mut(rule).and_then(|rule| rule.state.alerts.get_mut(labels));
        let fired: Option<&mut Box<Fired>> = tracked.and_then(|tracked| tracked.fired.as_mut());
        if let Some(fired) = fired {
            fired.ack = Some(Box::new(ack.clone()));
        }
    }

    /// A silence to be written down, with its number.
    ///
    /// # Errors
    /// It says nothing useful, or there is no room for it.
    pub(crate) fn silence(&mut self, mut silence: Silence) -> Result<Record, Error> {
        let now = self.now().unix_ms;
        silence.check(now)?;
        let known = self.silences.iter().any(|old| old.id == silence.id);
        if !silence.id.is_empty() && !known {
            let id = &silence.id;
            let message = format!("there is no silence {id:?} to change: leave the id out");
            return Err(Error::new(ErrorKind::NotFound, message));
        }
        if !known && self.silences.len() >= self.limits.silences {
            self.silences.retain(|old| old.ends_unix_ms > now);
        }
        if !known && self.silences.len() >= self.limits.silences {
            self.counts.refused_silences += 1;
            let most = self.limits.silences;
            let message = format!("there are {most} silences: end some, or raise Limits::silences");
            return Err(Error::new(ErrorKind::Limit, message));
        }
        if silence.id.is_empty() {
            silence.id = self.next_silence.to_string();
        }
        Ok(Record::Silenced { number: self.next_silence, silence })
    }
}
