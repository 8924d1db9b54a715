//! `cargo xtask soak`: the long tiers of the tests, then every row of the bench at full length.

use crate::bench;
use crate::error::Result;
use crate::test::{self, Options, Tier};
use crate::workspace::Workspace;

pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    println!(
        "soak: tests in release with PERF_MONITOR_SOAK=1, loom with more preemptions, the whole bench; this takes long"
    );
    test::execute(workspace, &Options { tier: Tier::Soak, ..Options::default() })?;
    bench::run(workspace, &[])
}
