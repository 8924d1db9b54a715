//! A client that keeps its connection.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use tokio::time::{Instant, timeout_at};

use crate::client::{Client, Target};
use crate::error::Error;
use crate::line::Line;
use crate::options::LONGEST;

/// Sends one request after the other, over one connection for as long as both sides keep it.
///
/// All else is as with its [`Client`]. The connection moves only while a request is sent; one that the peer has closed
/// meanwhile is replaced before the next request. It is not used again after an error, nor for another host.
///
/// ```no_run
/// # async fn send() -> Result<(), Box<dyn std::error::Error>> {
/// use std::time::Duration;
/// use perf_monitor_http::{Client, Session};
///
/// let mut session = Session::new(Client::default());
/// for body in ["one", "two"] {
///     let request = http::Request::post("http://127.0.0.1:4318/v1/traces").body(body.into())?;
///     let answer = session.send(request, Duration::from_secs(10)).await?;
///     assert!(answer.status().is_success());
/// }
/// # Ok(())
/// # }
/// ```
pub struct Session {
    client: Client,
    kept: Option<(Target, Line)>,
}

impl Session {
    /// Nothing is connected before the first request.
    pub fn new(client: Client) -> Self {
        Self { client, kept: None }
    }

    /// Sends `request` and reads its answer, whatever its status, within `timeout`.
    ///
    /// # Errors
    ///
    /// As [`Client::send`]. Dropped before its end, it closes the connection.
    pub async fn send(
        &mut self,
        request: http::Request<Bytes>,
        timeout: Duration,
    ) -> Result<http::Response<Bytes>, Error> {
        let target = Target::of(request.uri())?;
        let request = self.client.prepare(request, &target)?;
        let timeout = timeout.min(LONGEST);
        let until = Instant::now() + timeout;
        let mut line = match self.keep_for(&target).await {
            Some(line) => line,
            None => self.client.reach(&target, timeout).await?,
        };
        let answer = line.exchange(request, self.client.answer_bytes());
        match timeout_at(until, answer).await {
            Ok(Ok(answer)) => {
                self.kept = Some((target, line));
                Ok(answer)
            }
            Ok(Err(failure)) => Err(self.client.failed(failure, &target)),
            Err(_) => Err(target.late("answer from", timeout)),
        }
    }

    async fn keep_for(&mut self, target: &Target) -> Option<Line> {
        let (known, mut line) = self.kept.take()?;
        (known == *target && line.is_open().await).then_some(line)
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session")
            .field("client", &self.client)
            .field("connected", &self.kept.is_some())
            .finish()
    }
}
