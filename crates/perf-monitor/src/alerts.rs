//! The alerts of a monitor: rules looked at on each tick, receivers told from the monitor's thread.

mod checking;
#[cfg_attr(not(feature = "profiling"), path = "absent/evidence.rs")]
mod evidence;
mod numbers;
mod watch;

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use perf_monitor_alerting::{
    AlertManager, AlertManagerBuilder, AlertRule, Error as AlertError, Inhibition, Limits, Metrics,
    Route,
};
use perf_monitor_history::MemoryHistory;
use tokio::sync::mpsc;

use crate::builder::{Context, PerformanceMonitorBuilder};
use crate::error::{Error, Kind};
use crate::monitor::PerformanceMonitor;
use crate::past;
use crate::profiler::Profiler;
use crate::thresholds;
use crate::ticker::Part;

pub(crate) use checking::Checking;
use numbers::Numbers;
use watch::Watch;

/// Rules, receivers, and where they are kept.
pub(crate) struct Plan {
    manager: AlertManagerBuilder,
    default_rules: bool,
}

/// What a monitor has of alerts.
pub(crate) struct Alerts {
    manager: AlertManager,
    history: Arc<MemoryHistory>,
}

/// Alerts: the rules of [`DEFAULT_RULES`](crate::alerting::DEFAULT_RULES), of which nobody is told, unless
/// chosen otherwise.
impl PerformanceMonitorBuilder {
    /// A rule over the figures of the last tick.
    ///
    /// ```
    /// use perf_monitor::PerformanceMonitor;
    /// use perf_monitor::alerting::{AlertRule, AlertSeverity, Log};
    ///
    /// let slow = AlertRule::new("slow", AlertSeverity::Critical, |m| m.latency.p99 > 250_000);
    /// let monitor = PerformanceMonitor::builder("checkout").alert(slow).notify(Log::stderr()).start()?;
    /// # Ok::<(), perf_monitor::Error>(())
    /// ```
    pub fn alert(self, rule: AlertRule) -> Self {
        self.alerts_by(|manager| manager.rule(rule))
    }

    /// Who is told: a [`Notifier`](crate::alerting::Notifier), or a [`Route`] to one that says of which
    /// alerts and how often.
    pub fn notify(self, route: impl Into<Route>) -> Self {
        self.alerts_by(|manager| manager.notify(route))
    }

    /// A rule file of Prometheus, read again when it changes.
    ///
    /// A file that is missing or wrong keeps nothing from starting; the rules that it had stay in force, what is
    /// wrong is on `/api/rules` and in `perf_monitor_errors_total{part="alerting"}`.
    pub fn rules(self, path: impl Into<PathBuf>) -> Self {
        self.alerts_by(|manager| manager.rule_file(path))
    }

    /// Whether the rules that come with the program are in force: they are, unless switched off.
    pub fn default_rules(mut self, yes: bool) -> Self {
        self.alerts.default_rules = yes;
        self
    }

    /// A file to keep alerts, silences and what is to be sent in, so that they outlive the process; without
    /// one they are in memory.
    ///
    /// [`start`](Self::start) fails if it cannot be used.
    pub fn outbox(self, path: impl Into<PathBuf>) -> Self {
        self.alerts_by(|manager| manager.outbox(path))
    }

    /// Which alerts mute which, in the place of the default: a worse one mutes those of which all labels but
    /// `severity` are equal.
    pub fn inhibit(self, inhibitions: impl IntoIterator<Item = Inhibition>) -> Self {
        self.alerts_by(|manager| manager.inhibit(inhibitions))
    }

    /// How much of everything there may be.
    pub fn alert_limits(self, limits: Limits) -> Self {
        self.alerts_by(|manager| manager.limits(limits))
    }

    fn alerts_by(
        mut self,
        choose: impl FnOnce(AlertManagerBuilder) -> AlertManagerBuilder,
    ) -> Self {
        self.alerts.manager = choose(std::mem::take(&mut self.alerts.manager));
        self
    }
}

impl PerformanceMonitor {
    /// Alerts that are active, what was sent, silences, rules; `/api/alerts` and its neighbours show them.
    ///
    /// ```
    /// use perf_monitor::PerformanceMonitor;
    ///
    /// let monitor = PerformanceMonitor::start("checkout")?;
    /// for alert in monitor.alerter().active_alerts() {
    ///     println!("{}: {}", alert.name, alert.message);
    /// }
    /// # Ok::<(), perf_monitor::Error>(())
    /// ```
    pub fn alerter(&self) -> &AlertManager {
        &self.alerts.manager
    }
}

impl Default for Plan {
    fn default() -> Plan {
        Plan { manager: AlertManagerBuilder::default(), default_rules: true }
    }
}

impl Plan {
    /// The manager with its history, and what is to be run for it beside the ticks.
    pub(crate) fn join(
        self,
        context: &mut Context,
        past: past::Plan,
        profiler: &Profiler,
    ) -> Result<(Alerts, Checking), Error> {
        let kept = past.begin(context.pace.every())?;
        let history = kept.history.clone();
        let manager = self.manager.default_rules(self.default_rules).history(history.clone());
        let manager = manager.clock(context.registry.clock().clone()).build().map_err(refused)?;
        kept.join(context, &manager)?;
        let numbers = Numbers::new(context, &manager)?;
        thresholds::join(context, &manager, self.default_rules);
        context.page.part("alerts");
        context.page.history(&history);
        let (ask, asked) = mpsc::channel(1);
        look(context, &manager, ask, numbers);
        let evidence = evidence::join(context, &manager, profiler)?;
        context.routes = std::mem::take(&mut context.routes).merge(manager.routes());
        let checking = Checking::new(manager.clone(), asked, evidence);
        Ok((Alerts { manager, history }, checking))
    }
}

/// Asks for a look at the rules on each tick. One that finds the look before it under way is left out, and
/// counted: whatever a rule or the disk waits for, ticks keep their time.
fn look(
    context: &mut Context,
    manager: &AlertManager,
    ask: mpsc::Sender<Box<Metrics>>,
    mut numbers: Numbers,
) {
    let (metrics, registry) = (context.metrics.clone(), context.registry.clone());
    let manager = manager.clone();
    let mut watch = Watch::new(context.page.marks());
    context.readers.push(Part {
        name: "alerting",
        once_per_registry: false,
        work: Box::new(move || {
            numbers.tell(&manager);
            watch.look(&manager, registry.clock());
            let Ok(room) = ask.try_reserve() else { return numbers.skipped() };
            // A copy of the window's series, for closures alone.
            room.send(Box::new(match manager.has_closures() {
                true => Metrics::of(&metrics, &registry),
                false => Metrics::default(),
            }));
        }),
    });
}

fn refused(error: AlertError) -> Error {
    let kind = if error.is_store() { Kind::System } else { Kind::Options };
    Error::new(kind, error.to_string()).because(error)
}

impl Alerts {
    pub(crate) fn history(&self) -> &Arc<MemoryHistory> {
        &self.history
    }
}

impl fmt::Debug for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Plan").field("default_rules", &self.default_rules).finish_non_exhaustive()
    }
}
