//! Arrows between the crates point strictly down.

use super::Finding;
use crate::workspace::{Dependency, Package};

/// Layer by layer from below; crates of one layer know nothing of each other.
const LAYERS: [&[&str]; 7] = [
    &["perf-monitor-core", "perf-monitor-macros"],
    &[
        "perf-monitor-host",
        "perf-monitor-http",
        "perf-monitor-tracing",
        "perf-monitor-profiling",
        "perf-monitor-instruments",
    ],
    &["perf-monitor-exporters", "perf-monitor-history", "perf-monitor-bridges"],
    &["perf-monitor-alerting", "perf-monitor-analysis"],
    &["perf-monitor-dashboard"],
    &["perf-monitor"],
    &["perf-monitor-cli"],
];

/// Above all layers: it measures every crate, and none depends on it.
const BENCHES: &str = "perf-monitor-benches";

/// Below all layers: it knows none of them, and only their tests and the benches use it.
const BROWSER: &str = "perf-monitor-browser";

/// Beside all layers: it must work when none of them compiles.
const XTASK: &str = "xtask";

/// What broke the rule, and what only deserves a look.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Layers {
    pub(super) findings: Vec<Finding>,
    pub(super) notes: Vec<String>,
}

pub(super) fn check(packages: &[Package]) -> Layers {
    let mut layers = Layers::default();
    for package in packages {
        if package.name != XTASK && layer(&package.name).is_none() {
            layers.findings.push(format!(
                "layers: {} has no layer; put it into the table of xtask/src/tidy/layers.rs",
                package.name
            ));
        }
        for dependency in &package.dependencies {
            if is_member(packages, dependency) && !points_down(package, dependency) {
                layers.add(package, dependency);
            }
        }
    }
    layers
}

impl Layers {
    fn add(&mut self, package: &Package, dependency: &Dependency) {
        let arrow = format!("{} -> {}", package.name, dependency.name);
        if dependency.dev {
            self.notes.push(format!("layers: the dev-dependency {arrow} does not point down"));
        } else {
            self.findings.push(format!("layers: {arrow} does not point down"));
        }
    }
}

fn is_member(packages: &[Package], dependency: &Dependency) -> bool {
    packages.iter().any(|package| package.name == dependency.name)
}

/// Unknown crates count as not below: they are a finding already, and their arrows are another.
fn points_down(package: &Package, dependency: &Dependency) -> bool {
    matches!((layer(&package.name), layer(&dependency.name)), (Some(upper), Some(lower)) if lower < upper)
}

fn layer(name: &str) -> Option<usize> {
    if name == BENCHES {
        return Some(LAYERS.len() + 1);
    }
    if name == BROWSER {
        return Some(0);
    }
    LAYERS.iter().position(|crates| crates.contains(&name)).map(|layer| layer + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn package(name: &str, dependencies: &[(&str, bool)]) -> Package {
        let dependencies = dependencies
            .iter()
            .map(|(name, dev)| Dependency { name: (*name).to_owned(), dev: *dev });
        Package {
            name: name.to_owned(),
            dependencies: dependencies.collect(),
            ..Package::default()
        }
    }

    #[test]
    fn arrows_down_and_to_other_people_s_crates_are_fine() {
        let packages = [
            package("perf-monitor-core", &[("hdrhistogram", false)]),
            package("perf-monitor-http", &[("perf-monitor-core", false)]),
            package(
                "perf-monitor-benches",
                &[("perf-monitor-core", false), ("perf-monitor-http", false)],
            ),
            package("xtask", &[("serde_json", false)]),
        ];
        assert_eq!(check(&packages), Layers::default());
    }

    #[test]
    fn an_arrow_up_is_a_finding() {
        let packages = [
            package("perf-monitor-core", &[("perf-monitor-http", false)]),
            package("perf-monitor-http", &[]),
        ];
        assert_eq!(
            check(&packages).findings,
            ["layers: perf-monitor-core -> perf-monitor-http does not point down"]
        );
    }

    #[test]
    fn crates_of_one_layer_do_not_know_each_other() {
        let packages = [
            package("perf-monitor-host", &[("perf-monitor-http", false)]),
            package("perf-monitor-http", &[]),
        ];
        assert_eq!(check(&packages).findings.len(), 1);
    }

    #[test]
    fn a_dev_dependency_is_only_noted() {
        let packages = [
            package("perf-monitor-core", &[("perf-monitor-http", true)]),
            package("perf-monitor-http", &[]),
        ];
        let layers = check(&packages);
        assert!(layers.findings.is_empty());
        assert_eq!(layers.notes.len(), 1);
    }

    #[test]
    fn a_crate_without_a_layer_is_a_finding() {
        assert!(
            check(&[package("perf-monitor-util", &[])]).findings[0]
                .contains("perf-monitor-util has no layer")
        );
    }

    #[test]
    fn xtask_depends_on_no_crate_of_the_project() {
        let packages =
            [package("xtask", &[("perf-monitor-core", false)]), package("perf-monitor-core", &[])];
        assert_eq!(check(&packages).findings.len(), 1);
    }
}
