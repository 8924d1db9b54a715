//! A function as a notifier.

use std::fmt;
use std::future::Future;

use perf_monitor_http::BoxFuture;

use super::{Attempt, Notifier};
use crate::notification::Notification;

/// A notifier that calls a function; [`notify_fn`] makes it.
pub struct FnNotifier<F> {
    name: String,
    function: F,
}

/// Tells a function of alerts.
///
/// ```
/// use perf_monitor_alerting::{Attempt, Notification, notify_fn};
///
/// let pager = notify_fn("pager", async |notification: Notification| {
///     println!("{}", notification.title());
///     Attempt::Delivered("beeped".into())
/// });
/// ```
pub fn notify_fn<F, Fut>(name: impl Into<String>, function: F) -> FnNotifier<F>
where
    F: Fn(Notification) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Attempt> + Send + 'static,
{
    FnNotifier { name: name.into(), function }
}

impl<F, Fut> Notifier for FnNotifier<F>
where
    F: Fn(Notification) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Attempt> + Send + 'static,
{
    fn name(&self) -> &str {
        &self.name
    }

    fn notify<'a>(&'a self, notification: &'a Notification) -> BoxFuture<'a, Attempt> {
        Box::pin((self.function)(notification.clone()))
    }
}

impl<F> fmt::Debug for FnNotifier<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FnNotifier").field("name", &self.name).finish_non_exhaustive()
    }
}
