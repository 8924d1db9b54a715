//! `/api/config`: what the monitor is set to, what it costs and keeps.

use std::collections::BTreeMap;
use std::sync::Arc;

use http::StatusCode;
use perf_monitor_core::{FamilyInfo, Kind, OwnedValue, Registry};
use perf_monitor_http::{Request, Response, answer};
use serde::Serialize;
use serde_json::{Map, Value};

use crate::column::Short;
use crate::dashboard::Shared;
use crate::setting::{Setting, Shown};

/// What all metrics of the monitor itself begin with.
const OWN: &str = "perf_monitor_";

/// The ledger's metric and the label of its lines.
const LEDGER: &str = "perf_monitor_memory_bytes";

/// Series of the monitor's own that are shown.
const MOST_SERIES: usize = 500;

#[derive(Serialize)]
struct Config {
    settings: BTreeMap<&'static str, Shown>,
    /// Bytes, by subsystem.
    ledger: BTreeMap<String, f64>,
    ledger_total_bytes: f64,
    /// All other metrics of the monitor itself.
    own: Vec<Own>,
}

/// A series of the monitor itself.
#[derive(Serialize)]
struct Own {
    metric: String,
    labels: Map<String, Value>,
    kind: &'static str,
    unit: &'static str,
    help: String,
    #[serde(flatten)]
    value: Figure,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Figure {
    Number {
        value: f64,
    },
    /// Of all records since the start.
    Distribution {
        count: u64,
        mean: f64,
        p50: f64,
        p99: f64,
        max: f64,
    },
}

/// Answers `GET`.
pub(crate) fn show(shared: &Shared) -> Response {
    let settings = shared.settings();
    let settings = settings.iter().map(|setting| (setting.name(), setting.show())).collect();
    let config = Config { settings, ..Config::read(&shared.registry) };
    let text = serde_json::to_string(&config).expect("texts and numbers under fixed names");
    answer(StatusCode::OK, "application/json", text)
}

/// Answers `POST`: an object of settings and numbers, all of which are checked before the first is applied.
pub(crate) async fn change(shared: Arc<Shared>, request: Request) -> Response {
    let settings = shared.settings();
    let wanted = match checked(&settings, request.body()) {
        Ok(wanted) => wanted,
        Err(sentence) => return refusal(StatusCode::BAD_REQUEST, sentence),
    };
    for (setting, value) in wanted {
        if let Err(why) = setting.apply(value).await {
            let sentence = format!("{} stays as it is: {why}", setting.name());
            return refusal(StatusCode::CONFLICT, sentence);
        }
    }
    shared.settings_changed();
    show(&shared)
}

fn refusal(status: StatusCode, sentence: String) -> Response {
    answer(status, "text/plain; charset=utf-8", sentence + "\n")
}

fn checked<'a>(settings: &'a [Setting], body: &[u8]) -> Result<Vec<(&'a Setting, f64)>, String> {
    let wanted: Map<String, Value> = serde_json::from_slice(body).map_err(|e| {
        format!("no settings: {e}: send a JSON object such as {{\"tick_ms\": 500}}")
    })?;
    let check = |(name, value): (&String, &Value)| {
        let setting = settings.iter().find(|setting| setting.name() == name);
        let setting = setting.ok_or_else(|| {
            let names: Vec<_> = settings.iter().map(Setting::name).collect();
            format!("{} is no setting: there are {}", Short(name), names.join(", "))
        })?;
        Ok((setting, setting.check(value.as_f64())?))
    };
    wanted.iter().map(check).collect()
}

impl Config {
    fn read(registry: &Registry) -> Config {
        let mut config = Config {
            settings: BTreeMap::new(),
            ledger: BTreeMap::new(),
            ledger_total_bytes: 0.0,
            own: Vec::new(),
        };
        registry.visit_named(OWN, &mut |family, series, value| {
            let labels: Map<String, Value> =
                series.labels(family).map(|(name, value)| (name.into(), value.into())).collect();
            let value = Figure::of(family, &value.into());
            if let (LEDGER, Figure::Number { value }) = (&*family.name, &value) {
                let name = labels.get("subsystem").and_then(Value::as_str).unwrap_or("other");
                config.ledger_total_bytes += value;
                *config.ledger.entry(name.to_owned()).or_default() += value;
            } else if config.own.len() < MOST_SERIES {
                config.own.push(Own {
                    metric: family.name.to_string(),
                    labels,
                    kind: crate::plan::kind_name(family.kind),
                    unit: family.unit.base_name(),
                    help: family.help.to_string(),
                    value,
                });
            }
        });
        config
    }
}

impl Figure {
    fn of(family: &FamilyInfo, value: &OwnedValue) -> Figure {
        let scale = family.unit.scale();
        match value {
            OwnedValue::Counter(total) => Figure::Number { value: *total as f64 * scale },
            OwnedValue::FloatCounter(number) | OwnedValue::Gauge(number) => {
                Figure::Number { value: number * scale }
            }
            OwnedValue::Histogram(records) => {
                debug_assert_eq!(family.kind, Kind::Histogram);
                let at = |share| records.value_at_quantile(share) as f64 * scale;
                Figure::Distribution {
                    count: records.count,
                    mean: records.mean(family.unit) * scale,
                    p50: at(0.5),
                    p99: at(0.99),
                    max: records.max as f64 * scale,
                }
            }
        }
    }
}
