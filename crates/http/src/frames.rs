//! A stream of WebSocket frames that is read to the end of one and no further, so that whoever parses them holds nothing
//! between two.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// The longest head: two bytes, eight of length, four of mask.
const HEAD_BYTES: usize = 14;

/// Reads `stream` frame by frame.
pub(crate) struct Frames<S> {
    /// `None` once it was taken.
    stream: Option<S>,
    head: [u8; HEAD_BYTES],
    known: usize,
    /// Bytes of the payload that are still to come, once the head is known.
    left: u64,
}

impl<S> Frames<S> {
    pub(crate) fn new(stream: S) -> Frames<S> {
        Frames { stream: Some(stream), head: [0; HEAD_BYTES], known: 0, left: 0 }
    }

    /// The stream, for whoever goes on from here; what is left has none.
    pub(crate) fn take(&mut self) -> Frames<S> {
        Frames { stream: self.stream.take(), head: self.head, known: self.known, left: self.left }
    }

    fn stream(&mut self) -> io::Result<Pin<&mut S>>
    where
        S: Unpin,
    {
        self.stream.as_mut().map(Pin::new).ok_or_else(|| io::ErrorKind::NotConnected.into())
    }

    /// Whether what was read ends with a frame.
    pub(crate) fn is_between(&self) -> bool {
        self.known == 0 && self.left == 0
    }

    /// How many bytes there are for certain before the next frame's head begins.
    fn certain(&self) -> usize {
        match self.left {
            0 => head_bytes(&self.head[..self.known]) - self.known,
            left => usize::try_from(left).unwrap_or(usize::MAX),
        }
    }

    fn took(&mut self, bytes: &[u8]) {
        if self.left > 0 {
            self.left -= bytes.len() as u64;
            return;
        }
        self.head[self.known..][..bytes.len()].copy_from_slice(bytes);
        self.known += bytes.len();
        if self.known == head_bytes(&self.head[..self.known]) {
            self.left = payload_bytes(&self.head);
            self.known = 0;
        }
    }
}

/// How long a head is, as far as these first bytes of it tell (RFC 6455, 5.2).
fn head_bytes(known: &[u8]) -> usize {
    let Some(second) = known.get(1) else { return 2 };
    let length = match second & 0x7f {
        126 => 2,
        127 => 8,
        _ => 0,
    };
    2 + length + if second & 0x80 != 0 { 4 } else { 0 }
}

fn payload_bytes(head: &[u8; HEAD_BYTES]) -> u64 {
    let of = |bytes: &[u8]| bytes.iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte));
    match head[1] & 0x7f {
        126 => of(&head[2..4]),
        127 => of(&head[2..10]),
        short => u64::from(short),
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Frames<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let most = buf.remaining().min(self.certain());
        let mut part = ReadBuf::new(buf.initialize_unfilled_to(most));
        ready!(self.stream()?.poll_read(cx, &mut part))?;
        let read = part.filled().len();
        self.took(part.filled());
        buf.advance(read);
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Frames<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.stream()?.poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream()?.poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream()?.poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncReadExt;

    use super::*;

    fn frame(payload: usize, masked: bool) -> Vec<u8> {
        let mask = if masked { 0x80 } else { 0 };
        let mut bytes = vec![0x82];
        match payload {
            0..=125 => bytes.push(mask | payload as u8),
            126..=0xffff => {
                bytes.push(mask | 126);
                bytes.extend((payload as u16).to_be_bytes());
            }
            _ => {
                bytes.push(mask | 127);
                bytes.extend((payload as u64).to_be_bytes());
            }
        }
        bytes.extend(vec![7; if masked { 4 } else { 0 }]);
        bytes.extend(vec![0xff; payload]);
        bytes
    }

    /// Reads by at most `step` bytes; where in the stream a frame ended.
    async fn ends(bytes: &[u8], step: usize) -> Vec<usize> {
        let mut frames = Frames::new(bytes);
        let (mut at, mut ends, mut room) = (0, Vec::new(), vec![0; step]);
        loop {
            let read = frames.read(&mut room).await.unwrap();
            if read == 0 {
                return ends;
            }
            assert_eq!(room[..read], bytes[at..at + read]);
            at += read;
            if frames.is_between() {
                ends.push(at);
            }
        }
    }

    #[tokio::test]
    async fn each_frame_ends_a_read_whatever_its_length() {
        let lengths = [0, 1, 125, 126, 127, 4_096, 65_535, 65_536, 70_001, 0, 3];
        for masked in [false, true] {
            let frames = lengths.map(|length| frame(length, masked));
            let mut end = 0;
            let expected = frames.each_ref().map(|frame| {
                end += frame.len();
                end
            });
            let stream = frames.concat();
            for step in [1, 2, 3, 7, 4_096, 1 << 20] {
                assert_eq!(ends(&stream, step).await, expected, "{masked} {step}");
            }
        }
    }

    #[tokio::test]
    async fn a_length_beyond_all_is_only_a_length() {
        let mut bytes = vec![0x82, 127];
        bytes.extend(u64::MAX.to_be_bytes());
        bytes.extend([1, 2, 3]);
        assert!(ends(&bytes, 64).await.is_empty());
    }
}
