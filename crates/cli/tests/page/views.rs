//! Every view opens and shows what the service does.

use crate::support::{Viewer, demo};

/// Charts that are in sight and have had data.
const CHARTS: &str = "[...document.querySelectorAll('.card.chart canvas')]
    .filter((canvas) => canvas.chart?.visible && !canvas.chart.empty)";

impl Viewer {
    /// Waits until so many charts in sight have data and are drawn, and go on being drawn.
    fn charts_live(&mut self, least: usize) {
        let inked = format!("{CHARTS}.filter((canvas) => coloured(canvas) > 40).length >= {least}");
        self.wait(&format!("{least} charts that are drawn"), &inked);
        // of those that are there now: others may come, and one that was replaced, or that a banner of an alert pushed out of
        // sight, is not painted any more
        let painted = "(canvas) => canvas.chart.strips + canvas.chart.fulls";
        let remember =
            format!("void (globalThis.before = {CHARTS}.map((it) => [it, ({painted})(it)]))");
        self.page.eval(&remember).unwrap();
        let more = format!(
            "(() => {{
                const inSight = new Set({CHARTS});
                const stayed = before.filter(([it]) => inSight.has(it));
                return stayed.length >= {least} && stayed.every(([it, count]) => ({painted})(it) > count);
            }})()"
        );
        self.wait("charts that go on", &more);
    }
}

#[test]
fn each_view_opens_and_draws_live_data_without_a_complaint() {
    let service = demo(&[]);
    let Some(mut viewer) = Viewer::open(service.address(), "overview") else { return };
    viewer.charts_live(4);
    for text in ["/checkout", "/search", "/report"] {
        viewer
            .wait(text, &format!("document.querySelector('main').textContent.includes('{text}')"));
    }
    viewer.picture("overview");

    viewer.go("metrics");
    viewer.page.fill("main input[type=search]", "demo_requests_total").unwrap();
    viewer.wait("one metric", "document.querySelectorAll('.names li').length === 1");
    viewer.press(".names", "per second");
    viewer.charts_live(1);
    viewer.picture("metrics");

    viewer.go("instruments");
    viewer.wait("a stage", "document.querySelector('main').textContent.includes('reserve')");
    viewer.charts_live(1);
    viewer.picture("instruments");

    viewer.go("traces");
    viewer.wait("traces", "document.querySelectorAll('[data-trace]').length > 0");
    viewer.picture("traces");

    viewer.go("profiles");
    viewer.wait("the form", "document.querySelector('.record button.primary')");
    viewer.picture("profiles");

    viewer.go("host");
    viewer.charts_live(3);
    viewer.picture("host");

    viewer.go("alerts");
    viewer.wait("rules", "document.querySelectorAll('[aria-label=Rules] tbody tr').length > 3");
    viewer.picture("alerts");

    viewer.go("settings");
    viewer.wait("the settings", "document.querySelector('#setting-tick_ms')");
    viewer.page.eval("card('Its own CPU time').scrollIntoView({behavior: 'instant'})").unwrap();
    viewer.charts_live(1);
    viewer.picture("settings");
    viewer.is_content();
}

#[test]
fn a_link_shows_another_person_the_same_and_the_policy_allows_no_inline_script() {
    let service = demo(&[]);
    let Some(mut viewer) = Viewer::open(service.address(), "traces?state=failed") else { return };
    viewer.wait("failed traces", "document.querySelectorAll('[data-trace] .tag.bad').length > 0");
    let pressed =
        "document.querySelector('[data-value=failed]').getAttribute('aria-pressed') === 'true'";
    assert_eq!(viewer.page.eval(pressed).unwrap(), true);
    viewer.is_content();

    let inline = "(() => {
        const script = document.createElement('script');
        script.textContent = 'globalThis.breached = true';
        document.body.append(script);
        return globalThis.breached === undefined;
    })()";
    assert_eq!(viewer.page.eval(inline).unwrap(), true);
    let mut said = Vec::new();
    while !said.iter().any(|text: &String| text.contains("content policy")) {
        said.extend(viewer.page.complaints());
    }
}

#[test]
fn dark_light_and_a_narrow_screen_are_drawn_too() {
    let service = demo(&[]);
    let Some(mut viewer) = Viewer::open(service.address(), "overview") else { return };
    let ground = "getComputedStyle(document.documentElement).backgroundColor";
    let mut grounds = Vec::new();
    for scheme in ["light", "dark"] {
        let features = serde_json::json!([{"name": "prefers-color-scheme", "value": scheme}]);
        let media = serde_json::json!({"features": features});
        viewer.page.call("Emulation.setEmulatedMedia", media).unwrap();
        viewer.charts_live(4);
        viewer.picture(scheme);
        grounds.push(viewer.page.eval(ground).unwrap());
    }
    assert_ne!(grounds[0], grounds[1]);
    viewer.page.resize(390, 844).unwrap();
    viewer.charts_live(1);
    viewer.picture("narrow");
    let wide = "document.documentElement.scrollWidth <= document.documentElement.clientWidth";
    assert_eq!(viewer.page.eval(wide).unwrap(), true);
    viewer.is_content();
}

#[test]
fn keys_are_enough_to_get_everywhere() {
    let service = demo(&[]);
    let Some(mut viewer) = Viewer::open(service.address(), "overview") else { return };
    for (key, view) in [("2", "metrics"), ("4", "traces"), ("7", "alerts"), ("1", "overview")] {
        viewer.page.key(key).unwrap();
        viewer.wait(view, &format!("document.body.dataset.view === '{view}'"));
    }
    viewer.page.key("p").unwrap();
    viewer.wait("a pause", "perfMonitor.timeline.until !== null");
    viewer.page.key("p").unwrap();
    viewer.wait("the present", "perfMonitor.timeline.until === null");
    viewer.page.key("?").unwrap();
    viewer.wait("the keys", "document.querySelector('dialog[open]')");
    viewer.page.key("Escape").unwrap();
    viewer.wait("the page again", "document.querySelector('dialog[open]') === null");
    let named = "[...document.querySelectorAll('button, a, input, select, canvas, summary')]
        .filter((it) => it.checkVisibility())
        .filter((it) => !(it.getAttribute('aria-label') || it.textContent.trim() || it.title || it.closest('label')))
        .map((it) => it.outerHTML.slice(0, 120))";
    assert_eq!(viewer.page.eval(named).unwrap(), serde_json::json!([]));
    viewer.is_content();
}
