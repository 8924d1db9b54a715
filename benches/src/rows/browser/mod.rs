//! `dashboard/…`: what the page costs in a real Chromium, and how soon it shows what happens.

mod served;
mod uplot;

use std::thread;
use std::time::{Duration, Instant};

use perf_monitor_browser::{Browser, Page, chromium};
use serde_json::Value;

use super::Row;
use crate::alloc::Counting;
use crate::harness::Effort;
use crate::report::Report;
use crate::stats::Samples;
use served::{CHARTS, LINES, Served};

pub(crate) const FPS: Row = Row { id: "dashboard/fps", run: fps };
pub(crate) const CPU: Row = Row { id: "dashboard/browser-cpu", run: cpu };
pub(crate) const LATENCY: Row = Row { id: "dashboard/latency", run: latency };
pub(crate) const WEIGHT: Row = Row { id: "dashboard/weight", run: weight };
pub(crate) const SOAK: Row = Row { id: "dashboard/soak", run: soak };

/// A window in which all twelve charts are in sight.
const WINDOW: (u32, u32) = (1600, 1000);

/// Before anything counts: scripts are compiled, and in full runs the charts are full.
fn settle(effort: Effort) {
    thread::sleep(effort.seconds(4.0, 32.0));
}

/// `None` where no browser is named: the measures are missing, and say so.
fn browser(report: &mut Report, measures: &[&str]) -> Result<Option<Browser>, String> {
    let Some(program) = chromium() else {
        let why = "no browser: PERF_MONITOR_CHROMIUM names none; `cargo xtask bench` sets it";
        measures.iter().for_each(|measure| report.missing(measure, why));
        return Ok(None);
    };
    Ok(Some(Browser::start(&program, &[])?))
}

fn tab(browser: &Browser) -> Result<Page, String> {
    let mut page = browser.page()?;
    page.resize(WINDOW.0, WINDOW.1)?;
    page.bring_to_front()?;
    Ok(page)
}

/// Opens the twelve charts and waits until all move.
fn open_charts(page: &mut Page, served: &Served, effort: Effort) -> Result<(), String> {
    let url = format!("{}#/bench?metric=wave&rate=60&range=30", served.url());
    page.open(&url)?;
    page.wait("the charts", "document.documentElement.dataset.bench === 'ready'")?;
    page.wait("frames", "perfMonitor.painted.count > 60")?;
    settle(effort);
    let seen = "[...document.querySelectorAll('canvas')].filter((it) => it.chart?.visible && !it.chart.empty).length";
    match number(page, seen)? {
        n if n == f64::from(CHARTS) => Ok(()),
        n => Err(format!("{n} of {CHARTS} charts are in sight")),
    }
}

fn number(page: &mut Page, expression: &str) -> Result<f64, String> {
    let value = page.eval(expression)?;
    value.as_f64().ok_or_else(|| format!("{expression} is {value}"))
}

fn numbers(page: &mut Page, expression: &str) -> Result<Samples, String> {
    let value = page.eval(expression)?;
    let Value::Array(items) = value else { return Err(format!("{expression} is {value}")) };
    Ok(items.iter().filter_map(Value::as_f64).collect())
}

// ---- frames

const WATCH_GAPS: &str = "globalThis.gaps = []; globalThis.last = 0;
    globalThis.gap = (at) => { if (last > 0) gaps.push(at - last); last = at; requestAnimationFrame(gap); };
    requestAnimationFrame(gap); 0";

fn fps(effort: Effort) -> Result<Report, String> {
    let mut report = Report::default();
    let measures = ["fps", "painted_fps", "of_blank", "follows"];
    let Some(browser) = browser(&mut report, &measures)? else { return Ok(report) };
    let served = Served::start()?;
    let length = effort.seconds(5.0, 30.0);
    let mut page = tab(&browser)?;
    let mut blank = blank_gaps(&mut page, length / 2)?;
    open_charts(&mut page, &served, effort)?;
    page.eval(WATCH_GAPS)?;
    let painted = "perfMonitor.painted.count";
    let (before, begun) = (number(&mut page, painted)?, Instant::now());
    thread::sleep(length);
    let (after, passed) = (number(&mut page, painted)?, begun.elapsed().as_secs_f64());
    let gaps = numbers(&mut page, "gaps")?;
    let follows = follows(&mut page)?;
    blank.extend(blank_gaps(&mut page, length / 2)?);
    let blank: Samples = blank.into_iter().collect();
    report.number("fps", "1/s", gaps.len() as f64 / passed);
    report.number("painted_fps", "1/s", (after - before) / passed);
    let worst = ("a blank page's", blank.quantile(0.999));
    report.number_ratio("of_blank", "ms", gaps.quantile(0.999), worst);
    report.number("follows", "", follows);
    report.note(format!(
        "{} gaps, {} of a blank page, 99.9th percentiles",
        gaps.len(),
        blank.len()
    ));
    Ok(report)
}

fn blank_gaps(page: &mut Page, length: Duration) -> Result<Vec<f64>, String> {
    page.open("about:blank")?;
    page.eval(WATCH_GAPS)?;
    thread::sleep(length);
    let gaps = page.eval("gaps")?;
    Ok(gaps.as_array().into_iter().flatten().filter_map(Value::as_f64).collect())
}

/// The share of the columns of a chart's pixels that are coloured where the wave was at that time, within what it moved
/// in a tenth of a second.
fn follows(page: &mut Page) -> Result<f64, String> {
    page.eval("document.querySelector('#toolbar button[aria-label^=Pause]').click()")?;
    page.eval("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")?;
    let share = format!(
        "(() => {{
            const {{ chart }} = document.querySelector('canvas');
            const {{ width, height }} = chart.canvas;
            const {{ data }} = chart.canvas.getContext('2d').getImageData(0, 0, width, height);
            const coloured = (x, y) => {{
                const i = (y * width + x) * 4;
                return Math.max(data[i], data[i + 1], data[i + 2]) - Math.min(data[i], data[i + 1], data[i + 2]) > 60;
            }};
            const wave = {wave};
            let [seen, all] = [0, 0];
            for (let x = chart.left + chart.width - 60; x < chart.left + chart.width - 4; x += 1) {{
                const at = chart.timeAt(x / chart.ratio);
                const around = [-100, -50, 0, 50].map((ms) => chart.y(wave(at + ms)));
                const [top, end] = [Math.floor(Math.min(...around)) - 2, Math.ceil(Math.max(...around)) + 2];
                all += 1;
                for (let y = Math.max(0, top); y <= end; y += 1) {{
                    if (coloured(x, y)) {{ seen += 1; break; }}
                }}
            }}
            return seen / all;
        }})()",
        wave = served::WAVE
    );
    number(page, &share)
}

// ---- CPU time

/// One page open, then the other, round by round.
fn cpu(effort: Effort) -> Result<Report, String> {
    let mut report = Report::default();
    let measures = ["of_uplot", "cores"];
    let Some(browser) = browser(&mut report, &measures)? else { return Ok(report) };
    let files = match uplot::files() {
        Ok(files) => files,
        Err(why) => {
            measures.iter().for_each(|measure| report.missing(measure, why.clone()));
            return Ok(report);
        }
    };
    let served = Served::with(files.routes())?;
    let mut page = tab(&browser)?;
    let (mut ours, mut theirs) = (Samples::default(), Samples::default());
    let length = effort.seconds(5.0, 15.0);
    for _ in 0..effort.pick(2, 3) {
        open_charts(&mut page, &served, effort)?;
        let canvas = "(({clientWidth, clientHeight}) => `w=${clientWidth}&h=${clientHeight}`)(document.querySelector('canvas'))";
        let size = page.eval(canvas)?;
        ours.push(busy(&browser, length));
        let size = size.as_str().unwrap_or_default();
        page.complaints(); // of a dashboard without alerts, which is asked for some
        page.open(&format!("{}uplot.html?{size}&lines={LINES}&charts={CHARTS}", served.url()))?;
        page.wait("uPlot's charts", "globalThis.drawn > 60")?;
        settle(effort);
        theirs.push(busy(&browser, length));
        let complaints = page.complaints();
        if !complaints.is_empty() {
            return Err(format!("uPlot's page complains: {complaints:?}"));
        }
        report.note(format!(
            "frames a second of uPlot's page: {:.1}",
            number(&mut page, "drawn / (performance.now() - began) * 1000")?
        ));
    }
    report.rounds("cores", "cores", &ours);
    report.ratio("of_uplot", "cores", &ours, ("uPlot 1.6.32", &theirs));
    Ok(report)
}

/// Cores that the browser keeps busy.
fn busy(browser: &Browser, length: Duration) -> f64 {
    let (before, begun) = (browser.cpu_time(), Instant::now());
    thread::sleep(length);
    (browser.cpu_time() - before).as_secs_f64() / begun.elapsed().as_secs_f64()
}

// ---- from a record to its paint

/// Of what was recorded last, when it was recorded and when the frame that shows it was done.
const WATCH_STAMPS: &str = "globalThis.seen = []; globalThis.stamp = NaN;
    globalThis.track = perfMonitor.store.track('wave', 'value', { line: 'stamp' });
    globalThis.done = new MessageChannel();
    done.port1.onmessage = ({ data }) => {
        if (stamp === stamp) seen.push(performance.timeOrigin + performance.now() - data);
        stamp = data;
    };
    globalThis.look = () => {
        const now = BASE + track.latest;
        if (track.latest === track.latest && now !== stamp) done.port2.postMessage(now);
        requestAnimationFrame(look);
    };
    requestAnimationFrame(look); 0";

fn latency(effort: Effort) -> Result<Report, String> {
    let mut report = Report::default();
    let Some(browser) = browser(&mut report, &["p99", "p50"])? else { return Ok(report) };
    let served = Served::start()?;
    let mut page = tab(&browser)?;
    open_charts(&mut page, &served, effort)?;
    let base = served.base_ms().to_string();
    page.eval(&WATCH_STAMPS.replace("BASE", &base))?;
    thread::sleep(effort.seconds(8.0, 60.0));
    let seen = numbers(&mut page, "seen")?;
    if seen.len() < 20 {
        return Err(format!("only {} records were seen", seen.len()));
    }
    report.number("p99", "ms", seen.quantile(0.99));
    report.number("p50", "ms", seen.quantile(0.5));
    report.note(format!("{} records, each painted among {} lines", seen.len(), CHARTS * LINES));
    Ok(report)
}

// ---- what it weighs

fn weight(effort: Effort) -> Result<Report, String> {
    let mut report = Report::default();
    let Some(browser) = browser(&mut report, &["bytes", "drawn"])? else { return Ok(report) };
    let served = Served::start()?;
    let (mut bytes, mut drawn) = (Samples::default(), Samples::default());
    for _ in 0..effort.pick(3, 15) {
        let mut page = tab(&browser)?;
        let off = serde_json::json!({"cacheDisabled": true});
        page.call("Network.setCacheDisabled", off)?;
        page.open(&served.url())?;
        page.wait("numbers", "document.documentElement.dataset.drawn")?;
        drawn.push(number(&mut page, "Number(document.documentElement.dataset.drawn)")?);
        let loaded = "[...performance.getEntriesByType('navigation'), ...performance.getEntriesByType('resource')]
            .filter((entry) => !new URL(entry.name).pathname.startsWith('/api/'))
            .reduce((sum, entry) => sum + entry.encodedBodySize, 0)";
        bytes.push(number(&mut page, loaded)?);
        page.call("Page.close", serde_json::json!({}))?;
    }
    report.rounds("bytes", "B", &bytes);
    report.rounds("drawn", "ms", &drawn);
    Ok(report)
}

// ---- for long

fn soak(effort: Effort) -> Result<Report, String> {
    let mut report = Report::default();
    let measures = ["browser_growth", "browser_nodes", "process_growth"];
    let Some(browser) = browser(&mut report, &measures)? else { return Ok(report) };
    Counting::start();
    let served = Served::start()?;
    let mut page = tab(&browser)?;
    open_charts(&mut page, &served, effort)?;
    let length = effort.seconds(60.0, 1800.0);
    let (begun, mut taken) = (Instant::now(), Vec::new());
    while begun.elapsed() < length {
        thread::sleep(length / 30);
        let heap = page.heap()?;
        taken.push((heap.used, heap.nodes, Counting::live() as f64));
    }
    // the first third fills what is kept; the medians of the others are compared
    let third = taken.len() / 3;
    let grown = |of: fn(&(f64, f64, f64)) -> f64| {
        let median = |range: &[_]| range.iter().map(of).collect::<Samples>().median();
        median(&taken[2 * third..]) - median(&taken[third..2 * third])
    };
    report.number("browser_growth", "B", grown(|taken| taken.0));
    report.number("browser_nodes", "", grown(|taken| taken.1));
    report.number("process_growth", "B", grown(|taken| taken.2));
    let (used, _, live) = taken[taken.len() - 1];
    report.note(format!(
        "after {:.0} s: {used:.0} B in the browser, {live:.0} B in the process",
        length.as_secs_f64()
    ));
    Ok(report)
}
