//! Things by name that are in one of a few states, with a gauge for each state.

use perf_monitor_core::{Budget, Clock, Desc, Error, Family, Gauge, Lock, Registry, Reservation};

use crate::options::Switch;
use crate::table::Table;

/// One of a few states.
pub(crate) trait State: Copy + PartialEq + Send + Sync + 'static {
    /// All of them.
    const ALL: &'static [Self];

    /// As the label `state` says it.
    fn label(self) -> &'static str;
}

/// The states of all things of one kind.
pub(crate) struct States<S> {
    things: Table<Thing<S>>,
    clock: Clock,
    budget: Budget,
    on: Switch,
}

struct Thing<S> {
    /// None for what found no room: several things in one series would have no state.
    gauges: Option<Box<[Gauge]>>,
    now: Lock<Option<Now<S>>>,
}

struct Now<S> {
    state: S,
    reason: Option<Reason>,
    since_unix_ns: u64,
    changes: u64,
}

/// A reason, charged to the budget for as long as it holds.
struct Reason {
    text: Box<str>,
    _charged: Reservation,
}

impl Reason {
    /// As much of `text` as fits [`REASON_BYTES`]; nothing if the budget has no room for it.
    fn keep(text: &str, budget: &Budget) -> Option<Reason> {
        let mut ends = (0..=text.len().min(REASON_BYTES)).rev();
        let text = &text[..ends.find(|end| text.is_char_boundary(*end)).unwrap_or(0)];
        if text.is_empty() {
            return None;
        }
        Some(Reason { _charged: budget.reserve(text.len())?, text: text.into() })
    }
}

/// The longest reason that is kept.
pub(crate) const REASON_BYTES: usize = 200;

/// How one thing stands.
pub(crate) struct Standing<S> {
    pub(crate) name: String,
    pub(crate) state: S,
    pub(crate) reason: String,
    pub(crate) since_unix_ns: u64,
    pub(crate) changes: u64,
}

impl<S: State> States<S> {
    /// The states of things whose name is the label `label`.
    pub(crate) fn new(registry: &Registry, desc: Desc, label: &str) -> Result<States<S>, Error> {
        let family = registry.gauge_family(desc, &[label, "state"])?;
        let series_bytes = family.series_bytes() * S::ALL.len();
        let make = move |name: Option<&[&str]>| Thing::new(&family, name);
        Ok(States {
            things: Table::new(registry.budget(), series_bytes, make),
            clock: registry.clock().clone(),
            budget: registry.budget(),
            on: Switch::on(),
        })
    }

    pub(crate) fn switch(&self, on: bool) {
        self.on.set(on);
    }

    /// Whether that was a change from one state to another.
    pub(crate) fn set(&self, name: &str, state: S, reason: &str) -> bool {
        self.on.is_on() && self.things.with(&[name], |thing| thing.set(state, reason, self))
    }

    /// Those that have a state, by name.
    pub(crate) fn all(&self) -> Vec<Standing<S>> {
        let all = self.things.entries();
        all.iter().filter_map(|entry| entry.value.standing(entry.name().get(0)?)).collect()
    }
}

impl<S: State> Thing<S> {
    fn new(family: &Family<Gauge>, name: Option<&[&str]>) -> Option<Thing<S>> {
        let gauges = match name {
            None => None,
            Some(name) => Some(gauges::<S>(family, name[0])?),
        };
        Some(Thing { gauges, now: Lock::new(None) })
    }

    fn set(&self, state: S, reason: &str, states: &States<S>) -> bool {
        let Some(gauges) = &self.gauges else {
            return false;
        };
        let reason = Reason::keep(reason, &states.budget);
        let mut now = self.now.lock();
        let last = now.take();
        let (changes, since_unix_ns) = match &last {
            Some(last) if last.state == state => (last.changes, last.since_unix_ns),
            other => {
                show(gauges, state);
                let changes = other.as_ref().map_or(0, |last| last.changes + 1);
                (changes, states.clock.unix_ns())
            }
        };
        *now = Some(Now { state, reason, since_unix_ns, changes });
        // What held is freed after the lock is given back.
        drop(now);
        last.is_some_and(|last| last.state != state)
    }

    fn standing(&self, name: &str) -> Option<Standing<S>> {
        let now = self.now.lock();
        let now = now.as_ref()?;
        Some(Standing {
            name: name.into(),
            state: now.state,
            reason: now.reason.as_ref().map_or(String::new(), |reason| reason.text.to_string()),
            since_unix_ns: now.since_unix_ns,
            changes: now.changes,
        })
    }
}

/// 1 for `state`, 0 for the others.
fn show<S: State>(gauges: &[Gauge], state: S) {
    for (gauge, of) in gauges.iter().zip(S::ALL) {
        gauge.set(f64::from(u8::from(*of == state)));
    }
}

fn gauges<S: State>(family: &Family<Gauge>, name: &str) -> Option<Box<[Gauge]>> {
    let gauge = |state: &S| family.try_with(&[name, state.label()]).ok().flatten();
    S::ALL.iter().map(gauge).collect()
}
