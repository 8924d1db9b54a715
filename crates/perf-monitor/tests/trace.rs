//! The attribute finds the facade by its name, without any setting.

use perf_monitor::tracing::{DistributedTracer, OwnedValue, StatusCode};

#[perf_monitor::trace(name = "facade::halve", fields(number), err)]
fn halve(number: u32) -> Result<u32, &'static str> {
    if number % 2 == 1 {
        return Err("odd");
    }
    Ok(number / 2)
}

#[test]
fn a_traced_function_is_in_the_process_s_tracer() {
    assert_eq!((halve(8), halve(3)), (Ok(4), Err("odd")));
    let traces = DistributedTracer::global().recent(2);
    let [failed, fine] = &*traces else { panic!("{traces:?}") };
    let (failed, fine) = (failed.root().unwrap(), fine.root().unwrap());
    assert_eq!((&*failed.name, &*fine.name), ("facade::halve", "facade::halve"));
    assert_eq!(
        (&failed.status, &fine.status),
        (&StatusCode::Error("odd".into()), &StatusCode::Unset)
    );
    assert_eq!(fine.attributes[0].value, OwnedValue::I64(8));
}
