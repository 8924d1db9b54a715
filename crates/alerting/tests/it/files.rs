//! Rules of files over a history.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use perf_monitor_alerting::{AlertManager, Health, Metrics, Phase, Reason};
use perf_monitor_history::{Labels, MemoryHistory, Options};

use crate::support::{Bench, Inbox, Place};

/// Seconds of a fake clock begin here.
const EPOCH_MS: i64 = 1_000_000_000_000;

struct World {
    bench: Bench,
    history: Arc<MemoryHistory>,
    inbox: Inbox,
    place: Place,
    second: i64,
}

const RULES: &str = "
groups:
- name: queues
  rules:
  - alert: Deep
    expr: depth > 5
    for: 3s
    labels: {severity: critical}
    annotations:
      summary: '{{ $labels.queue }} is {{ $value }} deep'
      perf_monitor_clear: depth < 3
";

impl World {
    fn new(rules: &str) -> World {
        let place = Place::new();
        let path = place.join("rules.yml");
        std::fs::write(&path, rules).unwrap();
        let history = Arc::new(MemoryHistory::new(Options::default()).unwrap());
        let inbox = Inbox::default();
        let builder = AlertManager::builder()
            .rule_file(&path)
            .history(history.clone())
            .notify(inbox.route("inbox"));
        World { bench: Bench::new(builder), history, inbox, place, second: 0 }
    }

    fn file(&self) -> PathBuf {
        self.place.join("rules.yml")
    }

    /// A second in which the queues are this deep.
    async fn second(&mut self, depths: &[(&str, f64)]) {
        self.second += 1;
        let at = EPOCH_MS + self.second * 1_000;
        let labels = |queue| Labels::new([("__name__", "depth"), ("queue", queue)]);
        let values: Vec<_> = depths.iter().map(|(queue, depth)| (labels(queue), *depth)).collect();
        self.history.record_values(at, values.iter().map(|(labels, depth)| (labels, *depth)));
        self.bench.tick(&Metrics::default()).await;
    }

    async fn seconds(&mut self, count: usize, depths: &[(&str, f64)]) {
        for _ in 0..count {
            self.second(depths).await;
        }
    }

    fn phases(&self) -> Vec<Phase> {
        self.bench.manager.active_alerts().iter().map(|alert| alert.phase).collect()
    }
}

#[tokio::test]
async fn a_file_s_rule_pends_fires_and_clears_by_its_own_thresholds() {
    let mut world = World::new(RULES);
    world.seconds(3, &[("a", 9.0), ("b", 1.0)]).await;
    assert_eq!(world.phases(), [Phase::Pending]);
    world.second(&[("a", 9.0), ("b", 1.0)]).await;
    assert_eq!(world.phases(), [Phase::Firing]);
    let alert = &world.inbox.all()[0].alerts[0];
    assert_eq!(alert.annotations.get("summary"), Some("a is 9 deep"));
    assert_eq!(alert.annotations.get("perf_monitor_clear"), None);
    world.seconds(5, &[("a", 4.0), ("b", 1.0)]).await;
    assert_eq!(world.phases(), [Phase::Firing], "it is not below the second threshold");
    world.second(&[("a", 2.0), ("b", 1.0)]).await;
    assert_eq!(world.inbox.titles(), ["[FIRING:1] Deep", "[RESOLVED] Deep"]);
}

#[tokio::test]
async fn a_metric_that_disappears_keeps_its_alert_and_shows_it_until_it_comes_back() {
    let mut world = World::new(RULES);
    world.seconds(4, &[("a", 9.0), ("b", 1.0)]).await;
    world.seconds(30, &[("b", 1.0)]).await;
    assert_eq!(world.phases(), [Phase::Firing]);
    let view = &world.bench.manager.alert_views()[0];
    assert!(view.no_data && view.state == "firing");
    assert_eq!(world.bench.manager.rule_views()[0].health, Health::NoData);
    world.seconds(3, &[("a", 9.0), ("b", 1.0)]).await;
    assert!(!world.bench.manager.alert_views()[0].no_data);
    assert_eq!(world.inbox.titles(), ["[FIRING:1] Deep"], "nobody heard of it");
    world.second(&[("a", 1.0), ("b", 1.0)]).await;
    assert_eq!(world.inbox.titles(), ["[RESOLVED] Deep"]);
}

#[tokio::test]
async fn a_rule_may_say_that_missing_data_is_the_end() {
    let rules = RULES.replace("perf_monitor_clear: depth < 3", "perf_monitor_no_data: 5s");
    let mut world = World::new(&rules);
    world.seconds(4, &[("a", 9.0)]).await;
    world.seconds(20, &[("b", 1.0)]).await;
    let last = world.inbox.all().pop().unwrap();
    assert_eq!(last.alerts[0].reason, Some(Reason::NoData));
}

#[tokio::test]
async fn a_stall_does_not_count_towards_for() {
    let mut world = World::new(&RULES.replace("for: 3s", "for: 5m"));
    world.seconds(2, &[("a", 9.0)]).await;
    // The machine was suspended for an hour: a minute of that is as good as watched.
    world.bench.hand.advance(Duration::from_secs(3_600));
    world.second += 3_600;
    world.seconds(2, &[("a", 9.0)]).await;
    assert_eq!(world.phases(), [Phase::Pending]);
    world.seconds(240, &[("a", 9.0)]).await;
    assert_eq!(world.phases(), [Phase::Firing]);
}

#[tokio::test]
async fn a_file_that_changes_is_read_again_and_a_bad_one_changes_nothing() {
    let mut world = World::new(RULES);
    world.seconds(4, &[("a", 9.0)]).await;
    assert_eq!(world.inbox.titles(), ["[FIRING:1] Deep"]);

    std::fs::write(world.file(), RULES.replace("depth > 5", "depth >")).unwrap();
    world.second(&[("a", 9.0)]).await;
    let status = &world.bench.manager.files()[0];
    assert!(status.errors[0].contains("rules.yml:6: "), "{status:?}");
    assert_eq!((status.rules, world.phases()), (1, vec![Phase::Firing]));

    // Another threshold is the same rule: what fires goes on, and nobody hears of it again.
    std::fs::write(world.file(), RULES.replace("depth > 5", "depth > 8")).unwrap();
    world.second(&[("a", 9.0)]).await;
    assert_eq!(world.bench.manager.rule_views()[0].expr.as_deref(), Some("depth > 8"));
    assert!(world.bench.manager.files()[0].errors.is_empty());
    assert_eq!((world.phases(), world.inbox.titles().len()), (vec![Phase::Firing], 0));

    std::fs::write(world.file(), "groups: []\n").unwrap();
    world.second(&[("a", 9.0)]).await;
    let last = world.inbox.all().pop().unwrap();
    assert_eq!(last.alerts[0].reason, Some(Reason::RuleRemoved));
    assert!(world.bench.manager.rule_views().is_empty());

    std::fs::remove_file(world.file()).unwrap();
    world.second(&[("a", 9.0)]).await;
    assert_eq!(world.bench.manager.files()[0].errors.len(), 1);
}

#[tokio::test]
async fn what_cannot_be_evaluated_is_shown_and_resolves_nothing() {
    let rules = RULES.replace("depth > 5", "depth * on (x) depth > 5");
    let mut world = World::new(&rules);
    world.seconds(2, &[("a", 9.0), ("b", 9.0)]).await;
    let rule = &world.bench.manager.rule_views()[0];
    assert_eq!(rule.health, Health::Failing);
    assert!(rule.trouble.is_some(), "{rule:?}");
}

#[tokio::test]
async fn more_alerts_than_a_rule_may_have_are_refused_and_counted() {
    let place = Place::new();
    let path = place.join("rules.yml");
    std::fs::write(&path, RULES).unwrap();
    let history = Arc::new(MemoryHistory::new(Options::default()).unwrap());
    let limits = perf_monitor_alerting::Limits { alerts_per_rule: 3, ..Default::default() };
    let builder = AlertManager::builder().rule_file(&path).history(history.clone()).limits(limits);
    let bench = Bench::new(builder);
    let labels: Vec<_> = (0..10)
        .map(|n| Labels::new([("__name__", "depth".to_owned()), ("queue", n.to_string())]))
        .collect();
    history.record_values(EPOCH_MS + 1_000, labels.iter().map(|labels| (labels, 9.0)));
    bench.tick(&Metrics::default()).await;
    assert_eq!((bench.manager.stats().pending, bench.manager.stats().refused_alerts), (3, 7));
}

#[tokio::test]
async fn the_shipped_rules_can_be_switched_on() {
    let history = Arc::new(MemoryHistory::new(Options::default()).unwrap());
    let builder = || AlertManager::builder().history(history.clone());
    assert_eq!(Bench::new(builder()).manager.rule_views().len(), 0);
    let bench = Bench::new(builder().default_rules(true));
    let cpu = Labels::new([("__name__", "host_cpu_usage_ratio")]);
    for second in 1..=61 {
        history.record_values(EPOCH_MS + second * 1_000, [(&cpu, 0.95)]);
        bench.tick(&Metrics::default()).await;
    }
    assert_eq!(bench.manager.files()[0].rules, 6);
    assert_eq!(bench.manager.active_alerts()[0].message, "CPU usage is 95%");
    assert_eq!(bench.manager.take_captures().len(), 1, "it asks for a profile");
}

#[tokio::test]
async fn an_alert_shows_what_became_of_the_profile_that_it_asked_for() {
    let mut world = World::new(
        "groups: [{name: g, rules: [{alert: Deep, expr: depth > 5, annotations: \
         {perf_monitor_capture: cpu, perf_monitor_flapping: 'off'}}]}]",
    );
    let stands = |world: &World| {
        let alert = world.bench.manager.alert_views().remove(0);
        (alert.profile, alert.profile_trouble)
    };
    world.second(&[("a", 9.0)]).await;
    assert_eq!(stands(&world), (Some("asked"), None));
    let captures = world.bench.manager.take_captures();
    assert_eq!(captures.len(), 1);
    assert_eq!(world.bench.manager.take_captures(), []);
    world.bench.manager.captured(&captures[0], Err("another runs".into()));
    assert_eq!(stands(&world), (Some("failed"), Some("another runs".into())));
    // What could not be taken is asked for again.
    world.second(&[("a", 1.0)]).await;
    world.second(&[("a", 9.0)]).await;
    let captures = world.bench.manager.take_captures();
    world.bench.manager.captured(&captures[0], Ok(()));
    assert_eq!(stands(&world), (Some("taken"), None));
    world.second(&[("a", 1.0)]).await;
    world.second(&[("a", 9.0)]).await;
    assert_eq!(world.bench.manager.take_captures(), [], "one for a rule and an hour");
}
