//! How far the values of a slot lie from one another, in few bits.

use super::bits::{Reader, Writer, unzigzag, zigzag};
use super::rice::{NARROW, Rice};
use super::slot::Integers;

/// Steps into which the spread of a slot is divided: least, largest and sum are exact while the spread has no more,
/// else they lie outside of the true ones by less than one.
pub(super) const STEP_BITS: u32 = 7;

/// How far least and largest are from the last, and the sum from what these two let expect, in steps.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Spread {
    below: i64,
    above: i64,
    sum: i64,
}

/// The step of a slot's sum: the mean is off by at most one step.
fn sum_step(shift: u8, count: u16) -> i128 {
    if shift == 0 { 1 } else { i128::from(count) << (shift + 1) }
}

/// The sum, if values lay evenly between the two.
fn even_sum(min: i64, max: i64, count: u16) -> i128 {
    (i128::from(min) + i128::from(max)) * i128::from(count) / 2
}

impl Spread {
    /// The power of two that a step of `slot` is.
    pub(super) fn shift_of(slot: &Integers) -> u8 {
        let spread = slot.max.wrapping_sub(slot.min) as u64;
        (u64::BITS - spread.leading_zeros()).saturating_sub(STEP_BITS) as u8
    }

    pub(super) fn of(slot: &Integers, shift: u8) -> Spread {
        let up = |distance: i64| (distance + (1 << shift) - 1) >> shift;
        let (below, above) = (up(slot.last - slot.min), up(slot.max - slot.last));
        let (min, max) = Spread { below, above, sum: 0 }.ends(slot.last, shift);
        let step = sum_step(shift, slot.count);
        let off = i128::from(slot.sum) - even_sum(min, max, slot.count);
        let sum = (off + (step / 2) * off.signum()) / step;
        Spread { below, above, sum: sum as i64 }
    }

    fn ends(self, last: i64, shift: u8) -> (i64, i64) {
        let steps = |steps: i64| steps.wrapping_shl(u32::from(shift));
        (last.wrapping_sub(steps(self.below)), last.wrapping_add(steps(self.above)))
    }

    pub(super) fn slot(self, last: i64, shift: u8, count: u16) -> Integers {
        let (min, max) = self.ends(last, shift);
        let sum = even_sum(min, max, count) + i128::from(self.sum) * sum_step(shift, count);
        Integers { last, min, max, sum: sum as i64, count }
    }
}

/// Codes spreads.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Spreads {
    below: Distance,
    above: Distance,
    sums: Rice,
}

impl Spreads {
    pub(super) fn begin(&mut self, writer: &mut Writer<'_>) {
        self.below.begin(writer);
        self.above.begin(writer);
        self.sums.begin(writer, NARROW);
    }

    pub(super) fn begun(reader: &mut Reader<'_>) -> Spreads {
        Spreads {
            below: Distance::begun(reader),
            above: Distance::begun(reader),
            sums: Rice::begun(reader, NARROW),
        }
    }

    /// Steps are to be larger by a power of two, or smaller.
    pub(super) fn rescale(&mut self, before: u8, after: u8) {
        self.below.rescale(before, after);
        self.above.rescale(before, after);
    }

    pub(super) fn put(&mut self, writer: &mut Writer<'_>, spread: Spread) {
        self.below.put(writer, spread.below);
        self.above.put(writer, spread.above);
        put_any(&mut self.sums, writer, spread.sum);
    }

    pub(super) fn get(&mut self, reader: &mut Reader<'_>) -> Spread {
        let (below, above) = (self.below.get(reader), self.above.get(reader));
        Spread { below, above, sum: get_any(&mut self.sums, reader) }
    }
}

/// A distance, coded by how far it is from the mean one.
#[derive(Clone, Copy, Debug, Default)]
struct Distance {
    /// Eight times the mean.
    mean: i32,
    rice: Rice,
}

/// No distance is larger, but the first after steps became finer.
const MOST_MEAN: i32 = 255 << 3;

impl Distance {
    fn expected(self) -> i64 {
        i64::from(self.mean >> 3)
    }

    fn follow(&mut self, steps: i64) {
        let steps = steps.clamp(0, i64::from(MOST_MEAN >> 3)) as i32;
        self.mean = (self.mean + steps - (self.mean >> 3)).min(MOST_MEAN);
    }

    fn rescale(&mut self, before: u8, after: u8) {
        self.mean = match before < after {
            true => self.mean >> (after - before).min(31),
            false => self.mean.saturating_mul(1 << (before - after).min(16)).min(MOST_MEAN),
        };
    }

    fn put(&mut self, writer: &mut Writer<'_>, steps: i64) {
        let off = steps.wrapping_sub(self.expected());
        put_any(&mut self.rice, writer, off);
        self.follow(steps);
    }

    fn get(&mut self, reader: &mut Reader<'_>) -> i64 {
        let steps = get_any(&mut self.rice, reader).wrapping_add(self.expected());
        self.follow(steps);
        steps
    }

    fn begin(&mut self, writer: &mut Writer<'_>) {
        self.mean &= !7;
        writer.put(self.expected() as u64, 8);
        self.rice.begin(writer, NARROW);
    }

    fn begun(reader: &mut Reader<'_>) -> Distance {
        Distance { mean: (reader.get(8) << 3) as i32, rice: Rice::begun(reader, NARROW) }
    }
}

fn put_any(rice: &mut Rice, writer: &mut Writer<'_>, number: i64) {
    if !rice.put(writer, zigzag(number)) {
        rice.learn_of_escape();
        writer.put_64(number as u64);
    }
}

fn get_any(rice: &mut Rice, reader: &mut Reader<'_>) -> i64 {
    match rice.get(reader) {
        Some(distance) => unzigzag(distance),
        None => {
            rice.learn_of_escape();
            reader.get_64() as i64
        }
    }
}
