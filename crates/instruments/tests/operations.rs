//! Errors, retries, circuit breakers, connections, health.

use std::time::Duration;

use perf_monitor_core::{Clock, FakeClock, Registry, Value};
use perf_monitor_instruments::{
    BreakerState, CircuitBreakers, ConnectionState, ConnectionStates, Errors, Health, HealthState,
    Retries, Severity,
};

const START_NS: u64 = 1_000_000_000 * 1_000_000_000;

fn fake() -> (Registry, FakeClock) {
    let (clock, hand) = Clock::fake();
    (Registry::builder().clock(clock).build(), hand)
}

fn counter(registry: &Registry, name: &str, labels: &[(&str, &str)]) -> Option<u64> {
    match registry.snapshot().value(name, labels) {
        Some(Value::Counter(n)) => Some(n),
        _ => None,
    }
}

/// The states of one thing that are 1.
fn holding(registry: &Registry, metric: &str, label: &str, name: &str) -> Vec<String> {
    let snapshot = registry.snapshot();
    let family = snapshot.family(metric).expect("it has series");
    assert_eq!(&*family.info.label_names[0], label);
    let of_it = family.series.iter().filter(|one| &one.info.label_values[0] == name);
    let on = of_it.filter(|one| matches!(one.value.as_value(), Value::Gauge(1.0)));
    on.map(|one| one.info.label_values[1].to_owned()).collect()
}

#[test]
fn errors_are_counted_by_type_component_and_severity() {
    let registry = Registry::new();
    let errors = Errors::new(&registry).unwrap();
    errors.record_error("timeout", "database", Severity::Error);
    errors.record_error("timeout", "database", Severity::Error);
    errors.record_error("timeout", "database", Severity::Critical);
    errors.record_error("parse", "mqtt", Severity::Warning);
    assert_eq!(errors.total(), 4);

    let summary = errors.summary();
    let first = &summary[0];
    assert_eq!((first.error_type.as_str(), first.component.as_str()), ("parse", "mqtt"));
    assert_eq!((first.severity, first.count, first.overflow), (Some(Severity::Warning), 1, false));
    assert_eq!(summary.iter().map(|one| one.count).sum::<u64>(), 4);
    let labels = [("type", "timeout"), ("component", "database"), ("severity", "error")];
    assert_eq!(counter(&registry, "errors_total", &labels), Some(2));
}

#[test]
fn severities_are_ordered_and_called_as_in_the_labels() {
    let names = [Severity::Info, Severity::Warning, Severity::Error, Severity::Critical];
    assert!(names.is_sorted());
    assert_eq!(names.map(Severity::as_str), ["info", "warning", "error", "critical"]);
    assert_eq!(Severity::Critical.to_string(), "critical");
}

#[test]
fn errors_without_room_are_in_the_total() {
    let registry = Registry::builder().budget_bytes(6_000).build();
    let errors = Errors::new(&registry).unwrap();
    for n in 0..100 {
        errors.record_error(&format!("error {n}"), "database", Severity::Error);
    }
    assert_eq!(errors.total(), 100);
    let summary = errors.summary();
    let last = summary.last().unwrap();
    assert!(last.overflow && last.count > 0 && last.severity.is_none());
    assert_eq!(last.error_type, "overflow");
    assert!(registry.stats().refused_series >= last.count);
}

#[test]
fn retries_are_counted_by_operation() {
    let registry = Registry::new();
    let retries = Retries::new(&registry).unwrap();
    (0..3).for_each(|_| retries.record_retry_attempt("publish"));
    retries.record_retry_attempt("connect");
    assert_eq!(retries.total(), 4);
    let summary = retries.summary();
    assert_eq!((summary[1].operation.as_str(), summary[1].count), ("publish", 3));
    assert_eq!(counter(&registry, "retries_total", &[("operation", "publish")]), Some(3));
}

#[test]
fn a_breaker_counts_a_transition_only_when_it_changes() {
    let (registry, hand) = fake();
    let breakers = CircuitBreakers::new(&registry).unwrap();
    let say = |state| breakers.record_circuit_breaker_state("database", state);
    say(BreakerState::Closed); // known now, which is no transition
    hand.advance(Duration::from_secs(5));
    say(BreakerState::Open);
    hand.advance(Duration::from_secs(5));
    say(BreakerState::Open);
    let status = breakers.summary().remove(0);
    assert_eq!((status.breaker.as_str(), status.state), ("database", BreakerState::Open));
    assert_eq!((status.transitions, status.since_unix_ns), (1, START_NS + 5_000_000_000));
    assert_eq!(holding(&registry, "circuit_breaker_state", "breaker", "database"), ["open"]);

    say(BreakerState::HalfOpen);
    say(BreakerState::Open);
    assert_eq!(breakers.summary()[0].transitions, 3);
    let to = |state| [("breaker", "database"), ("to", state)];
    assert_eq!(counter(&registry, "circuit_breaker_transitions_total", &to("open")), Some(2));
    assert_eq!(counter(&registry, "circuit_breaker_transitions_total", &to("half_open")), Some(1));
    assert_eq!(counter(&registry, "circuit_breaker_transitions_total", &to("closed")), None);
}

#[test]
fn a_breaker_without_room_has_no_state_and_is_counted() {
    let registry = Registry::builder().budget_bytes(4_000).build();
    let breakers = CircuitBreakers::new(&registry).unwrap();
    for n in 0..50 {
        breakers.record_circuit_breaker_state(&format!("breaker {n}"), BreakerState::Open);
    }
    let known = breakers.summary().len();
    assert!(known < 50, "{known}");
    assert_eq!(registry.stats().refused_series, 50 - known as u64);
    assert!(registry.stats().charged_bytes <= 4_000);
}

#[test]
fn connections_are_in_one_state_each() {
    let (registry, hand) = fake();
    let connections = ConnectionStates::new(&registry).unwrap();
    connections.record_connection_state("mqtt", ConnectionState::Connecting);
    connections.record_connection_state("influx", ConnectionState::Failed);
    hand.advance(Duration::from_secs(1));
    connections.record_connection_state("mqtt", ConnectionState::Connected);
    let summary = connections.summary();
    assert_eq!(summary[0].connection, "influx");
    assert_eq!((summary[0].state, summary[0].since_unix_ns), (ConnectionState::Failed, START_NS));
    assert_eq!(summary[1].since_unix_ns, START_NS + 1_000_000_000);
    assert_eq!(holding(&registry, "connection_state", "connection", "mqtt"), ["connected"]);
    assert_eq!(holding(&registry, "connection_state", "connection", "influx"), ["failed"]);
}

#[test]
fn overall_health_is_that_of_the_worst_component() {
    let registry = Registry::new();
    let health = Health::new(&registry).unwrap();
    assert_eq!(health.overall(), None);
    health.set("mqtt", HealthState::Healthy, "");
    assert_eq!(health.overall(), Some(HealthState::Healthy));
    health.set("influx", HealthState::Unhealthy, "refused");
    health.set("queue", HealthState::Degraded, "80 % full");
    assert_eq!(health.overall(), Some(HealthState::Unhealthy));
    health.set("influx", HealthState::Healthy, "");
    assert_eq!(health.overall(), Some(HealthState::Degraded));
    assert_eq!(holding(&registry, "component_health", "component", "queue"), ["degraded"]);
}

#[test]
fn a_reason_is_kept_up_to_its_limit_and_given_back() {
    let (registry, hand) = fake();
    let health = Health::new(&registry).unwrap();
    health.set("queue", HealthState::Degraded, "");
    let without = registry.stats().charged_bytes;
    hand.advance(Duration::from_secs(1));
    health.set("queue", HealthState::Degraded, &"ö".repeat(1_000));
    let queue = &health.summary()[0];
    assert_eq!((queue.reason.len(), queue.since_unix_ns), (200, START_NS));
    assert_eq!(registry.stats().charged_bytes, without + 200);
    health.set("queue", HealthState::Healthy, "");
    assert_eq!(health.summary()[0].reason, "");
    assert_eq!(registry.stats().charged_bytes, without);
}

#[test]
fn threads_agree_on_transitions() {
    let registry = Registry::new();
    let breakers = CircuitBreakers::new(&registry).unwrap();
    breakers.record_circuit_breaker_state("shared", BreakerState::Closed);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            let breakers = breakers.clone();
            scope
                .spawn(move || breakers.record_circuit_breaker_state("shared", BreakerState::Open));
        }
    });
    assert_eq!(breakers.summary()[0].transitions, 1);
}

#[test]
fn each_is_the_same_for_everybody_on_one_registry() {
    let registry = Registry::new();
    Errors::new(&registry).unwrap().record_error("timeout", "database", Severity::Info);
    Retries::new(&registry).unwrap().record_retry_attempt("publish");
    Health::new(&registry).unwrap().set("queue", HealthState::Healthy, "");
    assert_eq!(Errors::new(&registry).unwrap().total(), 1);
    assert_eq!(Retries::new(&registry).unwrap().total(), 1);
    assert_eq!(Health::new(&registry).unwrap().summary().len(), 1);
}

#[test]
fn names_that_are_taken_by_others_are_errors() {
    let taken = |name: &str| {
        let registry = Registry::new();
        registry.histogram((name, "Something else."), Default::default()).unwrap();
        registry
    };
    assert!(Errors::new(&taken("errors_total")).unwrap_err().is_clash());
    assert!(Retries::new(&taken("retries_total")).unwrap_err().is_clash());
    assert!(CircuitBreakers::new(&taken("circuit_breaker_state")).unwrap_err().is_clash());
    assert!(ConnectionStates::new(&taken("connection_state")).unwrap_err().is_clash());
    assert!(Health::new(&taken("component_health")).unwrap_err().is_clash());
}

#[test]
fn a_reason_is_never_cut_within_a_character() {
    let health = Health::new(&Registry::new()).unwrap();
    health.set("queue", HealthState::Degraded, &format!("x{}", "ö".repeat(200)));
    let reason = &health.summary()[0].reason;
    assert_eq!((reason.len(), reason.ends_with('ö')), (199, true));
}
