//! How little does it take to monitor a service?
//!
//! `cargo run --example service [ADDRESS]`, then open the page that it prints and ask for
//! `http://127.0.0.1:8080/`, `/slow` and `/missing` a few times.

use std::env;
use std::io::{self, BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::time::Instant;

use perf_monitor::PerformanceMonitor;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let monitor = PerformanceMonitor::start("example")?;
    let address = env::args().nth(1).unwrap_or("127.0.0.1:8080".into());
    let listener = TcpListener::bind(address)?;
    println!("service  http://{}", listener.local_addr()?);
    println!("monitor  {}", monitor.url().unwrap_or_default());
    for stream in listener.incoming() {
        let begun = Instant::now();
        let done = serve(stream?);
        monitor.metrics().record_request(begun.elapsed(), done.unwrap_or(false));
    }
    Ok(())
}

/// Answers one request; whether it was one that this service knows.
fn serve(mut stream: TcpStream) -> io::Result<bool> {
    let mut line = String::new();
    BufReader::new(&stream).read_line(&mut line)?;
    let (status, body) = match line.split(' ').nth(1) {
        Some("/") => ("200 OK", "hello\n".to_string()),
        Some("/slow") => ("200 OK", format!("{} primes\n", primes_below(300_000))),
        _ => ("404 Not Found", "no such page\n".to_string()),
    };
    let length = body.len();
    write!(
        stream,
        "HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
    )?;
    Ok(status.starts_with("200"))
}

fn primes_below(end: u32) -> usize {
    (2..end).filter(|n| (2..).take_while(|d| d * d <= *n).all(|d| n % d != 0)).count()
}
