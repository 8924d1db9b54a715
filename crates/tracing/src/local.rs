//! What a thread has in hand: a few free slots, a block of sequence numbers, random numbers.

use std::cell::{Cell, RefCell};
use std::sync::Weak;

use crate::engine::Core;
use crate::fork;
use crate::random;

/// Free slots that a thread has in hand.
pub(crate) const CACHED: usize = 16;

/// Const-initialised and without a destructor, so that reaching it is one load. It serves the first
/// tracer that the thread records in, for as long as that lives; others take from the pool each time.
struct Hand {
    /// The tracer whose slots these are; 0 for none.
    tracer: Cell<u32>,
    slots: Few,
    /// Free cells of it.
    cells: Few,
    /// Which of the free lists is the thread's.
    home: Cell<usize>,
    /// The group whose root lives on this thread, see [`owned`].
    owned: Cell<u64>,
    sequence: Cell<u64>,
    until: Cell<u64>,
    random: Cell<random::State>,
    /// Forks when the sequence and the random numbers began; `u64::MAX` before.
    forks: Cell<u64>,
}

/// Some free places.
struct Few {
    places: [Cell<u16>; CACHED],
    count: Cell<u8>,
}

/// Gives the slots back when the thread ends.
struct ExitGuard(RefCell<Weak<Core>>);

thread_local! {
    static HAND: Hand = const { Hand {
        tracer: Cell::new(0),
        slots: Few::none(),
        cells: Few::none(),
        home: Cell::new(0),
        owned: Cell::new(0),
        sequence: Cell::new(0),
        until: Cell::new(0),
        random: Cell::new([0; 4]),
        forks: Cell::new(u64::MAX),
    } };
    static EXIT: ExitGuard = const { ExitGuard(RefCell::new(Weak::new())) };
}

impl Drop for ExitGuard {
    fn drop(&mut self) {
        let core = self.0.get_mut().upgrade();
        HAND.with(|hand| {
            hand.tracer.set(0);
            if let Some(core) = core {
                let all = |few: &Few| std::iter::from_fn(|| few.take()).collect::<Vec<u16>>();
                core.give_back(hand.home.get(), &all(&hand.slots), &all(&hand.cells));
            }
        });
    }
}

/// The calling thread's hand. It is reached anew by each method, which costs nothing, so that none of
/// them has to be a closure that returns a span: copying that costs as much as all else.
#[derive(Clone, Copy)]
pub(crate) struct Local;

impl Local {
    /// A slot of this tracer that the thread has in hand.
    #[inline(always)]
    pub(crate) fn take(self, tracer: u32) -> Option<u16> {
        HAND.with(|hand| if hand.tracer.get() == tracer { hand.slots.take() } else { None })
    }

    /// A cell for payload of it.
    #[inline(always)]
    pub(crate) fn take_cell(self, tracer: u32) -> Option<u16> {
        HAND.with(|hand| if hand.tracer.get() == tracer { hand.cells.take() } else { None })
    }

    /// Takes a slot of this tracer in hand, if there is room.
    #[inline(always)]
    pub(crate) fn keep(self, tracer: u32, slot: u16) -> bool {
        HAND.with(|hand| hand.tracer.get() == tracer && hand.slots.keep(slot))
    }

    /// The same of a cell.
    #[inline(always)]
    pub(crate) fn keep_cell(self, tracer: u32, cell: u16) -> bool {
        HAND.with(|hand| hand.tracer.get() == tracer && hand.cells.keep(cell))
    }

    /// Which of the free lists is the thread's.
    pub(crate) fn home(self) -> usize {
        HAND.with(|hand| hand.home.get())
    }

    /// Whether slots of this tracer may be taken in hand from now on.
    pub(crate) fn serve(self, core: &Core) -> bool {
        HAND.with(|hand| hand.serve(core))
    }

    /// A number that no other span of the process has: below 2^48.
    #[inline(always)]
    pub(crate) fn sequence(self) -> u64 {
        HAND.with(Hand::sequence)
    }

    /// A trace id.
    #[inline(always)]
    pub(crate) fn trace(self) -> u128 {
        HAND.with(Hand::trace)
    }

    /// The group whose root lives on this thread, see [`owned`]; 0 for none.
    #[inline(always)]
    pub(crate) fn owned(self) -> u64 {
        HAND.with(|hand| hand.owned.get())
    }

    #[inline(always)]
    pub(crate) fn set_owned(self, group: u64) {
        HAND.with(|hand| hand.owned.set(group));
    }
}

/// A group of a tracer as one word, never 0.
#[inline(always)]
pub(crate) fn owned(tracer: u32, group: u16, generation: u16) -> u64 {
    u64::from(tracer) << 32 | u64::from(generation) << 16 | u64::from(group)
}

impl Few {
    const fn none() -> Few {
        Few { places: [const { Cell::new(0) }; CACHED], count: Cell::new(0) }
    }

    #[inline(always)]
    fn take(&self) -> Option<u16> {
        let left = self.count.get().checked_sub(1)?;
        self.count.set(left);
        Some(self.places[usize::from(left) % CACHED].get())
    }

    #[inline(always)]
    fn keep(&self, place: u16) -> bool {
        let count = usize::from(self.count.get());
        if count >= CACHED {
            return false;
        }
        self.places[count].set(place);
        self.count.set(count as u8 + 1);
        true
    }
}

impl Hand {
    fn serve(&self, core: &Core) -> bool {
        if self.tracer.get() == core.id {
            return true;
        }
        let bound = EXIT.try_with(|exit| {
            let mut served = exit.0.try_borrow_mut().ok()?;
            let free = served.strong_count() == 0;
            (free && core.allow_cache()).then(|| *served = core.weak())
        });
        // A thread that is ending, or that serves another tracer, goes without.
        let bound = matches!(bound, Ok(Some(())));
        if bound {
            self.tracer.set(core.id);
            self.slots.count.set(0);
            self.cells.count.set(0);
            self.home.set(core.next_home());
        }
        bound
    }

    #[inline(always)]
    fn sequence(&self) -> u64 {
        let next = self.sequence.get();
        if next == self.until.get() || self.forks.get() != fork::forks() {
            self.begin_block();
            return self.sequence();
        }
        self.sequence.set(next + 1);
        next
    }

    #[cold]
    #[inline(never)]
    fn begin_block(&self) {
        self.seeded();
        let first = fork::block();
        self.sequence.set(first);
        self.until.set(first + fork::BLOCK);
    }

    /// Seeds the random numbers, anew in a forked child.
    #[inline(always)]
    fn seeded(&self) {
        if self.forks.get() != fork::forks() {
            self.seed();
        }
    }

    #[cold]
    #[inline(never)]
    fn seed(&self) {
        self.random.set(random::seed());
        self.until.set(self.sequence.get());
        self.forks.set(fork::forks());
    }

    #[inline(always)]
    fn trace(&self) -> u128 {
        self.seeded();
        let mut state = self.random.get();
        let high = u128::from(random::next(&mut state));
        let low = u128::from(random::next(&mut state));
        self.random.set(state);
        // Its right-most 56 bits decide on sampling, so they stay as they come.
        (high << 64 | low).max(1)
    }
}
