//! Measures what recording and reading cost, beside the crates that one would use instead.
//!
//! `perf-monitor-benches [FILTER] [--short] [--gates] [--json FILE] [--list]`. It exits with 1 when a measure is beyond
//! its limit in `benches/budgets.toml`, and with 2 when it cannot run.

use std::process::ExitCode;

mod alloc;
mod args;
mod budgets;
mod child;
mod collector;
mod controls;
mod cpu_time;
mod harness;
mod host_facts;
mod maps;
mod node_exporter;
mod pin;
mod reader;
mod report;
mod rows;
mod seed;
mod stats;
mod values;

use args::Args;
use budgets::{Budget, Budgets};
use host_facts::{CpuTimes, HostFacts};
use report::Judged;

/// How often a gate may be asked before it fails.
const GATE_TRIES: usize = 3;

#[global_allocator]
static ALLOCATOR: alloc::Counting = alloc::Counting;

fn main() -> ExitCode {
    match Args::from_env().and_then(run) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("perf-monitor-benches: {error}");
            ExitCode::from(2)
        }
    }
}

fn run(args: Args) -> Result<ExitCode, String> {
    if let Some(child) = &args.child {
        return child::answer(child, args.effort()).map(|()| ExitCode::SUCCESS);
    }
    let budgets = Budgets::built_in()?;
    let rows = rows::chosen(&args, &budgets)?;
    if args.list {
        rows.iter().for_each(|(row, budget)| println!("{:<34}{}", row.id, budget.what));
        return Ok(ExitCode::SUCCESS);
    }
    let before = CpuTimes::now();
    let mut judged = Vec::new();
    report::print_head();
    for (row, budget) in rows {
        judged.push(measure(row.id, budget, &args)?);
    }
    let facts = HostFacts::since(before);
    println!("{}", facts.line());
    if let Some(path) = &args.json {
        write_json(path, &facts, &judged, args.short)?;
    }
    Ok(verdict(&judged, args.gates))
}

/// Runs a row. A gate that is over is asked again: what the machine's other work did to it passes,
/// what the code does stays.
fn measure<'a>(row: &'static str, budget: &'a Budget, args: &Args) -> Result<Judged<'a>, String> {
    let mut left = if args.gates { GATE_TRIES } else { 1 };
    loop {
        let judged = Judged::new(row, budget, child::ask(row, args.effort())?);
        judged.print();
        left -= 1;
        if left == 0 || !judged.gate_is_over() {
            return Ok(judged);
        }
        println!("{row}: a gate is over, so once more\n");
    }
}

fn verdict(judged: &[Judged<'_>], gates: bool) -> ExitCode {
    let names = |over: fn(&Judged<'_>) -> bool| {
        let rows = judged.iter().filter(|row| over(row));
        rows.map(|row| row.id).collect::<Vec<_>>().join(", ")
    };
    let over = names(|row| row.is_over());
    if !over.is_empty() {
        println!("over the limits of benches/budgets.toml: {over}");
    }
    let failed = if gates { names(|row| row.gate_is_over()) } else { over };
    if failed.is_empty() {
        return ExitCode::SUCCESS;
    }
    if gates {
        println!("over a gate: {failed}");
    }
    ExitCode::FAILURE
}

fn write_json(
    path: &str,
    facts: &HostFacts,
    rows: &[Judged<'_>],
    short: bool,
) -> Result<(), String> {
    let json = serde_json::json!({
        "host": facts, "short": short,
        "rows": rows.iter().map(Judged::json).collect::<Vec<_>>(),
    });
    std::fs::write(path, format!("{json:#}\n")).map_err(|cause| format!("{path}: {cause}"))
}
