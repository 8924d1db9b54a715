//! A real node_exporter, scraped over loopback.

use std::fs;
use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Where the program is.
pub(crate) const VARIABLE: &str = "PERF_MONITOR_NODE_EXPORTER";

/// How long it may take until it listens.
const PATIENCE: Duration = Duration::from_secs(10);

/// A running node_exporter; it ends with this.
pub(crate) struct NodeExporter {
    child: Child,
    address: SocketAddr,
}

impl NodeExporter {
    /// `None` without the variable.
    pub(crate) fn start() -> Option<Result<NodeExporter, String>> {
        let program = std::env::var_os(VARIABLE).map(PathBuf::from)?;
        Some(NodeExporter::spawn(program))
    }

    fn spawn(program: PathBuf) -> Result<NodeExporter, String> {
        let failed = |cause: std::io::Error| format!("{}: {cause}", program.display());
        let address = free_address().map_err(failed)?;
        let child = Command::new(&program)
            .arg(format!("--web.listen-address={address}"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .map_err(failed)?;
        let exporter = NodeExporter { child, address };
        exporter.wait_until_it_answers().map_err(failed)?;
        Ok(exporter)
    }

    fn wait_until_it_answers(&self) -> std::io::Result<()> {
        let start = Instant::now();
        loop {
            match TcpStream::connect(self.address) {
                Ok(_) => return Ok(()),
                Err(cause) if start.elapsed() > PATIENCE => return Err(cause),
                Err(_) => std::thread::sleep(Duration::from_millis(20)),
            }
        }
    }

    /// One scrape, to its last byte; tells how many there were.
    pub(crate) fn scrape(&self) -> Result<usize, String> {
        let answer =
            get(self.address, "/metrics").map_err(|cause| format!("node_exporter: {cause}"))?;
        if !answer.starts_with(b"HTTP/1.1 200") {
            return Err("node_exporter did not answer 200".to_owned());
        }
        Ok(answer.len())
    }

    /// CPU time of all its threads so far, by the scheduler's own nanoseconds.
    pub(crate) fn cpu_time(&self) -> Option<Duration> {
        let tasks = fs::read_dir(format!("/proc/{}/task", self.child.id())).ok()?;
        let of_task = |task: fs::DirEntry| {
            let schedstat = fs::read_to_string(task.path().join("schedstat")).ok()?;
            schedstat.split_whitespace().next()?.parse::<u64>().ok()
        };
        let ns = tasks.map_while(Result::ok).map(of_task).sum::<Option<u64>>()?;
        Some(Duration::from_nanos(ns))
    }
}

impl Drop for NodeExporter {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A loopback address that nobody listened on a moment ago.
fn free_address() -> std::io::Result<SocketAddr> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()
}

/// The whole answer to a GET, over a connection of its own.
pub(crate) fn get(address: SocketAddr, path: &str) -> std::io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n")?;
    let mut answer = Vec::new();
    match stream.read_to_end(&mut answer) {
        Err(cause) if cause.kind() != ErrorKind::ConnectionReset => Err(cause),
        _ => Ok(answer),
    }
}
