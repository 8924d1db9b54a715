//! What Prometheus' rules cannot say, said in annotations so that the file stays valid there.

use std::time::Duration;

use perf_monitor_history::parse_duration;

use super::yaml::Wrong;
use crate::machine::{Flapping, NoData};

/// What the annotations of a rule that begin with `perf_monitor_` say.
///
/// | annotation | says |
/// |---|---|
/// | `perf_monitor_clear: x < 70` | once it fires, it resolves only when this gives a series for it |
/// | `perf_monitor_cooldown: 15m` | the least time between two firings |
/// | `perf_monitor_no_data: keep`, `resolve` or `1h` | what missing data means: nothing, that it is over, nothing for that long |
/// | `perf_monitor_flapping: "off"` or `4 in 10m calm 5m` | when it counts as flapping |
/// | `perf_monitor_capture: cpu` | that a CPU profile is to be taken when it fires |
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Extras {
    /// The expression that clears it, with its line.
    pub clear: Option<(String, u32)>,
    /// The least time between two firings.
    pub cooldown: Duration,
    /// What missing data means.
    pub no_data: NoData,
    /// When it counts as flapping; the outer `None` says that the file says nothing.
    pub flapping: Option<Option<Flapping>>,
    /// Whether a CPU profile is asked for.
    pub captures_cpu: bool,
}

const PREFIX: &str = "perf_monitor_";

impl Extras {
    /// Those of `annotations`, and the others.
    pub(super) fn taken_from(
        annotations: Vec<(String, String)>,
        lines: &[u32],
    ) -> Result<(Extras, Vec<(String, String)>), Wrong> {
        let mut extras = Extras::default();
        let mut others = Vec::with_capacity(annotations.len());
        for ((name, text), line) in annotations.into_iter().zip(lines) {
            match name.strip_prefix(PREFIX) {
                Some(what) => extras
                    .take(what, text.trim(), *line)
                    .map_err(|what| Wrong { line: *line, what: format!("{name}: {what}") })?,
                None => others.push((name, text)),
            }
        }
        Ok((extras, others))
    }

    fn take(&mut self, what: &str, text: &str, line: u32) -> Result<(), String> {
        match what {
            "clear" => self.clear = Some((text.to_owned(), line)),
            "cooldown" => self.cooldown = parse_duration(text)?,
            "no_data" => {
                self.no_data = match text {
                    "keep" => NoData::Keep,
                    "resolve" => NoData::Resolve,
                    time => NoData::KeepFor(
                        parse_duration(time)
                            .map_err(|why| format!("{why}; or keep, or resolve"))?,
                    ),
                }
            }
            "flapping" => self.flapping = Some(flapping(text)?),
            "capture" if text == "cpu" => self.captures_cpu = true,
            "capture" => return Err(format!("{text:?} cannot be captured: there is cpu")),
            _ => {
                return Err("there is perf_monitor_clear, _cooldown, _no_data, _flapping and \
                            _capture"
                    .into());
            }
        }
        Ok(())
    }
}

fn flapping(text: &str) -> Result<Option<Flapping>, String> {
    let wrong = || format!("{text:?} is neither off nor such as `4 in 10m calm 5m`");
    match text.split_whitespace().collect::<Vec<_>>()[..] {
        ["off"] | ["false"] => Ok(None),
        [fires, "in", within, "calm", calm] => Ok(Some(Flapping {
            fires: fires.parse().ok().filter(|n| (2..=16).contains(n)).ok_or_else(wrong)?,
            within: parse_duration(within)?,
            calm: parse_duration(calm)?,
        })),
        _ => Err(wrong()),
    }
}
