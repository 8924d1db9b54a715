//! Selections: what they are of while series come, go and come again.

use perf_monitor_core::{Reader, Registry, Selection};

struct Following {
    registry: Registry,
    reader: Reader,
    selection: [Selection; 1],
}

impl Following {
    fn new(registry: &Registry, metric: &str, labels: &[(&str, &str)]) -> Following {
        let selection = [registry.follow(metric, labels.iter().copied())];
        Following { registry: registry.clone(), reader: Reader::default(), selection }
    }

    fn refreshed(&mut self) -> bool {
        self.selection[0].refresh(&self.registry)
    }

    fn now(&mut self) -> f64 {
        let mut now = Vec::new();
        self.reader.totals(&self.selection, &mut now);
        now[0]
    }
}

#[test]
fn a_series_that_goes_and_comes_again_is_found_by_what_was_asked_for() {
    let registry = Registry::new();
    let jobs = registry.counter_family(("jobs_total", "Jobs."), &["queue", "kind"]).unwrap();
    jobs.with(&["mail", "first"]).unwrap().add(2);
    // in another order than the family's
    let labels = [("kind", "first"), ("queue", "mail")];
    let mut one = Following::new(&registry, "jobs_total", &labels);
    assert_eq!((one.now(), one.refreshed()), (2.0, false));
    jobs.with(&["mail", "again"]).unwrap().add(9);
    assert!(!one.refreshed(), "it is of the same series, whoever else comes");
    assert!(jobs.remove(&["mail", "first"]));
    assert!(one.refreshed());
    assert!(one.now().is_nan() && one.selection[0].is_empty());
    let said = format!("{:?}", one.selection[0]);
    assert!(said.contains("jobs_total") && said.contains("\"first\""), "{said}");
    jobs.with(&["mail", "first"]).unwrap().add(5);
    assert!(one.refreshed());
    assert_eq!(one.now(), 5.0);
}

#[test]
fn a_part_of_the_labels_is_all_that_have_them() {
    let registry = Registry::new();
    let jobs = registry.counter_family(("jobs_total", "Jobs."), &["queue", "kind"]).unwrap();
    jobs.with(&["mail", "first"]).unwrap().add(2);
    let mut mail = Following::new(&registry, "jobs_total", &[("queue", "mail")]);
    assert_eq!(mail.now(), 2.0);
    jobs.with(&["mail", "again"]).unwrap().add(3);
    jobs.with(&["print", "first"]).unwrap().add(40);
    assert!(mail.refreshed());
    assert_eq!((mail.now(), mail.selection[0].len()), (5.0, 2));
    let mut nothing = Following::new(&registry, "jobs_total", &[("queue", "fax")]);
    assert!(nothing.now().is_nan());
    let mut unknown = Following::new(&registry, "jobs_total", &[("queue", "mail"), ("of", "x")]);
    assert!(unknown.now().is_nan());
}

#[test]
fn a_metric_that_comes_later_is_found_then() {
    let registry = Registry::new();
    let mut level = Following::new(&registry, "level", &[]);
    assert!(level.now().is_nan() && level.selection[0].family().is_none());
    registry.gauge(("level", "A level.")).unwrap().set(4.0);
    assert!(level.refreshed() && !level.refreshed());
    assert_eq!(level.now(), 4.0);
}

#[test]
fn series_of_many_selections_are_read_as_one_by_one() {
    let registry = Registry::new();
    let family = registry.gauge_family(("level", "A level."), &["of"]).unwrap();
    let names: Vec<String> = (0..600).map(|of| of.to_string()).collect();
    names.iter().enumerate().for_each(|(of, name)| family.set(&[name], of as f64));
    let selections: Vec<Selection> =
        names.iter().map(|name| registry.follow("level", [("of", name)])).collect();
    let (mut reader, mut now) = (Reader::default(), Vec::new());
    reader.totals(&selections, &mut now);
    assert_eq!(now, (0..600).map(f64::from).collect::<Vec<_>>());
    assert!(selections.iter().map(Selection::bytes).sum::<usize>() <= 600 * 24);
}
