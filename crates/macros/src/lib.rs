//! The attributes `#[timed]` and `#[trace]`, which record the calls of a function.
//!
//! Users have them as `perf_monitor::timed` and `perf_monitor::trace`; this crate is what a compiler
//! runs, and records nothing. Without its features `timed` and `trace` it needs no other crate, and
//! gives back what it was given.

use proc_macro::TokenStream;

#[cfg(any(test, not(feature = "timed"), not(feature = "trace")))]
mod absent;
#[cfg(any(feature = "timed", feature = "trace"))]
mod function;
#[cfg(any(feature = "timed", feature = "trace"))]
mod options;
#[cfg(any(feature = "timed", feature = "trace"))]
mod returns;
#[cfg(feature = "timed")]
mod timed;
#[cfg(feature = "trace")]
mod trace;

#[cfg(not(feature = "timed"))]
use absent as timed;
#[cfg(not(feature = "trace"))]
use absent as trace;

/// Records each call of a function: how long it takes, how it ends.
///
/// ```
/// # use perf_monitor_macros::timed;
/// # extern crate perf_monitor_instruments as perf_monitor; // the facade, which has both
/// #[timed]
/// fn parse(text: &str) -> Result<u64, std::num::ParseIntError> {
///     let number: u64 = text.trim().parse()?;
///     Ok(number * 2)
/// }
///
/// struct Store;
///
/// impl Store {
///     #[timed(name = "Store::load")]
///     async fn load(&self, key: &str) -> Option<String> {
///         Some(key.to_owned())
///     }
/// }
///
/// parse(" 21 ").unwrap();
/// parse("many").unwrap_err();
/// # use perf_monitor_instruments::timed::Functions;
/// # if cfg!(feature = "timed") {
/// # let functions = Functions::new(perf_monitor_core::Registry::global()).unwrap().summary();
/// # assert!(functions[0].name.ends_with("::parse"), "{}", functions[0].name);
/// # assert_eq!((functions[0].ok, functions[0].errors), (1, 1));
/// # }
/// ```
///
/// In the process's registry this is `function_duration_seconds{function}`, which has every call,
/// and `function_calls_total{function,outcome}`:
///
/// | outcome | the call |
/// |---|---|
/// | `ok` | returned; `None` is not an error |
/// | `error` | returned the `Err` of a `Result`, under whatever name (`io::Result`, an alias of yours) |
/// | `panic` | was ended by a panic that unwound through it |
/// | `cancelled` | is a future that began, and was dropped before it was done |
///
/// # What it takes
/// Functions and methods, `async` or not, with a body: generic ones, those that take or return
/// `impl Trait`, provided methods of traits, `unsafe` ones. Signature, visibility, other
/// attributes and documentation stay as they are, and so does whether a future is `Send`.
///
/// A function that is not `async` and returns `impl Future` or `Pin<Box<dyn Future>>` is taken as
/// an asynchronous one (so it works under `#[async_trait]`; the box is one more). To be known as such,
/// the type must be written out, with its `Output`.
///
/// The time of an asynchronous function runs from its first poll to its end, waits included. A
/// future that is never polled is not a call.
///
/// # Options
/// - `name = "Store::load"`: the label `function`. Without it, the path of the module, `::`, the name of
///   the function. An attribute cannot see which type a method is of: two methods `load` in one module
///   are one series, unless they are given names.
/// - `crate = path`: where `perf_monitor` is found, if not at `::perf_monitor`.
///
/// # Errors
/// What cannot be timed does not compile: a `const fn`, which runs where there is no clock; a
/// function for other languages (`extern "C"`), which may be called where a thread has no memory of
/// its own any more; a method without a body; anything that is not a function.
///
/// # Limits
/// The body becomes a closure. So in a `#[track_caller]` function, panics are shown at their own
/// place; and arguments that the body does not move are dropped in the order in which it uses
/// them. A function that never returns (`-> !`) is recorded when a panic or a dropped future ends
/// it. Do not time the functions of a global allocator: the first call allocates.
///
/// # Cost
/// `timed/sync`: two clock reads, and adds to cells that only the calling thread writes. The first
/// call registers the function's series, within the registry's budget. With the feature `timed`
/// off: nothing, as the function is left as it is.
///
/// A future grows by about 64 bytes, and by its arguments, which it has room for twice.
#[proc_macro_attribute]
pub fn timed(options: TokenStream, item: TokenStream) -> TokenStream {
    timed::attribute(options, item)
}

/// Makes each call of a function a span.
///
/// ```
/// # extern crate self as perf_monitor; // the facade, as far as the attribute knows
/// # pub use perf_monitor_tracing as tracing;
/// # use perf_monitor_macros::trace;
/// #[trace(fields(text, length = text.len()), err)]
/// fn parse(text: &str) -> Result<u64, std::num::ParseIntError> {
///     let number: u64 = text.trim().parse()?;
///     Ok(number * 2)
/// }
///
/// struct Store;
///
/// impl Store {
///     #[trace(name = "Store::load", kind = Client, fields(db.system = "mine", key = %key))]
///     async fn load(&self, key: u64) -> Option<String> {
///         Some(key.to_string())
///     }
/// }
///
/// # fn main() {
/// parse("many").unwrap_err();
/// # if cfg!(feature = "trace") {
/// # use perf_monitor_tracing::{AttributeValue, DistributedTracer, OwnedValue, StatusCode};
/// # let trace = DistributedTracer::global().failed(1).remove(0);
/// # let span = &trace.spans[0];
/// # assert!(span.name.ends_with("::parse"), "{}", span.name);
/// # assert_eq!(span.status, StatusCode::Error("invalid digit found in string".into()));
/// # assert_eq!(span.attributes[0].value, OwnedValue::Str("many".into()));
/// # assert_eq!(span.attributes[1].value, OwnedValue::I64(4));
/// # }
/// # }
/// ```
///
/// The spans are of the process's tracer, `DistributedTracer::global()`, below what the thread is in at
/// the call. What the body does is below them, and so is what it awaits. A span failed if the call
///
/// - returned the `Err` of a `Result`, under whatever name; `None` is not an error;
/// - was ended by a panic that unwound through it.
///
/// A future that began and was dropped before it was done has the attribute `cancelled`, and each
/// future has how often it was polled (`polls`), `busy_ns` and `idle_ns`.
///
/// # What it takes
/// What [`timed`](macro@timed) takes; both may stand before one function. The span of an `async fn`
/// begins with the first poll. That of a function that gives back a future without being `async` (so
/// written out as `impl Future` or `Pin<Box<dyn Future>>`) begins with the call.
///
/// # Options
/// - `name = "Store::load"`: the name of the spans. Without it, the path of the module, `::`, the name of
///   the function. Spans of one name share a histogram.
/// - `kind = Server`: or `Client`, `Producer`, `Consumer`, `Internal`, which it is otherwise.
/// - `fields(user = id, rows = list.len(), http.route = "/", "a-key" = %shown, why = ?debugged, id)`:
///   attributes. A value is a number, a `bool`, a text, an `Option` of such, or a reference to one, and is
///   not moved; `%` keeps how it is displayed, `?` how it is debugged; a key alone is the argument of
///   that name. They are looked at before the body runs, if the span is recorded; otherwise not at all.
/// - `err`, `err(Debug)`: how the error is displayed, or debugged, becomes the message of the status.
///   Without it a failed span has no message.
/// - `ret`, `ret(Display)`: how the returned value is debugged, or displayed, is the attribute `return`.
/// - `root`: each call is the root of a new trace.
/// - `crate = path`: where `perf_monitor` is found, if not at `::perf_monitor`.
///
/// Texts are kept up to 256 bytes; no more than that is formatted, without allocation.
///
/// # Errors
/// What cannot be traced does not compile: what [`timed`](macro@timed) refuses, options that there are
/// not, `err` where no `Result` is returned.
///
/// # Limits
/// Those of [`timed`](macro@timed), where the end of a function is looked at: it may return a
/// `Result`, or there is `ret`.
///
/// # Cost
/// `span/guard`; of a future `span/future-10-polls`. The first call registers the series of its name. With the
/// feature `trace` off: nothing, as the function is left as it is.
///
/// A future grows by about 170 bytes, and by its arguments, which it has room for twice.
#[proc_macro_attribute]
pub fn trace(options: TokenStream, item: TokenStream) -> TokenStream {
    trace::attribute(options, item)
}
