//! Running a user's code so that its panic ends only itself.

use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::task::Poll;

use crate::router::BoxFuture;

/// What the future of `make` gives, or `None` if either panicked.
///
/// Nothing of ours is shared with the code that panicked: it owns its request, and what it shares with other requests
/// is its own to guard, as with any thread that panics.
pub(crate) async fn caught<'a, T>(make: impl FnOnce() -> BoxFuture<'a, T>) -> Option<T> {
    let mut future = catch_unwind(AssertUnwindSafe(make)).ok()?;
    poll_fn(move |cx| {
        let poll = catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(cx)));
        match poll {
            Ok(poll) => poll.map(Some),
            Err(_) => Poll::Ready(None),
        }
    })
    .await
}
