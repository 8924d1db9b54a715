//! What clippy might say to a user of the attribute.

#![warn(clippy::pedantic, clippy::nursery, unused)]
#![warn(missing_debug_implementations, unused_qualifications, trivial_casts)]
#![warn(clippy::unwrap_used, clippy::panic, clippy::shadow_unrelated, clippy::as_conversions)]

use perf_monitor_macros::trace;
use std::future::Future;

#[trace]
fn nothing() {}

#[trace]
fn tail(n: u64) -> u64 {
    helper(n)
}

fn helper(n: u64) -> u64 {
    n.saturating_add(std::env::args().len().try_into().unwrap_or(0))
}

#[trace]
fn items_first(n: u64) -> Result<u64, String> {
    const MOST: u64 = 9;
    if n > MOST {
        return Err(format!("{n} is more than {MOST}"));
    }
    Ok(n)
}

#[trace]
async fn waits() {
    crate::pause().await;
}

#[trace]
async fn items_first_and_waits(n: u64) -> Result<u64, String> {
    use std::hint::black_box;
    waits().await;
    let doubled = items_first(n)? * 2;
    Ok(black_box(doubled))
}

#[trace]
async fn same(n: u64) -> u64 {
    n
}

#[trace]
async fn one_of(n: &[u64], at: usize) -> Option<&u64> {
    n.get(at)
}

#[trace]
async fn forever() -> ! {
    loop {
        waits().await;
    }
}

#[derive(Debug, Default)]
struct Name(String);

impl Name {
    /// The name.
    #[trace]
    fn get(&self) -> &str {
        &self.0
    }

    #[trace]
    fn set(&mut self, name: &str) -> &mut Self {
        name.clone_into(&mut self.0);
        self
    }

    #[trace]
    async fn wait(&self) -> &str {
        &self.0
    }
}

#[trace]
fn future() -> impl Future<Output = Result<u64, String>> + Send {
    items_first_and_waits(2)
}

#[trace]
fn never() -> ! {
    std::process::abort()
}

#[trace]
fn mutates(mut n: u64, list: &mut Vec<u64>) -> usize {
    n += 1;
    list.push(n);
    list.len()
}

#[trace]
fn consumes(text: String) -> Option<String> {
    Some(text)
}

#[test]
fn expansions_are_without_warnings_and_run() {
    nothing();
    assert!(tail(1) >= 1);
    assert_eq!(crate::run(future()), Ok(4));
    assert_eq!(crate::run(same(4)), 4);
    assert_eq!(crate::run(one_of(&[4], 0)), Some(&4));
    assert!(!crate::poll_once(std::pin::pin!(forever())));
    let mut name = Name::default();
    assert_eq!(name.set("a").get(), "a");
    assert_eq!(crate::run(name.wait()), "a");
    assert_eq!(mutates(1, &mut Vec::new()), 1);
    assert_eq!(consumes(String::new()), Some(String::new()));
    if std::env::args().len() == usize::MAX {
        never();
    }
}
