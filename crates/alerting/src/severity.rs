//! How bad an alert is.

use std::fmt;

use serde::{Deserialize, Serialize};

/// How bad an alert is, from least to most; the label `severity`.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "lowercase")]
pub enum AlertSeverity {
    /// Worth knowing, nothing to do.
    Info,
    /// To be looked at in working hours. What a rule is that says nothing.
    #[default]
    Warning,
    /// Somebody should come.
    Critical,
}

impl AlertSeverity {
    /// As it stands in labels and payloads.
    pub fn as_str(self) -> &'static str {
        match self {
            AlertSeverity::Info => "info",
            AlertSeverity::Warning => "warning",
            AlertSeverity::Critical => "critical",
        }
    }

    /// What the label `severity` of somebody's rule file means; anything unknown is a warning.
    ///
    /// ```
    /// use perf_monitor_alerting::AlertSeverity;
    /// assert_eq!(AlertSeverity::of_label("page"), AlertSeverity::Critical);
    /// assert_eq!(AlertSeverity::of_label("ticket"), AlertSeverity::Warning);
    /// ```
    pub fn of_label(text: &str) -> AlertSeverity {
        match text.to_ascii_lowercase().as_str() {
            "critical" | "crit" | "page" | "fatal" | "emergency" | "error" | "high" => {
                AlertSeverity::Critical
            }
            "info" | "information" | "informational" | "none" | "notice" | "low" => {
                AlertSeverity::Info
            }
            _ => AlertSeverity::Warning,
        }
    }
}

impl fmt::Display for AlertSeverity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
