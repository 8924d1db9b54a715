//! The values of a query or a form.

use crate::router::Request;

/// The first value of `name` in the request's query, decoded; `None` if it is absent or not UTF-8.
///
/// ```
/// let request = http::Request::get("/profile?seconds=5&of=a%20b").body(bytes::Bytes::new())?;
/// assert_eq!(perf_monitor_http::query_value(&request, "seconds").as_deref(), Some("5"));
/// assert_eq!(perf_monitor_http::query_value(&request, "of").as_deref(), Some("a b"));
/// # Ok::<(), http::Error>(())
/// ```
pub fn query_value(request: &Request, name: &str) -> Option<String> {
    value(request.uri().query()?.as_bytes(), name)
}

/// The first value of `name` in `a=1&b=2`, decoded.
pub(crate) fn value(pairs: &[u8], name: &str) -> Option<String> {
    pairs.split(|byte| *byte == b'&').find_map(|pair| {
        let at = pair.iter().position(|byte| *byte == b'=');
        let (key, value) = pair.split_at(at.unwrap_or(pair.len()));
        let value = value.strip_prefix(b"=").unwrap_or(value);
        (decode(key)? == name).then(|| decode(value)).flatten()
    })
}

fn decode(text: &[u8]) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let [first, tail @ ..] = rest {
        rest = tail;
        bytes.push(match (first, tail) {
            (b'+', _) => b' ',
            (b'%', [high, low, tail @ ..]) => {
                rest = tail;
                hex(*high)? << 4 | hex(*low)?
            }
            (byte, _) => *byte,
        });
    }
    String::from_utf8(bytes).ok()
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).map(|value| value as u8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_decoded_and_broken_ones_are_absent() {
        let query = b"a=1&b=x%2By+z&c&d=%zz&e=%ff&a=2&f=%2";
        assert_eq!(value(query, "a").as_deref(), Some("1"));
        assert_eq!(value(query, "b").as_deref(), Some("x+y z"));
        assert_eq!(value(query, "c").as_deref(), Some(""));
        assert_eq!(value(query, "d"), None);
        assert_eq!(value(query, "e"), None);
        assert_eq!(value(query, "f").as_deref(), Some("%2"));
        assert_eq!(value(query, "g"), None);
    }
}
