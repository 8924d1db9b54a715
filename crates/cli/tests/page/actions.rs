//! What a person does on the page is done in the service.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::process::poll;
use crate::support::{Viewer, demo};

#[test]
fn a_profile_is_recorded_and_its_hot_function_found() {
    let service = demo(&[]);
    let Some(mut viewer) = Viewer::open(service.address(), "profiles") else { return };
    viewer.press(".record", "Record");
    viewer.wait("a recording", "document.querySelector('progress')");
    viewer.drawn(".flame canvas", 2_000);
    let functions =
        "[...document.querySelectorAll('.profile .weights button.name')].map((it) => it.title)";
    let functions = viewer.wait("functions", functions);
    let hot = functions.as_array().unwrap().iter().filter_map(Value::as_str);
    let hot: Vec<_> = hot.filter(|name| name.contains("perf_monitor")).collect();
    assert!(!hot.is_empty(), "{functions}");
    viewer.picture("flamegraph");

    let before = viewer.page.eval("document.querySelector('.flame .about').textContent").unwrap();
    viewer.page.fill(".profile input[type=search]", "demo").unwrap();
    viewer
        .wait("a share", "/[1-9].* % of all/.test(document.querySelector('.profile').textContent)");
    viewer.page.eval("document.querySelector('.flame canvas').focus()").unwrap();
    viewer.page.key("ArrowDown").unwrap();
    viewer.page.key("Enter").unwrap();
    let zoomed = format!("document.querySelector('.flame .about').textContent !== {before}");
    viewer.wait("a frame that was zoomed into", &zoomed);
    viewer.is_content();
}

#[test]
fn a_route_s_flame_graph_is_of_all_the_time_that_is_known() {
    let service = demo(&[]);
    let Some(mut viewer) = Viewer::open(service.address(), "overview") else { return };
    let samples = || service.metric("perf_monitor_profiler_samples_total");
    poll("samples", || samples().filter(|samples| *samples > 20.0));
    let of_search = "[...document.querySelectorAll('.routes tr')]
        .find((it) => it.textContent.includes('/search'))?.querySelector('.links a:last-child')";
    viewer.page.click_on("the flame graph of /search", of_search).unwrap();
    viewer.drawn(".flame canvas", 2_000);
    // a program that runs for seconds has no profile of what was three minutes ago, but one of what was since
    let title = "document.querySelector('.profile h2').textContent";
    viewer.wait("its title", &format!("{title}.includes('3 min · GET /search')"));
    let hot =
        "[...document.querySelectorAll('.profile .weights button.name')].map((it) => it.title)";
    viewer.wait("its function", &format!("{hot}.some((it) => it.includes('edit_distance'))"));
    viewer.is_content();
}

#[test]
fn memory_is_looked_at_too() {
    let service = demo(&[]);
    let Some(mut viewer) = Viewer::open(service.address(), "profiles") else { return };
    viewer.press(".record", "Memory in use");
    viewer.press(".record", "Record");
    viewer.wait("an answer", "document.querySelector('.stage').textContent.includes('Memory')");
    viewer.is_content();
}

#[test]
fn an_alert_is_acknowledged_and_silenced() {
    let service = demo(&["--break"]);
    let Some(mut viewer) = Viewer::open(service.address(), "alerts") else { return };
    viewer.wait("an alert that fires", "document.querySelector('.alert[data-state=firing]')");
    viewer.press(".alert[data-state=firing]", "Acknowledge");
    viewer.wait(
        "who knows",
        "document.querySelector('.alerts').textContent.includes('acknowledged by')",
    );
    viewer.picture("acknowledged");

    viewer.press(".alert[data-state=firing]", "Silence…");
    viewer.page.fill("dialog input[placeholder^=Why]", "it is a demo").unwrap();
    viewer.press("dialog", "Silence");
    viewer.wait(
        "a silence",
        "document.querySelectorAll('[aria-label=Silences] tbody tr').length === 1",
    );
    viewer.wait("a silenced alert", "document.querySelector('.alert[data-state=silenced]')");
    viewer.picture("silenced");
    let (_, silences) = service.get("/api/silences");
    assert!(silences.contains("it is a demo"), "{silences}");

    viewer.press("[aria-label=Silences]", "End");
    viewer.wait("no silence", "document.querySelector('[aria-label=Silences]') === null");
    viewer.is_content();
}

#[test]
fn a_silence_that_cannot_be_is_refused_and_says_why() {
    let service = demo(&[]);
    let Some(mut viewer) = Viewer::open(service.address(), "alerts") else { return };
    viewer.press("main", "New silence");
    viewer.page.fill("dialog textarea", "no matcher at all").unwrap();
    viewer.page.fill("dialog input[placeholder^=Why]", "a mistake").unwrap();
    viewer.press("dialog", "Silence");
    viewer.wait("why not", "document.querySelector('dialog [role=alert]').textContent.length > 10");
    let said = viewer.page.complaints();
    assert!(said.iter().all(|text| text.contains("400")), "{said:?}");
}

#[test]
fn two_ranges_are_compared() {
    let service = demo(&[]);
    let Some(mut viewer) = Viewer::open(service.address(), "overview?range=30&before=3") else {
        return;
    };
    let compared = "/→.*%/.test(card('Latency').querySelector('.legend').textContent)";
    viewer.wait("both means and the change", compared);
    viewer.picture("compared");
    viewer.page.key("c").unwrap();
    viewer.wait("no comparison", "perfMonitor.timeline.before === 0");
    viewer.page.key("c").unwrap();
    viewer.wait("one with the range before", "perfMonitor.timeline.before === 30000");
    viewer.is_content();
}

#[test]
fn a_range_that_is_dragged_over_is_shown_alone_and_stays_in_the_address() {
    let service = demo(&[]);
    let Some(mut viewer) = Viewer::open(service.address(), "overview?range=30") else { return };
    viewer.wait("a drawn chart", "coloured(card('Requests').querySelector('canvas')) > 100");
    viewer.page.drag("main section.card canvas", 0.6, 0.9).unwrap();
    viewer.wait(
        "a range that stays",
        "perfMonitor.timeline.until !== null && perfMonitor.timeline.span < 15000",
    );
    let address = viewer.page.eval("location.hash").unwrap();
    assert!(address.as_str().unwrap().contains("from="), "{address}");
    viewer.press("#toolbar", "Back to now");
    viewer.wait("the present", "perfMonitor.timeline.until === null");

    viewer.page.hover("main section.card canvas", 0.8, 0.5).unwrap();
    let cursors =
        "[...document.querySelectorAll('.card.chart .cursor')].filter((it) => !it.hidden).length";
    viewer.wait("a cursor on every chart", &format!("{cursors} > 3"));
    viewer.is_content();
}

#[test]
fn a_chart_is_exported_as_picture_table_and_json() {
    let service = demo(&[]);
    let Some(mut viewer) = Viewer::open(service.address(), "overview?range=30") else { return };
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("page-exports");
    let _ = fs::remove_dir_all(&folder);
    viewer.page.download_into(&folder).unwrap();
    viewer.wait("a drawn chart", "coloured(card('Latency').querySelector('canvas')) > 100");
    for item in ["Picture (PNG)", "Data (CSV)", "Data (JSON)"] {
        viewer.page.eval("card('Latency').querySelector('details.menu').open = true").unwrap();
        viewer.press("details.menu[open]", item);
    }
    let with = |ending: &str| poll(ending, || file_with(&folder, ending));
    assert!(with(".png").starts_with(b"\x89PNG"));
    let table = String::from_utf8(with(".csv")).unwrap();
    let mut lines = table.lines();
    assert_eq!(lines.next(), Some("time,unix_ms,p99.9,p99,p90,p50"));
    assert_eq!(lines.next().unwrap().split(',').count(), 6);
    let json: Value = serde_json::from_slice(&with(".json")).unwrap();
    assert_eq!(json["series"][1]["label"], "p99");
    assert!(json["series"][1]["points"][0][1].as_f64().unwrap() > 0.0);
    viewer.is_content();
}

fn file_with(folder: &Path, ending: &str) -> Option<Vec<u8>> {
    let paths: Vec<PathBuf> =
        fs::read_dir(folder).ok()?.flatten().map(|entry| entry.path()).collect();
    let path = paths.iter().find(|path| path.to_string_lossy().ends_with(ending))?;
    fs::read(path).ok().filter(|bytes| !bytes.is_empty())
}

#[test]
fn a_metric_is_found_and_pinned() {
    let service = demo(&[]);
    let Some(mut viewer) = Viewer::open(service.address(), "metrics?range=30") else { return };
    viewer.wait("all metrics", "document.querySelectorAll('.names li').length > 50");
    viewer.page.fill("main input[type=search]", "demo_requests_total checkout").unwrap();
    viewer.wait("the one with that name and a route", "(() => {
        const names = [...document.querySelectorAll('.names li .about code')].map((it) => it.textContent);
        return names.length === 1 && names[0] === 'demo_requests_total';
    })()");
    viewer.press(".names", "per second");
    viewer.wait("its chart", "coloured(card('demo_requests_total').querySelector('canvas')) > 50");
    viewer.picture("pinned");
    let address = viewer.page.eval("location.href").unwrap();
    viewer.page.open("about:blank").unwrap();
    viewer.page.open(address.as_str().unwrap()).unwrap();
    viewer.wait(
        "the same chart",
        "coloured(card('demo_requests_total').querySelector('canvas')) > 50",
    );

    viewer.page.fill("main input[type=search]", "no such metric").unwrap();
    viewer.wait("none", "document.querySelectorAll('.names li').length === 0");
    viewer.is_content();
}

#[test]
fn a_slow_trace_is_opened_down_to_an_attribute() {
    let service = demo(&[]);
    let Some(mut viewer) = Viewer::open(service.address(), "traces?state=recent") else { return };
    viewer.page.click("[data-trace]").unwrap();
    viewer.wait("its waterfall", "document.querySelectorAll('.waterfall li').length > 0");
    viewer.page.click(".waterfall li button").unwrap();
    let details = "document.querySelector('.waterfall .details:not([hidden])')?.textContent ?? ''";
    viewer.wait("its attributes", &format!("({details}).includes('Attributes')"));
    viewer.picture("waterfall");
    viewer.is_content();
}

#[test]
fn a_setting_is_changed_and_one_out_of_range_is_refused() {
    let service = demo(&[]);
    let Some(mut viewer) = Viewer::open(service.address(), "settings") else { return };
    let setting = |name: &str| {
        let config: Value = serde_json::from_str(&service.get("/api/config").1).unwrap();
        config["settings"][name]["value"].as_f64().unwrap()
    };
    viewer.page.fill("#setting-alert_cpu_ratio", "0.5").unwrap();
    viewer.press("form", "Apply");
    viewer.wait(
        "that it was changed",
        "document.querySelector('#said').textContent.startsWith('Changed')",
    );
    assert_eq!(setting("alert_cpu_ratio"), 0.5);
    viewer.is_content();

    let field = "document.querySelector('#setting-tick_ms')";
    viewer.page.fill("#setting-tick_ms", "1").unwrap();
    viewer.press("form", "Apply");
    viewer.wait("a field that is wrong", &format!("{field}.validity.rangeUnderflow"));
    assert_eq!(setting("tick_ms"), 200.0);
    // what a browser lets through is refused by the service
    viewer.page.eval(&format!("{field}.removeAttribute('min')")).unwrap();
    viewer.press("form", "Apply");
    viewer.wait(
        "why not",
        "document.querySelector('form [role=alert]').textContent.includes('tick_ms')",
    );
    viewer.picture("refused");
    assert_eq!(setting("tick_ms"), 200.0);
    let said = viewer.page.complaints();
    assert!(said.iter().all(|text| text.contains("400")), "{said:?}");
}
