//! Which rules the agent looks at, and whom it tells.

use std::path::PathBuf;
use std::time::Duration;

use perf_monitor::PerformanceMonitorBuilder;
use perf_monitor::alerting::{AlertRule, AlertSeverity, Alertmanager, Metrics, Secret, Webhook};

use crate::args::AgentArgs;
use crate::config::AlertingConfig;
use crate::error::{Error, Result};
use crate::{limits, rules};

/// How long most of the demo's requests must fail. Of those that fail anyway there are less than a tenth.
const DEMO_HOLD: Duration = Duration::from_secs(2);

/// How long checkouts must be slow, which they are all the time.
const CHECKOUT_HOLD: Duration = Duration::from_secs(5);

/// The metric of the demo's requests that its checkouts are found in.
const CHECKOUTS: (&str, &[(&str, &str)]) =
    ("demo_request_duration_seconds", &[("route", "/checkout")]);

/// What the flags say, then the file.
pub(crate) struct Told {
    rules: Vec<PathBuf>,
    default_rules: bool,
    alertmanager: Option<String>,
    webhook: Option<String>,
    outbox: Option<PathBuf>,
}

/// What was asked for. Rule files are looked at before anything starts; once it runs, a bad new one leaves the
/// old rules in force.
///
/// # Errors
/// A rule file that is missing or wrong, with its line; an address of a flag that cannot be sent to, which the error does
/// not show.
pub(crate) fn told(args: &AgentArgs, config: &AlertingConfig) -> Result<Told> {
    let rules: Vec<PathBuf> = match args.rules.is_empty() {
        true => config.rules.iter().map(PathBuf::from).collect(),
        false => args.rules.clone(),
    };
    rules.iter().try_for_each(|path| rules::usable(path))?;
    for (flag, url) in [("--alertmanager", &args.alertmanager), ("--webhook", &args.webhook)] {
        let checked = url.as_deref().map(limits::receiver).transpose();
        checked.map_err(|why| Error::new(format!("{flag}: {why}")))?;
    }
    Ok(Told {
        rules,
        default_rules: config.default_rules.unwrap_or(true),
        alertmanager: args.alertmanager.clone().or_else(|| config.alertmanager.clone()),
        webhook: args.webhook.clone().or_else(|| config.webhook.clone()),
        outbox: args.outbox.clone().or_else(|| config.outbox.as_ref().map(PathBuf::from)),
    })
}

impl Told {
    pub(crate) fn choose(
        &self,
        mut builder: PerformanceMonitorBuilder,
        demo: bool,
    ) -> PerformanceMonitorBuilder {
        builder = builder.default_rules(self.default_rules);
        if demo {
            builder = builder.alert(demo_is_broken()).alert(checkouts_are_slow());
        }
        for path in &self.rules {
            builder = builder.rules(path);
        }
        if let Some(url) = &self.alertmanager {
            builder = builder.notify(Alertmanager::new(url.as_str()));
        }
        if let Some(url) = &self.webhook {
            builder = builder.notify(Webhook::new(Secret::text(url.as_str())));
        }
        match &self.outbox {
            Some(path) => builder.outbox(path),
            None => builder,
        }
    }

    /// Who is told, without addresses, which may be secrets.
    pub(crate) fn receivers(&self) -> String {
        let alertmanager = self.alertmanager.as_ref().map(|_| "an Alertmanager");
        let webhook = self.webhook.as_ref().map(|_| "a webhook");
        alertmanager.into_iter().chain(webhook).collect::<Vec<_>>().join(", ")
    }
}

/// The demo's own alert: more than half of its requests fail.
fn demo_is_broken() -> AlertRule {
    let fails = |m: &Metrics| m.error_rate > 0.5;
    AlertRule::new("DemoBroken", AlertSeverity::Critical, fails)
        .hold(DEMO_HOLD)
        // A fast tick may see no request at all, which is no success.
        .clear_when(|m| m.request_rate > 0.0 && m.error_rate < 0.3)
        // Who breaks it again at once wants to see it again.
        .cooldown(Duration::ZERO)
        .flapping(None)
        .message("more than half of the demo's requests fail")
        .label("service", "demo")
}

/// What somebody who looks at the demo for the first time is led to: half of its checkouts take too long.
fn checkouts_are_slow() -> AlertRule {
    let median = |m: &Metrics| m.quantile(CHECKOUTS.0, CHECKOUTS.1, 0.5);
    AlertRule::new("SlowCheckout", AlertSeverity::Warning, move |m| {
        median(m).is_some_and(|seconds| seconds > 0.1)
    })
    .hold(CHECKOUT_HOLD)
    .clear_when(move |m| median(m).is_some_and(|seconds| seconds < 0.05))
    .message("half of the checkouts take more than 100 ms")
    .label("service", "demo")
    .label("route", "/checkout")
    .capture_cpu()
}
