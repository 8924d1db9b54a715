//! The points of the coarse tier, as floats and as integers.

use super::bits::{Reader, Writer};
use super::scale::Scale;

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

    /// Whether all of it can be rounded and added up; what cannot is written by its bits.
    pub(super) fn is_ordinary(&self) -> bool {
        [self.last, self.min, self.max, self.sum].iter().all(|value| value.abs() < HUGE)
    }

    fn largest(&self) -> f64 {
        self.min.abs().max(self.max.abs())
    }
}

/// Far from where a sum of a slot overflows.
const HUGE: f64 = 1e300;

/// What a slot has so far.
#[derive(Clone, Copy, Debug, Default)]
#[repr(Rust, packed(2))]
pub(super) struct Running {
    min: f64,
    max: f64,
    sum: f64,
    count: u16,
}

impl Running {
    pub(super) fn add(&mut self, value: f64) {
        let Running { min, max, .. } = *self;
        let first = self.count == 0;
        self.min = if first || value < min || min.is_nan() { value } else { min };
        self.max = if first || value > max || max.is_nan() { value } else { max };
        self.sum += value;
        self.count = self.count.saturating_add(1);
    }

    /// The slot, whose last value was `last`; begins another. `None` if it has no value.
    pub(super) fn end(&mut self, last: f64) -> Option<Slot> {
        let Running { min, max, sum, count } = std::mem::take(self);
        (count > 0).then_some(Slot { last, min, max, sum, count })
    }
}

/// Bits that a float keeps which is no short decimal: one part in a million.
const FLOAT_BITS: i16 = 20;

/// Integers below it can be added up.
const LARGEST: f64 = 9_007_199_254_740_992.0;

/// What an integer is worth: a scale of decimals, or a power of two.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Worth {
    Decimal(Scale),
    Binary(i16),
}

impl Worth {
    /// For a slot, and what the block before needed.
    pub(super) fn fitting(needed: Scale, slot: &Slot) -> Worth {
        let scale = needed.fitting(slot.last).fitting(slot.min).fitting(slot.max);
        match scale == Scale::BITS {
            false => Worth::Decimal(scale),
            true => Worth::Binary(exponent(slot.largest()) - FLOAT_BITS),
        }
    }

    pub(super) fn value(self, integer: i64) -> f64 {
        match self {
            Worth::Decimal(scale) => scale.value(integer),
            Worth::Binary(exponent) => integer as f64 * power_of_two(exponent),
        }
    }

    fn unit(self) -> f64 {
        match self {
            Worth::Decimal(scale) => scale.value(1),
            Worth::Binary(exponent) => power_of_two(exponent),
        }
    }

    /// The slot of integers, whose sum is in units too.
    pub(super) fn slot(self, integers: Integers) -> Slot {
        let Integers { last, min, max, sum, count } = integers;
        let [last, min, max, sum] = [last, min, max, sum].map(|integer| self.value(integer));
        Slot { last, min, max, sum, count }
    }

    pub(super) fn put(self, writer: &mut Writer<'_>) {
        match self {
            Worth::Decimal(scale) => writer.put(scale.index(), Scale::WIDTH),
            Worth::Binary(exponent) => {
                writer.put(Scale::BITS.index(), Scale::WIDTH);
                writer.put((exponent + 2_048) as u64, 12);
            }
        }
    }

    pub(super) fn get(reader: &mut Reader<'_>) -> Worth {
        match Scale::of_index(reader.get(Scale::WIDTH)) {
            Scale::BITS => Worth::Binary(reader.get(12) as i16 - 2_048),
            scale => Worth::Decimal(scale),
        }
    }

    /// The slot in integers, if they fit.
    pub(super) fn integers(self, slot: &Slot) -> Option<Integers> {
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
        let sum = (slot.sum / self.unit()).round() as i64;
        Some(Integers { last, min, max, sum, count: slot.count })
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Integers {
    pub(super) last: i64,
    pub(super) min: i64,
    pub(super) max: i64,
    pub(super) sum: i64,
    pub(super) count: u16,
}

impl Integers {
    pub(super) fn flat(last: i64, count: u16) -> Integers {
        Integers { last, min: last, max: last, sum: last.wrapping_mul(i64::from(count)), count }
    }
}

/// The power of two above `value`.
fn exponent(value: f64) -> i16 {
    match value == 0.0 {
        true => 0,
        false => ((value.to_bits() >> 52 & 0x7ff) as i16 - 1_022).max(-1_000),
    }
}

fn power_of_two(exponent: i16) -> f64 {
    2f64.powi(i32::from(exponent.max(-1_020)))
}
