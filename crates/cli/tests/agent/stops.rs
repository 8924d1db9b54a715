//! How an agent ends.
#![cfg(unix)]

use std::time::{Duration, Instant};

use crate::process::Running;

/// A second for the monitor, and some for a loaded machine.
const BOUND: Duration = Duration::from_secs(5);

#[test]
fn ctrl_c_and_the_systems_request_end_it_with_0() {
    for signal in ["-INT", "-TERM"] {
        for args in [&["--listen", "127.0.0.1:0"][..], &["--listen", "127.0.0.1:0", "--demo"]] {
            let agent = Running::start(args);
            let begun = Instant::now();
            agent.signal(signal);
            assert_eq!(agent.end().code(), Some(0), "{signal} {args:?}");
            assert!(begun.elapsed() < BOUND, "{signal} {args:?}: {:?}", begun.elapsed());
        }
    }
}
