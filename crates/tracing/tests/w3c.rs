//! The test suite of W3C Trace Context, case by case, at the level of headers.
#![cfg(feature = "http")]

mod support;

use http::{HeaderMap, HeaderName, HeaderValue};
use perf_monitor_core::Registry;
use perf_monitor_tracing::propagation::{self, Extracted, Propagator};
use perf_monitor_tracing::{SpanContext, SpanId, TRACE_STATE_BYTES, TraceFlags, TraceId};
use proptest::prelude::*;
use support::{all, counter, with_registry};

const TRACE: &str = "12345678901234567890123456789012";
const PARENT: &str = "00-12345678901234567890123456789012-1234567890123456-01";

fn headers<const N: usize>(lines: [(&str, &str); N]) -> HeaderMap {
    let line = |(name, value): (&str, &str)| {
        let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
        (name, HeaderValue::from_bytes(value.as_bytes()).unwrap())
    };
    let mut headers = HeaderMap::new();
    for (name, value) in lines.map(line) {
        headers.append(name, value);
    }
    headers
}

fn parent(text: &str) -> Option<SpanContext> {
    let extracted = propagation::extract(&headers([("traceparent", text)]));
    assert_eq!(extracted.invalid_parent, extracted.context.is_none(), "{text}");
    extracted.context
}

/// The state that comes with a valid parent; `None` when it was discarded.
fn state<const N: usize>(lines: [&str; N]) -> Option<String> {
    let mut headers = headers(lines.map(|line| ("tracestate", line)));
    headers.insert("traceparent", HeaderValue::from_static(PARENT));
    let extracted = propagation::extract(&headers);
    let context = extracted.context.expect("a bad state leaves the parent alone");
    assert_eq!(context.trace_id.to_string(), TRACE);
    if extracted.invalid_state {
        assert!(context.state.is_empty());
        return None;
    }
    Some(context.state.as_str().to_owned())
}

#[track_caller]
fn discarded(line: &str) {
    assert_eq!(state([line]), None, "{line}");
}

// What a service does with a request, and with the requests that it makes for it.

#[test]
fn both_traceparent_and_tracestate_missing_begins_a_trace_without_fault() {
    assert_eq!(propagation::extract(&HeaderMap::new()), Extracted::default());
}

#[test]
fn multiple_requests_with_valid_traceparent_are_of_its_trace_with_parents_of_their_own() {
    let (registry, tracer) = with_registry(all());
    let propagator = Propagator::new(&registry).unwrap();
    let received =
        headers([("traceparent", PARENT), ("tracestate", "foo=1"), ("tracestate", "bar=2")]);
    let context = propagator.extract(&received).unwrap();
    let server = tracer.start("GET").parent(context).begin();
    let mut ids = vec!["1234567890123456".to_owned()];
    for _ in 0..3 {
        let client = tracer.start("call").parent(&server).begin();
        let mut sent = headers([("traceparent", "stale"), ("traceparent", "stale")]);
        propagation::inject(&client.context(), &mut sent);
        assert_eq!(sent.get_all("traceparent").iter().count(), 1);
        assert_eq!(sent["tracestate"], "foo=1,bar=2");
        let sent = propagation::extract(&sent).context.unwrap();
        assert_eq!(sent.trace_id.to_string(), TRACE);
        assert!(sent.is_sampled() && sent.remote);
        ids.push(sent.span_id.to_string());
    }
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 4);
}

#[test]
fn multiple_requests_without_traceparent_are_of_a_new_trace() {
    let (_, tracer) = with_registry(all());
    let server = tracer.start("GET").root().begin();
    let sent = |_| {
        let mut sent = headers([("tracestate", "of=another")]);
        propagation::inject(&tracer.start("call").parent(&server).begin().context(), &mut sent);
        assert!(!sent.contains_key("tracestate"));
        propagation::extract(&sent).context.unwrap()
    };
    let [one, two, three] = [0, 1, 2].map(sent);
    assert!(one.trace_id == two.trace_id && two.trace_id == three.trace_id);
    assert!(one.span_id != two.span_id && two.span_id != three.span_id);
    assert!(one.flags.is_random(), "our trace ids are");
}

#[test]
fn a_thread_sends_the_span_that_it_is_in() {
    let (_, tracer) = with_registry(all());
    let mut sent = HeaderMap::new();
    assert!(!tracer.inject(&mut sent) && sent.is_empty());
    let span = tracer.root("job");
    assert!(tracer.inject(&mut sent));
    assert_eq!(propagation::extract(&sent).context, Some(span.context().remote()));
}

#[test]
fn multiple_requests_with_illegal_traceparent_are_counted() {
    let registry = Registry::new();
    let propagator = Propagator::new(&registry).unwrap();
    assert!(propagator.extract(&HeaderMap::new()).is_none());
    assert_eq!(
        registry
            .snapshot()
            .family("perf_monitor_propagation_invalid_total")
            .map(|family| family.series.len())
            .unwrap_or(0),
        0
    );
    let zero = "00-00000000000000000000000000000000-1234567890123456-01";
    for _ in 0..3 {
        let received = headers([("traceparent", zero), ("tracestate", "FOO=1")]);
        assert!(propagator.extract(&received).is_none());
    }
    assert!(
        propagator.extract(&headers([("traceparent", PARENT), ("tracestate", "FOO=1")])).is_some()
    );
    propagator.baggage(&headers([("baggage", "a=1,b,,c=2")]));
    let name = "perf_monitor_propagation_invalid_total";
    let count = |header| counter(&registry, name, &[("header", header)]);
    assert_eq!([count("traceparent"), count("tracestate"), count("baggage")], [3, 1, 1]);
}

#[test]
fn traceparent_included_tracestate_missing_is_followed() {
    let context = parent(PARENT).unwrap();
    assert_eq!(context.trace_id.to_string(), TRACE);
    assert_eq!(context.span_id.to_string(), "1234567890123456");
    assert!(context.remote && context.is_sampled() && context.state.is_empty());
}

#[test]
fn traceparent_duplicated_is_invalid() {
    for other in [PARENT, "00-12345678901234567890123456789011-1234567890123456-01"] {
        let both = headers([("traceparent", PARENT), ("traceparent", other)]);
        let extracted = propagation::extract(&both);
        assert!(extracted.context.is_none() && extracted.invalid_parent);
    }
}

#[test]
fn traceparent_header_name_has_no_other_spelling() {
    for name in ["trace-parent", "trace.parent"] {
        assert_eq!(propagation::extract(&headers([(name, PARENT)])), Extracted::default());
    }
}

#[test]
fn traceparent_header_name_valid_casing_does_not_matter() {
    for name in ["TraceParent", "TrAcEpArEnT", "TRACEPARENT"] {
        assert!(propagation::extract(&headers([(name, PARENT)])).context.is_some());
    }
}

#[test]
fn traceparent_version_0x00_has_nothing_behind() {
    assert!(parent(&format!("{PARENT}.")).is_none());
    assert!(parent(&format!("{PARENT}-what-the-future-will-be-like")).is_none());
}

#[test]
fn traceparent_version_0xcc_may_have_more_behind_a_dash() {
    let later = format!("cc{}", &PARENT[2..]);
    assert!(parent(&later).is_some());
    assert!(parent(&format!("{later}-what-the-future-will-be-like")).is_some());
    assert!(parent(&format!("{later}.what-the-future-will-be-like")).is_none());
    let flags = |flags: &str| parent(&format!("cc{}{flags}", &PARENT[2..53])).unwrap().flags;
    assert_eq!([flags("ff"), flags("fe")], [TraceFlags::SAMPLED, TraceFlags::NONE]);
}

#[test]
fn traceparent_version_0xff_is_invalid() {
    assert!(parent(&format!("ff{}", &PARENT[2..])).is_none());
}

#[test]
fn traceparent_version_illegal_characters() {
    for version in [".0", "0.", "CC", "0x", "+0", " 0"] {
        assert!(parent(&format!("{version}{}", &PARENT[2..])).is_none(), "{version}");
    }
}

#[test]
fn traceparent_version_too_long() {
    assert!(parent(&format!("0{PARENT}")).is_none());
    assert!(parent(&format!("00{PARENT}")).is_none());
}

#[test]
fn traceparent_version_too_short() {
    assert!(parent(&PARENT[1..]).is_none());
}

#[test]
fn traceparent_trace_id_all_zero() {
    assert!(parent("00-00000000000000000000000000000000-1234567890123456-01").is_none());
}

#[test]
fn traceparent_trace_id_illegal_characters() {
    assert!(parent("00-.2345678901234567890123456789012-1234567890123456-01").is_none());
    assert!(parent("00-1234567890123456789012345678901.-1234567890123456-01").is_none());
    assert!(parent("00-1234567890ABCDEF7890123456789012-1234567890123456-01").is_none());
    assert!(parent("00-123456789012345 7890123456789012-1234567890123456-01").is_none());
}

#[test]
fn traceparent_trace_id_too_long() {
    assert!(parent("00-123456789012345678901234567890123-1234567890123456-01").is_none());
}

#[test]
fn traceparent_trace_id_too_short() {
    assert!(parent("00-1234567890123456789012345678901-1234567890123456-01").is_none());
}

#[test]
fn traceparent_parent_id_all_zero() {
    assert!(parent("00-12345678901234567890123456789012-0000000000000000-01").is_none());
}

#[test]
fn traceparent_parent_id_illegal_characters() {
    assert!(parent("00-12345678901234567890123456789012-.234567890123456-01").is_none());
    assert!(parent("00-12345678901234567890123456789012-123456789012345.-01").is_none());
    assert!(parent("00-12345678901234567890123456789012-1234567890ABCDEF-01").is_none());
}

#[test]
fn traceparent_parent_id_too_long() {
    assert!(parent("00-12345678901234567890123456789012-12345678901234567-01").is_none());
}

#[test]
fn traceparent_parent_id_too_short() {
    assert!(parent("00-12345678901234567890123456789012-123456789012345-01").is_none());
}

#[test]
fn traceparent_trace_flags_illegal_characters() {
    for flags in [".0", "0.", "0A", "  "] {
        assert!(parent(&format!("{}{flags}", &PARENT[..53])).is_none(), "{flags}");
    }
}

#[test]
fn traceparent_trace_flags_too_long() {
    assert!(parent(&format!("{}001", &PARENT[..53])).is_none());
}

#[test]
fn traceparent_trace_flags_too_short() {
    assert!(parent(&format!("{}1", &PARENT[..53])).is_none());
    assert!(parent(&PARENT[..53]).is_none());
    assert!(parent("").is_none());
}

#[test]
fn traceparent_trace_flags_that_nobody_knows_are_cleared() {
    let flags = |flags: &str| parent(&format!("{}{flags}", &PARENT[..53])).unwrap().flags.byte();
    assert_eq!(["00", "01", "02", "03", "fd", "ff"].map(flags), [0, 1, 2, 3, 1, 3]);
}

#[test]
fn traceparent_ows_handling() {
    for (before, behind) in [(" ", ""), ("\t", ""), ("", " "), ("", "\t"), ("\t ", " \t")] {
        assert!(parent(&format!("{before}{PARENT}{behind}")).is_some());
    }
}

#[test]
fn tracestate_included_traceparent_missing_is_not_looked_at() {
    for line in ["foo=1", "foo=1,bar=2", "no state"] {
        let extracted = propagation::extract(&headers([("tracestate", line)]));
        assert_eq!(extracted, Extracted::default());
    }
}

#[test]
fn tracestate_included_traceparent_included_is_passed_on() {
    assert_eq!(state(["foo=1,bar=2"]).unwrap(), "foo=1,bar=2");
}

#[test]
fn tracestate_header_name_has_no_other_spelling() {
    for name in ["trace-state", "trace.state"] {
        let extracted = propagation::extract(&headers([("traceparent", PARENT), (name, "foo=1")]));
        assert!(extracted.context.unwrap().state.is_empty());
    }
}

#[test]
fn tracestate_header_name_valid_casing_does_not_matter() {
    for name in ["TraceState", "TrAcEsTaTe", "TRACESTATE"] {
        let extracted = propagation::extract(&headers([("traceparent", PARENT), (name, "foo=1")]));
        assert_eq!(extracted.context.unwrap().state.as_str(), "foo=1");
    }
}

#[test]
fn tracestate_empty_header_is_no_entry() {
    assert_eq!(state([""]).unwrap(), "");
    assert_eq!(state(["foo=1", ""]).unwrap(), "foo=1");
    assert_eq!(state(["", "foo=1"]).unwrap(), "foo=1");
    assert_eq!(state([",foo=1, ,\t,bar=2,"]).unwrap(), "foo=1,bar=2");
}

#[test]
fn tracestate_multiple_headers_different_keys_are_one_list() {
    let lines = ["foo=1,bar=2", "rojo=1,congo=2", "baz=3"];
    assert_eq!(state(lines).unwrap(), "foo=1,bar=2,rojo=1,congo=2,baz=3");
}

#[test]
fn tracestate_duplicated_keys() {
    discarded("foo=1,foo=1");
    discarded("foo=1,foo=2");
    assert_eq!(state(["foo=1", "foo=1"]), None);
    assert_eq!(state(["foo=1", "foo=2"]), None);
    assert_eq!(state(["foo=1,fo=1,foo@a=1,foo@b=1"]).unwrap(), "foo=1,fo=1,foo@a=1,foo@b=1");
}

#[test]
fn tracestate_all_allowed_characters() {
    let chars = |range: std::ops::RangeInclusive<u8>| range.map(char::from).collect::<String>();
    let key = format!("{}0123456789_-*/", chars(b'a'..=b'z'));
    let value = [chars(0x20..=0x2b), chars(0x2d..=0x3c), chars(0x3e..=0x7e)].concat();
    for key in [key.clone(), format!("{key}@a-z0-9_-*/"), format!("0{key}@0")] {
        let entry = format!("{key}={value}");
        assert_eq!(state([&entry]).unwrap(), entry);
    }
}

#[test]
fn tracestate_ows_handling() {
    assert_eq!(state(["foo=1 \t , \t bar=2, \t baz=3"]).unwrap(), "foo=1,bar=2,baz=3");
    assert_eq!(state(["foo=1\t \t,\t \tbar=2,\t \tbaz=3"]).unwrap(), "foo=1,bar=2,baz=3");
    for line in [" foo=1", "\tfoo=1", "foo=1 ", "foo=1\t", "\t foo=1 \t"] {
        assert_eq!(state([line]).unwrap(), "foo=1");
    }
}

#[test]
fn tracestate_key_illegal_characters() {
    for line in ["foo =1", "FOO=1", "foo.bar=1", "=1", "foo", "_a=1", "-a=1", "föö=1"] {
        discarded(line);
        discarded(&format!("bar=2,{line}"));
    }
}

#[test]
fn tracestate_key_illegal_vendor_format() {
    for line in ["foo@=1,bar=2", "@foo=1,bar=2", "foo@@bar=1,bar=2", "foo@bar@baz=1,bar=2", "@=1"] {
        discarded(line);
    }
}

#[test]
fn tracestate_member_count_limit() {
    let entries: Vec<String> = (1..=33).map(|n| format!("bar{n:02}={n:02}")).collect();
    let whole = entries[..32].join(",");
    assert_eq!(state([&entries[..10].join(","), &entries[10..32].join(",")]).unwrap(), whole);
    discarded(&entries.join(","));
}

#[test]
fn tracestate_key_length_limit() {
    let with = |key: String| state(["foo=1", &format!("{key}=1")]);
    assert!(with("z".repeat(256)).unwrap().starts_with("foo=1,zz"));
    assert_eq!(with("z".repeat(257)), None);
    let of = |tenant, system| with(format!("{}@{}", "t".repeat(tenant), "v".repeat(system)));
    assert!(of(241, 14).unwrap().starts_with("foo=1,tt"));
    assert_eq!(of(242, 1), None);
    assert_eq!(of(1, 15), None);
}

#[test]
fn tracestate_value_illegal_characters() {
    for line in ["foo=bar=baz", "foo=,bar=3", "foo=b\u{e4}r", "foo=a\tb"] {
        discarded(line);
    }
    assert!(state([&format!("foo={}", "v".repeat(256))]).is_some());
    discarded(&format!("foo={}", "v".repeat(257)));
}

#[test]
fn tracestate_that_is_too_long_loses_whole_entries_large_ones_first() {
    let large = format!("large={}", "x".repeat(130));
    let small: Vec<String> = (0..20).map(|n| format!("s{n:02}={}", "y".repeat(20))).collect();
    let line = format!("{},{large},{}", small[..10].join(","), small[10..].join(","));
    let headers = headers([("traceparent", PARENT), ("tracestate", &line)]);
    let extracted = propagation::extract(&headers);
    assert!(extracted.invalid_state, "what is left out is counted");
    assert_eq!(extracted.context.unwrap().state.as_str(), small.join(","));

    let line: Vec<String> = (0..32).map(|n| format!("s{n:02}={}", "y".repeat(20))).collect();
    let state = propagation::extract(&self::headers([
        ("traceparent", PARENT),
        ("tracestate", &line.join(",")),
    ]));
    let state = state.context.unwrap().state;
    assert_eq!(state.as_str(), line[..20].join(","), "of 25 bytes with its comma each");

    let exact = format!("a={},b={}", "x".repeat(252), "x".repeat(255));
    assert_eq!(exact.len(), TRACE_STATE_BYTES);
    assert_eq!(self::state([&exact]).unwrap(), exact);
}

fn line() -> impl Strategy<Value = Vec<u8>> {
    let wild =
        proptest::collection::vec(prop_oneof![Just(b'\t'), 0x20..=0x7e_u8, 0x80..=0xff_u8], 0..700);
    let near = "[0-9a-f]{2}-[0-9a-f]{30,32}-[0-9a-f]{14,16}-[0-9a-f]{2}-?[a-z]?"
        .prop_map(String::into_bytes);
    let list = proptest::collection::vec("[a-z@ ]{0,6}=[ -~]{0,20}", 0..40)
        .prop_map(|members| members.join(",").into_bytes());
    prop_oneof![wild, near, list]
}

proptest! {
    #[test]
    fn whatever_comes_is_within_bounds_and_can_be_sent_on(
        lines in proptest::collection::vec((0..3_usize, line()), 0..5),
    ) {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            let name = ["traceparent", "tracestate", "baggage"][name];
            headers.append(name, HeaderValue::from_bytes(&value).unwrap());
        }
        let Extracted { context, .. } = propagation::extract(&headers);
        if let Some(context) = context {
            prop_assert!(context.state.as_str().len() <= TRACE_STATE_BYTES);
            propagation::inject(&context, &mut headers);
            let again = propagation::extract(&headers);
            prop_assert_eq!(again.context, Some(context));
            prop_assert!(!again.invalid_state);
        }
    }

    #[test]
    fn every_context_arrives_as_it_was_sent(trace in 1_u128.., span in 1_u64.., flags in 0..4_u8) {
        let (trace, span) = (TraceId::new(trace).unwrap(), SpanId::new(span).unwrap());
        let context = SpanContext::new(trace, span).flags(TraceFlags::from_byte(flags));
        let mut headers = HeaderMap::new();
        propagation::inject(&context, &mut headers);
        prop_assert_eq!(&headers["traceparent"], &format!("00-{trace}-{span}-{flags:02x}"));
        prop_assert_eq!(propagation::extract(&headers).context, Some(context.remote()));
    }
}
