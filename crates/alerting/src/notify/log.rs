//! A line for each alert.

use std::fmt;
use std::future::ready;

use perf_monitor_http::BoxFuture;

use super::{Attempt, Notifier};
use crate::notification::{Notification, Status};

/// Writes a line for each alert, to standard error or wherever the program's log is.
pub struct Log {
    write: Box<dyn Fn(&str) + Send + Sync>,
}

impl Log {
    /// To standard error.
    pub fn stderr() -> Log {
        Log::to(|line| eprintln!("{line}"))
    }

    /// To this function; the line has no line break in it, whatever a label has.
    pub fn to(write: impl Fn(&str) + Send + Sync + 'static) -> Log {
        Log { write: Box::new(write) }
    }

    /// The lines of a notification.
    pub fn lines(notification: &Notification) -> Vec<String> {
        let line = |notice: &std::sync::Arc<crate::notification::Notice>| {
            let status = match notice.status() {
                Status::Firing => "firing",
                Status::Resolved => "resolved",
            };
            let line = format!(
                "alert {status}: {} [{}] {} {}",
                notice.name(),
                notice.severity,
                notice.sentence(),
                notice.labels
            );
            line.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
        };
        notification.alerts.iter().map(line).collect()
    }
}

impl Notifier for Log {
    fn name(&self) -> &str {
        "log"
    }

    fn notify<'a>(&'a self, notification: &'a Notification) -> BoxFuture<'a, Attempt> {
        Log::lines(notification).iter().for_each(|line| (self.write)(line));
        Box::pin(ready(Attempt::Delivered(String::new())))
    }
}

impl fmt::Debug for Log {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Log")
    }
}
