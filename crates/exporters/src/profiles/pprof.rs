//! Profiles as `profile.proto`, which `go tool pprof` and Pyroscope read.
//!
//! The numbers of fields are those of <https://github.com/google/pprof/blob/main/proto/profile.proto>.

use std::borrow::Cow;
use std::collections::HashMap;
use std::io::Write;
use std::time::UNIX_EPOCH;

use flate2::Compression;
use flate2::write::GzEncoder;
use perf_monitor_profiling::{Difference, Line, Module, Names, Place, Report, Sample, ValueType};

use crate::wire::Wire;

/// The longest stack that is written: longer ones are of no sampler of ours.
const MOST_FRAMES: usize = 1_024;

/// Writes `report` as a gzipped protobuf, as Go's `/debug/pprof/profile` answers.
///
/// It has functions, files, lines and inlined functions, the mapped files with their build ids, the labels `thread`,
/// `span_name` and `trace_id`, and the notes as comments. What has no name is called by module and address, and can be
/// named by `go tool pprof` where the program is: `go tool pprof PROGRAM cpu.pb.gz`.
///
/// # Cost
/// About 60 ms for 32,000 samples of 20 frames each, with the gzip: see `docs/profiling.md`.
///
/// ```
/// use perf_monitor_exporters::to_pprof;
/// use perf_monitor_profiling::{Names, Report};
///
/// fn save(report: &Report) -> std::io::Result<()> {
///     std::fs::write("cpu.pb.gz", to_pprof(report, &Names::of(report)))
/// }
/// ```
pub fn to_pprof(report: &Report, names: &Names) -> Vec<u8> {
    let values = report.samples.iter();
    let values = values.map(|sample| sample.values.iter().copied().map(signed).collect());
    Encoder::new(report, names).write(values)
}

/// Writes what changed, in the same way: values are negative where there is less than before.
///
/// `names` are those of [`Difference::after`], which has the stacks of both.
pub fn difference_to_pprof(difference: &Difference, names: &Names) -> Vec<u8> {
    let values = (0..difference.after.samples.len()).map(|sample| {
        (0..difference.after.values.len()).map(|value| difference.change(sample, value)).collect()
    });
    Encoder::new(&difference.after, names).write(values)
}

fn signed(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

struct Encoder<'a> {
    report: &'a Report,
    names: &'a Names,
    wire: Wire,
    strings: Strings<'a>,
    functions: HashMap<(u64, u64), u64>,
    locations: HashMap<Place, u64>,
}

impl<'a> Encoder<'a> {
    fn new(report: &'a Report, names: &'a Names) -> Encoder<'a> {
        let (wire, functions, locations) = Default::default();
        let strings = Strings::default();
        Encoder { report, names, wire, strings, functions, locations }
    }

    fn write(mut self, values: impl Iterator<Item = Vec<i64>>) -> Vec<u8> {
        for value in &self.report.values {
            self.value_type(1, *value);
        }
        for (sample, values) in self.report.samples.iter().zip(values) {
            if values.iter().any(|value| *value != 0) {
                self.sample(sample, &values);
            }
        }
        self.mappings();
        self.about();
        // the last, since all that is above adds to it
        for text in &self.strings.texts {
            self.wire.bytes_of(6, text.as_bytes());
        }
        gzip(self.wire.bytes())
    }

    fn value_type(&mut self, field: u32, value: ValueType) {
        let (name, unit) = (self.strings.number(value.name), self.strings.number(value.unit));
        self.wire.message(field, |wire| {
            wire.varint(1, name);
            wire.varint(2, unit);
        });
    }

    fn sample(&mut self, sample: &Sample, values: &[i64]) {
        let mut stack = Vec::new();
        let report = self.report;
        for number in report.frames(sample.leaf).take(MOST_FRAMES) {
            if let Some(node) = report.stacks.get(number as usize)
                && !self.names.is_hidden(node)
            {
                stack.push(self.location(node.place));
            }
        }
        let name = |names: &'a [String], number: Option<u32>| names.get(number? as usize);
        let mut labels = Vec::new();
        for (key, name) in [
            ("thread", name(&report.threads, sample.thread)),
            ("span_name", name(&report.spans, sample.span)),
        ] {
            labels.extend(name.map(|name| (self.strings.number(key), self.strings.number(name))));
        }
        if let Some(trace) = sample.trace {
            let trace = self.strings.owned(format!("{trace:032x}"));
            labels.push((self.strings.number("trace_id"), trace));
        }
        self.wire.message(2, |wire| {
            wire.packed(1, stack.iter().copied());
            wire.packed(2, values.iter().map(|value| *value as u64));
            for (key, text) in labels {
                wire.message(3, |wire| {
                    wire.varint(1, key);
                    wire.varint(2, text);
                });
            }
        });
    }

    /// The number of a location, which is written when it is first met.
    fn location(&mut self, place: Place) -> u64 {
        if let Some(number) = self.locations.get(&place) {
            return *number;
        }
        let number = self.locations.len() as u64 + 1;
        self.locations.insert(place, number);
        let names = self.names;
        let lines: Vec<(u64, u64)> =
            names.lines(place).iter().map(|line| self.line(line)).collect();
        let (mapping, address) = match place {
            Place::Code { module, address } => (u64::from(module) + 1, address),
            Place::Unknown { address } => (0, address),
            Place::Overflow | Place::Truncated => (0, 0),
        };
        self.wire.message(4, |wire| {
            wire.varint(1, number);
            wire.varint(2, mapping);
            wire.varint(3, address);
            for (function, line) in lines {
                wire.message(4, |wire| {
                    wire.varint(1, function);
                    wire.varint(2, line);
                });
            }
        });
        number
    }

    /// The number of the function, which is written when it is first met, and of the line.
    fn line(&mut self, line: &'a Line) -> (u64, u64) {
        let name = self.strings.number(&line.function);
        let file = self.strings.number(line.file.as_deref().unwrap_or_default());
        let next = self.functions.len() as u64 + 1;
        let number = *self.functions.entry((name, file)).or_insert(next);
        if number == next {
            // without a system's name, which would have pprof take generic arguments for C++'s and cut them
            self.wire.message(5, |wire| {
                wire.varint(1, number);
                wire.varint(2, name);
                wire.varint(4, file);
            });
        }
        (number, line.line.unwrap_or(0).into())
    }

    fn mappings(&mut self) {
        let has = self.named();
        for (number, module) in self.report.modules.iter().enumerate() {
            let build_id = hex(self.names.build_id(number));
            let build_id = self.strings.owned(build_id);
            let path = self.strings.number(&module.path);
            let has = has.get(number).copied().unwrap_or_default();
            self.wire.message(3, |wire| mapping(wire, number, module, path, build_id, has));
        }
    }

    /// Whether anything of a module has a name, and whether it has a file.
    fn named(&self) -> Vec<(bool, bool)> {
        let mut named = vec![(false, false); self.report.modules.len()];
        for place in self.locations.keys() {
            let Place::Code { module, .. } = place else { continue };
            let Some(has) = named.get_mut(usize::from(*module)) else { continue };
            let lines = self.names.lines(*place);
            has.0 |= lines.iter().any(|line| line.is_known);
            has.1 |= lines.iter().any(|line| line.file.is_some());
        }
        named
    }

    fn about(&mut self) {
        let report = self.report;
        let started = report.started.duration_since(UNIX_EPOCH).unwrap_or_default();
        let ns = |time: std::time::Duration| u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        self.wire.varint(9, ns(started));
        self.wire.varint(10, ns(report.duration));
        self.value_type(11, report.value());
        self.wire.varint(12, report.period);
        for note in report.notes.iter().chain(self.names.notes()) {
            let note = self.strings.number(note);
            self.wire.varint(13, note);
        }
        let usual = self.strings.number(report.value().name);
        self.wire.varint(14, usual);
    }
}

fn mapping(
    wire: &mut Wire,
    number: usize,
    module: &Module,
    path: u64,
    build_id: u64,
    (functions, files): (bool, bool),
) {
    wire.varint(1, number as u64 + 1);
    wire.varint(2, module.range.start);
    wire.varint(3, module.range.end);
    wire.varint(4, module.file_offset);
    wire.varint(5, path);
    wire.varint(6, build_id);
    for (field, has) in [(7, functions), (8, files), (9, files), (10, files)] {
        wire.varint(field, has.into());
    }
}

/// Texts by their numbers, each once; number 0 is the empty one.
struct Strings<'a> {
    numbers: HashMap<Cow<'a, str>, u64>,
    texts: Vec<Cow<'a, str>>,
}

impl Default for Strings<'_> {
    fn default() -> Self {
        Strings { numbers: HashMap::from([("".into(), 0)]), texts: vec!["".into()] }
    }
}

impl<'a> Strings<'a> {
    fn number(&mut self, text: &'a str) -> u64 {
        self.add(text.into())
    }

    fn owned(&mut self, text: String) -> u64 {
        self.add(text.into())
    }

    fn add(&mut self, text: Cow<'a, str>) -> u64 {
        if let Some(number) = self.numbers.get(&text) {
            return *number;
        }
        let number = self.texts.len() as u64;
        self.texts.push(text.clone());
        self.numbers.insert(text, number);
        number
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn gzip(plain: &[u8]) -> Vec<u8> {
    const INFALLIBLE: &str = "a vector takes all that is written to it";
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(plain).expect(INFALLIBLE);
    encoder.finish().expect(INFALLIBLE)
}
