//! Families made by hand, for tests of what is written for them, and registries filled with every kind.

use perf_monitor_core::{
    Desc, FamilyInfo, HistogramOptions, HistogramValue, Kind, Layout, Registry, SeriesInfo, Unit,
    Value, Visitor,
};

/// 2023-11-14 22:13:20 and a quarter.
pub(crate) const STARTED_UNIX_NS: u64 = 1_700_000_000_250_000_000;

pub(crate) fn family(
    name: &str,
    help: &str,
    unit: Unit,
    kind: Kind,
    labels: &[&str],
) -> FamilyInfo {
    let label_names = labels.iter().map(|&label| label.into()).collect();
    FamilyInfo { name: name.into(), help: help.into(), unit, kind, label_names }
}

pub(crate) fn series(values: &[&str]) -> SeriesInfo {
    let label_values = values.iter().collect();
    SeriesInfo { label_values, overflow: false, started_unix_ns: STARTED_UNIX_NS }
}

pub(crate) fn overflow() -> SeriesInfo {
    SeriesInfo { overflow: true, ..series(&[]) }
}

/// The histogram of `values`; its sum is in `sum_unit`, a thousandth of the values' unit if `finer`.
pub(crate) fn histogram(
    values: &[u64],
    layout: Layout,
    sum_unit: Unit,
    finer: bool,
) -> HistogramValue {
    let mut cells = std::collections::BTreeMap::new();
    for &value in values {
        *cells.entry(layout.cell(value.min(layout.highest()))).or_insert(0) += 1;
    }
    HistogramValue {
        buckets: cells.into_iter().collect(),
        count: values.len() as u64,
        sum: values.iter().sum::<u64>() * if finer { 1_000 } else { 1 },
        sum_unit,
        max: values.iter().copied().max().unwrap_or(0),
        layout,
        exemplars: Vec::new(),
    }
}

/// Every kind of metric, in the order in which a registry would show them.
pub(crate) fn visit_example(visitor: &mut dyn Visitor) {
    let mut visit = |family: &FamilyInfo, all: &[(SeriesInfo, Value<'_>)]| {
        visitor.family(family);
        for (series, value) in all {
            visitor.series(family, series, *value);
        }
    };
    visit(
        &family(
            "build_temperature_celsius",
            "Numbers of all sorts.",
            Unit::None,
            Kind::Gauge,
            &["sort"],
        ),
        &[
            (series(&["whole"]), Value::Gauge(21.0)),
            (series(&["fraction"]), Value::Gauge(0.1 + 0.2)),
            (series(&["negative"]), Value::Gauge(-17.25)),
            (series(&["small"]), Value::Gauge(2.5e-9)),
            (series(&["large"]), Value::Gauge(1e300)),
            (series(&["none"]), Value::Gauge(f64::NAN)),
            (series(&["endless"]), Value::Gauge(f64::INFINITY)),
            (series(&["bottomless"]), Value::Gauge(f64::NEG_INFINITY)),
        ],
    );
    visit(
        &family(
            "cpu_seconds_total",
            "CPU time, counted in nanoseconds.",
            Unit::Nanoseconds,
            Kind::Counter,
            &[],
        ),
        &[(series(&[]), Value::Counter(9_007_199_254_740_993_001))],
    );
    visit(
        &family("energy_total", "A counter of fractions.", Unit::None, Kind::Counter, &[]),
        &[(series(&[]), Value::FloatCounter(1234.5))],
    );
    visit(
        &family(
            "hostile_total",
            "A \"help\" of \\ two\nlines.",
            Unit::None,
            Kind::Counter,
            &["path", "who"],
        ),
        &[
            (series(&["C:\\temp", "say \"hi\""]), Value::Counter(1)),
            (series(&["two\nlines", "größer 🙂"]), Value::Counter(2)),
            (series(&["", "}"]), Value::Counter(3)),
            (overflow(), Value::Counter(u64::MAX)),
        ],
    );
    let latency =
        histogram(&[0, 500, 501, 2_000, 60_000_000], Layout::LATENCY, Unit::Nanoseconds, true);
    visit(
        &family(
            "request_duration_seconds",
            "Recorded in µs, summed in ns.",
            Unit::Microseconds,
            Kind::Histogram,
            &[],
        ),
        &[(series(&[]), Value::Histogram(&latency))],
    );
    let sizes =
        histogram(&[1, 64, 65, 1 << 40], Layout::new(2, 1 << 41).unwrap(), Unit::Bytes, false);
    visit(
        &family("response_size_bytes", "Sizes by route.", Unit::Bytes, Kind::Histogram, &["route"]),
        &[(series(&["/a\"b"]), Value::Histogram(&sizes)), (overflow(), Value::Histogram(&sizes))],
    );
}

/// A registry with every kind of metric, labels that need escaping, and names that promtool has nothing against.
pub(crate) fn filled_registry() -> Registry {
    let registry = Registry::new();
    let seconds = |name, unit| Desc::new(name, "Time.").unit(unit);
    registry.counter(("jobs_total", "Jobs that were run.")).unwrap().add(42);
    registry.float_counter(("energy_joules_total", "A counter of fractions.")).unwrap().add(2.5);
    registry.observed_counter(("interrupts_total", "Counted elsewhere.")).unwrap().observe(7);
    registry.counter(seconds("busy_seconds_total", Unit::Nanoseconds)).unwrap().add(1_500_000_000);
    registry.gauge(("temperature_celsius", "A \"help\" of \\ two\nlines.")).unwrap().set(-17.25);
    let sorts = registry.gauge_family(("level_ratio", "Numbers of all sorts."), &["sort"]).unwrap();
    for (sort, x) in [("none", f64::NAN), ("endless", f64::INFINITY), ("small", 2.5e-9)] {
        sorts.with(&[sort]).unwrap().set(x);
    }
    let hostile = registry.counter_family(("visits_total", "Visits."), &["path", "who"]).unwrap();
    hostile.with(&["C:\\temp\n", "say \"hi\" 🙂"]).unwrap().add(3);
    let latency = HistogramOptions::default().digits(3);
    let desc = seconds("request_duration_seconds", Unit::Microseconds);
    let latency = registry.histogram(desc, latency).unwrap();
    [400, 800, 30_000].into_iter().for_each(|micros| latency.record(micros));
    let sizes = Desc::new("response_size_bytes", "Sizes.").unit(Unit::Bytes);
    let sizes = registry.histogram_family(sizes, &["route"], HistogramOptions::default()).unwrap();
    sizes.with(&["/a"]).unwrap().record(1_000);
    registry
}

/// A registry of `series` counters and as many gauges of two labels, and a histogram family of a hundredth.
pub(crate) fn large_registry(series: u64) -> Registry {
    let registry = Registry::builder().series_per_family(100_000).budget_bytes(1 << 30).build();
    let counters =
        registry.counter_family(("calls_total", "Calls."), &["method", "route"]).unwrap();
    let gauges = registry.gauge_family(("depth", "Depth."), &["queue", "host"]).unwrap();
    for i in 0..series {
        let (a, b) = (format!("m{}", i % 10), format!("/route/{}", i / 10));
        counters.with(&[&a, &b]).unwrap().add(i);
        gauges.with(&[&a, &b]).unwrap().set(i as f64 / 8.0);
    }
    let options = HistogramOptions::default();
    let histograms = registry.histogram_family(("sizes", "Sizes."), &["n"], options).unwrap();
    for i in 0..series / 100 {
        histograms.with(&[&i.to_string()]).unwrap().record(i);
    }
    registry
}
