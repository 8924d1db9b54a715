//! Where a value lies among the cells of an HDR histogram.

use crate::error::{Error, ErrorKind};

/// The cells of an HDR histogram: which value belongs to which.
///
/// Cells are numbered as in HdrHistogram (lowest discernible value 1): linear up to
/// `2^(half_bits + 1)`, then `2^half_bits` cells for each doubling. Such a run of `2^half_bits`
/// cells is an *octave*; octaves are what storage is given out in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Layout {
    highest: u64,
    /// The values of the linear part: `2^(half_bits + 1) - 1`.
    mask: u64,
    half_bits: u8,
    octaves: u8,
}

impl Layout {
    /// The seed's bounds: 1 to 60,000,000 (a minute in microseconds) at three digits.
    pub const LATENCY: Layout = match Layout::checked(3, 60_000_000) {
        Some(layout) => layout,
        None => unreachable!(),
    };

    /// The most octaves a layout has: 64-bit values at two digits would need 57.
    pub(crate) const MOST_OCTAVES: usize = 48;

    /// Cells for values up to `highest` that tell values apart to `digits` decimal digits.
    ///
    /// # Errors
    /// `digits` outside 1 to 3, or `highest` below 2 or so high that more than 48 octaves
    /// would be needed (2^51 at one digit, 2^54 at two, 2^57 at three).
    pub fn new(digits: u8, highest: u64) -> Result<Layout, Error> {
        Layout::checked(digits, highest).ok_or_else(|| {
            Error::new(
                ErrorKind::Options,
                format!("histogram of {digits} digits up to {highest}: use 1 to 3 digits and a highest value from 2 to 2^51"),
            )
        })
    }

    const fn checked(digits: u8, highest: u64) -> Option<Layout> {
        let half_bits = match digits {
            1 => 4,
            2 => 7,
            3 => 10,
            _ => return None,
        };
        let bits = 64 - highest.leading_zeros() as u8;
        let octaves = if bits > half_bits { bits - half_bits + 1 } else { 1 };
        if highest < 2 || octaves as usize > Layout::MOST_OCTAVES {
            return None;
        }
        Some(Layout { highest, mask: (2 << half_bits) - 1, half_bits, octaves })
    }

    /// The highest value that is told apart; larger ones are recorded as this one and counted.
    pub const fn highest(&self) -> u64 {
        self.highest
    }

    /// Decimal digits to which values are told apart.
    pub const fn digits(&self) -> u8 {
        match self.half_bits {
            4 => 1,
            7 => 2,
            _ => 3,
        }
    }

    /// How many cells there are.
    pub const fn cells(&self) -> u32 {
        (self.octaves as u32) << self.half_bits
    }

    /// This layout, which has two digits, so that the compiler knows it.
    #[inline(always)]
    pub(crate) const fn with_two_digits(self) -> Layout {
        debug_assert!(self.half_bits == 7);
        Layout { half_bits: 7, mask: 255, ..self }
    }

    /// The cell of `value`, which must not be above [`highest`](Self::highest).
    #[inline(always)]
    pub const fn cell(&self, value: u64) -> u32 {
        let (octave, inside) = self.place(value);
        ((octave as u32) << self.half_bits) + inside as u32
    }

    /// The octave of `value` and its place in there.
    #[inline(always)]
    pub(crate) const fn place(&self, value: u64) -> (usize, usize) {
        // The mask is odd; saying so spares the logarithm a check.
        let shift = (value | self.mask | 1).ilog2() - self.half_bits as u32;
        let inside = value >> shift;
        let octave = shift as u64 + (inside >> self.half_bits);
        (octave as usize, (inside & (self.mask >> 1)) as usize)
    }

    /// The lowest value that falls into `cell`.
    pub const fn lowest_in(&self, cell: u32) -> u64 {
        let shift = self.shift_of(cell);
        ((cell - (shift << self.half_bits)) as u64) << shift
    }

    /// The highest value that falls into `cell`.
    pub const fn highest_in(&self, cell: u32) -> u64 {
        self.lowest_in(cell) + (1 << self.shift_of(cell)) - 1
    }

    const fn shift_of(&self, cell: u32) -> u32 {
        let octave = cell >> self.half_bits;
        octave.saturating_sub(1)
    }

    pub(crate) const fn octaves(&self) -> usize {
        self.octaves as usize
    }

    /// Cells in one octave.
    #[inline(always)]
    pub(crate) const fn octave_cells(&self) -> usize {
        1 << self.half_bits
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_seed_bounds_have_the_cells_of_hdrhistogram() {
        assert_eq!(Layout::LATENCY.cells(), 17_408);
        assert_eq!(Layout::new(2, 60_000_000).unwrap().cells(), 2_560);
        assert_eq!(Layout::new(1, 60_000_000).unwrap().cells(), 368);
    }

    #[test]
    fn options_out_of_range_are_refused() {
        for (digits, highest) in [(0, 100), (4, 100), (2, 1), (1, u64::MAX), (2, 1 << 60)] {
            assert!(Layout::new(digits, highest).unwrap_err().is_options());
        }
    }

    proptest! {
        #[test]
        fn a_cell_holds_its_value_as_hdrhistogram_says(
            digits in 1u8..=3, highest in 1_000u64..(1 << 50), value in 0u64..(1 << 50)
        ) {
            let layout = Layout::new(digits, highest).unwrap();
            let value = value % (highest + 1);
            let cell = layout.cell(value);
            prop_assert!(cell < layout.cells());
            prop_assert!(layout.lowest_in(cell) <= value && value <= layout.highest_in(cell));
            let oracle = hdrhistogram::Histogram::<u64>::new_with_bounds(1, highest, digits).unwrap();
            prop_assert_eq!(layout.lowest_in(cell), oracle.lowest_equivalent(value));
            prop_assert_eq!(layout.highest_in(cell), oracle.highest_equivalent(value));
        }
    }
}
