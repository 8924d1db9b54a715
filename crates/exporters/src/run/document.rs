//! The document of a run, byte for byte as Python's `json` writes it.

use std::fmt::Write;

use perf_monitor_instruments::{CacheMetrics, ResourceMetrics, StageMetrics};

use super::{RunMetrics, seconds};
use crate::moment::Moment;

const OVERFLOW: &str = "overflow";

pub(super) fn write(run: &RunMetrics) -> String {
    let mut out = String::new();
    Object::write(&mut out, 0, |root| {
        root.text("start_time", &iso(run.run.started_unix_ns));
        root.float("duration_s", seconds(run.duration()));
        root.object("stages", |all| stages(all, &run.stages()));
        root.object("resources", |resources| averages(resources, &run.resources()));
        root.object("caches", |all| caches(all, &run.caches()));
    });
    out
}

fn stages(all: &mut Object<'_>, stages: &[StageMetrics]) {
    let taken = stages.iter().any(|stage| !stage.overflow && stage.name == OVERFLOW);
    for stage in stages {
        let total = seconds(stage.total);
        all.object(key(&stage.name, stage.overflow && taken), |one| {
            one.integer("count", stage.count);
            one.float("total_duration_s", total);
            one.float("avg_duration_s", total / stage.count as f64);
            one.float("min_duration_s", stage.min.map_or(0.0, seconds));
            one.float("max_duration_s", stage.max.map_or(0.0, seconds));
            one.float("throughput_per_s", stage.throughput_per_s());
            one.integer("errors", stage.errors);
        });
    }
}

fn averages(one: &mut Object<'_>, resources: &ResourceMetrics) {
    one.float("avg_cpu_percent", resources.avg_cpu_percent.unwrap_or(0.0));
    one.float("avg_memory_mb", resources.avg_memory_mb.unwrap_or(0.0));
    one.float("avg_disk_io_mb", resources.avg_disk_io_mb.unwrap_or(0.0));
    one.float("avg_network_io_mb", resources.avg_network_io_mb.unwrap_or(0.0));
    one.integer("cpu_samples", resources.cpu_samples);
    one.integer("memory_samples", resources.memory_samples);
}

fn caches(all: &mut Object<'_>, caches: &[CacheMetrics]) {
    let taken = caches.iter().any(|cache| !cache.overflow && cache.name == OVERFLOW);
    for cache in caches {
        all.object(key(&cache.name, cache.overflow && taken), |one| {
            one.integer("hits", cache.hits);
            one.integer("misses", cache.misses);
            one.float("hit_rate_pct", cache.hit_rate_pct());
            one.integer("evictions", cache.evictions);
            one.float(
                "size_mb",
                cache.size_bytes.unwrap_or(0) as f64 / ResourceMetrics::BYTES_PER_MB,
            );
        });
    }
}

/// A key comes once: what had no room gives way to what was called `overflow` by its owner.
fn key(name: &str, taken: bool) -> &str {
    if taken { "(overflow)" } else { name }
}

/// An object whose members stand on lines of their own.
struct Object<'a> {
    out: &'a mut String,
    depth: usize,
    empty: bool,
}

impl Object<'_> {
    fn write(out: &mut String, depth: usize, fill: impl FnOnce(&mut Object<'_>)) {
        out.push('{');
        let mut object = Object { out, depth, empty: true };
        fill(&mut object);
        if !object.empty {
            object.line(depth);
        }
        object.out.push('}');
    }

    fn object(&mut self, key: &str, fill: impl FnOnce(&mut Object<'_>)) {
        self.key(key);
        Object::write(self.out, self.depth + 1, fill);
    }

    fn text(&mut self, key: &str, value: &str) {
        self.key(key);
        push_text(self.out, value);
    }

    fn integer(&mut self, key: &str, value: u64) {
        self.key(key);
        self.out.push_str(itoa::Buffer::new().format(value));
    }

    fn float(&mut self, key: &str, value: f64) {
        self.key(key);
        push_float(self.out, value);
    }

    fn key(&mut self, key: &str) {
        if !std::mem::replace(&mut self.empty, false) {
            self.out.push(',');
        }
        self.line(self.depth + 1);
        push_text(self.out, key);
        self.out.push_str(": ");
    }

    fn line(&mut self, depth: usize) {
        self.out.push('\n');
        self.out.extend(std::iter::repeat_n("  ", depth));
    }
}

/// `datetime.isoformat()`: microseconds, unless they are none.
fn iso(unix_ns: u64) -> String {
    let moment = Moment::of(unix_ns);
    match moment.nanos() / 1_000 {
        0 => moment.with('T'),
        micros => format!("{}.{micros:06}", moment.with('T')),
    }
}

/// A JSON string in ASCII.
fn push_text(out: &mut String, text: &str) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            ' '..='~' => out.push(c),
            _ => {
                for unit in c.encode_utf16(&mut [0; 2]) {
                    let _ = write!(out, "\\u{unit:04x}");
                }
            }
        }
    }
    out.push('"');
}

/// `float.__repr__`: the fewest digits that read back as the same number, always with a point or an exponent, which
/// has two digits. What JSON cannot say is 0.0.
fn push_float(out: &mut String, x: f64) {
    if !x.is_finite() {
        return out.push_str("0.0");
    }
    let scientific = format!("{x:e}");
    let (digits, exponent) = scientific.split_once('e').expect("the format has an exponent");
    let exponent: i32 = exponent.parse().expect("an exponent is a number");
    let _ = match exponent {
        -4..16 => write!(out, "{x:?}"),
        16.. => write!(out, "{digits}e+{exponent:02}"),
        _ => write!(out, "{digits}e-{:02}", -exponent),
    };
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn every_float_reads_back_as_itself(bits: u64) {
            let x = f64::from_bits(bits);
            let mut out = String::new();
            push_float(&mut out, x);
            prop_assert!(out.contains(['.', 'e']));
            prop_assert_eq!(out.parse::<f64>().unwrap(), if x.is_finite() { x } else { 0.0 });
        }
    }

    #[test]
    fn floats_are_spelled_as_python_spells_them() {
        for (x, wanted) in [
            (50.0, "50.0"),
            (0.0, "0.0"),
            (-0.0, "-0.0"),
            (0.05, "0.05"),
            (0.1 + 0.2, "0.30000000000000004"),
            (0.0001, "0.0001"),
            (0.00001, "1e-05"),
            (1.5e-7, "1.5e-07"),
            (1e15, "1000000000000000.0"),
            (1e16, "1e+16"),
            (1.25e300, "1.25e+300"),
            (f64::NAN, "0.0"),
        ] {
            let mut out = String::new();
            push_float(&mut out, x);
            assert_eq!(out, wanted);
        }
    }

    #[test]
    fn texts_are_spelled_as_python_spells_them() {
        let mut out = String::new();
        push_text(&mut out, "a\"b\\c\n\r\t\u{8}\u{c}\u{1}\u{7f}é€🙂/");
        assert_eq!(out, r#""a\"b\\c\n\r\t\b\f\u0001\u007f\u00e9\u20ac\ud83d\ude42/""#);
    }

    #[test]
    fn a_full_second_has_no_microseconds() {
        assert_eq!(iso(1_737_473_400_123_456_789), "2025-01-21T15:30:00.123456");
        assert_eq!(iso(1_737_473_400_000_000_999), "2025-01-21T15:30:00");
    }
}
