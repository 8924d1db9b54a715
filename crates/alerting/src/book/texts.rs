//! Names with texts, in one piece.

use crate::packed::{put_number, take_number};

/// Names and texts, each behind its length: what a rule says, which is read when an alert fires.
#[derive(Default)]
pub(crate) struct Texts(Box<[u8]>);

impl Texts {
    pub(crate) fn new<N: AsRef<str>, T: AsRef<str>>(
        pairs: impl IntoIterator<Item = (N, T)>,
    ) -> Texts {
        let mut packed = Vec::new();
        for (name, text) in pairs {
            for piece in [name.as_ref(), text.as_ref()] {
                put_number(&mut packed, piece.len() as u64);
                packed.extend_from_slice(piece.as_bytes());
            }
        }
        Texts(packed.into())
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        let mut rest = &*self.0;
        std::iter::from_fn(move || Some((piece(&mut rest)?, piece(&mut rest)?)))
    }

    pub(crate) fn bytes(&self) -> usize {
        self.0.len()
    }
}

fn piece<'a>(rest: &mut &'a [u8]) -> Option<&'a str> {
    let mut bytes = rest.iter().copied();
    let length = take_number(&mut bytes) as usize;
    let (piece, after) = rest[rest.len() - bytes.len()..].split_at_checked(length)?;
    let is_end = rest.is_empty();
    *rest = after;
    if is_end { None } else { str::from_utf8(piece).ok() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_come_back_in_their_order_empty_and_long_ones_too() {
        let long = "ä".repeat(10_000);
        let pairs = [("b", "1"), ("a", ""), ("", ""), ("a", &long)];
        assert_eq!(Texts::new(pairs).iter().collect::<Vec<_>>(), pairs);
        assert_eq!(Texts::default().iter().next(), None);
    }
}
