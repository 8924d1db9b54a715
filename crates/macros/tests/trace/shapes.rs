//! Signatures and bodies that expansions must not get in the way of.

use crate::{only, traced, tree};
use perf_monitor_macros::trace;
use std::borrow::Cow;
use std::fmt::{Debug, Display};

#[trace]
fn last<'a>(numbers: &'a mut [u64], _: &u8) -> &'a mut u64 {
    let end = numbers.len() - 1;
    &mut numbers[end]
}

#[trace]
fn elided(text: &str) -> Cow<'_, str> {
    if text.is_empty() {
        return Cow::Borrowed("nothing");
    }
    text.into()
}

#[test]
fn what_is_borrowed_from_arguments_can_be_given_out() {
    let mut numbers = [1, 2];
    *last(&mut numbers, &0) = 5;
    assert_eq!(numbers, [1, 5]);
    assert_eq!(elided(""), "nothing");
    assert_eq!(elided("it"), "it");
}

#[trace]
fn shown<T, const N: usize>(all: [T; N], sum: impl Fn(usize) -> usize) -> impl Display + Debug
where
    T: Display,
{
    let length: usize = all.iter().map(|one| one.to_string().len()).sum();
    sum(length)
}

#[trace]
fn boxed(twice: bool) -> Box<dyn Fn(u32) -> u32> {
    if twice {
        return Box::new(|n| 2 * n);
    }
    Box::new(|n| n)
}

#[test]
fn generics_and_impl_trait_stay() {
    assert_eq!(shown([1, 22], |n| n + 1).to_string(), "4");
    assert_eq!(boxed(true)(2) + boxed(false)(2), 6);
}

#[trace]
fn first_even(rows: &[Vec<u64>]) -> Option<u64> {
    let mut found = None;
    'rows: for row in rows {
        for &number in row {
            if number % 2 == 0 {
                found = Some(number);
                break 'rows;
            }
        }
        if row.len() > 9 {
            return None;
        }
    }
    found
}

#[test]
fn loops_and_labels_stay() {
    assert_eq!(first_even(&[vec![1], vec![3, 4, 6]]), Some(4));
    let span = only(|| assert_eq!(first_even(&[vec![1; 10], vec![2]]), None));
    assert_eq!(&*span.name, "trace::shapes::first_even");
}

/// Adds up, whatever it is given.
#[trace]
#[inline(always)]
#[must_use]
unsafe fn raw((a, b): (*const u64, u64), mut more: u64, _: u8) -> u64 {
    more += b;
    // SAFETY: the caller's.
    unsafe { *a + more }
}

#[test]
fn patterns_unsafe_and_attributes_stay() {
    let number = 1;
    // SAFETY: it is a reference.
    assert_eq!(unsafe { raw((&raw const number, 2), 3, 0) }, 6);
}

#[trace]
#[allow(unused_variables)]
fn own_attributes() -> u8 {
    #![allow(clippy::let_and_return)]
    //! Documented from inside.
    let result = 7;
    result
}

const SITE: u8 = 1;

#[trace]
fn same_names(span: u8) -> u8 {
    let result = span + SITE;
    result + self::SITE
}

#[test]
fn names_of_the_body_do_not_meet_those_of_the_expansion() {
    assert_eq!(own_attributes(), 7);
    assert_eq!(same_names(1), 3);
}

#[trace]
fn r#match(r#type: u8) -> u8 {
    r#type
}

#[test]
fn a_raw_name_is_told_without_its_mark() {
    let span = only(|| assert_eq!(r#match(1), 1));
    assert_eq!(&*span.name, "trace::shapes::match");
}

#[trace]
#[cfg(any())]
fn switched_off() -> NoSuchType {}

#[trace]
fn with_items() -> u8 {
    use std::num::NonZeroU8;
    fn inner(n: u8) -> Option<NonZeroU8> {
        NonZeroU8::new(n)
    }
    macro_rules! or_return {
        ($it:expr) => {
            match $it {
                Some(it) => it,
                None => return 0,
            }
        };
    }
    or_return!(inner(0)).get()
}

#[test]
fn a_return_from_a_macro_is_of_the_function() {
    assert_eq!(with_items(), 0);
}

macro_rules! functions {
    ($($name:ident($argument:ident: $type:ty) -> $output:ty $body:block)*) => {$(
        #[trace]
        fn $name($argument: $type) -> $output $body
    )*};
}

functions! {
    doubled(n: u64) -> u64 { n * 2 }
    refused(n: u64) -> Result<u64, u64> { Err(n) }
}

#[test]
fn functions_that_a_macro_writes_are_traced() {
    let trace = traced(|| {
        assert_eq!(doubled(2), 4);
        assert_eq!(refused(2), Err(2));
    });
    assert_eq!(tree(&trace), "test(doubled refused!)");
}

#[trace]
fn unwritten() -> impl Debug {
    if std::env::args().count() < usize::MAX {
        return;
    }
    unreachable!("nobody has so many arguments")
}

#[test]
fn an_impl_trait_of_nothing_is_returned() {
    unwritten();
}

#[trace]
fn nested() -> u8 {
    fn one() -> u8 {
        1
    }
    #[trace]
    fn two() -> u8 {
        one_more(one)
    }
    fn one_more(of: impl Fn() -> u8) -> u8 {
        of() + 1
    }
    two()
}

#[test]
fn a_traced_function_may_hold_another() {
    let trace = traced(|| assert_eq!(nested(), 2));
    assert_eq!(tree(&trace), "test(nested(two))");
}
