//! Who is not to be told of what fires.

use std::collections::HashMap;

use super::{Book, Live};
use crate::labels::Labels;
use crate::machine::Phase;
use crate::severity::AlertSeverity;

/// A worse alert mutes the less bad ones that are about the same thing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Inhibition {
    equal: Option<Vec<Box<str>>>,
}

impl Inhibition {
    /// By default two alerts are about the same thing when all labels but `severity` are equal: the
    /// warning and the critical threshold of one rule.
    pub fn new() -> Inhibition {
        Inhibition::default()
    }

    /// Two alerts are about the same thing when these labels are there and equal.
    pub fn by(labels: &[&str]) -> Inhibition {
        Inhibition { equal: Some(labels.iter().map(|name| (*name).into()).collect()) }
    }

    fn key(&self, labels: &Labels) -> Option<Labels> {
        match &self.equal {
            None => Some(labels.filtered(|name| name != "severity")),
            Some(equal) => {
                let key = labels.filtered(|name| equal.iter().any(|e| **e == *name));
                (key.len() == equal.len()).then_some(key)
            }
        }
    }
}

impl Book {
    /// Everything that fires, and whether anybody is to hear of it.
    pub(crate) fn live(&self) -> Vec<Live> {
        let now = self.now();
        let mut live: Vec<Live> = Vec::new();
        for (number, rule) in self.rules.iter().enumerate() {
            for tracked in rule.state.alerts.iter() {
                let (Phase::Firing, Some(fired)) = (tracked.state.phase(), &tracked.fired) else {
                    continue;
                };
                live.push(Live {
                    rule: number,
                    notice: fired.notice.clone(),
                    is_muted: self.silenced_by(&tracked.labels, now.unix_ms).is_some(),
                    is_acknowledged: fired.ack.is_some(),
                });
            }
        }
        self.inhibit(&mut live);
        live
    }

    /// The id of the silence that mutes alerts of these labels.
    pub(crate) fn silenced_by(&self, labels: &Labels, unix_ms: i64) -> Option<&str> {
        let active = self.silences.iter().filter(|silence| silence.is_active(unix_ms));
        active.into_iter().find(|silence| silence.matches(labels)).map(|s| &*s.id)
    }

    fn inhibit(&self, live: &mut [Live]) {
        for inhibition in &self.inhibitions {
            let mut worst: HashMap<Labels, AlertSeverity> = HashMap::new();
            for alert in live.iter() {
                if let Some(key) = inhibition.key(&alert.notice.labels) {
                    let worst = worst.entry(key).or_insert(alert.notice.severity);
                    *worst = (*worst).max(alert.notice.severity);
                }
            }
            for alert in live.iter_mut() {
                let key = inhibition.key(&alert.notice.labels);
                let worst = key.and_then(|key| worst.get(&key));
                alert.is_muted |= worst.is_some_and(|worst| *worst > alert.notice.severity);
            }
        }
    }
}
