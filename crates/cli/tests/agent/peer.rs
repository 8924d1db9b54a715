//! A peer that answers as it is told, whatever it is asked.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener};
use std::thread;

use crate::process::PATIENCE;

/// Serves `answer` once; gives the URL to ask.
pub(crate) fn answers(answer: impl Into<Vec<u8>>) -> String {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let answer = answer.into();
    thread::spawn(move || {
        let (mut tcp, _) = listener.accept().unwrap();
        tcp.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut request = Vec::new();
        while !request.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            tcp.read_exact(&mut byte).unwrap();
            request.push(byte[0]);
        }
        // the client may have seen enough
        let _ = tcp.write_all(&answer);
        let _ = tcp.shutdown(Shutdown::Write);
        // until it has read what came: a closed socket with unread bytes would break its answer off
        let _ = tcp.read(&mut [0]);
    });
    url
}

/// A whole answer with this status line and body.
pub(crate) fn whole(status: &str, body: &str) -> String {
    format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\n\r\n{body}", body.len())
}
