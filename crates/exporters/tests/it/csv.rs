//! Comma-separated values, read back by the `csv` crate.

use std::time::Duration;

use perf_monitor_core::{Desc, HistogramOptions, Registry, Unit};
use perf_monitor_exporters::{Scrape, csv_handler, to_csv, write_atomically};
use perf_monitor_http::{CHUNK_BYTES, ChunkSource};
use perf_monitor_instruments::{ResourceSample, Resources};
use proptest::prelude::*;

use crate::families::{filled_registry, large_registry};
use crate::file::Folder;
use crate::golden::check;
use crate::http::ask;
use crate::run::clock;

const COLUMNS: [&str; 7] = ["time", "metric", "type", "unit", "labels", "sample", "value"];

/// All rows by an independent reader, which refuses rows of another length.
fn read(csv: &str) -> Vec<[String; 7]> {
    let mut reader =
        csv::ReaderBuilder::new().terminator(csv::Terminator::CRLF).from_reader(csv.as_bytes());
    assert_eq!(reader.headers().unwrap(), &COLUMNS[..]);
    let rows = reader.records().map(|row| row.unwrap());
    rows.map(|row| row.iter().map(str::to_owned).collect::<Vec<_>>().try_into().unwrap()).collect()
}

fn sample(unix_s: u64, cpu: Option<f64>, bytes: Option<u64>) -> ResourceSample {
    ResourceSample {
        unix_ns: unix_s * 1_000_000_000,
        cpu_percent: cpu,
        memory_bytes: bytes,
        disk_io_bytes: None,
        network_io_bytes: bytes.map(|n| n / 2),
    }
}

/// The value of the row of this metric and sample.
fn value<'a>(rows: &'a [[String; 7]], metric: &str, sample: &str) -> &'a str {
    let found: Vec<_> = rows.iter().filter(|row| row[1] == metric && row[5] == sample).collect();
    assert_eq!(found.len(), 1, "{metric} {sample}");
    &found[0][6]
}

#[test]
fn every_kind_is_written_as_rows() {
    let (clock, _) = clock();
    let registry = Registry::builder().clock(clock).build();
    registry.counter(("jobs_total", "Jobs.")).unwrap().add(42);
    registry.float_counter(("energy_joules_total", "Energy.")).unwrap().add(2.5);
    let busy = Desc::new("busy_seconds_total", "Time.").unit(Unit::Nanoseconds);
    registry.counter(busy).unwrap().add(9_007_199_254_740_993_001);
    let sorts = registry.gauge_family(("level_ratio", "Numbers."), &["sort", "of"]).unwrap();
    for (sort, x) in [
        ("none", f64::NAN),
        ("endless", f64::INFINITY),
        ("bottomless", f64::NEG_INFINITY),
        ("=1+1", -17.25),
        ("two\r\nlines, \"quoted\"", 0.5),
    ] {
        sorts.with(&[sort, "größer 🙂"]).unwrap().set(x);
    }
    let latency = Desc::new("request_duration_seconds", "Time.").unit(Unit::Microseconds);
    let latency = registry.histogram(latency, HistogramOptions::default().digits(3)).unwrap();
    [400, 800, 30_000].into_iter().for_each(|micros| latency.record(micros));
    registry.histogram(("empty", "Nothing yet."), HistogramOptions::default()).unwrap();
    let history =
        [sample(1_737_473_395, None, Some(1_024)), sample(1_737_473_400, Some(55.5), None)];
    check("series.csv", &to_csv(&registry, &history));
}

#[test]
fn numbers_are_in_base_units_and_exact() {
    let rows = read(&to_csv(&filled_registry(), &[]));
    assert_eq!(value(&rows, "jobs_total", "total"), "42");
    assert_eq!(value(&rows, "busy_seconds_total", "total"), "1.5");
    assert_eq!(value(&rows, "temperature_celsius", "value"), "-17.25");
    for (sample, wanted) in [("count", "3"), ("sum", "0.0312"), ("max", "0.03"), ("p50", "0.0008")]
    {
        assert_eq!(value(&rows, "request_duration_seconds", sample), wanted);
    }
    let unit = |sample| {
        let is = |row: &&[String; 7]| row[1] == "request_duration_seconds" && row[5] == sample;
        rows.iter().find(is).unwrap()[3].clone()
    };
    assert_eq!((&*unit("sum"), &*unit("p99"), &*unit("count")), ("seconds", "seconds", ""));
}

#[test]
fn an_empty_registry_is_a_header() {
    assert_eq!(to_csv(&Registry::new(), &[]), format!("{}\r\n", COLUMNS.join(",")));
}

#[test]
fn what_is_not_known_has_no_row() {
    let history = [sample(10, Some(5.0), None), sample(20, None, Some(4_000))];
    let rows = read(&to_csv(&Registry::new(), &history));
    let of = |metric: &str| rows.iter().filter(|row| row[1] == metric).collect::<Vec<_>>();
    assert_eq!(of("resource_cpu_percent").len(), 1);
    assert_eq!(of("resource_cpu_percent")[0][0], "1970-01-01T00:00:10.000Z");
    assert_eq!(of("resource_memory_bytes")[0][6], "4000");
    assert_eq!(of("resource_network_io_bytes")[0][0], "1970-01-01T00:00:20.000Z");
    assert!(of("resource_disk_io_bytes").is_empty());
}

#[test]
fn a_large_registry_comes_in_chunks_that_are_the_whole() {
    let registry = large_registry(3_000);
    let history: Vec<_> = (0..1_000).map(|i| sample(i, Some(1.0), Some(i))).collect();
    let (mut scrape, mut all, mut chunks) = (Scrape::csv(&registry, history), Vec::new(), 0);
    let mut more = true;
    while more {
        let mut chunk = Vec::new();
        more = scrape.next_chunk(&mut chunk);
        assert!(chunk.len() <= 2 * CHUNK_BYTES, "{} bytes at once", chunk.len());
        all.extend(chunk);
        chunks += 1;
    }
    let rows = read(std::str::from_utf8(&all).unwrap());
    assert!(chunks > 10);
    assert_eq!(rows.len(), 3_000 + 3_000 + 30 * 8 + 3 * 1_000);
}

#[tokio::test]
async fn the_handler_streams_the_history_too() {
    let registry = filled_registry();
    let resources = Resources::new(&registry).unwrap();
    resources.record_resources(12.5, 64.0, 0.0, 0.0);
    let answer = ask(&csv_handler(&registry, &resources), &[]).await;
    assert_eq!(answer.header("content-type"), Some("text/csv; charset=utf-8; header=present"));
    let rows = read(std::str::from_utf8(&answer.body()).unwrap());
    assert_eq!(value(&rows, "resource_cpu_percent", "value"), "12.5");
    assert_eq!(value(&rows, "jobs_total", "total"), "42");
    let packed = ask(&csv_handler(&registry, &resources), &[("accept-encoding", "gzip")]).await;
    assert_eq!(packed.header("content-encoding"), Some("gzip"));
}

#[test]
fn rows_go_to_a_file_as_they_are_made() {
    let folder = Folder::new("csv");
    let (path, registry) = (folder.join("series.csv"), large_registry(2_000));
    write_atomically(&path, |out| Scrape::csv(&registry, Vec::new()).write_to(out)).unwrap();
    let rows = read(&std::fs::read_to_string(&path).unwrap());
    assert_eq!(rows.len(), 2_000 + 2_000 + 20 * 8);
    let mut full = FullAfter(100_000);
    assert!(Scrape::csv(&registry, Vec::new()).write_to(&mut full).is_err());
}

/// A disk with so many bytes free.
struct FullAfter(usize);

impl std::io::Write for FullAfter {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0 = self.0.checked_sub(bytes.len()).ok_or(std::io::ErrorKind::StorageFull)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// `name="value"` pairs as Prometheus escapes them, taken apart.
fn labels(text: &str) -> Vec<(String, String)> {
    let (mut pairs, mut rest) = (Vec::new(), text);
    while let Some((name, quoted)) = rest.split_once("=\"") {
        let (mut value, mut chars) = (String::new(), quoted.char_indices());
        let end = loop {
            match chars.next().unwrap() {
                (at, '"') => break at,
                (_, '\\') => value.push(match chars.next().unwrap().1 {
                    'n' => '\n',
                    c => c,
                }),
                (_, c) => value.push(c),
            }
        };
        pairs.push((name.to_owned(), value));
        rest = quoted[end + 1..].trim_start_matches(',');
    }
    pairs
}

proptest! {
    #[test]
    fn labels_read_back_as_they_were(values in prop::collection::vec((hostile(), hostile()), 1..6)) {
        let registry = Registry::new();
        let family = registry.counter_family(("things_total", "Things."), &["a", "b"]).unwrap();
        values.iter().for_each(|(a, b)| family.with(&[a, b]).unwrap().inc());
        let csv = to_csv(&registry, &[]);
        let rows = read(&csv);
        for (a, b) in &values {
            let wanted = [("a".to_owned(), a.clone()), ("b".to_owned(), b.clone())];
            prop_assert!(rows.iter().any(|row| labels(&row[4]) == wanted), "{csv}");
        }
        for row in &rows {
            let begins = row[4].chars().next();
            prop_assert!(begins.is_some_and(|c| c.is_ascii_alphabetic()), "a formula: {}", row[4]);
        }
    }
}

/// Any text, with what matters to CSV and to spreadsheets more often than chance has it.
pub(crate) fn hostile() -> impl Strategy<Value = String> {
    let part = prop_oneof![
        any::<char>().prop_map(String::from),
        prop::sample::select(vec![
            "\"",
            "\"\"",
            ",",
            "\r\n",
            "\r",
            "\n",
            "=1+1",
            "+",
            "-",
            "@",
            "\t",
            ";",
            "\0",
            "|",
            "\\",
            "`",
            "*",
            "_",
            "<b>",
            "&amp;",
            "#",
            "  ",
            "\u{1b}[31m",
            "\u{202e}",
            "\u{2028}",
            "é",
            "🙂",
            "[a](b)",
            "1. ",
            "~~",
            "$$"
        ])
        .prop_map(String::from),
        "[a-z/]{0,40}",
    ];
    prop::collection::vec(part, 0..10).prop_map(|parts| parts.concat())
}

#[test]
fn durations_of_instruments_are_seconds() {
    let registry = Registry::new();
    let stages = perf_monitor_instruments::Stages::new(&registry).unwrap();
    stages.record_stage("fetch", Duration::from_millis(250), false);
    let rows = read(&to_csv(&registry, &[]));
    assert_eq!(value(&rows, "stage_duration_seconds", "sum"), "0.25");
    assert_eq!(rows.iter().find(|row| row[5] == "sum").unwrap()[4], "stage=\"fetch\"");
}
