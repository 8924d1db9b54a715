//! What a field's value may be.

use std::borrow::Cow;
use std::rc::Rc;
use std::sync::Arc;

use crate::{AttributeValue, OwnedValue};

/// A value in `fields(...)` of the attribute `#[trace]`: numbers, truth, texts, references to such.
/// `None` is no attribute.
///
/// It is looked at where it stands, so that the function's body can still move it.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not the value of an attribute",
    label = "a field's value is a number, a `bool`, a text or an `Option` of such",
    note = "for how a value is displayed write `%value`, for how it is debugged `?value`"
)]
pub trait Field {
    /// As an attribute keeps it.
    fn value(&self) -> Option<AttributeValue<'_>>;
}

macro_rules! by_value {
    ($($type:ty),* $(,)?) => {$(
        impl Field for $type {
            #[inline(always)]
            fn value(&self) -> Option<AttributeValue<'_>> {
                Some((*self).into())
            }
        }
    )*};
}

by_value!(bool, i8, i16, i32, i64, u8, u16, u32, u64, usize, f32, f64);

macro_rules! by_reference {
    ($($type:ty),* $(,)?) => {$(
        impl Field for $type {
            #[inline(always)]
            fn value(&self) -> Option<AttributeValue<'_>> {
                Some(self.into())
            }
        }
    )*};
}

by_reference!(str, String, OwnedValue);

macro_rules! through {
    ($($type:ty),* $(,)?) => {$(
        impl<T: Field + ?Sized> Field for $type {
            #[inline(always)]
            fn value(&self) -> Option<AttributeValue<'_>> {
                (**self).value()
            }
        }
    )*};
}

through!(&T, &mut T, Box<T>, Rc<T>, Arc<T>);

impl Field for isize {
    #[inline(always)]
    fn value(&self) -> Option<AttributeValue<'_>> {
        i64::try_from(*self).ok().map(AttributeValue::I64)
    }
}

impl Field for Cow<'_, str> {
    fn value(&self) -> Option<AttributeValue<'_>> {
        Some(AttributeValue::Str(self))
    }
}

impl Field for AttributeValue<'_> {
    fn value(&self) -> Option<AttributeValue<'_>> {
        Some(*self)
    }
}

impl<T: Field> Field for Option<T> {
    #[inline(always)]
    fn value(&self) -> Option<AttributeValue<'_>> {
        self.as_ref().and_then(Field::value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_kept_as_what_they_are() {
        let text = String::from("it");
        assert_eq!((&&text).value(), Some("it".into()));
        assert_eq!(Box::new(Arc::from("it") as Arc<str>).value(), Some("it".into()));
        assert_eq!(Cow::from("it").value(), Some("it".into()));
        assert_eq!(Some(-1_isize).value(), Some(AttributeValue::I64(-1)));
        assert_eq!(None::<&mut f32>.value(), None);
        assert_eq!(u64::MAX.value(), Some(AttributeValue::I64(i64::MAX)));
        assert_eq!(OwnedValue::Bool(true).value(), AttributeValue::Bool(true).value());
    }
}
