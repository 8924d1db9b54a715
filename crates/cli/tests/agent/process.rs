//! An agent that runs, seen by its client.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::mpsc::channel;
use std::thread;
use std::time::{Duration, Instant};

/// Far above what anything here takes.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// The agent's program with these arguments, without what the environment might set.
pub(crate) fn agent(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_perf-monitor"));
    command.args(args).env_remove("PERF_MONITOR_TOKEN").stdin(Stdio::null());
    for (name, _) in
        std::env::vars_os().filter(|(name, _)| name.as_encoded_bytes().starts_with(b"OTEL_"))
    {
        command.env_remove(name);
    }
    command
}

/// Runs the agent to its end, which it must find by itself.
pub(crate) fn output(args: &[&str]) -> (ExitStatus, String) {
    let Output { status, stdout, stderr } = agent(args).output().unwrap();
    let text = String::from_utf8(stderr).unwrap();
    assert!(stdout.is_empty() || status.success());
    (status, text)
}

/// A file with this text, under a name that no other test has.
pub(crate) fn file(name: &str, text: &str) -> PathBuf {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::write(&path, text).unwrap();
    path
}

/// Asks until `answer` is there.
pub(crate) fn poll<T>(what: &str, mut answer: impl FnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(answer) = answer() {
            return answer;
        }
        assert!(begun.elapsed() < PATIENCE, "{what}");
        thread::sleep(Duration::from_millis(20));
    }
}

/// An agent that serves; dropping this kills it.
pub(crate) struct Running {
    child: Child,
    pub(crate) greeting: String,
}

impl Running {
    /// Starts an agent and waits until it has said all of its greeting.
    pub(crate) fn start(args: &[&str]) -> Running {
        Running::spawn(agent(args))
    }

    pub(crate) fn spawn(mut command: Command) -> Running {
        let child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut running = Running { greeting: String::new(), child };
        let lines = BufReader::new(running.child.stdout.take().unwrap()).lines();
        let (said, heard) = channel();
        thread::spawn(move || lines.map_while(Result::ok).try_for_each(|line| said.send(line)));
        while !running.greeting.contains("Ctrl-C") {
            let line = heard.recv_timeout(PATIENCE).expect("a greeting");
            running.greeting += &format!("{line}\n");
        }
        running
    }

    /// The address that the greeting names for `what`.
    pub(crate) fn address_of(&self, what: &str) -> SocketAddr {
        let line = self.greeting.lines().find(|line| line.trim_start().starts_with(what));
        let (_, url) = line.expect(what).split_once("http://").unwrap();
        url.split('/').next().unwrap().parse().unwrap()
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address_of("page")
    }

    /// The head and the body of the answer for `path`.
    pub(crate) fn get(&self, path: &str) -> (String, String) {
        get(self.address(), path, "")
    }

    /// The value of a series on `/metrics`, named as it stands there.
    pub(crate) fn metric(&self, series: &str) -> Option<f64> {
        let (_, text) = self.get("/metrics");
        let value = text.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
        value.and_then(|value| value.parse().ok())
    }

    pub(crate) fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args([name, &pid]).status().unwrap().success());
    }

    /// Waits for the end.
    pub(crate) fn end(mut self) -> ExitStatus {
        poll("the end of the agent", || self.child.try_wait().unwrap())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The head and the body of an answer, whole: HTTP/1.0, so that it comes without chunks.
pub(crate) fn get(address: SocketAddr, path: &str, headers: &str) -> (String, String) {
    let mut tcp = TcpStream::connect(address).unwrap();
    tcp.set_read_timeout(Some(PATIENCE)).unwrap();
    write!(tcp, "GET {path} HTTP/1.0\r\nHost: {address}\r\n{headers}\r\n").unwrap();
    let mut answer = String::new();
    tcp.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head");
    (head.into(), body.into())
}
