//! Values that spans keep.

/// The value of an attribute.
///
/// Texts are kept up to 256 bytes, cut between characters.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum AttributeValue<'a> {
    /// True or false.
    Bool(bool),
    /// A whole number.
    I64(i64),
    /// Any number.
    F64(f64),
    /// A text.
    Str(&'a str),
}

/// The value of an attribute, on its own.
#[derive(Clone, Debug, PartialEq)]
pub enum OwnedValue {
    /// True or false.
    Bool(bool),
    /// A whole number.
    I64(i64),
    /// Any number.
    F64(f64),
    /// A text.
    Str(Box<str>),
}

macro_rules! from {
    ($($from:ty => $kind:ident),* $(,)?) => {$(
        impl From<$from> for AttributeValue<'_> {
            #[inline(always)]
            fn from(value: $from) -> Self {
                AttributeValue::$kind(value.into())
            }
        }
    )*};
}

from!(bool => Bool, i8 => I64, i16 => I64, i32 => I64, i64 => I64, u8 => I64, u16 => I64, u32 => I64,
      f32 => F64, f64 => F64);

macro_rules! from_large {
    ($($from:ty),*) => {$(
        /// Numbers above `i64::MAX` are kept as that.
        impl From<$from> for AttributeValue<'_> {
            #[inline(always)]
            fn from(value: $from) -> Self {
                AttributeValue::I64(i64::try_from(value).unwrap_or(i64::MAX))
            }
        }
    )*};
}

from_large!(u64, usize, isize);

impl<'a> From<&'a str> for AttributeValue<'a> {
    #[inline(always)]
    fn from(value: &'a str) -> Self {
        AttributeValue::Str(value)
    }
}

impl<'a> From<&'a String> for AttributeValue<'a> {
    fn from(value: &'a String) -> Self {
        AttributeValue::Str(value)
    }
}

impl<'a> From<&'a OwnedValue> for AttributeValue<'a> {
    fn from(value: &'a OwnedValue) -> Self {
        match value {
            OwnedValue::Bool(value) => AttributeValue::Bool(*value),
            OwnedValue::I64(value) => AttributeValue::I64(*value),
            OwnedValue::F64(value) => AttributeValue::F64(*value),
            OwnedValue::Str(value) => AttributeValue::Str(value),
        }
    }
}

/// What a span's work has to do with other services.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum SpanKind {
    /// Nothing: it stays in the process.
    #[default]
    Internal,
    /// It answers a request.
    Server,
    /// It sends a request.
    Client,
    /// It sends a message that somebody handles later.
    Producer,
    /// It handles a message.
    Consumer,
}

impl SpanKind {
    /// The kind in lower case.
    pub const fn as_str(self) -> &'static str {
        match self {
            SpanKind::Internal => "internal",
            SpanKind::Server => "server",
            SpanKind::Client => "client",
            SpanKind::Producer => "producer",
            SpanKind::Consumer => "consumer",
        }
    }

    pub(crate) const fn of(number: u64) -> SpanKind {
        match number {
            1 => SpanKind::Server,
            2 => SpanKind::Client,
            3 => SpanKind::Producer,
            4 => SpanKind::Consumer,
            _ => SpanKind::Internal,
        }
    }
}

/// How a span's work came out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum StatusCode {
    /// Nobody said.
    #[default]
    Unset,
    /// Well, as somebody said.
    Ok,
    /// It failed, for the reason given; empty without a reason.
    Error(Box<str>),
}

impl StatusCode {
    /// Whether it failed.
    pub fn is_error(&self) -> bool {
        matches!(self, StatusCode::Error(_))
    }
}
