//! What a look at a rule found, taken in.

use std::sync::Arc;

use perf_monitor_history::Labels as Series;

use super::record::Record;
use super::rule::{Fired, Health, Rule, Tracked};
use super::{Book, Counts};
use crate::expression::Sample;
use crate::labels::Labels;
use crate::machine::{Change, Found, Maybe, Moment, NoData, Phase, Timing};
use crate::metrics::Metrics;

/// What a look at one rule found.
pub(crate) enum Observed<'a> {
    /// A closure's answer.
    Closure(Found, &'a Metrics),
    /// What the expression gave, and of each series that it did not give, what that means.
    Samples(Vec<Sample>, &'a dyn Fn(&Labels) -> Found),
    /// What a recording rule put into the history, and how much of it found no room there.
    Recorded(Vec<Series>, usize),
    /// It could not be looked at.
    Failed(String),
    /// Its closure panicked.
    Panicked(String),
}

impl Book {
    /// Takes in what a look at the rule numbered `at` found; what changed for others.
    pub(crate) fn observe(&mut self, at: usize, now: Moment, seen: Observed<'_>) -> Vec<Record> {
        let most = self.limits.alerts_per_rule;
        let rule = &mut self.rules[at];
        rule.state.looked_ms = Maybe::of(now.watched_ms);
        self.counts.looks += 1;
        let mut records = Vec::new();
        match seen {
            Observed::Closure(found, metrics) => {
                rule.health(Health::Ok, None);
                rule.take_closure(found, metrics, now, &mut records);
            }
            Observed::Samples(samples, absent) => {
                rule.health(Health::Ok, None);
                rule.take_samples(samples, absent, now, most, &mut records);
            }
            Observed::Recorded(series, refused) => {
                rule.health(Health::Ok, None);
                rule.take_recorded(series, refused);
            }
            Observed::Failed(why) => {
                rule.health(Health::Failing, Some(why));
                rule.keep_all(now);
            }
            Observed::Panicked(why) => rule.health(Health::Disabled, Some(why)),
        }
        rule.forget(now);
        count(&mut self.counts, &records);
        records
    }
}

fn count(counts: &mut Counts, records: &[Record]) {
    for record in records {
        match record {
            Record::Fired { .. } => counts.fired += 1,
            Record::Resolved { .. } => counts.resolved += 1,
            _ => {}
        }
    }
}

impl Rule {
    fn health(&mut self, health: Health, trouble: Option<String>) {
        self.state.tell_health(health, trouble);
    }

    fn take_closure(
        &mut self,
        found: Found,
        metrics: &Metrics,
        now: Moment,
        records: &mut Vec<Record>,
    ) {
        if found != Found::Active && self.state.alerts.is_empty() {
            return;
        }
        let labels = match self.state.alerts.iter().next() {
            Some(tracked) => tracked.labels.clone(),
            None => self.labels_of(&Labels::default(), 1.0),
        };
        let sample = (found == Found::Active).then_some((Labels::default(), None));
        self.step(&labels, sample, found, now, Some(metrics), records);
    }

    pub(crate) fn take_recorded(&mut self, series: Vec<Series>, refused: usize) {
        if self.state.recorded() != series {
            self.state.change_rare(|rare| rare.recorded = series.into());
        }
        if refused > 0 {
            self.state.change_rare(|rare| rare.refused += refused as u64);
            let why = format!("{refused} series found no room in the history: give it more");
            self.health(Health::Failing, Some(why));
        }
    }

    fn take_samples(
        &mut self,
        samples: Vec<Sample>,
        absent: &dyn Fn(&Labels) -> Found,
        now: Moment,
        most: usize,
        records: &mut Vec<Record>,
    ) {
        let mut seen: Vec<Labels> = Vec::with_capacity(samples.len());
        for sample in samples {
            let labels = self.labels_of(&sample.labels, sample.value);
            if !self.state.alerts.contains(&labels) && !self.has_room(most) {
                self.state.change_rare(|rare| rare.refused += 1);
                continue;
            }
            let value = Some((sample.labels, Some(sample.value)));
            self.step(&labels, value, Found::Active, now, None, records);
            seen.push(labels);
        }
        seen.sort_unstable();
        let alerts = self.state.alerts.iter();
        let others = alerts.filter(|tracked| seen.binary_search(&tracked.labels).is_err());
        let others: Vec<(Labels, Labels)> =
            others.map(|tracked| (tracked.labels.clone(), self.series_of(tracked))).collect();
        for (labels, series) in others {
            let found = absent(&series);
            if found == Found::NoData {
                self.health(Health::NoData, Some(format!("no data for {labels}")));
            }
            self.step(&labels, None, found, now, None, records);
        }
    }

    /// Nothing could be seen: as without data, whatever the rule says of that, for a broken look is no
    /// reason to resolve.
    fn keep_all(&mut self, now: Moment) {
        let keep = Timing { no_data: NoData::Keep, ..*self.timing };
        for tracked in self.state.alerts.iter_mut() {
            tracked.state.step(&keep, now, Found::NoData);
        }
    }

    fn step(
        &mut self,
        labels: &Labels,
        sample: Option<(Labels, Option<f64>)>,
        found: Found,
        now: Moment,
        metrics: Option<&Metrics>,
        records: &mut Vec<Record>,
    ) {
        let new = || Box::new(Tracked::new(labels));
        let tracked = self.state.alerts.get_or_insert_with(labels, new);
        let was = tracked.state.phase();
        if let Some((series, value)) = sample {
            tracked.value = value;
            self.set_series(labels, series);
        }
        let Some(tracked) = self.state.alerts.get_mut(labels) else { return };
        let change = tracked.state.step(&self.timing, now, found);
        if was == Phase::Inactive && tracked.state.phase() != Phase::Inactive {
            tracked.began_unix_ms = now.unix_ms;
        }
        match change {
            Some(Change::Fired) => records.extend(self.fired(labels, now, metrics)),
            Some(Change::Resolved(reason)) => {
                tracked.fired = None;
                let (rule, labels) = (self.id.clone(), labels.clone());
                let unix_ms = now.unix_ms;
                records.push(Record::Resolved { rule, labels, unix_ms, reason });
            }
            None => {}
        }
    }

    fn fired(&mut self, labels: &Labels, now: Moment, metrics: Option<&Metrics>) -> Option<Record> {
        let notice = Arc::new(self.notice(self.state.alerts.get(labels)?, now));
        let metrics = metrics.map(|metrics| Box::new(metrics.without_series()));
        let series = self.series_of(self.state.alerts.get(labels)?);
        let tracked = self.state.alerts.get_mut(labels)?;
        tracked.fired = Some(Box::new(Fired { notice: notice.clone(), metrics, ack: None }));
        Some(Record::Fired { rule: self.id.clone(), series, notice })
    }

    /// An alert that only rests since it last fired makes room for one that is active.
    fn has_room(&mut self, most: usize) -> bool {
        if self.state.alerts.len() < most {
            return true;
        }
        let resting = self.state.alerts.iter();
        let resting = resting.filter(|t| t.state.phase() == Phase::Inactive);
        let oldest = resting.min_by_key(|t| t.state.last_fired_ms());
        match oldest.map(|tracked| tracked.labels.clone()) {
            Some(labels) => self.state.alerts.remove(&labels).is_some(),
            None => false,
        }
    }

    /// What is inactive and has nothing to rest for is no longer kept.
    fn forget(&mut self, now: Moment) {
        let timing = &*self.timing;
        self.state.alerts.retain(|tracked| !tracked.state.is_forgettable(timing, now));
    }
}
