//! `GET /api/metrics`: what there is to be shown.

use http::StatusCode;
use perf_monitor_core::{FamilyInfo, Registry, SeriesInfo};
use perf_monitor_http::{Request, Response, answer, query_value};
use serde::Serialize;
use serde_json::{Map, Value};

use crate::plan::kind_name;

/// Series of each metric that an answer has in any case, as many as a chart shows at once: so all metrics are there, however
/// many series one of them has.
const EACH: usize = 8;

/// Series in one answer beside those.
const USUAL: usize = 500;
const MOST: usize = 2_000;

#[derive(Serialize)]
struct Catalog {
    generation: u64,
    truncated: bool,
    metrics: Vec<Metric>,
}

#[derive(Serialize)]
struct Metric {
    name: String,
    kind: &'static str,
    unit: &'static str,
    help: String,
    /// How many series fit, of which `series` has all or some.
    count: usize,
    series: Vec<Map<String, Value>>,
}

/// The series whose metric's name, or one of whose labels, has the text `q` in it: the first eight of each metric, and up to
/// `limit` of the others.
pub(crate) fn metrics(registry: &Registry, request: &Request) -> Response {
    let wanted = query_value(request, "q").unwrap_or_default().to_lowercase();
    let limit = match query_value(request, "limit").map(|limit| limit.parse::<usize>()) {
        None => USUAL,
        Some(Ok(limit)) if (1..=MOST).contains(&limit) => limit,
        Some(_) => {
            let sentence = "limit is out of range: 1 to 2000 series\n";
            return answer(StatusCode::BAD_REQUEST, "text/plain; charset=utf-8", sentence);
        }
    };
    let catalog = Catalog::read(registry, &wanted, limit);
    let text = serde_json::to_string(&catalog).expect("texts under fixed names");
    answer(StatusCode::OK, "application/json", text)
}

impl Catalog {
    fn read(registry: &Registry, wanted: &str, limit: usize) -> Catalog {
        let generation = registry.generation();
        let mut catalog = Catalog { generation, truncated: false, metrics: Vec::new() };
        let mut left = limit;
        registry.list(&mut |family, series| {
            if !fits(family, series, wanted) {
                return true;
            }
            catalog.add(family, series, &mut left);
            true
        });
        catalog
    }

    fn add(&mut self, family: &FamilyInfo, series: &SeriesInfo, left: &mut usize) {
        if self.metrics.last().is_none_or(|last| *last.name != *family.name) {
            self.metrics.push(Metric {
                name: family.name.to_string(),
                kind: kind_name(family.kind),
                unit: family.unit.base_name(),
                help: family.help.to_string(),
                count: 0,
                series: Vec::new(),
            });
        }
        let Some(metric) = self.metrics.last_mut() else { return };
        metric.count += 1;
        if metric.series.len() >= EACH {
            if *left == 0 {
                self.truncated = true;
                return;
            }
            *left -= 1;
        }
        let labels = series.labels(family).map(|(name, value)| (name.into(), value.into()));
        metric.series.push(labels.collect());
    }
}

fn fits(family: &FamilyInfo, series: &SeriesInfo, wanted: &str) -> bool {
    let has = |text: &str| match text.is_ascii() {
        true => {
            let mut parts = text.as_bytes().windows(wanted.len());
            parts.any(|part| part.eq_ignore_ascii_case(wanted.as_bytes()))
        }
        false => text.to_lowercase().contains(wanted),
    };
    wanted.is_empty()
        || has(&family.name)
        || series.labels(family).any(|(name, value)| has(name) || has(value))
}
