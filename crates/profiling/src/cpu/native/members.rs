//! The threads that are sampled.

use std::collections::HashMap;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use super::names::Names;
use super::shared::{SLOTS, Shared, Ticket};
use super::threads;
use super::timer::Timer;
use crate::error::Error;

/// Looks at a thread's name after the first: threads get their names as they begin to run.
const NAMINGS: u8 = 2;

/// Each thread of the process with its timer, but for those that are left out.
pub(crate) struct Members {
    by_thread: HashMap<i32, Member>,
    free: Vec<u16>,
    /// Which name the thread of each slot has.
    pub(crate) names: Vec<u8>,
    signal: i32,
    period: Duration,
    left_out: Vec<i32>,
    listed: Vec<i32>,
    /// Threads that there was no slot for, in the last look.
    pub(crate) without_slot: usize,
    /// Why a thread has no timer, the last time that happened.
    pub(crate) refused: Option<io::Error>,
}

struct Member {
    slot: u16,
    timer: Timer,
    namings: u8,
    /// The look that saw it last.
    seen: u64,
}

/// A number for each registration in the life of the process.
static REGISTRATIONS: AtomicU64 = AtomicU64::new(1);

impl Members {
    pub(crate) fn new(signal: i32, period: Duration) -> Members {
        Members {
            by_thread: HashMap::new(),
            free: (0..SLOTS as u16).rev().collect(),
            names: vec![0; SLOTS],
            signal,
            period,
            left_out: Vec::new(),
            listed: Vec::new(),
            without_slot: 0,
            refused: None,
        }
    }

    /// Leaves the calling thread out.
    pub(crate) fn leave_out_this_thread(&mut self) {
        let own = threads::own();
        self.left_out.push(own);
        self.by_thread.remove(&own);
    }

    pub(crate) fn len(&self) -> usize {
        self.by_thread.len()
    }

    /// Threads that the last look found, those that are left out included.
    pub(crate) fn listed(&self) -> usize {
        self.listed.len()
    }

    /// Looks which threads there are: new ones get a timer, those that have ended lose theirs.
    ///
    /// # Errors
    /// The threads cannot be listed.
    pub(crate) fn look(
        &mut self,
        shared: &Shared,
        names: &mut Names,
        look: u64,
    ) -> Result<(), Error> {
        let mut listed = std::mem::take(&mut self.listed);
        let got = threads::list(&mut listed);
        self.without_slot = 0;
        if got.is_ok() {
            listed.iter().for_each(|thread| self.see(*thread, shared, names, look));
            self.forget_those_gone(shared, look);
        }
        self.listed = listed;
        got
    }

    fn see(&mut self, thread: i32, shared: &Shared, names: &mut Names, look: u64) {
        if let Some(member) = self.by_thread.get_mut(&thread) {
            member.seen = look;
            if member.namings > 0
                && let Some(name) = threads::name(thread)
            {
                member.namings -= 1;
                self.names[usize::from(member.slot)] = names.number(name);
            }
            return;
        }
        if self.left_out.contains(&thread) {
            return;
        }
        let Some(slot) = self.free.pop() else {
            self.without_slot += 1;
            return;
        };
        match self.begin(thread, slot, shared, names) {
            Ok(timer) => {
                let member = Member { slot, timer, namings: NAMINGS, seen: look };
                self.by_thread.insert(thread, member);
            }
            Err(cause) => {
                shared.slots[usize::from(slot)].take_back();
                self.free.push(slot);
                // a thread that has ended meanwhile is no failure
                if !matches!(cause.raw_os_error(), Some(libc::EINVAL | libc::ESRCH)) {
                    self.refused = Some(cause);
                }
            }
        }
    }

    fn begin(
        &mut self,
        thread: i32,
        slot: u16,
        shared: &Shared,
        names: &mut Names,
    ) -> io::Result<Timer> {
        let registration = REGISTRATIONS.fetch_add(1, Ordering::Relaxed);
        let ticket = Ticket::new(slot.into(), registration);
        let name = threads::name(thread).unwrap_or_default();
        self.names[usize::from(slot)] = names.number(name);
        shared.slots[usize::from(slot)].give(ticket);
        let timer = Timer::new(thread, self.signal, ticket.value())?;
        timer.run(somewhere_in(self.period, registration), self.period)?;
        Ok(timer)
    }

    fn forget_those_gone(&mut self, shared: &Shared, look: u64) {
        let free = &mut self.free;
        self.by_thread.retain(|_, member| {
            let there = member.seen == look;
            if !there {
                shared.slots[usize::from(member.slot)].take_back();
                free.push(member.slot);
            }
            there
        });
    }

    /// Takes all timers away.
    pub(crate) fn stop(&mut self) {
        self.by_thread.clear();
    }

    /// Changes the rate of all timers.
    pub(crate) fn set_period(&mut self, period: Duration) {
        self.period = period;
        for (number, member) in (1..).zip(self.by_thread.values()) {
            // of a thread that has ended, the next look takes it away
            let _ = member.timer.run(somewhere_in(period, number), period);
        }
    }

    /// Bytes that the lists take.
    pub(crate) fn bytes(&self) -> usize {
        self.by_thread.capacity() * (size_of::<(i32, Member)>() + 1)
            + self.free.capacity() * 2
            + self.names.capacity()
            + self.listed.capacity() * 4
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
}
