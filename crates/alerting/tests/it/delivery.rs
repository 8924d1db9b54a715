//! Receivers that fail, and the others.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use perf_monitor_alerting::{
    AlertManager, AlertRule, AlertSeverity, Attempt, Fate, Limits, Metrics, Notification, Route,
    Secret, Webhook, notify_fn,
};
use tokio::time::{Instant, sleep};

use crate::support::{Bench, Inbox, Place, errors};

fn rule() -> AlertRule {
    AlertRule::new("errors", AlertSeverity::Critical, |m| m.error_rate > 0.5)
        .cooldown(Duration::ZERO)
        .flapping(None)
}

/// A receiver that takes nothing until a moment.
fn dead_until(inbox: &Inbox, moment: Instant, attempts: &Arc<Mutex<u32>>) -> Route {
    let (inbox, attempts) = (inbox.clone(), attempts.clone());
    Route::to(notify_fn("dead", move |notification: Notification| {
        *attempts.lock().unwrap() += 1;
        let inbox = inbox.clone();
        async move {
            if Instant::now() < moment {
                return Attempt::Later("no answer".into(), None);
            }
            inbox.push(notification);
            Attempt::Delivered("taken".into())
        }
    }))
}

#[tokio::test(start_paused = true)]
async fn a_receiver_that_is_dead_for_an_hour_delays_no_other_and_gets_all_in_order() {
    let (live, dead) = (Inbox::default(), Inbox::default());
    let attempts = Arc::default();
    let hour = Instant::now() + Duration::from_secs(3_600);
    let builder = AlertManager::builder()
        .rule(rule())
        .notify(dead_until(&dead, hour, &attempts))
        .notify(live.route("live"));
    let bench = Bench::new(builder);
    for minute in 0..70 {
        for second in 0..60 {
            bench.hand.advance(Duration::from_secs(1));
            let metrics = errors(if second < 30 && minute < 10 { 0.9 } else { 0.0 });
            let begun = Instant::now();
            bench.manager.check_alerts(&metrics).await;
            assert_eq!(begun.elapsed(), Duration::ZERO, "a tick waits for nobody");
            sleep(Duration::from_secs(1)).await;
            let expected = (minute.min(10) * 2) + if minute < 10 { 1 + second / 30 } else { 0 };
            assert_eq!(live.all().len(), expected, "told within the tick");
        }
    }
    let ids = |inbox: &Inbox| inbox.all().iter().map(|n| n.title()).collect::<Vec<_>>();
    assert_eq!(dead.all().len(), 20);
    assert_eq!(ids(&dead), ids(&live), "in the same order");
    let attempts = *attempts.lock().unwrap();
    assert!((20 + 12..20 + 60).contains(&attempts), "{attempts} attempts in an hour");
    let view = &bench.manager.receiver_views()[0];
    assert_eq!((view.delivered, view.given_up, view.trouble.as_deref()), (20, 0, None));
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_delivered_is_given_up_for_all_to_see() {
    let dead = Inbox::default();
    let never = Instant::now() + Duration::from_secs(1_000_000);
    let limits = Limits { age: Duration::from_secs(3_600), ..Limits::default() };
    let route = dead_until(&dead, never, &Arc::default());
    let bench = Bench::new(AlertManager::builder().rule(rule()).limits(limits).notify(route));
    bench.manager.check_alerts(&errors(0.9)).await;
    sleep(Duration::from_secs(1_800)).await;
    let view = &bench.manager.receiver_views()[0];
    assert_eq!((view.waiting, view.trouble.as_deref()), (1, Some("no answer")));
    bench.hand.advance(Duration::from_secs(3_600));
    sleep(Duration::from_secs(2_800)).await;
    let history = bench.manager.history(10);
    assert_eq!((history.len(), history[0].fate), (1, Fate::TooOld));
    assert_eq!(history[0].answer.as_deref(), Some("no answer"));
    assert!(history[0].attempts > 10);
    assert_eq!(bench.manager.stats().given_up, 1);
}

#[tokio::test(start_paused = true)]
async fn a_full_outbox_gives_up_the_oldest_of_whoever_has_most() {
    let (dead, live) = (Inbox::default(), Inbox::default());
    let never = Instant::now() + Duration::from_secs(1_000_000);
    let limits = Limits { waiting: 4, ..Limits::default() };
    let builder = AlertManager::builder().rule(rule()).limits(limits);
    let route = dead_until(&dead, never, &Arc::default());
    let bench = Bench::new(builder.notify(route).notify(live.route("live")));
    for tick in 0..10 {
        bench.manager.check_alerts(&errors(if tick % 2 == 0 { 0.9 } else { 0.0 })).await;
        sleep(Duration::from_millis(1)).await;
    }
    assert_eq!(live.all().len(), 10, "it loses nothing");
    let waiting = bench.manager.stats().waiting;
    let history = bench.manager.history(100);
    let lost = history.iter().filter(|entry| entry.fate == Fate::NoRoom).count();
    assert!(waiting <= 4 && waiting + lost == 10, "{waiting} wait, {lost} were given up");
    assert_eq!(bench.manager.stats().given_up, lost as u64);
}

#[tokio::test(start_paused = true)]
async fn notifiers_that_hang_or_panic_are_tried_again_and_a_no_is_a_no() {
    let count: Arc<Mutex<u32>> = Arc::default();
    let counted = count.clone();
    let moody = notify_fn("moody", move |_: Notification| {
        let mut count = counted.lock().unwrap();
        *count += 1;
        let n = *count;
        async move {
            match n {
                1 => panic!("a notifier that fails, for a test"),
                2 => std::future::pending().await,
                _ => Attempt::Never("go away".into()),
            }
        }
    });
    let bench = Bench::new(AlertManager::builder().rule(rule()).notify(moody));
    bench.manager.check_alerts(&errors(0.9)).await;
    sleep(Duration::from_secs(60)).await;
    let history = bench.manager.history(10);
    assert_eq!((history[0].fate, history[0].attempts), (Fate::Refused, 3));
    assert_eq!(history[0].answer.as_deref(), Some("go away"));
}

#[tokio::test(start_paused = true)]
async fn closing_makes_one_last_attempt_and_leaves_the_rest_for_the_next_start() {
    let place = Place::new();
    let (inbox, attempts) = (Inbox::default(), Arc::default());
    let moment = Instant::now() + Duration::from_secs(1_000_000);
    let builder = || AlertManager::builder().rule(rule()).outbox(place.join("outbox"));
    let bench = Bench::new(builder().notify(dead_until(&inbox, moment, &attempts)));
    let manager = bench.manager.clone();
    let (close, closed) = tokio::sync::oneshot::channel::<()>();
    let delivery = tokio::spawn(async move { manager.deliver(async { drop(closed.await) }).await });
    tokio::task::yield_now().await;
    bench.manager.check_alerts(&errors(0.9)).await;
    sleep(Duration::from_millis(1)).await;
    let before = *attempts.lock().unwrap();
    drop(close);
    delivery.await.unwrap();
    assert_eq!(*attempts.lock().unwrap(), before + 1);
    let first = bench.manager.receiver_views()[0].waiting;
    let bench = bench.restart(|| builder().notify(inbox.route("dead"))).await;
    bench.tick(&errors(0.9)).await;
    assert_eq!((first, inbox.titles()), (1, vec!["[FIRING:1] errors".to_owned()]));
}

/// How a scripted receiver treats one connection.
#[derive(Clone, Copy)]
enum Act {
    Answer(&'static str),
    Hang,
    CloseHalfWay,
}

/// Takes one connection for each act; what it was sent.
fn scripted(acts: Vec<Act>) -> (SocketAddr, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let got: Arc<Mutex<Vec<String>>> = Arc::default();
    let seen = got.clone();
    std::thread::spawn(move || {
        let mut hanging = Vec::new();
        for act in acts {
            let Ok((mut stream, _)) = listener.accept() else { return };
            seen.lock().unwrap().push(request(&mut stream));
            match act {
                Act::Answer(answer) => {
                    let _ = stream.write_all(answer.as_bytes());
                }
                Act::Hang => hanging.push(stream),
                Act::CloseHalfWay => {
                    let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhal");
                }
            }
        }
    });
    (address, got)
}

fn request(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    let mut chunk = [0; 4096];
    loop {
        let read = stream.read(&mut chunk).unwrap_or(0);
        bytes.extend_from_slice(&chunk[..read]);
        let text = String::from_utf8_lossy(&bytes);
        let whole = text.split_once("\r\n\r\n").is_some_and(|(head, body)| {
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
            length.and_then(|length| length.parse().ok()) == Some(body.len())
        });
        if whole || read == 0 {
            return text.into_owned();
        }
    }
}

#[tokio::test]
async fn a_moody_server_gets_the_same_id_until_it_takes_it() {
    const LATER: &str =
        "HTTP/1.1 429 Too Many Requests\r\nretry-after: 0\r\ncontent-length: 0\r\n\r\n";
    const BROKEN: &str = "HTTP/1.1 500 Internal Server Error\r\ncontent-length: 4\r\n\r\noops";
    const TAKEN: &str = "HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nthanks";
    let acts =
        [Act::Answer(LATER), Act::Answer(BROKEN), Act::Hang, Act::CloseHalfWay, Act::Answer(TAKEN)];
    let (address, got) = scripted(acts.to_vec());
    let webhook = Webhook::new(Secret::text(format!("http://{address}/hook/s3cret")))
        .bearer_token(Secret::text("t0ken"));
    let route = Route::to(webhook)
        .retry(Duration::from_millis(1), Duration::from_millis(5))
        .timeout(Duration::from_millis(300));
    let bench = Bench::new(AlertManager::builder().rule(rule()).notify(route));
    bench.tick(&errors(0.9)).await;
    let entry = &bench.manager.history(10)[0];
    assert_eq!((entry.fate, entry.attempts), (Fate::Delivered, 5));
    assert_eq!(entry.answer.as_deref(), Some("200 thanks"));
    let got = got.lock().unwrap();
    let key = format!("idempotency-key: {}", entry.id);
    assert!(got.iter().all(|text| text.contains(&key) && text.contains("Bearer t0ken")), "{got:?}");
    assert!(got.iter().all(|text| text == &got[0]), "the very same each time");
}

#[tokio::test]
async fn a_secret_that_is_in_an_address_is_in_no_trouble_that_is_shown() {
    let gone = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let webhook = Webhook::new(Secret::text(format!("http://{gone}/hook/s3cret?key=s3cret")));
    let route = Route::to(webhook).retry(Duration::from_millis(1), Duration::from_millis(1));
    let limits = Limits { age: Duration::ZERO, ..Limits::default() };
    let bench = Bench::new(AlertManager::builder().rule(rule()).limits(limits).notify(route));
    bench.tick(&errors(0.9)).await;
    let shown = format!(
        "{:?} {:?} {:?}",
        bench.manager.history(10),
        bench.manager.receiver_views(),
        bench.manager
    );
    assert!(shown.contains("cannot connect") && !shown.contains("s3cret"), "{shown}");
}

#[tokio::test]
async fn ten_thousand_rules_are_looked_at_and_one_more_is_refused() {
    let inbox = Inbox::default();
    let rule = |n: u64| {
        AlertRule::new(format!("rule-{n}"), AlertSeverity::Info, move |m| m.total_requests == n)
    };
    let builder = (0..10_000).fold(AlertManager::builder(), |b, n| b.rule(rule(n)));
    let bench = Bench::new(builder.notify(inbox.route("inbox")));
    assert!(bench.manager.add_rule(rule(10_000)).unwrap_err().is_limit());
    bench.tick(&Metrics { total_requests: 7_777, ..Metrics::default() }).await;
    assert_eq!(inbox.titles(), ["[FIRING:1] rule-7777"]);
    let stats = bench.manager.stats();
    assert_eq!((stats.looks, stats.refused_rules), (10_000, 1));
}
