//! The table of routes: which series it shows, found among the metrics of the monitor.

use serde_json::{Value, json};

use crate::top::figures::FIGURES;

/// Rows that are subscribed to.
const MOST_ROWS: usize = 40;

/// Columns of a stream; beyond them nothing is asked for.
const MOST_COLUMNS: usize = 256;

/// The table's head and rows; empty where no metric has routes.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Rows {
    /// What a row is, such as `route`.
    pub(crate) label: String,
    pub(crate) rows: Vec<Row>,
    /// Those that there are beyond [`MOST_ROWS`].
    pub(crate) left_out: usize,
    /// The columns to subscribe to, after those of the figures.
    pub(crate) columns: Vec<Value>,
}

/// A row with the numbers of its columns.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Row {
    pub(crate) name: String,
    pub(crate) rate: usize,
    pub(crate) p50: usize,
    pub(crate) p99: usize,
    /// Each counts some of the errors.
    pub(crate) errors: Vec<usize>,
}

/// Which metrics make a table.
struct Kind<'a> {
    durations: &'a Value,
    label: &'a str,
    errors: String,
}

impl Rows {
    /// From the metrics of `/api/metrics`: requests by route, else spans by name.
    pub(crate) fn of(metrics: &[Value]) -> Rows {
        let Some(kind) = kind(metrics) else { return Rows::default() };
        let mut rows = Rows { label: kind.label.into(), ..Rows::default() };
        let mut names: Vec<&str> =
            series(kind.durations).filter_map(|series| series[kind.label].as_str()).collect();
        names.sort_unstable();
        names.dedup();
        rows.left_out = names.len().saturating_sub(MOST_ROWS);
        let errors = metrics.iter().find(|metric| metric["name"] == kind.errors.as_str());
        for name in names.into_iter().take(MOST_ROWS) {
            rows.add(name, &kind);
        }
        if let Some(errors) = errors {
            rows.count_errors(errors);
        }
        rows
    }

    fn add(&mut self, name: &str, kind: &Kind<'_>) {
        let metric = &kind.durations["name"];
        let label = kind.label;
        let [rate, p50, p99] = ["rate", "p50", "p99"].map(|stat| {
            self.column(json!({"metric": metric, "labels": {label: name}, "stat": stat}))
        });
        self.rows.push(Row { name: name.into(), rate, p50, p99, errors: Vec::new() });
    }

    /// As far as there is room, which two statuses for each row have.
    fn count_errors(&mut self, errors: &Value) {
        let label = self.label.clone();
        for row in 0..self.rows.len() {
            let of_row =
                series(errors).filter(|series| series[&label] == self.rows[row].name.as_str());
            let columns = of_row
                .filter(|series| counts_errors(series))
                .map(|series| json!({"metric": errors["name"], "labels": series, "stat": "rate"}));
            let room = MOST_COLUMNS - FIGURES.len() - self.columns.len();
            for column in columns.take(room).collect::<Vec<_>>() {
                let column = self.column(column);
                self.rows[row].errors.push(column);
            }
        }
    }

    fn column(&mut self, column: Value) -> usize {
        self.columns.push(column);
        FIGURES.len() + self.columns.len() - 1
    }
}

/// Histograms of requests by route go before those of something else by route, spans come last.
fn kind(metrics: &[Value]) -> Option<Kind<'_>> {
    let by_route = |metric: &&Value| {
        metric["kind"] == "histogram"
            && metric["unit"] == "seconds"
            && series(metric).any(|series| series["route"].is_string())
    };
    let routes = || metrics.iter().filter(by_route);
    let is_of_requests = |metric: &&Value| {
        metric["name"].as_str().is_some_and(|name| name.ends_with("request_duration_seconds"))
    };
    if let Some(durations) = routes().find(is_of_requests).or_else(|| routes().next()) {
        let name = durations["name"].as_str()?;
        let errors = name.strip_suffix("_duration_seconds").unwrap_or(name).to_owned() + "s_total";
        return Some(Kind { durations, label: "route", errors });
    }
    let spans = metrics.iter().find(|metric| metric["name"] == "span_duration_seconds")?;
    Some(Kind { durations: spans, label: "span", errors: "span_errors_total".into() })
}

fn series(metric: &Value) -> impl Iterator<Item = &Value> {
    metric["series"].as_array().into_iter().flatten()
}

/// A status of 5xx or an outcome of failure; a counter with neither counts errors only.
fn counts_errors(series: &Value) -> bool {
    let status = series["status"].as_str().map(|status| status.starts_with('5'));
    let outcome = series["outcome"].as_str().map(|outcome| outcome == "failure");
    status.or(outcome).unwrap_or(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn metric(name: &str, kind: &str, series: Value) -> Value {
        json!({"name": name, "kind": kind, "unit": "seconds", "series": series})
    }

    #[test]
    fn each_route_has_its_rate_its_times_and_its_errors() {
        let routes = json!([{"route": "/b"}, {"route": "/a"}]);
        let statuses = json!([
            {"route": "/a", "status": "200"}, {"route": "/a", "status": "503"},
            {"route": "/b", "status": "200"},
        ]);
        let rows = Rows::of(&[
            metric("span_duration_seconds", "histogram", json!([{"span": "x"}])),
            metric("shop_request_duration_seconds", "histogram", routes),
            metric("shop_requests_total", "counter", statuses),
        ]);
        assert_eq!(rows.label, "route");
        let names: Vec<_> = rows.rows.iter().map(|row| row.name.as_str()).collect();
        assert_eq!(names, ["/a", "/b"]);
        let first = FIGURES.len();
        assert_eq!((rows.rows[0].rate, rows.rows[0].p99), (first, first + 2));
        assert_eq!(
            (rows.rows[0].errors.as_slice(), rows.rows[1].errors.len()),
            (&[first + 6][..], 0)
        );
        assert_eq!(rows.columns[6]["labels"]["status"], "503");
    }

    #[test]
    fn without_routes_it_is_spans_and_without_those_nothing() {
        let spans = metric("span_duration_seconds", "histogram", json!([{"span": "x"}]));
        let errors = metric("span_errors_total", "counter", json!([{"span": "x"}]));
        let rows = Rows::of(&[spans, errors]);
        assert_eq!((rows.label.as_str(), rows.rows[0].errors.len()), ("span", 1));
        assert_eq!(Rows::of(&[]), Rows::default());
    }

    #[test]
    fn no_more_is_asked_for_than_a_stream_gives() {
        let many: Vec<_> = (0..100).map(|n| json!({"route": format!("/{n:03}")})).collect();
        let status = |(route, n): (&Value, u32)| json!({"route": route["route"], "status": format!("5{n:02}")});
        let statuses: Vec<_> =
            many.iter().flat_map(|route| (0..9).map(move |n| (route, n))).map(status).collect();
        let rows = Rows::of(&[
            metric("request_duration_seconds", "histogram", many.clone().into()),
            metric("requests_total", "counter", statuses.into()),
        ]);
        assert_eq!((rows.rows.len(), rows.left_out), (MOST_ROWS, 60));
        assert!(FIGURES.len() + rows.columns.len() <= MOST_COLUMNS);
    }
}
