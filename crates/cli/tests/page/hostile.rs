//! Texts that others choose are shown as texts.

use std::time::Duration;

use perf_monitor::alerting::{AlertRule, AlertSeverity};
use perf_monitor::{Desc, HistogramOptions, PerformanceMonitor, Registry, Unit};

use crate::support::Viewer;

/// Would set `breached` wherever it is taken for markup.
const MARKUP: &str =
    "<img src=x onerror='globalThis.breached=1'><script>globalThis.breached=1</script>";
/// Turns what follows, and has a character of no width.
const TURNED: &str = "\u{202e}drawkcab\u{200b}\u{2066}\u{7}";

/// A service whose routes, spans, attributes and alerts have such names.
fn service() -> PerformanceMonitor {
    let alert = AlertRule::new(MARKUP, AlertSeverity::Critical, |_| true);
    let monitor = PerformanceMonitor::builder(MARKUP)
        .registry(Registry::new())
        .listen(([127, 0, 0, 1], 0))
        .tick(Duration::from_millis(100))
        .alert(alert)
        .start()
        .unwrap();
    let long: &'static str = "x".repeat(10_000).leak();
    let registry = monitor.registry();
    let help = format!("{MARKUP} {TURNED}");
    let durations = Desc::new("request_time_seconds", &*help).unit(Unit::Microseconds);
    let options = HistogramOptions::default();
    let durations = registry.histogram_family(durations, &["route"], options).unwrap();
    let counts = registry.counter_family(("request_count_total", &*help), &["route"]).unwrap();
    for name in [MARKUP, TURNED, long, "=HYPERLINK(\"http://elsewhere\")"] {
        durations.with(&[name]).unwrap().record(1_000);
        counts.with(&[name]).unwrap().inc();
        let stages = monitor.instruments().stages();
        drop(stages.stage(name).start());
        let mut span = monitor.tracer().root(name);
        span.dynamic_attribute(name, name);
        span.fail(name);
    }
    monitor
}

impl Viewer {
    /// No text became markup, and nothing is wider than the window.
    fn unbreached(&mut self) {
        let seen = self.page.eval(
            "[globalThis.breached, document.querySelectorAll('img, main script, [onerror]').length]",
        );
        assert_eq!(seen.unwrap(), serde_json::json!([null, 0]));
        let wide = self.page.eval(
            "(() => {
                const { clientWidth, scrollWidth } = document.documentElement;
                const beyond = (it) => it.getBoundingClientRect().right > clientWidth + 1;
                const all = [...document.querySelectorAll('body *')].filter(beyond);
                return scrollWidth <= clientWidth ? [] : all.map((it) => it.outerHTML.slice(0, 90));
            })()",
        );
        assert_eq!(wide.unwrap(), serde_json::json!([]), "wider than the window");
        self.is_content();
    }
}

#[test]
fn hostile_names_are_texts_in_every_view() {
    let monitor = service();
    let address = monitor.address().unwrap();
    let Some(mut viewer) = Viewer::open(address, "overview") else { return };
    let has = "document.body.textContent.includes('<img src=x')";
    for view in ["overview", "instruments", "traces", "profiles", "alerts", "host", "settings"] {
        viewer.go(view);
        viewer.wait(view, has);
        viewer.unbreached();
    }
    viewer.go("metrics");
    viewer.page.fill("main input[type=search]", "request_count").unwrap();
    viewer.wait("the metric", "document.querySelectorAll('.names li').length === 1");
    viewer.press(".names", "per second");
    // the list is built anew while series come, so it may close again
    let labels = "(() => {
        const details = document.querySelector('.names details');
        if (!details.open) details.querySelector('summary').click();
        return details.querySelector('.chip').textContent.includes('<img');
    })()";
    viewer.wait("its labels", labels);
    viewer.unbreached();
    viewer.picture("hostile-metrics");

    viewer.go("traces");
    viewer.page.click("[data-value=failed]").unwrap();
    viewer.wait("all four", "document.querySelectorAll('[data-trace]').length === 4");
    for trace in 1..=4 {
        viewer.page.click(&format!(".traces-list li:nth-child({trace}) [data-trace]")).unwrap();
        viewer.page.click(".waterfall li button").unwrap();
        viewer.wait("its attributes", "document.querySelector('.details dl')");
        viewer.unbreached();
    }
    viewer.picture("hostile-traces");
    let title = viewer.page.eval("document.title.includes('<img src=x')").unwrap();
    assert_eq!(title, true);
}
