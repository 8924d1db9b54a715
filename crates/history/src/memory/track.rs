//! The values of the fine tier, without a loss.

use super::bits::{Reader, Writer, unzigzag, zigzag};
use super::chain::{Coder, Entry};
use super::rice::{ESCAPE, Rice, WIDE};
use super::scale::Scale;

/// What follows an escape, in two bits.
const GAP: u64 = 0;
const JUMP: u64 = 1;
const ODD: u64 = 2;

/// Where the next value of a series is expected: where it is, and where it has been drifting to. A counter drifts by
/// its rate, a gauge hardly.
#[derive(Clone, Copy, Debug, Default)]
#[repr(Rust, packed(4))]
pub(super) struct Track {
    last: i64,
    /// Sixteen times the mean difference of late; nothing where integers are bits of floats.
    drift: i64,
    rice: Rice,
}

impl Track {
    #[inline(always)]
    fn expected(&self) -> i64 {
        self.last.wrapping_add(self.drift >> 4)
    }

    #[inline(always)]
    fn follow(&mut self, integer: i64, drifts: bool) {
        if drifts {
            let difference = integer.wrapping_sub(self.last);
            self.drift += (difference.wrapping_mul(16).wrapping_sub(self.drift)) >> 3;
        }
        self.last = integer;
    }

    /// The value before.
    pub(super) fn last(&self) -> i64 {
        self.last
    }

    pub(super) fn begin(&mut self, writer: &mut Writer<'_>, integer: i64, drifts: bool) {
        writer.put_sized(zigzag(integer));
        if !drifts {
            self.drift = 0;
        }
        writer.put_sized(zigzag(self.drift));
        self.rice.begin(writer, WIDE);
        self.last = integer;
    }

    pub(super) fn begun(reader: &mut Reader<'_>) -> Track {
        let last = unzigzag(reader.get_sized());
        let drift = unzigzag(reader.get_sized());
        Track { last, drift, rice: Rice::begun(reader, WIDE) }
    }

    /// Writes an integer, behind an escape if it is far from where it is expected.
    pub(super) fn put(&mut self, writer: &mut Writer<'_>, integer: i64, drifts: bool) {
        let distance = zigzag(integer.wrapping_sub(self.expected()));
        if self.rice.put(writer, distance) {
            return self.follow(integer, drifts);
        }
        self.rice.learn_of_escape();
        writer.put(JUMP, 2);
        writer.put_64(integer as u64);
        self.last = integer;
    }

    #[inline(always)]
    pub(super) fn get(&mut self, reader: &mut Reader<'_>, drifts: bool) -> Got {
        match self.rice.get(reader) {
            Some(distance) => {
                let integer = self.expected().wrapping_add(unzigzag(distance));
                self.follow(integer, drifts);
                Got::Integer(integer)
            }
            None => self.escaped(reader),
        }
    }

    #[cold]
    fn escaped(&mut self, reader: &mut Reader<'_>) -> Got {
        match reader.get(2) {
            JUMP => {
                self.rice.learn_of_escape();
                self.last = reader.get_64() as i64;
                Got::Integer(self.last)
            }
            ODD => Got::Odd,
            _ => Got::Gap(reader.get(8) as u32),
        }
    }

    pub(super) fn gap(writer: &mut Writer<'_>, ticks: u32) {
        escape(writer, GAP);
        writer.put(u64::from(ticks), 8);
    }

    /// Says that what follows is no integer.
    pub(super) fn odd(writer: &mut Writer<'_>) {
        escape(writer, ODD);
    }
}

fn escape(writer: &mut Writer<'_>, what: u64) {
    writer.put(u64::MAX, ESCAPE);
    writer.put(what, 2);
}

/// What a track gives.
pub(super) enum Got {
    Integer(i64),
    /// What follows is written by its bits.
    Odd,
    Gap(u32),
}

/// Codes single values.
#[derive(Clone, Copy, Debug)]
pub(super) struct Values {
    scale: Scale,
    /// The coarsest scale that fits all of the block, for the next.
    needed: Scale,
    track: Track,
}

impl Default for Values {
    fn default() -> Values {
        Values { scale: Scale::PAGES, needed: Scale::PAGES, track: Track::default() }
    }
}

impl Values {
    fn drifts(self) -> bool {
        self.scale != Scale::BITS
    }
}

impl Coder for Values {
    type Point = f64;

    fn begin(&mut self, writer: &mut Writer<'_>, value: f64) {
        let before = self.scale;
        self.scale = self.needed.fitting(value);
        self.needed = Scale::PAGES.fitting(value);
        if self.scale != before {
            self.track = Track::default();
        }
        writer.put(self.scale.index(), Scale::WIDTH);
        let integer = self.scale.integer(value).unwrap_or_default();
        self.track.begin(writer, integer, self.drifts());
    }

    fn add(&mut self, writer: &mut Writer<'_>, value: f64) -> bool {
        if !value.is_finite() {
            Track::odd(writer);
            writer.put_64(value.to_bits());
            return true;
        }
        let Some(integer) = self.scale.integer(value) else { return false };
        self.needed = self.needed.fitting(value);
        self.track.put(writer, integer, self.drifts());
        true
    }

    fn gap(&mut self, writer: &mut Writer<'_>, ticks: u32) {
        Track::gap(writer, ticks);
    }

    fn begun(reader: &mut Reader<'_>) -> (Values, f64) {
        let scale = Scale::of_index(reader.get(Scale::WIDTH));
        let track = Track::begun(reader);
        (Values { scale, needed: scale, track }, scale.value(track.last()))
    }

    #[inline(always)]
    fn next(&mut self, reader: &mut Reader<'_>) -> Entry<f64> {
        match self.track.get(reader, self.drifts()) {
            Got::Integer(integer) => Entry::Point(self.scale.value(integer)),
            Got::Odd => Entry::Point(f64::from_bits(reader.get_64())),
            Got::Gap(ticks) => Entry::Gap(ticks),
        }
    }
}
