//! The name, the kind, the root, where the library is found.

use crate::tracing::SpanKind;
use crate::{only, run, traced, tracer, tree};
use perf_monitor_core::{Registry, Value};
use perf_monitor_macros::trace;

mod elsewhere {
    pub(super) mod renamed {
        pub(crate) use perf_monitor_tracing as tracing;
    }
}

#[trace(name = "orders::take", crate = elsewhere::renamed, kind = Server)]
fn named() {}

#[trace(kind = Client)]
async fn asks() {}

#[test]
fn the_name_and_the_kind_are_as_they_were_given() {
    let span = only(named);
    assert_eq!((&*span.name, span.kind), ("orders::take", SpanKind::Server));
    let span = only(|| run(asks()));
    assert_eq!((&*span.name, span.kind), ("trace::options::asks", SpanKind::Client));
}

#[trace(root, ret)]
fn apart() -> u128 {
    tracer().current().unwrap().trace_id.get()
}

#[trace(root, name = "apart, later")]
async fn apart_later() -> u128 {
    crate::pause().await;
    apart();
    tracer().current().unwrap().trace_id.get()
}

#[test]
fn a_root_is_a_trace_of_its_own() {
    let mut others = Vec::new();
    let trace = traced(|| others.extend([apart(), run(apart_later())]));
    assert_eq!(tree(&trace), "test");
    for other in others {
        let id = crate::tracing::TraceId::new(other).unwrap();
        assert_eq!(tracer().trace(id)[0].spans.len(), 1);
    }
}

#[trace]
fn measured() -> Result<(), ()> {
    Err(())
}

#[test]
fn durations_and_errors_are_in_the_registry_of_the_process() {
    traced(|| assert!(measured().is_err()));
    let snapshot = Registry::global().snapshot();
    let labels = [("span", "trace::options::measured")];
    assert!(matches!(snapshot.value("span_errors_total", &labels), Some(Value::Counter(1))));
    let durations = snapshot.value("span_duration_seconds", &labels);
    assert!(matches!(durations, Some(Value::Histogram(h)) if h.count == 1));
}
