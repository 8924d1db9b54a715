//! A client of the stream that allocates nothing while it reads: for counting what the server holds.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// Far above what anything takes.
const PATIENCE: Duration = Duration::from_secs(20);

/// One WebSocket.
pub(crate) struct Client {
    tcp: TcpStream,
    buffer: Box<[u8; 64 * 1024]>,
    /// What of the buffer is read from the socket, and taken out already.
    filled: usize,
    taken: usize,
}

/// What a message is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Opcode {
    Text,
    Binary,
    Other,
}

impl Client {
    /// Connects, and asks for `path`.
    pub(crate) fn open(address: SocketAddr, path: &str) -> io::Result<Client> {
        let mut tcp = TcpStream::connect(address)?;
        tcp.set_nodelay(true)?;
        tcp.set_read_timeout(Some(PATIENCE))?;
        let request = format!(
            "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        );
        tcp.write_all(request.as_bytes())?;
        let buffer = Client::buffer();
        let mut client = Client { tcp, buffer, filled: 0, taken: 0 };
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(client.take(1)?[0]);
        }
        match head.starts_with(b"HTTP/1.1 101 ") {
            true => Ok(client),
            false => Err(io::Error::other(String::from_utf8_lossy(&head).into_owned())),
        }
    }

    /// What a client has on the heap.
    pub(crate) fn buffer() -> Box<[u8; 64 * 1024]> {
        Box::new([0; 64 * 1024])
    }

    /// Sends a text, masked by zeroes.
    pub(crate) fn say(&mut self, text: &str) -> io::Result<()> {
        let mut frame = vec![0x81];
        match text.len() {
            short @ ..126 => frame.push(0x80 | short as u8),
            long => {
                frame.push(0x80 | 126);
                frame.extend((long as u16).to_be_bytes());
            }
        }
        frame.extend([0; 4]);
        frame.extend(text.as_bytes());
        self.tcp.write_all(&frame)
    }

    /// The next message: what it is of, its payload, and the bytes that it took on the wire.
    pub(crate) fn next(&mut self) -> io::Result<(Opcode, &[u8], usize)> {
        let [first, length] = [0, 1].map(|_| self.take(1).map(|byte| byte[0]));
        let (first, length) = (first?, length?);
        let (length, head) = match length {
            126 => (usize::from(u16::from_be_bytes([self.take(1)?[0], self.take(1)?[0]])), 4),
            127 => return Err(io::Error::other("a message of more than 64 KiB")),
            short => (usize::from(short), 2),
        };
        let opcode = match first & 0x0f {
            1 => Opcode::Text,
            2 => Opcode::Binary,
            8 => return Err(ErrorKind::ConnectionAborted.into()),
            _ => Opcode::Other,
        };
        let payload = self.take(length)?;
        Ok((opcode, payload, head + length))
    }

    /// The next frame of data.
    pub(crate) fn frame(&mut self) -> io::Result<(&[u8], usize)> {
        loop {
            if let (Opcode::Binary, payload, wire) = self.next()? {
                let (start, length) = (payload.as_ptr(), payload.len());
                let at = start as usize - self.buffer.as_ptr() as usize;
                return Ok((&self.buffer[at..at + length], wire));
            }
        }
    }

    /// The next text with this in it.
    pub(crate) fn text(&mut self, with: &str) -> io::Result<String> {
        loop {
            if let (Opcode::Text, payload, _) = self.next()? {
                let text = String::from_utf8_lossy(payload);
                if text.contains(with) {
                    return Ok(text.into_owned());
                }
            }
        }
    }

    fn take(&mut self, count: usize) -> io::Result<&[u8]> {
        if self.taken + count > self.buffer.len() {
            self.buffer.copy_within(self.taken..self.filled, 0);
            (self.filled, self.taken) = (self.filled - self.taken, 0);
        }
        while self.filled - self.taken < count {
            match self.tcp.read(&mut self.buffer[self.filled..])? {
                0 => return Err(ErrorKind::UnexpectedEof.into()),
                read => self.filled += read,
            }
        }
        self.taken += count;
        Ok(&self.buffer[self.taken - count..self.taken])
    }
}
