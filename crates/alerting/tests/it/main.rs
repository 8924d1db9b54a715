//! The manager from outside: rules, receivers, restarts, files.

mod closures;
mod support;
mod trial;
