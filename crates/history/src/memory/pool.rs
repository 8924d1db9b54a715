//! Blocks of a fixed size, taken and given back by chains.

use super::bits::{PADDING, Reader, Writer};

/// What a block takes.
pub(super) const BYTES_PER_BLOCK: usize = BLOCK_BYTES + size_of::<Header>();

/// Bytes of points in a block, which takes two lines of cache with its header. Of 44 to 140 bytes, 108 to 140 kept fifty
/// series of a service in the fewest (November 2026): smaller ones begin anew too often, larger ones expire too late.
pub(super) const BLOCK_BYTES: usize = 116;

/// No block.
pub(super) const NONE: u16 = u16::MAX;

/// Blocks that are allocated together.
const TOGETHER: usize = 8;

/// What that many blocks take.
pub(super) const SEGMENT_BYTES: usize = size_of::<Segment>() + size_of::<Box<Segment>>();

/// What is known of a block besides its points.
#[derive(Clone, Copy, Debug)]
pub(super) struct Header {
    /// The next newer block of the chain; of free ones the next free.
    pub(super) next: u16,
    /// The next older block.
    pub(super) previous: u16,
    /// How many points and gaps there are.
    pub(super) entries: u16,
    /// Whether a value is below the one before, or is none, or a tick has none.
    pub(super) uneven: bool,
    /// The tick of the first point.
    pub(super) first_tick: u32,
}

#[derive(Debug)]
struct Segment {
    headers: [Header; TOGETHER],
    bytes: [u8; TOGETHER * BLOCK_BYTES + PADDING],
}

/// Blocks in segments, which are never given back: those that are free are on a list.
#[derive(Debug)]
#[expect(clippy::vec_box, reason = "the list is made at once, segments as they are needed")]
pub(super) struct Pool {
    segments: Vec<Box<Segment>>,
    /// Segments that there may be.
    most: usize,
    first_free: u16,
}

impl Pool {
    /// Of at most so many segments, unless they are more than numbers of blocks can tell.
    pub(super) fn new(most: usize) -> Pool {
        let most = most.min(usize::from(NONE) / TOGETHER);
        Pool { segments: Vec::with_capacity(most), most, first_free: NONE }
    }

    /// Bytes on the heap, with room in the list of segments for as many as there may be.
    pub(super) fn bytes(&self) -> usize {
        let list = self.segments.capacity() - self.segments.len();
        self.segments.len() * SEGMENT_BYTES + list * size_of::<Box<Segment>>()
    }

    /// Lets the pool grow up to `bytes` from now on.
    pub(super) fn allow(&mut self, bytes: usize) {
        let list = self.segments.capacity() * size_of::<Box<Segment>>();
        let most = bytes.saturating_sub(list) / size_of::<Segment>();
        self.most = most.min(self.segments.capacity());
    }

    pub(super) fn header(&self, block: u16) -> Header {
        let block = usize::from(block);
        self.segments[block / TOGETHER].headers[block % TOGETHER]
    }

    pub(super) fn header_mut(&mut self, block: u16) -> &mut Header {
        let block = usize::from(block);
        &mut self.segments[block / TOGETHER].headers[block % TOGETHER]
    }

    /// A block that nobody has.
    pub(super) fn take(&mut self, first_tick: u32) -> Option<u16> {
        if self.first_free == NONE && self.segments.len() < self.most {
            self.grow();
        }
        let block = self.first_free;
        if block == NONE {
            return None;
        }
        let header = self.header_mut(block);
        let next = header.next;
        *header = Header { next: NONE, previous: NONE, entries: 0, uneven: false, first_tick };
        self.first_free = next;
        Some(block)
    }

    fn grow(&mut self) {
        let first = self.segments.len() * TOGETHER;
        let header =
            Header { next: NONE, previous: NONE, entries: 0, uneven: false, first_tick: 0 };
        let segment =
            Segment { headers: [header; TOGETHER], bytes: [0; TOGETHER * BLOCK_BYTES + PADDING] };
        self.segments.push(Box::new(segment));
        (first..first + TOGETHER).rev().for_each(|block| self.give_back(block as u16));
    }

    pub(super) fn give_back(&mut self, block: u16) {
        self.header_mut(block).next = self.first_free;
        self.first_free = block;
    }

    pub(super) fn writer(&mut self, block: u16, at: usize) -> Writer<'_> {
        let (segment, start) = place(block);
        Writer::new(&mut self.segments[segment].bytes[start..start + BLOCK_BYTES], at)
    }

    /// Reads a block from its start. What lies behind it may be looked at and is of no account.
    pub(super) fn reader(&self, block: u16) -> Reader<'_> {
        let (segment, start) = place(block);
        Reader::new(&self.segments[segment].bytes[start..start + BLOCK_BYTES + PADDING])
    }
}

/// The segment of a block, and where in there its bytes begin.
fn place(block: u16) -> (usize, usize) {
    let block = usize::from(block);
    (block / TOGETHER, block % TOGETHER * BLOCK_BYTES)
}
