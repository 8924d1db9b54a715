//! The threads that are sampled.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use super::mapped::{Mapped, Zeroes};
use super::names::Names;
use super::shared::{SLOTS, Shared, Ticket};
use super::threads;
use super::timer::Timer;
use crate::error::Error;

/// Looks at a thread's name after the first: threads get their names as they begin to run.
const NAMINGS: u8 = 2;

/// Each thread of the process with its timer, but for the one that is left out. Once it was made it
/// allocates nothing: the sampler's thread looks.
pub(crate) struct Members {
    table: Mapped<Table>,
    signal: i32,
    period: Duration,
    left_out: i32,
    /// Threads that have a timer.
    count: usize,
    /// Threads that the last look found, and those of them that there was no slot for.
    listed: usize,
    pub(crate) without_slot: usize,
    /// Why a thread has no timer, the last time that happened.
    pub(crate) refused: Option<io::Error>,
}

/// What is known of each slot's thread.
#[repr(C)]
struct Table {
    members: [Member; SLOTS],
    /// Slots that were ever given out: those behind are free.
    given: usize,
}

// SAFETY: integers, arrays and structs of them.
unsafe impl Zeroes for Table {}

#[repr(C)]
#[derive(Clone, Copy)]
struct Member {
    /// The thread's number; 0 while the slot is free.
    thread: i32,
    timer: Timer,
    /// The look that saw it last, in its lowest bits.
    seen: u8,
    name: u8,
    namings: u8,
}

/// A number for each registration in the life of the process.
static REGISTRATIONS: AtomicU64 = AtomicU64::new(1);

impl Table {
    /// The slot of `thread`. The kernel lists threads in the order in which they began, which is mostly
    /// that of their slots: who looks behind the one before finds most of them at once.
    fn find(&self, thread: i32, behind: usize) -> Option<usize> {
        let is = |slot: &usize| self.members[*slot].thread == thread;
        (behind..self.given).chain(0..behind.min(self.given)).find(is)
    }

    /// A free slot.
    fn free(&mut self) -> Option<usize> {
        let free = self.members[..self.given].iter().position(|member| member.thread == 0);
        if free.is_none() && self.given < SLOTS {
            self.given += 1;
            return Some(self.given - 1);
        }
        free
    }

    fn all(&mut self) -> impl Iterator<Item = (usize, &mut Member)> {
        let given = self.members[..self.given].iter_mut().enumerate();
        given.filter(|(_, member)| member.thread != 0)
    }
}

impl Members {
    /// None yet.
    ///
    /// # Errors
    /// There is no memory.
    pub(crate) fn new(signal: i32, period: Duration) -> Result<Members, Error> {
        Ok(Members {
            table: Mapped::new()?,
            signal,
            period,
            left_out: 0,
            count: 0,
            listed: 0,
            without_slot: 0,
            refused: None,
        })
    }

    /// Leaves the calling thread out, which has not been seen yet.
    pub(crate) fn leave_out_this_thread(&mut self) {
        self.left_out = threads::own();
    }

    pub(crate) fn len(&self) -> usize {
        self.count
    }

    /// Threads that the last look found, the one that is left out included.
    pub(crate) fn listed(&self) -> usize {
        self.listed
    }

    /// The number of the name that the thread of `slot` has, of which there is a sample. A thread that was seen
    /// as it began still had the name of the one that started it: it is looked at again.
    pub(crate) fn name(&mut self, slot: usize, names: &mut Names) -> u8 {
        let Some(member) = self.table.members.get_mut(slot) else { return 0 };
        member.look_at_name(names);
        member.name
    }

    /// Looks which threads there are: new ones get a timer, those that have ended lose theirs.
    ///
    /// # Errors
    /// The threads cannot be listed.
    pub(crate) fn look(
        &mut self,
        shared: &Shared,
        names: &mut Names,
        look: u8,
    ) -> Result<(), Error> {
        (self.listed, self.without_slot) = (0, 0);
        let mut behind = 0;
        threads::each(|thread| {
            self.listed += 1;
            if thread != self.left_out {
                behind = self.see(thread, behind, shared, names, look);
            }
        })?;
        self.forget_those_gone(shared, look);
        Ok(())
    }

    /// Where to look for the next one.
    fn see(
        &mut self,
        thread: i32,
        behind: usize,
        shared: &Shared,
        names: &mut Names,
        look: u8,
    ) -> usize {
        if let Some(slot) = self.table.find(thread, behind) {
            let member = &mut self.table.members[slot];
            member.seen = look;
            member.look_at_name(names);
            return slot + 1;
        }
        let Some(slot) = self.table.free() else {
            self.without_slot += 1;
            return behind;
        };
        match self.begin(thread, slot, shared, names) {
            Ok(member) => {
                self.table.members[slot] = Member { seen: look, ..member };
                self.count += 1;
            }
            Err(cause) => {
                shared.slots[slot].take_back();
                // a thread that has ended meanwhile is no failure
                if !matches!(cause.raw_os_error(), Some(libc::EINVAL | libc::ESRCH)) {
                    self.refused = Some(cause);
                }
            }
        }
        slot + 1
    }

    fn begin(
        &mut self,
        thread: i32,
        slot: usize,
        shared: &Shared,
        names: &mut Names,
    ) -> io::Result<Member> {
        let registration = REGISTRATIONS.fetch_add(1, Ordering::Relaxed);
        let ticket = Ticket::new(slot, registration);
        let name = names.number(threads::name(thread).unwrap_or_default());
        self.table.members[slot].name = name; // samples may come before it is a member
        shared.slots[slot].give(ticket);
        let timer = Timer::new(thread, self.signal, ticket.value())?;
        let running = timer.run(somewhere_in(self.period, registration), self.period);
        running.inspect_err(|_| timer.delete())?;
        Ok(Member { thread, timer, seen: 0, name, namings: NAMINGS })
    }

    fn forget_those_gone(&mut self, shared: &Shared, look: u8) {
        for (slot, member) in self.table.all().filter(|(_, member)| member.seen != look) {
            member.timer.delete();
            member.thread = 0;
            shared.slots[slot].take_back();
            self.count -= 1;
        }
    }

    /// Takes all timers away.
    pub(crate) fn stop(&mut self) {
        for (_, member) in self.table.all() {
            member.timer.delete();
            member.thread = 0;
        }
        self.count = 0;
    }

    /// Changes the rate of all timers.
    pub(crate) fn set_period(&mut self, period: Duration) {
        self.period = period;
        for (slot, member) in self.table.all() {
            // of a thread that has ended, the next look takes it away
            let _ = member.timer.run(somewhere_in(period, slot as u64 + 1), period);
        }
    }

    /// Bytes that the table takes.
    pub(crate) const BYTES: usize = size_of::<Table>();
}

impl Drop for Members {
    fn drop(&mut self) {
        self.stop();
    }
}

impl Member {
    fn look_at_name(&mut self, names: &mut Names) {
        if self.namings > 0
            && let Some(name) = threads::name(self.thread)
        {
            self.namings -= 1;
            self.name = names.number(name);
        }
    }
}

/// A time from 1 ns to `period` that looks random, so that threads are not sampled in step with each
/// other, nor with what they do.
fn somewhere_in(period: Duration, seed: u64) -> Duration {
    let moment = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let mixed = (u64::from(moment.subsec_nanos()) ^ seed << 32).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let ns = u128::from(mixed) * period.as_nanos();
    Duration::from_nanos(1 + (ns >> 64) as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_time_lies_within_the_period() {
        let period = Duration::from_millis(10);
        for seed in 0..1_000 {
            let first = somewhere_in(period, seed);
            assert!(first > Duration::ZERO && first <= period, "{first:?}");
        }
    }

    #[test]
    fn a_slot_is_found_from_anywhere_and_a_free_one_comes_before_a_new_one() {
        let mut table = Mapped::<Table>::new().unwrap();
        for number in 0..SLOTS {
            assert_eq!(table.free(), Some(number));
            table.members[number].thread = 1_000 + number as i32;
        }
        assert_eq!(table.free(), None);
        for behind in [0, 7, SLOTS - 1, SLOTS] {
            assert_eq!(table.find(1_005, behind), Some(5));
            assert_eq!(table.find(7, behind), None);
        }
        table.members[9].thread = 0;
        assert_eq!((table.find(1_009, 3), table.free()), (None, Some(9)));
        assert_eq!(table.all().count(), SLOTS - 1);
    }
}
