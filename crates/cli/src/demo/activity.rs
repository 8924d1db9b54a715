//! What the shop tells its instruments: stages, queries, caches, events and how its store does.

use std::cell::Cell;
use std::time::Duration;

use perf_monitor::instruments::{
    BreakerState, Cache, ConnectionState, Event, HealthState, Query, ServiceMetrics, Severity,
    Stage,
};

use super::dice::Dice;

/// Pages that the shop keeps rendered, of how many bytes each.
const PAGES: u64 = 40;
const PAGE_BYTES: u64 = 1024;

/// The share of visits that find their page rendered, and how often a page makes room for a new one.
const RENDERED: f64 = 0.85;
const EVICTED: f64 = 0.3;

/// The instruments, with handles to what each request uses.
pub(super) struct Activity {
    service: ServiceMetrics,
    pages: Cache,
    search: Query,
    pub(super) reserve: Stage,
    pub(super) pay: Stage,
    pub(super) confirm: Stage,
    pub(super) collect: Stage,
    store_is_up: Cell<bool>,
}

impl Activity {
    pub(super) fn new(service: &ServiceMetrics) -> Activity {
        let stage = |name| service.stages().stage(name);
        let activity = Activity {
            pages: service.caches().cache("pages"),
            search: service.queries().query("products by word"),
            reserve: stage("reserve"),
            pay: stage("pay"),
            confirm: stage("confirm"),
            collect: stage("collect"),
            store_is_up: Cell::new(false),
            service: service.clone(),
        };
        service.health().set("payments", HealthState::Healthy, "");
        activity.store(true);
        activity
    }

    /// A page is wanted; whether it must be rendered.
    pub(super) fn page(&self, dice: &Dice) -> bool {
        if dice.happens(RENDERED) {
            self.pages.hit();
            return false;
        }
        self.pages.miss();
        if dice.happens(EVICTED) {
            self.pages.evicted(1);
        }
        self.pages.set_size(PAGES * PAGE_BYTES);
        true
    }

    /// A search took so long: mostly in its execution.
    pub(super) fn searched(&self, took: Duration) {
        self.search.record(took.mul_f64(0.05), took.mul_f64(0.15), took.mul_f64(0.8));
        self.service.timeline().record("search");
    }

    /// The payment provider is slow, or not.
    pub(super) fn payments(&self, strained: bool) {
        let (state, reason) = match strained {
            true => (HealthState::Degraded, "the provider takes three times as long"),
            false => (HealthState::Healthy, ""),
        };
        self.service.health().set("payments", state, reason);
    }

    /// The reports' store answers, or not.
    pub(super) fn store(&self, up: bool) {
        if self.store_is_up.replace(up) == up {
            return;
        }
        let (breaker, connection, health, reason) = match up {
            true => (BreakerState::Closed, ConnectionState::Connected, HealthState::Healthy, ""),
            false => (
                BreakerState::Open,
                ConnectionState::Failed,
                HealthState::Unhealthy,
                "the store is away",
            ),
        };
        self.service.record_circuit_breaker_state("store", breaker);
        self.service.connections().record_connection_state("store", connection);
        self.service.health().set("store", health, reason);
    }

    /// A report was read from the store, or failed.
    pub(super) fn report(&self, failed: bool) {
        if failed {
            self.service.record_error("unavailable", "store", Severity::Error);
            self.service.record_retry_attempt("load report");
        } else {
            self.service.io().record_io_read(16 * PAGE_BYTES);
        }
    }

    /// A request was answered.
    pub(super) fn answered(&self, route: &str, took: Duration, success: bool, bytes: usize) {
        let event = Event::new("web", "shop", route).duration(took).success(success);
        self.service.events().record(&event.wrote(u64::from(bytes > 0), bytes as u64));
    }

    /// So many connections are open.
    pub(super) fn connections(&self, open: u64) {
        self.service.events().set_connections("web", open);
    }
}
