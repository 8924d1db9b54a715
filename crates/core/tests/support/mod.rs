//! What the tests of this crate share: how long they run.

/// `rounds`, or many times as many when `PERF_MONITOR_SOAK=1` asks for the long tier.
pub(crate) fn soaked(rounds: usize) -> usize {
    let soak = std::env::var("PERF_MONITOR_SOAK").is_ok_and(|v| v == "1");
    if soak { rounds * 20 } else { rounds }
}
