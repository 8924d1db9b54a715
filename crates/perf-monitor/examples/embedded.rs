//! How is it used where there is no network at all?
//!
//! `cargo run --example embedded` runs a control loop that is monitored, but listens nowhere: what was
//! measured is read in the process, and printed at the end.

use std::thread;
use std::time::Duration;

use perf_monitor::PerformanceMonitor;
use perf_monitor::instruments::HealthState;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let monitor = PerformanceMonitor::builder("controller")
        .no_listener()
        .tick(Duration::from_millis(100))
        .start()?;
    println!("listens  {}", monitor.url().unwrap_or("nowhere".into()));

    let instruments = monitor.instruments();
    let control = instruments.stages().stage("control loop");
    for round in 0..50 {
        let mut guard = control.start();
        let reading = sensor(round);
        instruments.io().record_io_read(size_of_val(&reading) as u64);
        if reading > 0.9 {
            guard.fail();
        }
        drop(guard);
        thread::sleep(Duration::from_millis(2));
    }
    instruments.health().set("sensor", HealthState::Degraded, "it was out of range at times");

    // one number, for the program itself to act on
    let p99 = control.metrics().p99.unwrap_or_default();
    println!("p99      {p99:?}");
    // what a monitor of one's own would scrape, through whatever line there is
    let text = monitor.exporter().render();
    println!("metrics  {} lines", text.lines().count());
    println!("\n{}", monitor.report().to_text());
    Ok(())
}

/// A reading between 0 and 1.
fn sensor(round: u32) -> f64 {
    f64::from(round * 37 % 100) / 100.0
}
