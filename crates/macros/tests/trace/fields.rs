//! What spans keep of arguments.

use crate::{only, poll_once, run, shown, tracer};
use perf_monitor_macros::trace;
use std::cell::Cell;
use std::pin::pin;
use std::sync::Arc;

#[derive(Debug)]
struct Query {
    limit: Option<u32>,
    text: String,
}

impl Query {
    #[trace(fields(limit = self.limit, text = self.text, words = self.text.len() - 1))]
    fn count(&self) -> usize {
        self.text.len()
    }

    #[trace(name = "consume", fields(query = ?self))]
    fn consume(self) -> String {
        self.text
    }
}

#[test]
fn fields_see_self() {
    let query = Query { limit: None, text: "all".to_owned() };
    assert_eq!(shown(&only(|| assert_eq!(query.count(), 3))), "text=all words=2");
    let query = Query { limit: Some(3), text: String::new() };
    let span = only(|| drop(query.consume()));
    assert_eq!(shown(&span), "query=Query { limit: Some(3), text: \"\" }");
}

#[trace(fields(
    flag,
    user = name,
    http.route = "/a",
    "odd key" = -1,
    ratio = 1.0 / f64::from(2),
    type = r#type,
    %shown,
    ?list,
    more = if flag { 1_u64 } else { 2 },
))]
fn every_way(
    flag: bool,
    name: String,
    r#type: &Arc<str>,
    shown: std::net::Ipv4Addr,
    list: Vec<u8>,
) -> (String, Vec<u8>) {
    let _ = (flag, r#type, shown);
    (name, list)
}

#[test]
fn fields_are_of_every_type_and_are_not_moved() {
    let span = only(|| {
        let address = std::net::Ipv4Addr::LOCALHOST;
        let (name, list) = every_way(true, "me".to_owned(), &"t".into(), address, vec![1]);
        assert_eq!((name.as_str(), list.as_slice()), ("me", [1].as_slice()));
    });
    let all = "flag=true user=me http.route=/a odd key=-1 ratio=0.5 type=t shown=127.0.0.1 list=[1] more=1";
    assert_eq!(shown(&span), all);
}

#[trace(fields(a = 1, b = 2, c = 3, d = None::<u8>, e = 5, f = 6, g = 7, h = 8, i = 9, j = text))]
async fn many(text: &mut String) -> Result<usize, ()> {
    crate::pause().await;
    text.push('!');
    Ok(text.len())
}

#[test]
fn futures_keep_fields_however_many() {
    let mut text = "it".to_owned();
    let span = only(|| assert_eq!(run(many(&mut text)), Ok(3)));
    assert_eq!(shown(&span), "a=1 b=2 c=3 e=5 f=6 g=7 h=8 i=9 j=it polls=2");
}

thread_local! {
    static LOOKED_AT: Cell<u32> = const { Cell::new(0) };
}

fn look() -> u32 {
    LOOKED_AT.set(LOOKED_AT.get() + 1);
    LOOKED_AT.get()
}

#[trace(fields(look = look()), ret(Debug))]
fn looks() -> u32 {
    LOOKED_AT.get()
}

#[trace(fields(look = look()))]
async fn looks_later() {
    crate::pause().await;
}

#[test]
fn fields_are_looked_at_once_before_the_body_and_only_if_they_are_kept() {
    let untraced = tracer().start("untraced").untraced().guard();
    assert_eq!(looks(), 0);
    run(looks_later());
    drop(untraced);
    assert_eq!(LOOKED_AT.get(), 0);
    assert_eq!(shown(&only(|| assert_eq!(looks(), 1))), "look=1 return=1");
    assert!(!poll_once(pin!(looks_later())));
    assert_eq!(LOOKED_AT.get(), 2);
}

#[trace(fields(span = span, result))]
fn same_names(span: u8, result: u8) -> Result<u8, ()> {
    let future = span + result;
    Ok(future)
}

#[test]
fn names_of_arguments_do_not_meet_those_of_the_expansion() {
    assert_eq!(shown(&only(|| assert_eq!(same_names(1, 2), Ok(3)))), "span=1 result=2");
}

#[trace(fields(long = text, shown = ?text.as_bytes()))]
fn long(text: &str) {
    let _ = text;
}

#[test]
fn texts_are_cut_where_the_tracer_cuts_them() {
    let span = only(|| long(&"é".repeat(200)));
    let expected = format!("long={} shown=[195, 169, ", "é".repeat(128));
    assert!(shown(&span).starts_with(&expected), "{}", shown(&span));
}
