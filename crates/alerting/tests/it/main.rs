//! The manager from outside: rules, receivers, restarts, files.

mod alertmanager;
mod api;
mod closures;
mod delivery;
mod files;
mod kill;
mod model;
mod payloads;
#[path = "../peer/mod.rs"]
mod peer;
#[cfg(any(feature = "command", feature = "email"))]
mod programs;
mod recording;
mod restart;
mod support;
mod templates;
mod trial;
