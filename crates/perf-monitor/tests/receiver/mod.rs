//! A receiver of webhooks on a port that the system picks.
#![allow(dead_code, missing_docs, unreachable_pub)]

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

use serde_json::Value;

/// How long a peer on this machine may take before a test fails.
const PATIENCE: Duration = Duration::from_secs(30);

/// Takes what it is sent.
pub struct Inbox {
    pub url: String,
    got: Receiver<(String, Value)>,
}

impl Inbox {
    /// Answers everything with 200.
    pub fn open() -> Inbox {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (send, got) = channel();
        thread::spawn(move || {
            for mut stream in listener.incoming().map_while(Result::ok) {
                let Some(request) = read(&mut stream) else { continue };
                // The test may be over.
                let _ = send.send(request);
                let answer = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
                let _ = stream.write_all(answer.as_bytes());
            }
        });
        Inbox { url, got }
    }

    /// The next document.
    pub fn next(&self) -> Value {
        self.got.recv_timeout(PATIENCE).expect("a notification").1
    }

    /// What has come by now and was not looked at.
    pub fn rest(&self) -> Vec<Value> {
        self.got.try_iter().map(|(_, document)| document).collect()
    }
}

/// The path and the document of a request.
fn read(stream: &mut TcpStream) -> Option<(String, Value)> {
    stream.set_read_timeout(Some(PATIENCE)).ok()?;
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).ok()?;
        head.push(byte[0]);
    }
    let head = String::from_utf8(head).ok()?;
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(": ")?;
        name.eq_ignore_ascii_case("content-length").then(|| value.parse::<usize>().ok())?
    })?;
    let mut body = vec![0; length];
    stream.read_exact(&mut body).ok()?;
    let path = head.split(' ').nth(1)?.to_owned();
    Some((path, serde_json::from_slice(&body).ok()?))
}
