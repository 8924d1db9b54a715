//! A TCP stream that tells its connection's pulse what moves.

use std::io;
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use crate::pulse::Pulse;

/// What a client that was refused may still send before it is cut off.
const LINGER_BYTES: usize = 256 * 1024;

pub(crate) struct Socket {
    tcp: TcpStream,
    pulse: Arc<Pulse>,
    /// How many more bytes to throw away, once the last one is written.
    linger: Option<usize>,
}

impl Socket {
    pub(crate) fn new(tcp: TcpStream, pulse: Arc<Pulse>) -> Self {
        Self { tcp, pulse, linger: None }
    }

    fn tcp(&mut self) -> Pin<&mut TcpStream> {
        Pin::new(&mut self.tcp)
    }

    fn wrote(&self, poll: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        self.pulse.wrote(poll.is_ready());
        poll
    }

    /// Reads on until the client is done: closing with unread bytes resets the connection, and the answer may be lost with it.
    fn poll_linger(&mut self, mut bytes: usize, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while bytes > 0 {
            self.linger = Some(bytes);
            let mut scrap = [MaybeUninit::uninit(); 1024];
            let mut scrap = ReadBuf::uninit(&mut scrap);
            ready!(self.tcp().poll_read(cx, &mut scrap))?;
            match scrap.filled().len() {
                0 => break,
                read => bytes = bytes.saturating_sub(read),
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncRead for Socket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        ready!(self.tcp().poll_read(cx, buf))?;
        if buf.filled().len() > before {
            self.pulse.read();
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Socket {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let poll = self.tcp().poll_write(cx, buf);
        self.wrote(poll)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let poll = self.tcp().poll_write_vectored(cx, bufs);
        self.wrote(poll)
    }

    fn is_write_vectored(&self) -> bool {
        self.tcp.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.tcp().poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let bytes = match self.linger {
            Some(bytes) => bytes,
            None => {
                ready!(self.tcp().poll_shutdown(cx))?;
                if self.pulse.linger() { LINGER_BYTES } else { 0 }
            }
        };
        self.poll_linger(bytes, cx)
    }
}
