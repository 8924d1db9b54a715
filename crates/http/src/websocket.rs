//! WebSockets: messages both ways on one connection, bounded in size, number and time.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use http::header::{
    CONNECTION, HeaderMap, HeaderName, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY,
    SEC_WEBSOCKET_VERSION, UPGRADE,
};
use http::{HeaderValue, StatusCode};
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;
use tokio::time::{Instant, Sleep, sleep, timeout};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::frame::Frame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{CloseCode, Data, OpCode};
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{self, error::CapacityError};

use crate::answer::Response;
use crate::body::Body;
use crate::catch::caught;
use crate::connection::{Shared, Stopping};
use crate::error::{Error, Kind};
use crate::frames::Frames;
use crate::guard::Refusal;
use crate::router::{BoxFuture, Request};
use crate::stats::{Rejection, ServerStats};

/// What a socket reads at once.
const READ_BYTES: usize = 1024;

/// The largest frame that is sent.
const PIECE_BYTES: usize = 4 * 1024;

/// The largest message that is received.
const RECEIVED_BYTES: usize = 64 * 1024;

/// How long a peer may be silent, pings unanswered, before it counts as gone.
const SILENCE: Duration = Duration::from_secs(60);

/// How long a close waits for the peer's.
const CLOSE_TIME: Duration = Duration::from_secs(1);

type Stream = WebSocketStream<Frames<TokioIo<Upgraded>>>;

/// Converses over WebSockets; any `Fn(WebSocket, Request) -> impl Future<Output = ()>` is one.
///
/// The future is dropped soon after the server begins to stop. A panic in it closes the WebSocket and is counted.
pub trait WebSocketHandler: Send + Sync + 'static {
    /// Runs one WebSocket to its end; `request` is the one that asked for it.
    fn run(&self, socket: WebSocket, request: Request) -> BoxFuture<'_, ()>;
}

impl<F, Fut> WebSocketHandler for F
where
    F: Fn(WebSocket, Request) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = ()> + Send + 'static,
{
    fn run(&self, socket: WebSocket, request: Request) -> BoxFuture<'_, ()> {
        Box::pin(self(socket, request))
    }
}

/// What a peer said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// A text.
    Text(String),
    /// Bytes.
    Binary(Bytes),
}

/// The server's end of one WebSocket.
///
/// Keep a [`recv`](Self::recv) pending while there is nothing to send: it answers pings, and notices a peer that is gone.
/// Dropping it closes the connection at once; [`close`](Self::close) lets the peer read to the end first.
pub struct WebSocket {
    stream: Stream,
    /// Whether a message made the stream's buffer grow, which it never gives back.
    grown: bool,
    stats: Arc<ServerStats>,
    stopping: Stopping,
    message_bytes: usize,
    stall_time: Duration,
    /// When the peer last said anything.
    heard: Instant,
    /// Ends when the peer may have been silent for too long. One for good: who sends 60 times a second drops as many
    /// [`recv`](WebSocket::recv)s, and each new timer is put into the runtime's and taken out again.
    silence: Pin<Box<Sleep>>,
    pinged: bool,
    closed: bool,
}

impl WebSocket {
    /// Sends a text, and waits until the system has taken it.
    ///
    /// # Errors
    ///
    /// [`is_too_large`](Error::is_too_large) over [`message_bytes`](crate::ServerOptions::message_bytes), with nothing sent;
    /// [`is_timeout`](Error::is_timeout) when the peer does not read for [`stall_time`](crate::ServerOptions::stall_time);
    /// [`is_closed`](Error::is_closed) when it is over. After the last two, and when this future is dropped before it is
    /// ready, drop the WebSocket.
    pub async fn send_text(&mut self, text: impl Into<String>) -> Result<(), Error> {
        let text = text.into();
        self.check_size(text.len())?;
        self.send(tungstenite::Message::text(text)).await
    }

    /// Sends bytes, and waits until the system has taken them.
    ///
    /// # Errors
    ///
    /// As [`send_text`](Self::send_text).
    pub async fn send_binary(&mut self, bytes: impl Into<Bytes>) -> Result<(), Error> {
        let bytes = bytes.into();
        self.check_size(bytes.len())?;
        self.send(tungstenite::Message::Binary(bytes)).await
    }

    /// Asks the peer for a sign of life, which [`recv`](Self::recv) takes in; it also asks by itself every 30 s of silence.
    ///
    /// # Errors
    ///
    /// As [`send_text`](Self::send_text).
    pub async fn ping(&mut self) -> Result<(), Error> {
        self.send(tungstenite::Message::Ping(Bytes::new())).await
    }

    /// The next message, or `None` once the peer or the server ends it. Dropping the future loses nothing.
    ///
    /// # Errors
    ///
    /// The peer broke the protocol, sent more than 64 KiB in one message, was silent for 60 s, or is gone.
    pub async fn recv(&mut self) -> Result<Option<Message>, Error> {
        self.shrink().await?;
        while !self.closed {
            tokio::select! {
                biased;
                _ = self.stopping.changed() => {
                    self.closed = true;
                    self.say_goodbye().await;
                }
                next = self.stream.next() => {
                    self.heard = Instant::now();
                    self.pinged = false;
                    match next {
                        Some(Ok(tungstenite::Message::Text(text))) => {
                            self.grown |= text.len() > READ_BYTES;
                            return Ok(Some(Message::Text(text.as_str().to_owned())));
                        }
                        Some(Ok(tungstenite::Message::Binary(bytes))) => {
                            self.grown |= bytes.len() > READ_BYTES;
                            return Ok(Some(Message::Binary(bytes)));
                        }
                        Some(Ok(_)) => {}
                        None => self.closed = true,
                        Some(Err(error)) => return self.failed(error).map(|()| None),
                    }
                }
                () = &mut self.silence => self.mind_silence().await?,
            }
        }
        Ok(None)
    }

    /// Pings a peer that was silent for half of the time that it may, and gives up one that is silent after that.
    async fn mind_silence(&mut self) -> Result<(), Error> {
        let patience = SILENCE / 2;
        if self.heard.elapsed() < patience {
            self.silence.as_mut().reset(self.heard + patience);
            return Ok(());
        }
        if self.pinged {
            return Err(self.lost(Rejection::IdleTime, "the peer was silent for 60 s"));
        }
        self.pinged = true;
        self.silence.as_mut().reset(Instant::now() + patience);
        self.ping().await
    }

    /// Goes on with a small buffer after a large message; nothing is in the old one, as reads end with a frame.
    async fn shrink(&mut self) -> Result<(), Error> {
        if !self.grown || self.closed || !self.stream.get_ref().is_between() {
            return Ok(());
        }
        // an answer to a ping may wait
        if let Err(error) = self.stream.flush().await {
            return self.failed(error);
        }
        let config = *self.stream.get_config();
        let frames = self.stream.get_mut().take();
        // ready at once: nothing is lost between the two
        self.stream = WebSocketStream::from_raw_socket(frames, Role::Server, Some(config)).await;
        self.grown = false;
        Ok(())
    }

    /// Says goodbye and waits up to a second for the peer to read all that was sent.
    pub async fn close(mut self) {
        if self.closed || self.stream.close(None).await.is_err() {
            return;
        }
        let rest = async { while let Some(Ok(_)) = self.stream.next().await {} };
        let _ = timeout(CLOSE_TIME, rest).await;
    }

    async fn send(&mut self, message: tungstenite::Message) -> Result<(), Error> {
        if self.closed {
            return Err(closed());
        }
        let sent = {
            let mut sending = pin!(send_in_pieces(&mut self.stream, message));
            // The system takes nearly all at once, without a timer.
            match poll_fn(|cx| Poll::Ready(sending.as_mut().poll(cx))).await {
                Poll::Ready(sent) => Ok(sent),
                Poll::Pending => timeout(self.stall_time, sending).await,
            }
        };
        match sent {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => self.failed(error).and(Err(closed())),
            Err(_) => Err(self.lost(Rejection::Stalled, "the peer does not read what it is sent")),
        }
    }

    fn check_size(&self, bytes: usize) -> Result<(), Error> {
        let limit = self.message_bytes;
        if bytes <= limit {
            return Ok(());
        }
        Err(Error::new(
            Kind::TooLarge,
            format!(
                "a message of {bytes} bytes is over the limit of {limit}: split it, or raise message_bytes"
            ),
        ))
    }

    async fn say_goodbye(&mut self) {
        let frame = CloseFrame { code: CloseCode::Away, reason: Default::default() };
        let _ = timeout(CLOSE_TIME, self.stream.close(Some(frame))).await;
    }

    fn lost(&mut self, reason: Rejection, why: &str) -> Error {
        self.closed = true;
        self.stats.reject(reason);
        Error::new(Kind::Timeout, format!("WebSocket lost: {why}"))
    }

    /// The end of the stream: a proper one is no error.
    fn failed(&mut self, error: tungstenite::Error) -> Result<(), Error> {
        self.closed = true;
        match error {
            tungstenite::Error::ConnectionClosed | tungstenite::Error::AlreadyClosed => Ok(()),
            tungstenite::Error::Io(error) => Err(closed().because(error)),
            tungstenite::Error::Capacity(CapacityError::MessageTooLong { .. }) => {
                self.stats.reject(Rejection::BodyBytes);
                let sentence = "the peer sent a message of more than 65536 bytes";
                Err(Error::new(Kind::TooLarge, sentence).because(error))
            }
            error => {
                self.stats.reject(Rejection::Malformed);
                Err(Error::new(Kind::Closed, "the peer broke the WebSocket protocol")
                    .because(error))
            }
        }
    }
}

/// Sends a large message as frames of [`PIECE_BYTES`]: tungstenite copies each frame into room that it keeps for good.
async fn send_in_pieces(
    stream: &mut Stream,
    message: tungstenite::Message,
) -> Result<(), tungstenite::Error> {
    let (kind, bytes) = match message {
        tungstenite::Message::Text(text) => (Data::Text, Bytes::from(text)),
        tungstenite::Message::Binary(bytes) => (Data::Binary, bytes),
        other => return stream.send(other).await,
    };
    let mut start = 0;
    loop {
        let end = bytes.len().min(start + PIECE_BYTES);
        let kind = if start == 0 { kind } else { Data::Continue };
        let last = end == bytes.len();
        let frame = Frame::message(bytes.slice(start..end), OpCode::Data(kind), last);
        stream.send(tungstenite::Message::Frame(frame)).await?;
        if last {
            return Ok(());
        }
        start = end;
    }
}

impl std::fmt::Debug for WebSocket {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WebSocket").field("closed", &self.closed).finish_non_exhaustive()
    }
}

fn closed() -> Error {
    Error::new(Kind::Closed, "the WebSocket is closed")
}

/// The WebSocket that waits for its connection to be handed over.
#[derive(Default)]
pub(crate) struct Waiting(Mutex<Option<Upgrade>>);

struct Upgrade {
    socket: OnUpgrade,
    handler: Arc<dyn WebSocketHandler>,
    request: Request,
    place: Place,
}

/// One of the places for WebSockets, given back on drop.
struct Place(Arc<ServerStats>);

impl Drop for Place {
    fn drop(&mut self) {
        self.0.close_websocket();
    }
}

impl Waiting {
    /// Checks the handshake and answers 101; [`run`](Self::run) does the rest once the answer is out.
    pub(crate) fn accept(
        &self,
        mut request: Request,
        handler: Arc<dyn WebSocketHandler>,
        shared: &Shared,
    ) -> Result<Response, Refusal> {
        let accept = accept_key(request.headers())?;
        if !shared.stats.open_websocket(shared.options.websockets) {
            return Err(Refusal::new(
                Rejection::WebSocketsFull,
                StatusCode::SERVICE_UNAVAILABLE,
                "all WebSockets are in use: close another page, or raise the limit (websockets)",
            ));
        }
        let place = Place(Arc::clone(&shared.stats));
        let socket = hyper::upgrade::on(&mut request);
        let request = compact(&request);
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) =
            Some(Upgrade { socket, handler, request, place });
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
        let headers = response.headers_mut();
        headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
        headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
        headers.insert(SEC_WEBSOCKET_ACCEPT, accept);
        Ok(response)
    }

    /// Runs the handler to its end, if a WebSocket waits.
    pub(crate) async fn run(&self, shared: &Shared, stopping: Stopping) {
        let waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(upgrade) = waiting else { return };
        let Ok(upgraded) = upgrade.socket.await else {
            return;
        };
        let message_bytes = shared.options.message_bytes;
        let stream = WebSocketStream::from_raw_socket(
            Frames::new(TokioIo::new(upgraded)),
            Role::Server,
            Some(config(message_bytes)),
        );
        let socket = WebSocket {
            stream: stream.await,
            stats: Arc::clone(&shared.stats),
            stopping,
            message_bytes,
            stall_time: shared.options.stall_time,
            heard: Instant::now(),
            silence: Box::pin(sleep(SILENCE / 2)),
            pinged: false,
            closed: false,
            grown: false,
        };
        let done = caught(|| upgrade.handler.run(socket, upgrade.request)).await;
        if done.is_none() {
            shared.stats.reject(Rejection::Panic);
        }
        drop(upgrade.place);
    }
}

/// A copy with allocations of its own: the parts of a request that hyper read share its whole buffer, and would hold it.
fn compact(request: &Request) -> Request {
    let mut copy = Request::new(Bytes::new());
    let uri = request.uri().to_string().parse();
    *copy.uri_mut() = uri.unwrap_or_else(|_| request.uri().clone());
    for (name, value) in request.headers() {
        let name = HeaderName::from_bytes(name.as_str().as_bytes());
        let value = HeaderValue::from_bytes(value.as_bytes());
        if let (Ok(name), Ok(value)) = (name, value) {
            copy.headers_mut().append(name, value);
        }
    }
    *copy.extensions_mut() = request.extensions().clone();
    copy
}

/// Small buffers: tungstenite's own take 256 KiB a socket.
fn config(message_bytes: usize) -> WebSocketConfig {
    WebSocketConfig::default()
        .read_buffer_size(READ_BYTES)
        .write_buffer_size(0)
        // room for a largest message after the pings that wait with it
        .max_write_buffer_size(message_bytes.saturating_add(4 * 1024))
        .max_message_size(Some(RECEIVED_BYTES))
        .max_frame_size(Some(RECEIVED_BYTES))
}

/// The proof that the handshake was understood.
fn accept_key(headers: &HeaderMap) -> Result<HeaderValue, Refusal> {
    let says = |name: HeaderName, word: &str| {
        headers.get_all(name).iter().any(|value| {
            let words = value.as_bytes().split(|byte| *byte == b',');
            let mut words = words.map(<[u8]>::trim_ascii);
            words.any(|said| said.eq_ignore_ascii_case(word.as_bytes()))
        })
    };
    if !says(UPGRADE, "websocket") || !says(SEC_WEBSOCKET_VERSION, "13") {
        return Err(required());
    }
    let key = headers.get(SEC_WEBSOCKET_KEY).map(HeaderValue::as_bytes);
    let accept = key
        .filter(|key| says(CONNECTION, "upgrade") && key.len() == 24)
        .map(derive_accept_key)
        .and_then(|accept| HeaderValue::from_str(&accept).ok());
    accept.ok_or_else(|| {
        Refusal::new(
            Rejection::Malformed,
            StatusCode::BAD_REQUEST,
            "a broken WebSocket handshake: Connection: Upgrade and a Sec-WebSocket-Key are needed",
        )
    })
}

/// For a request that should have been a handshake.
pub(crate) fn required() -> Refusal {
    Refusal::new(
        Rejection::Malformed,
        StatusCode::UPGRADE_REQUIRED,
        "this path speaks WebSocket, version 13",
    )
}
