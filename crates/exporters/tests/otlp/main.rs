//! What the sender of spans and metrics promises, as tests.

mod failures;
mod metrics;
mod peer;
mod receiver;
mod spans;
mod stop;
