//! A Chromium without a window, with a profile of its own.

use std::fs;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::error::{Error, Result};
use crate::page::Page;
use crate::processes;

/// Names the program; `cargo xtask test` and `cargo xtask bench` set it.
const VARIABLE: &str = "PERF_MONITOR_CHROMIUM";

/// How long a browser may take to start on a loaded machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// No window, nothing of its maker's, no sandbox: a root user has none, and it opens only what tests serve.
const FLAGS: [&str; 14] = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-extensions",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--enable-precise-memory-info",
    "--window-size=1280,900",
    "--remote-debugging-port=0",
];

/// The Chromium that `PERF_MONITOR_CHROMIUM` names; without one, the caller is skipped and says so.
pub fn chromium() -> Option<PathBuf> {
    let program = std::env::var_os(VARIABLE).map(PathBuf::from);
    if program.is_none() {
        println!("skipped: set {VARIABLE} to run it");
    }
    program
}

/// A browser that runs; dropping this ends it and removes its profile.
#[derive(Debug)]
pub struct Browser {
    child: Child,
    profile: PathBuf,
    address: SocketAddr,
}

impl Browser {
    /// Starts `program` with further `flags` and waits until it takes orders.
    ///
    /// # Errors
    /// It does not start, ends at once, or takes longer than a minute; with what it said.
    pub fn start(program: &Path, flags: &[&str]) -> Result<Browser> {
        let profile = new_profile()?;
        let said = fs::File::create(profile.join("stderr")).map_err(|e| failed(program, &e))?;
        let child = Command::new(program)
            .args(FLAGS)
            .args(flags)
            .arg(format!("--user-data-dir={}", profile.display()))
            .arg("about:blank")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(said)
            .spawn()
            .map_err(|e| failed(program, &e))?;
        let mut browser = Browser { child, profile, address: (Ipv4Addr::LOCALHOST, 0).into() };
        let port = browser.port()?;
        browser.address.set_port(port);
        Ok(browser)
    }

    /// Opens a tab.
    ///
    /// # Errors
    /// The browser is gone.
    pub fn page(&self) -> Result<Page> {
        let answer = self.ask("PUT", "/json/new?about:blank")?;
        let url = answer["webSocketDebuggerUrl"].as_str();
        let url = url.ok_or_else(|| Error::new(format!("the browser opens no tab: {answer}")))?;
        Page::connect(self.address, url)
    }

    /// CPU time of all its processes that still run, in steps of 10 ms.
    pub fn cpu_time(&self) -> Duration {
        processes::cpu_time(self.child.id())
    }

    /// It writes the port into its profile once it listens.
    fn port(&mut self) -> Result<u16> {
        let begun = Instant::now();
        loop {
            let file = fs::read_to_string(self.profile.join("DevToolsActivePort"));
            let port = file.ok().and_then(|text| text.split_once('\n')?.0.parse().ok());
            if let Some(port) = port {
                return Ok(port);
            }
            let ended = self.child.try_wait().ok().flatten();
            if ended.is_some() || begun.elapsed() > PATIENCE {
                let said = fs::read_to_string(self.profile.join("stderr")).unwrap_or_default();
                let how = ended.map_or("is silent".into(), |status| format!("ended: {status}"));
                return Err(Error::new(format!("the browser {how}\n{said}")));
            }
            thread::sleep(Duration::from_millis(10));
        }
    }

    fn ask(&self, method: &str, path: &str) -> Result<Value> {
        let ask = || {
            let mut tcp = TcpStream::connect(self.address)?;
            tcp.set_read_timeout(Some(PATIENCE))?;
            let host = self.address;
            write!(tcp, "{method} {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n")?;
            read_answer(&mut tcp)
        };
        let answer = ask().map_err(|e| Error::new(format!("the browser is gone: {e}")))?;
        let body = answer.split_once("\r\n\r\n").map_or("", |(_, body)| body);
        serde_json::from_str(body)
            .map_err(|e| Error::new(format!("the browser answers `{answer}`: {e}")))
    }
}

/// It keeps the connection, so the length tells where the answer ends.
fn read_answer(tcp: &mut TcpStream) -> std::io::Result<String> {
    let mut bytes = Vec::new();
    let mut piece = [0; 4096];
    loop {
        let text = String::from_utf8_lossy(&bytes);
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| line.strip_prefix("Content-Length:"));
            if length.and_then(|n| n.trim().parse().ok()).is_some_and(|n: usize| body.len() >= n) {
                return Ok(text.into_owned());
            }
        }
        match tcp.read(&mut piece)? {
            0 => return Ok(String::from_utf8_lossy(&bytes).into_owned()),
            n => bytes.extend_from_slice(&piece[..n]),
        }
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        // its other processes end with it, and write until then
        for _ in 0..100 {
            if fs::remove_dir_all(&self.profile).is_ok() || !self.profile.exists() {
                return;
            }
            thread::sleep(Duration::from_millis(10));
        }
    }
}

fn new_profile() -> Result<PathBuf> {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let name = format!("perf-monitor-browser-{}-{number}", std::process::id());
    let profile = std::env::temp_dir().join(name);
    let _ = fs::remove_dir_all(&profile);
    fs::create_dir_all(&profile).map_err(|e| failed(&profile, &e))?;
    Ok(profile)
}

fn failed(path: &Path, cause: &std::io::Error) -> Error {
    Error::new(format!("{}: {cause}", path.display()))
}
