//! Label sets, which are what an alert is told by.

use std::fmt;

use perf_monitor_history::{Labels as Stored, METRIC_NAME};
use serde::de::{MapAccess, Visitor};
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Names and values, sorted by name; cheap to clone. Those of the history, without a metric's name.
///
/// ```
/// use perf_monitor_alerting::Labels;
/// let labels = Labels::new([("route", "/cart"), ("alertname", "Slow")]);
/// assert_eq!(labels.get("route"), Some("/cart"));
/// assert_eq!(labels.to_string(), r#"{alertname="Slow", route="/cart"}"#);
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Labels(Stored);

impl Labels {
    /// The set of these pairs: of a name that is there twice the later one counts, an empty value is
    /// as none, as in Prometheus.
    pub fn new<N, V>(pairs: impl IntoIterator<Item = (N, V)>) -> Labels
    where
        N: AsRef<str>,
        V: AsRef<str>,
    {
        Labels(Stored::new(pairs))
    }

    /// Those of a series, without the metric's name.
    pub(crate) fn of_series(stored: &Stored) -> Labels {
        match stored.name().is_empty() {
            true => Labels(stored.clone()),
            false => Labels::new(stored.iter().filter(|(name, _)| *name != METRIC_NAME)),
        }
    }

    /// The value of `name`.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name)
    }

    /// The pairs, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> + Clone {
        self.0.iter()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.iter().count()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// These and `others`, whose values win.
    pub fn with<'a>(&'a self, others: impl IntoIterator<Item = (&'a str, &'a str)>) -> Labels {
        Labels::new(self.iter().chain(others))
    }

    /// Those that `keep` says yes to.
    pub fn filtered(&self, keep: impl Fn(&str) -> bool) -> Labels {
        Labels::new(self.iter().filter(|(name, _)| keep(name)))
    }

    /// Whether no name has one value here and another one there.
    pub fn agrees_with(&self, other: &Labels) -> bool {
        self.iter().all(|(name, value)| other.get(name).is_none_or(|theirs| theirs == value))
    }

    /// The hash by which Alertmanager shows an alert: FNV-1a over names and values.
    ///
    /// A name for people and URLs: alerts are told apart by their whole labels.
    pub fn fingerprint(&self) -> u64 {
        let mut hash = 0xcbf2_9ce4_8422_2325_u64;
        let mut add = |text: &str| {
            for byte in text.bytes().chain([0xff]) {
                hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
            }
        };
        for (name, value) in self.iter() {
            add(name);
            add(value);
        }
        hash
    }

    /// What it takes on the heap, in bytes; clones share it.
    pub(crate) fn bytes(&self) -> usize {
        self.iter().map(|(n, v)| n.len() + v.len() + 2).sum::<usize>() + 16
    }
}

impl Default for Labels {
    fn default() -> Labels {
        Labels(Stored::none())
    }
}

impl fmt::Display for Labels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("{")?;
        for (index, (name, value)) in self.iter().enumerate() {
            let comma = if index > 0 { ", " } else { "" };
            write!(f, "{comma}{name}={value:?}")?;
        }
        f.write_str("}")
    }
}

impl fmt::Debug for Labels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Labels {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.len()))?;
        for (name, value) in self.iter() {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}

impl<'de> Deserialize<'de> for Labels {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Labels, D::Error> {
        struct Pairs;
        impl<'de> Visitor<'de> for Pairs {
            type Value = Labels;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object of texts")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Labels, A::Error> {
                let mut pairs = Vec::new();
                while let Some(pair) = map.next_entry::<String, String>()? {
                    pairs.push(pair);
                }
                Ok(Labels::new(pairs))
            }
        }
        deserializer.deserialize_map(Pairs)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fingerprint_is_that_of_alertmanager() {
        // As `amtool alert` and the webhook of an Alertmanager 0.25 show it.
        assert_eq!(Labels::default().fingerprint(), 14_695_981_039_346_656_037);
        let ab = Labels::new([("a", "b")]);
        let ba = Labels::new([("b", "a")]);
        assert_ne!(ab.fingerprint(), ba.fingerprint());
    }

    #[test]
    fn the_later_of_two_values_counts_and_an_empty_one_is_none() {
        let labels = Labels::new([("b", "1"), ("a", "1"), ("b", "2"), ("c", "")]);
        assert_eq!(labels, Labels::new([("a", "1"), ("b", "2")]));
        assert_eq!(labels.with([("a", "")]), Labels::new([("b", "2")]));
        assert!(labels.agrees_with(&Labels::new([("a", "1"), ("z", "9")])));
        assert!(!labels.agrees_with(&Labels::new([("a", "2")])));
    }
}
