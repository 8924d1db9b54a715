//! One connection of the client, driven by whoever waits for an answer.

use std::error::Error as StdError;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::task::Poll;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::{Body as _, Incoming};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};

/// The largest head of an answer, and the size of the buffers.
const BUFFER_BYTES: usize = 16 * 1024;

pub(crate) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

pub(crate) enum Failure {
    TooLarge,
    Broken(Box<dyn StdError + Send + Sync>),
}

impl From<hyper::Error> for Failure {
    fn from(error: hyper::Error) -> Self {
        Self::Broken(error.into())
    }
}

type Driver = http1::Connection<TokioIo<Box<dyn Stream>>, Full<Bytes>>;

/// A connection and what sends on it. It moves only while it is asked, so that nothing outlives that.
pub(crate) struct Line {
    sender: http1::SendRequest<Full<Bytes>>,
    driver: Option<Pin<Box<Driver>>>,
}

impl Line {
    pub(crate) async fn open(stream: Box<dyn Stream>) -> Result<Line, Failure> {
        let mut builder = http1::Builder::new();
        let builder = builder.max_buf_size(BUFFER_BYTES);
        let (sender, driver) = builder.handshake(TokioIo::new(stream)).await?;
        Ok(Line { sender, driver: Some(Box::pin(driver)) })
    }

    /// One request and its answer.
    pub(crate) async fn exchange(
        &mut self,
        request: http::Request<Full<Bytes>>,
        limit: usize,
    ) -> Result<http::Response<Bytes>, Failure> {
        let Line { sender, driver } = self;
        let answer = async move {
            let (parts, incoming) = sender.send_request(request).await?.into_parts();
            Ok(http::Response::from_parts(parts, read(incoming, limit).await?))
        };
        let mut answer = pin!(answer);
        poll_fn(|context| {
            if let Poll::Ready(answer) = answer.as_mut().poll(context) {
                return Poll::Ready(answer);
            }
            // what its end means, the answer knows
            if !moves(driver, context) {
                return answer.as_mut().poll(context);
            }
            Poll::Pending
        })
        .await
    }

    /// Whether the peer would take another request, as far as that is known here.
    pub(crate) async fn is_open(&mut self) -> bool {
        let Line { sender, driver } = self;
        poll_fn(|context| {
            let open = moves(driver, context) && !sender.is_closed();
            Poll::Ready(open && matches!(sender.poll_ready(context), Poll::Ready(Ok(()))))
        })
        .await
    }
}

/// Drives the connection; false once it has ended.
fn moves(driver: &mut Option<Pin<Box<Driver>>>, context: &mut std::task::Context<'_>) -> bool {
    if let Some(running) = driver
        && running.as_mut().poll(context).is_ready()
    {
        *driver = None;
    }
    driver.is_some()
}

async fn read(incoming: Incoming, limit: usize) -> Result<Bytes, Failure> {
    if incoming.size_hint().lower() > limit as u64 {
        return Err(Failure::TooLarge);
    }
    match Limited::new(incoming, limit).collect().await {
        Ok(body) => Ok(body.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(Failure::TooLarge),
        Err(error) => Err(Failure::Broken(error)),
    }
}
