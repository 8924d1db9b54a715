//! Blocks of a fixed size, taken and given back by chains.

use super::bits::{PADDING, Reader, Writer};

/// Bytes of points in a block, which takes two lines of cache with its header. Of 44 to 140 bytes, 108 to 140 kept fifty
/// series of a service in the fewest (November 2026): smaller ones begin anew too often, larger ones expire too late.
pub(super) const BLOCK_BYTES: usize = 116;

/// No block.
pub(super) const NONE: u16 = u16::MAX;

/// What a block of a pool takes.
pub(super) const BYTES_PER_BLOCK: usize = BLOCK_BYTES + size_of::<Header>();

/// What is known of a block besides its points.
#[derive(Clone, Copy, Debug)]
pub(super) struct Header {
    /// The next newer block of the chain; of free ones the next free.
    pub(super) next: u16,
    /// The next older block.
    pub(super) previous: u16,
    /// How many points and gaps there are.
    pub(super) entries: u16,
    /// The tick of the first point.
    pub(super) first_tick: u32,
}

/// All blocks that there will ever be.
#[derive(Debug)]
pub(super) struct Pool {
    headers: Box<[Header]>,
    bytes: Box<[u8]>,
    first_free: u16,
}

impl Pool {
    pub(super) fn new(blocks: usize) -> Pool {
        let blocks = blocks.min(usize::from(NONE));
        let header = |index: usize| Header {
            next: if index + 1 < blocks { index as u16 + 1 } else { NONE },
            previous: NONE,
            entries: 0,
            first_tick: 0,
        };
        Pool {
            headers: (0..blocks).map(header).collect(),
            bytes: vec![0; blocks * BLOCK_BYTES + PADDING].into(),
            first_free: if blocks > 0 { 0 } else { NONE },
        }
    }

    pub(super) fn blocks(&self) -> usize {
        self.headers.len()
    }

    pub(super) fn header(&self, block: u16) -> Header {
        self.headers[usize::from(block)]
    }

    pub(super) fn header_mut(&mut self, block: u16) -> &mut Header {
        &mut self.headers[usize::from(block)]
    }

    /// A block that nobody has.
    pub(super) fn take(&mut self, first_tick: u32) -> Option<u16> {
        let block = self.first_free;
        let header = self.headers.get_mut(usize::from(block))?;
        self.first_free = header.next;
        *header = Header { next: NONE, previous: NONE, entries: 0, first_tick };
        Some(block)
    }

    pub(super) fn give_back(&mut self, block: u16) {
        self.headers[usize::from(block)].next = self.first_free;
        self.first_free = block;
    }

    pub(super) fn writer(&mut self, block: u16, at: usize) -> Writer<'_> {
        let start = usize::from(block) * BLOCK_BYTES;
        Writer::new(&mut self.bytes[start..start + BLOCK_BYTES], at)
    }

    /// Reads a block from its start. What lies behind it may be looked at and is of no account.
    pub(super) fn reader(&self, block: u16) -> Reader<'_> {
        let start = usize::from(block) * BLOCK_BYTES;
        Reader::new(&self.bytes[start..start + BLOCK_BYTES + PADDING])
    }
}
