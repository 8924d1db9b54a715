//! What is written for every kind of metric, compared with committed files.

use crate::families::visit_example;
use perf_monitor_exporters::{Edges, Format, TextEncoder};

fn encoded(mut encoder: TextEncoder) -> String {
    visit_example(&mut encoder);
    encoder.finish();
    String::from_utf8(std::mem::take(encoder.buffer())).unwrap()
}

/// Compares with the file of that name in `tests/golden`.
#[track_caller]
pub(crate) fn check(name: &str, actual: &str) {
    let path = format!("{}/tests/golden/{name}", env!("CARGO_MANIFEST_DIR"));
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    if expected != actual {
        let found = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        std::fs::write(&found, actual).unwrap();
        panic!("{path} differs from what was written, which is now in {}", found.display());
    }
}

#[test]
fn every_kind_is_written_as_prometheus_text() {
    check("text.txt", &encoded(TextEncoder::new(Format::Text)));
}

#[test]
fn every_kind_is_written_as_open_metrics() {
    check("openmetrics.txt", &encoded(TextEncoder::new(Format::OpenMetrics)));
}

#[test]
fn constant_labels_stand_before_a_series_own_and_give_way_to_them() {
    let encoder = TextEncoder::new(Format::OpenMetrics)
        .with_const_labels([("host", "web \"1\""), ("route", "constant")])
        .unwrap()
        .with_created(false)
        .with_edges(Edges::default().seconds(&[0.001]).unwrap().bytes(&[]).unwrap());
    check("constant_labels.txt", &encoded(encoder));
}

#[test]
fn an_encoder_is_ready_for_the_next_exposition() {
    let mut encoder = TextEncoder::new(Format::OpenMetrics);
    let mut all = Vec::new();
    for _ in 0..2 {
        visit_example(&mut encoder);
        encoder.finish();
        all.push(std::mem::take(encoder.buffer()));
    }
    assert_eq!(all[0], all[1]);
}

#[test]
fn a_constant_label_that_cannot_be_one_is_refused_by_name() {
    for bad in ["", "9a", "a-b", "le", "overflow", "__x", "naïve"] {
        let error = TextEncoder::new(Format::Text).with_const_labels([(bad, "x")]).unwrap_err();
        assert!(error.is_options() && error.to_string().contains(&format!("{bad:?}")));
    }
    let twice = TextEncoder::new(Format::Text).with_const_labels([("a", "1"), ("a", "2")]);
    assert!(twice.unwrap_err().to_string().contains("once"));
}
