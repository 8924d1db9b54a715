//! `cache/hit`: a hit of a cache counted.

use std::hint::black_box;

use perf_monitor_core::Registry;
use perf_monitor_instruments::{Cache, Caches};

use super::{Row, hot};
use crate::controls;
use crate::harness::{Effort, Subject, climb};
use crate::report::Report;

pub(crate) const ROW: Row = Row { id: "cache/hit", run };

fn run(effort: Effort) -> Result<Report, String> {
    let registry = Registry::new();
    let caches = Caches::new(&registry).map_err(|error| error.to_string())?;
    let names = ["a", "b", "c", "d", "e", "f", "g", "h"];
    let subjects = [
        hit(names.map(|name| caches.cache(name))),
        off(),
        controls::floor(),
        controls::prometheus_counter(),
    ];
    let climb = climb(&subjects, hot::visit(&registry), effort.seconds(1.0, 10.0));
    Ok(hot::report(&climb, &subjects))
}

fn hit(caches: [Cache; 8]) -> Subject {
    Subject::new(hot::OURS, move || {
        let caches = caches.clone();
        move |ops| {
            for _ in 0..ops / 8 {
                caches.iter().for_each(|cache| {
                    cache.hit();
                    black_box(());
                });
            }
        }
    })
}

fn off() -> Subject {
    Subject::new(hot::OFF, || |ops| (0..ops).for_each(|_| black_box(())))
}
