//! The settings file.

use std::fs;
use std::io::{self, Read};
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use perf_monitor::instruments::MonitoringOptions;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::error::{Error, Result};
use crate::limits::{self, Checked};

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
"#;

/// The largest settings file: one with every key takes half a KiB.
const FILE_BYTES: usize = 64 * 1024;

/// A key of the file, and where its value goes.
type Key = (&'static str, fn(&mut Config, &Value<'_>) -> Checked<()>);

const KEYS: [Key; 21] = [
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
    ("monitoring.history", |c, v| set(c, |m| &mut m.history, v.count())),
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

/// A value of the file.
struct Value<'a>(&'a Spanned<DeValue<'a>>);

impl Value<'_> {
    fn text(&self) -> Checked<String> {
        match self.0.get_ref() {
            DeValue::String(text) => Ok(text.to_string()),
            other => Err(expected("a text in quotes", other)),
        }
    }

    fn boolean(&self) -> Checked<bool> {
        match self.0.get_ref() {
            DeValue::Boolean(on) => Ok(*on),
            other => Err(expected("true or false", other)),
        }
    }

    /// A number of seconds, or a text with a unit.
    fn seconds(&self) -> Checked<Duration> {
        let number = match self.0.get_ref() {
            DeValue::Integer(number) => {
                i64::from_str_radix(number.as_str(), number.radix()).ok().map(|n| n as f64)
            }
            DeValue::Float(number) => number.as_str().parse().ok(),
            DeValue::String(text) => return limits::time(text),
            other => return Err(expected("a number of seconds", other)),
        };
        let seconds = number.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
        seconds.ok_or_else(|| "it is not a number of seconds: write it like 30.0".into())
    }

    fn count(&self) -> Checked<usize> {
        match self.0.get_ref() {
            DeValue::Integer(number) => usize::from_str_radix(number.as_str(), number.radix())
                .map_err(|_| format!("`{number}` is not a number of samples: write it like 100")),
            other => Err(expected("a whole number", other)),
        }
    }

    fn texts(&self) -> Checked<Vec<String>> {
        match self.0.get_ref() {
            DeValue::Array(values) => values.iter().map(|value| Value(value).text()).collect(),
            other => Err(expected("a list of texts, such as [\"a\", \"b\"]", other)),
        }
    }
}

fn expected(what: &str, found: &DeValue<'_>) -> String {
    format!("expected {what}, found {} {}", article(found.type_str()), found.type_str())
}

fn article(word: &str) -> &'static str {
    if word.starts_with(['a', 'e', 'i', 'o', 'u']) { "an" } else { "a" }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(text: &str) -> String {
        Config::parse("a.toml", text).unwrap_err().to_string()
    }

    #[test]
    fn every_key_is_taken() {
        let config = Config::parse("a.toml", EXAMPLE).unwrap();
        assert_eq!(config.service.as_deref(), Some("edge"));
        assert_eq!(config.listen, Some(([127, 0, 0, 1], 9464).into()));
        assert_eq!(config.tick, Some(Duration::from_secs(1)));
        assert_eq!(config.token.as_deref(), Some("at-least-8-characters"));
        assert_eq!(config.allow_hosts, ["metrics.example.org"]);
        let on = Some(true);
        let expected = HostConfig {
            cpu: on,
            per_core: on,
            memory: on,
            disks: on,
            network: on,
            process: on,
            ignore_disks: Some(vec!["sr*".into()]),
            ignore_interfaces: Some(vec!["veth*".into(), "docker*".into()]),
        };
        assert_eq!(config.host, expected);
        assert_eq!(config.monitoring, MonitoringOptions::default());
        for (key, _) in KEYS {
            let name = key.rsplit('.').next().unwrap();
            assert!(EXAMPLE.contains(&format!("\n{name} = ")), "{key}");
        }
    }

    #[test]
    fn an_empty_file_says_nothing() {
        assert_eq!(Config::parse("a.toml", "# nothing\n").unwrap(), Config::default());
    }

    #[test]
    fn an_unknown_key_is_named_with_its_line_and_those_that_exist() {
        let text = error("tick = \"1s\"\n\nlisten_on = \"x\"\n");
        assert!(text.starts_with("a.toml:3: unknown key `listen_on`: there are service, listen, "));
        assert!(text.ends_with("allow_hosts, host, monitoring"), "{text}");
        let text = error("[host]\ncpus = true\n");
        assert!(text.starts_with("a.toml:2: unknown key `host.cpus`: there are cpu, per_core, "));
        assert!(error("[hosts]\ncpu = true\n").starts_with("a.toml:1: unknown key `hosts`"));
        assert_eq!(error("host = 3\n"), "a.toml:1: host: expected a table, found an integer");
        assert!(error("[[host]]\ncpu = true\n").ends_with("expected a table, found an array"));
    }

    #[test]
    fn a_bad_value_is_named_with_its_line_and_key() {
        assert_eq!(
            error("\ntick = \"soon\"\n"),
            "a.toml:2: tick: `soon` is not a time: write it like 500ms, 1s or 1m"
        );
        assert_eq!(
            error("tick = 1"),
            "a.toml:1: tick: expected a text in quotes, found an integer"
        );
        assert_eq!(
            error("[host]\n\ndisks = \"no\""),
            "a.toml:3: host.disks: expected true or false, found a string"
        );
        assert!(
            error("allow_hosts = [\"a\", 1]").starts_with("a.toml:1: allow_hosts: expected a text")
        );
        assert!(
            error("listen = \"9464\"").starts_with("a.toml:1: listen: `9464` is not an address")
        );
    }

    #[test]
    fn options_of_the_instruments_have_the_seed_s_names_and_units() {
        let text = "[monitoring]\nmonitoring_interval = 60\nmetrics_sync_interval = 2.5\n\
                    enable_business_metrics = false\nhistory = 0x10\n";
        let expected = MonitoringOptions::default()
            .monitoring_interval(Duration::from_secs(60))
            .metrics_sync_interval(Duration::from_millis(2_500))
            .enable_business_metrics(false)
            .history(16);
        assert_eq!(Config::parse("a.toml", text).unwrap().monitoring, expected);
        for (written, seconds) in [("\"1m\"", 60), ("0x3C", 60), ("1_0", 10)] {
            let text = format!("[monitoring]\nmonitoring_interval = {written}");
            let parsed = Config::parse("a.toml", &text).unwrap().monitoring;
            assert_eq!(parsed.monitoring_interval, Duration::from_secs(seconds), "{written}");
        }
    }

    #[test]
    fn an_option_of_the_instruments_out_of_range_is_named_with_its_line_and_range() {
        for (line, key, range) in [
            ("history = 0", "history", "1 to 10000 samples"),
            ("history = -1", "history", "a number of samples"),
            ("history = 1.5", "history", "a whole number"),
            ("monitoring_interval = 0", "monitoring_interval", "0.1 to 86400 seconds"),
            ("monitoring_interval = nan", "monitoring_interval", "a number of seconds"),
            ("metrics_sync_interval = -1.0", "metrics_sync_interval", "a number of seconds"),
            ("enable_system_metrics = 1", "enable_system_metrics", "true or false"),
        ] {
            let text = error(&format!("[monitoring]\n{line}\n"));
            assert!(text.starts_with(&format!("a.toml:2: monitoring.{key}: ")), "{text}");
            assert!(text.contains(range), "{text}");
        }
    }

    #[test]
    fn a_bad_token_is_named_by_its_key_and_not_shown() {
        let text = error("token = \"sesame\"\n");
        assert!(text.starts_with("a.toml:1: token: a token has 8 to 256 "), "{text}");
        assert!(!text.contains("sesame"), "{text}");
        assert!(error("service = \" \"").starts_with("a.toml:1: service: "));
    }

    #[test]
    fn a_host_name_that_no_request_can_have_is_named_with_its_line_and_key() {
        for bad in ["", "a.example:80", "http://a.example", "a b", "2001:db8::1", "a/"] {
            let text = error(&format!("\nallow_hosts = [\"ok.example\", \"{bad}\"]\n"));
            let expected = format!("a.toml:2: allow_hosts: `{bad}` is no host name: ");
            assert!(text.starts_with(&expected), "{text}");
        }
        let good = "allow_hosts = [\"a.example\", \"web_1\", \"192.0.2.7\", \"[2001:db8::1]\"]";
        assert_eq!(Config::parse("a.toml", good).unwrap().allow_hosts.len(), 4);
    }

    #[test]
    fn what_is_no_toml_is_named_with_its_line() {
        assert!(error("tick = \"1s\"\nlisten = \n").starts_with("a.toml:2: "));
        assert!(error("tick = \"1s\"\ntick = \"2s\"\n").starts_with("a.toml:2: "));
    }
}
