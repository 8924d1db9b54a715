//! Each feature of each library alone, none, all, and for the facade pairs, so that no set fails to compile.

use std::collections::{BTreeMap, BTreeSet};

use crate::command;
use crate::error::{Error, Result};
use crate::workspace::{Package, Workspace};

/// The crate whose features users combine; the others are checked alone.
const FACADE: &str = "perf-monitor";

/// A check takes about a second when warm; past this many the features want thinning, not the machine more time.
const MAX_SETS: usize = 120;

/// What one `cargo check` switches on.
type Set = BTreeSet<String>;

pub(crate) fn check(workspace: &Workspace) -> Result<()> {
    let libraries =
        workspace.packages.iter().filter(|package| package.published && package.has_library);
    let plan: Vec<(&Package, Vec<Set>)> =
        libraries.map(|package| (package, sets(package))).collect();
    let number: usize = plan.iter().map(|(_, sets)| sets.len()).sum();
    if number > MAX_SETS {
        return Err(Error::new(format!(
            "{number} sets of features, over the {MAX_SETS} that fit the time: have fewer features"
        )));
    }
    for (package, sets) in plan {
        println!("features: {}: {} sets", package.name, sets.len());
        sets.iter().try_for_each(|set| check_one(workspace, package, set))?;
    }
    Ok(())
}

/// By clippy, so that code left dead by a set of features is a failure too.
fn check_one(workspace: &Workspace, package: &Package, set: &Set) -> Result<()> {
    let features = set.iter().map(String::as_str).collect::<Vec<_>>().join(",");
    let mut cargo = workspace.cargo();
    cargo.args(["clippy", "--quiet", "--lib", "--no-default-features", "--package", &package.name]);
    cargo.args(["--features", &features, "--", "-D", "warnings"]);
    command::run(&mut cargo)
}

/// None, each alone, all, and for the facade pairs; sets that switch on the same are checked once.
///
/// Pairs are of features that bring a dependency, whose code may miss another's. The rest switch on features of crates
/// that are there anyway, which those crates check alone.
fn sets(package: &Package) -> Vec<Set> {
    let table: BTreeMap<&str, &[String]> = package
        .features
        .iter()
        .map(|(name, enables)| (name.as_str(), enables.as_slice()))
        .collect();
    let names: Vec<&str> = table.keys().copied().collect();
    let mut seen = BTreeSet::new();
    let brings_code = |name: &&str| table[name].iter().any(|enabled| enabled.starts_with("dep:"));
    let paired: Vec<&str> = match package.name == FACADE {
        true => names.iter().copied().filter(brings_code).collect(),
        false => Vec::new(),
    };
    let mut sets = candidates(&names, &paired);
    sets.retain(|set| seen.insert(closure(&table, set)));
    sets
}

fn candidates(names: &[&str], paired: &[&str]) -> Vec<Set> {
    let set = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Set>();
    let mut candidates = vec![Set::new(), set(names)];
    candidates.extend(names.iter().map(|name| set(&[name])));
    for (index, first) in paired.iter().enumerate() {
        candidates.extend(paired[index + 1..].iter().map(|second| set(&[first, second])));
    }
    candidates
}

/// All that `set` switches on in the end, other crates' features included; `default` is only a name for its parts.
fn closure(table: &BTreeMap<&str, &[String]>, set: &Set) -> Set {
    let mut reached = Set::new();
    let mut open: Vec<String> = set.iter().cloned().collect();
    while let Some(feature) = open.pop() {
        let enables = table.get(feature.as_str()).copied().unwrap_or_default();
        if reached.insert(feature) {
            open.extend(enables.iter().cloned());
        }
    }
    reached.remove("default");
    reached
}

#[cfg(test)]
mod tests {
    use super::*;

    fn package(name: &str, features: &[(&str, &[&str])]) -> Package {
        let owned = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
        Package {
            name: name.to_owned(),
            features: features
                .iter()
                .map(|(name, enables)| ((*name).to_owned(), owned(enables)))
                .collect(),
            ..Package::default()
        }
    }

    fn shown(package: &Package) -> Vec<String> {
        sets(package)
            .iter()
            .map(|set| set.iter().map(String::as_str).collect::<Vec<_>>().join("+"))
            .collect()
    }

    #[test]
    fn a_crate_without_features_is_checked_once() {
        assert_eq!(shown(&package("core", &[])), [""]);
    }

    #[test]
    fn a_library_has_none_all_and_each_alone() {
        let http = package("http", &[("server", &[]), ("tls", &[])]);
        assert_eq!(shown(&http), ["", "server+tls", "server", "tls"]);
    }

    #[test]
    fn the_facade_has_pairs_of_what_brings_code_too() {
        let (a, b, c) = (&["dep:a"], &["dep:b"], &["dep:c"]);
        let facade = package(FACADE, &[("a", a), ("b", b), ("c", c), ("d", &["a", "a/more"])]);
        let sets = ["", "a+b+c+d", "a", "b", "c", "d", "a+b", "a+c", "b+c"];
        assert_eq!(shown(&facade), sets);
    }

    #[test]
    fn sets_that_switch_on_the_same_are_checked_once() {
        let facade = package(
            FACADE,
            &[("default", &["page"]), ("http", &[]), ("page", &["http", "dep:page"])],
        );
        assert_eq!(shown(&facade), ["", "default+http+page", "http"]);
    }
}
