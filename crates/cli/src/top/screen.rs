//! A frame as lines of coloured text, in as many lines and columns as there are.

use std::time::{SystemTime, UNIX_EPOCH};

use crate::top::alerts::Alert;
use crate::top::figures::{Figure, Figures};
use crate::top::format::{age, bytes, bytes_rate, columns, name, percent, rate, seconds, spark};
use crate::top::rows::Row;

/// From this width on, figures of the service and of the machine stand side by side.
const TWO_COLUMNS: usize = 76;

/// Columns of a figure before its sparkline.
const LABEL: usize = 10;
const VALUE: usize = 18;

/// Columns of a number of the table.
const NUMBER: usize = 12;

/// Lines of alerts before the rest is counted.
const MOST_ALERTS: usize = 5;

/// How a piece of a line looks.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Style {
    Plain,
    Dim,
    Strong,
    Good,
    Warning,
    Bad,
}

/// Pieces from left to right.
pub(crate) type Line = Vec<(Style, String)>;

/// What the table is ordered by.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) enum Sort {
    #[default]
    Requests,
    Errors,
    P99,
    Name,
}

impl Sort {
    pub(crate) fn next(self) -> Sort {
        match self {
            Sort::Requests => Sort::Errors,
            Sort::Errors => Sort::P99,
            Sort::P99 => Sort::Name,
            Sort::Name => Sort::Requests,
        }
    }
}

/// What the viewer has chosen.
#[derive(Debug, Default)]
pub(crate) struct Screen {
    pub(crate) sort: Sort,
    pub(crate) paused: bool,
}

impl Screen {
    /// The figures in at most `height` lines of at most `width` columns.
    pub(crate) fn lines(&self, figures: &Figures, width: usize, height: usize) -> Vec<Line> {
        let mut lines = vec![self.title(figures, width)];
        if let Some(trouble) = &figures.trouble {
            lines.push(vec![(Style::Bad, name(trouble, width))]);
        }
        lines.push(Line::new());
        lines.extend(overview(figures, width));
        lines.extend(alerts(figures, width));
        let room = height.saturating_sub(lines.len() + 2);
        lines.extend(self.table(figures, width, room));
        lines.truncate(height.saturating_sub(1));
        if height > 1 {
            let help = "q quit  p pause  s sort: r requests, e errors, l p99, n name";
            lines.push(vec![(Style::Dim, name(help, width))]);
        }
        lines.into_iter().map(|line| clip(line, width)).collect()
    }

    fn title(&self, figures: &Figures, width: usize) -> Line {
        let (style, state) = match (&figures.trouble, self.paused) {
            (Some(_), _) => (Style::Bad, "no connection"),
            (None, true) => (Style::Warning, "paused"),
            (None, false) => (Style::Good, "live"),
        };
        let room = width.saturating_sub(state.len() + 1);
        let Some(hello) = &figures.hello else {
            return vec![(Style::Plain, name("", room)), (style, format!(" {state}"))];
        };
        let up = age((figures.at_ms - hello.started_ms) / 1e3);
        let rest = format!(
            " on {}  pid {}  up {up}  perf-monitor {}",
            hello.host, hello.pid, hello.version
        );
        let service = name(&hello.service, hello.service.chars().count().min(room.min(40)));
        let rest = name(&rest, room.saturating_sub(service.chars().count()));
        vec![(Style::Strong, service), (Style::Plain, rest), (style, format!(" {state}"))]
    }

    fn table(&self, figures: &Figures, width: usize, room: usize) -> Vec<Line> {
        let rows = &figures.rows;
        // an empty line, the head, a row, and how many more there are
        if rows.rows.is_empty() || room < 4 || width < 3 * NUMBER {
            return Vec::new();
        }
        let numbers = if width < 5 * NUMBER { 2 } else { 4 };
        let first = width - numbers * NUMBER;
        let heads = [("requests", Sort::Requests), ("p99", Sort::P99), ("errors", Sort::Errors)];
        let style = |sort| if self.sort == sort { Style::Strong } else { Style::Dim };
        let head = |(text, sort): (&str, Sort)| (style(sort), format!("{text:>NUMBER$}"));
        let mut title = vec![(style(Sort::Name), name(&rows.label, first))];
        title.extend(heads[..2].iter().copied().map(head));
        if numbers == 4 {
            title.insert(2, (Style::Dim, format!("{:>NUMBER$}", "p50")));
            title.push(head(heads[2]));
        }
        let mut lines = vec![Line::new(), title];
        let sorted = self.sorted(figures);
        let fits = room - 2;
        let (shown, left_out) = match sorted.len() + usize::from(rows.left_out > 0) > fits {
            true => (fits - 1, sorted.len() + rows.left_out - (fits - 1)),
            false => (sorted.len(), rows.left_out),
        };
        lines.extend(sorted.into_iter().take(shown).map(|row| line(figures, row, first, numbers)));
        if left_out > 0 {
            lines.push(vec![(Style::Dim, name(&format!("and {left_out} more"), width))]);
        }
        lines
    }

    fn sorted<'a>(&self, figures: &'a Figures) -> Vec<&'a Row> {
        let known = |value: f64| if value.is_nan() { -1.0 } else { value };
        let key = |row: &Row| {
            known(match self.sort {
                Sort::Requests => figures.value(row.rate),
                Sort::Errors => errors(figures, row),
                Sort::P99 => figures.value(row.p99),
                Sort::Name => 0.0,
            })
        };
        let mut rows: Vec<&Row> = figures.rows.rows.iter().collect();
        rows.sort_by(|a, b| key(b).total_cmp(&key(a)).then_with(|| a.name.cmp(&b.name)));
        rows
    }
}

fn line(figures: &Figures, row: &Row, first: usize, numbers: usize) -> Line {
    let number = |text: String| (Style::Plain, format!("{text:>NUMBER$}"));
    let requests = number(rate(figures.value(row.rate)));
    let (p50, p99) = (figures.value(row.p50), figures.value(row.p99));
    let mut line = vec![(Style::Plain, name(&row.name, first)), requests];
    if numbers == 4 {
        line.push(number(seconds(p50)));
    }
    line.push(number(seconds(p99)));
    if numbers == 4 {
        let errors = errors(figures, row);
        let style = if errors > 0.0 { Style::Bad } else { Style::Dim };
        line.push((style, format!("{:>NUMBER$}", rate(errors))));
    }
    line
}

/// What fits into `width` columns.
fn clip(line: Line, width: usize) -> Line {
    let mut left = width;
    let piece = |(style, text): (Style, String)| {
        let text = if columns(&text) > left { name(&text, left) } else { text };
        left -= columns(&text);
        (style, text)
    };
    line.into_iter().map(piece).collect()
}

/// A row without a counter of errors has had none.
fn errors(figures: &Figures, row: &Row) -> f64 {
    let known =
        row.errors.iter().map(|column| figures.value(*column)).filter(|rate| !rate.is_nan());
    known.fold(0.0, |sum, rate| sum + rate)
}

/// Each figure with its sparkline.
fn overview(figures: &Figures, width: usize) -> Vec<Line> {
    let now = |figure| figures.now(figure);
    let failures = now(Figure::Failures);
    let share = failures / now(Figure::Requests);
    let failed = match share.is_finite() && share > 0.0 {
        true => format!("{}  {}", rate(failures), percent(share)),
        false => rate(failures),
    };
    let style = if failures > 0.0 { Style::Bad } else { Style::Plain };
    let service = [
        ("requests", Style::Plain, rate(now(Figure::Requests)), Figure::Requests),
        ("errors", style, failed, Figure::Failures),
        ("p50", Style::Plain, seconds(now(Figure::P50)), Figure::P50),
        ("p99", Style::Plain, seconds(now(Figure::P99)), Figure::P99),
        ("CPU", Style::Plain, percent(now(Figure::Cpu)), Figure::Cpu),
        ("memory", Style::Plain, bytes(now(Figure::Memory)), Figure::Memory),
    ];
    let (used, total) = (now(Figure::HostMemory), now(Figure::HostMemoryTotal));
    let memory = format!("{} of {}", bytes(used), bytes(total));
    let machine = [
        ("all CPUs", Style::Plain, percent(now(Figure::HostCpu)), Figure::HostCpu),
        ("memory", Style::Plain, memory, Figure::HostMemory),
        ("received", Style::Plain, bytes_rate(now(Figure::Received)), Figure::Received),
        ("sent", Style::Plain, bytes_rate(now(Figure::Sent)), Figure::Sent),
        ("disk read", Style::Plain, bytes_rate(now(Figure::DiskRead)), Figure::DiskRead),
        ("written", Style::Plain, bytes_rate(now(Figure::DiskWritten)), Figure::DiskWritten),
    ];
    let cell = |(label, style, value, figure): &(&str, Style, String, Figure), width: usize| {
        let room = width.saturating_sub(LABEL + VALUE + 1);
        let line = [
            (Style::Dim, name(label, LABEL.min(width))),
            (*style, name(value, VALUE.min(width.saturating_sub(LABEL)))),
            (Style::Good, spark(figures.track(*figure), room)),
            (Style::Plain, " ".into()),
        ];
        Line::from(line)
    };
    if width < TWO_COLUMNS {
        return service.iter().chain(&machine).map(|figure| cell(figure, width)).collect();
    }
    let half = width / 2;
    let beside = |(left, right)| [cell(left, half), cell(right, width - half)].concat();
    service.iter().zip(&machine).map(beside).collect()
}

/// Active alerts below an empty line; none where there are none.
fn alerts(figures: &Figures, width: usize) -> Vec<Line> {
    let active = figures.alerts.as_deref().unwrap_or_default();
    if active.is_empty() {
        return Vec::new();
    }
    let now_ms =
        SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis() as f64;
    let mut lines = vec![Line::new()];
    lines.extend(active.iter().take(MOST_ALERTS).map(|alert| alert_line(alert, now_ms, width)));
    if active.len() > MOST_ALERTS {
        let more = format!("and {} alerts more", active.len() - MOST_ALERTS);
        lines.push(vec![(Style::Dim, name(&more, width))]);
    }
    lines
}

fn alert_line(alert: &Alert, now_ms: f64, width: usize) -> Line {
    let style = match (alert.fires() && !alert.known, alert.severity.as_str()) {
        (false, _) => Style::Dim,
        (true, "critical") => Style::Bad,
        (true, _) => Style::Warning,
    };
    let known = if alert.known { ", known" } else { "" };
    let since = age((now_ms - alert.began_ms) / 1e3);
    let state = format!("{} for {since}{known}", alert.state);
    let text = format!("{}  {}: {}  {state}", alert.severity, alert.name, alert.summary);
    vec![(style, name(&text, width))]
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::top::figures::FIGURES;
    use crate::top::link::Event;
    use crate::top::rows::Rows;
    use serde_json::json;

    /// A service with two routes and an alert.
    fn figures() -> Figures {
        let mut figures = Figures::new();
        let series = json!([{"route": "/cart"}, {"route": "\u{202e}/evil\u{1b}[2J"}]);
        let statuses = json!([{"route": "/cart", "status": "500"}]);
        let rows = Rows::of(&[
            json!({"name": "request_duration_seconds", "kind": "histogram", "unit": "seconds", "series": series}),
            json!({"name": "requests_total", "kind": "counter", "unit": "", "series": statuses}),
        ]);
        let mut values = vec![1.0; FIGURES.len()];
        values[Figure::Requests as usize] = 40.0;
        values.extend([30.0, 0.001, 0.25, 10.0, 0.002, 0.5, 4.0]);
        figures.take(Event::Rows(rows));
        figures.take(Event::Values { at_ms: 1e12, values });
        let alert = json!({"name": "Slow", "severity": "critical", "state": "firing",
            "summary": "p99 is 250 ms", "beganUnixMs": 0, "acknowledged": null, "silencedBy": []});
        figures.take(Event::Alerts(super::super::alerts::read(&json!({"alerts": [alert]}))));
        figures
    }

    fn text(lines: &[Line]) -> String {
        let line =
            |line: &Line| line.iter().map(|(_, text)| text.as_str()).collect::<String>() + "\n";
        lines.iter().map(line).collect()
    }

    #[test]
    fn no_line_is_longer_than_the_terminal_and_no_frame_higher() {
        let figures = figures();
        for width in [1, 5, 20, 40, 59, 60, 75, 76, 80, 132, 400] {
            for height in [1, 2, 5, 10, 24, 100] {
                let lines = Screen::default().lines(&figures, width, height);
                assert!(lines.len() <= height, "{width}x{height}: {}", lines.len());
                for line in text(&lines).lines() {
                    assert!(line.chars().count() <= width, "{width}x{height}: `{line}`");
                }
            }
        }
    }

    #[test]
    fn a_frame_has_figures_alerts_and_routes() {
        let shown = text(&Screen::default().lines(&figures(), 80, 24));
        for part in ["requests  40.0/s", "critical  Slow: p99 is 250 ms", "/cart", "4.00/s", "live"]
        {
            assert!(shown.contains(part), "{part} in\n{shown}");
        }
        assert!(shown.contains("·/evil·[2J") && !shown.contains(['\u{1b}', '\u{202e}']), "{shown}");
    }

    #[test]
    fn routes_are_ordered_as_asked() {
        let order = |sort| {
            let shown = text(&Screen { sort, paused: false }.lines(&figures(), 80, 24));
            shown.find("/cart").unwrap() < shown.find("/evil").unwrap()
        };
        assert!(order(Sort::Requests) && order(Sort::Errors) && !order(Sort::P99));
        assert_eq!(Sort::Name.next().next().next().next(), Sort::Name);
    }

    #[test]
    fn rows_that_find_no_room_are_counted() {
        let mut figures = figures();
        figures.rows.left_out = 5;
        let shown = text(&Screen::default().lines(&figures, 80, 16));
        assert!(shown.contains("and 6 more"), "{shown}");
    }

    #[test]
    fn a_lost_connection_is_said() {
        let mut figures = figures();
        figures.take(Event::Lost { why: "it was closed".into(), wait: Duration::from_secs(2) });
        let shown = text(&Screen::default().lines(&figures, 80, 24));
        assert!(shown.contains("no connection") && shown.contains("trying again in 2s"), "{shown}");
    }
}
