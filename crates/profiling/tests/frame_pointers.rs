//! A program that is built without frame pointers has a flat profile that says so.
#![cfg(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64")))]

use std::path::{Path, PathBuf};
use std::process::Command;

const WITHOUT: [&str; 2] = ["-C", "force-frame-pointers=no"];

/// The example, built so. By the compiler itself: cargo would build what other tests need, too.
fn example() -> PathBuf {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("without-frame-pointers");
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["build", "--quiet", "--lib", "--no-default-features", "--target-dir"]).arg(&target);
    cargo.current_dir(env!("CARGO_MANIFEST_DIR")).env("RUSTFLAGS", WITHOUT.join(" "));
    done(cargo.env_remove("CARGO_ENCODED_RUSTFLAGS"));
    let (built, program) = (target.join("debug"), target.join("depth"));
    let mut rustc = Command::new(std::env::var_os("RUSTC").unwrap_or("rustc".into()));
    rustc.args(["--edition", "2024"]).args(WITHOUT).arg("-L").arg(built.join("deps"));
    rustc.arg("--extern").arg(format!(
        "perf_monitor_profiling={}",
        built.join("libperf_monitor_profiling.rlib").display()
    ));
    rustc.arg("-o").arg(&program);
    done(rustc.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/depth.rs")));
    program
}

fn done(command: &mut Command) -> String {
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {}: {said}", output.status);
    String::from_utf8(output.stdout).unwrap()
}

fn number(told: &str, name: &str) -> u64 {
    let line = told.lines().find_map(|line| line.strip_prefix(name)).unwrap();
    line.trim().parse().unwrap()
}

#[test]
fn without_frame_pointers_there_are_no_callers_and_a_note_says_so() {
    let told = done(&mut Command::new(example()));
    assert!(number(&told, "samples:") > 50, "{told}");
    assert!(number(&told, "deepest:") <= 1, "{told}");
    assert!(told.contains("force-frame-pointers=yes"), "{told}");
}
