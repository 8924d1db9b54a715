//! The labels of a key, as a family takes them.

use std::borrow::Cow;

use ::metrics::Key;

/// A key's labels by their cleaned names, each name once.
pub(super) struct Labels<'a>(Vec<(Cow<'a, str>, &'a str)>);

impl<'a> Labels<'a> {
    /// Of a name that is there twice, the last value counts.
    pub(super) fn of(key: &'a Key) -> Labels<'a> {
        let mut labels: Vec<(Cow<'a, str>, &'a str)> = Vec::new();
        for label in key.labels() {
            let name = super::name::label(label.key());
            match labels.iter_mut().find(|(known, _)| *known == name) {
                Some((_, value)) => *value = label.value(),
                None => labels.push((name, label.value())),
            }
        }
        Labels(labels)
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(name, _)| &**name)
    }

    /// Whether `names` has all of these.
    pub(super) fn fit(&self, names: &[Box<str>]) -> bool {
        self.names().all(|name| names.iter().any(|known| **known == *name))
    }

    /// The values in the order of `names`; a label that the key does not have is empty.
    pub(super) fn values(&self, names: &[Box<str>]) -> Vec<&'a str> {
        let value = |name: &str| {
            self.0.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value)
        };
        names.iter().map(|name| value(name)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_go_by_name_with_the_last_value_of_each() {
        let key = Key::from_parts("a", &[("b.c", "1"), ("d", "2"), ("b_c", "3")]);
        let labels = Labels::of(&key);
        assert_eq!(labels.names().collect::<Vec<_>>(), ["b_c", "d"]);
        let names = ["x", "d", "b_c"].map(Box::from);
        assert!(labels.fit(&names) && !labels.fit(&names[..2]));
        assert_eq!(labels.values(&names), ["", "2", "3"]);
    }
}
