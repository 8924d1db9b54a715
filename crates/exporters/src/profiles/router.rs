//! What lies below `/debug/pprof/`.

use std::future::ready;
use std::sync::Arc;

use http::header::LOCATION;
use http::{HeaderValue, StatusCode};
use perf_monitor_http::{Request, Response, Router, answer};

use super::cpu::CpuHandler;
use super::heap::HeapHandler;
use super::output::TEXT;
use super::source::{CpuSource, HeapKind, HeapSource};
use super::symbol::symbol;

/// Serves profiles of this process below `/debug/pprof/`, as Go does, so that Go's tools work:
/// `go tool pprof http://127.0.0.1:9464/debug/pprof/profile`.
///
/// | path | answers |
/// |---|---|
/// | `/debug/pprof/` | a page with links |
/// | `/debug/pprof/profile` | where CPU time goes in the next `seconds` (1 to 300, 30 by default), sampled at `hz` (1 to 1000, 99) |
/// | `/debug/pprof/heap` | which memory is in use; with `seconds`, how that changes meanwhile |
/// | `/debug/pprof/allocs` | what was allocated; with `seconds`, what is allocated meanwhile |
/// | `/debug/pprof/symbol` | names of the addresses `0x1234+0x5678` in the query or the body |
/// | `/debug/pprof/cmdline` | the command line, with NUL between its words |
///
/// `format` is `pb` (for pprof, gzipped; the default), `svg` (a flame graph), `collapsed` or `json`
/// ([`call_tree_to_json`](crate::call_tree_to_json)); `debug=1` is `collapsed` for those of memory. `thread`, `span` and
/// `trace` leave only samples of exactly this thread's or span's name or this trace. What cannot be is answered by 400 and
/// a sentence that names the choices.
///
/// One CPU profile is taken at a time: another request gets 409 and how long the first still takes, or with `force=1`
/// ends it, upon which the first answers what it has; so it is with one that the program itself takes. A client that leaves ends its profile.
///
/// What takes work is refused to pages of other sites. Names are looked up and formats written on the runtime's blocking
/// threads, so the listener goes on meanwhile.
///
/// The listener must let requests take `seconds` and some more: give its
/// [`ServerOptions`](perf_monitor_http::ServerOptions) a `request_time` of 330 s or more.
///
/// ```
/// use perf_monitor_exporters::{CpuProfile, CpuSource, HeapKind, HeapSource, profile_router};
/// use perf_monitor_profiling::{Error, Report};
///
/// struct Nothing;
///
/// impl CpuSource for Nothing {
///     fn start(&self, _hz: u32) -> Result<Box<dyn CpuProfile>, Error> {
///         Err(Error::Unsupported("this example has no sampler"))
///     }
/// }
///
/// impl HeapSource for Nothing {
///     fn report(&self, _kind: HeapKind) -> Result<Report, Error> {
///         Err(Error::Unsupported("this example has no allocator that tells"))
///     }
/// }
///
/// let router = profile_router(Nothing, Nothing);
/// ```
pub fn profile_router(cpu: impl CpuSource, heap: impl HeapSource) -> Router {
    let heap: Arc<dyn HeapSource> = Arc::new(heap);
    let of = |kind| HeapHandler::new(Arc::clone(&heap), kind);
    Router::new()
        .get("/debug/pprof", |_: Request| ready(moved()))
        .get("/debug/pprof/", |_: Request| ready(index()))
        .get_costly("/debug/pprof/profile", CpuHandler::new(cpu))
        .get_costly("/debug/pprof/heap", of(HeapKind::InUse))
        .get_costly("/debug/pprof/allocs", of(HeapKind::Allocated))
        .get_costly("/debug/pprof/symbol", symbol)
        .post("/debug/pprof/symbol", symbol)
        .get("/debug/pprof/cmdline", |_: Request| ready(cmdline()))
}

fn index() -> Response {
    answer(StatusCode::OK, "text/html; charset=utf-8", include_str!("index.html"))
}

/// The links of the page are relative to its slash.
fn moved() -> Response {
    let mut response = answer(StatusCode::PERMANENT_REDIRECT, TEXT, "");
    response.headers_mut().insert(LOCATION, HeaderValue::from_static("/debug/pprof/"));
    response
}

fn cmdline() -> Response {
    let words: Vec<_> =
        std::env::args_os().map(|word| word.to_string_lossy().into_owned()).collect();
    answer(StatusCode::OK, TEXT, words.join("\0"))
}
