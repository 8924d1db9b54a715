//! The one sampler of the process: when it begins, who shares it, when it ends.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, SystemTime};

use perf_monitor_core::{Context, Lock};

use super::bare::{Bare, Work};
use super::build;
use super::handler;
use super::mapped::Mapped;
use super::members::Members;
use super::registers::thread_pointer;
use super::selftest::has_frame_pointers;
use super::shared::Shared;
use super::signal;
use super::slices::Slices;
use super::state::{Ended, State, Window};
use super::system;
use crate::cpu::{CpuOptions, SpanNames};
use crate::error::Error;

/// Samples all threads of the process for those who hold it.
pub(crate) struct Engine {
    pub(crate) shared: Mapped<Shared>,
    state: Mutex<State>,
    wake: Condvar,
    pub(crate) signal: i32,
    pub(crate) flat: bool,
    /// How far the context of who started it lies from that thread's thread pointer; 0 if far.
    starter_offset: i64,
}

/// What there is of it.
enum Status {
    None,
    /// Somebody is starting or stopping it.
    Busy,
    Running {
        /// It stays until the thread was joined.
        engine: Arc<Engine>,
        thread: Bare,
        holders: usize,
        pid: u32,
    },
}

static STATUS: Lock<Status> = Lock::new(Status::None);

/// How long a stop waits for handlers that are inside. They take microseconds, but a thread may be
/// stopped in the middle of one.
const PATIENCE: Duration = Duration::from_secs(1);

/// A share in the running sampler; it ends with the last one.
pub(crate) struct Hold(Arc<Engine>);

impl Hold {
    /// Joins the sampler, and starts it if there is none. Its signal and its budget are those of who
    /// started it.
    pub(crate) fn new(options: &CpuOptions, rate: u32) -> Result<Hold, Error> {
        forget_parent();
        loop {
            match join() {
                Joined::Running(hold) => return Ok(hold),
                Joined::None => break,
                // the other one needs no more than a second
                Joined::Busy => thread::sleep(Duration::from_millis(1)),
            }
        }
        let started = Engine::start(options, rate);
        let mut status = STATUS.lock();
        match started {
            Ok((engine, thread)) => {
                let pid = std::process::id();
                *status = Status::Running { engine: engine.clone(), thread, holders: 1, pid };
                Ok(Hold(engine))
            }
            Err(error) => {
                *status = Status::None;
                Err(error)
            }
        }
    }

    pub(crate) fn engine(&self) -> &Engine {
        &self.0
    }

    /// Whether the sampler is this process's: a forked child has the value, not the thread.
    pub(crate) fn is_here(&self) -> bool {
        matches!(&*STATUS.lock(), Status::Running { pid, engine, .. }
            if *pid == std::process::id() && Arc::ptr_eq(engine, &self.0))
    }
}

enum Joined {
    Running(Hold),
    Busy,
    /// There was none: the caller is to start it, and has it marked so.
    None,
}

/// One more for the sampler that runs.
fn join() -> Joined {
    let mut status = STATUS.lock();
    match &mut *status {
        Status::Running { engine, holders, .. } => {
            *holders += 1;
            Joined::Running(Hold(engine.clone()))
        }
        Status::Busy => Joined::Busy,
        Status::None => {
            *status = Status::Busy;
            Joined::None
        }
    }
}

/// In a forked child, what the parent had is nothing.
fn forget_parent() {
    let mut status = STATUS.lock();
    if let Status::Running { pid, .. } = &*status
        && *pid != std::process::id()
    {
        handler::forget_parent();
        // The thread is not here and its lock may be taken for ever: nothing of it is touched again.
        std::mem::forget(std::mem::replace(&mut *status, Status::None));
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        if !self.is_here() {
            return;
        }
        let mut status = STATUS.lock();
        if let Status::Running { holders, .. } = &mut *status {
            *holders -= 1;
            if *holders > 0 {
                return;
            }
        }
        let running = std::mem::replace(&mut *status, Status::Busy);
        drop(status);
        if let Status::Running { engine, thread, .. } = running {
            engine.stop(thread);
            close(engine);
        }
        *STATUS.lock() = Status::None;
    }
}

impl Engine {
    /// Memory that it takes, but for its thread's stack.
    pub(crate) const BYTES: usize =
        size_of::<Shared>() + size_of::<Engine>() + State::BYTES + Members::BYTES + Slices::BYTES;

    fn start(options: &CpuOptions, rate: u32) -> Result<(Arc<Engine>, Bare), Error> {
        let signal = options.signal.unwrap_or(signal::USUAL);
        signal::install(signal)?;
        let shared = Mapped::<Shared>::new()?;
        let flat = !has_frame_pointers();
        shared.walks.store(!flat, Ordering::Relaxed);
        let _ = perf_monitor_core::Instant::now().elapsed_ns(); // handlers read a clock that was read before
        handler::open(&shared);
        let state = match State::new(signal, rate, options.budget, &shared) {
            Ok(state) => state,
            Err(error) => {
                keep_while_used(shared);
                return Err(error);
            }
        };
        let engine = Arc::new(Engine {
            shared,
            state: Mutex::new(state),
            wake: Condvar::new(),
            signal,
            flat,
            starter_offset: context_offset(),
        });
        // SAFETY: whoever has the thread keeps the engine until it was joined.
        match unsafe { Bare::start(Arc::as_ptr(&engine)) } {
            Ok(thread) => Ok((engine, thread)),
            Err(error) => {
                close(engine);
                Err(error)
            }
        }
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends the sampler's thread.
    fn stop(&self, thread: Bare) {
        self.state().stopping = true;
        self.wake.notify_all();
        thread.join();
    }

    /// Opens a profile on demand at `rate`: its number, and where it is if somebody else ends it. With `force`
    /// it ends the one that is being taken.
    pub(crate) fn open_window(
        &self,
        rate: u32,
        names: &SpanNames,
        force: bool,
    ) -> Result<(u64, Ended), Error> {
        static NUMBERS: AtomicU64 = AtomicU64::new(1);
        let mut state = self.state();
        if state.window.is_some() && !force {
            return Err(Error::AlreadyStarted);
        }
        state.drain(&self.shared);
        self.end_window(&mut state);
        if state.seen.samples > 0 {
            state.cut();
            // without a continuous profile nobody asks for what was before
            while state.base.is_none() && state.expire(u64::MAX) {}
        }
        state.slices.pin();
        let (number, ended) = (NUMBERS.fetch_add(1, Ordering::Relaxed), Ended::default());
        state.window = Some(Window {
            rate,
            number,
            began: SystemTime::now(),
            process_ns: system::process_cpu_ns(),
            names: names.clone(),
            ended: ended.clone(),
        });
        state.set_rate(&self.shared);
        state.hurry();
        self.wake.notify_all();
        Ok((number, ended))
    }

    /// Ends the profile that is being taken on demand, if there is one: whoever takes it gets what it has.
    fn end_window(&self, state: &mut State) {
        let Some(window) = &state.window else { return };
        let Some(mut report) = build::of_window(self, state, window) else { return };
        report.notes.push(format!(
            "another profile ended this one after {:.1} s, by force",
            report.duration.as_secs_f64()
        ));
        *window.ended.lock().unwrap_or_else(PoisonError::into_inner) = Some(report);
        state.window = None;
        state.slices.unpin();
    }

    /// Closes it.
    pub(crate) fn close_window(&self, number: u64) {
        let mut state = self.state();
        if state.window.as_ref().is_some_and(|window| window.number == number) {
            state.drain(&self.shared);
            state.window = None;
            state.slices.unpin();
            if state.base.is_some() {
                state.cut();
            }
            state.set_rate(&self.shared);
        }
    }

    /// Another rate of the continuous profile that there is.
    pub(crate) fn change_base(&self, rate: u32) {
        let mut state = self.state();
        if state.base.is_some() {
            state.base = Some(rate);
            state.set_rate(&self.shared);
            self.wake.notify_all();
        }
    }

    /// The continuous profile's rate from now on; `None` ends it.
    pub(crate) fn set_base(&self, rate: Option<u32>) -> Result<(), Error> {
        let mut state = self.state();
        if rate.is_some() && state.base.is_some() {
            return Err(Error::AlreadyStarted);
        }
        state.base = rate;
        state.set_rate(&self.shared);
        self.wake.notify_all();
        Ok(())
    }
}

impl Work for Engine {
    /// The sampler's thread. It allocates and frees nothing: for who does, the C library makes a heap, and keeps it.
    fn run(&self) {
        // SAFETY: names the calling thread.
        unsafe { libc::prctl(libc::PR_SET_NAME, c"perf-sampler".as_ptr()) };
        if context_offset() == self.starter_offset {
            self.shared.context_offset.store(self.starter_offset, Ordering::Relaxed);
        }
        let delivery_ns = system::delivery_ns(self.signal);
        let mut state = self.state();
        state.members.leave_out_this_thread();
        state.seen.delivery_ns = delivery_ns;
        while !state.stopping {
            state.round(&self.shared, self.signal);
            state.seen.sampler_ns = system::thread_cpu_ns();
            let pause = state.pause();
            let woken = self.wake.wait_timeout(state, pause);
            state = woken.unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

/// Takes the timers away, and the memory with the last handler.
fn close(engine: Arc<Engine>) {
    engine.state().members.stop();
    keep_while_used(engine);
}

/// Drops what handlers use, once none is inside. If somebody is held in the middle of one, it stays.
fn keep_while_used<T>(used: T) {
    handler::close();
    if !wait_for_handlers() {
        std::mem::forget(used);
    }
}

/// Whether all handlers are out, within [`PATIENCE`].
fn wait_for_handlers() -> bool {
    let begun = std::time::Instant::now();
    while !handler::is_empty() {
        if begun.elapsed() > PATIENCE {
            return false;
        }
        thread::yield_now();
    }
    true
}

/// How far the calling thread's context lies from its thread pointer, if that is so near that both
/// are in the block that a thread begins with; 0 otherwise.
fn context_offset() -> i64 {
    const NEAR: i64 = 64 * 1024;
    let cell = Context::cell().as_ptr() as u64;
    let offset = cell.wrapping_sub(thread_pointer()) as i64;
    if offset.abs() < NEAR { offset } else { 0 }
}
