//! What the sampler knows, and what it does each time it wakes.

use std::ops::Range;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use perf_monitor_core::{Clock, Context};

use super::governor::Governor;
use super::learn::Looked;
use super::mapped::{Mapped, Zeroes};
use super::members::Members;
use super::modules::{self, Modules};
use super::names::Names;
use super::recent::Recent;
use super::record::Record;
use super::ring;
use super::shared::{SLOTS, Shared, Slot};
use super::slices::{KEPT_NS, Slices};
use super::system;
use super::tally::{Key, Tally};
use super::tree::{CUT, FRAMES, Number, Spot, Tree, UNKNOWN};
use crate::cpu::SpanNames;
use crate::error::Error;
use crate::maps;
use crate::report::Report;
use crate::stack::{main_stack, stack_in};
use crate::walk::MOST_FRAMES;

/// What samples become, in pages that are given back at the end.
#[repr(C)]
pub(crate) struct Tables {
    pub(crate) tree: Tree,
    pub(crate) tally: Tally,
    pub(crate) recent: Recent,
    pub(crate) names: Names,
    pub(crate) modules: Modules,
    looked: Looked,
}

// SAFETY: all of them are.
unsafe impl Zeroes for Tables {}

pub(crate) struct State {
    pub(crate) tables: Mapped<Tables>,
    pub(crate) members: Members,
    pub(crate) governor: Governor,
    pub(crate) slices: Slices,
    pub(crate) clock: Clock,
    pub(crate) seen: Seen,
    /// The rate that the continuous profile wants, if there is one.
    pub(crate) base: Option<u32>,
    /// The profile that is being taken on demand, if there is one.
    pub(crate) window: Option<Window>,
    pub(crate) stopping: bool,
    next_look_ns: u64,
    next_second_ns: u64,
    looks: u8,
    /// Where the main thread's stack may be.
    main_stack: Range<u64>,
    loads: Option<(u64, u64)>,
    /// How long the sampler sleeps.
    pause: Duration,
    judged: Costs,
    /// In this slice room was made, and there was little to remove.
    swept: bool,
}

/// A profile on demand, from its beginning.
#[derive(Clone, Debug)]
pub(crate) struct Window {
    pub(crate) rate: u32,
    pub(crate) number: u64,
    pub(crate) began: SystemTime,
    pub(crate) process_ns: u64,
    pub(crate) names: SpanNames,
    /// Where whoever takes it finds it if somebody else ends it.
    pub(crate) ended: Ended,
}

/// A profile that somebody else ended.
pub(crate) type Ended = Arc<Mutex<Option<Report>>>;

/// What became of the samples, since the beginning.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Seen {
    pub(crate) samples: u64,
    /// Samples whose stack there was no room for, and those that could not even be counted by thread
    /// and span, with their time.
    pub(crate) without_stack: u64,
    pub(crate) uncounted: (u64, u64),
    /// Slices that had to go before their time.
    pub(crate) slices_lost: u64,
    pub(crate) handler_replaced: bool,
    /// CPU time that the sampler itself took.
    pub(crate) sampler_ns: u64,
    /// What delivering a signal and returning from it takes, as measured at the beginning.
    pub(crate) delivery_ns: u64,
}

/// What signals had cost, and the process had used, at a moment.
#[derive(Clone, Copy, Debug, Default)]
struct Costs {
    signals_ns: u64,
    process_ns: u64,
}

/// Callers that may have no frame of their own: calls within a library that was built without.
const WITHOUT_FRAMES: usize = 3;
/// The rate while nobody waits for samples, until the last one who could has let go.
const LEAST_RATE: u32 = 1;
/// How often threads are listed, if nothing says that there are others.
const LOOK_NS: u64 = 250_000_000;
/// How often that is asked while somebody waits for a profile.
const ROUND_ON_DEMAND: Duration = Duration::from_millis(100);
/// How often the rate is judged.
const SECOND_NS: u64 = 1_000_000_000;
/// The least and the most that the sampler sleeps, while nothing is due.
const PAUSES: [Duration; 2] = [Duration::from_millis(5), Duration::from_millis(250)];

impl State {
    /// Memory that its tables take.
    pub(crate) const BYTES: usize = size_of::<Tables>();

    pub(crate) fn new(
        signal: i32,
        rate: u32,
        budget: f64,
        shared: &Shared,
    ) -> Result<State, Error> {
        let clock = Clock::default();
        let now = clock.now_ns();
        let mut state = State {
            tables: Mapped::new()?,
            members: Members::new(signal, period(rate))?,
            governor: Governor::new(rate, budget),
            slices: Slices::new(now),
            clock,
            seen: Seen::default(),
            base: None,
            window: None,
            stopping: false,
            next_look_ns: now,
            next_second_ns: now + SECOND_NS,
            looks: 0,
            main_stack: main_stack(),
            loads: modules::loads(),
            pause: PAUSES[0],
            judged: Costs::default(),
            swept: false,
        };
        state.tables.modules.refresh();
        state.look(shared)?;
        match state.members.refused.take() {
            Some(cause) if state.members.len() == 0 => Err(Error::System(
                "no timer of a thread's CPU time can be had; a filter of system calls may be in the way",
                cause,
            )),
            refused => {
                state.members.refused = refused;
                Ok(state)
            }
        }
    }

    /// How long the sampler may sleep.
    pub(crate) fn pause(&self) -> Duration {
        self.pause
    }

    /// Comes again soon, and from there on less and less often: the first samples are of stacks whose ends
    /// are not known yet, and of code that was not looked at.
    pub(crate) fn hurry(&mut self) {
        self.pause = PAUSES[0];
    }

    /// Sleeps so long that the ring is a quarter full at the next round, if all goes on as it was, and
    /// twice as long as before at the most.
    fn set_pause(&mut self, filled: usize) {
        let [least, most] = PAUSES;
        let most = if self.window.is_some() { most.min(ROUND_ON_DEMAND) } else { most };
        let fitting = self.pause.mul_f64(ring::WORDS as f64 / 4.0 / filled.max(1) as f64);
        self.pause = fitting.min(self.pause * 2).clamp(least, most);
    }

    /// Takes what handlers left, and does what is due.
    pub(crate) fn round(&mut self, shared: &Shared, signal: i32) {
        self.drain(shared);
        self.learn(shared);
        self.answer(shared);
        let now = self.clock.now_ns();
        if now >= self.next_look_ns || self.are_others() {
            self.next_look_ns = now + LOOK_NS;
            let _ = self.look(shared); // the list was there before; next time again
        }
        if now >= self.next_second_ns {
            self.next_second_ns = now + SECOND_NS;
            self.seen.handler_replaced |= !super::signal::is_ours(signal);
            self.judge(shared);
        }
        if self.base.is_some() {
            self.turn(now, shared);
        }
    }

    /// Whether there are more threads, or fewer, than were listed.
    fn are_others(&mut self) -> bool {
        self.window.is_some() && super::threads::count() != Some(self.members.listed() as u64)
    }

    fn look(&mut self, shared: &Shared) -> Result<(), Error> {
        self.looks = self.looks.wrapping_add(1);
        let loads = modules::loads();
        if loads != self.loads || loads.is_none() {
            self.loads = loads;
            self.tables.modules.refresh();
            self.forget_code(shared);
        }
        self.members.look(shared, &mut self.tables.names, self.looks)
    }

    /// Moves on in time: a new slice now and then, and the oldest ones go.
    fn turn(&mut self, now: u64, shared: &Shared) {
        if !self.slices.cut_if_due(now) {
            return;
        }
        self.swept = false;
        shared.slots.iter().for_each(Slot::ask_again);
        while self.expire(now.saturating_sub(KEPT_NS)) {}
    }

    pub(crate) fn expire(&mut self, before_ns: u64) -> bool {
        let Some(gone) = self.slices.expire(before_ns) else { return false };
        self.tables.tally.remove(|key| key.slice == gone);
        self.tables.recent.remove(|key| key.slice == gone);
        true
    }

    fn judge(&mut self, shared: &Shared) {
        let process_ns = system::process_cpu_ns();
        let costs = Costs { signals_ns: self.signals_ns(shared), process_ns };
        let before = std::mem::replace(&mut self.judged, costs);
        let cost = costs.signals_ns.saturating_sub(before.signals_ns);
        let used = process_ns.saturating_sub(before.process_ns);
        if before.process_ns != 0 && self.governor.look(cost, used) {
            self.members.set_period(period(self.governor.rate()));
        }
    }

    /// What a lower rate would cost less of: what handlers measured, and what brought the signals. The sampler's
    /// own looks come at the same times whatever the rate: in a process that has little to do they are most of
    /// what there is, and to take fewer samples would not help.
    fn signals_ns(&self, shared: &Shared) -> u64 {
        let signals = shared.counts.signals.load(Ordering::Relaxed);
        let handlers = shared.counts.handler_ns.load(Ordering::Relaxed);
        handlers + signals * self.seen.delivery_ns
    }

    /// The rate becomes the largest that anybody wants.
    pub(crate) fn set_rate(&mut self, shared: &Shared) {
        let wanted =
            self.base.into_iter().chain(self.window.as_ref().map(|window| window.rate)).max();
        let rate = wanted.unwrap_or(LEAST_RATE);
        if rate == self.governor.wanted() {
            return;
        }
        self.drain(shared); // what is in the ring is of the rate before
        self.governor.want(rate);
        self.members.set_period(period(rate));
    }

    pub(crate) fn drain(&mut self, shared: &Shared) {
        let period_us = period(self.governor.rate()).as_micros() as u32;
        let filled = shared.ring.drain(|first, rest| {
            if let Some(record) = Record::read(first, rest) {
                self.take(&record, period_us);
            }
        });
        self.set_pause(filled);
    }

    fn take(&mut self, record: &Record<'_>, period_us: u32) {
        self.seen.samples += 1;
        self.want(record);
        let leaf = self.leaf(record);
        let key = Key {
            leaf,
            thread: self.members.name(record.slot, &mut self.tables.names),
            span: record.context.map_or(0, |context| span_number(context.name_id)),
            slice: self.slices.current(),
        };
        let time_us = period_us.saturating_mul(record.periods);
        self.add(key, time_us, record.context);
    }

    fn add(&mut self, key: Key, time_us: u32, context: Option<Context>) {
        while self.tables.tally.add(key, time_us).is_err() {
            if self.base.is_none() || !self.expire(u64::MAX) {
                self.seen.uncounted.0 += 1;
                self.seen.uncounted.1 += u64::from(time_us);
                return;
            }
            self.seen.slices_lost += 1;
        }
        if let Some(context) = context {
            self.tables.recent.add(context.trace_id, key, time_us);
        }
    }

    /// The frame of where the sample was taken, below its callers; 0 without room for it.
    fn leaf(&mut self, record: &Record<'_>) -> Number {
        let unknown = Spot { module: UNKNOWN, offset: 0 };
        let modules = &self.tables.modules;
        let code = modules.spot(record.code).unwrap_or(unknown);
        let mut spots = [unknown; MOST_FRAMES];
        // a word that is no address of code was no return address: what lies beyond is not known either
        let found = record.callers.iter().map_while(|back| modules.spot(call_before(*back)));
        let count = spots.iter_mut().zip(found).map(|(spot, found)| *spot = found).count();
        let cut = record.cut || count < record.callers.len();
        let callers = &spots[..count];
        self.insert(callers, cut, code)
            .or_else(|| self.make_room().then(|| self.insert(callers, cut, code)).flatten())
            .unwrap_or_else(|| {
                self.seen.without_stack += 1;
                0
            })
    }

    fn insert(&mut self, callers: &[Spot], cut: bool, code: Spot) -> Option<Number> {
        let tree = &mut self.tables.tree;
        let begin = if cut { tree.frame(0, Spot { module: CUT, offset: 0 })? } else { 0 };
        let outermost_first = callers.iter().rev();
        let caller =
            outermost_first.copied().try_fold(begin, |caller, spot| tree.frame(caller, spot))?;
        tree.frame(caller, code)
    }

    /// Wants to know how to get from the code that was seen to its callers.
    fn want(&mut self, record: &Record<'_>) {
        self.tables.looked.want(record.code);
        for back in record.callers.iter().take(WITHOUT_FRAMES) {
            self.tables.looked.want(call_before(*back));
        }
    }

    /// Tells handlers what is known of that.
    fn learn(&mut self, shared: &Shared) {
        self.tables.looked.learn(&shared.rows);
    }

    fn forget_code(&mut self, shared: &Shared) {
        self.tables.looked.clear();
        shared.rows.clear();
    }

    /// Removes stacks that no sample has any more, and the oldest slices of a continuous profile, until there is
    /// room worth speaking of; whether it is worth a try.
    fn make_room(&mut self) -> bool {
        if self.swept {
            return false;
        }
        self.sweep();
        while self.is_nearly_full() && self.base.is_some() && self.expire(u64::MAX) {
            self.seen.slices_lost += 1;
            self.sweep();
        }
        self.swept = self.is_nearly_full();
        true
    }

    fn sweep(&mut self) {
        let Tables { tree, tally, recent, .. } = &mut *self.tables;
        let kept = tally.iter().map(|(key, ..)| key.leaf);
        tree.sweep(kept.chain(recent.iter().map(|sample| sample.key().leaf)));
    }

    fn is_nearly_full(&self) -> bool {
        self.tables.tree.used() > FRAMES / 8 * 7
    }

    /// Begins a new slice for a profile on demand.
    pub(crate) fn cut(&mut self) {
        let now = self.clock.now_ns();
        self.swept &= !self.slices.cut(now);
    }

    /// Finds the stacks that handlers asked about.
    fn answer(&mut self, shared: &Shared) {
        // what is asked after this is for the next round
        let mut wanted = [false; SLOTS];
        for (wanted, slot) in wanted.iter_mut().zip(&shared.slots) {
            *wanted = slot.asked().is_some();
        }
        if !wanted.contains(&true) {
            return;
        }
        let asked = || shared.slots.iter().zip(wanted).filter(|(_, wanted)| *wanted);
        let _ = maps::each(|mapping| {
            for (slot, _) in asked() {
                let Some((pointer, thread_pointer)) = slot.asked() else { continue };
                if let Some(stack) = stack_in(mapping, &self.main_stack, pointer, thread_pointer) {
                    slot.set_stack(&stack);
                }
            }
        });
        asked().filter(|(slot, _)| slot.asked().is_some()).for_each(|(slot, _)| slot.refuse());
    }
}

/// The address of the call that a return address comes after, or at least one within it.
fn call_before(back: u64) -> u64 {
    back.wrapping_sub(1)
}

fn span_number(name: u32) -> u16 {
    u16::try_from(name).map_or(u16::MAX, |name| name.saturating_add(1))
}

/// Between two samples of a thread.
pub(crate) fn period(rate: u32) -> Duration {
    Duration::from_secs(1) / rate.max(1)
}
