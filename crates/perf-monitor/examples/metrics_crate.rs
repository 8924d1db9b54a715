//! What must a service change that already uses the `metrics` crate?
//!
//! One line, in `main`. `cargo run --example metrics_crate --features metrics` runs a warehouse whose
//! code only knows the macros of `metrics`; its numbers are on the page and on `/metrics` of a monitor,
//! which are printed. It ends by itself.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

use perf_monitor::PerformanceMonitor;
use perf_monitor::bridges::metrics::MetricsBridge;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let monitor = PerformanceMonitor::builder("warehouse").listen(([127, 0, 0, 1], 0)).start()?;
    MetricsBridge::new(monitor.registry())?.install()?; // the one line

    warehouse::describe();
    (0..1_000).for_each(warehouse::take_order);

    println!("page     {}", monitor.url().unwrap_or_default());
    let address = monitor.address().expect("it listens");
    for line in scrape(address)?.lines().filter(|line| line.contains("warehouse_")) {
        println!("{line}");
    }
    Ok(())
}

/// Code that is instrumented already, and stays as it is.
mod warehouse {
    use std::hint::black_box;
    use std::time::Instant;

    use metrics::{
        Unit, counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram,
    };

    pub(super) fn describe() {
        describe_counter!("warehouse.orders", Unit::Count, "Orders that were taken.");
        describe_gauge!("warehouse.stock", Unit::Count, "Parcels in stock.");
        describe_histogram!("warehouse.order.seconds", Unit::Seconds, "Time that an order takes.");
    }

    pub(super) fn take_order(number: u32) {
        let begun = Instant::now();
        let shop = if number.is_multiple_of(4) { "north" } else { "south" };
        black_box((0..number).fold(0, |sum: u32, n| sum.wrapping_mul(31).wrapping_add(n)));
        counter!("warehouse.orders", "shop" => shop).increment(1);
        gauge!("warehouse.stock").set(f64::from(5_000 - number));
        histogram!("warehouse.order.seconds", "shop" => shop).record(begun.elapsed());
    }
}

/// What Prometheus would read.
fn scrape(address: SocketAddr) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(address)?;
    write!(stream, "GET /metrics HTTP/1.0\r\nHost: {address}\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}
