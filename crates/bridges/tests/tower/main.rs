//! The requests of tower services, as the layer counts them.

#[cfg(feature = "axum")]
mod axum;
mod body;
mod grpc;
mod hyper;
mod limits;
mod plain;
mod support;
