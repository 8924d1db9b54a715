//! Asking a running monitor for something that may be large.

use std::fmt;
use std::io::{self, Write};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::{Body, Incoming};
use hyper::client::conn::http1;
use hyper::header::{AUTHORIZATION, CONNECTION, HOST, TRANSFER_ENCODING};
use hyper::{Method, Request, Response, StatusCode, Uri};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpStream;
use tokio::runtime::{Builder, Runtime};
use tokio::time::timeout;

use crate::error::{Error, Result};

/// What a connection may take.
const CONNECT: Duration = Duration::from_secs(5);

/// How long the monitor may be silent: it sends while it reads its registry, so pauses are short.
const SILENCE: Duration = Duration::from_secs(30);

/// The largest answer. A scrape of a hundred thousand series has some 20 MB.
const ANSWER_BYTES: usize = 1024 * 1024 * 1024;

/// The largest answer that is read as a whole.
const JSON_BYTES: usize = 16 * 1024 * 1024;

/// How much of a refusal is shown.
const REFUSAL_BYTES: usize = 300;

/// Where a monitor listens, as a URL without a path.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    pub(crate) authority: String,
    host: String,
    port: u16,
}

impl Place {
    /// Reads a URL such as `http://127.0.0.1:9464`.
    ///
    /// # Errors
    /// No URL, not `http`, a user in it (which is not shown), or a path.
    pub(crate) fn of(url: &str) -> Result<Place> {
        let no =
            |why: &str| Error::new(format!("--url: {why}: write it like http://127.0.0.1:9464"));
        if url.contains('@') {
            return Err(no("a user in it is not sent, a token is PERF_MONITOR_TOKEN"));
        }
        let uri: Uri = url.parse().map_err(|_| no(&format!("`{url}` is no URL")))?;
        match uri.scheme_str() {
            Some("http") => {}
            Some("https") => return Err(no("a monitor speaks http, not https")),
            _ => return Err(no(&format!("`{url}` does not begin with http://"))),
        }
        if uri.path() != "/" || uri.query().is_some() {
            return Err(no(&format!("`{url}` has a path, which the format chooses")));
        }
        let authority = uri.authority().filter(|authority| !authority.host().is_empty());
        let authority = authority.ok_or_else(|| no(&format!("`{url}` names no host")))?;
        Ok(Place {
            host: authority.host().trim_matches(['[', ']']).to_string(),
            port: authority.port_u16().unwrap_or(80),
            authority: authority.to_string(),
        })
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "http://{}", self.authority)
    }
}

/// An answer whose body is still to come.
pub(crate) struct Answer {
    runtime: Runtime,
    body: Incoming,
    place: String,
}

/// Asks `place` for `path` and waits for the head of the answer, for which the monitor works `length`.
///
/// # Errors
/// Nobody listens there, the answer is not 200, or its end could not be told from a broken connection.
pub(crate) fn get(
    place: &Place,
    path: &str,
    token: Option<&str>,
    length: Duration,
) -> Result<Answer> {
    ask(place, path, request(place, path, token, None)?, length)
}

/// The same with a `body` that is posted.
///
/// # Errors
/// As those of [`get`].
pub(crate) fn post(place: &Place, path: &str, token: Option<&str>, body: String) -> Result<Answer> {
    ask(place, path, request(place, path, token, Some(body))?, Duration::ZERO)
}

/// What `place` answers to `path`, as JSON.
///
/// # Errors
/// As those of [`get`], or the answer is long or no JSON.
pub(crate) async fn json(place: &Place, path: &str, token: Option<&str>) -> Result<Value> {
    let response = send(place, request(place, path, token, None)?, SILENCE).await?;
    if response.status() != StatusCode::OK {
        return Err(refused(place, path, response).await);
    }
    let failed = |why: String| Error::new(format!("no whole answer from {place} to {path}: {why}"));
    let body = Limited::new(response.into_body(), JSON_BYTES).collect();
    match timeout(SILENCE, body).await {
        Ok(Ok(body)) => serde_json::from_slice(&body.to_bytes()).map_err(|e| failed(e.to_string())),
        Ok(Err(e)) => Err(failed(e.to_string())),
        Err(_) => Err(failed(format!("nothing came for {SILENCE:?}"))),
    }
}

fn ask(
    place: &Place,
    path: &str,
    request: Request<Full<Bytes>>,
    length: Duration,
) -> Result<Answer> {
    let runtime = Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|e| Error::new(format!("no runtime for the request: {e}")).because(e))?;
    let response = runtime.block_on(send(place, request, length + SILENCE))?;
    if response.status() != StatusCode::OK {
        return Err(runtime.block_on(refused(place, path, response)));
    }
    if response.body().size_hint().exact().is_none()
        && !response.headers().contains_key(TRANSFER_ENCODING)
    {
        return Err(Error::new(format!(
            "{place} does not say where its answer ends: is it a monitor?"
        )));
    }
    Ok(Answer { runtime, body: response.into_body(), place: place.to_string() })
}

fn request(
    place: &Place,
    path: &str,
    token: Option<&str>,
    body: Option<String>,
) -> Result<Request<Full<Bytes>>> {
    let method = if body.is_some() { Method::POST } else { Method::GET };
    let request = Request::builder().method(method).uri(path);
    let mut request = request.header(HOST, &place.authority).header(CONNECTION, "close");
    if let Some(token) = token {
        request = request.header(AUTHORIZATION, format!("Bearer {token}"));
    }
    // the path is ours and the host was read from a URL, so what is left is the token
    request.body(Full::from(body.unwrap_or_default())).map_err(|_| {
        Error::new("the token has characters that no token has: set PERF_MONITOR_TOKEN as the monitor has it")
    })
}

async fn send(
    place: &Place,
    request: Request<Full<Bytes>>,
    patience: Duration,
) -> Result<Response<Incoming>> {
    let tcp = connect(place).await?;
    let broken = |e: hyper::Error| {
        let what = format!("no answer from {place}: {e}: is it a monitor that listens there?");
        Error::new(what).because(e)
    };
    let (mut sender, connection) = http1::handshake(TokioIo::new(tcp)).await.map_err(broken)?;
    // it ends with the runtime; what goes wrong in it, the body tells
    tokio::spawn(connection);
    match timeout(patience, sender.send_request(request)).await {
        Ok(response) => response.map_err(broken),
        Err(_) => Err(Error::new(format!("no answer from {place} within {patience:?}"))),
    }
}

/// A connection to `place`.
///
/// # Errors
/// Nobody listens there, or nobody can be reached.
pub(crate) async fn connect(place: &Place) -> Result<TcpStream> {
    let connecting = TcpStream::connect((place.host.as_str(), place.port));
    match timeout(CONNECT, connecting).await {
        Ok(Ok(tcp)) => Ok(tcp),
        Ok(Err(e)) => {
            let what = format!("cannot connect to {place}: {e}");
            Err(Error::new(what + ": is a monitor running there? --url names another").because(e))
        }
        Err(_) => Err(Error::new(format!("no connection to {place} within {CONNECT:?}"))),
    }
}

/// Why there is no answer, with the remedy where the status tells it.
async fn refused(place: &Place, path: &str, response: Response<Incoming>) -> Error {
    let status = response.status();
    let body = Limited::new(response.into_body(), REFUSAL_BYTES).collect();
    let said = match timeout(SILENCE, body).await {
        Ok(Ok(body)) => body.to_bytes(),
        _ => Bytes::new(),
    };
    refusal(place, path, status, &said)
}

/// The same for an answer whose body is known.
pub(crate) fn refusal(place: &Place, path: &str, status: StatusCode, said: &[u8]) -> Error {
    let said = &said[..said.len().min(REFUSAL_BYTES)];
    let said = String::from_utf8_lossy(said).trim().escape_debug().to_string();
    let path = path.split('?').next().unwrap_or(path);
    Error::new(match status {
        StatusCode::UNAUTHORIZED => {
            format!(
                "{place} wants its token (401): set PERF_MONITOR_TOKEN to the one it was started with"
            )
        }
        StatusCode::NOT_FOUND => format!(
            "{place} has no {path} (404): it is older than this program, or built or set up without it"
        ),
        StatusCode::CONFLICT if path.starts_with("/debug/pprof/") => {
            format!("{place} answers {said} (--force here)")
        }
        _ => format!("{place} answers {status}: {said}"),
    })
}

impl Answer {
    /// Writes the body to `out` as it comes; no more than a piece of it is held.
    ///
    /// # Errors
    /// `out` does not take it, or the body breaks off, is over the limit or stops coming:
    /// [`is_of_the_monitor`] tells the two apart.
    pub(crate) fn copy_to(self, out: &mut dyn Write) -> io::Result<()> {
        let Answer { runtime, body, place } = self;
        let failed =
            |why: String| io::Error::other(Broken(format!("no whole answer from {place}: {why}")));
        let mut body = Limited::new(body, ANSWER_BYTES);
        runtime.block_on(async {
            loop {
                match timeout(SILENCE, body.frame()).await {
                    Ok(None) => return Ok(()),
                    Ok(Some(Ok(frame))) => {
                        frame.data_ref().map_or(Ok(()), |data| out.write_all(data))?;
                    }
                    Ok(Some(Err(e))) => return Err(failed(format!("it broke off ({e})"))),
                    Err(_) => return Err(failed(format!("nothing came for {SILENCE:?}"))),
                }
            }
        })
    }
}

/// What went wrong was the monitor's, not the file's.
#[derive(Debug)]
struct Broken(String);

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Broken {}

/// Whether an error of [`Answer::copy_to`] came from the monitor rather than from what was written to.
pub(crate) fn is_of_the_monitor(error: &io::Error) -> bool {
    error.get_ref().is_some_and(|inner| inner.is::<Broken>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_a_url_with_a_host_and_nothing_else() {
        for (url, host, port) in [
            ("http://127.0.0.1:9464", "127.0.0.1", 9464),
            ("http://[::1]:80/", "::1", 80),
            ("http://monitor.example", "monitor.example", 80),
        ] {
            let place = Place::of(url).unwrap();
            assert_eq!((place.host.as_str(), place.port), (host, port), "{url}");
        }
        for url in ["", "127.0.0.1:9464", "ftp://a", "https://a", "http://a/metrics", "http://"] {
            let text = Place::of(url).unwrap_err().to_string();
            assert!(text.contains("http://127.0.0.1:9464"), "{text}");
        }
    }

    #[test]
    fn a_user_in_a_url_is_refused_and_not_shown() {
        let text = Place::of("http://me:secret@a").unwrap_err().to_string();
        assert!(!text.contains("secret") && text.contains("PERF_MONITOR_TOKEN"), "{text}");
    }
}
