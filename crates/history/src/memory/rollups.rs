//! The points of the coarse tier: five numbers each, in the bits of about two.

use super::bits::{Reader, Writer, unzigzag, zigzag};
use super::chain::{Coder, Entry};
use super::rice::Rice;
use super::scale::Scale;
use super::track::{Got, Track};

/// A slot of the coarse tier.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Slot {
    pub(super) last: f64,
    pub(super) min: f64,
    pub(super) max: f64,
    pub(super) sum: f64,
    pub(super) count: u16,
}

impl Slot {
    pub(super) fn of(value: f64) -> Slot {
        Slot { last: value, min: value, max: value, sum: value, count: 1 }
    }

    pub(super) fn add(&mut self, value: f64) {
        self.last = value;
        self.min = if value < self.min || self.min.is_nan() { value } else { self.min };
        self.max = if value > self.max || self.max.is_nan() { value } else { self.max };
        self.sum += value;
        self.count = self.count.saturating_add(1);
    }

    fn is_finite(&self) -> bool {
        self.last.is_finite()
            && self.min.is_finite()
            && self.max.is_finite()
            && self.sum.is_finite()
    }

    fn largest(&self) -> f64 {
        self.min.abs().max(self.max.abs())
    }
}

/// Steps into which the spread of a slot is divided: least, largest and sum are exact while the spread has no more,
/// else they lie outside of the true ones by less than one.
const STEP_BITS: u32 = 7;

/// Bits that a float keeps which is no short decimal: one part in a million.
const FLOAT_BITS: i32 = 20;

/// Integers below it can be added up.
const LARGEST: f64 = 9_007_199_254_740_992.0;

/// What an integer is worth: a scale of decimals, or a power of two.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Worth {
    Decimal(Scale),
    Binary(i32),
}

impl Worth {
    /// For a slot, and what the block before needed.
    fn fitting(needed: Scale, slot: &Slot) -> Worth {
        let scale = needed.fitting(slot.last).fitting(slot.min).fitting(slot.max);
        match scale == Scale::BITS {
            false => Worth::Decimal(scale),
            true => Worth::Binary(exponent(slot.largest()) - FLOAT_BITS),
        }
    }

    fn value(self, integer: i64) -> f64 {
        match self {
            Worth::Decimal(scale) => scale.value(integer),
            Worth::Binary(exponent) => integer as f64 * power_of_two(exponent),
        }
    }

    /// The slot in integers, if they fit.
    fn integers(self, slot: &Slot) -> Option<Integers> {
        let [last, min, max] = match self {
            Worth::Decimal(scale) => {
                [scale.integer(slot.last)?, scale.integer(slot.min)?, scale.integer(slot.max)?]
            }
            Worth::Binary(exponent) => {
                let unit = power_of_two(exponent);
                let [last, min, max] = [slot.last, slot.min, slot.max].map(|value| value / unit);
                if min.abs().max(max.abs()) >= LARGEST {
                    return None;
                }
                // Rounded outwards, as they are below.
                [last.round() as i64, min.floor() as i64, max.ceil() as i64]
            }
        };
        let sum = (slot.sum / self.value(1)).round() as i64;
        Some(Integers { last, min, max, sum, count: slot.count })
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
struct Integers {
    last: i64,
    min: i64,
    max: i64,
    sum: i64,
    count: u16,
}

impl Integers {
    fn flat(last: i64, count: u16) -> Integers {
        Integers { last, min: last, max: last, sum: last.wrapping_mul(i64::from(count)), count }
    }
}

/// Codes slots: the last value as the fine tier does, the others by their distance from it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Slots {
    worth: Worth,
    needed: Scale,
    last: Track,
    count: u16,
    shift: u8,
    below: Distance,
    above: Distance,
    sums: Rice,
}

impl Default for Slots {
    fn default() -> Slots {
        Slots {
            worth: Worth::Decimal(Scale::PAGES),
            needed: Scale::PAGES,
            last: Track::default(),
            count: 0,
            shift: 0,
            below: Distance::default(),
            above: Distance::default(),
            sums: Rice::default(),
        }
    }
}

/// A distance in steps, coded by how far it is from the mean one.
#[derive(Clone, Copy, Debug, Default)]
struct Distance {
    /// Four times the mean, in units.
    mean: i64,
    rice: Rice,
}

impl Distance {
    fn expected(self, shift: u8) -> i64 {
        (self.mean >> 2) >> shift
    }

    fn follow(&mut self, steps: i64, shift: u8) {
        self.mean += steps.wrapping_shl(u32::from(shift)).wrapping_sub(self.mean >> 2);
    }

    fn put(&mut self, writer: &mut Writer<'_>, steps: i64, shift: u8) {
        let off = steps.wrapping_sub(self.expected(shift));
        put_any(&mut self.rice, writer, off);
        self.follow(steps, shift);
    }

    fn get(&mut self, reader: &mut Reader<'_>, shift: u8) -> i64 {
        let steps = get_any(&mut self.rice, reader).wrapping_add(self.expected(shift));
        self.follow(steps, shift);
        steps
    }

    fn begin(&mut self, writer: &mut Writer<'_>) {
        self.mean = self.mean.clamp(0, i64::MAX >> 2);
        writer.put_sized(self.mean as u64);
        self.rice.begin(writer);
    }

    fn begun(reader: &mut Reader<'_>) -> Distance {
        Distance { mean: reader.get_sized() as i64, rice: Rice::begun(reader) }
    }
}

fn put_any(rice: &mut Rice, writer: &mut Writer<'_>, number: i64) {
    if !rice.put(writer, zigzag(number)) {
        writer.put_64(number as u64);
    }
}

fn get_any(rice: &mut Rice, reader: &mut Reader<'_>) -> i64 {
    match rice.get(reader) {
        Some(distance) => unzigzag(distance),
        None => reader.get_64() as i64,
    }
}

/// How far least and largest are from the last, and the sum from what these two let expect, in steps.
struct Spread {
    below: i64,
    above: i64,
    sum: i64,
}

/// The step of a slot's sum.
fn sum_step(shift: u8, count: u16) -> i128 {
    if shift == 0 { 1 } else { i128::from(count) << shift }
}

/// The sum, if values lay evenly between the two.
fn even_sum(min: i64, max: i64, count: u16) -> i128 {
    (i128::from(min) + i128::from(max)) * i128::from(count) / 2
}

impl Spread {
    fn shift_of(slot: &Integers) -> u8 {
        let spread = slot.max.wrapping_sub(slot.min) as u64;
        (u64::BITS - spread.leading_zeros()).saturating_sub(STEP_BITS) as u8
    }

    fn of(slot: &Integers, shift: u8) -> Spread {
        let up = |distance: i64| (distance + (1 << shift) - 1) >> shift;
        let (below, above) = (up(slot.last - slot.min), up(slot.max - slot.last));
        let (min, max) = Spread { below, above, sum: 0 }.ends(slot.last, shift);
        let (step, off) =
            (sum_step(shift, slot.count), i128::from(slot.sum) - even_sum(min, max, slot.count));
        let sum = (off + (step / 2) * off.signum()) / step;
        Spread { below, above, sum: sum as i64 }
    }

    fn ends(&self, last: i64, shift: u8) -> (i64, i64) {
        let steps = |steps: i64| steps.wrapping_shl(u32::from(shift));
        (last.wrapping_sub(steps(self.below)), last.wrapping_add(steps(self.above)))
    }

    fn slot(&self, last: i64, shift: u8, count: u16) -> Integers {
        let (min, max) = self.ends(last, shift);
        let sum = even_sum(min, max, count) + i128::from(self.sum) * sum_step(shift, count);
        Integers { last, min, max, sum: sum as i64, count }
    }
}

impl Slots {
    fn put_spread(&mut self, writer: &mut Writer<'_>, slot: &Integers) {
        let shift = Spread::shift_of(slot);
        let spread = Spread::of(slot, shift);
        writer.put(u64::from(shift != self.shift), 1);
        if shift != self.shift {
            writer.put(u64::from(shift), 6);
            self.shift = shift;
        }
        self.below.put(writer, spread.below, shift);
        self.above.put(writer, spread.above, shift);
        put_any(&mut self.sums, writer, spread.sum);
    }

    fn get_spread(&mut self, reader: &mut Reader<'_>, last: i64, count: u16) -> Integers {
        if reader.get(1) == 1 {
            self.shift = reader.get(6) as u8;
        }
        let below = self.below.get(reader, self.shift);
        let above = self.above.get(reader, self.shift);
        let sum = get_any(&mut self.sums, reader);
        Spread { below, above, sum }.slot(last, self.shift, count)
    }

    fn put_count(&mut self, writer: &mut Writer<'_>, count: u16) {
        writer.put(u64::from(count != self.count), 1);
        if count != self.count {
            writer.put(u64::from(count), 16);
            self.count = count;
        }
    }

    fn get_count(&mut self, reader: &mut Reader<'_>) -> u16 {
        if reader.get(1) == 1 {
            self.count = reader.get(16) as u16;
        }
        self.count
    }

    fn slot(&self, slot: Integers) -> Slot {
        let Integers { last, min, max, sum, count } = slot;
        let [last, min, max] = [last, min, max].map(|integer| self.worth.value(integer));
        let sum = match self.worth {
            Worth::Decimal(_) => self.worth.value(sum),
            Worth::Binary(exponent) => sum as f64 * power_of_two(exponent),
        };
        Slot { last, min, max, sum, count }
    }

    fn put_worth(&self, writer: &mut Writer<'_>) {
        match self.worth {
            Worth::Decimal(scale) => writer.put(scale.index(), Scale::WIDTH),
            Worth::Binary(exponent) => {
                writer.put(Scale::BITS.index(), Scale::WIDTH);
                writer.put((exponent + 2_048) as u64, 12);
            }
        }
    }

    fn get_worth(reader: &mut Reader<'_>) -> Worth {
        match Scale::of_index(reader.get(Scale::WIDTH)) {
            Scale::BITS => Worth::Binary(reader.get(12) as i32 - 2_048),
            scale => Worth::Decimal(scale),
        }
    }
}

/// A slot with what is no number in it, by its bits.
fn put_odd(writer: &mut Writer<'_>, slot: &Slot) {
    for value in [slot.last, slot.min, slot.max, slot.sum] {
        writer.put_64(value.to_bits());
    }
    writer.put(u64::from(slot.count), 16);
}

fn get_odd(reader: &mut Reader<'_>) -> Slot {
    let [last, min, max, sum] = [(); 4].map(|()| f64::from_bits(reader.get_64()));
    Slot { last, min, max, sum, count: reader.get(16) as u16 }
}

impl Coder for Slots {
    type Point = Slot;

    fn begin(&mut self, writer: &mut Writer<'_>, slot: Slot) {
        let odd = !slot.is_finite();
        writer.put(u64::from(odd), 1);
        if odd {
            *self = Slots::default();
            self.last.begin(writer, 0, true);
            return put_odd(writer, &slot);
        }
        let worth = Worth::fitting(self.needed, &slot);
        self.needed = Scale::PAGES.fitting(slot.last).fitting(slot.min).fitting(slot.max);
        if worth != self.worth {
            *self = Slots { worth, needed: self.needed, ..Slots::default() };
        }
        self.put_worth(writer);
        let integers = worth.integers(&slot).unwrap_or(Integers::flat(0, 1));
        self.last.begin(writer, integers.last, true);
        writer.put(u64::from(integers.count), 16);
        self.count = integers.count;
        writer.put(u64::from(self.shift), 6);
        self.below.begin(writer);
        self.above.begin(writer);
        self.sums.begin(writer);
        self.put_spread(writer, &integers);
    }

    fn add(&mut self, writer: &mut Writer<'_>, slot: Slot) -> bool {
        if !slot.is_finite() {
            writer.put(0b10, 2);
            Track::odd(writer);
            put_odd(writer, &slot);
            return true;
        }
        let Some(integers) = self.worth.integers(&slot) else { return false };
        self.needed = self.needed.fitting(slot.last).fitting(slot.min).fitting(slot.max);
        let flat = integers == Integers::flat(integers.last, integers.count);
        let still = flat && integers.last == self.last.last() && integers.count == self.count;
        if still {
            writer.put(0, 1);
            return true;
        }
        writer.put(if flat { 0b10 } else { 0b11 }, 2);
        self.last.put(writer, integers.last, true);
        self.put_count(writer, integers.count);
        if !flat {
            self.put_spread(writer, &integers);
        }
        true
    }

    fn gap(&mut self, writer: &mut Writer<'_>, ticks: u32) {
        writer.put(0b10, 2);
        Track::gap(writer, ticks);
    }

    fn begun(reader: &mut Reader<'_>) -> (Slots, Slot) {
        if reader.get(1) == 1 {
            let last = Track::begun(reader);
            let slot = get_odd(reader);
            return (Slots { last, ..Slots::default() }, slot);
        }
        let worth = Slots::get_worth(reader);
        let last = Track::begun(reader);
        let count = reader.get(16) as u16;
        let shift = reader.get(6) as u8;
        let (below, above) = (Distance::begun(reader), Distance::begun(reader));
        let sums = Rice::begun(reader);
        let mut slots =
            Slots { worth, last, count, shift, below, above, sums, needed: Scale::PAGES };
        let integers = slots.get_spread(reader, last.last(), count);
        (slots, slots.slot(integers))
    }

    fn next(&mut self, reader: &mut Reader<'_>) -> Entry<Slot> {
        if reader.get(1) == 0 {
            return Entry::Point(self.slot(Integers::flat(self.last.last(), self.count)));
        }
        let flat = reader.get(1) == 0;
        let last = match self.last.get(reader, true) {
            Got::Integer(integer) => integer,
            Got::Odd => return Entry::Point(get_odd(reader)),
            Got::Gap(ticks) => return Entry::Gap(ticks),
        };
        let count = self.get_count(reader);
        let integers = match flat {
            true => Integers::flat(last, count),
            false => self.get_spread(reader, last, count),
        };
        Entry::Point(self.slot(integers))
    }
}

/// The power of two above `value`.
fn exponent(value: f64) -> i32 {
    match value == 0.0 {
        true => 0,
        false => ((value.to_bits() >> 52 & 0x7ff) as i32 - 1_022).max(-1_000),
    }
}

fn power_of_two(exponent: i32) -> f64 {
    2f64.powi(exponent.max(-1_020))
}
