//! Spans and metrics sent to collectors of OpenTelemetry, by OTLP over HTTP.

mod backoff;
mod resource;
mod stats;
mod stop;

mod environment;
mod options;

mod metrics;
mod spans;

mod health;
mod sender;

mod exporter;
mod load;
mod points;
mod traces;
mod waiting;

pub use exporter::OtlpExporter;
pub use health::OtlpHealth;
pub use options::OtlpOptions;
