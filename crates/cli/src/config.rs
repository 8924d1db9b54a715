//! The settings file.

#[cfg(test)]
mod tests;
mod value;

use std::fs;
use std::io::{self, Read};
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use perf_monitor::TracerOptions;
use perf_monitor::export::OtlpOptions;
use perf_monitor::instruments::MonitoringOptions;
use toml::de::{DeTable, DeValue};

use crate::error::{Error, Result};
use crate::limits::{self, Checked};
use value::{Value, expected};

/// What a settings file says; what it leaves out is `None`.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Config {
    pub(crate) service: Option<String>,
    pub(crate) listen: Option<SocketAddr>,
    pub(crate) tick: Option<Duration>,
    pub(crate) token: Option<String>,
    pub(crate) allow_hosts: Vec<String>,
    pub(crate) host: HostConfig,
    pub(crate) monitoring: MonitoringOptions,
    pub(crate) tracing: TracerOptions,
    pub(crate) otlp: OtlpConfig,
    pub(crate) alerting: AlertingConfig,
}

/// Which rules there are, and who is told.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct AlertingConfig {
    pub(crate) rules: Vec<String>,
    pub(crate) default_rules: Option<bool>,
    pub(crate) alertmanager: Option<String>,
    pub(crate) webhook: Option<String>,
    pub(crate) outbox: Option<String>,
}

/// What of the machine is watched.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct HostConfig {
    pub(crate) cpu: Option<bool>,
    pub(crate) per_core: Option<bool>,
    pub(crate) memory: Option<bool>,
    pub(crate) disks: Option<bool>,
    pub(crate) network: Option<bool>,
    pub(crate) process: Option<bool>,
    pub(crate) ignore_disks: Option<Vec<String>>,
    pub(crate) ignore_interfaces: Option<Vec<String>>,
}

/// To which collector spans and metrics are sent, and how.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct OtlpConfig {
    pub(crate) endpoint: Option<String>,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) traces: Option<bool>,
    pub(crate) metrics: Option<bool>,
    pub(crate) metrics_every: Option<Duration>,
    pub(crate) timeout: Option<Duration>,
    pub(crate) gzip: Option<bool>,
}

/// A settings file with every key there is.
pub(crate) const EXAMPLE: &str = r#"
service = "edge"                  # the name on the page
listen = "127.0.0.1:9464"
tick = "1s"
token = "at-least-8-characters"   # prefer PERF_MONITOR_TOKEN
allow_hosts = ["metrics.example.org"]

[host]                            # what is watched: all by default
cpu = true
per_core = true
memory = true
disks = true
network = true
process = true
ignore_disks = ["sr*"]
ignore_interfaces = ["veth*", "docker*"]

[monitoring]                      # of the instruments; these are the defaults
monitoring_enabled = true
monitoring_interval = 30.0        # seconds between two samples of the history
enable_system_metrics = true      # this machine too
enable_performance_metrics = true
enable_business_metrics = true
enable_prometheus_integration = true   # whether /metrics is there
metrics_sync_interval = 10.0      # seconds; nothing waits for it
history = 100                     # samples that are kept

[tracing]                         # which traces are kept; these are the defaults
ratio = 1.0                       # the share that is sampled as it begins: 0 to 1
roots_per_second = 10.0           # of those, so many a second of each root's name; inf: all
tail = true                       # besides, those that failed or were slow
memory = 200000                   # bytes for all of it

[otlp]                            # to a collector, if one is named; OTEL_* variables go first
endpoint = "http://127.0.0.1:4318"
headers = { authorization = "Bearer ..." }   # prefer OTEL_EXPORTER_OTLP_HEADERS
traces = true
metrics = true
metrics_every = "60s"
timeout = "10s"
gzip = false

[alerting]                        # rules, and who is told of their alerts
rules = ["/etc/perf-monitor/rules.yml"]   # Prometheus' form; read again when they change
default_rules = true              # those that come with the program
alertmanager = "http://127.0.0.1:9093"
webhook = "http://127.0.0.1:8080/alerts"
outbox = "/var/lib/perf-monitor/outbox"   # keeps alerts over a restart
"#;

/// The largest settings file: one with every key takes half a KiB.
const FILE_BYTES: usize = 64 * 1024;

/// A key of the file, and where its value goes.
type Key = (&'static str, fn(&mut Config, &Value<'_>) -> Checked<()>);

const KEYS: [Key; 37] = [
    ("service", |c, v| put(&mut c.service, v.text().and_then(limits::name))),
    ("listen", |c, v| put(&mut c.listen, v.text().and_then(|t| limits::address(&t)))),
    ("tick", |c, v| put(&mut c.tick, v.text().and_then(|t| limits::tick(&t)))),
    ("token", |c, v| put(&mut c.token, v.text().and_then(limits::token))),
    ("allow_hosts", |c, v| v.texts().and_then(limits::hosts).map(|hosts| c.allow_hosts = hosts)),
    ("host.cpu", |c, v| put(&mut c.host.cpu, v.boolean())),
    ("host.per_core", |c, v| put(&mut c.host.per_core, v.boolean())),
    ("host.memory", |c, v| put(&mut c.host.memory, v.boolean())),
    ("host.disks", |c, v| put(&mut c.host.disks, v.boolean())),
    ("host.network", |c, v| put(&mut c.host.network, v.boolean())),
    ("host.process", |c, v| put(&mut c.host.process, v.boolean())),
    ("host.ignore_disks", |c, v| put(&mut c.host.ignore_disks, v.texts())),
    ("host.ignore_interfaces", |c, v| put(&mut c.host.ignore_interfaces, v.texts())),
    ("monitoring.monitoring_enabled", |c, v| set(c, |m| &mut m.monitoring_enabled, v.boolean())),
    ("monitoring.monitoring_interval", |c, v| set(c, |m| &mut m.monitoring_interval, v.seconds())),
    ("monitoring.enable_system_metrics", |c, v| {
        set(c, |m| &mut m.enable_system_metrics, v.boolean())
    }),
    ("monitoring.enable_performance_metrics", |c, v| {
        set(c, |m| &mut m.enable_performance_metrics, v.boolean())
    }),
    ("monitoring.enable_business_metrics", |c, v| {
        set(c, |m| &mut m.enable_business_metrics, v.boolean())
    }),
    ("monitoring.enable_prometheus_integration", |c, v| {
        set(c, |m| &mut m.enable_prometheus_integration, v.boolean())
    }),
    ("monitoring.metrics_sync_interval", |c, v| {
        set(c, |m| &mut m.metrics_sync_interval, v.seconds())
    }),
    ("monitoring.history", |c, v| set(c, |m| &mut m.history, v.count("samples"))),
    ("tracing.ratio", |c, v| trace(c, |t| &mut t.ratio, v.number())),
    ("tracing.roots_per_second", |c, v| trace(c, |t| &mut t.roots_per_second, v.number())),
    ("tracing.tail", |c, v| trace(c, |t| &mut t.tail, v.boolean())),
    ("tracing.memory", |c, v| trace(c, |t| &mut t.memory_bytes, v.count("bytes"))),
    ("otlp.endpoint", |c, v| put(&mut c.otlp.endpoint, v.text().and_then(endpoint))),
    ("otlp.headers", |c, v| v.headers().map(|headers| c.otlp.headers = headers)),
    ("otlp.traces", |c, v| put(&mut c.otlp.traces, v.boolean())),
    ("otlp.metrics", |c, v| put(&mut c.otlp.metrics, v.boolean())),
    ("otlp.metrics_every", |c, v| put(&mut c.otlp.metrics_every, v.seconds())),
    ("otlp.timeout", |c, v| put(&mut c.otlp.timeout, v.seconds())),
    ("otlp.gzip", |c, v| put(&mut c.otlp.gzip, v.boolean())),
    ("alerting.rules", |c, v| v.texts().map(|files| c.alerting.rules = files)),
    ("alerting.default_rules", |c, v| put(&mut c.alerting.default_rules, v.boolean())),
    ("alerting.alertmanager", |c, v| put(&mut c.alerting.alertmanager, v.text().and_then(url))),
    ("alerting.webhook", |c, v| put(&mut c.alerting.webhook, v.text().and_then(url))),
    ("alerting.outbox", |c, v| put(&mut c.alerting.outbox, v.text())),
];

fn put<T>(to: &mut Option<T>, value: Checked<T>) -> Checked<()> {
    value.map(|value| *to = Some(value))
}

/// Sets an option of the instruments, which knows its own range.
fn set<T>(
    config: &mut Config,
    option: fn(&mut MonitoringOptions) -> &mut T,
    value: Checked<T>,
) -> Checked<()> {
    *option(&mut config.monitoring) = value?;
    config.monitoring.check().map_err(|e| e.to_string())
}

/// Sets an option of the tracer, which knows its own range.
fn trace<T>(
    config: &mut Config,
    option: fn(&mut TracerOptions) -> &mut T,
    value: Checked<T>,
) -> Checked<()> {
    *option(&mut config.tracing) = value?;
    config.tracing.check().map_err(|e| e.to_string())
}

/// A URL that can be sent to; the error does not show it.
fn endpoint(url: String) -> Checked<String> {
    let taken = OtlpOptions::default().endpoint(&url);
    taken.map(|_| url).map_err(|e| e.to_string())
}

fn url(text: String) -> Checked<String> {
    limits::receiver(&text)
}

impl Config {
    /// Reads the file at `path`.
    ///
    /// # Errors
    /// The file cannot be read, is larger than any settings, is no TOML, or has an unknown key or a bad
    /// value: named with its line.
    pub(crate) fn read(path: &Path) -> Result<Config> {
        let name = path.display().to_string();
        match text_of(path) {
            Ok(text) => Config::parse(&name, &text),
            Err(e) => Err(Error::new(format!("{name}: {e}")).because(e)),
        }
    }

    fn parse(name: &str, text: &str) -> Result<Config> {
        let file = File { name, text };
        let table = DeTable::parse(text).map_err(|e| {
            let at = e.span().map_or(0, |span| span.start);
            file.error(at, e.message())
        })?;
        let mut config = Config::default();
        file.take(table.get_ref(), "", &mut config)?;
        Ok(config)
    }
}

/// The text of the file at `path`, of which no more is read than a settings file may have.
fn text_of(path: &Path) -> io::Result<String> {
    let mut bytes = Vec::new();
    fs::File::open(path)?.take(FILE_BYTES as u64 + 1).read_to_end(&mut bytes)?;
    if bytes.len() > FILE_BYTES {
        return Err(io::Error::other("it has more than 64 KiB, so it is no settings file"));
    }
    String::from_utf8(bytes).map_err(|_| io::Error::other("it is not UTF-8, so it is no TOML"))
}

/// The file, for errors that name the place.
struct File<'a> {
    name: &'a str,
    text: &'a str,
}

impl File<'_> {
    /// Takes all of `table`, whose own key is `prefix` with a dot.
    fn take(&self, table: &DeTable<'_>, prefix: &str, config: &mut Config) -> Result<()> {
        for (key, value) in table {
            let full = format!("{prefix}{}", key.get_ref());
            let below = format!("{full}.");
            match (KEYS.iter().find(|(known, _)| *known == full), value.get_ref()) {
                (Some((_, set)), _) => set(config, &Value(value))
                    .map_err(|why| self.error(value.span().start, &format!("{full}: {why}")))?,
                (None, inner) if KEYS.iter().any(|(k, _)| k.starts_with(&below)) => match inner {
                    DeValue::Table(inner) => self.take(inner, &below, config)?,
                    other => {
                        let what = format!("{full}: {}", expected("a table", other));
                        return Err(self.error(value.span().start, &what));
                    }
                },
                _ => return Err(self.unknown(key.span().start, &full, prefix)),
            }
        }
        Ok(())
    }

    fn unknown(&self, at: usize, key: &str, prefix: &str) -> Error {
        let siblings = KEYS.iter().filter_map(|(known, _)| known.strip_prefix(prefix));
        let mut names: Vec<_> = siblings.map(|k| k.split('.').next().unwrap_or(k)).collect();
        names.dedup();
        self.error(at, &format!("unknown key `{key}`: there are {}", names.join(", ")))
    }

    fn error(&self, at: usize, what: &str) -> Error {
        let before = &self.text.as_bytes()[..at.min(self.text.len())];
        let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
        Error::new(format!("{}:{line}: {what}", self.name))
    }
}
