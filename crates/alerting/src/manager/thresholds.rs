//! The thresholds of the rules that come with the program.

use super::builder::DEFAULT_NAME;
use super::files::FileStatus;
use super::{AlertManager, DEFAULT_RULES};
use crate::error::Error;
use crate::rules::read_and_check;

/// From which numbers on the rules of [`DEFAULT_RULES`] fire; they resolve a little below.
///
/// ```
/// use perf_monitor_alerting::Thresholds;
///
/// let strict = Thresholds { cpu_ratio: 0.5, ..Thresholds::default() };
/// assert!(strict.rules().contains("host_cpu_usage_ratio > 0.5\n"));
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Thresholds {
    /// The share of all cores that is busy: 0.8.
    pub cpu_ratio: f64,
    /// The share of the memory that is used: 0.85.
    pub memory_ratio: f64,
    /// Reads and writes of a disk in a second: 1,000.
    pub disk_operations_per_second: f64,
    /// Bytes in and out of the network in a second: 100 MB.
    pub network_bytes_per_second: f64,
    /// The mean of those four, each in percent of its threshold: 80.
    pub score_percent: f64,
    /// The mean time of a request in seconds: 0.1.
    pub response_seconds: f64,
}

impl Default for Thresholds {
    fn default() -> Thresholds {
        Thresholds {
            cpu_ratio: 0.8,
            memory_ratio: 0.85,
            disk_operations_per_second: 1_000.0,
            network_bytes_per_second: 100e6,
            score_percent: 80.0,
            response_seconds: 0.1,
        }
    }
}

impl Thresholds {
    /// [`DEFAULT_RULES`] with these thresholds, as a rule file.
    pub fn rules(&self) -> String {
        let Thresholds { cpu_ratio: cpu, memory_ratio: memory, score_percent: score, .. } = *self;
        let Thresholds { disk_operations_per_second: disk, .. } = *self;
        let Thresholds { network_bytes_per_second: network, response_seconds: response, .. } =
            *self;
        // each with what stands before it, which tells it from other numbers
        let places = [
            ("host_cpu_usage_ratio > ", "0.80", cpu),
            ("host_cpu_usage_ratio < ", "0.70", cpu * 0.875),
            ("host_cpu_usage_ratio / ", "0.80", cpu),
            ("More than ", "80% of all cores", cpu * 100.0),
            ("host_memory_total_bytes > ", "0.85", memory),
            ("host_memory_total_bytes < ", "0.80", memory * 0.8 / 0.85),
            ("host_memory_total_bytes / ", "0.85", memory),
            ("More than ", "85% of the memory", memory * 100.0),
            ("rate(host_disk_writes_total[1m]) > ", "1000", disk),
            ("rate(host_disk_writes_total[1m]) < ", "800", disk * 0.8),
            ("sum(rate(host_disk_writes_total[1m]))) / ", "1000", disk),
            ("More than ", "1000 reads", disk),
            ("rate(host_network_sent_bytes_total[1m]) > ", "100e6", network),
            ("rate(host_network_sent_bytes_total[1m]) < ", "80e6", network * 0.8),
            ("rate(host_network_sent_bytes_total[1m])) / ", "100e6", network),
            ("More than ", "100 MB a second", network / 1e6),
            (") / 4 > ", "80", score),
            ("rate(request_duration_seconds_count[1m]) > ", "0.1", response),
            ("rate(request_duration_seconds_count[1m]) < ", "0.08", response * 0.8),
            ("More than ", "100 ms on average", response * 1e3),
        ];
        places.into_iter().fold(DEFAULT_RULES.to_owned(), |rules, (before, usual, value)| {
            let number = usual.split([' ', '%']).next().unwrap_or(usual);
            let rest = &usual[number.len()..];
            let (from, to) =
                (format!("{before}{usual}"), format!("{before}{}{rest}", short(value)));
            rules.replace(&from, &to)
        })
    }
}

/// To six digits, as people write it: products of thresholds have tails.
fn short(value: f64) -> f64 {
    format!("{value:.5e}").parse().unwrap_or(value)
}

impl AlertManager {
    /// Puts the rules that come with the program in force with these thresholds, in the place of those that they have. Their
    /// alerts go on; those that are below now resolve.
    ///
    /// # Errors
    /// [`is_options`](Error::is_options): those rules are not in force, or a threshold makes one that is wrong.
    pub async fn set_thresholds(&self, thresholds: &Thresholds) -> Result<(), Error> {
        let _turn = self.inner.turn.lock().await;
        let (rules, report) = read_and_check(DEFAULT_NAME, &thresholds.rules());
        let rules = rules.filter(|_| report.errors.is_empty());
        let rules =
            rules.ok_or_else(|| Error::options("a threshold is no number that a rule can have"))?;
        let mut status = FileStatus { file: DEFAULT_NAME.into(), ..FileStatus::default() };
        if !self.inner.files.lock().has_fixed(DEFAULT_NAME) {
            let message = "the rules that come with the program are switched off: start with them";
            return Err(Error::options(message));
        }
        let records = self.inner.put_in_force(rules, &mut status);
        self.inner.files.lock().replace_fixed(status);
        self.inner.commit(records).await;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What changes a threshold, and how many words of the rules that changes.
    type Change = (fn(&mut Thresholds), usize);

    #[test]
    fn every_threshold_changes_its_rules_and_the_usual_ones_change_none() {
        let check = |rules: &str| {
            let (rules, report) = read_and_check("rules", rules);
            assert!(report.errors.is_empty(), "{:?}", report.errors);
            assert!(rules.is_some());
        };
        let usual = Thresholds::default();
        let spelled =
            [("0.80", "0.8"), ("0.70", "0.7"), ("100e6", "100000000"), ("80e6", "80000000")];
        let same =
            spelled.iter().fold(DEFAULT_RULES.to_owned(), |rules, (a, b)| rules.replace(a, b));
        assert_eq!(usual.rules(), same);
        let changed: [Change; 6] = [
            (|t| t.cpu_ratio = 0.123, 4),
            (|t| t.memory_ratio = 0.123, 4),
            (|t| t.disk_operations_per_second = 12_345.0, 4),
            (|t| t.network_bytes_per_second = 12_345_000.0, 4),
            (|t| t.score_percent = 67.0, 1),
            (|t| t.response_seconds = 0.2345, 3),
        ];
        for (change, places) in changed {
            let mut thresholds = usual;
            change(&mut thresholds);
            let (before, after) = (usual.rules(), thresholds.rules());
            let differ = before.split_whitespace().zip(after.split_whitespace());
            assert_eq!(differ.filter(|(a, b)| a != b).count(), places, "{after}");
            check(&after);
        }
    }
}
