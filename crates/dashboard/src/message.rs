//! What a client and the server say to each other in text.

use perf_monitor_core::Registry;
use serde::{Deserialize, Serialize};
use serde_json::Number;

use crate::column::{Column, Short, Wanted, check};
use crate::plan::Described;

/// Frames a second that a client may ask for.
const RATES: std::ops::RangeInclusive<u32> = 1..=60;

/// What a client asks for.
#[derive(Debug)]
pub(crate) enum Asked {
    Subscribe { id: Option<u64>, rate: u32, columns: Box<[Column]> },
    History { id: u64, from_ms: i64, until_ms: i64, columns: Box<[Column]> },
    Ping { client: Number },
}

/// Why a message was refused.
#[derive(Debug)]
pub(crate) struct Refused {
    pub(crate) id: Option<u64>,
    pub(crate) message: String,
    pub(crate) columns: usize,
}

/// What all messages have.
#[derive(Deserialize)]
struct Envelope {
    r#type: String,
    id: Option<u64>,
}

#[derive(Deserialize)]
struct Subscribe {
    rate: u32,
    #[serde(default)]
    columns: Vec<Wanted>,
}

#[derive(Deserialize)]
struct History {
    from: f64,
    until: f64,
    columns: Vec<Wanted>,
}

#[derive(Deserialize)]
struct Ping {
    client: Number,
}

impl Asked {
    /// # Errors
    /// A sentence for whoever sent it.
    pub(crate) fn parse(text: &str) -> Result<Asked, Refused> {
        let refused = |id: Option<u64>, message: String| Refused { id, message, columns: 0 };
        let envelope: Envelope = serde_json::from_str(text).map_err(|e| {
            refused(
                None,
                format!(
                    "no message: {e}: send an object with a type, and an id that is a whole number"
                ),
            )
        })?;
        let Envelope { r#type, id } = envelope;
        let wrong = |e: serde_json::Error| refused(id, format!("{}: {e}", Short(&r#type)));
        match &*r#type {
            "subscribe" => {
                let Subscribe { rate, columns } = serde_json::from_str(text).map_err(wrong)?;
                if rate != 0 && !RATES.contains(&rate) {
                    let message = format!(
                        "a rate of {rate} is out of range: 1 to 60 a second, or 0 to pause"
                    );
                    return Err(refused(id, message));
                }
                let columns = checked(id, columns)?;
                Ok(Asked::Subscribe { id, rate, columns })
            }
            "history" => {
                let History { from, until, columns } = serde_json::from_str(text).map_err(wrong)?;
                let Some(id) = id else {
                    return Err(refused(
                        id,
                        "a history has an id, which its chunks carry: give one".into(),
                    ));
                };
                if from > until {
                    return Err(refused(
                        Some(id),
                        "a history ends before it begins: swap from and until".into(),
                    ));
                }
                let columns = checked(Some(id), columns)?;
                // beyond what an i64 holds it is that bound
                let (from_ms, until_ms) = (from.floor() as i64, until.ceil() as i64);
                Ok(Asked::History { id, from_ms, until_ms, columns })
            }
            "ping" => {
                let Ping { client } = serde_json::from_str(text).map_err(wrong)?;
                Ok(Asked::Ping { client })
            }
            other => {
                let message =
                    format!("{} is no type: there are subscribe, history and ping", Short(other));
                Err(refused(id, message))
            }
        }
    }
}

fn checked(id: Option<u64>, columns: Vec<Wanted>) -> Result<Box<[Column]>, Refused> {
    let count = columns.len();
    check(columns).map_err(|message| Refused { id, message, columns: count })
}

/// What the server says besides hello and data.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(crate) enum Said<'a> {
    Subscribed { id: Option<u64>, schema: u16, rate: u32, columns: &'a [Described] },
    Catalog { generation: u64 },
    Settings { tick_ms: u64, page_rate_hz: u32, window_s: u32 },
    HistoryEnd { id: u64, points: usize, step_ms: i64 },
    Pong { client: Number, now: f64 },
    Error { id: Option<u64>, message: &'a str },
}

pub(crate) fn to_json(message: &impl Serialize) -> String {
    serde_json::to_string(message).expect("texts and numbers under fixed names")
}

/// Milliseconds since the Unix epoch, with their fraction.
pub(crate) fn unix_ms(registry: &Registry) -> f64 {
    registry.clock().unix_ns() as f64 * 1e-6
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;
    use crate::plan::Plan;

    /// JSON of any shape, with the words of the protocol where they may do harm.
    fn anything() -> impl Strategy<Value = Value> {
        let word = prop_oneof![
            Just("subscribe".to_owned()),
            Just("history".to_owned()),
            Just("between:0:1".to_owned()),
            Just("between:nan:inf".to_owned()),
            Just("between:-1e999:1e999".to_owned()),
            Just("p99".to_owned()),
            Just("level".to_owned()),
            any::<String>(),
        ];
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            word.clone().prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 32, 6, move |inner| {
            let name = prop_oneof![
                Just("type".to_owned()),
                Just("id".to_owned()),
                Just("rate".to_owned()),
                Just("columns".to_owned()),
                Just("metric".to_owned()),
                Just("labels".to_owned()),
                Just("stat".to_owned()),
                Just("from".to_owned()),
                Just("until".to_owned()),
                word.clone(),
            ];
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
                prop::collection::btree_map(name, inner, 0..6).prop_map(|map| Value::from(
                    map.into_iter().collect::<serde_json::Map<_, _>>()
                )),
            ]
        })
    }

    /// A message of a type, with anything as the rest.
    fn message() -> impl Strategy<Value = Value> {
        let kind = prop_oneof![Just("subscribe"), Just("history"), Just("ping"), Just("?")];
        let column = (any::<String>(), anything(), anything()).prop_map(
            |(metric, labels, stat)| json!({"metric": metric, "labels": labels, "stat": stat}),
        );
        let columns =
            prop_oneof![anything(), prop::collection::vec(column, 0..4).prop_map(Value::from),];
        (kind, anything(), 0_u32..70, columns).prop_map(|(kind, id, rate, columns)| {
            json!({"type": kind, "id": id, "rate": rate, "from": rate, "until": 60, "client": rate,
                "columns": columns})
        })
    }

    fn answered(text: &str) {
        match Asked::parse(text) {
            Ok(Asked::Subscribe { columns, .. } | Asked::History { columns, .. }) => {
                let registry = Registry::new();
                registry.gauge(("level", "A level.")).unwrap();
                let mut plan = Plan::new(&registry, &columns);
                assert_eq!(plan.read().len(), columns.len());
            }
            Ok(Asked::Ping { .. }) => {}
            Err(refused) => {
                let said = to_json(&Said::Error { id: refused.id, message: &refused.message });
                assert!(said.len() < 1_000, "{said}");
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(100))]

        #[test]
        fn any_text_is_answered(text in any::<String>()) {
            answered(&text);
        }

        #[test]
        fn any_json_is_answered(value in anything()) {
            answered(&value.to_string());
        }

        #[test]
        fn any_message_is_answered(message in message()) {
            answered(&message.to_string());
        }
    }

    #[test]
    fn there_is_a_bound_on_all_that_is_asked_for() {
        let of = |columns: Vec<Value>| {
            let message = json!({"type": "subscribe", "id": 1, "rate": 1, "columns": columns});
            Asked::parse(&message.to_string()).unwrap_err().message
        };
        let column = |metric: &str, labels: usize| {
            let labels: serde_json::Map<_, _> =
                (0..labels).map(|n| (n.to_string(), Value::from("x"))).collect();
            json!({"metric": metric, "labels": labels, "stat": "rate"})
        };
        assert!(of(vec![column("x", 0); 257]).contains("limit of 256"));
        assert!(of(vec![column("x", 5); 205]).contains("limit of 1024"));
        assert!(of(vec![column(&"x".repeat(1_025), 0)]).contains("1024 bytes"));
        let deep = "[".repeat(60_000);
        assert!(Asked::parse(&deep).is_err());
    }
}
