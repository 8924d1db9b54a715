//! Everything that is known of rules, alerts, silences and receivers; no clock, no disk, no network.

mod apply;
mod dispatch;
mod group;
mod history;
mod mute;
mod observe;
mod record;
mod rule;
mod saved;
mod sorted;
mod texts;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use perf_monitor_history::Labels as Series;

use crate::error::{Error, ErrorKind};
use crate::labels::Labels;
use crate::limits::Limits;
use crate::machine::{Maybe, Moment, Phase, Reason, Timeline};
use crate::silence::Silence;

pub use history::Fate;
pub use mute::Inhibition;
pub use record::Ack;
pub use rule::Health;

pub(crate) use group::{Live, Receiver, Waiting};
pub(crate) use history::{Entry, History, cut};
pub(crate) use observe::Observed;
pub(crate) use record::{Record, Saved, SavedAlert};
pub(crate) use rule::{
    ALERT_SERIES, Conditions, Kind, Origin, Recording, Rule, RuleState, Tracked,
};
pub(crate) use texts::Texts;

/// How often what could not be done was asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) looks: u64,
    pub(crate) fired: u64,
    pub(crate) resolved: u64,
    pub(crate) refused_rules: u64,
    pub(crate) refused_silences: u64,
}

pub(crate) struct Book {
    pub(crate) limits: Limits,
    pub(crate) timeline: Timeline,
    pub(crate) rules: Vec<Rule>,
    /// Numbers of rules, by their ids.
    by_id: Vec<u32>,
    /// Alerts of before this process began, until their rule comes.
    restored: BTreeMap<(Arc<str>, Labels), SavedAlert>,
    held: Vec<Record>,
    pub(crate) silences: Vec<Silence>,
    pub(crate) inhibitions: Vec<Inhibition>,
    pub(crate) receivers: Vec<Receiver>,
    pub(crate) history: History,
    /// By the numbers in entries of the history; only grows, by names of routes.
    pub(crate) receiver_names: Vec<Arc<str>>,
    pub(crate) counts: Counts,
    pub(crate) instance: u64,
    pub(crate) next_number: u64,
    pub(crate) next_silence: u64,
    /// How often rules came, went or changed.
    pub(crate) rules_version: u64,
    /// Whether alerts are put into the history as series, as a rule looks at them there.
    pub(crate) shows_alerts: bool,
    held_written_ms: i64,
}

/// What comes of other rules in the place of a file's.
pub(crate) struct Replaced {
    pub(crate) records: Vec<Record>,
    /// Series that no rule records any more.
    pub(crate) ended: Vec<Series>,
    /// Rules that found no room.
    pub(crate) errors: Vec<Error>,
}

impl Book {
    pub(crate) fn new(limits: Limits, receivers: Vec<Receiver>, instance: u64) -> Book {
        let timeline = Timeline::new(limits.gap);
        let history = History::new(limits.history);
        let receiver_names = receivers.iter().map(|r| r.route.name.clone()).collect();
        Book {
            limits,
            timeline,
            rules: Vec::new(),
            by_id: Vec::new(),
            restored: BTreeMap::new(),
            held: Vec::new(),
            silences: Vec::new(),
            inhibitions: vec![Inhibition::default()],
            receivers,
            history,
            receiver_names,
            counts: Counts::default(),
            instance,
            next_number: 1,
            next_silence: 1,
            rules_version: 0,
            shows_alerts: false,
            held_written_ms: 0,
        }
    }

    /// Puts `rule` in, with what is known of its alerts from before.
    ///
    /// # Errors
    /// There are as many rules as there may be, or one of its name.
    pub(crate) fn add_rule(&mut self, rule: Rule) -> Result<(), Error> {
        let Err(place) = self.place(&rule.id) else {
            let id = &rule.id;
            return Err(Error::options(format!("there is a rule {id:?} already: rename one")));
        };
        if self.rules.len() >= self.limits.rules {
            self.counts.refused_rules += 1;
            let most = self.limits.rules;
            let message = format!(
                "rule {:?} found no room, there are {most}: take some away, or raise Limits::rules",
                rule.id
            );
            return Err(Error::new(ErrorKind::Limit, message));
        }
        self.rules_version += 1;
        self.by_id.insert(place, self.rules.len() as u32);
        self.rules.push(rule);
        self.claim(self.rules.len() - 1);
        Ok(())
    }

    /// Puts `new` in the place of all rules of `file`. A rule of the same id keeps its alerts and the series
    /// that it recorded; those of a rule that is gone end, by what this returns.
    pub(crate) fn replace_rules_of(&mut self, file: &str, new: Vec<Rule>) -> Replaced {
        let is_of = |rule: &Rule| rule.origin.as_ref().is_some_and(|o| &*o.file == file);
        let (old, others): (Vec<Rule>, Vec<Rule>) =
            std::mem::take(&mut self.rules).into_iter().partition(is_of);
        let mut old: HashMap<Arc<str>, RuleState> =
            old.into_iter().map(|rule| (rule.id, rule.state)).collect();
        self.rules = others;
        self.rules_version += 1;
        // All at once: doubling would leave half of the room empty.
        self.rules.reserve_exact(new.len());
        self.by_id = (0..self.rules.len() as u32).collect();
        self.by_id.reserve_exact(new.len());
        self.by_id.sort_by(|a, b| self.rules[*a as usize].id.cmp(&self.rules[*b as usize].id));
        let mut errors = Vec::new();
        for mut rule in new {
            if self.place(&rule.id).is_ok() {
                // Another file has a group and a rule of these names.
                rule.id = format!("{}@{file}", rule.id).into();
            }
            if let Some(state) = old.remove(&rule.id) {
                rule.state = RuleState { looked_ms: Maybe::NOT, ..state };
                rule.state.tell_health(rule.state.health, None);
            }
            errors.extend(self.add_rule(rule).err());
        }
        let recorded = old
            .values_mut()
            .map(|state| state.change_rare(|rare| std::mem::take(&mut rare.recorded)));
        let ended: Vec<Series> = recorded.flatten().collect();
        let gone = old.into_iter().flat_map(|(id, state)| {
            let firing = state.alerts.into_iter().filter(|t| t.fired.is_some());
            firing.map(move |tracked| (id.clone(), tracked.labels))
        });
        let unix_ms = self.timeline.now().unix_ms;
        let reason = Reason::RuleRemoved;
        self.shows_alerts = self.rules.iter().any(Rule::looks_at_alerts);
        let gone = gone.map(|(rule, labels)| Record::Resolved { rule, labels, unix_ms, reason });
        Replaced { records: gone.collect(), ended, errors }
    }

    /// Where its number stands, or would.
    fn place(&self, id: &str) -> Result<usize, usize> {
        self.by_id.binary_search_by(|at| (*self.rules[*at as usize].id).cmp(id))
    }

    pub(crate) fn rule(&self, id: &str) -> Option<&Rule> {
        self.place(id).ok().map(|place| &self.rules[self.by_id[place] as usize])
    }

    fn rule_mut(&mut self, id: &str) -> Option<&mut Rule> {
        let place = self.place(id).ok()?;
        self.rules.get_mut(self.by_id[place] as usize)
    }

    /// The firing or pending alert with this fingerprint, in hexadecimal.
    pub(crate) fn find(&self, fingerprint: &str) -> Option<(&Rule, &Tracked)> {
        let mut active = self.active();
        active.find(|(_, t)| format!("{:016x}", t.labels.fingerprint()) == fingerprint)
    }

    /// Alerts that are pending or firing, with their rules.
    pub(crate) fn active(&self) -> impl Iterator<Item = (&Rule, &Tracked)> {
        let rules = self.rules.iter();
        let all = rules.flat_map(|rule| rule.state.alerts.iter().map(move |t| (rule, &**t)));
        all.filter(|(_, tracked)| tracked.state.phase() != Phase::Inactive)
    }

    /// What it takes on the heap, in bytes.
    pub(crate) fn bytes(&self) -> usize {
        let rules: usize = self.rules.iter().map(Rule::bytes).sum();
        let rules = rules + self.rules.capacity() * size_of::<Rule>();
        let silences: usize = self.silences.iter().map(Silence::bytes).sum();
        let receivers: usize = self.receivers.iter().map(Receiver::bytes).sum();
        rules
            + self.by_id.capacity() * size_of::<u32>()
            + silences
            + receivers
            + self.history.bytes()
    }

    /// The next number of a notification.
    fn number(&mut self) -> u64 {
        let number = self.next_number;
        self.next_number += 1;
        number
    }

    pub(crate) fn id_of(&self, number: u64) -> String {
        format!("{:016x}-{number}", self.instance)
    }

    pub(crate) fn now(&self) -> Moment {
        self.timeline.now()
    }
}
