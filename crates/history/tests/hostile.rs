//! No text of a query does any harm.

use std::sync::OnceLock;

use perf_monitor_history::{Labels, Limits, MemoryHistory, Options, Query};
use proptest::prelude::*;

/// Words that queries are made of, and some that they are not.
const WORDS: &[&str] = &[
    "x",
    "y_total",
    "sum",
    "rate",
    "topk",
    "by",
    "without",
    "on",
    "ignoring",
    "group_left",
    "offset",
    "bool",
    "and",
    "or",
    "unless",
    "histogram_quantile",
    "absent",
    "scalar",
    "vector",
    "time",
    "clamp",
    "round",
    "quantile",
    "avg_over_time",
    "(",
    ")",
    "{",
    "}",
    "[",
    "]",
    ",",
    "=",
    "!=",
    "=~",
    "!~",
    "==",
    ">",
    "<",
    "+",
    "-",
    "*",
    "/",
    "%",
    "^",
    "@",
    ":",
    "1",
    "0.5",
    "1e308",
    "NaN",
    "Inf",
    "5m",
    "1y",
    "99999999999999y",
    "\"a\"",
    "'(a+)+$'",
    "`",
    "\"",
    "\\",
    "#",
    "\n",
    " ",
    "ä",
    "\0",
    "le",
    "x[1m]",
    "x{a=~\".*\"}",
    "{a=\"b\"}",
    "x[5m] offset 99999y",
    "x offset -99999y",
];

fn history() -> &'static MemoryHistory {
    static HISTORY: OnceLock<MemoryHistory> = OnceLock::new();
    HISTORY.get_or_init(|| {
        let history = MemoryHistory::new(Options::default()).unwrap();
        let labels = [
            Labels::new([("__name__", "x"), ("a", "b")]),
            Labels::new([("__name__", "x"), ("a", "c"), ("le", "1")]),
            Labels::new([("__name__", "y_total"), ("le", "+Inf")]),
        ];
        for tick in 0..100 {
            history.record_values(tick * 1_000, labels.iter().map(|labels| (labels, tick as f64)));
        }
        history
    })
}

fn evaluate(text: &str) {
    let limits = Limits { points: 1_000_000, ..Limits::default() };
    let query = match Query::parse_within(text, limits) {
        Ok(query) => query,
        Err(error) => {
            assert!(!error.to_string().is_empty());
            return;
        }
    };
    for at_ms in [50_000, 0, i64::MAX, i64::MIN] {
        let _ = query.instant(history(), at_ms);
        let _ = query.range(history(), at_ms, at_ms.saturating_add(10_000), 1_000);
    }
    let again = Query::parse(&query.to_string()).expect("a printed query is one");
    assert_eq!(again.to_string(), query.to_string());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4_000, ..ProptestConfig::default() })]

    #[test]
    fn any_text_is_a_query_or_an_error(text in ".{0,60}") {
        evaluate(&text);
    }

    #[test]
    fn any_words_are_a_query_or_an_error(words in prop::collection::vec(prop::sample::select(WORDS), 0..14)) {
        evaluate(&words.concat());
        evaluate(&words.join(" "));
    }
}

#[test]
fn what_is_too_deep_is_an_error_that_names_the_limit() {
    let deep = [
        format!("{}1{}", "(".repeat(500), ")".repeat(500)),
        "-".repeat(500) + "1",
        "1".to_owned() + &"+1".repeat(500),
        "1".to_owned() + &"^1".repeat(500),
        "abs(".repeat(500),
        "sum(".repeat(500),
        "x{".repeat(500),
    ];
    for text in &deep[..6] {
        let error = Query::parse(text).unwrap_err();
        assert!(error.is_limit() && error.to_string().contains("`depth` of 64"), "{error}");
    }
    assert!(Query::parse(&deep[6]).unwrap_err().is_syntax());
    let long = "x".repeat(20_000);
    assert!(Query::parse(&long).unwrap_err().to_string().contains("`text_bytes` of 16384"));
}

#[test]
fn what_asks_for_too_much_is_an_error_that_names_the_limit() {
    let parse = |limits| Query::parse_within("sum_over_time(x[1m])", limits).unwrap();
    let few_points = parse(Limits { points: 100, ..Limits::default() });
    let error = few_points.instant(history(), 99_000).unwrap_err();
    assert!(error.is_limit() && error.to_string().contains("`points` of 100"), "{error}");
    let few_series = parse(Limits { series: 1, ..Limits::default() });
    let error = few_series.instant(history(), 99_000).unwrap_err();
    assert!(error.is_limit() && error.to_string().contains("`series` of 1"), "{error}");
    let steps = parse(Limits::default());
    let error = steps.range(history(), 0, 1_000_000_000, 1_000).unwrap_err();
    assert!(error.is_limit() && error.to_string().contains("`steps` of 11000"), "{error}");
    assert!(steps.range(history(), 0, 1_000, 0).unwrap_err().is_options());
    assert!(steps.range(history(), 1_000, 0, 1).unwrap_err().is_options());
    assert!(steps.range(history(), i64::MIN, i64::MAX, 1).unwrap_err().is_limit());
}
