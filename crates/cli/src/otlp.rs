//! Where the agent sends spans and metrics, if anywhere.

use std::env;

use perf_monitor::export::OtlpOptions;

use crate::config::OtlpConfig;
use crate::error::{Error, Result};

/// What the environment says, then the settings file; `None` if neither names a collector, or
/// `OTEL_SDK_DISABLED` is `true`.
///
/// # Errors
/// A variable that cannot be used, by its name.
pub(crate) fn options(config: &OtlpConfig) -> Result<Option<OtlpOptions>> {
    let by_variable = is_said("ENDPOINT");
    let disabled = env::var("OTEL_SDK_DISABLED").is_ok_and(|is| is.eq_ignore_ascii_case("true"));
    if disabled || !by_variable && config.endpoint.is_none() {
        return Ok(None);
    }
    let options = OtlpOptions::from_env().and_then(|options| add(options, config, by_variable));
    options.map(Some).map_err(|e| Error::new(format!("{e}")).because(e))
}

/// What of the file no variable says already.
fn add(
    mut options: OtlpOptions,
    config: &OtlpConfig,
    by_variable: bool,
) -> std::result::Result<OtlpOptions, perf_monitor::export::Error> {
    if let Some(endpoint) = config.endpoint.as_ref().filter(|_| !by_variable) {
        options = options.endpoint(endpoint)?;
    }
    if !is_said("HEADERS") {
        for (name, value) in &config.headers {
            options = options.header(name, value)?;
        }
    }
    if let Some(time) = config.timeout.filter(|_| !is_said("TIMEOUT")) {
        options = options.timeout(time);
    }
    if let Some(gzip) = config.gzip.filter(|_| !is_said("COMPRESSION")) {
        options = options.gzip(gzip);
    }
    if let Some(sent) = config.traces.filter(|_| !is_set("OTEL_TRACES_EXPORTER")) {
        options = options.traces(sent);
    }
    if let Some(sent) = config.metrics.filter(|_| !is_set("OTEL_METRICS_EXPORTER")) {
        options = options.metrics(sent);
    }
    if let Some(time) = config.metrics_every.filter(|_| !is_set("OTEL_METRIC_EXPORT_INTERVAL")) {
        options = options.metrics_every(time);
    }
    Ok(options)
}

/// Whether a variable says it, for everything or for one kind of data.
fn is_said(what: &str) -> bool {
    ["", "TRACES_", "METRICS_"]
        .iter()
        .any(|kind| is_set(&format!("OTEL_EXPORTER_OTLP_{kind}{what}")))
}

/// An empty variable counts as not set.
fn is_set(name: &str) -> bool {
    env::var_os(name).is_some_and(|value| !value.is_empty())
}
