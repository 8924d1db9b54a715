//! Exchange with registries of the `prometheus` crate.

mod collector;
mod gathered;
mod model;

pub use collector::RegistryCollector;
pub(crate) use gathered::Gathered;
