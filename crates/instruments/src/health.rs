//! The health of each component of a service.

use std::fmt;
use std::sync::Arc;

use perf_monitor_core::{Desc, Error, Registry};

use crate::states::{State, States};

/// How well a component does; the worse is the greater.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum HealthState {
    /// All is well.
    Healthy,
    /// It works, but not as it should.
    Degraded,
    /// It does not work.
    Unhealthy,
}

impl HealthState {
    /// As the label `state` says it: `healthy`, `degraded` or `unhealthy`.
    pub const fn as_str(self) -> &'static str {
        match self {
            HealthState::Healthy => "healthy",
            HealthState::Degraded => "degraded",
            HealthState::Unhealthy => "unhealthy",
        }
    }
}

impl State for HealthState {
    const ALL: &'static [Self] =
        &[HealthState::Healthy, HealthState::Degraded, HealthState::Unhealthy];

    fn label(self) -> &'static str {
        self.as_str()
    }
}

impl fmt::Display for HealthState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Components of a service by name: the metric `component_health{component,state}`, 1 for the state
/// that holds and 0 for the others.
///
/// A clone is the same; so is whatever else asks for it on one registry. A component that finds no
/// room in the registry's budget has no state; that is counted with the series that were refused.
///
/// ```
/// use perf_monitor_core::Registry;
/// use perf_monitor_instruments::{Health, HealthState};
///
/// let health = Health::new(&Registry::new())?;
/// assert_eq!(health.overall(), None);
/// health.set("database", HealthState::Healthy, "");
/// health.set("queue", HealthState::Degraded, "80 % full");
/// assert_eq!(health.overall(), Some(HealthState::Degraded));
/// assert_eq!(health.summary()[1].reason, "80 % full");
/// # Ok::<(), perf_monitor_core::Error>(())
/// ```
#[derive(Clone)]
pub struct Health {
    states: Arc<States<HealthState>>,
}

/// How one component does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ComponentHealth {
    /// Its name.
    pub component: String,
    /// How well it does.
    pub state: HealthState,
    /// Why; empty where nothing was said. At most 200 bytes of it are kept.
    pub reason: String,
    /// When it came into that state: nanoseconds since the Unix epoch, by the registry's clock.
    pub since_unix_ns: u64,
}

impl Health {
    /// The registry's components.
    ///
    /// # Errors
    /// `component_health` is taken by a metric of another kind or other labels.
    pub fn new(registry: &Registry) -> Result<Health, Error> {
        let desc = Desc::new(
            "component_health",
            "1 for the state of health that a component is in, 0 for the others.",
        );
        let states = registry.companion(|| States::new(registry, desc, "component"))?;
        Ok(Health { states })
    }

    /// Says how well `component` does, because of `reason`. The reason is not a label, so it may be
    /// any text.
    ///
    /// # Cost
    /// A look-up in the thread's cache, a short lock of this component, an allocation for a reason.
    pub fn set(&self, component: &str, state: HealthState, reason: &str) {
        self.states.set(component, state, reason);
    }

    /// The worst state of all components; `None` while none has said anything.
    pub fn overall(&self) -> Option<HealthState> {
        self.states.all().into_iter().map(|one| one.state).max()
    }

    /// Each component by name.
    pub fn summary(&self) -> Vec<ComponentHealth> {
        let all = self.states.all().into_iter().map(|one| ComponentHealth {
            component: one.name,
            state: one.state,
            reason: one.reason,
            since_unix_ns: one.since_unix_ns,
        });
        all.collect()
    }

    pub(crate) fn switch(&self, on: bool) {
        self.states.switch(on);
    }
}

impl fmt::Debug for Health {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Health").field(&self.summary()).finish()
    }
}
