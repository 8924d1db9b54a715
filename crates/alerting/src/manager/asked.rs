//! What people ask of the manager: to take note, to be quiet, to try a receiver out.

use super::AlertManager;
use crate::book::{Ack, Record};
use crate::error::{Error, ErrorKind};
use crate::silence::Silence;

impl AlertManager {
    /// Says that somebody takes care of a firing alert: nobody is told of it again until it resolves.
    ///
    /// # Errors
    /// [`is_not_found`](Error::is_not_found): no firing alert has this fingerprint;
    /// [`is_options`](Error::is_options): `by` is empty, or a text is longer than 1 KiB.
    pub async fn acknowledge(
        &self,
        fingerprint: &str,
        by: &str,
        comment: &str,
    ) -> Result<(), Error> {
        let _turn = self.inner.turn.lock().await;
        if by.trim().is_empty() || by.len() > 1_024 || comment.len() > 1_024 {
            let message = "say who acknowledges, in at most 1024 bytes, as the comment";
            return Err(Error::options(message));
        }
        let record = {
            let mut book = self.inner.book.lock();
            let unix_ms = self.inner.unix_ms();
            let found = book.find(fingerprint).filter(|(_, t)| t.fired.is_some());
            let (rule, tracked) = found.ok_or_else(|| {
                let message = format!("no firing alert {fingerprint:?}: ask for the list");
                Error::new(ErrorKind::NotFound, message)
            })?;
            let ack = Ack { by: by.to_owned(), comment: comment.to_owned(), unix_ms };
            let (rule, labels) = (rule.id.clone(), tracked.labels.clone());
            let record = Record::Acknowledged { rule, labels, ack };
            book.apply(&record);
            record
        };
        self.inner.commit(vec![record]).await;
        Ok(())
    }

    /// Adds a silence, or changes the one whose `id` is given; its id.
    ///
    /// # Errors
    /// [`is_options`](Error::is_options): it would mute everything, has ended, or says not by whom and
    /// why; [`is_limit`](Error::is_limit): there are as many as there may be;
    /// [`is_not_found`](Error::is_not_found): there is none of that id.
    pub async fn silence(&self, silence: Silence) -> Result<String, Error> {
        let _turn = self.inner.turn.lock().await;
        let (record, id) = {
            let mut book = self.inner.book.lock();
            self.inner.look_at_clock(&mut book);
            let record = book.silence(silence)?;
            book.apply(&record);
            let id = match &record {
                Record::Silenced { silence, .. } => silence.id.clone(),
                _ => String::new(),
            };
            (record, id)
        };
        self.inner.commit(vec![record]).await;
        Ok(id)
    }

    /// Ends a silence.
    ///
    /// # Errors
    /// [`is_not_found`](Error::is_not_found): there is none of that id.
    pub async fn unsilence(&self, id: &str) -> Result<(), Error> {
        let _turn = self.inner.turn.lock().await;
        let record = {
            let mut book = self.inner.book.lock();
            if book.silences.iter().all(|silence| silence.id != id) {
                let message = format!("no silence {id:?}: ask for the list");
                return Err(Error::new(ErrorKind::NotFound, message));
            }
            let record = Record::Unsilenced { id: id.to_owned() };
            book.apply(&record);
            record
        };
        self.inner.commit(vec![record]).await;
        Ok(())
    }

    /// All silences, those that have ended too.
    pub fn silences(&self) -> Vec<Silence> {
        self.inner.book.lock().silences.clone()
    }

    /// Sends a test through the same way as any notification: written down, queued, retried; the id by
    /// which the history will show it.
    ///
    /// # Errors
    /// [`is_not_found`](Error::is_not_found): no receiver of that name.
    pub async fn test_receiver(&self, name: &str) -> Result<String, Error> {
        let _turn = self.inner.turn.lock().await;
        let (record, id) = {
            let mut book = self.inner.book.lock();
            self.inner.look_at_clock(&mut book);
            let at = book.receivers.iter().position(|r| &*r.route.name == name);
            let at = at.ok_or_else(|| {
                Error::new(ErrorKind::NotFound, format!("no receiver {name:?}: ask for the list"))
            })?;
            let record = book.test_of(at);
            let id = match &record {
                Record::Queued { notification, .. } => notification.id.clone(),
                _ => String::new(),
            };
            (record, id)
        };
        self.inner.commit(vec![record]).await;
        self.ensure_delivery();
        Ok(id)
    }
}
