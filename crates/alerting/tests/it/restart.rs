//! What a restart finds, whatever became of the file.

use std::time::Duration;

use perf_monitor_alerting::{
    AlertManager, AlertRule, AlertSeverity, Fate, Notification, Phase, notify_fn,
};
use perf_monitor_core::Clock;

use crate::support::{Bench, Inbox, Place, errors};

fn rule() -> AlertRule {
    AlertRule::new("errors", AlertSeverity::Critical, |m| m.error_rate > 0.5)
        .cooldown(Duration::ZERO)
        .flapping(None)
}

/// Every byte in the long tier, each seventh otherwise: each is a start of its own, with its syncs.
fn stride() -> usize {
    if std::env::var("PERF_MONITOR_SOAK").is_ok_and(|v| v == "1") { 1 } else { 7 }
}

#[tokio::test]
async fn an_outbox_cut_anywhere_loses_no_alert() {
    let place = Place::new();
    let path = place.join("outbox");
    let inbox = Inbox::default();
    let builder = || AlertManager::builder().rule(rule()).outbox(&path).notify(inbox.route("a"));
    let bench = Bench::new(builder());
    for rate in [0.9, 0.0, 0.9] {
        bench.tick(&errors(rate)).await;
    }
    bench.manager.acknowledge(&bench.fingerprint(), "me", "on it").await.unwrap();
    let whole = std::fs::read(&path).unwrap();
    let mut bench = bench.restart(|| AlertManager::builder().rule(rule())).await;
    inbox.titles();
    for cut in (0..=whole.len()).step_by(stride()) {
        // The one before has let go of the file once another can be opened at its place.
        let other = place.join(format!("outbox-{cut}"));
        std::fs::write(&other, &whole[..cut]).unwrap();
        let builder =
            || AlertManager::builder().rule(rule()).outbox(&other).notify(inbox.route("a"));
        bench = Bench::new(builder());
        let knew = bench.manager.active_alerts().len() == 1;
        bench.tick(&errors(0.9)).await;
        assert_eq!(bench.manager.active_alerts()[0].phase, Phase::Firing, "cut at {cut}");
        bench.tick(&errors(0.0)).await;
        let titles = inbox.titles();
        assert_eq!(titles.last().unwrap(), "[RESOLVED] errors", "cut at {cut}: {titles:?}");
        let fired = titles.iter().any(|title| title == "[FIRING:1] errors");
        assert!(fired || knew, "cut at {cut}: {titles:?}");
    }
    drop(bench);
}

#[tokio::test]
async fn a_damaged_file_is_repaired_and_reported() {
    let place = Place::new();
    let path = place.join("outbox");
    let builder = || AlertManager::builder().rule(rule()).outbox(&path);
    let bench = Bench::new(builder());
    bench.tick(&errors(0.9)).await;
    drop(bench.restart(AlertManager::builder).await);
    let mut bytes = std::fs::read(&path).unwrap();
    bytes.extend_from_slice(b"\x40\0\0\0 and then the power went");
    std::fs::write(&path, bytes).unwrap();
    let bench = Bench::new(builder());
    assert_eq!(bench.manager.stats().damaged_bytes, 28);
    assert!(bench.manager.repair().unwrap().to_string().contains("outbox.damaged"));
    assert_eq!(bench.manager.active_alerts()[0].phase, Phase::Firing);
}

#[tokio::test]
async fn a_cooldown_goes_on_over_a_restart() {
    let place = Place::new();
    let inbox = Inbox::default();
    let rule = || rule().cooldown(Duration::from_secs(3_600));
    let builder = || {
        AlertManager::builder().rule(rule()).outbox(place.join("outbox")).notify(inbox.route("a"))
    };
    let bench = Bench::new(builder());
    bench.tick(&errors(0.9)).await;
    let bench = bench.restart(builder).await;
    for rate in [0.0, 0.9, 0.9] {
        bench.tick(&errors(rate)).await;
    }
    assert_eq!(inbox.titles(), ["[FIRING:1] errors", "[RESOLVED] errors"]);
    assert_eq!(bench.manager.stats().pending, 1);
}

#[tokio::test]
async fn what_was_pending_for_minutes_goes_on_where_it_was_last_written_down() {
    let place = Place::new();
    let rule = || rule().hold(Duration::from_secs(300));
    let builder = || AlertManager::builder().rule(rule()).outbox(place.join("outbox"));
    let bench = Bench::new(builder());
    for _ in 0..200 {
        bench.tick(&errors(0.9)).await;
    }
    let bench = bench.restart(builder).await;
    let mut seconds = 0;
    while bench.manager.stats().firing == 0 {
        bench.tick(&errors(0.9)).await;
        seconds += 1;
    }
    assert!((100..200).contains(&seconds), "it fired after {seconds} more seconds");
}

#[tokio::test]
async fn silences_history_and_numbers_are_back_and_a_receiver_that_is_gone_is_said() {
    let place = Place::new();
    let inbox = Inbox::default();
    let builder = || AlertManager::builder().rule(rule()).outbox(place.join("outbox"));
    let with = || builder().notify(inbox.route("a"));
    let bench = Bench::new(with());
    bench.tick(&errors(0.9)).await;
    let silence = perf_monitor_alerting::Silence {
        id: String::new(),
        matchers: vec!["route=\"/cart\"".parse().unwrap()],
        starts_unix_ms: 0,
        ends_unix_ms: 1_000_000_900_000,
        created_by: "me".into(),
        comment: "why".into(),
    };
    bench.manager.silence(silence.clone()).await.unwrap();
    let first = bench.manager.history(10);

    let bench = bench.restart(with).await;
    assert_eq!(bench.manager.silences().len(), 1);
    assert_eq!(bench.manager.silence(silence).await.unwrap(), "2");
    assert_eq!(format!("{:?}", bench.manager.history(10)), format!("{first:?}"));
    bench.tick(&errors(0.0)).await;
    let ids: Vec<String> = inbox.all().iter().map(|n| n.id.clone()).collect();
    assert_ne!(ids[0], ids[1]);

    // It waits for a receiver that the next start does not know.
    let stuck = || notify_fn("b", async |_: Notification| std::future::pending().await);
    let bench = bench.restart(|| builder().notify(stuck())).await;
    bench.manager.check_alerts(&errors(0.9)).await;
    let bench = bench.restart(builder).await;
    assert_eq!(bench.manager.history(1)[0].fate, Fate::NoReceiver);
}

#[test]
fn a_thread_without_a_runtime_can_look_too() {
    let (clock, hand) = Clock::fake();
    let inbox = Inbox::default();
    let manager =
        AlertManager::builder().clock(clock).rule(rule()).notify(inbox.route("a")).build().unwrap();
    hand.advance(Duration::from_secs(1));
    manager.check_alerts_blocking(&errors(0.9));
    assert_eq!((manager.stats().firing, manager.stats().waiting), (1, 1));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(manager.deliver(async {}));
    assert_eq!(inbox.titles(), ["[FIRING:1] errors"]);
}
