//! Rules that record series, live.

use std::sync::Arc;
use std::time::Duration;

use perf_monitor_alerting::{AlertManager, Health, Metrics, RuleView, backtest};
use perf_monitor_history::{Labels, MemoryHistory, Options, Query, QueryValue};

use crate::support::{Bench, Inbox, Place};

/// When the fake clock begins, in milliseconds.
const EPOCH_MS: i64 = 1_000_000_000_000;

/// A rule file, a history, a manager over both.
struct Recorded {
    place: Place,
    history: Arc<MemoryHistory>,
    inbox: Inbox,
    bench: Bench,
    second: i64,
}

impl Recorded {
    fn new(rules: &str, options: Options) -> Recorded {
        let (place, inbox) = (Place::new(), Inbox::default());
        std::fs::write(place.join("rules.yml"), rules).unwrap();
        let history = Arc::new(MemoryHistory::new(options).unwrap());
        let builder = AlertManager::builder().rule_file(place.join("rules.yml"));
        let builder = builder.history(history.clone()).notify(inbox.route("inbox"));
        Recorded { place, history, inbox, bench: Bench::new(builder), second: 0 }
    }

    async fn tick(&mut self, values: &[(&str, f64)]) {
        self.second += 1;
        let series = |name| Labels::new([("__name__", "depth"), ("queue", name)]);
        let values: Vec<_> = values.iter().map(|(name, value)| (series(name), *value)).collect();
        let at_ms = EPOCH_MS + self.second * 1_000;
        assert!(self.history.record_values(at_ms, values.iter().map(|(l, v)| (l, *v))));
        self.bench.tick(&Metrics::default()).await;
    }

    fn ask(&self, query: &str) -> Vec<(String, f64)> {
        let at_ms = EPOCH_MS + self.second * 1_000;
        let QueryValue::Vector(all) =
            Query::parse(query).unwrap().instant(&*self.history, at_ms).unwrap()
        else {
            panic!("{query} gives no vector")
        };
        let mut all: Vec<_> = all.iter().map(|s| (s.labels.to_string(), s.value)).collect();
        all.sort_by(|a, b| a.0.cmp(&b.0));
        all
    }

    fn rule(&self, name: &str) -> RuleView {
        self.bench.manager.rule_views().into_iter().find(|rule| rule.name == name).unwrap()
    }
}

const RULES: &str = "
groups:
- name: g
  rules:
  - record: queue:depth:doubled
    expr: 2 * depth
    labels: {unit: jobs, queue: ''}
  - alert: Deep
    expr: queue:depth:doubled > 10
";

fn owned(all: &[(&str, f64)]) -> Vec<(String, f64)> {
    all.iter().map(|(labels, value)| ((*labels).to_owned(), *value)).collect()
}

#[tokio::test]
async fn a_later_rule_sees_in_the_same_tick_what_was_recorded_and_it_ends_when_it_vanishes() {
    let mut recorded = Recorded::new(RULES, Options::default());
    recorded.tick(&[("a", 1.0)]).await;
    let shown = recorded.ask("queue:depth:doubled");
    assert_eq!(shown, owned(&[("queue:depth:doubled{unit=\"jobs\"}", 2.0)]));
    assert_eq!(recorded.inbox.titles(), [""; 0]);
    recorded.tick(&[("a", 6.0)]).await;
    assert_eq!(recorded.inbox.titles(), ["[FIRING:1] Deep"]);
    let rule = recorded.rule("queue:depth:doubled");
    assert_eq!((rule.kind, rule.series, rule.health), ("recording", 1, Health::Ok));
    assert_eq!(rule.labels["unit"], "jobs");
    // The source is gone for three ticks: so is what was made of it.
    for _ in 0..4 {
        recorded.tick(&[]).await;
    }
    assert_eq!(recorded.ask("queue:depth:doubled"), owned(&[]));
    assert_eq!(recorded.ask("count_over_time(queue:depth:doubled[1m])")[0].1, 4.0);
    assert_eq!(recorded.rule("queue:depth:doubled").series, 0);
}

#[tokio::test]
async fn what_would_be_one_series_twice_fails_and_says_so() {
    let mut recorded = Recorded::new(RULES, Options::default());
    recorded.tick(&[("a", 1.0), ("b", 2.0)]).await;
    let rule = recorded.rule("queue:depth:doubled");
    assert_eq!(rule.health, Health::Failing);
    assert!(rule.trouble.unwrap().contains("queue:depth:doubled{unit=\"jobs\"}"));
    assert_eq!(recorded.ask("queue:depth:doubled"), owned(&[]));
}

#[tokio::test]
async fn a_limit_of_the_group_holds_and_what_finds_no_room_shows() {
    let limited = "groups: [{name: g, limit: 2, rules: [{record: copy, expr: depth}]}]";
    let mut recorded = Recorded::new(limited, Options::default());
    recorded.tick(&[("a", 1.0), ("b", 1.0)]).await;
    assert_eq!(recorded.rule("copy").series, 2);
    recorded.tick(&[("a", 2.0), ("b", 2.0), ("c", 2.0)]).await;
    let why = recorded.rule("copy").trouble.unwrap();
    assert!(why.contains("3 series") && why.contains("limit of its group is 2"), "{why}");

    let full = "groups: [{name: g, rules: [{record: copy, expr: depth}]}]";
    let mut recorded = Recorded::new(full, Options { series: 3, ..Options::default() });
    recorded.tick(&[("a", 1.0), ("b", 1.0)]).await;
    let rule = recorded.rule("copy");
    assert_eq!((rule.health, rule.refused), (Health::Failing, 1));
    assert!(rule.trouble.unwrap().contains("1 series found no room"));
    assert_eq!(recorded.bench.manager.stats().refused_alerts, 1);
}

#[tokio::test]
async fn series_of_a_rule_that_is_taken_out_end_and_those_of_one_that_stays_go_on() {
    let both =
        "groups: [{name: g, rules: [{record: kept, expr: depth}, {record: lost, expr: depth}]}]";
    let mut recorded = Recorded::new(both, Options::default());
    recorded.tick(&[("a", 1.0)]).await;
    assert_eq!(recorded.ask("{__name__=~\"kept|lost\"}").len(), 2);
    let one = "groups: [{name: g, rules: [{record: kept, expr: depth}]}]";
    std::fs::write(recorded.place.join("rules.yml"), one).unwrap();
    recorded.tick(&[("a", 2.0)]).await;
    assert_eq!(recorded.ask("kept"), owned(&[("kept{queue=\"a\"}", 2.0)]));
    assert_eq!(recorded.ask("lost"), owned(&[]));
    assert_eq!(recorded.ask("count_over_time(kept[1m])")[0].1, 2.0);
}

#[tokio::test]
async fn a_group_s_interval_holds_and_its_series_are_there_in_between() {
    let slow = "groups: [{name: g, interval: 10s, rules: [{record: slow, expr: depth}]}]";
    let mut recorded = Recorded::new(slow, Options::default());
    for second in 0..20 {
        recorded.tick(&[("a", f64::from(second))]).await;
        let tens = f64::from(second / 10 * 10);
        assert_eq!(recorded.ask("slow"), owned(&[("slow{queue=\"a\"}", tens)]));
    }
}

#[tokio::test]
async fn alerts_are_series_where_a_rule_looks_at_them() {
    let rules = "
groups:
- name: g
  rules:
  - {alert: Deep, expr: depth > 5, for: 2s}
  - {record: 'alerts:firing', expr: 'count(ALERTS{alertstate=\"firing\"})'}
  - {alert: Many, expr: 'alerts:firing > 1'}
";
    let mut recorded = Recorded::new(rules, Options::default());
    recorded.tick(&[("a", 9.0), ("b", 9.0)]).await;
    let pending = recorded.ask("ALERTS{alertstate=\"pending\"}");
    assert_eq!(pending.len(), 2);
    assert!(pending[0].0.contains("alertname=\"Deep\"") && pending[0].0.contains("queue=\"a\""));
    let since = recorded.ask("ALERTS_FOR_STATE{queue=\"a\"}")[0].1;
    assert_eq!(since, (EPOCH_MS / 1_000 + 1) as f64);
    recorded.tick(&[("a", 9.0), ("b", 9.0)]).await;
    recorded.tick(&[("a", 9.0), ("b", 9.0)]).await;
    assert_eq!(recorded.ask("ALERTS{alertstate=\"pending\"}"), owned(&[]));
    assert_eq!(recorded.ask("alerts:firing"), owned(&[("alerts:firing", 2.0)]));
    assert_eq!(recorded.inbox.titles(), ["[FIRING:2] Deep", "[FIRING:1] Many"]);

    let plain = "groups: [{name: g, rules: [{alert: Deep, expr: depth > 5}]}]";
    let mut recorded = Recorded::new(plain, Options::default());
    recorded.tick(&[("a", 9.0)]).await;
    assert_eq!(recorded.ask("ALERTS"), owned(&[]));
}

#[test]
fn a_backtest_records_on_top_of_what_is_stored_and_leaves_that_alone() {
    let history = MemoryHistory::new(Options::default()).unwrap();
    let depth = Labels::new([("__name__", "depth")]);
    // What another rule of this name recorded counts for nothing.
    let other = Labels::new([("__name__", "twice")]);
    for second in 0..60 {
        let value = if (20..40).contains(&second) { 9.0 } else { 1.0 };
        history.record_values(second * 1_000, [(&depth, value), (&other, 99.0)]);
    }
    let rules = "groups: [{name: g, rules: [{record: twice, expr: 2 * depth}, \
                 {alert: Full, expr: twice > 10, for: 10s}]}]";
    let found = backtest(rules, &history, 0, 59_000, Duration::from_secs(1)).unwrap();
    assert_eq!(found.troubles, [""; 0]);
    let times: Vec<_> =
        found.firings.iter().map(|f| (f.fired_unix_ms, f.resolved_unix_ms)).collect();
    assert_eq!(times, [(30_000, Some(40_000))]);
    assert_eq!(history.stats().series, 2);
    let table = found.to_string();
    assert_eq!(
        table.lines().collect::<Vec<_>>(),
        [
            "1 alert would have fired from 1970-01-01T00:00:00Z to 1970-01-01T00:00:59Z: 60 looks, one each 1s",
            "fired                 resolved              lasted     peak       alert",
            "1970-01-01T00:00:30Z  1970-01-01T00:00:40Z  10s        18         Full",
        ]
    );
}
