//! Where spans and metrics are sent, how often and how much at once.

use std::time::Duration;

use http::header::{HeaderMap, HeaderName, HeaderValue};
use http::uri::{PathAndQuery, Uri};
use perf_monitor_http::ClientOptions;

use super::resource::ResourceAttributes;
use crate::error::{Error, ErrorKind};

/// Where spans and metrics are sent, how often, how much at once, and from whom.
///
/// By default they go to `http://localhost:4318`, spans within a second, metrics once a minute.
///
/// ```
/// use std::time::Duration;
/// use perf_monitor_exporters::OtlpOptions;
///
/// let options = OtlpOptions::default()
///     .endpoint("http://collector:4318")?
///     .header("authorization", "Bearer 5f1a")?
///     .service("checkout")
///     .attribute("deployment.environment.name", "production")
///     .metrics_every(Duration::from_secs(15));
/// # Ok::<(), perf_monitor_exporters::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct OtlpOptions {
    pub(crate) enabled: bool,
    pub(crate) traces: SignalOptions,
    pub(crate) metrics: SignalOptions,
    pub(crate) resource: ResourceAttributes,
    pub(crate) client: ClientOptions,
    pub(crate) spans_per_request: usize,
    pub(crate) request_bytes: usize,
    pub(crate) spans_within: Duration,
    pub(crate) metrics_every: Duration,
    pub(crate) flush_time: Duration,
}

/// How one kind of data is sent.
#[derive(Clone, Debug)]
pub(crate) struct SignalOptions {
    pub(crate) enabled: bool,
    pub(crate) url: Uri,
    pub(crate) headers: HeaderMap,
    pub(crate) timeout: Duration,
    pub(crate) gzip: bool,
}

impl SignalOptions {
    fn to(url: &'static str) -> SignalOptions {
        SignalOptions {
            enabled: true,
            url: Uri::from_static(url),
            headers: HeaderMap::new(),
            timeout: Duration::from_secs(10),
            gzip: false,
        }
    }
}

impl Default for OtlpOptions {
    fn default() -> OtlpOptions {
        OtlpOptions {
            enabled: true,
            traces: SignalOptions::to("http://localhost:4318/v1/traces"),
            metrics: SignalOptions::to("http://localhost:4318/v1/metrics"),
            resource: ResourceAttributes::of_this_process(),
            client: ClientOptions::default().answer_bytes(64 * 1024),
            spans_per_request: 512,
            request_bytes: 256 * 1024,
            spans_within: Duration::from_secs(1),
            metrics_every: Duration::from_secs(60),
            flush_time: Duration::from_secs(1),
        }
    }
}

impl OtlpOptions {
    /// The collector: `/v1/traces` and `/v1/metrics` below this URL.
    ///
    /// # Errors
    /// Not an `http://` or (feature `tls`) `https://` URL.
    pub fn endpoint(mut self, url: &str) -> Result<OtlpOptions, Error> {
        self.traces.url = below(url, "v1/traces")?;
        self.metrics.url = below(url, "v1/metrics")?;
        Ok(self)
    }

    /// Where spans go, in place of the collector's own place for them.
    ///
    /// # Errors
    /// As [`endpoint`](Self::endpoint).
    pub fn traces_endpoint(mut self, url: &str) -> Result<OtlpOptions, Error> {
        self.traces.url = checked(url)?;
        Ok(self)
    }

    /// Where metrics go, in place of the collector's own place for them.
    ///
    /// # Errors
    /// As [`endpoint`](Self::endpoint).
    pub fn metrics_endpoint(mut self, url: &str) -> Result<OtlpOptions, Error> {
        self.metrics.url = checked(url)?;
        Ok(self)
    }

    /// A header of each request, such as `authorization`. Its value is never shown.
    ///
    /// # Errors
    /// What HTTP does not take as a name or a value.
    pub fn header(mut self, name: &str, value: &str) -> Result<OtlpOptions, Error> {
        let (name, value) = header(name, value)?;
        self.traces.headers.insert(name.clone(), value.clone());
        self.metrics.headers.insert(name, value);
        Ok(self)
    }

    /// How long one request may take, with its answer: 10 s; a millisecond at the least.
    pub fn timeout(mut self, time: Duration) -> OtlpOptions {
        let time = time.max(Duration::from_millis(1));
        self.traces.timeout = time;
        self.metrics.timeout = time;
        self
    }

    /// Whether requests are compressed: no by default, as that takes more time than the rest of sending.
    pub fn gzip(mut self, gzip: bool) -> OtlpOptions {
        self.traces.gzip = gzip;
        self.metrics.gzip = gzip;
        self
    }

    /// Whether spans are sent: yes by default.
    pub fn traces(mut self, sent: bool) -> OtlpOptions {
        self.traces.enabled = sent;
        self
    }

    /// Whether metrics are sent: yes by default.
    pub fn metrics(mut self, sent: bool) -> OtlpOptions {
        self.metrics.enabled = sent;
        self
    }

    /// The service's name; `unknown_service:` and the program's without one.
    pub fn service(self, name: &str) -> OtlpOptions {
        self.attribute("service.name", name)
    }

    /// The service's version.
    pub fn version(self, version: &str) -> OtlpOptions {
        self.attribute("service.version", version)
    }

    /// The name of the machine.
    pub fn host(self, name: &str) -> OtlpOptions {
        self.attribute("host.name", name)
    }

    /// Something else that is true of the whole process; an empty text takes the attribute away.
    pub fn attribute(mut self, key: &str, value: &str) -> OtlpOptions {
        self.resource.set(key, value);
        self
    }

    /// An attribute only if nobody has given that key anything: what the environment says stays.
    pub fn attribute_unless_given(mut self, key: &str, value: &str) -> OtlpOptions {
        self.resource.set_unless_given(key, value);
        self
    }

    /// Spans of one request: 512, at least 1. A trace is not divided, so a request of one trace may have more.
    pub fn spans_per_request(mut self, spans: usize) -> OtlpOptions {
        self.spans_per_request = spans.max(1);
        self
    }

    /// Bytes of one request before it is compressed: 256 KiB, at least 1 KiB. A trace or a series that has more goes
    /// alone.
    pub fn request_bytes(mut self, bytes: usize) -> OtlpOptions {
        self.request_bytes = bytes.max(1024);
        self
    }

    /// How long a span may wait for others before it is sent: 1 s. When an eighth of the tracer's room is taken
    /// by spans that wait, they are sent at once.
    pub fn spans_within(mut self, time: Duration) -> OtlpOptions {
        self.spans_within = time.max(Duration::from_millis(1));
        self
    }

    /// How often metrics are sent: every 60 s, at least 10 ms apart.
    pub fn metrics_every(mut self, time: Duration) -> OtlpOptions {
        self.metrics_every = time.max(Duration::from_millis(10));
        self
    }

    /// How long the end waits for what is left to be sent: 1 s.
    pub fn flush_time(mut self, time: Duration) -> OtlpOptions {
        self.flush_time = time;
        self
    }

    /// The limits of the client, and whom it trusts; answers are read up to 64 KiB by default.
    pub fn client(mut self, client: ClientOptions) -> OtlpOptions {
        self.client = client;
        self
    }
}

/// Headers that say what a request is.
const OURS: [&str; 5] =
    ["connection", "content-length", "content-type", "host", "transfer-encoding"];

/// A header whose value is not shown by `Debug`.
pub(crate) fn header(name: &str, value: &str) -> Result<(HeaderName, HeaderValue), Error> {
    let wrong = |what: &str| {
        let message = format!("OTLP header \"{}\" has {what}", name.escape_debug());
        Error::new(ErrorKind::Options, message)
    };
    let known = HeaderName::from_bytes(name.as_bytes());
    let known = known.map_err(|_| wrong("a name that HTTP does not take"))?;
    if OURS.contains(&known.as_str()) {
        return Err(wrong("a name that belongs to the request itself"));
    }
    let mut value = HeaderValue::from_str(value).map_err(|_| wrong("a value of more than text"))?;
    value.set_sensitive(true);
    Ok((known, value))
}

/// The URL of a signal below that of a collector.
fn below(url: &str, path: &str) -> Result<Uri, Error> {
    let base = checked(url)?;
    let mut parts = base.into_parts();
    let given = parts.path_and_query.as_ref();
    let above = given.map_or("/", PathAndQuery::path).trim_end_matches('/');
    let query = given.and_then(PathAndQuery::query);
    let query = query.map(|query| format!("?{query}")).unwrap_or_default();
    let whole = format!("{above}/{path}{query}");
    parts.path_and_query = Some(whole.parse().map_err(|_| not_a_url())?);
    Uri::from_parts(parts).map_err(|_| not_a_url())
}

fn checked(url: &str) -> Result<Uri, Error> {
    let url: Uri = url.trim().parse().map_err(|_| not_a_url())?;
    match url.scheme_str() {
        Some("http") => {}
        Some("https") if cfg!(feature = "tls") => {}
        Some("https") => return Err(wrong_url("is https, which needs the feature `tls`")),
        _ => return Err(not_a_url()),
    }
    match url.authority() {
        Some(authority) if authority.as_str().contains('@') => {
            Err(wrong_url("has a user in it: give the header \"authorization\" instead"))
        }
        // A port beyond 65535 would count as none.
        Some(authority) if authority.port_u16().is_none() && has_port(authority.as_str()) => {
            Err(wrong_url("has a port that is none: choose 1 to 65535"))
        }
        Some(_) => Ok(url),
        None => Err(not_a_url()),
    }
}

fn has_port(authority: &str) -> bool {
    let behind_address = authority.rsplit(']').next();
    behind_address.is_some_and(|rest| rest.contains(':'))
}

fn not_a_url() -> Error {
    wrong_url("is no URL that begins with http:// or https://")
}

/// The URL itself is not shown, as it may hold a key.
fn wrong_url(what: &str) -> Error {
    Error::new(ErrorKind::Options, format!("the OTLP endpoint {what}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signals_are_below_the_collector() {
        for (endpoint, traces) in [
            ("http://collector:4318", "http://collector:4318/v1/traces"),
            ("http://collector:4318/", "http://collector:4318/v1/traces"),
            ("http://[::1]:1/otlp/", "http://[::1]:1/otlp/v1/traces"),
            ("http://collector/otlp?key=a", "http://collector/otlp/v1/traces?key=a"),
            (" http://collector/otlp ", "http://collector/otlp/v1/traces"),
        ] {
            let options = OtlpOptions::default().endpoint(endpoint).unwrap();
            assert_eq!(options.traces.url, traces);
            assert_eq!(options.metrics.url, traces.replace("traces", "metrics").as_str());
        }
        let options = OtlpOptions::default().traces_endpoint("http://collector/spans").unwrap();
        assert_eq!(options.traces.url, "http://collector/spans");
        assert_eq!(options.metrics.url, "http://localhost:4318/v1/metrics");
    }

    #[test]
    fn what_cannot_be_sent_to_is_an_error_without_secrets() {
        let ports = ["http://host:65536", "http://host:/", "http://[::1]:99999/secret"];
        let others =
            ["", "collector:4318", "grpc://collector", "http://", "http://me:secret@host/"];
        for url in ports.into_iter().chain(others) {
            let error = OtlpOptions::default().endpoint(url).unwrap_err();
            assert!(error.is_options());
            assert!(error.to_string().starts_with("the OTLP endpoint "), "{error}");
            assert!(!format!("{error:?}").contains("secret"));
        }
    }

    #[test]
    fn values_of_headers_are_not_shown() {
        let options = OtlpOptions::default().header("Authorization", "Bearer secret").unwrap();
        assert_eq!(options.traces.headers["authorization"], "Bearer secret");
        assert!(!format!("{options:?}").contains("secret"));
        let error = OtlpOptions::default().header("a b", "secret").unwrap_err();
        assert_eq!(error.to_string(), "OTLP header \"a b\" has a name that HTTP does not take");
        assert!(OtlpOptions::default().header("key", "two\nlines").is_err());
    }
}
