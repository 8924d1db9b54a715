//! A scrape in chunks is the scrape as a whole, and only a chunk of it is in memory.

use perf_monitor_core::Registry;
use perf_monitor_exporters::{
    Edges, ExporterOptions, Format, MetricsExporter, Scrape, TextEncoder,
};
use perf_monitor_http::{CHUNK_BYTES, ChunkSource};

use crate::families::{filled_registry, large_registry};
use crate::parser::Exposition;

fn chunks(mut scrape: Scrape) -> Vec<Vec<u8>> {
    let mut chunks = Vec::new();
    loop {
        let mut chunk = Vec::new();
        let more = scrape.next_chunk(&mut chunk);
        chunks.push(chunk);
        if !more {
            return chunks;
        }
    }
}

#[test]
fn chunks_of_100_000_series_are_the_whole_and_each_is_small() {
    let registry = large_registry(50_000);
    for format in [Format::Text, Format::OpenMetrics] {
        let chunks = chunks(Scrape::new(&registry, TextEncoder::new(format)));
        let whole = TextEncoder::new(format).encode(&registry);
        assert!(chunks.concat() == whole, "the chunks are not the whole");
        let read = Exposition::parse(std::str::from_utf8(&whole).unwrap());
        assert_eq!(read.named("calls_total").count(), 50_000);
        assert_eq!(read.named("depth").count(), 50_000);
        assert_eq!(read.named("sizes_count").count(), 500);
        let largest = chunks.iter().map(Vec::len).max().unwrap();
        assert!(largest <= 2 * CHUNK_BYTES, "{largest}");
        let (_, all_but_last) = chunks.split_last().unwrap();
        assert!(all_but_last.iter().all(|chunk| chunk.len() >= CHUNK_BYTES / 2), "chunks are full");
    }
}

#[test]
fn series_that_are_larger_than_a_chunk_are_cut() {
    let edges: Vec<f64> = (0..256).map(f64::from).collect();
    let encoder = || {
        TextEncoder::new(Format::OpenMetrics)
            .with_edges(Edges::default().plain(&edges).unwrap())
            .with_const_labels([("long", "x".repeat(1_000))])
            .unwrap()
    };
    let registry = large_registry(500);
    let chunks = chunks(Scrape::new(&registry, encoder()));
    assert!(chunks.iter().all(|chunk| chunk.len() <= 2 * CHUNK_BYTES));
    assert!(chunks.concat() == encoder().encode(&registry), "the chunks are not the whole");
}

#[test]
fn an_empty_registry_is_an_empty_text_and_an_ended_open_metrics() {
    let registry = Registry::new();
    assert_eq!(chunks(Scrape::new(&registry, TextEncoder::new(Format::Text))), [b""]);
    assert_eq!(chunks(Scrape::new(&registry, TextEncoder::new(Format::OpenMetrics))), [b"# EOF\n"]);
}

#[test]
fn the_service_and_the_host_are_told_as_asked() {
    let options = ExporterOptions::default()
        .service("check\"out")
        .version("1.4.2")
        .host("web-1")
        .label_host(true)
        .const_label("region", "eu")
        .unwrap();
    let exporter = MetricsExporter::new(&filled_registry(), options);
    for (format, family, kind) in
        [(Format::Text, "target_info", "gauge"), (Format::OpenMetrics, "target", "info")]
    {
        let text = String::from_utf8(exporter.encode(format)).unwrap();
        let read = Exposition::parse(&text);
        assert_eq!(read.families[family].kind, kind);
        let info: Vec<_> = read.named("target_info").collect();
        assert_eq!(info.len(), 1);
        assert_eq!(info[0].value, "1");
        assert_eq!(info[0].label("service_name"), Some("check\"out"));
        assert_eq!(info[0].label("service_version"), Some("1.4.2"));
        assert_eq!(info[0].label("host_name"), Some("web-1"));
        for sample in read.samples.iter().filter(|sample| sample.name != "target_info") {
            assert_eq!(sample.label("host"), Some("web-1"), "{sample:?}");
            assert_eq!(sample.label("region"), Some("eu"), "{sample:?}");
        }
    }
}

#[test]
fn a_target_info_of_the_users_own_stays_the_only_one() {
    let registry = Registry::new();
    registry.gauge(("target_info", "My own.")).unwrap().set(1.0);
    let options = ExporterOptions::default().service("checkout");
    let exporter = MetricsExporter::new(&registry, options);
    let mine = "# HELP target_info My own.\n# TYPE target_info gauge\ntarget_info 1\n";
    assert_eq!(exporter.render(), mine);
}

#[test]
fn constant_labels_of_options_are_checked_and_win_over_the_hosts() {
    assert!(ExporterOptions::default().const_label("9a", "x").unwrap_err().is_options());
    let options = ExporterOptions::default()
        .host("web-1")
        .label_host(true)
        .const_label("host", "mine")
        .unwrap();
    let registry = Registry::new();
    registry.counter(("jobs_total", "Jobs.")).unwrap();
    let text = MetricsExporter::new(&registry, options).render();
    assert!(text.contains("jobs_total{host=\"mine\"} 0\n"), "{text}");
}
