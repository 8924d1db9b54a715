//! The one client: a request out, an answer in, both bounded.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONNECTION, CONTENT_LENGTH, HOST, HeaderValue, TRANSFER_ENCODING, USER_AGENT};
use http::uri::PathAndQuery;
use http::{Uri, Version};
use http_body_util::Full;
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};

use crate::error::{Error, Kind};
use crate::line::{Failure, Line, Stream};
use crate::options::LONGEST;
#[cfg(feature = "tls")]
use crate::tls::Tls;

/// The limits of a [`Client`].
#[derive(Clone, Debug)]
pub struct ClientOptions {
    connect_time: Duration,
    request_bytes: usize,
    answer_bytes: usize,
    #[cfg(feature = "tls")]
    tls: Tls,
}

impl Default for ClientOptions {
    fn default() -> Self {
        Self {
            connect_time: Duration::from_secs(5),
            request_bytes: 4 * 1024 * 1024,
            answer_bytes: 1024 * 1024,
            #[cfg(feature = "tls")]
            tls: Tls::default(),
        }
    }
}

impl ClientOptions {
    /// The time to reach the peer, with name, TCP and TLS: 5 s.
    pub fn connect_time(mut self, time: Duration) -> Self {
        self.connect_time = time;
        self
    }

    /// The largest body of a request, in bytes: 4 MiB.
    pub fn request_bytes(mut self, bytes: usize) -> Self {
        self.request_bytes = bytes;
        self
    }

    /// The largest body of an answer, in bytes: 1 MiB.
    pub fn answer_bytes(mut self, bytes: usize) -> Self {
        self.answer_bytes = bytes;
        self
    }

    /// Trusts the certificates of `pem` beside the public ones, such as a company's own.
    ///
    /// # Errors
    ///
    /// No certificate in `pem`, or a broken one.
    #[cfg(feature = "tls")]
    pub fn root_certificates(mut self, pem: &[u8]) -> Result<Self, Error> {
        self.tls.trust(pem)?;
        Ok(self)
    }
}

/// Sends HTTP/1.1 requests: no proxy, no redirect, no retry, one connection a request (a [`Session`](crate::Session)
/// keeps its connection).
///
/// Cheap to clone; it holds no connection and starts no task, so dropping a request's future ends all of it. A host's
/// name (not an address) is looked up on the runtime's blocking pool.
///
/// ```no_run
/// # async fn send() -> Result<(), Box<dyn std::error::Error>> {
/// use std::time::Duration;
/// use perf_monitor_http::{Client, ClientOptions};
///
/// let client = Client::new(ClientOptions::default());
/// let request = http::Request::post("http://127.0.0.1:9093/api/v2/alerts")
///     .header("content-type", "application/json")
///     .body("[]".into())?;
/// let answer = client.send(request, Duration::from_secs(10)).await?;
/// assert!(answer.status().is_success());
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, Default)]
pub struct Client {
    options: ClientOptions,
}

impl Client {
    /// A client with these limits.
    pub fn new(options: ClientOptions) -> Self {
        Self { options }
    }

    /// Sends `request` and reads its answer, whatever its status, within `timeout`.
    ///
    /// # Errors
    ///
    /// [`is_invalid`](Error::is_invalid): not an `http://` or (feature `tls`) `https://` URL, or one with a user in it.
    /// [`is_connect`](Error::is_connect): name, TCP or TLS failed. [`is_timeout`](Error::is_timeout): a time was over.
    /// [`is_too_large`](Error::is_too_large): the request (nothing was sent) or the answer was over its limit.
    /// Otherwise the peer broke off or does not speak HTTP.
    ///
    /// The text has the phase and the URL up to its port: what follows can be a secret, as it is in the URLs of webhooks.
    pub async fn send(
        &self,
        request: http::Request<Bytes>,
        timeout: Duration,
    ) -> Result<http::Response<Bytes>, Error> {
        let target = Target::of(request.uri())?;
        let mut request = self.prepare(request, &target)?;
        request.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        let timeout = timeout.min(LONGEST);
        let begun = Instant::now();
        let mut line = self.reach(&target, timeout).await?;
        let answer = line.exchange(request, self.options.answer_bytes);
        match timeout_at(begun + timeout, answer).await {
            Ok(answered) => answered.map_err(|failure| self.failed(failure, &target)),
            Err(_) => Err(target.late("answer from", timeout)),
        }
    }

    /// A connection to `target`, within the time to connect and `timeout`.
    pub(crate) async fn reach(&self, target: &Target, timeout: Duration) -> Result<Line, Error> {
        let limit = timeout.min(self.options.connect_time);
        match timeout_at(Instant::now() + limit, self.connect(target)).await {
            Ok(connected) => {
                Line::open(connected?).await.map_err(|failure| self.failed(failure, target))
            }
            Err(_) => Err(target.late("connection to", limit)),
        }
    }

    pub(crate) fn answer_bytes(&self) -> usize {
        self.options.answer_bytes
    }

    pub(crate) fn prepare(
        &self,
        request: http::Request<Bytes>,
        target: &Target,
    ) -> Result<http::Request<Full<Bytes>>, Error> {
        let limit = self.options.request_bytes;
        if request.body().len() > limit {
            let sentence = format!(
                "the request to {target} is over the limit of {limit} bytes: send less, or raise request_bytes"
            );
            return Err(Error::new(Kind::TooLarge, sentence));
        }
        let (mut parts, body) = request.into_parts();
        let path = parts.uri.path_and_query().cloned();
        parts.uri = Uri::from(path.unwrap_or_else(|| PathAndQuery::from_static("/")));
        parts.version = Version::HTTP_11;
        let headers = &mut parts.headers;
        // the body is whole and hyper knows its size
        headers.remove(CONTENT_LENGTH);
        headers.remove(TRANSFER_ENCODING);
        headers.entry(HOST).or_insert(target.authority.clone());
        let agent =
            || HeaderValue::from_static(concat!("perf-monitor/", env!("CARGO_PKG_VERSION")));
        headers.entry(USER_AGENT).or_insert_with(agent);
        Ok(http::Request::from_parts(parts, Full::new(body)))
    }

    async fn connect(&self, target: &Target) -> Result<Box<dyn Stream>, Error> {
        let tcp = TcpStream::connect((target.host.as_str(), target.port)).await;
        let tcp = tcp.map_err(|error| {
            let sentence =
                format!("cannot connect to {target}: is it running, and is the address right?");
            Error::new(Kind::Connect, sentence).because(error)
        })?;
        let _ = tcp.set_nodelay(true);
        #[cfg(feature = "tls")]
        if target.https {
            let tls = self.options.tls.shake(&target.host, tcp).await;
            let tls = tls.map_err(|error| {
                let sentence = format!(
                    "no TLS with {target}: does it speak TLS, and is its certificate trusted?"
                );
                Error::new(Kind::Connect, sentence).because(error)
            })?;
            return Ok(Box::new(tls));
        }
        Ok(Box::new(tcp))
    }

    pub(crate) fn failed(&self, failure: Failure, target: &Target) -> Error {
        match failure {
            Failure::TooLarge => {
                let limit = self.options.answer_bytes;
                let over = format!("the answer of {target} is over the limit of {limit} bytes");
                let remedy = "ask for less, or raise answer_bytes";
                Error::new(Kind::TooLarge, format!("{over}: {remedy}"))
            }
            Failure::Broken(error) => {
                let why = "it broke off, or does not speak HTTP/1";
                let sentence = format!("no complete answer from {target}: {why}");
                Error::new(Kind::Exchange, sentence).because(error)
            }
        }
    }
}

/// Where a request goes; shown without what may be secret.
#[derive(Clone, PartialEq)]
pub(crate) struct Target {
    https: bool,
    host: String,
    port: u16,
    authority: HeaderValue,
}

impl Target {
    pub(crate) fn of(uri: &Uri) -> Result<Self, Error> {
        let https = match uri.scheme_str() {
            Some("http") => false,
            Some("https") if cfg!(feature = "tls") => true,
            Some("https") => return Err(Error::new(Kind::Url, "https needs the feature `tls`")),
            _ => {
                return Err(Error::new(Kind::Url, "a URL begins with http:// or https://"));
            }
        };
        let authority = uri.authority().filter(|authority| !authority.host().is_empty());
        let authority = authority.ok_or_else(|| Error::new(Kind::Url, "a URL names a host"))?;
        if authority.as_str().contains('@') {
            let sentence =
                "a URL with a user in it is not sent: put it into the header Authorization";
            return Err(Error::new(Kind::Url, sentence));
        }
        let host = authority.host();
        let address = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
        Ok(Self {
            https,
            host: address.unwrap_or(host).to_owned(),
            port: authority.port_u16().unwrap_or(if https { 443 } else { 80 }),
            authority: HeaderValue::from_str(authority.as_str())
                .map_err(|error| Error::new(Kind::Url, "a URL's host is ASCII").because(error))?,
        })
    }

    pub(crate) fn late(&self, awaited: &str, limit: Duration) -> Error {
        Error::new(Kind::Timeout, format!("timeout: no {awaited} {self} within {limit:?}"))
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.https { "https" } else { "http" };
        let authority = self.authority.to_str().unwrap_or_default();
        write!(f, "{scheme}://{authority}")
    }
}
