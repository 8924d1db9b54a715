//! Stages, queries, caches, events and resources of a service, as metrics.
//!
//! (crate documentation: written with its parts)

mod table;
