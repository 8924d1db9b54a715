//! A real Prometheus, given the same samples, gives the same answers.

mod support;

use std::collections::BTreeMap;

use perf_monitor_history::{
    Error, Labels, MatrixSeries, MemoryHistory, Query, QueryValue, VectorSample,
};
use support::prometheus::{Answer, Prometheus, program};
use support::queries::{Generator, UNSUPPORTED, refused, written};
use support::samples::{END_MS, START_MS, fill};
use support::service::Noise;

/// Queries that the generator makes.
const GENERATED: usize = 1_200;

type Series = BTreeMap<Labels, Vec<(i64, f64)>>;

/// Differences in the order of additions; most answers agree to the bit.
const ROUNDING: f64 = 1e-9;

fn same(a: f64, b: f64) -> bool {
    a == b || (a.is_nan() && b.is_nan()) || (a - b).abs() <= ROUNDING * a.abs().max(b.abs())
}

fn equal(ours: &Series, theirs: &Series) -> bool {
    let points = |a: &Vec<(i64, f64)>, b: &Vec<(i64, f64)>| {
        a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.0 == b.0 && same(a.1, b.1))
    };
    ours.len() == theirs.len()
        && ours.iter().zip(theirs).all(|(a, b)| a.0 == b.0 && points(a.1, b.1))
}

fn instant(history: &MemoryHistory, query: &str, at_ms: i64) -> Result<Series, Error> {
    Ok(match Query::parse(query)?.instant(history, at_ms)? {
        QueryValue::Scalar(value) => [(Labels::none(), vec![(at_ms, value)])].into(),
        QueryValue::Vector(samples) => samples
            .into_iter()
            .map(|VectorSample { labels, value }| (labels, vec![(at_ms, value)]))
            .collect(),
        QueryValue::Matrix(series) => by_labels(series),
    })
}

fn by_labels(series: Vec<MatrixSeries>) -> Series {
    series.into_iter().map(|MatrixSeries { labels, points }| (labels, points)).collect()
}

/// What went wrong, if the two disagree.
fn disagreement(query: &str, ours: &Result<Series, Error>, theirs: &Answer) -> Option<String> {
    let agree = match (ours, theirs) {
        (Ok(ours), Answer::Series(theirs)) => equal(ours, theirs),
        (Err(error), Answer::Failed(_)) => error.is_evaluation(),
        (Err(error), Answer::Misspelled(_)) => error.is_syntax(),
        _ => false,
    };
    (!agree).then(|| format!("{query}\n  ours:   {ours:?}\n  theirs: {theirs:?}"))
}

/// How many of the answers say something.
#[derive(Debug, Default)]
struct Tally {
    /// With a number in them.
    numbers: usize,
    nothing: usize,
    failed: usize,
}

impl Tally {
    fn count(&mut self, ours: &Result<Series, Error>) {
        match ours {
            Ok(series) if series.values().flatten().any(|(_, value)| !value.is_nan()) => {
                self.numbers += 1
            }
            Ok(_) => self.nothing += 1,
            Err(_) => self.failed += 1,
        }
    }
}

fn check(findings: &[String], asked: usize) {
    println!("{asked} queries, {} disagreements", findings.len());
    assert!(findings.is_empty(), "{}", findings[..findings.len().min(20)].join("\n"));
}

#[test]
fn answers_are_those_of_prometheus() {
    let Some(program) = program() else { return };
    let prometheus = Prometheus::start(&program, "answers");
    let (history, samples) = fill();
    prometheus.write(&samples);

    let mut generator = Generator(Noise(7));
    let mut queries: Vec<String> = written().map(str::to_owned).collect();
    let all = queries.len() + GENERATED;
    while queries.len() < all {
        let depth = 1 + queries.len() as u32 % 4;
        queries.push(if queries.len().is_multiple_of(9) {
            generator.scalar(depth)
        } else {
            generator.vector(depth)
        });
    }
    let (mut findings, mut tally) = (Vec::new(), Tally::default());
    for (index, query) in queries.iter().enumerate() {
        let at_ms = [END_MS, END_MS - 15_000, START_MS + 120_500, END_MS + 45_000][index % 4];
        let ours = instant(&history, query, at_ms);
        tally.count(&ours);
        let theirs = prometheus.instant(query, at_ms);
        findings.extend(disagreement(query, &ours, &theirs));
        // The printed form has parentheses where ours are: it must mean the same to them.
        if let (Ok(parsed), true) = (Query::parse(query), index % 3 == 0) {
            let printed = parsed.to_string();
            let theirs = prometheus.instant(&printed, at_ms);
            findings.extend(disagreement(&format!("{query}, printed {printed}"), &ours, &theirs));
        }
    }
    check(&findings, queries.len());
    println!("{tally:?}");
    assert!(tally.numbers > queries.len() / 2, "most say something: {tally:?}");

    let mut findings = Vec::new();
    let ranges: Vec<&String> = queries.iter().step_by(4).collect();
    for query in &ranges {
        let (from_ms, until_ms, step_ms) = (START_MS - 20_000, END_MS + 40_000, 23_000);
        let ours = Query::parse(query)
            .and_then(|query| query.range(&history, from_ms, until_ms, step_ms).map(by_labels));
        let theirs = prometheus.range(query, from_ms, until_ms, step_ms);
        findings.extend(disagreement(query, &ours, &theirs));
    }
    check(&findings, ranges.len());
}

#[test]
fn what_prometheus_refuses_is_refused_and_what_it_takes_is_taken() {
    let Some(program) = program() else { return };
    let prometheus = Prometheus::start(&program, "grammar");
    let mut findings = Vec::new();
    let mut asked = 0;
    let mut ask = |text: &str| {
        asked += 1;
        let misspelled = matches!(prometheus.instant(text, START_MS), Answer::Misspelled(_));
        let ours = Query::parse(text);
        let agree = match &ours {
            Ok(_) => !misspelled,
            Err(error) => misspelled || error.is_unsupported(),
        };
        if !agree {
            findings.push(format!("{text:?}: ours {ours:?}, refused by theirs: {misspelled}"));
        }
    };
    refused().for_each(&mut ask);
    let mut noise = Noise(11);
    for query in written() {
        for _ in 0..3 {
            ask(&broken(query, &mut noise));
        }
    }
    check(&findings, asked);
}

/// A query with a word left out, doubled or put elsewhere.
fn broken(query: &str, noise: &mut Noise) -> String {
    let mut words: Vec<&str> = query.split_inclusive(|c: char| !c.is_alphanumeric()).collect();
    let place = noise.below(words.len() as u64) as usize;
    let word = words[place];
    match noise.below(3) {
        0 => drop(words.remove(place)),
        1 => words.insert(place, word),
        _ => words.insert(noise.below(words.len() as u64) as usize, word),
    }
    words.concat()
}

#[test]
fn what_is_not_supported_is_named_with_its_place() {
    for (query, column) in UNSUPPORTED {
        let error = Query::parse(query).unwrap_err();
        assert!(error.is_unsupported(), "{query}: {error}");
        assert_eq!(error.place().map(|place| place.column), Some(*column), "{query}: {error}");
    }
    for query in refused() {
        let Err(error) = Query::parse(query) else { panic!("{query} is taken") };
        assert!(error.place().is_some(), "{query}: {error}");
    }
}
