//! `/api/stream`: one client, from hello to its end.

use std::future::{Future, pending, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use perf_monitor_http::{Error, Message, WebSocket};
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

use crate::column::Column;
use crate::dashboard::Shared;
use crate::frame;
use crate::group::Subscription;
use crate::message::{Asked, Refused, Said, to_json, unix_ms};
use crate::news::News;
use crate::past::Past;

/// One client of the stream.
pub(crate) struct Client {
    shared: Arc<Shared>,
    socket: WebSocket,
    news: watch::Receiver<News>,
    told: News,
    subscription: Option<Subscription>,
    pace: Pace,
}

/// What a client's task goes on with.
enum Next {
    Said(Result<Option<Message>, Error>),
    Frame(Option<Bytes>),
    News(Result<(), watch::error::RecvError>),
}

/// How often a client asks.
struct Pace {
    /// When all questions so far would have come if there were one each [`QUESTION_TIME`].
    asked: Instant,
}

/// How often a client may ask for columns or their past, in the long run: for each the series are looked up.
const QUESTION_TIME: Duration = Duration::from_millis(50);

/// Questions that may come at once, as when a view opens.
const AT_ONCE: u32 = 10;

impl Client {
    pub(crate) fn new(shared: Arc<Shared>, socket: WebSocket) -> Client {
        let news = shared.news.subscribe();
        let told = News { markers: 0, ..*news.borrow() };
        Client { shared, socket, news, told, subscription: None, pace: Pace::new() }
    }

    /// Goes on until the client goes away.
    ///
    /// # Errors
    /// The client broke the protocol, does not read, is silent for long, or was cut off.
    pub(crate) async fn run(mut self) -> Result<(), Error> {
        self.socket.send_text(self.shared.hello()).await?;
        self.tell_news().await?;
        loop {
            match self.next().await {
                Next::Frame(frame) => self.show(frame).await?,
                Next::Said(said) => match said? {
                    Some(Message::Text(text)) => self.hear(&text).await?,
                    Some(Message::Binary(_)) => {
                        let message = "a message of bytes: send JSON as text".to_owned();
                        self.refuse(Refused { id: None, message, columns: 0 }).await?;
                    }
                    None => return Ok(()),
                },
                Next::News(Ok(())) => self.tell_news().await?,
                Next::News(Err(_)) => {
                    self.socket.close().await;
                    return Ok(());
                }
            }
        }
    }

    /// What comes first. What the client says is looked at once before each frame, so that frames never keep it from being
    /// heard; and then the frames, since it is one of them that this wakes up for 60 times a second.
    async fn next(&mut self) -> Next {
        let Client { socket, subscription, news, .. } = self;
        let frame = async {
            match subscription {
                Some(subscription) => subscription.next().await,
                None => pending().await,
            }
        };
        let (mut said, mut frame, mut changed) =
            (pin!(socket.recv()), pin!(frame), pin!(news.changed()));
        let mut woken = false;
        poll_fn(|cx| {
            if std::mem::replace(&mut woken, true)
                && let Poll::Ready(frame) = frame.as_mut().poll(cx)
            {
                return Poll::Ready(Next::Frame(frame));
            }
            if let Poll::Ready(said) = said.as_mut().poll(cx) {
                return Poll::Ready(Next::Said(said));
            }
            if let Poll::Ready(changed) = changed.as_mut().poll(cx) {
                return Poll::Ready(Next::News(changed));
            }
            frame.as_mut().poll(cx).map(Next::Frame)
        })
        .await
    }

    async fn say(&mut self, message: Said<'_>) -> Result<(), Error> {
        self.socket.send_text(to_json(&message)).await
    }

    async fn show(&mut self, frame: Option<Bytes>) -> Result<(), Error> {
        let Some(subscription) = &mut self.subscription else { return Ok(()) };
        self.shared.counts.skipped(subscription.take_skipped());
        match frame {
            Some(frame) => self.socket.send_binary(frame).await,
            // its reading has failed, which was counted: the client may ask again
            None => {
                self.subscription = None;
                let message = "these columns are not read any more: subscribe again";
                self.say(Said::Error { id: None, message }).await
            }
        }
    }

    async fn hear(&mut self, text: &str) -> Result<(), Error> {
        let asked = Asked::parse(text);
        if !matches!(asked, Ok(Asked::Ping { .. })) {
            self.pace.question().await;
        }
        match asked {
            Ok(Asked::Subscribe { id, rate, columns }) => {
                let rate = if columns.is_empty() { 0 } else { rate };
                self.subscription = (rate > 0).then(|| self.shared.groups.join(columns, rate));
                let described = self.subscription.as_ref().map(Subscription::describe);
                let said = Said::Subscribed {
                    id,
                    schema: self.subscription.as_ref().map_or(0, Subscription::schema),
                    rate: self.subscription.as_ref().map_or(0, Subscription::rate),
                    columns: described.as_deref().unwrap_or_default(),
                };
                self.say(said).await
            }
            Ok(Asked::History { id, from_ms, until_ms, columns }) => {
                self.tell_past(id, &columns, (from_ms, until_ms)).await
            }
            Ok(Asked::Ping { client }) => {
                let now = unix_ms(&self.shared.registry);
                self.say(Said::Pong { client, now }).await
            }
            Err(refused) => self.refuse(refused).await,
        }
    }

    async fn tell_past(
        &mut self,
        id: u64,
        columns: &[Column],
        between_ms: (i64, i64),
    ) -> Result<(), Error> {
        let Some(history) = self.shared.history.clone() else {
            return self.say(Said::HistoryEnd { id, points: 0, step_ms: 0 }).await;
        };
        let now_ms = unix_ms(&self.shared.registry) as i64;
        let mut past = Past::new(&history, columns, between_ms, now_ms);
        let mut points = 0;
        while let Some(chunk) = past.next(&history).await {
            points += chunk.at_ms.len();
            self.socket.send_binary(frame::history(id, &chunk.at_ms, &chunk.columns)).await?;
        }
        self.say(Said::HistoryEnd { id, points, step_ms: past.step_ms() }).await
    }

    async fn refuse(&mut self, refused: Refused) -> Result<(), Error> {
        let Refused { id, message, columns } = refused;
        self.shared.counts.refused_columns(columns);
        self.say(Said::Error { id, message: &message }).await
    }

    /// Series that came or went, markers, settings that changed.
    async fn tell_news(&mut self) -> Result<(), Error> {
        let now = *self.news.borrow_and_update();
        if now.generation > self.told.generation {
            self.say(Said::Catalog { generation: now.generation }).await?;
        }
        if now.settings > self.told.settings {
            let message = self.shared.say_settings();
            self.say(message).await?;
        }
        let (markers, count) = self.shared.markers_after(self.told.markers);
        for marker in markers {
            self.socket.send_text(to_json(&marker)).await?;
        }
        self.told = News { markers: count, ..now };
        Ok(())
    }
}

impl Pace {
    fn new() -> Pace {
        Pace { asked: Instant::now() }
    }

    /// Waits where there were too many: what the client says next waits as well, in the system's buffers.
    async fn question(&mut self) {
        self.asked = self.asked.max(Instant::now()) + QUESTION_TIME;
        sleep_until(self.asked - QUESTION_TIME * AT_ONCE).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_view_s_questions_come_at_once_and_more_of_them_one_by_one() {
        let (begun, mut pace) = (Instant::now(), Pace::new());
        for _ in 0..AT_ONCE {
            pace.question().await;
        }
        assert_eq!(begun.elapsed(), Duration::ZERO);
        for _ in 0..20 {
            pace.question().await;
        }
        assert_eq!(begun.elapsed(), Duration::from_secs(1));
        tokio::time::sleep(QUESTION_TIME * AT_ONCE).await;
        let rested = Instant::now();
        for _ in 0..AT_ONCE {
            pace.question().await;
        }
        assert_eq!(rested.elapsed(), Duration::ZERO);
    }

    fn bytes<F>(_: fn(Client) -> F) -> usize {
        size_of::<F>()
    }

    /// It is held for each client, whatever it does.
    #[test]
    fn a_client_s_task_is_small() {
        let bytes = bytes(Client::run);
        assert!(bytes < 4 * 1024, "{bytes} bytes");
    }
}
