//! The stream of a monitor, kept up: connects, subscribes, and comes again when it breaks.

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use hyper::header::{AUTHORIZATION, HeaderValue};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::{self, Message, protocol::WebSocketConfig};
use tokio_tungstenite::{WebSocketStream, client_async_with_config};

use crate::error::{Error, Result};
use crate::fetch::{self, Place};
use crate::top::alerts::{self, Alert};
use crate::top::figures::{self, FIGURES};
use crate::top::frame::{self, Frame};
use crate::top::rows::Rows;

const PATH: &str = "/api/stream";

/// The protocol that this program speaks.
const PROTOCOL: u64 = 1;

/// Frames a second: as often as one can read.
const RATE: u32 = 4;

/// The past that is asked for, in milliseconds: what the server keeps each second of, less what the question takes to
/// arrive. Of any more it would tell each tenth second.
const PAST_MS: f64 = 290_000.0;

/// The id of that question.
const PAST: u16 = 1;

/// How long the handshake may take.
const HANDSHAKE: Duration = Duration::from_secs(10);

/// The server asks every 15 s whether somebody is there.
const SILENCE: Duration = Duration::from_secs(45);

/// Between two questions for the alerts.
const ALERTS: Duration = Duration::from_secs(2);

/// The first and the longest wait before a new connection.
const WAITS: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(15));

/// The largest message; a past of all figures has some tens of kilobytes.
const MESSAGE_BYTES: usize = 4 * 1024 * 1024;

/// What a monitor says of itself.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Hello {
    pub(crate) service: String,
    pub(crate) host: String,
    pub(crate) version: String,
    pub(crate) pid: u64,
    pub(crate) started_ms: f64,
    /// Changes when the service is started anew.
    pub(crate) instance: String,
    now_ms: f64,
}

/// What comes from the monitor, or happens to the connection.
#[derive(Debug)]
pub(crate) enum Event {
    Hello(Hello),
    Rows(Rows),
    Values { at_ms: f64, values: Vec<f32> },
    Past { at_ms: Vec<f64>, columns: Vec<Vec<f32>> },
    PastEnds,
    Alerts(Option<Vec<Alert>>),
    Lost { why: String, wait: Duration },
    Refused(Error),
}

/// A connection that is kept up by a task of its own; dropping this ends it.
pub(crate) struct Link {
    events: Receiver<Event>,
    pause: Sender<bool>,
    task: JoinHandle<()>,
}

impl Link {
    /// Connects once; later breaks are mended, and told.
    ///
    /// # Errors
    /// Nobody listens there, it is no monitor, or it refuses.
    pub(crate) async fn connect(place: Place, token: Option<String>) -> Result<Link> {
        let peer = Peer { place, token };
        let line = Line::open(&peer).await?;
        let (tell, events) = channel(16);
        let (pause, orders) = channel(4);
        let task = tokio::spawn(keep_up(peer, line, tell, orders));
        Ok(Link { events, pause, task })
    }

    /// What comes next. Cancel-safe.
    pub(crate) async fn next(&mut self) -> Event {
        let ended = || Event::Refused(Error::new("the stream has ended"));
        self.events.recv().await.unwrap_or_else(ended)
    }

    /// Stops the data, or lets it come again.
    pub(crate) async fn pause(&self, paused: bool) {
        let _ = self.pause.send(paused).await;
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.task.abort();
    }
}

struct Peer {
    place: Place,
    token: Option<String>,
}

impl Peer {
    async fn json(&self, path: &str) -> Result<Value> {
        fetch::json(&self.place, path, self.token.as_deref()).await
    }
}

/// One connection after the other, until nobody listens to what comes of it.
async fn keep_up(peer: Peer, mut line: Line, tell: Sender<Event>, mut orders: Receiver<bool>) {
    loop {
        let Err(mut why) = line.follow(&peer, &tell, &mut orders).await else { return };
        let mut wait = WAITS.0;
        line = loop {
            if tell.send(Event::Lost { why: why.to_string(), wait }).await.is_err() {
                return;
            }
            sleep(wait).await;
            wait = (wait * 2).min(WAITS.1);
            match Line::open(&peer).await {
                Ok(line) => break line,
                Err(error) => why = error,
            }
        };
    }
}

/// One connection and what is subscribed to on it.
struct Line {
    socket: WebSocketStream<TcpStream>,
    place: String,
    hello: Hello,
    rows: Rows,
    values: Vec<f32>,
    schema: Option<u16>,
    next_id: u64,
    paused: bool,
}

impl Line {
    async fn open(peer: &Peer) -> Result<Line> {
        let place = &peer.place;
        let tcp = fetch::connect(place).await?;
        let _ = tcp.set_nodelay(true);
        let config = WebSocketConfig::default().max_message_size(Some(MESSAGE_BYTES));
        let shaking = client_async_with_config(request(peer)?, tcp, Some(config));
        let no_monitor = |why: &str| {
            Error::new(format!(
                "no stream from {place}: {why}: is it a monitor that listens there?"
            ))
        };
        let socket = match timeout(HANDSHAKE, shaking).await {
            Ok(Ok((socket, _))) => socket,
            Ok(Err(tungstenite::Error::Http(answer))) => {
                let said = answer.body().as_deref().unwrap_or_default();
                return Err(fetch::refusal(place, PATH, answer.status(), said));
            }
            Ok(Err(e)) => return Err(no_monitor(&e.to_string()).because(e)),
            Err(_) => return Err(no_monitor(&format!("no answer within {HANDSHAKE:?}"))),
        };
        let mut socket = socket;
        let first = match timeout(HANDSHAKE, socket.next()).await {
            Ok(Some(Ok(Message::Text(text)))) => serde_json::from_str(&text).unwrap_or_default(),
            _ => Value::Null,
        };
        if first["type"] != "hello" {
            return Err(no_monitor("it does not greet"));
        }
        if first["protocol"] != PROTOCOL {
            let (theirs, version) = (&first["protocol"], &first["version"]);
            return Err(Error::new(format!(
                "{place} speaks protocol {theirs}, this program {PROTOCOL}: take the perf-monitor of its version, {version}"
            )));
        }
        Ok(Line {
            socket,
            place: place.to_string(),
            hello: hello(&first),
            rows: Rows::default(),
            values: Vec::new(),
            schema: None,
            next_id: PAST.into(),
            paused: false,
        })
    }

    /// Tells what comes; `Ok` once nobody listens.
    async fn follow(
        &mut self,
        peer: &Peer,
        tell: &Sender<Event>,
        orders: &mut Receiver<bool>,
    ) -> Result<()> {
        macro_rules! tell {
            ($event:expr) => {
                if tell.send($event).await.is_err() {
                    return Ok(());
                }
            };
        }
        tell!(Event::Hello(self.hello.clone()));
        self.rows = rows(peer).await;
        tell!(Event::Rows(self.rows.clone()));
        self.subscribe().await?;
        self.ask_for_the_past().await?;
        let mut alerts = tokio::time::interval(ALERTS);
        loop {
            tokio::select! {
                said = timeout(SILENCE, self.socket.next()) => {
                    let said = match said {
                        Ok(Some(Ok(said))) => said,
                        Ok(Some(Err(e))) => return Err(self.broken(&e.to_string())),
                        Ok(None) => return Err(self.broken("it was closed")),
                        Err(_) => return Err(self.broken("nothing came for a while")),
                    };
                    match said {
                        Message::Binary(bytes) => {
                            if let Some(event) = self.data(&bytes) {
                                tell!(event);
                            }
                        }
                        Message::Text(text) => match self.control(&text)? {
                            Heard::Nothing => {}
                            Heard::PastEnds => tell!(Event::PastEnds),
                            Heard::Alert => alerts.reset_immediately(),
                            Heard::Catalog => {
                                let rows = rows(peer).await;
                                if rows != self.rows {
                                    self.rows = rows;
                                    tell!(Event::Rows(self.rows.clone()));
                                    self.subscribe().await?;
                                }
                            }
                        },
                        _ => {}
                    }
                }
                _ = alerts.tick() => {
                    // a monitor without alerts has none
                    let answer = peer.json("/api/alerts").await;
                    tell!(Event::Alerts(answer.ok().and_then(|answer| alerts::read(&answer))));
                }
                order = orders.recv() => {
                    let Some(paused) = order else { return Ok(()) };
                    self.paused = paused;
                    self.subscribe().await?;
                }
            }
        }
    }

    async fn subscribe(&mut self) -> Result<()> {
        self.next_id += 1;
        let mut columns = figures::columns();
        columns.extend(self.rows.columns.iter().cloned());
        self.schema = None;
        self.values = vec![f32::NAN; columns.len()];
        let rate = if self.paused { 0 } else { RATE };
        self.say(json!({"type": "subscribe", "id": self.next_id, "rate": rate, "columns": columns}))
            .await
    }

    async fn ask_for_the_past(&mut self) -> Result<()> {
        let until = self.hello.now_ms;
        self.say(json!({
            "type": "history", "id": PAST, "from": until - PAST_MS, "until": until,
            "columns": figures::columns(),
        }))
        .await
    }

    async fn say(&mut self, message: Value) -> Result<()> {
        let sent = self.socket.send(Message::text(message.to_string())).await;
        sent.map_err(|e| self.broken(&e.to_string()))
    }

    /// Values that belong to the subscription; others are late and do not count.
    fn data(&mut self, bytes: &[u8]) -> Option<Event> {
        let is_past = bytes.get(1) == Some(&3);
        let columns = if is_past { FIGURES.len() } else { self.values.len() };
        match frame::parse(bytes, columns)? {
            Frame::Full { schema, at_ms, values } if Some(schema) == self.schema => {
                self.values.clone_from(&values);
                Some(Event::Values { at_ms, values })
            }
            Frame::Changes { schema, at_ms, changed } if Some(schema) == self.schema => {
                changed.into_iter().for_each(|(column, value)| self.values[column] = value);
                Some(Event::Values { at_ms, values: self.values.clone() })
            }
            Frame::History { id: PAST, at_ms, columns } => Some(Event::Past { at_ms, columns }),
            _ => None,
        }
    }

    fn control(&mut self, text: &str) -> Result<Heard> {
        let said: Value = serde_json::from_str(text).unwrap_or_default();
        Ok(match said["type"].as_str().unwrap_or_default() {
            "subscribed" if said["id"] == self.next_id => {
                self.schema = said["schema"].as_u64().and_then(|schema| schema.try_into().ok());
                Heard::Nothing
            }
            "history_end" => Heard::PastEnds,
            "catalog" => Heard::Catalog,
            "marker" if said["kind"] == "alert" => Heard::Alert,
            // a monitor without a history has no past to show
            "error" if said["id"] == PAST => Heard::PastEnds,
            "error" => {
                let why = said["message"].as_str().unwrap_or_default().escape_debug();
                return Err(self.broken(&format!("it refuses: {why}")));
            }
            _ => Heard::Nothing,
        })
    }

    fn broken(&self, why: &str) -> Error {
        Error::new(format!("the stream from {} broke off: {why}", self.place))
    }
}

/// What a text asks for.
enum Heard {
    Nothing,
    PastEnds,
    Catalog,
    Alert,
}

fn request(peer: &Peer) -> Result<tungstenite::handshake::client::Request> {
    let url = format!("ws://{}{PATH}", peer.place.authority);
    let unfit = |what: &str| Error::new(format!("{what} has characters that do not belong there"));
    let mut request = url.into_client_request().map_err(|_| unfit("--url"))?;
    if let Some(token) = &peer.token {
        let value = HeaderValue::from_str(&format!("Bearer {token}"));
        request.headers_mut().insert(AUTHORIZATION, value.map_err(|_| unfit("the token"))?);
    }
    Ok(request)
}

fn hello(said: &Value) -> Hello {
    let text = |name: &str| said[name].as_str().unwrap_or_default().to_owned();
    let number = |name: &str| said[name].as_f64().unwrap_or(f64::NAN);
    Hello {
        service: text("service"),
        host: text("host"),
        version: text("version"),
        pid: said["pid"].as_u64().unwrap_or_default(),
        started_ms: number("started"),
        instance: said["instance"].to_string(),
        now_ms: number("now"),
    }
}

/// The table's metrics. Without them there is no table, and the figures are worth showing.
async fn rows(peer: &Peer) -> Rows {
    let mut metrics = Vec::new();
    for question in ["duration_seconds", "s_total"] {
        let path = format!("/api/metrics?limit=2000&q={question}");
        if let Ok(mut answer) = peer.json(&path).await
            && let Value::Array(found) = answer["metrics"].take()
        {
            metrics.extend(found);
        }
    }
    Rows::of(&metrics)
}
