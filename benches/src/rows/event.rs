//! `event/3-labels`: an event by source, domain and entity, which are known at run time only.

use std::hint::black_box;
use std::time::Duration;

use perf_monitor_core::Registry;
use perf_monitor_instruments::{MonitoringOptions, ServiceMetrics};

use super::{Row, hot};
use crate::controls;
use crate::harness::{Effort, Subject, climb};
use crate::report::Report;

pub(crate) const ROW: Row = Row { id: "event/3-labels", run };

const SOURCES: [&str; 2] = ["mqtt", "websocket"];
const DOMAINS: [&str; 4] = ["light", "sensor", "switch", "climate"];

fn run(effort: Effort) -> Result<Report, String> {
    let registry = Registry::builder().budget_bytes(1 << 24).build();
    let service = ServiceMetrics::new(&registry, MonitoringOptions::default());
    let service = service.map_err(|error| error.to_string())?;
    let subjects = [ours(service), off(), controls::floor(), prometheus()];
    let climb = climb(&subjects, hot::visit(&registry), effort.seconds(2.0, 20.0));
    Ok(hot::report(&climb, &subjects))
}

/// Sixteen entities, as the seed names them; most are longer than 16 bytes.
fn entities() -> Vec<(&'static str, &'static str, String)> {
    let entity = |n: usize| {
        let domain = DOMAINS[n % 4];
        (SOURCES[n % 2], domain, format!("{domain}.living_room_{n}"))
    };
    (0..16).map(entity).collect()
}

fn ours(service: ServiceMetrics) -> Subject {
    Subject::new(hot::OURS, move || {
        let (service, entities) = (service.clone(), entities());
        move |ops| {
            for n in 0..ops as usize {
                let (source, domain, entity) = &entities[n % 16];
                let took = Duration::from_nanos(100_000 + (n as u64 % 64) * 100);
                service.record_event_processing(took, source, domain, entity, true);
            }
        }
    })
}

/// The same two metrics by the `prometheus` crate.
fn prometheus() -> Subject {
    let opts = prometheus::Opts::new("events_total", "Events.");
    let labels = ["source", "domain", "entity", "outcome"];
    let events = prometheus::IntCounterVec::new(opts, &labels).expect("the names are valid");
    let opts = prometheus::HistogramOpts::new("event_seconds", "Time.");
    let times = prometheus::HistogramVec::new(opts, &["domain"]).expect("the names are valid");
    Subject::new("prometheus", move || {
        let (events, times, entities) = (events.clone(), times.clone(), entities());
        move |ops| {
            for n in 0..ops as usize {
                let (source, domain, entity) = &entities[n % 16];
                events.with_label_values(&[source, domain, entity.as_str(), "success"]).inc();
                let took = (100_000 + (n as u64 % 64) * 100) as f64 * 1e-9;
                times.with_label_values(&[*domain]).observe(took);
            }
        }
    })
}

fn off() -> Subject {
    Subject::new(hot::OFF, || {
        let entities = entities();
        move |ops| {
            for n in 0..ops as usize {
                black_box(&entities[n % 16]);
            }
        }
    })
}
