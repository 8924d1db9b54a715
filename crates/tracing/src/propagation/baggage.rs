//! What services tell those that they call, and those in turn: the `baggage` header.

use std::borrow::Cow;
use std::fmt;

use http::HeaderMap;

use super::{BAGGAGE, percent, set, trim};

/// Members that a baggage may have; the specification asks for at least as many.
pub const BAGGAGE_MEMBERS: usize = 64;

/// Bytes that a baggage may take as a header; the specification asks for at least as many.
pub const BAGGAGE_BYTES: usize = 8_192;

/// Keys with values that travel with a request through all services.
///
/// Within [`BAGGAGE_MEMBERS`] and [`BAGGAGE_BYTES`]. Whoever receives the request can read them, and
/// whoever sends one can write them: put no secret in, and trust none.
///
/// ```
/// use http::HeaderMap;
/// use perf_monitor_tracing::propagation::Baggage;
///
/// let mut headers = HeaderMap::new();
/// headers.insert("baggage", "user=Zo%C3%AB;ttl=3600, tier=gold".parse()?);
/// let mut baggage = Baggage::extract(&headers);
/// assert_eq!(baggage.get("user").as_deref(), Some("Zoë"));
/// assert_eq!(baggage.properties("user"), Some("ttl=3600"));
///
/// baggage.set("tier", "50% off")?;
/// baggage.inject(&mut headers);
/// assert_eq!(headers["baggage"], "user=Zo%C3%AB;ttl=3600,tier=50%25%20off");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Baggage {
    members: Vec<Member>,
}

/// As they stand in the header.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Member {
    key: Box<str>,
    value: Box<str>,
    properties: Box<str>,
}

/// Why a member was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum InvalidBaggage {
    /// The key is empty, or has characters that a header's name could not have either: choose letters,
    /// digits, `-`, `_`, `.`.
    Key,
    /// The properties are not `key` or `key=value`, with semicolons between them.
    Properties,
    /// There would be more than [`BAGGAGE_MEMBERS`]: remove one.
    Members,
    /// There would be more than [`BAGGAGE_BYTES`]: send less.
    Bytes,
}

impl fmt::Display for InvalidBaggage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            InvalidBaggage::Key => "a baggage key is letters, digits and !#$%&'*+-.^_`|~",
            InvalidBaggage::Properties => "baggage properties are `key` or `key=value`, split by ;",
            InvalidBaggage::Members => "a baggage has 64 members at most: remove one",
            InvalidBaggage::Bytes => "a baggage has 8192 bytes at most: send less",
        })
    }
}

impl std::error::Error for InvalidBaggage {}

impl Baggage {
    /// No members.
    pub const fn new() -> Baggage {
        Baggage { members: Vec::new() }
    }

    /// The members of the `baggage` header; those that are not valid or do not fit are left out. Of
    /// members of one key the last counts.
    pub fn extract(headers: &HeaderMap) -> Baggage {
        Baggage::read(headers).0
    }

    /// The same, and whether any was left out.
    pub(super) fn read(headers: &HeaderMap) -> (Baggage, bool) {
        let (mut baggage, mut left_out) = (Baggage::new(), false);
        for line in headers.get_all(&BAGGAGE) {
            let texts = line.as_bytes().split(|byte| *byte == b',').map(trim);
            for text in texts.filter(|text| !text.is_empty()) {
                let put = Member::parse(text).map(|member| baggage.put(member));
                left_out |= !matches!(put, Some(Ok(())));
            }
        }
        (baggage, left_out)
    }

    /// Writes the `baggage` header, in place of what was there; without members there is none.
    pub fn inject(&self, headers: &mut HeaderMap) {
        let mut text = String::with_capacity(self.bytes());
        for Member { key, value, properties } in &self.members {
            let comma = if text.is_empty() { "" } else { "," };
            let semicolon = if properties.is_empty() { "" } else { ";" };
            text.extend([comma, key, "=", value, semicolon, properties]);
        }
        set(headers, &BAGGAGE, text.as_bytes());
    }

    /// The value of a key.
    pub fn get(&self, key: &str) -> Option<Cow<'_, str>> {
        self.member(key).map(|member| percent::decode(&member.value))
    }

    /// The properties of a key as they stand in the header, without the semicolon before them.
    pub fn properties(&self, key: &str) -> Option<&str> {
        self.member(key).map(|member| &*member.properties).filter(|text| !text.is_empty())
    }

    /// Gives a key this value, which may be any text, without properties.
    ///
    /// # Errors
    /// A key with other characters, or too much; then the baggage stays as it was.
    pub fn set(&mut self, key: &str, value: &str) -> Result<(), InvalidBaggage> {
        self.set_with(key, value, "")
    }

    /// The same with properties, as they shall stand in the header: `ttl=3600;secret`.
    ///
    /// # Errors
    /// As [`set`](Self::set), or other characters in the properties.
    pub fn set_with(
        &mut self,
        key: &str,
        value: &str,
        properties: &str,
    ) -> Result<(), InvalidBaggage> {
        if !is_token(key.as_bytes()) {
            return Err(InvalidBaggage::Key);
        }
        if !properties.is_empty() && !are_properties(properties.as_bytes()) {
            return Err(InvalidBaggage::Properties);
        }
        let value = percent::encode(value).into();
        self.put(Member { key: key.into(), value, properties: properties.into() })
    }

    fn put(&mut self, member: Member) -> Result<(), InvalidBaggage> {
        let old = self.members.iter().position(|other| other.key == member.key);
        let gone = old.map_or(0, |old| self.members[old].bytes());
        if old.is_none() && self.members.len() == BAGGAGE_MEMBERS {
            return Err(InvalidBaggage::Members);
        }
        let bytes = self.members.iter().map(Member::bytes).sum::<usize>();
        // Each counts a comma, and there is one less.
        if bytes - gone + member.bytes() > BAGGAGE_BYTES + 1 {
            return Err(InvalidBaggage::Bytes);
        }
        match old {
            Some(old) => self.members[old] = member,
            None => self.members.push(member),
        }
        Ok(())
    }

    /// Removes a key; false if it is not there.
    pub fn remove(&mut self, key: &str) -> bool {
        let before = self.members.len();
        self.members.retain(|member| *member.key != *key);
        self.members.len() < before
    }

    /// Keys with their values, in the order of the header.
    pub fn iter(&self) -> impl Iterator<Item = (&str, Cow<'_, str>)> {
        self.members.iter().map(|member| (&*member.key, percent::decode(&member.value)))
    }

    /// How many members there are.
    pub fn len(&self) -> usize {
        self.members.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// Bytes of the header.
    pub fn bytes(&self) -> usize {
        self.members.iter().map(Member::bytes).sum::<usize>().saturating_sub(1)
    }

    fn member(&self, key: &str) -> Option<&Member> {
        self.members.iter().find(|member| *member.key == *key)
    }
}

impl Member {
    /// `key=value`, then properties; white space around each part is not kept.
    fn parse(text: &[u8]) -> Option<Member> {
        let (pair, properties) = split(text, b';');
        let (key, value) = split(pair, b'=');
        let (key, value) = (trim(key), trim(value?));
        let properties = properties.map(trim);
        let is_valid = is_token(key) && is_value(value) && properties.is_none_or(are_properties);
        // What is valid is ASCII.
        let boxed = |text| str::from_utf8(text).ok().map(Box::from);
        is_valid.then_some(Member {
            key: boxed(key)?,
            value: boxed(value)?,
            properties: boxed(properties.unwrap_or_default())?,
        })
    }

    /// Bytes in a header, with a comma.
    fn bytes(&self) -> usize {
        let properties = self.properties.len() + usize::from(!self.properties.is_empty());
        self.key.len() + 1 + self.value.len() + properties + 1
    }
}

/// What is before and after the first `separator`.
fn split(text: &[u8], separator: u8) -> (&[u8], Option<&[u8]>) {
    let mut parts = text.splitn(2, |byte| *byte == separator);
    (parts.next().unwrap_or_default(), parts.next())
}

fn are_properties(text: &[u8]) -> bool {
    text.split(|byte| *byte == b';').all(|property| {
        let (key, value) = split(property, b'=');
        is_token(trim(key)) && value.is_none_or(|value| is_value(trim(value)))
    })
}

fn is_value(text: &[u8]) -> bool {
    text.iter().all(|byte| percent::is_plain(*byte))
}

/// A token of HTTP, as header names are.
fn is_token(text: &[u8]) -> bool {
    let is_allowed = |byte: &u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte);
    !text.is_empty() && text.iter().all(is_allowed)
}
