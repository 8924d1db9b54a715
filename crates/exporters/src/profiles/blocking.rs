//! Work that would keep the listener from answering others.

use http::StatusCode;
use perf_monitor_http::Response;
use perf_monitor_profiling::Error;

use super::output::{failure, refusal};

/// Does `work` on one of the runtime's blocking threads; what fails becomes the answer.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Response> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done.map_err(|error| failure(&error)),
        // the message of the panic is on the standard error
        Err(_) => Err(refusal(
            StatusCode::INTERNAL_SERVER_ERROR,
            "the profiler panicked: its message is on the program's standard error",
        )),
    }
}
