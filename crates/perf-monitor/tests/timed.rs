//! The attribute finds the facade by its name, without any setting.

use perf_monitor::Registry;
use perf_monitor::timed::Functions;

#[perf_monitor::timed(name = "facade::halve")]
fn halve(number: u32) -> Result<u32, &'static str> {
    if number % 2 == 1 {
        return Err("odd");
    }
    Ok(number / 2)
}

#[test]
fn a_timed_function_is_in_the_process_s_registry() {
    assert_eq!((halve(8), halve(3)), (Ok(4), Err("odd")));
    let functions = Functions::new(Registry::global()).unwrap().summary();
    let halved = functions.iter().find(|function| function.name == "facade::halve").unwrap();
    assert_eq!((halved.ok, halved.errors), (1, 1));
}
