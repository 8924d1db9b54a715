//! Short texts, hashed or compared a word at a time.

/// Equal texts give equal hashes; what is compared afterwards is the texts.
#[inline]
pub(crate) fn hash(salt: u64, texts: &[&str]) -> u64 {
    texts.iter().fold(salt, |hash, text| {
        let bytes = text.as_bytes();
        let hash = hash ^ (bytes.len() as u64).rotate_left(32);
        match cover(bytes) {
            Some(words) => mix(hash, words),
            None => hash_long(hash, bytes),
        }
    })
}

/// Sixteen bytes at a time; the last sixteen overlap those before.
fn hash_long(hash: u64, bytes: &[u8]) -> u64 {
    let (chunks, _) = bytes.as_chunks::<16>();
    let last = bytes.last_chunk::<16>();
    let words = chunks.iter().chain(last).filter_map(|chunk| cover(chunk));
    words.fold(hash, mix)
}

/// The multiplication of 64 by 64 bits that wyhash folds.
#[inline(always)]
fn mix(hash: u64, [first, last]: [u64; 2]) -> u64 {
    let (a, b) = (first ^ hash ^ 0xa076_1d64_78bd_642f, last ^ 0xe703_7ed1_a0b4_28db);
    let product = u128::from(a) * u128::from(b);
    (product as u64 ^ (product >> 64) as u64).wrapping_add(hash)
}

/// Whether two texts are the same. Up to sixteen bytes it takes no call.
#[inline(always)]
pub(crate) fn same(a: &[u8], b: &[u8]) -> bool {
    a.len() == b.len()
        && match (cover(a), cover(b)) {
            (Some(a), Some(b)) => a == b,
            _ => a == b,
        }
}

/// Two words that cover all of at most sixteen bytes; they overlap below sixteen.
#[inline(always)]
fn cover(bytes: &[u8]) -> Option<[u64; 2]> {
    if let (Some(a), Some(b)) = (bytes.first_chunk::<8>(), bytes.last_chunk::<8>()) {
        (bytes.len() <= 16).then_some([u64::from_le_bytes(*a), u64::from_le_bytes(*b)])
    } else if let (Some(a), Some(b)) = (bytes.first_chunk::<4>(), bytes.last_chunk::<4>()) {
        Some([u32::from_le_bytes(*a).into(), u32::from_le_bytes(*b).into()])
    } else if let [a, .., b] = *bytes {
        Some([u64::from(a) | u64::from(bytes[bytes.len() / 2]) << 8, b.into()])
    } else {
        Some([bytes.first().copied().unwrap_or(0).into(), 0])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    proptest::proptest! {
        #[test]
        fn texts_are_the_same_if_their_bytes_are(
            a in proptest::collection::vec(0..3_u8, 0..24),
            b in proptest::collection::vec(0..3_u8, 0..24),
        ) {
            proptest::prop_assert_eq!(same(&a, &b), a == b);
            proptest::prop_assert!(same(&a, &a.clone()));
        }
    }

    #[test]
    fn where_a_text_ends_is_part_of_the_hash() {
        assert_ne!(hash(1, &["ab", "c"]), hash(1, &["a", "bc"]));
        assert_ne!(hash(1, &["a"]), hash(2, &["a"]));
        assert_eq!(hash(1, &["a text of more than sixteen bytes"]), {
            hash(1, &[&String::from("a text of more than sixteen bytes")])
        });
    }
}
