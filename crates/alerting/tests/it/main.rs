//! The manager from outside: rules, receivers, restarts, files.

mod api;
mod closures;
mod model;
mod payloads;
mod support;
mod trial;
