//! The fields by which code tells `tracing-opentelemetry` about its spans.

use tracing_core::Metadata;
use tracing_core::span::Attributes;

use super::fields::Fields;
use crate::span::Span;
use crate::value::SpanKind;

/// The name of a span, when it is made while the program runs.
pub(super) const NAME: &str = "otel.name";
const KIND: &str = "otel.kind";
const STATUS: &str = "otel.status_code";
const MESSAGES: [&str; 2] = ["otel.status_message", "otel.status_description"];

/// Whether a field is applied rather than kept.
pub(super) fn is_applied(key: &str) -> bool {
    key == KIND || key == STATUS || MESSAGES.contains(&key)
}

/// Whether a field may say more about its span.
pub(super) fn is_prefix(key: &str) -> bool {
    key.starts_with("otel.")
}

/// The name that a span is to have instead of its own.
pub(super) fn name(attributes: &Attributes<'_>) -> Option<Box<str>> {
    let name = |fields: &Fields| fields.text(NAME).map(Box::from);
    Fields::with(|visit| attributes.record(visit), name)
}

/// Whether how the span comes out is among its fields.
pub(super) fn tells_status(metadata: &Metadata<'_>) -> bool {
    metadata.fields().field(STATUS).is_some()
}

/// Tells the span its kind, and how it came out.
pub(super) fn apply(span: &Span, fields: &Fields) {
    if let Some(kind) = fields.text(KIND).and_then(kind) {
        span.set_kind(kind);
    }
    let message = MESSAGES.iter().find_map(|key| fields.text(key));
    match (fields.text(STATUS), message) {
        (Some(status), _) if status.eq_ignore_ascii_case("ok") => span.succeed(),
        (Some(status), why) if status.eq_ignore_ascii_case("error") => {
            span.fail(why.unwrap_or_default());
        }
        (_, Some(why)) => span.fail(why),
        _ => {}
    }
}

fn kind(text: &str) -> Option<SpanKind> {
    use SpanKind::{Client, Consumer, Internal, Producer, Server};
    let kinds = [Internal, Server, Client, Producer, Consumer];
    kinds.into_iter().find(|kind| kind.as_str().eq_ignore_ascii_case(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_known_in_any_case() {
        assert_eq!(kind("server"), Some(SpanKind::Server));
        assert_eq!(kind("CLIENT"), Some(SpanKind::Client));
        assert_eq!(kind("other"), None);
    }
}
