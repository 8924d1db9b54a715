//! Spans of the `tracing` crate as spans of a tracer.

mod entered;
mod event;
mod fields;
mod layer;
mod otel;
mod visit;

pub use layer::TracingLayer;
