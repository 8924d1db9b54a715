//! `top`: what a terminal, a pipe and a mistake get of it.
#![cfg(target_os = "linux")]

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;

use crate::peer::{answers, whole};
use crate::process::{Running, agent, output, poll};

fn demo(args: &[&str]) -> Running {
    let demo = ["--listen", "127.0.0.1:0", "--tick", "50ms", "--demo"];
    Running::start(&[&demo, args].concat())
}

fn url(agent: &Running) -> String {
    format!("http://{}", agent.address())
}

/// `top` in a terminal of its own; what it writes is kept.
struct InTerminal {
    script: Child,
    keys: ChildStdin,
    written: Arc<Mutex<String>>,
}

impl InTerminal {
    /// In a terminal of this size; afterwards the shell tells the exit code and the terminal's modes.
    fn start(agent: &Running, (columns, rows): (u32, u32)) -> InTerminal {
        let program = env!("CARGO_BIN_EXE_perf-monitor");
        let top = format!("echo pid=$$; exec '{program}' top --url {}", url(agent));
        let shell = format!(
            "stty cols {columns} rows {rows}; sh -c \"{}\"; echo code=$?; stty -a",
            top.replace('$', "\\$")
        );
        let mut script = Command::new("script")
            .args(["--quiet", "--flush", "--command", &shell, "/dev/null"])
            .env("TERM", "xterm-256color")
            .env_remove("PERF_MONITOR_TOKEN")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("script, of util-linux");
        let keys = script.stdin.take().unwrap();
        let mut out = script.stdout.take().unwrap();
        let written = Arc::new(Mutex::new(String::new()));
        let keep = written.clone();
        thread::spawn(move || {
            let mut piece = [0; 4096];
            while let Ok(n @ 1..) = out.read(&mut piece) {
                *keep.lock().unwrap() += &String::from_utf8_lossy(&piece[..n]);
            }
        });
        InTerminal { script, keys, written }
    }

    fn written(&self) -> String {
        self.written.lock().unwrap().clone()
    }

    fn wait_for(&self, text: &str) {
        poll(text, || self.written().contains(text).then_some(()));
    }

    /// Waits until `text` is written once more.
    fn wait_for_new(&self, text: &str) {
        let before = self.written().len();
        poll(text, || self.written()[before..].contains(text).then_some(()));
    }

    fn press(&mut self, keys: &str) {
        self.keys.write_all(keys.as_bytes()).unwrap();
        self.keys.flush().unwrap();
    }

    fn signal(&self, name: &str) {
        let written = self.written();
        let (_, pid) = written.split_once("pid=").unwrap();
        let pid = pid.lines().next().unwrap().trim();
        assert!(Command::new("kill").args([name, pid]).status().unwrap().success());
    }

    /// What the shell tells after `top` has ended.
    fn end(mut self) -> String {
        poll("the end of top", || self.script.try_wait().unwrap());
        let tells = |text: &str| text.contains("code=") && text.contains(" icanon");
        poll("the modes", || tells(&self.written()).then(|| self.written()))
    }
}

impl Drop for InTerminal {
    fn drop(&mut self) {
        let _ = self.script.kill();
        let _ = self.script.wait();
    }
}

/// The alternate screen was left, the cursor is seen, keys are echoed.
fn assert_terminal_is_restored(written: &str) {
    let left = written.rfind("\u{1b}[?1049l").expect("the screen is left");
    assert!(left > written.rfind("\u{1b}[?1049h").unwrap());
    assert!(written.rfind("\u{1b}[?25h").unwrap() > written.rfind("\u{1b}[?25l").unwrap());
    let modes = &written[left..];
    assert!(modes.contains(" icanon") && modes.contains(" echo "), "{modes}");
}

#[test]
fn a_terminal_shows_live_figures_obeys_keys_and_is_given_back() {
    let agent = demo(&[]);
    let mut top = InTerminal::start(&agent, (100, 30));
    for text in ["demo", "live", "requests", "p99", "all CPUs", "/checkout", "█"] {
        top.wait_for(text);
    }
    top.press("n");
    top.wait_for_new("/checkout");
    top.press("p");
    top.wait_for("paused");
    top.press("p");
    top.wait_for_new("live");
    top.press("q");
    let written = top.end();
    assert!(written.contains("code=0"), "{written}");
    assert_terminal_is_restored(&written);
}

#[test]
fn a_signal_gives_the_terminal_back_too() {
    let agent = demo(&[]);
    let top = InTerminal::start(&agent, (40, 12));
    top.wait_for("requests");
    top.signal("-TERM");
    let written = top.end();
    assert!(written.contains("code=0"), "{written}");
    assert_terminal_is_restored(&written);
}

#[test]
fn a_service_that_is_away_is_told_and_found_again() {
    let agent = demo(&[]);
    let address = agent.address().to_string();
    let mut top = InTerminal::start(&agent, (120, 30));
    top.wait_for("live");
    agent.signal("-KILL");
    agent.end();
    top.wait_for("no connection");
    top.wait_for("trying again");
    let _again = Running::start(&["--listen", &address, "--demo"]);
    top.wait_for_new("live");
    top.press("q");
    assert!(top.end().contains("code=0"));
}

#[test]
fn one_frame_goes_into_a_pipe_without_escapes() {
    let agent_ = demo(&["--break"]);
    let begun = |agent: &Running| agent.get("/api/alerts").1.contains("\"state\":\"firing\"");
    poll("an alert", || begun(&agent_).then_some(()));
    let output = agent(&["top", "--once", "--url", &url(&agent_)]).output().unwrap();
    assert!(output.status.success());
    let text = String::from_utf8(output.stdout).unwrap();
    for part in ["demo", "live", "requests", "errors", "memory", "/checkout", "critical"] {
        assert!(text.contains(part), "{part} in\n{text}");
    }
    assert!(!text.contains('\u{1b}'), "{text}");
    let requests = text.lines().find(|line| line.starts_with("requests")).unwrap();
    assert!(requests.contains("/s"), "{requests}");
}

#[test]
fn a_pipe_gets_lines_until_nobody_reads() {
    let service = demo(&[]);
    let mut top = agent(&["top", "--url", &url(&service)]).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(top.stdout.take().unwrap()).lines();
    let moves = |line: &str| line.contains("Z  requests ") && !line.contains("requests –");
    let seen: Vec<_> =
        lines.by_ref().map_while(Result::ok).filter(|line| moves(line)).take(2).collect();
    assert_eq!(seen.len(), 2);
    drop(lines);
    let status = poll("the end of top", || top.try_wait().unwrap());
    assert!(status.success());
}

#[test]
fn a_token_is_asked_for_and_accepted() {
    let service = demo(&["--token", "a-token-of-some-length"]);
    let (status, text) = output(&["top", "--once", "--url", &url(&service)]);
    assert_eq!(status.code(), Some(1));
    assert!(text.contains("401") && text.contains("PERF_MONITOR_TOKEN"), "{text}");
    poll("the routes", || {
        let mut top = agent(&["top", "--once", "--url", &url(&service)]);
        let output = top.env("PERF_MONITOR_TOKEN", "a-token-of-some-length").output().unwrap();
        assert!(output.status.success());
        String::from_utf8(output.stdout).unwrap().contains("/checkout").then_some(())
    });
}

#[test]
fn what_is_no_monitor_is_named() {
    let no_protocol = whole("404 Not Found", "no such page");
    let cases = [
        ("http://127.0.0.1:1".to_owned(), "is a monitor running there?"),
        (answers(no_protocol), "has no /api/stream (404)"),
        (answers(whole("200 OK", "<html>")), "answers 200 OK"),
        (answers("220 mail.example ESMTP\r\n"), "is it a monitor"),
        ("nonsense".to_owned(), "--url"),
    ];
    for (url, why) in cases {
        let (status, text) = output(&["top", "--url", &url]);
        assert_eq!(status.code(), Some(1), "{url}");
        assert!(text.contains(why), "{url}: {text}");
        assert!(text.lines().count() == 1, "{text}");
    }
}
