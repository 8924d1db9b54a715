//! Records in a file: length, checksum, payload.
//!
//! A file is the word [`MAGIC`] and frames. A frame is the payload's length and its CRC-32, both as
//! four bytes, the least first, then the payload, which is JSON. Records of one frame were written
//! together: a reader gets all of them or none.

use serde::{Deserialize, Serialize};

use crate::book::{Record, Saved};

/// How a file begins: what it is, and of which version.
pub(super) const MAGIC: &[u8; 8] = b"PMALERT1";

/// No frame is longer, in bytes: a length beyond is damage.
const LONGEST: usize = 256 * 1024 * 1024;

const HEADER: usize = 8;

/// What a frame holds.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Payload {
    /// Everything up to here; the first frame of a file.
    Saved(Box<Saved>),
    /// What changed.
    Changes(Vec<Record>),
}

/// Appends a frame to `out`.
pub(super) fn write(payload: &Payload, out: &mut Vec<u8>) -> Result<(), serde_json::Error> {
    let begun = out.len();
    out.extend_from_slice(&[0; HEADER]);
    serde_json::to_writer(&mut *out, payload)?;
    let body = &out[begun + HEADER..];
    let length = u32::try_from(body.len()).unwrap_or(u32::MAX).to_le_bytes();
    let checksum = crc32fast::hash(body).to_le_bytes();
    out[begun..begun + 4].copy_from_slice(&length);
    out[begun + 4..begun + HEADER].copy_from_slice(&checksum);
    Ok(())
}

/// The first frame of `bytes` and what comes after it; `None` if there is no whole, good one.
pub(super) fn read(bytes: &[u8]) -> Option<(Payload, &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<4>()?;
    let (checksum, rest) = rest.split_first_chunk::<4>()?;
    let length = u32::from_le_bytes(*length) as usize;
    if length == 0 || length > LONGEST {
        return None;
    }
    let (body, rest) = rest.split_at_checked(length)?;
    if crc32fast::hash(body) != u32::from_le_bytes(*checksum) {
        return None;
    }
    serde_json::from_slice(body).ok().map(|payload| (payload, rest))
}
