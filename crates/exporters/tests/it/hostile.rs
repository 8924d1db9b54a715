//! Whatever stands in labels and help, and whatever the numbers are, an independent reader gets it back.

use crate::families::{family, series};
use crate::parser::Exposition;
use perf_monitor_core::{Kind, Unit, Value, Visitor};
use perf_monitor_exporters::{Format, TextEncoder};
use proptest::prelude::*;

/// Any text, with the characters that matter to the formats more often than chance has them.
fn text() -> impl Strategy<Value = String> {
    let part = prop_oneof![
        any::<char>().prop_map(String::from),
        prop::sample::select(vec![
            "\\", "\"", "\n", "\r", "}", "{", ",", " ", "=\"", "\\n", "# EOF", "\0", "é", "🙂"
        ])
        .prop_map(String::from),
        "[a-z/]{0,12}",
    ];
    prop::collection::vec(part, 0..12).prop_map(|parts| parts.concat())
}

fn encode(format: Format, visit: impl Fn(&mut dyn Visitor)) -> Exposition {
    let mut encoder = TextEncoder::new(format).with_const_labels([("zone", "a\\\"\n")]).unwrap();
    visit(&mut encoder);
    encoder.finish();
    let text = String::from_utf8(std::mem::take(encoder.buffer())).unwrap();
    let read = Exposition::parse(&text);
    assert_eq!(read.ended, format == Format::OpenMetrics);
    read
}

const FORMATS: [(Format, &str); 2] =
    [(Format::Text, "things_total"), (Format::OpenMetrics, "things")];

proptest! {
    #[test]
    fn labels_and_help_read_back_as_they_were(help in text(), values in prop::collection::vec((text(), text()), 1..8), n: u64) {
        let things = family("things_total", &help, Unit::None, Kind::Counter, &["a", "b"]);
        for (format, name) in FORMATS {
            let read = encode(format, |visitor| {
                visitor.family(&things);
                for (a, b) in &values {
                    visitor.series(&things, &series(&[a, b]), Value::Counter(n));
                }
            });
            prop_assert_eq!(&read.families[name].help, &help);
            let found: Vec<_> = read.named("things_total").collect();
            prop_assert_eq!(found.len(), values.len());
            for (sample, (a, b)) in found.into_iter().zip(&values) {
                prop_assert_eq!(sample.label("a"), Some(&**a));
                prop_assert_eq!(sample.label("b"), Some(&**b));
                prop_assert_eq!(sample.label("zone"), Some("a\\\"\n"));
                prop_assert_eq!(&sample.value, &n.to_string());
            }
        }
    }

    #[test]
    fn numbers_read_back_as_they_were(bits: u64, nanos: u64) {
        let gauge = family("level", "", Unit::None, Kind::Gauge, &[]);
        let time = family("busy_seconds_total", "", Unit::Nanoseconds, Kind::Counter, &[]);
        let x = f64::from_bits(bits);
        for (format, _) in FORMATS {
            let read = encode(format, |visitor| {
                visitor.family(&gauge);
                visitor.series(&gauge, &series(&[]), Value::Gauge(x));
                visitor.family(&time);
                visitor.series(&time, &series(&[]), Value::Counter(nanos));
            });
            let level = read.named("level").next().unwrap().number();
            prop_assert!(level.to_bits() == bits || (level.is_nan() && x.is_nan()));
            let seconds = &read.named("busy_seconds_total").next().unwrap().value;
            let (whole, fraction) = seconds.split_once('.').unwrap_or((seconds, ""));
            let digits = format!("{whole}{fraction:0<9}");
            prop_assert_eq!(digits.parse::<u64>().unwrap(), nanos);
        }
    }
}
