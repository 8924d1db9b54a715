//! A service that goes and comes, a tab that nobody sees, a token.

use crate::process::{Running, poll};
use crate::support::{Viewer, demo};

/// The number of the last frame that came.
const SEEN: &str = "perfMonitor.seen.number";

#[test]
fn a_service_that_was_restarted_is_found_again() {
    let service = demo(&[]);
    let address = service.address();
    let Some(mut viewer) = Viewer::open(address, "overview") else { return };
    viewer.wait("numbers", &format!("{SEEN} > 0"));
    viewer.is_content();
    service.signal("-KILL");
    service.end();
    let state = |name: &str| format!("document.getElementById('state').dataset.state === '{name}'");
    viewer.wait("a lost connection", &state("lost"));
    viewer.picture("lost");

    let address = address.to_string();
    let _again = Running::start(&["--listen", &address, "--tick", "200ms", "--demo"]);
    viewer.wait("a connection", &state("live"));
    let before = viewer.page.eval("perfMonitor.painted.count").unwrap();
    viewer.wait("new numbers", &format!("perfMonitor.painted.count > {before} + 5"));
    let said = viewer.page.complaints();
    let of_the_gap = |text: &String| text.contains("ERR_CONNECTION") || text.contains("WebSocket");
    assert!(said.iter().all(of_the_gap), "{said:#?}");
}

#[test]
fn a_tab_that_nobody_sees_asks_for_nothing_and_catches_up() {
    let service = demo(&[]);
    let Some(mut viewer) = Viewer::open(service.address(), "overview") else { return };
    viewer.page.bring_to_front().unwrap();
    viewer.wait("numbers", &format!("{SEEN} > 0"));
    let mut other = viewer.browser.page().unwrap();
    other.bring_to_front().unwrap();
    viewer.wait("a hidden tab", "document.hidden");
    let ticks = || service.metric("perf_monitor_tick_seconds_count").unwrap();
    // timers of a hidden tab run once a second, so it may take one to say so
    poll("a tab that asks for nothing", || {
        let (begun, seen) = (ticks(), viewer.page.eval(SEEN).unwrap());
        poll("ten ticks", || (ticks() > begun + 10.0).then_some(()));
        (viewer.page.eval(SEEN).unwrap() == seen).then_some(())
    });

    let hidden_at = viewer.page.eval("Date.now()").unwrap();
    viewer.page.bring_to_front().unwrap();
    viewer.wait("numbers again", &format!("perfMonitor.painted.at > {hidden_at}"));
    // the seconds that nobody saw, from the service's past
    let track = "card('Requests').querySelector('canvas').chart.options.series[0].track";
    let second = format!("Math.floor({hidden_at} / 1000) - 1");
    viewer.wait("the past", &format!("{track}.get({second}) > 0"));
    viewer.is_content();
}

#[test]
fn charts_that_were_not_in_the_view_for_a_while_have_no_gap() {
    let service = demo(&[]);
    let Some(mut viewer) = Viewer::open(service.address(), "overview") else { return };
    viewer.wait("numbers", &format!("{SEEN} > 0"));
    viewer.go("metrics"); // which streams nothing while nothing is pinned
    let left_at = viewer.page.eval("Date.now()").unwrap();
    let ticks = || service.metric("perf_monitor_tick_seconds_count").unwrap();
    let begun = ticks();
    poll("twenty ticks", || (ticks() > begun + 20.0).then_some(()));
    let back_at = viewer.page.eval("Date.now()").unwrap();
    viewer.go("overview");

    let whole = format!(
        "(() => {{
            const track = card('Memory').querySelector('canvas').chart.options.series[0].track;
            const seconds = [];
            for (let s = Math.ceil({left_at} / 1000); s < Math.floor({back_at} / 1000); s += 1) seconds.push(track.get(s));
            return seconds.length > 2 && seconds.every((bytes) => bytes > 0) || console.debug(seconds);
        }})()"
    );
    viewer.wait("each second between", &whole);
    viewer.is_content();
}

#[test]
fn a_page_with_a_token_is_seen_after_it_was_shown() {
    let token = "a-token-of-some-length";
    let service = demo(&["--token", token]);
    let Some(viewer) = Viewer::start() else { return };
    let mut page = viewer.page;
    page.open(&format!("http://{}/login", service.address())).unwrap();
    page.wait("a question for the token", "document.querySelector('input[type=password]')")
        .unwrap();
    page.fill("input[type=password]", token).unwrap();
    page.key("Enter").unwrap();
    page.wait("live numbers", "document.documentElement.dataset.frame === 'first'").unwrap();
    assert_eq!(page.eval("document.cookie").unwrap(), "");
    assert_eq!(page.eval("location.href.includes('token')").unwrap(), false);
}
