//! What expansions need around a function's body.

use std::ops::Deref;

/// Runs a function's body, which may give out what it borrows from its arguments: a closure that
/// is called where it stands could be called again, as far as the compiler knows.
#[doc(hidden)]
#[inline(always)]
pub fn once<R>(body: impl FnOnce() -> R) -> R {
    body()
}

/// A value of any type for code that is never reached: tells the compiler what a body returns.
#[doc(hidden)]
pub fn never<T>() -> T {
    unreachable!("it is written where nothing runs")
}

/// What a function returned. `is_error` is a method of its own for a `Result`, under whatever
/// name; for any other type the compiler looks on, and finds [`NoError`]'s.
#[doc(hidden)]
pub struct Returned<'a, T>(pub &'a T);

impl<T, E> Returned<'_, Result<T, E>> {
    #[doc(hidden)]
    #[inline(always)]
    pub fn is_error(&self) -> bool {
        self.0.is_err()
    }
}

impl<T> Deref for Returned<'_, T> {
    type Target = NoError;

    #[inline(always)]
    fn deref(&self) -> &NoError {
        &NoError
    }
}

/// What is no `Result`.
#[doc(hidden)]
pub struct NoError;

impl NoError {
    #[doc(hidden)]
    #[inline(always)]
    pub fn is_error(&self) -> bool {
        false
    }
}
