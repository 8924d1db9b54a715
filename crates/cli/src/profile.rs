//! The command `profile`: what a running monitor is asked for.

use std::path::Path;
use std::time::Duration;

use clap::ValueEnum;

use crate::args::Source;
use crate::error::{Error, Result};

/// How long a CPU profile takes when nobody says.
const USUAL_SECONDS: u64 = 30;

/// What of a program's doing is written, and how.
#[derive(Debug, clap::Args)]
pub(crate) struct ProfileArgs {
    /// Which memory is in use, instead of where CPU time goes
    #[arg(long, conflicts_with_all = ["allocs", "hz", "force"])]
    heap: bool,

    /// What was allocated, instead of where CPU time goes
    #[arg(long, conflicts_with_all = ["hz", "force"])]
    allocs: bool,

    /// How long to look, 1 to 300 [default: 30; of memory all that there is, else only what changes meanwhile]
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=300))]
    seconds: Option<u64>,

    /// How often to look within a second of CPU time, 1 to 1000 [default: 99]
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=1000))]
    hz: Option<u32>,

    /// Only the threads of this name
    #[arg(long, value_name = "NAME")]
    thread: Option<String>,

    /// Only what ran in spans of this name
    #[arg(long, value_name = "NAME")]
    span: Option<String>,

    /// Only what ran in this trace, by its 32 hexadecimal digits
    #[arg(long, value_name = "ID")]
    trace: Option<String>,

    /// End the CPU profile that somebody else is taking
    #[arg(long)]
    force: bool,

    /// How it is written [default: what the ending of --out says]
    #[arg(long, value_enum)]
    format: Option<ProfileFormat>,

    #[command(flatten)]
    pub(crate) source: Source,
}

/// For which program a profile is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum ProfileFormat {
    /// A flame graph, for a browser
    Svg,
    /// For `go tool pprof` and Pyroscope, gzipped
    Pb,
    /// A line for each stack, for `flamegraph.pl` and speedscope
    Collapsed,
    /// One document
    Json,
}

impl ProfileArgs {
    /// The path that a monitor answers this on.
    ///
    /// # Errors
    /// Nothing says how it is to be written.
    pub(crate) fn path(&self) -> Result<String> {
        let (name, seconds) = match (self.heap, self.allocs) {
            (true, _) => ("heap", self.seconds),
            (_, true) => ("allocs", self.seconds),
            _ => ("profile", Some(self.seconds.unwrap_or(USUAL_SECONDS))),
        };
        let mut path = format!("/debug/pprof/{name}?format={}", self.format()?.name());
        let hz = self.hz.map(|hz| hz.to_string());
        let force = self.force.then(|| "1".to_owned());
        let seconds = seconds.map(|seconds| seconds.to_string());
        for (name, value) in [
            ("seconds", &seconds),
            ("hz", &hz),
            ("force", &force),
            ("thread", &self.thread),
            ("span", &self.span),
            ("trace", &self.trace),
        ] {
            if let Some(value) = value {
                path += &format!("&{name}={}", encoded(value));
            }
        }
        Ok(path)
    }

    /// How long the monitor looks before it answers.
    pub(crate) fn length(&self) -> Duration {
        let of_memory = self.heap || self.allocs;
        Duration::from_secs(self.seconds.unwrap_or(if of_memory { 0 } else { USUAL_SECONDS }))
    }

    fn format(&self) -> Result<ProfileFormat> {
        let by_ending = || self.source.out.as_deref().map(by_ending);
        match self.format.map(Ok).or_else(by_ending) {
            Some(format) => format,
            None => Err(Error::new(
                "where to? give --out with a name like cpu.svg, cpu.pb.gz, cpu.txt or cpu.json, or --format for the standard output",
            )),
        }
    }
}

/// The format of a file by its name.
fn by_ending(path: &Path) -> Result<ProfileFormat> {
    let name = path.file_name().unwrap_or_default().to_string_lossy().to_ascii_lowercase();
    let ending = Path::new(name.trim_end_matches(".gz")).extension().unwrap_or_default();
    match ending.to_str() {
        Some("svg") => Ok(ProfileFormat::Svg),
        Some("pb" | "pprof") => Ok(ProfileFormat::Pb),
        Some("txt" | "folded" | "collapsed") => Ok(ProfileFormat::Collapsed),
        Some("json") => Ok(ProfileFormat::Json),
        _ => Err(Error::new(format!(
            "--out {}: its ending names no format: end it in .svg, .pb.gz, .txt or .json, or give --format",
            path.display()
        ))),
    }
}

impl ProfileFormat {
    fn name(self) -> &'static str {
        match self {
            ProfileFormat::Svg => "svg",
            ProfileFormat::Pb => "pb",
            ProfileFormat::Collapsed => "collapsed",
            ProfileFormat::Json => "json",
        }
    }
}

/// A value as it stands in a query.
fn encoded(value: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    let each = value.bytes().map(|byte| match is_plain(byte) {
        true => char::from(byte).to_string(),
        false => format!("%{byte:02X}"),
    });
    each.collect()
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::args::{Args, Command};

    fn args(line: &str) -> ProfileArgs {
        match Args::try_parse_from(line.split(' ')).unwrap().command {
            Some(Command::Profile(profile)) => profile,
            other => panic!("{other:?}"),
        }
    }

    fn path(line: &str) -> String {
        args(line).path().unwrap_or_else(|error| error.to_string())
    }

    #[test]
    fn what_is_given_is_asked_for() {
        for (line, wanted) in [
            ("perf-monitor profile --out cpu.svg", "profile?format=svg&seconds=30"),
            (
                "perf-monitor profile --seconds 5 --hz 499 --force --thread a&b --span GÉT --out x.pb.gz",
                "profile?format=pb&seconds=5&hz=499&force=1&thread=a%26b&span=G%C3%89T",
            ),
            ("perf-monitor profile --heap --out heap.JSON", "heap?format=json"),
            (
                "perf-monitor profile --allocs --seconds 9 --trace 4d --format collapsed",
                "allocs?format=collapsed&seconds=9&trace=4d",
            ),
        ] {
            assert_eq!(path(line), format!("/debug/pprof/{wanted}"), "{line}");
        }
    }

    #[test]
    fn a_file_says_its_format_by_its_ending_unless_it_is_given() {
        for (name, format) in [
            ("cpu.svg", ProfileFormat::Svg),
            ("a.b/cpu.pb", ProfileFormat::Pb),
            ("cpu.pb.gz", ProfileFormat::Pb),
            ("cpu.folded", ProfileFormat::Collapsed),
        ] {
            assert_eq!(
                args(&format!("perf-monitor profile --out {name}")).format().unwrap(),
                format
            );
        }
        let given = args("perf-monitor profile --out cpu.svg --format json");
        assert_eq!(given.format().unwrap(), ProfileFormat::Json);
        for (line, said) in [
            ("perf-monitor profile --out cpu.bin", "--out cpu.bin: its ending names no format"),
            ("perf-monitor profile --out svg", ".svg, .pb.gz, .txt or .json"),
            ("perf-monitor profile", "give --out with a name like cpu.svg"),
        ] {
            assert!(path(line).contains(said), "{line}: {}", path(line));
        }
    }

    #[test]
    fn the_answer_is_waited_for_as_long_as_the_monitor_looks() {
        for (line, seconds) in [
            ("perf-monitor profile --out a.svg", 30),
            ("perf-monitor profile --seconds 300 --out a.svg", 300),
            ("perf-monitor profile --heap --out a.svg", 0),
            ("perf-monitor profile --allocs --seconds 7 --out a.svg", 7),
        ] {
            assert_eq!(args(line).length().as_secs(), seconds, "{line}");
        }
    }

    #[test]
    fn what_does_not_go_together_is_refused() {
        for line in [
            "perf-monitor profile --heap --allocs",
            "perf-monitor profile --heap --hz 9",
            "perf-monitor profile --seconds 0",
            "perf-monitor profile --seconds 301",
            "perf-monitor profile --hz 1001",
        ] {
            assert!(Args::try_parse_from(line.split(' ')).is_err(), "{line}");
        }
    }
}
