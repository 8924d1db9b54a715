//! Which alerts a silence, a route or an inhibition is about.

use std::fmt;
use std::str::FromStr;

use regex_lite::Regex;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::error::Error;
use crate::labels::Labels;

/// The longest regular expression, in bytes: it comes from an API.
const LONGEST: usize = 1_024;

/// A condition on one label: `name="value"`, or with `!=`, `=~`, `!~`. A regular expression matches
/// the whole value; a label that is not there is as one that is empty.
///
/// ```
/// use perf_monitor_alerting::{Labels, Matcher};
/// let matcher: Matcher = r#"route=~"/cart|/pay""#.parse()?;
/// assert!(matcher.matches(&Labels::new([("route", "/pay")])));
/// assert!(!matcher.matches(&Labels::new([("route", "/payments")])));
/// # Ok::<(), perf_monitor_alerting::Error>(())
/// ```
#[derive(Clone)]
pub struct Matcher {
    name: Box<str>,
    value: Box<str>,
    test: Test,
}

#[derive(Clone)]
enum Test {
    Is,
    IsNot,
    Like(Regex),
    Unlike(Regex),
}

impl Matcher {
    /// That label `name` is `value`.
    pub fn equal(name: impl Into<Box<str>>, value: impl Into<Box<str>>) -> Matcher {
        Matcher { name: name.into(), value: value.into(), test: Test::Is }
    }

    /// That label `name` is not `value`.
    pub fn unequal(name: impl Into<Box<str>>, value: impl Into<Box<str>>) -> Matcher {
        Matcher { name: name.into(), value: value.into(), test: Test::IsNot }
    }

    /// That the whole of label `name` matches a regular expression.
    ///
    /// # Errors
    /// [`is_options`](Error::is_options): it is none, or longer than 1 KiB.
    pub fn like(name: impl Into<Box<str>>, regex: impl Into<Box<str>>) -> Result<Matcher, Error> {
        let (name, value) = (name.into(), regex.into());
        let regex = compile(&value)?;
        Ok(Matcher { name, value, test: Test::Like(regex) })
    }

    /// That it does not.
    ///
    /// # Errors
    /// As [`like`](Self::like).
    pub fn unlike(name: impl Into<Box<str>>, regex: impl Into<Box<str>>) -> Result<Matcher, Error> {
        let (name, value) = (name.into(), regex.into());
        let regex = compile(&value)?;
        Ok(Matcher { name, value, test: Test::Unlike(regex) })
    }

    /// Whether `labels` are as it says.
    pub fn matches(&self, labels: &Labels) -> bool {
        let value = labels.get(&self.name).unwrap_or_default();
        match &self.test {
            Test::Is => value == &*self.value,
            Test::IsNot => value != &*self.value,
            Test::Like(regex) => regex.is_match(value),
            Test::Unlike(regex) => !regex.is_match(value),
        }
    }

    /// Whether it also holds for labels that have no such name.
    pub(crate) fn matches_nothing(&self) -> bool {
        self.matches(&Labels::default())
    }

    /// What it takes with what it holds, in bytes: of a regular expression's program some.
    pub(crate) fn bytes(&self) -> usize {
        let program = match self.test {
            Test::Is | Test::IsNot => 0,
            Test::Like(_) | Test::Unlike(_) => 512 + 64 * self.value.len(),
        };
        size_of::<Matcher>() + self.name.len() + self.value.len() + program
    }

    fn operator(&self) -> &'static str {
        match self.test {
            Test::Is => "=",
            Test::IsNot => "!=",
            Test::Like(_) => "=~",
            Test::Unlike(_) => "!~",
        }
    }
}

fn compile(text: &str) -> Result<Regex, Error> {
    if text.len() > LONGEST {
        let size = text.len();
        return Err(Error::options(format!(
            "a regular expression of {size} bytes: {LONGEST} are the most, use several matchers"
        )));
    }
    Regex::new(&format!("^(?s:{text})$")).map_err(|cause| {
        Error::options(format!("{text:?} is no regular expression: {cause}")).because(cause)
    })
}

impl FromStr for Matcher {
    type Err = Error;

    fn from_str(text: &str) -> Result<Matcher, Error> {
        let wrong =
            || Error::options(format!("{text:?} is no matcher: write name=\"value\", or != =~ !~"));
        let at = text.find(['=', '!']).ok_or_else(wrong)?;
        let (name, rest) = (text[..at].trim(), &text[at..]);
        let operators = ["=~", "!~", "!=", "="];
        let operator = operators.into_iter().find(|o| rest.starts_with(o)).ok_or_else(wrong)?;
        let value = rest[operator.len()..].trim();
        let value = match value.strip_prefix('"') {
            Some(_) => serde_json::from_str(value).map_err(|cause| wrong().because(cause))?,
            None => value.to_owned(),
        };
        if name.is_empty() {
            return Err(wrong());
        }
        match operator {
            "=" => Ok(Matcher::equal(name, value)),
            "!=" => Ok(Matcher::unequal(name, value)),
            "=~" => Matcher::like(name, value),
            _ => Matcher::unlike(name, value),
        }
    }
}

impl fmt::Display for Matcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}{:?}", self.name, self.operator(), self.value)
    }
}

impl fmt::Debug for Matcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl PartialEq for Matcher {
    fn eq(&self, other: &Matcher) -> bool {
        (&self.name, &self.value, self.operator()) == (&other.name, &other.value, other.operator())
    }
}

/// As Alertmanager's API has it.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Wire {
    name: String,
    value: String,
    #[serde(default)]
    is_regex: bool,
    #[serde(default = "yes")]
    is_equal: bool,
}

fn yes() -> bool {
    true
}

impl Serialize for Matcher {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Wire {
            name: self.name.to_string(),
            value: self.value.to_string(),
            is_regex: matches!(self.test, Test::Like(_) | Test::Unlike(_)),
            is_equal: matches!(self.test, Test::Is | Test::Like(_)),
        }
        .serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Matcher {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Matcher, D::Error> {
        let wire = Wire::deserialize(deserializer)?;
        match (wire.is_regex, wire.is_equal) {
            (false, true) => Ok(Matcher::equal(wire.name, wire.value)),
            (false, false) => Ok(Matcher::unequal(wire.name, wire.value)),
            (true, true) => Matcher::like(wire.name, wire.value).map_err(serde::de::Error::custom),
            (true, false) => {
                Matcher::unlike(wire.name, wire.value).map_err(serde::de::Error::custom)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_operator_is_read_written_and_matched() {
        let labels = Labels::new([("job", "api")]);
        for (text, yes) in [
            (r#"job="api""#, true),
            (r#"job!="api""#, false),
            (r#"job=~"a.*|b""#, true),
            (r#"job=~"p""#, false),
            (r#"job!~"a.*""#, false),
            (r#"zone="""#, true),
            (r#"zone!="x""#, true),
        ] {
            let matcher: Matcher = text.parse().unwrap();
            assert_eq!(matcher.matches(&labels), yes, "{text}");
            assert_eq!(matcher.to_string(), text);
            let json = serde_json::to_string(&matcher).unwrap();
            assert_eq!(serde_json::from_str::<Matcher>(&json).unwrap(), matcher);
        }
    }

    #[test]
    fn what_is_no_matcher_is_said_with_what_to_write() {
        for text in ["", "job", "=x", r#"job="a"#, r#"job=~"(""#] {
            let error = text.parse::<Matcher>().unwrap_err();
            assert!(error.is_options(), "{text}: {error}");
        }
        let long = "x".repeat(LONGEST + 1);
        assert!(Matcher::like("a", long).unwrap_err().to_string().contains("1024"));
    }
}
