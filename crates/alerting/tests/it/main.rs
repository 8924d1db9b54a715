//! The manager from outside: rules, receivers, restarts, files.

mod alertmanager;
mod api;
mod closures;
mod delivery;
mod files;
mod kill;
mod model;
mod payloads;
mod support;
mod trial;
