//! What is read, from where, with which limits.

use std::path::PathBuf;

/// What is read: everything by default.
///
/// ```
/// use perf_monitor_host::{HostOptions, NameFilter};
///
/// let options = HostOptions::default()
///     .per_core(false)
///     .interface_filter(NameFilter::except(["veth*", "docker*"]));
/// ```
#[derive(Clone, Debug)]
pub struct HostOptions {
    pub(crate) root: PathBuf,
    pub(crate) process: bool,
    pub(crate) cpu: bool,
    pub(crate) per_core: bool,
    pub(crate) memory: bool,
    pub(crate) disks: bool,
    pub(crate) network: bool,
    pub(crate) disk_filter: NameFilter,
    pub(crate) interface_filter: NameFilter,
    pub(crate) max_cores: usize,
    pub(crate) max_disks: usize,
    pub(crate) max_interfaces: usize,
}

impl Default for HostOptions {
    fn default() -> Self {
        HostOptions {
            root: PathBuf::from("/"),
            process: true,
            cpu: true,
            per_core: true,
            memory: true,
            disks: true,
            network: true,
            disk_filter: NameFilter::default(),
            interface_filter: NameFilter::default(),
            max_cores: 64,
            max_disks: 32,
            max_interfaces: 32,
        }
    }
}

impl HostOptions {
    /// The directory below which `proc` and `sys` are read, `/` by default. With another one, such
    /// as a host's root mounted into a container, interfaces are those of its process 1, and the
    /// process's CPU time comes from a file, in steps of 10 ms.
    pub fn root(mut self, root: impl Into<PathBuf>) -> Self {
        self.root = root.into();
        self
    }

    /// Whether this process is read.
    pub fn process(mut self, on: bool) -> Self {
        self.process = on;
        self
    }

    /// Whether CPU, load, context switches and interrupts are read.
    pub fn cpu(mut self, on: bool) -> Self {
        self.cpu = on;
        self
    }

    /// Whether CPU time is read by core as well.
    pub fn per_core(mut self, on: bool) -> Self {
        self.per_core = on;
        self
    }

    /// Whether memory, swap, page faults and paging are read.
    pub fn memory(mut self, on: bool) -> Self {
        self.memory = on;
        self
    }

    /// Whether disks are read.
    pub fn disks(mut self, on: bool) -> Self {
        self.disks = on;
        self
    }

    /// Whether network interfaces are read.
    pub fn network(mut self, on: bool) -> Self {
        self.network = on;
        self
    }

    /// Which disks are read. A device that [`NameFilter::only`] names is taken even if it is a
    /// partition or is made of other disks; else those are left out, so that no byte counts twice.
    pub fn disk_filter(mut self, filter: NameFilter) -> Self {
        self.disk_filter = filter;
        self
    }

    /// Which interfaces are read; totals lack the others too.
    pub fn interface_filter(mut self, filter: NameFilter) -> Self {
        self.interface_filter = filter;
        self
    }

    /// The most cores that are told apart, 64 by default. The CPU total counts all.
    pub fn max_cores(mut self, most: usize) -> Self {
        self.max_cores = most;
        self
    }

    /// The most disks, 32 by default.
    pub fn max_disks(mut self, most: usize) -> Self {
        self.max_disks = most;
        self
    }

    /// The most interfaces, 32 by default; the oldest come first.
    pub fn max_interfaces(mut self, most: usize) -> Self {
        self.max_interfaces = most;
        self
    }
}

/// Names that are taken or left out. A pattern is a name in which `*` stands for any characters.
#[derive(Clone, Debug, Default)]
pub struct NameFilter {
    rule: Rule,
    patterns: Vec<String>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq)]
enum Rule {
    #[default]
    Except,
    Only,
}

impl NameFilter {
    /// Only names that match one of the patterns.
    pub fn only<I: IntoIterator<Item = S>, S: Into<String>>(patterns: I) -> Self {
        Self::new(Rule::Only, patterns)
    }

    /// All names but those that match one of the patterns.
    pub fn except<I: IntoIterator<Item = S>, S: Into<String>>(patterns: I) -> Self {
        Self::new(Rule::Except, patterns)
    }

    fn new<I: IntoIterator<Item = S>, S: Into<String>>(rule: Rule, patterns: I) -> Self {
        NameFilter { rule, patterns: patterns.into_iter().map(Into::into).collect() }
    }

    /// Whether a name is taken.
    pub fn takes(&self, name: &str) -> bool {
        self.takes_bytes(name.as_bytes())
    }

    pub(crate) fn takes_bytes(&self, name: &[u8]) -> bool {
        let matched = self.patterns.iter().any(|p| matches(p.as_bytes(), name));
        matched == (self.rule == Rule::Only)
    }

    /// Whether a name is taken because a pattern asks for it.
    pub(crate) fn asks_for(&self, name: &[u8]) -> bool {
        self.rule == Rule::Only && self.takes_bytes(name)
    }
}

/// Matches in time |pattern| × |name|: after a mismatch, only the last `*` takes one character more.
fn matches(pattern: &[u8], name: &[u8]) -> bool {
    let (mut p, mut n) = (0, 0);
    let mut retry = None;
    while n < name.len() {
        if pattern.get(p) == Some(&b'*') {
            retry = Some((p + 1, n + 1));
            p += 1;
        } else if pattern.get(p) == Some(&name[n]) {
            p += 1;
            n += 1;
        } else if let Some((after_star, next)) = retry {
            (p, n) = (after_star, next);
            retry = Some((after_star, next + 1));
        } else {
            return false;
        }
    }
    pattern[p..].iter().all(|b| *b == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_any_characters() {
        for (pattern, name, expected) in [
            ("eth0", "eth0", true),
            ("eth0", "eth01", false),
            ("eth*", "eth0", true),
            ("eth*", "eth", true),
            ("*", "", true),
            ("", "", true),
            ("", "a", false),
            ("*n1", "nvme0n1n1", true),
            ("nvme*n*", "nvme10n2", true),
            ("a*b*c", "a-b-b-c", true),
            ("a*b*c", "a-b-b-d", false),
        ] {
            assert_eq!(matches(pattern.as_bytes(), name.as_bytes()), expected, "{pattern} {name}");
        }
    }

    #[test]
    fn only_and_except_are_opposites() {
        assert!(NameFilter::default().takes("any"));
        assert!(NameFilter::only(["sd*", "vda"]).takes("vda"));
        assert!(!NameFilter::only(["sd*", "vda"]).takes("vdb"));
        assert!(!NameFilter::except(["veth*"]).takes("veth12"));
        assert!(NameFilter::except(["veth*"]).takes("eth0"));
    }
}
