//! The name, and where the library is found.

use crate::outcomes;
use perf_monitor_macros::timed;

mod elsewhere {
    pub(super) mod renamed {
        pub(crate) use perf_monitor_instruments::timed;
    }
}

#[timed(name = "orders::take", crate = elsewhere::renamed)]
fn named() {}

#[timed(crate = ::perf_monitor_instruments,)]
fn unnamed() {}

#[timed(name = "orders::take")]
fn of_the_same_name() {}

#[test]
fn sites_of_one_name_are_one_function() {
    named();
    of_the_same_name();
    assert_eq!(crate::named("orders::take").ok, 2);
    assert_eq!(crate::named("orders::take").calls(), 2);
    assert_eq!(outcomes("options::named"), [0, 0, 0, 0]);
}

#[test]
fn without_a_name_it_is_the_path() {
    unnamed();
    assert_eq!(outcomes("options::unnamed"), [1, 0, 0, 0]);
}
