//! Baggage on its way through headers.
#![cfg(feature = "http")]

use http::{HeaderMap, HeaderValue};
use perf_monitor_core::{Registry, Value};
use perf_monitor_tracing::propagation::{
    BAGGAGE_BYTES, BAGGAGE_MEMBERS, Baggage, InvalidBaggage, Propagator,
};
use proptest::prelude::*;

fn headers<const N: usize>(lines: [&str; N]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for line in lines {
        headers.append("baggage", HeaderValue::from_bytes(line.as_bytes()).unwrap());
    }
    headers
}

fn received<const N: usize>(lines: [&str; N]) -> Baggage {
    Baggage::extract(&headers(lines))
}

/// What `baggage` is as a header; empty without one.
fn sent(baggage: &Baggage) -> String {
    let mut headers = headers(["old=1", "older=2"]);
    baggage.inject(&mut headers);
    let lines: Vec<&HeaderValue> = headers.get_all("baggage").iter().collect();
    assert!(lines.len() <= 1);
    lines.first().map_or(String::new(), |line| line.to_str().unwrap().to_owned())
}

/// How often a baggage header was not passed on whole, out of one.
fn counted(line: &str) -> u64 {
    let registry = Registry::new();
    Propagator::new(&registry).unwrap().baggage(&headers([line]));
    let name = "perf_monitor_propagation_invalid_total";
    match registry.snapshot().value(name, &[("header", "baggage")]) {
        Some(Value::Counter(count)) => count,
        _ => 0,
    }
}

#[test]
fn members_of_all_lines_arrive_in_their_order() {
    let baggage = received(["user=alice,tier=gold", " \tregion=eu , empty="]);
    let members: Vec<_> = baggage.iter().map(|(key, value)| format!("{key}:{value}")).collect();
    assert_eq!(members, ["user:alice", "tier:gold", "region:eu", "empty:"]);
    assert_eq!(baggage.len(), 4);
    assert_eq!(sent(&baggage), "user=alice,tier=gold,region=eu,empty=");
    assert_eq!(baggage.bytes(), sent(&baggage).len());
    assert_eq!(baggage.get("nobody"), None);
}

#[test]
fn no_members_are_no_header() {
    for baggage in [Baggage::new(), received([]), received(["", " , ,\t"])] {
        assert!(baggage.is_empty());
        assert_eq!(sent(&baggage), "");
        assert_eq!(baggage.bytes(), 0);
    }
}

#[test]
fn values_are_percent_encoded_text() {
    let baggage = received(["a=Am%C3%A9lie,b=100%,c=%zz%4,d=%25,e=x=y==,f=a%20b%2Cc%3bd"]);
    let values: Vec<_> = baggage.iter().map(|(_, value)| value.into_owned()).collect();
    assert_eq!(values, ["Amélie", "100%", "%zz%4", "%", "x=y==", "a b,c;d"]);
    let again = "a=Am%C3%A9lie,b=100%,c=%zz%4,d=%25,e=x=y==,f=a%20b%2Cc%3bd";
    assert_eq!(sent(&baggage), again, "what came is passed on as it came");
}

#[test]
fn bytes_that_are_no_text_become_the_replacement_character() {
    let baggage = received(["a=x%FFy,b=%C3%28"]);
    assert_eq!(baggage.get("a").unwrap(), "x\u{fffd}y");
    assert_eq!(baggage.get("b").unwrap(), "\u{fffd}(");
    assert_eq!(sent(&baggage), "a=x%FFy,b=%C3%28");
}

#[test]
fn properties_are_kept() {
    let baggage = received(["a = 1 ; ttl=30;secret ; x = y ,b=2"]);
    assert_eq!(baggage.get("a").unwrap(), "1");
    assert_eq!(baggage.properties("a"), Some("ttl=30;secret ; x = y"));
    assert_eq!(baggage.properties("b"), None);
    assert_eq!(sent(&baggage), "a=1;ttl=30;secret ; x = y,b=2");
}

#[test]
fn of_two_members_with_one_key_the_last_counts() {
    assert_eq!(sent(&received(["a=1;p,b=2,a=3"])), "a=3,b=2");
    assert_eq!(counted("a=1,a=3"), 0);
}

#[test]
fn members_that_are_not_valid_are_left_out_and_counted() {
    for line in [
        "a",
        "=1",
        " = 1",
        "a b=1",
        "a=1 2",
        "a=\"1\"",
        "a=1\\2",
        "ä=1",
        "a=ä",
        "a=1;",
        "a=1;;p",
        "a=1;=2",
        "a=1;p=q r",
        "(a)=1",
        "a@b=1",
    ] {
        let baggage = received([&format!("first=1,{line},last=2")]);
        assert_eq!(sent(&baggage), "first=1,last=2", "{line}");
        assert_eq!(counted(line), 1, "{line}");
    }
    assert_eq!(counted("a=1,b=2;p;q=r"), 0);
}

#[test]
fn what_is_too_much_is_left_out_and_counted() {
    let many: Vec<String> = (0..100).map(|n| format!("k{n}={n}")).collect();
    let baggage = received([&many.join(",")]);
    assert_eq!(sent(&baggage), many[..BAGGAGE_MEMBERS].join(","));
    assert_eq!(counted(&many.join(",")), 1);

    let exact = format!("a={},b={}", "x".repeat(4_096), "y".repeat(BAGGAGE_BYTES - 4_096 - 5));
    assert_eq!(exact.len(), BAGGAGE_BYTES);
    assert_eq!(sent(&received([&exact])), exact);
    assert_eq!(counted(&exact), 0);
    let baggage = received([&format!("{exact}y,c=1")]);
    assert_eq!(
        baggage.iter().map(|(key, _)| key).collect::<Vec<_>>(),
        ["a", "c"],
        "what still fits"
    );
}

#[test]
fn what_is_set_is_bounded_and_leaves_the_rest_alone() {
    let mut baggage = Baggage::new();
    baggage.set("a", "first").unwrap();
    baggage.set_with("a", "50%, \"so\"; naïve\\", "ttl=30;secret").unwrap();
    assert_eq!(sent(&baggage), "a=50%25%2C%20%22so%22%3B%20na%C3%AFve%5C;ttl=30;secret");
    assert_eq!(baggage.set("", "1"), Err(InvalidBaggage::Key));
    assert_eq!(baggage.set("a=b", "1"), Err(InvalidBaggage::Key));
    assert_eq!(baggage.set_with("b", "1", "p,q"), Err(InvalidBaggage::Properties));
    assert_eq!(baggage.set("b", &"x".repeat(BAGGAGE_BYTES)), Err(InvalidBaggage::Bytes));
    for n in 1..BAGGAGE_MEMBERS {
        baggage.set(&format!("k{n}"), "v").unwrap();
    }
    assert_eq!(baggage.set("one", "more"), Err(InvalidBaggage::Members));
    baggage.set("k1", "another").unwrap();
    assert!(baggage.remove("k2") && !baggage.remove("k2"));
    baggage.set("one", "more").unwrap();
    assert_eq!(baggage.len(), BAGGAGE_MEMBERS);
    assert_eq!(baggage.get("k1").unwrap(), "another");
}

proptest! {
    #[test]
    fn whatever_comes_is_within_bounds_and_is_passed_on_as_it_is(
        lines in proptest::collection::vec(
            prop_oneof![
                proptest::collection::vec(prop_oneof![Just(b'\t'), 0x20..=0x7e_u8, 0x80..=0xff_u8], 0..300),
                "([a-z%]{1,2} ?=[!-~]{0,9}(;[a-z]{1,3}(=[a-z]{1,3})?){0,2},){0,70}".prop_map(String::into_bytes),
                (0..9_000_usize).prop_map(|n| format!("a={},b=%ff", "%".repeat(n)).into_bytes()),
            ],
            0..4,
        ),
    ) {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append("baggage", HeaderValue::from_bytes(&line).unwrap());
        }
        let baggage = Baggage::extract(&headers);
        prop_assert!(baggage.len() <= BAGGAGE_MEMBERS && baggage.bytes() <= BAGGAGE_BYTES);
        baggage.inject(&mut headers);
        prop_assert_eq!(Baggage::extract(&headers), baggage);
    }

    #[test]
    fn any_text_arrives_as_it_was_set(texts in proptest::collection::vec(".{0,40}", 0..10)) {
        let mut baggage = Baggage::new();
        for (n, text) in texts.iter().enumerate() {
            baggage.set(&format!("k{n}"), text).unwrap();
        }
        let mut headers = HeaderMap::new();
        baggage.inject(&mut headers);
        let arrived: Vec<String> =
            Baggage::extract(&headers).iter().map(|(_, value)| value.into_owned()).collect();
        prop_assert_eq!(arrived, texts);
    }
}
