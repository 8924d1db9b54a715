//! What a person may change while the monitor runs.

use std::fmt;
use std::ops::RangeInclusive;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};

use perf_monitor_http::BoxFuture;
use serde::Serialize;

/// A number of the monitor that may be changed while it runs, through `/api/config`; it lasts for the run.
///
/// ```
/// use std::sync::Arc;
/// use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
///
/// use perf_monitor_dashboard::Setting;
///
/// let depth = Arc::new(AtomicU64::new(10));
/// let (now, then) = (depth.clone(), depth);
/// let setting = Setting::new("depth", "", 1.0..=100.0, "How deep to look.")
///     .whole()
///     .reads(move || now.load(Relaxed) as f64)
///     .applies(move |depth| {
///         then.store(depth as u64, Relaxed);
///         Box::pin(async { Ok(()) })
///     });
/// ```
pub struct Setting {
    name: &'static str,
    unit: &'static str,
    range: RangeInclusive<f64>,
    help: &'static str,
    whole: bool,
    read: Box<dyn Fn() -> f64 + Send + Sync>,
    apply: Apply,
}

type Apply = Box<dyn Fn(f64) -> BoxFuture<'static, Result<(), String>> + Send + Sync>;

/// A setting as it is shown.
#[derive(Serialize)]
pub(crate) struct Shown {
    value: f64,
    least: f64,
    most: f64,
    unit: &'static str,
    help: &'static str,
}

impl Setting {
    /// A setting of this name, unit (`ms`, `Hz`, `s`, `bytes/s`, or nothing), range and meaning.
    pub fn new(
        name: &'static str,
        unit: &'static str,
        range: RangeInclusive<f64>,
        help: &'static str,
    ) -> Setting {
        let apply: Apply = Box::new(|_| Box::pin(async { Err("it is read only".to_owned()) }));
        Setting { name, unit, range, help, whole: false, read: Box::new(|| f64::NAN), apply }
    }

    /// Takes whole numbers alone.
    pub fn whole(mut self) -> Setting {
        self.whole = true;
        self
    }

    /// Tells what it is now.
    pub fn reads(mut self, read: impl Fn() -> f64 + Send + Sync + 'static) -> Setting {
        self.read = Box::new(read);
        self
    }

    /// Changes it to a number within its range, at once; an error is a sentence with the reason. It must not block.
    pub fn applies(
        mut self,
        apply: impl Fn(f64) -> BoxFuture<'static, Result<(), String>> + Send + Sync + 'static,
    ) -> Setting {
        self.apply = Box::new(apply);
        self
    }

    pub(crate) fn name(&self) -> &'static str {
        self.name
    }

    pub(crate) fn show(&self) -> Shown {
        let (least, most) = (*self.range.start(), *self.range.end());
        Shown { value: (self.read)(), least, most, unit: self.unit, help: self.help }
    }

    /// Whether it may be `value`.
    ///
    /// # Errors
    /// A sentence that names the setting and its range.
    pub(crate) fn check(&self, value: Option<f64>) -> Result<f64, String> {
        let fits =
            |value: &f64| self.range.contains(value) && !(self.whole && value.fract() != 0.0);
        value.filter(fits).ok_or_else(|| {
            let (least, most) = (self.range.start(), self.range.end());
            let number = if self.whole { "a whole number" } else { "a number" };
            let unit = if self.unit.is_empty() { String::new() } else { format!(" {}", self.unit) };
            format!("{} is out of range: give {number} from {least} to {most}{unit}", self.name)
        })
    }

    pub(crate) fn apply(&self, value: f64) -> BoxFuture<'static, Result<(), String>> {
        (self.apply)(value)
    }
}

impl fmt::Debug for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Setting")
            .field("name", &self.name)
            .field("range", &self.range)
            .finish_non_exhaustive()
    }
}

/// The page's own settings.
#[derive(Debug)]
pub(crate) struct PageSettings {
    /// Frames a second that a client gets at the most.
    pub(crate) rate: AtomicU32,
    /// The time that charts show when the page opens, in seconds.
    pub(crate) window_s: AtomicU32,
    pub(crate) tick_ms: AtomicU64,
}

impl PageSettings {
    pub(crate) fn new(tick_ms: u64) -> PageSettings {
        PageSettings { rate: 60.into(), window_s: 120.into(), tick_ms: tick_ms.into() }
    }

    pub(crate) fn rate(&self) -> u32 {
        self.rate.load(Relaxed)
    }

    pub(crate) fn tick_ms(&self) -> u64 {
        self.tick_ms.load(Relaxed)
    }
}
