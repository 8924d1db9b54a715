//! The seed's way: closures over figures.

use std::time::Duration;

use perf_monitor_alerting::{
    AlertManager, AlertRule, AlertSeverity, Flapping, Health, Phase, Reason, Route, Silence, Why,
};

use crate::support::{Bench, Inbox, Place, errors};

fn rule() -> AlertRule {
    AlertRule::new("errors", AlertSeverity::Critical, |m| m.error_rate > 0.5)
        .cooldown(Duration::ZERO)
}

#[tokio::test]
async fn an_active_alert_notifies_once_and_a_cleared_one_resolves() {
    let inbox = Inbox::default();
    let bench = Bench::new(AlertManager::builder().rule(rule()).notify(inbox.route("a")));
    for rate in [0.0, 0.9, 0.9, 0.9, 0.0, 0.0] {
        bench.tick(&errors(rate)).await;
    }
    assert_eq!(inbox.titles(), ["[FIRING:1] errors", "[RESOLVED] errors"]);
    assert!(bench.manager.active_alerts().is_empty());
    let stats = bench.manager.stats();
    assert_eq!((stats.fired, stats.resolved, stats.delivered, stats.looks), (1, 1, 2, 6));
}

#[tokio::test]
async fn an_alert_has_the_figures_of_the_tick_in_which_it_fired() {
    let bench = Bench::new(AlertManager::builder().rule(rule().message("too many errors")));
    bench.tick(&errors(0.75)).await;
    bench.tick(&errors(0.95)).await;
    let alert = bench.manager.active_alerts().remove(0);
    let plain = Bench::new(AlertManager::builder().rule(self::rule()));
    plain.tick(&errors(0.75)).await;
    assert_eq!(plain.manager.active_alerts()[0].message, "Alert: errors triggered");
    assert_eq!((alert.name.as_str(), alert.message.as_str()), ("errors", "too many errors"));
    assert_eq!((alert.severity, alert.phase), (AlertSeverity::Critical, Phase::Firing));
    assert_eq!(alert.metrics.error_rate, 0.75);
    assert_eq!(alert.labels.get("severity"), Some("critical"));
}

#[tokio::test]
async fn a_closure_that_panics_is_disabled_for_all_to_see_and_the_others_go_on() {
    let inbox = Inbox::default();
    let broken = AlertRule::new("broken", AlertSeverity::Info, |_| panic!("no such shard"));
    let bench =
        Bench::new(AlertManager::builder().rule(broken).rule(rule()).notify(inbox.route("a")));
    bench.tick(&errors(0.9)).await;
    bench.tick(&errors(0.9)).await;
    assert_eq!(inbox.titles(), ["[FIRING:1] errors"]);
    let stats = bench.manager.stats();
    assert_eq!((stats.rules_failing, stats.looks), (1, 3), "it is looked at once");
}

#[tokio::test]
async fn a_second_threshold_keeps_it_firing_between_the_two() {
    let inbox = Inbox::default();
    let rule = rule().clear_when(|m| m.error_rate < 0.2);
    let bench = Bench::new(AlertManager::builder().rule(rule).notify(inbox.route("a")));
    for rate in [0.9, 0.3, 0.9, 0.3, 0.3] {
        bench.tick(&errors(rate)).await;
    }
    assert_eq!(inbox.titles(), ["[FIRING:1] errors"]);
    bench.tick(&errors(0.1)).await;
    assert_eq!(inbox.titles(), ["[RESOLVED] errors"]);
}

#[tokio::test]
async fn a_rule_rests_between_two_firings() {
    let inbox = Inbox::default();
    let rule = rule().cooldown(Duration::from_secs(10));
    let bench = Bench::new(AlertManager::builder().rule(rule).notify(inbox.route("a")));
    for rate in [0.9, 0.0, 0.9, 0.9] {
        bench.tick(&errors(rate)).await;
    }
    assert_eq!(inbox.titles().len(), 2, "fired and resolved");
    assert_eq!(bench.manager.stats().pending, 1, "it holds, and rests");
    for _ in 0..8 {
        bench.tick(&errors(0.9)).await;
    }
    assert_eq!(inbox.titles(), ["[FIRING:1] errors"]);
}

#[tokio::test]
async fn what_flaps_resolves_only_after_calm() {
    let inbox = Inbox::default();
    let flapping =
        Flapping { fires: 3, within: Duration::from_secs(60), calm: Duration::from_secs(5) };
    let rule = rule().flapping(Some(flapping));
    let bench = Bench::new(AlertManager::builder().rule(rule).notify(inbox.route("a")));
    for round in 0..10 {
        bench.tick(&errors(if round % 2 == 0 { 0.9 } else { 0.0 })).await;
    }
    assert_eq!(inbox.all().len(), 5, "three firings, two resolves, then silence");
    assert!(inbox.all()[4].alerts[0].flapping);
    for _ in 0..6 {
        bench.tick(&errors(0.0)).await;
    }
    assert_eq!(inbox.titles().last().unwrap(), "[RESOLVED] errors");
}

#[tokio::test]
async fn a_silence_mutes_and_what_still_fires_after_it_is_told() {
    let inbox = Inbox::default();
    let bench = Bench::new(AlertManager::builder().rule(rule()).notify(inbox.route("a")));
    bench.tick(&errors(0.0)).await;
    let silence = |seconds: i64| Silence {
        id: String::new(),
        matchers: vec!["alertname=\"errors\"".parse().unwrap()],
        starts_unix_ms: 0,
        ends_unix_ms: 1_000_000_000_000 + seconds * 1_000,
        created_by: "me".into(),
        comment: "a deployment".into(),
    };
    let id = bench.manager.silence(silence(10)).await.unwrap();
    for _ in 0..5 {
        bench.tick(&errors(0.9)).await;
    }
    assert_eq!(inbox.titles(), [""; 0]);
    bench.manager.unsilence(&id).await.unwrap();
    bench.tick(&errors(0.9)).await;
    assert_eq!(inbox.titles(), ["[FIRING:1] errors"]);
    // Somebody was told that it fires: the end is told as well.
    bench.manager.silence(silence(60)).await.unwrap();
    bench.tick(&errors(0.0)).await;
    assert_eq!(inbox.titles(), ["[RESOLVED] errors"]);
    assert!(bench.manager.unsilence("7").await.unwrap_err().is_not_found());
    let mut wrong = silence(60);
    wrong.matchers = vec!["zone!=\"x\"".parse().unwrap()];
    assert!(bench.manager.silence(wrong).await.unwrap_err().is_options());
}

#[tokio::test]
async fn an_acknowledged_alert_is_not_repeated_until_it_has_resolved() {
    let inbox = Inbox::default();
    let route = inbox.route("a").repeat(Duration::from_secs(3));
    let bench = Bench::new(AlertManager::builder().rule(rule()).notify(route));
    for _ in 0..7 {
        bench.tick(&errors(0.9)).await;
    }
    assert_eq!(inbox.titles().len(), 3, "first, and two repeats");
    bench.manager.acknowledge(&bench.fingerprint(), "me", "on it").await.unwrap();
    for _ in 0..7 {
        bench.tick(&errors(0.9)).await;
    }
    assert_eq!(inbox.titles(), [""; 0]);
    bench.tick(&errors(0.0)).await;
    bench.tick(&errors(0.9)).await;
    assert_eq!(inbox.titles(), ["[RESOLVED] errors", "[FIRING:1] errors"]);
    for _ in 0..3 {
        bench.tick(&errors(0.9)).await;
    }
    assert_eq!(inbox.titles().len(), 1, "the acknowledgement has ended with the alert");
    assert!(bench.manager.acknowledge("0", "me", "").await.unwrap_err().is_not_found());
}

#[tokio::test]
async fn a_worse_alert_mutes_the_warning_of_the_same_thing() {
    let inbox = Inbox::default();
    let rule = |name: &str, severity, least: f64| {
        AlertRule::new(name, severity, move |m| m.error_rate > least)
            .cooldown(Duration::ZERO)
            .label("alert", "errors")
    };
    let builder = AlertManager::builder()
        .rule(rule("errors-high", AlertSeverity::Critical, 0.5))
        .rule(rule("errors-some", AlertSeverity::Warning, 0.1))
        .inhibit([perf_monitor_alerting::Inhibition::by(&["alert"])])
        .notify(inbox.route("a"));
    let bench = Bench::new(builder);
    bench.tick(&errors(0.9)).await;
    assert_eq!(inbox.titles(), ["[FIRING:1] errors-high"]);
    bench.tick(&errors(0.3)).await;
    let mut titles = inbox.titles();
    titles.sort();
    assert_eq!(titles, ["[FIRING:1] errors-some", "[RESOLVED] errors-high"]);
}

#[tokio::test]
async fn alerts_are_grouped_as_the_route_says() {
    let (by_name, together, alone) = (Inbox::default(), Inbox::default(), Inbox::default());
    let rule = |name: &str| {
        AlertRule::new(name, AlertSeverity::Warning, |m| m.error_rate > 0.5).label("team", "core")
    };
    let builder = AlertManager::builder()
        .rule(rule("one"))
        .rule(rule("two"))
        .notify(by_name.route("by name"))
        .notify(together.route("together").group_by(&["team"]).group_wait(Duration::from_secs(2)))
        .notify(alone.route("alone").ungrouped().at_least(AlertSeverity::Critical));
    let bench = Bench::new(builder);
    bench.tick(&errors(0.9)).await;
    assert_eq!(by_name.titles().len(), 2);
    assert_eq!(together.all().len(), 0, "it waits for more");
    bench.tick(&errors(0.9)).await;
    bench.tick(&errors(0.9)).await;
    assert_eq!(together.titles(), ["[FIRING:2] one (core)"]);
    assert_eq!(alone.all().len(), 0, "a warning is not for it");
}

#[tokio::test]
async fn what_fires_goes_on_firing_over_a_restart_and_its_resolve_is_sent() {
    let place = Place::new();
    let inbox = Inbox::default();
    let builder = || {
        AlertManager::builder().rule(rule()).outbox(place.join("outbox")).notify(inbox.route("a"))
    };
    let bench = Bench::new(builder());
    bench.tick(&errors(0.9)).await;
    bench.manager.acknowledge(&bench.fingerprint(), "me", "").await.unwrap();
    assert_eq!(inbox.titles(), ["[FIRING:1] errors"]);

    let bench = bench.restart(builder).await;
    assert_eq!(bench.manager.active_alerts()[0].phase, Phase::Firing);
    bench.tick(&errors(0.9)).await;
    assert_eq!(inbox.titles(), [""; 0], "nobody is told twice");

    let bench = bench.restart(builder).await;
    bench.tick(&errors(0.0)).await;
    assert_eq!(inbox.titles(), ["[RESOLVED] errors"]);

    let bench = bench.restart(builder).await;
    bench.tick(&errors(0.0)).await;
    assert_eq!(inbox.titles(), [""; 0]);
}

#[tokio::test]
async fn an_alert_of_a_rule_that_is_gone_resolves_and_says_so() {
    let place = Place::new();
    let inbox = Inbox::default();
    let builder = || AlertManager::builder().outbox(place.join("outbox")).notify(inbox.route("a"));
    let bench = Bench::new(builder().rule(rule()));
    bench.tick(&errors(0.9)).await;
    let bench = bench.restart(builder).await;
    bench.tick(&errors(0.9)).await;
    let last = inbox.all().pop().unwrap();
    assert_eq!((last.why, last.alerts[0].reason), (Why::AllResolved, Some(Reason::RuleRemoved)));
}

#[tokio::test]
async fn a_dead_man_s_switch_beats_while_all_is_well() {
    let inbox = Inbox::default();
    let route: Route = inbox.route("switch").heartbeat(Duration::from_secs(10));
    let bench = Bench::new(AlertManager::builder().rule(rule()).notify(route));
    for _ in 0..25 {
        bench.tick(&errors(0.9)).await;
    }
    let beats = inbox.all();
    assert_eq!(beats.len(), 3);
    assert!(beats.iter().all(|b| b.why == Why::Heartbeat && b.alerts[0].name() == "Watchdog"));
}

#[tokio::test]
async fn a_closure_that_does_not_come_back_fails_and_the_rest_goes_on() {
    let (release, hangs) = std::sync::mpsc::channel::<()>();
    let hangs = std::sync::Mutex::new(Some(hangs));
    let rule = AlertRule::new("hangs", AlertSeverity::Info, move |_| {
        if let Some(hangs) = hangs.lock().unwrap().take() {
            let _ = hangs.recv();
        }
        true
    });
    let bench = Bench::new(AlertManager::builder().rule(rule));
    bench.tick(&errors(0.0)).await;
    assert_eq!(bench.manager.rule_views()[0].health, Health::Failing);
    bench.tick(&errors(0.0)).await;
    assert_eq!(bench.manager.stats().firing, 0, "it is left out");
    drop(release);
    while bench.manager.stats().firing == 0 {
        bench.tick(&errors(0.0)).await;
    }
    assert_eq!(bench.manager.rule_views()[0].health, Health::Ok);
}
