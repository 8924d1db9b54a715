//! What spans are called.

use std::fmt;
use std::sync::Arc;

/// Tells the name of a span by the number that its context has.
#[derive(Clone)]
pub struct SpanNames(Arc<dyn Fn(u32) -> Option<String> + Send + Sync>);

impl SpanNames {
    /// What `name` answers. `None` is shown as the number.
    pub fn new(name: impl Fn(u32) -> Option<String> + Send + Sync + 'static) -> SpanNames {
        SpanNames(Arc::new(name))
    }

    /// The name of that number.
    pub fn get(&self, number: u32) -> Option<String> {
        (self.0)(number)
    }
}

impl Default for SpanNames {
    /// Knows no name.
    fn default() -> SpanNames {
        SpanNames::new(|_| None)
    }
}

impl fmt::Debug for SpanNames {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SpanNames")
    }
}
