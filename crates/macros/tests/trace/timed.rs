//! A function that is timed as well.

use crate::{only, run, shown};
use perf_monitor_core::Registry;
use perf_monitor_instruments::timed::Functions;
use perf_monitor_macros::{timed, trace};

#[timed(crate = ::perf_monitor_instruments)]
#[trace(err)]
fn both(fail: bool) -> Result<u8, String> {
    if fail { Err("asked to".to_owned()) } else { Ok(1) }
}

#[trace(fields(fail))]
#[timed(crate = ::perf_monitor_instruments)]
async fn both_later(fail: bool) -> Result<u8, String> {
    crate::pause().await;
    both(fail)
}

#[test]
fn a_function_may_be_timed_and_traced() {
    assert!(only(|| drop(both(true))).status.is_error());
    let trace = crate::traced(|| drop(run(both_later(true))));
    assert_eq!(crate::tree(&trace), "test(both_later!(both!))");
    assert_eq!(shown(&trace.spans[1]), "fail=true polls=2");
    let functions = Functions::new(Registry::global()).unwrap().summary();
    let errors: Vec<_> =
        functions.iter().map(|function| (&*function.name, function.errors)).collect();
    assert_eq!(errors, [("trace::timed::both", 2), ("trace::timed::both_later", 1)]);
}
