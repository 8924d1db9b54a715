//! Options from the variables that OpenTelemetry has agreed on.

use std::time::Duration;

use perf_monitor_http::ClientOptions;

use super::options::{OtlpOptions, SignalOptions, header};
use crate::error::{Error, ErrorKind};

impl OtlpOptions {
    /// The options that the environment gives, the others by default.
    ///
    /// | variable | meaning |
    /// |---|---|
    /// | `OTEL_SDK_DISABLED` | `true`: nothing is sent |
    /// | `OTEL_SERVICE_NAME`, `OTEL_RESOURCE_ATTRIBUTES` | who sends: `key=value,key=value`, with `%20` and the like |
    /// | `OTEL_EXPORTER_OTLP_ENDPOINT` | the collector; `/v1/traces` and `/v1/metrics` are added |
    /// | `OTEL_EXPORTER_OTLP_TRACES_ENDPOINT`, `_METRICS_ENDPOINT` | used as they are |
    /// | `OTEL_EXPORTER_OTLP_HEADERS` | `name=value,name=value` |
    /// | `OTEL_EXPORTER_OTLP_TIMEOUT` | for one request, in milliseconds |
    /// | `OTEL_EXPORTER_OTLP_COMPRESSION` | `gzip` or `none` |
    /// | `OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE`, `_DEFAULT_HISTOGRAM_AGGREGATION` | `cumulative` and `base2_exponential_bucket_histogram`, the only ones |
    /// | `OTEL_EXPORTER_OTLP_PROTOCOL` | `http/protobuf`, the only one |
    /// | `OTEL_EXPORTER_OTLP_CERTIFICATE` | a file of certificates to trust, in PEM (feature `tls`) |
    /// | `OTEL_TRACES_EXPORTER`, `OTEL_METRICS_EXPORTER` | those without `otlp` are not sent |
    /// | `OTEL_BSP_SCHEDULE_DELAY`, `OTEL_METRIC_EXPORT_INTERVAL` | how often spans and metrics are sent, in milliseconds |
    /// | `OTEL_BSP_MAX_EXPORT_BATCH_SIZE` | spans of one request |
    ///
    /// Headers, timeout, compression and protocol are also read with `TRACES_` or `METRICS_` after `OTLP_`, which wins
    /// for that kind. A variable that is empty counts as not set.
    ///
    /// # Errors
    /// A variable that says what is not possible, by its name with what is; never its value, which may be a secret.
    pub fn from_env() -> Result<OtlpOptions, Error> {
        OtlpOptions::from_variables(|name| std::env::var(name).ok())
    }

    pub(crate) fn from_variables(
        read: impl Fn(&str) -> Option<String>,
    ) -> Result<OtlpOptions, Error> {
        let read = |name: &str| {
            let value = read(name)?.trim().to_owned();
            (!value.is_empty()).then_some(value)
        };
        let disabled =
            read("OTEL_SDK_DISABLED").is_some_and(|value| value.eq_ignore_ascii_case("true"));
        let mut options = OtlpOptions { enabled: !disabled, ..OtlpOptions::default() };
        if disabled {
            return Ok(options); // Whatever else is wrong is not to stop a service that wants none of it.
        }
        options = resource(options, &read)?;
        options = endpoints(options, &read)?;
        signal(&mut options.traces, "TRACES_", &read)?;
        signal(&mut options.metrics, "METRICS_", &read)?;
        options.client = certificate(options.client, &read)?;
        preferences(&read)?;
        paces(options, &read)
    }
}

type Read<'a> = dyn Fn(&str) -> Option<String> + 'a;

fn wrong(name: &str, remedy: &str) -> Error {
    Error::new(ErrorKind::Options, format!("{name} cannot be used: {remedy}"))
}

fn resource(mut options: OtlpOptions, read: &Read) -> Result<OtlpOptions, Error> {
    let name = "OTEL_RESOURCE_ATTRIBUTES";
    for (key, value) in pairs(name, &read(name).unwrap_or_default())? {
        options = options.attribute(&key, &value);
    }
    Ok(match read("OTEL_SERVICE_NAME") {
        Some(service) => options.service(&service),
        None => options,
    })
}

fn endpoints(mut options: OtlpOptions, read: &Read) -> Result<OtlpOptions, Error> {
    type Setter = fn(OtlpOptions, &str) -> Result<OtlpOptions, Error>;
    let all: [(&str, Setter); 3] = [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", OtlpOptions::endpoint),
        ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", OtlpOptions::traces_endpoint),
        ("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", OtlpOptions::metrics_endpoint),
    ];
    for (name, set) in all {
        if let Some(url) = read(name) {
            options = set(options, &url).map_err(|error| wrong(name, &error.to_string()))?;
        }
    }
    Ok(options)
}

/// What is said for both kinds and for each: a kind's own word wins.
fn signal(signal: &mut SignalOptions, kind: &str, read: &Read) -> Result<(), Error> {
    let either = |what: &str| {
        let own = format!("OTEL_EXPORTER_OTLP_{kind}{what}");
        let both = format!("OTEL_EXPORTER_OTLP_{what}");
        [own, both].into_iter().find_map(|name| Some((read(&name)?, name)))
    };
    if let Some((value, name)) = either("PROTOCOL")
        && value != "http/protobuf"
    {
        return Err(wrong(&name, "only http/protobuf is spoken"));
    }
    for what in ["CLIENT_KEY", "CLIENT_CERTIFICATE"] {
        if let Some((_, name)) = either(what) {
            return Err(wrong(&name, "certificates of clients are not supported"));
        }
    }
    let own = format!("OTEL_EXPORTER_OTLP_{kind}CERTIFICATE");
    if read(&own).is_some() {
        return Err(wrong(&own, "set OTEL_EXPORTER_OTLP_CERTIFICATE, which is for both kinds"));
    }
    if let Some((value, name)) = either("HEADERS") {
        for (key, value) in pairs(&name, &value)? {
            let (key, value) = header(&key, &value).map_err(|e| wrong(&name, &e.to_string()))?;
            signal.headers.insert(key, value);
        }
    }
    if let Some((value, name)) = either("TIMEOUT") {
        signal.timeout = milliseconds(&name, &value)?;
        if signal.timeout.is_zero() {
            return Err(wrong(&name, "choose 1 millisecond or more"));
        }
    }
    if let Some((value, name)) = either("COMPRESSION") {
        signal.gzip = match &*value {
            "gzip" => true,
            "none" => false,
            _ => return Err(wrong(&name, "choose gzip or none")),
        };
    }
    let exporters = read(&format!("OTEL_{kind}EXPORTER"));
    signal.enabled = exporters.is_none_or(|list| list.split(',').any(|one| one.trim() == "otlp"));
    Ok(())
}

#[cfg(feature = "tls")]
fn certificate(client: ClientOptions, read: &Read) -> Result<ClientOptions, Error> {
    let name = "OTEL_EXPORTER_OTLP_CERTIFICATE";
    let Some(path) = read(name) else { return Ok(client) };
    let pem = std::fs::read(&path);
    let pem = pem.map_err(|error| wrong(name, "the file cannot be read").because(error))?;
    client.root_certificates(&pem).map_err(|error| wrong(name, &error.to_string()))
}

#[cfg(not(feature = "tls"))]
fn certificate(client: ClientOptions, read: &Read) -> Result<ClientOptions, Error> {
    let name = "OTEL_EXPORTER_OTLP_CERTIFICATE";
    match read(name) {
        Some(_) => Err(wrong(name, "certificates need the feature `tls`")),
        None => Ok(client),
    }
}

/// What one may prefer of metrics: there is one of each.
fn preferences(read: &Read) -> Result<(), Error> {
    let all = [
        ("TEMPORALITY_PREFERENCE", "cumulative", "only cumulative is sent"),
        (
            "DEFAULT_HISTOGRAM_AGGREGATION",
            "base2_exponential_bucket_histogram",
            "only base2_exponential_bucket_histogram is sent",
        ),
    ];
    for (what, only, remedy) in all {
        let name = format!("OTEL_EXPORTER_OTLP_METRICS_{what}");
        if read(&name).is_some_and(|value| !value.eq_ignore_ascii_case(only)) {
            return Err(wrong(&name, remedy));
        }
    }
    Ok(())
}

fn paces(mut options: OtlpOptions, read: &Read) -> Result<OtlpOptions, Error> {
    let time = |name: &str| read(name).map(|value| milliseconds(name, &value)).transpose();
    if let Some(time) = time("OTEL_BSP_SCHEDULE_DELAY")? {
        options = options.spans_within(time);
    }
    if let Some(time) = time("OTEL_METRIC_EXPORT_INTERVAL")? {
        options = options.metrics_every(time);
    }
    let name = "OTEL_BSP_MAX_EXPORT_BATCH_SIZE";
    if let Some(value) = read(name) {
        let spans = value.parse().map_err(|_| wrong(name, "choose a number of spans"))?;
        options = options.spans_per_request(spans);
    }
    Ok(options)
}

fn milliseconds(name: &str, value: &str) -> Result<Duration, Error> {
    let parsed = value.parse().map(Duration::from_millis);
    parsed.map_err(|_| wrong(name, "choose a number of milliseconds"))
}

/// `key=value,key=value`, both percent-encoded, as in a baggage header.
fn pairs(name: &str, list: &str) -> Result<Vec<(String, String)>, Error> {
    let parts = list.split(',').map(str::trim).filter(|part| !part.is_empty());
    let pair = |part: &str| {
        let (key, value) = part.split_once('=')?;
        let (key, value) = (decoded(key.trim())?, decoded(value.trim())?);
        (!key.is_empty()).then_some((key, value))
    };
    let remedy = "write key=value,key=value, with %2C for a comma";
    parts.map(|part| pair(part).ok_or_else(|| wrong(name, remedy))).collect()
}

/// A text without its percent-encoding; `None` if it is not one.
fn decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, behind)) = rest.split_first() {
        rest = behind;
        let byte = match first {
            b'%' => {
                let digits = std::str::from_utf8(rest.get(..2)?).ok()?;
                let both = digits.bytes().all(|digit| digit.is_ascii_hexdigit());
                rest = &rest[2..];
                u8::from_str_radix(digits, 16).ok().filter(|_| both)?
            }
            byte => *byte,
        };
        bytes.push(byte);
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(variables: &[(&str, &str)]) -> Result<OtlpOptions, Error> {
        OtlpOptions::from_variables(|name| {
            let found = variables.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn nothing_set_is_the_default() {
        let shown = |options: OtlpOptions| format!("{options:?}");
        let empty = options(&[("OTEL_EXPORTER_OTLP_ENDPOINT", " ")]).unwrap();
        assert_eq!(shown(empty), shown(OtlpOptions::default()));
    }

    #[test]
    fn a_kind_s_own_variable_wins() {
        let options = options(&[
            ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector/base"),
            ("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", "http://metrics/as/it/is"),
            ("OTEL_EXPORTER_OTLP_HEADERS", "api-key=abc%3D, tenant = a%20b "),
            ("OTEL_EXPORTER_OTLP_TRACES_HEADERS", "api-key=xyz"),
            ("OTEL_EXPORTER_OTLP_TIMEOUT", "2500"),
            ("OTEL_EXPORTER_OTLP_METRICS_TIMEOUT", "500"),
            ("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip"),
            ("OTEL_EXPORTER_OTLP_TRACES_COMPRESSION", "none"),
            ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"),
            ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "http/protobuf"),
            ("OTEL_EXPORTER_OTLP_METRICS_PROTOCOL", "http/protobuf"),
        ]);
        let OtlpOptions { traces, metrics, .. } = options.unwrap();
        assert_eq!(traces.url, "http://collector/base/v1/traces");
        assert_eq!(metrics.url, "http://metrics/as/it/is");
        assert_eq!(traces.headers["api-key"], "xyz");
        assert_eq!(metrics.headers["api-key"], "abc=");
        assert_eq!(metrics.headers["tenant"], "a b");
        assert_eq!(traces.timeout, Duration::from_millis(2_500));
        assert_eq!(metrics.timeout, Duration::from_millis(500));
        assert!(!traces.gzip && metrics.gzip);
    }

    #[test]
    fn the_service_s_name_wins_over_the_attributes() {
        let list = "service.name=other,service.version=1.2,team=a%2Cb,empty=";
        let options =
            options(&[("OTEL_RESOURCE_ATTRIBUTES", list), ("OTEL_SERVICE_NAME", "checkout")]);
        let resource = options.unwrap().resource;
        assert_eq!(resource.text("service.name"), Some("checkout"));
        assert_eq!(resource.text("service.version"), Some("1.2"));
        assert_eq!(resource.text("team"), Some("a,b"));
        assert_eq!(resource.text("empty"), None);
    }

    #[test]
    fn paces_are_in_milliseconds() {
        let options = options(&[
            ("OTEL_BSP_SCHEDULE_DELAY", "5000"),
            ("OTEL_METRIC_EXPORT_INTERVAL", "15000"),
            ("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "100"),
        ]);
        let options = options.unwrap();
        assert_eq!(options.spans_within, Duration::from_secs(5));
        assert_eq!(options.metrics_every, Duration::from_secs(15));
        assert_eq!(options.spans_per_request, 100);
    }

    #[test]
    fn what_is_not_wanted_is_off() {
        let disabled = [("OTEL_SDK_DISABLED", "TRUE"), ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")];
        assert!(!options(&disabled).unwrap().enabled);
        assert!(options(&[("OTEL_SDK_DISABLED", "1")]).unwrap().enabled, "only true is true");
        let others = [("OTEL_TRACES_EXPORTER", "none"), ("OTEL_METRICS_EXPORTER", "console, otlp")];
        let options = options(&others).unwrap();
        assert!(!options.traces.enabled && options.metrics.enabled);
    }

    #[test]
    fn what_is_not_possible_is_named_without_its_value() {
        for (name, value, remedy) in [
            ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc", "only http/protobuf is spoken"),
            ("OTEL_EXPORTER_OTLP_METRICS_PROTOCOL", "http/json", "only http/protobuf is spoken"),
            ("OTEL_EXPORTER_OTLP_COMPRESSION", "zstd", "choose gzip or none"),
            ("OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "10s", "choose a number of milliseconds"),
            ("OTEL_EXPORTER_OTLP_TIMEOUT", "0", "choose 1 millisecond or more"),
            (
                "OTEL_EXPORTER_OTLP_TRACES_CERTIFICATE",
                "secret",
                "set OTEL_EXPORTER_OTLP_CERTIFICATE",
            ),
            (
                "OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION",
                "explicit_bucket_histogram",
                "only base2_exponential",
            ),
            ("OTEL_EXPORTER_OTLP_HEADERS", "host=secret", "a name that belongs to the request"),
            ("OTEL_EXPORTER_OTLP_HEADERS", "secret", "write key=value,key=value"),
            ("OTEL_EXPORTER_OTLP_HEADERS", "key=%zzsecret", "write key=value,key=value"),
            ("OTEL_EXPORTER_OTLP_HEADERS", "key=%ff", "write key=value,key=value"),
            ("OTEL_EXPORTER_OTLP_HEADERS", "key=%0asecret", "a value of more than text"),
            ("OTEL_RESOURCE_ATTRIBUTES", "=secret", "write key=value,key=value"),
            ("OTEL_EXPORTER_OTLP_ENDPOINT", "secret", "is no URL that begins with http://"),
            ("OTEL_EXPORTER_OTLP_CLIENT_KEY", "secret", "are not supported"),
            ("OTEL_EXPORTER_OTLP_CERTIFICATE", "no/secret", ""),
            ("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "many", "choose a number of spans"),
            ("OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE", "delta", "only cumulative"),
        ] {
            let error = options(&[(name, value)]).unwrap_err();
            assert!(error.is_options());
            let said = format!("{error} {error:?}");
            assert!(said.starts_with(&format!("{name} cannot be used: ")), "{said}");
            assert!(said.contains(remedy) && !said.contains("secret"), "{said}");
        }
    }
}
