//! The requests of tower services, as the layer counts them.

#[cfg(feature = "axum")]
mod axum;
mod body;
#[cfg(feature = "tracing")]
mod calls;
mod grpc;
mod hyper;
mod limits;
mod plain;
#[cfg(feature = "tracing")]
mod spans;
mod support;
#[cfg(feature = "tracing")]
mod traced;
