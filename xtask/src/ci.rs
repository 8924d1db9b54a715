//! `cargo xtask ci`: all that has to hold before a change lands, step by step, each with its time.

use std::time::{Duration, Instant};

use crate::command;
use crate::error::Result;
use crate::workspace::Workspace;
use crate::{bench, deny, features, targets, test, tidy};

/// What a step that passed adds to the summary, such as what it had to skip; mostly nothing.
type Remark = String;

struct Step {
    name: &'static str,
    run: fn(&Workspace) -> Result<Remark>,
}

/// Cheap ones first, so that a slip shows within seconds.
const STEPS: [Step; 10] = [
    Step { name: "tidy", run: |workspace| tidy::run(workspace).map(silent) },
    Step { name: "fmt", run: |workspace| fmt(workspace).map(silent) },
    Step { name: "clippy", run: |workspace| clippy(workspace).map(silent) },
    Step { name: "test", run: |workspace| test::execute(workspace, &test::Options::default()) },
    Step { name: "doc", run: |workspace| doc(workspace).map(silent) },
    Step { name: "features", run: |workspace| features::check(workspace).map(silent) },
    Step { name: "other systems", run: targets::check },
    Step { name: "deny", run: |workspace| deny::check(workspace).map(silent) },
    Step { name: "advisories", run: deny::advisories },
    Step {
        name: "gates",
        run: |workspace| bench::run(workspace, &GATES.map(str::to_owned)).map(silent),
    },
];

const GATES: [&str; 2] = ["--short", "--gates"];

/// One line of the summary.
struct Taken {
    name: &'static str,
    time: Duration,
    verdict: String,
}

/// Stops at the first step that fails. The last line it prints tells how many tests passed.
pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    let mut taken = Vec::new();
    let mut tests = Remark::new();
    for step in STEPS {
        println!("==> {}", step.name);
        let start = Instant::now();
        let outcome = (step.run)(workspace);
        let time = start.elapsed();
        println!("<== {}: {:.1} s", step.name, time.as_secs_f64());
        let remark = outcome.map_err(|error| {
            taken.push(Taken { name: step.name, time, verdict: "failed".to_owned() });
            print!("{}", summary(&taken));
            error.within(&format!("ci step `{}`", step.name))
        })?;
        if step.name == "test" {
            tests.clone_from(&remark);
        }
        taken.push(Taken { name: step.name, time, verdict: format!("ok  {remark}") });
    }
    print!("{}\n{tests}\n", summary(&taken));
    Ok(())
}

fn silent((): ()) -> Remark {
    Remark::new()
}

fn summary(taken: &[Taken]) -> String {
    let mut text = String::from("ci:\n");
    let mut line = |name: &str, time: Duration, verdict: &str| {
        let line = format!("  {name:<14} {:>7.1} s  {verdict}", time.as_secs_f64());
        text.push_str(line.trim_end());
        text.push('\n');
    };
    for Taken { name, time, verdict } in taken {
        line(name, *time, verdict);
    }
    line("all", taken.iter().map(|step| step.time).sum(), "");
    text
}

fn fmt(workspace: &Workspace) -> Result<()> {
    command::run(workspace.cargo().args(["fmt", "--all", "--check"]))
}

fn clippy(workspace: &Workspace) -> Result<()> {
    let args = ["clippy", "--workspace", "--all-targets", "--all-features", "--", "-D", "warnings"];
    command::run(workspace.cargo().args(args))
}

/// Libraries only: the program and the facade have one name, so their pages would overwrite each other.
fn doc(workspace: &Workspace) -> Result<()> {
    let mut cargo = workspace.cargo();
    cargo
        .args(["doc", "--workspace", "--lib", "--all-features", "--no-deps"])
        .env("RUSTDOCFLAGS", "-D warnings");
    command::run(&mut cargo)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_summary_shows_each_step_its_verdict_and_the_sum_of_the_times() {
        let taken = |name, millis, verdict: &str| Taken {
            name,
            time: Duration::from_millis(millis),
            verdict: verdict.to_owned(),
        };
        let text = summary(&[taken("tidy", 500, "ok  "), taken("clippy", 2000, "failed")]);
        assert_eq!(
            text,
            "ci:\n  tidy               0.5 s  ok\n  clippy             2.0 s  failed\n  all                2.5 s\n"
        );
    }
}
