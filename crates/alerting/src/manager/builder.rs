//! What a manager is made of.

use std::path::PathBuf;
use std::sync::Arc;

use perf_monitor_core::{Clock, Lock};
use perf_monitor_history::Storage;
use tokio::sync::Notify;

use super::files::{FileStatus, Files};
use super::writing::Writing;
use super::{AlertManager, Inner, backoff};
use crate::book::{Book, Conditions, Inhibition, Kind, Receiver, Rule, RuleState, Texts};
use crate::error::Error;
use crate::limits::Limits;
use crate::outbox::{Loaded, Store};
use crate::route::Route;
use crate::rule::AlertRule;
use crate::rules::read_and_check;

/// Seed 4's thresholds as a rule file, with the names that the host's metrics have.
pub const DEFAULT_RULES: &str = include_str!("../../rules/default.yml");

/// What those rules are called where files are named.
pub(super) const DEFAULT_NAME: &str = "built-in";

/// Chooses rules, receivers and where to keep them; [`AlertManager::builder`] makes it.
#[derive(Default)]
pub struct AlertManagerBuilder {
    rules: Vec<AlertRule>,
    files: Vec<PathBuf>,
    default_rules: bool,
    routes: Vec<Route>,
    outbox: Option<PathBuf>,
    limits: Limits,
    clock: Clock,
    history: Option<Arc<dyn Storage>>,
    inhibitions: Option<Vec<Inhibition>>,
}

impl AlertManagerBuilder {
    /// A rule over [`Metrics`](crate::Metrics).
    pub fn rule(mut self, rule: AlertRule) -> Self {
        self.rules.push(rule);
        self
    }

    /// A file of Prometheus' rules, looked at each tick for changes. It may be missing or wrong at the
    /// start: that is shown by [`AlertManager::files`].
    pub fn rule_file(mut self, path: impl Into<PathBuf>) -> Self {
        self.files.push(path.into());
        self
    }

    /// The rules that come with the program, [`DEFAULT_RULES`]: not in force unless switched on.
    pub fn default_rules(mut self, yes: bool) -> Self {
        self.default_rules = yes;
        self
    }

    /// Where the expressions of files look. It should answer from memory: it is asked at each tick.
    pub fn history(mut self, history: Arc<dyn Storage>) -> Self {
        self.history = Some(history);
        self
    }

    /// A receiver: a notifier, or a [`Route`] to one that says of which alerts it is told.
    pub fn notify(mut self, route: impl Into<Route>) -> Self {
        self.routes.push(route.into());
        self
    }

    /// Which alerts mute which, in the place of the default: a worse one mutes those of which all
    /// labels but `severity` are equal.
    pub fn inhibit(mut self, inhibitions: impl IntoIterator<Item = Inhibition>) -> Self {
        self.inhibitions = Some(inhibitions.into_iter().collect());
        self
    }

    /// A file to keep alerts, silences and what is to be sent in, over restarts. Without one they are
    /// in memory alone.
    pub fn outbox(mut self, path: impl Into<PathBuf>) -> Self {
        self.outbox = Some(path.into());
        self
    }

    /// How much of everything there may be.
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Another clock than the system's.
    pub fn clock(mut self, clock: Clock) -> Self {
        self.clock = clock;
        self
    }

    /// Opens the outbox, takes in what it holds, reads rule files. The thread waits for the disk.
    ///
    /// # Errors
    /// [`is_store`](Error::is_store): the outbox cannot be used; [`is_options`](Error::is_options): two
    /// rules or two routes of one name; [`is_limit`](Error::is_limit): more rules than there may be.
    pub fn build(self) -> Result<AlertManager, Error> {
        check_names(&self.routes)?;
        let (store, loaded) = match &self.outbox {
            Some(path) => Store::open(path).map(|(store, loaded)| (Some(store), loaded))?,
            None => (None, Loaded::default()),
        };
        let receivers: Vec<Receiver> = self.routes.into_iter().map(Receiver::new).collect();
        let wake = receivers.iter().map(|_| Arc::new(Notify::new())).collect();
        let mut book = Book::new(self.limits, receivers, backoff::random_bits());
        if let Some(inhibitions) = self.inhibitions {
            book.inhibitions = inhibitions;
        }
        let inner = Inner {
            book: Lock::new(book),
            clock: self.clock,
            turn: tokio::sync::Mutex::new(()),
            history: self.history,
            files: Lock::new(Files::new(self.files)),
            writing: Arc::new(Writing::new(store, loaded.repair)),
            wake,
            is_delivering: false.into(),
            has_begun: false.into(),
            stuck: Lock::default(),
            captures: Lock::default(),
            captured_ms: Lock::default(),
        };
        inner.begin(loaded.saved, loaded.records);
        for rule in self.rules {
            inner.book.lock().add_rule(of_closure(rule)?)?;
        }
        if self.default_rules {
            inner.add_default_rules();
        }
        inner.reload_blocking();
        Ok(AlertManager { inner: Arc::new(inner) })
    }
}

impl Inner {
    /// Takes in what the outbox held, and begins it anew: it is as short as it can be at each start,
    /// and belongs to this instance.
    fn begin(&self, saved: crate::book::Saved, records: Vec<crate::book::Record>) {
        let mut book = self.book.lock();
        self.look_at_clock(&mut book);
        book.restore(saved, records);
        drop(book);
        self.compact_now();
    }

    fn add_default_rules(&self) {
        let (rules, report) = read_and_check(DEFAULT_NAME, DEFAULT_RULES);
        let mut status = FileStatus { file: DEFAULT_NAME.into(), ..FileStatus::default() };
        status.errors = report.errors.iter().map(|p| format!("{}: {}", p.line, p.what)).collect();
        if let Some(rules) = rules {
            self.put_in_force(rules, &mut status);
        }
        self.files.lock().add_fixed(status);
    }
}

fn check_names(routes: &[Route]) -> Result<(), Error> {
    for (at, route) in routes.iter().enumerate() {
        let name = &route.name;
        if name.is_empty() || name.len() > 128 {
            return Err(Error::options("a route's name has 1 to 128 bytes: use Route::named"));
        }
        if routes[..at].iter().any(|other| other.name == *name) {
            let message =
                format!("two routes are called {name:?}: tell them apart by Route::named");
            return Err(Error::options(message));
        }
    }
    Ok(())
}

/// A rule of the program's own code.
pub(super) fn of_closure(rule: AlertRule) -> Result<Rule, Error> {
    if rule.name.trim().is_empty() {
        return Err(Error::options("a rule without a name: give it one"));
    }
    let timing = rule.timing();
    let (mut labels, mut annotations) = (rule.labels, rule.annotations);
    if annotations.iter().all(|(name, _)| name != "summary") {
        annotations.push(("summary".into(), format!("Alert: {} triggered", rule.name)));
    }
    labels.push(("severity".into(), rule.severity.as_str().to_owned()));
    let conditions = Conditions { holds: rule.condition, clear: rule.clear };
    Ok(Rule {
        name: 0..rule.name.len() as u32,
        id: rule.name.into(),
        line: 0,
        timing: timing.into(),
        kind: Kind::Closure(conditions.into()),
        labels: Texts::new(labels),
        annotations: Texts::new(annotations),
        captures_cpu: rule.captures_cpu,
        origin: None,
        state: RuleState::default(),
    })
}
