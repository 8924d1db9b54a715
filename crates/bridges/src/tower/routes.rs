//! The routes of a registry: a bounded map, behind a small cache in each thread.

use super::cache::{self, Share};
use super::route::{Families, Route};
use perf_monitor_core::{Error, Lock, Registry};
use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

/// The routes of one registry.
pub(super) struct Routes {
    families: Arc<Families>,
    known: Lock<HashMap<Box<str>, Vec<Arc<Route>>>>,
    overflow: OnceLock<Arc<Route>>,
}

impl Routes {
    pub(super) fn new(registry: &Registry) -> Result<Routes, Error> {
        Ok(Routes {
            families: Arc::new(Families::new(registry)?),
            known: Lock::new(HashMap::new()),
            overflow: OnceLock::new(),
        })
    }

    /// The metrics of this method on this route, which begin if they are new; without room, those
    /// of all that found none.
    #[inline]
    pub(super) fn get(&self, method: &'static str, route: &str) -> Share {
        let hash = cache::hash(method, route);
        let share = cache::find(hash, |one| one.is(&self.families, method, route));
        share.unwrap_or_else(|| self.look_up(hash, method, route))
    }

    #[cold]
    #[inline(never)]
    fn look_up(&self, hash: u64, method: &'static str, route: &str) -> Share {
        match self.find(method, route).or_else(|| self.insert(method, route)) {
            Some(found) => {
                let share = Share::new(found);
                cache::remember(hash, share.clone());
                share
            }
            None => self.refuse(),
        }
    }

    fn find(&self, method: &str, route: &str) -> Option<Arc<Route>> {
        let known = self.known.lock();
        known.get(route)?.iter().find(|one| one.is(&self.families, method, route)).cloned()
    }

    fn insert(&self, method: &'static str, route: &str) -> Option<Arc<Route>> {
        // Outside the lock, as it begins series.
        let made = Arc::new(Route::new(&self.families, method, route)?);
        let mut known = self.known.lock();
        let methods = known.entry(route.into()).or_default();
        // Somebody else may have been first.
        let first = methods.iter().find(|one| one.is(&self.families, method, route)).cloned();
        Some(first.unwrap_or_else(|| {
            methods.push(made.clone());
            made
        }))
    }

    #[cold]
    fn refuse(&self) -> Share {
        self.families.count_refused();
        let overflow = self.overflow.get().unwrap_or_else(|| {
            let made = Arc::new(Route::overflow(&self.families));
            self.families.keep(&self.overflow, made)
        });
        Share::new(overflow.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_route_is_one_for_each_method_in_all_threads() {
        let routes = Arc::new(Routes::new(&Registry::new()).unwrap());
        let first = routes.get("GET", "/users/{id}");
        assert!(Arc::ptr_eq(&first, &routes.get("GET", "/users/{id}")));
        assert!(!Arc::ptr_eq(&first, &routes.get("PUT", "/users/{id}")));
        let there = routes.clone();
        let share = std::thread::spawn(move || there.get("GET", "/users/{id}")).join().unwrap();
        assert!(!Arc::ptr_eq(&first, &share), "a thread has a share of its own");
        assert!(Arc::ptr_eq(&*first, &*share));
    }

    #[test]
    fn routes_of_two_registries_do_not_meet() {
        let [one, two] = [0, 1].map(|_| Routes::new(&Registry::new()).unwrap());
        let first = one.get("GET", "/");
        assert!(!Arc::ptr_eq(&*first, &*two.get("GET", "/")));
        assert!(Arc::ptr_eq(&*first, &*one.get("GET", "/")));
    }

    #[test]
    fn as_many_routes_as_a_service_has_are_remembered() {
        let routes = Routes::new(&Registry::new()).unwrap();
        let names: Vec<String> = (0..50).map(|n| format!("/api/v1/thing-{n}/{{id}}")).collect();
        let shares = || names.iter().map(|name| routes.get("GET", name));
        let first: Vec<Share> = shares().collect();
        let same = first.iter().zip(shares()).filter(|(a, b)| Arc::ptr_eq(a, b)).count();
        assert!(same > 45, "{same} of 50");
    }

    #[test]
    fn a_hash_is_not_a_route() {
        let routes = Routes::new(&Registry::new()).unwrap();
        let names: Vec<String> = (0..6).map(|n| format!("/{n}")).collect();
        // All in one set, of which each goes when its turn comes.
        let get = |name: &String| routes.look_up(0, "GET", name);
        let first: Vec<Share> = names.iter().map(get).collect();
        let find = |name: &String| cache::find(0, |one| one.is(&routes.families, "GET", name));
        let known = names.iter().filter_map(find).count();
        assert_eq!(known, 4);
        assert!(first.iter().zip(names.iter().map(get)).all(|(a, b)| Arc::ptr_eq(&**a, &*b)));
    }
}
