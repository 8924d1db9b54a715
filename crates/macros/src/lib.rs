//! The attribute `#[timed]`, which records the calls of a function.
//!
//! Users have it as `perf_monitor::timed`; this crate is what a compiler runs, and records nothing.
//! Without its feature `timed` it needs no other crate, and gives back what it was given.

use proc_macro::TokenStream;

#[cfg(any(test, not(feature = "timed")))]
mod absent;
#[cfg(feature = "timed")]
mod expand;
#[cfg(feature = "timed")]
mod function;
#[cfg(feature = "timed")]
mod options;
#[cfg(feature = "timed")]
mod returns;

#[cfg(not(feature = "timed"))]
use absent::attribute;
#[cfg(feature = "timed")]
use expand::attribute;

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
    attribute(options, item)
}
