//! What an answer carries: bytes at hand, or chunks made while the client reads.

use std::fmt;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Frame, SizeHint};

/// The size that a chunk of a stream should have, in bytes: large beside the cost of a write, small beside the memory budget.
pub const CHUNK_BYTES: usize = 32 * 1024;

/// A source of an answer's chunks, pulled one at a time as the client reads.
///
/// ```
/// struct Lines(std::ops::Range<u32>);
///
/// impl perf_monitor_http::ChunkSource for Lines {
///     fn next_chunk(&mut self, out: &mut Vec<u8>) -> bool {
///         while out.len() < perf_monitor_http::CHUNK_BYTES {
///             let Some(line) = self.0.next() else { return false };
///             out.extend_from_slice(format!("{line}\n").as_bytes());
///         }
///         true
///     }
/// }
///
/// let body = perf_monitor_http::Body::stream(Lines(0..1_000_000));
/// ```
pub trait ChunkSource: Send + 'static {
    /// Appends about [`CHUNK_BYTES`] to `out`, which is empty; returns whether more remains.
    ///
    /// `true` with nothing appended asks to be called again at once, so a source that waits for something is a bug.
    /// A panic ends the connection, so that the client sees a truncated answer and not a complete one.
    fn next_chunk(&mut self, out: &mut Vec<u8>) -> bool;
}

impl<F: FnMut(&mut Vec<u8>) -> bool + Send + 'static> ChunkSource for F {
    fn next_chunk(&mut self, out: &mut Vec<u8>) -> bool {
        self(out)
    }
}

/// The body of a [`Response`](crate::Response).
pub struct Body(Content);

enum Content {
    Full(Bytes),
    Stream(Box<dyn ChunkSource>),
}

impl Body {
    /// No bytes.
    pub fn empty() -> Self {
        Self(Content::Full(Bytes::new()))
    }

    /// Chunks made while the client reads: one is in memory at a time, and none is made for a client that is gone.
    ///
    /// Sent with `Transfer-Encoding: chunked`. For `HEAD` the source is dropped without a call.
    pub fn stream(source: impl ChunkSource) -> Self {
        Self(Content::Stream(Box::new(source)))
    }
}

impl Default for Body {
    fn default() -> Self {
        Self::empty()
    }
}

impl From<Bytes> for Body {
    fn from(bytes: Bytes) -> Self {
        Self(Content::Full(bytes))
    }
}

impl From<Vec<u8>> for Body {
    fn from(bytes: Vec<u8>) -> Self {
        Self::from(Bytes::from(bytes))
    }
}

impl From<String> for Body {
    fn from(text: String) -> Self {
        Self::from(Bytes::from(text))
    }
}

impl From<&'static str> for Body {
    fn from(text: &'static str) -> Self {
        Self::from(Bytes::from_static(text.as_bytes()))
    }
}

impl From<&'static [u8]> for Body {
    fn from(bytes: &'static [u8]) -> Self {
        Self::from(Bytes::from_static(bytes))
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Content::Full(bytes) => write!(f, "Body({} bytes)", bytes.len()),
            Content::Stream(_) => f.write_str("Body(stream)"),
        }
    }
}

impl http_body::Body for Body {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        let chunk = match &mut self.0 {
            Content::Full(bytes) => Ok(std::mem::take(bytes)),
            Content::Stream(source) => match pull(source.as_mut()) {
                Ok((chunk, true)) => Ok(chunk),
                Ok((chunk, false)) => {
                    *self = Self::empty();
                    Ok(chunk)
                }
                Err(panic) => {
                    *self = Self::empty();
                    Err(panic)
                }
            },
        };
        Poll::Ready(match chunk {
            Ok(chunk) if chunk.is_empty() => None,
            chunk => Some(chunk.map(Frame::data)),
        })
    }

    fn is_end_stream(&self) -> bool {
        matches!(&self.0, Content::Full(bytes) if bytes.is_empty())
    }

    fn size_hint(&self) -> SizeHint {
        match &self.0 {
            Content::Full(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Content::Stream(_) => SizeHint::default(),
        }
    }
}

/// The next chunk that is not empty unless it is the last, and whether more remains.
fn pull(source: &mut dyn ChunkSource) -> io::Result<(Bytes, bool)> {
    let mut chunk = Vec::with_capacity(CHUNK_BYTES);
    let more = catch_unwind(AssertUnwindSafe(|| {
        loop {
            let more = source.next_chunk(&mut chunk);
            if !more || !chunk.is_empty() {
                return more;
            }
        }
    }))
    .map_err(|_| io::Error::other("the source of the answer panicked"))?;
    Ok((Bytes::from(chunk), more))
}
