//! `history/rules-1000` and `history/memory-50-series`: rules over a history in memory, and the bytes that it takes.

use std::time::Instant;

use perf_monitor_history::{Labels, MemoryHistory, Options, Query, QueryValue};

use super::Row;
use crate::alloc::Counting;
use crate::harness::Effort;
use crate::report::Report;
use crate::stats::Samples;

#[allow(dead_code)] // the tests use the rest
#[path = "../../../crates/history/tests/support/service.rs"]
mod service;

use service::{Noise, Service, service};

pub(crate) const RULES: Row = Row { id: "history/rules-1000", run: rules };
pub(crate) const MEMORY: Row = Row { id: "history/memory-50-series", run: memory };

const RULES_COUNT: usize = 1_000;

/// Ticks before the first measure: both ends of a range lie within.
const WARM_UP: i64 = 400;

fn rules(effort: Effort) -> Result<Report, String> {
    let ticks = effort.pick(100, 500);
    let mut report = Report::default();
    let few = Rules::new(50, Options::default())?;
    report.rounds("tick", "us", &few.measure(ticks, false)?);
    report.rounds("tick_with_churn", "us", &few.measure(ticks, true)?);
    let options = Options { bytes: 4_000_000, series: RULES_COUNT + 20, ..Options::default() };
    let many = Rules::new(RULES_COUNT, options)?;
    report.rounds("tick_of_1000_series", "us", &many.measure(ticks, false)?);
    Ok(report)
}

/// Rules that each mean one series, of which several may mean the same.
struct Rules {
    history: MemoryHistory,
    series: Vec<Labels>,
    rules: Vec<Query>,
}

impl Rules {
    fn new(series: usize, options: Options) -> Result<Rules, String> {
        let labels = |index: usize| {
            let route = format!("/route/{index}");
            Labels::new([("__name__", "x"), ("route", &route), ("method", "GET")])
        };
        let rule = |index: usize| {
            let (route, limit) = (index % series, 2_000 + index);
            Query::parse(&format!("rate(x{{route=\"/route/{route}\"}}[1m]) > {limit}"))
        };
        let rules: Result<Vec<Query>, _> = (0..RULES_COUNT).map(rule).collect();
        Ok(Rules {
            history: MemoryHistory::new(options).map_err(|error| error.to_string())?,
            series: (0..series).map(labels).collect(),
            rules: rules.map_err(|error| error.to_string())?,
        })
    }

    /// What evaluating all rules takes at each of so many ticks; with churn a series of another metric comes each.
    fn measure(&self, ticks: usize, churn: bool) -> Result<Samples, String> {
        let mut noise = Noise(3);
        let mut values = vec![0.0; self.series.len()];
        let (mut wall, first) = (Samples::default(), self.history.stats().ticks as i64);
        for tick in first..first + WARM_UP + ticks as i64 {
            values.iter_mut().for_each(|value| *value += noise.events(1_500.0));
            let other =
                Labels::new([("__name__", "other".to_owned()), ("n", (tick % 10).to_string())]);
            let other = churn.then_some((&other, 1.0));
            let values = self.series.iter().zip(values.iter().copied()).skip(usize::from(churn));
            self.history.record_values(tick * 1_000, values.chain(other));
            if tick >= first + WARM_UP {
                let start = Instant::now();
                let firing = self.evaluate(tick * 1_000)?;
                wall.push(start.elapsed().as_secs_f64() * 1e6);
                if firing != 0 {
                    return Err(format!(
                        "{firing} rules fire, of series that grow by 1,500 a second"
                    ));
                }
            }
        }
        Ok(wall)
    }

    fn evaluate(&self, at_ms: i64) -> Result<usize, String> {
        let mut firing = 0;
        for rule in &self.rules {
            match rule.instant(&self.history, at_ms).map_err(|error| error.to_string())? {
                QueryValue::Vector(samples) => firing += samples.len(),
                _ => return Err("a rule gives no vector".into()),
            }
        }
        Ok(firing)
    }
}

/// A little over an hour, so that both tiers are full and have turned over.
const SECONDS: i64 = 4_000;

fn memory(_: Effort) -> Result<Report, String> {
    let series = service();
    let mut values = Service::new(series.iter().map(|(_, shape)| *shape));
    Counting::start();
    let before = Counting::live();
    let history = MemoryHistory::new(Options::default()).map_err(|error| error.to_string())?;
    let mut most = 0;
    for second in 0..SECONDS {
        // The history shares the labels, which a registry's series would not have: they count as its own.
        let labels: Vec<Labels> =
            series.iter().map(|(labels, _)| Labels::new(labels.iter())).collect();
        history.record_values(second * 1_000, labels.iter().zip(values.next().iter().copied()));
        drop(labels);
        most = most.max(Counting::live() - before);
    }
    let stats = history.stats();
    let mut report = Report::default();
    report.number("heap", "B", most as f64);
    report.number("evicted", "points", stats.evicted_points as f64);
    report.number("lost", "points", (stats.lost_points + stats.refused_series) as f64);
    let off = (most as f64 / stats.bytes as f64 - 1.0).abs() * 100.0;
    report.number("stats_off_percent", "%", off);
    report.note(format!(
        "{} series, {} of {} B hold points",
        stats.series, stats.point_bytes, stats.bytes
    ));
    Ok(report)
}
