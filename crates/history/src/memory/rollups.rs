//! The points of the coarse tier: five numbers each, in the bits of one or two.

use super::bits::{Reader, Writer};
use super::chain::{Coder, Entry};
use super::scale::Scale;
use super::slot::{Integers, Slot, Worth};
use super::spread::{Spread, Spreads};
use super::track::{Got, Track};

/// How much of a slot is written.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    /// All values of it are the last of the one before.
    Still,
    /// All values of it are the same.
    Flat,
    Full,
}

impl Kind {
    const ALL: [Kind; 3] = [Kind::Still, Kind::Flat, Kind::Full];

    fn others(self) -> impl Iterator<Item = Kind> {
        Kind::ALL.into_iter().filter(move |kind| *kind != self)
    }

    /// A series stays what it is for long: then this is one bit.
    fn put(self, writer: &mut Writer<'_>, before: Kind) {
        writer.put(u64::from(self != before), 1);
        if self != before {
            writer.put(u64::from(before.others().next() != Some(self)), 1);
        }
    }

    fn get(reader: &mut Reader<'_>, before: Kind) -> Kind {
        match reader.get(1) {
            0 => before,
            _ => before.others().nth(reader.get(1) as usize).unwrap_or(before),
        }
    }
}

/// What follows a changed step, in two bits: the step became finer, or coarser, or anything, with the count.
const FINER: u64 = 0;
const COARSER: u64 = 1;
const OTHER: u64 = 2;

/// Codes slots: the last value as the fine tier does, the others by their distance from it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Slots {
    worth: Worth,
    /// The coarsest scale that fits all of the block, for the next.
    needed: Scale,
    kind: Kind,
    /// The power of two that a step is.
    shift: u8,
    count: u16,
    last: Track,
    spreads: Spreads,
}

impl Default for Slots {
    fn default() -> Slots {
        Slots {
            worth: Worth::Decimal(Scale::PAGES),
            needed: Scale::PAGES,
            kind: Kind::Full,
            shift: 0,
            count: 0,
            last: Track::default(),
            spreads: Spreads::default(),
        }
    }
}

impl Slots {
    fn kind_of(&self, slot: &Integers) -> Kind {
        match () {
            () if *slot != Integers::flat(slot.last, slot.count) => Kind::Full,
            () if slot.last == self.last.last() && slot.count == self.count => Kind::Still,
            () => Kind::Flat,
        }
    }

    fn put_kind(&mut self, writer: &mut Writer<'_>, kind: Kind) {
        kind.put(writer, self.kind);
        self.kind = kind;
    }

    fn put_steps(&mut self, writer: &mut Writer<'_>, shift: u8, count: u16) {
        let changed = shift != self.shift || count != self.count;
        writer.put(u64::from(changed), 1);
        if !changed {
            return;
        }
        match (count == self.count, i16::from(shift) - i16::from(self.shift)) {
            (true, -1) => writer.put(FINER, 2),
            (true, 1) => writer.put(COARSER, 2),
            _ => {
                writer.put(OTHER, 2);
                writer.put(u64::from(shift), 6);
                writer.put_sized(u64::from(count));
            }
        }
        self.step_to(shift, count);
    }

    fn get_steps(&mut self, reader: &mut Reader<'_>) {
        if reader.get(1) == 0 {
            return;
        }
        let (shift, count) = match reader.get(2) {
            FINER => (self.shift.saturating_sub(1), self.count),
            COARSER => (self.shift + 1, self.count),
            _ => (reader.get(6) as u8, reader.get_sized() as u16),
        };
        self.step_to(shift, count);
    }

    fn step_to(&mut self, shift: u8, count: u16) {
        self.spreads.rescale(self.shift, shift);
        (self.shift, self.count) = (shift, count);
    }

    fn needs(&mut self, slot: &Slot) {
        self.needed = self.needed.fitting(slot.last).fitting(slot.min).fitting(slot.max);
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
        let integers = match slot.is_ordinary() {
            true => {
                let worth = Worth::fitting(self.needed, &slot);
                if worth != self.worth {
                    *self = Slots { worth, ..Slots::default() };
                }
                self.needed = Scale::PAGES;
                self.needs(&slot);
                worth.integers(&slot)
            }
            false => None,
        };
        writer.put(u64::from(integers.is_none()), 1);
        let Some(integers) = integers else {
            *self = Slots::default();
            self.last.begin(writer, 0, true);
            return put_odd(writer, &slot);
        };
        let (shift, count) = (Spread::shift_of(&integers), integers.count);
        self.step_to(shift, count);
        self.kind = Kind::Full;
        self.worth.put(writer);
        self.last.begin(writer, integers.last, true);
        writer.put(u64::from(shift), 6);
        writer.put_sized(u64::from(count));
        self.spreads.begin(writer);
        self.spreads.put(writer, Spread::of(&integers, shift));
    }

    fn add(&mut self, writer: &mut Writer<'_>, slot: Slot) -> bool {
        if !slot.is_ordinary() {
            self.put_kind(writer, Kind::Full);
            Track::odd(writer);
            put_odd(writer, &slot);
            return true;
        }
        let Some(integers) = self.worth.integers(&slot) else { return false };
        self.needs(&slot);
        let kind = self.kind_of(&integers);
        self.put_kind(writer, kind);
        if kind == Kind::Still {
            return true;
        }
        self.last.put(writer, integers.last, true);
        let shift = if kind == Kind::Full { Spread::shift_of(&integers) } else { self.shift };
        self.put_steps(writer, shift, integers.count);
        if kind == Kind::Full {
            self.spreads.put(writer, Spread::of(&integers, shift));
        }
        true
    }

    fn gap(&mut self, writer: &mut Writer<'_>, ticks: u32) {
        self.put_kind(writer, Kind::Full);
        Track::gap(writer, ticks);
    }

    fn begun(reader: &mut Reader<'_>) -> (Slots, Slot) {
        if reader.get(1) == 1 {
            let last = Track::begun(reader);
            return (Slots { last, ..Slots::default() }, get_odd(reader));
        }
        let worth = Worth::get(reader);
        let last = Track::begun(reader);
        let (shift, count) = (reader.get(6) as u8, reader.get_sized() as u16);
        let spreads = Spreads::begun(reader);
        let mut slots = Slots { worth, shift, count, last, spreads, ..Slots::default() };
        let spread = slots.spreads.get(reader);
        (slots, worth.slot(spread.slot(last.last(), shift, count)))
    }

    fn next(&mut self, reader: &mut Reader<'_>) -> Entry<Slot> {
        self.kind = Kind::get(reader, self.kind);
        if self.kind == Kind::Still {
            let flat = Integers::flat(self.last.last(), self.count);
            return Entry::Point(self.worth.slot(flat));
        }
        let last = match self.last.get(reader, true) {
            Got::Integer(integer) => integer,
            Got::Odd => return Entry::Point(get_odd(reader)),
            Got::Gap(ticks) => return Entry::Gap(ticks),
        };
        self.get_steps(reader);
        let integers = match self.kind {
            Kind::Full => self.spreads.get(reader).slot(last, self.shift, self.count),
            _ => Integers::flat(last, self.count),
        };
        Entry::Point(self.worth.slot(integers))
    }
}
