//! What a collector is told about the process that sends.

use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::resource::v1::Resource;

/// How the name of a service begins that nobody has named.
const UNKNOWN: &str = "unknown_service:";

/// Attributes of the process, each key once.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ResourceAttributes {
    attributes: Vec<(Box<str>, Value)>,
}

impl ResourceAttributes {
    /// What every process has, with `unknown_service:` and the program as its service's name.
    pub(crate) fn of_this_process() -> ResourceAttributes {
        let mut resource = ResourceAttributes { attributes: Vec::new() };
        let program = std::env::current_exe().ok();
        let program = program.as_ref().and_then(|path| path.file_name()?.to_str());
        resource.set("service.name", &format!("{UNKNOWN}{}", program.unwrap_or("rust")));
        resource.put("process.pid", Value::IntValue(std::process::id().into()));
        resource.set("process.executable.name", program.unwrap_or_default());
        resource.set("telemetry.sdk.name", "perf-monitor");
        resource.set("telemetry.sdk.language", "rust");
        resource.set("telemetry.sdk.version", env!("CARGO_PKG_VERSION"));
        resource
    }

    /// Gives `key` this text, whatever it was before; an empty one takes it away.
    pub(crate) fn set(&mut self, key: &str, value: &str) {
        self.put(key, Value::StringValue(value.to_owned()));
    }

    /// The same, unless somebody has given the key something already.
    pub(crate) fn set_unless_given(&mut self, key: &str, value: &str) {
        let given = self.attributes.iter().find(|(known, _)| &**known == key);
        let given = given.filter(|(_, value)| match value {
            Value::StringValue(text) => !text.starts_with(UNKNOWN),
            _ => true,
        });
        if given.is_none() {
            self.set(key, value);
        }
    }

    fn put(&mut self, key: &str, value: Value) {
        let place = self.attributes.iter().position(|(known, _)| &**known == key);
        let empty = matches!(&value, Value::StringValue(text) if text.is_empty());
        match place {
            Some(place) if empty => drop(self.attributes.remove(place)),
            Some(place) => self.attributes[place].1 = value,
            None if empty => {}
            None => self.attributes.push((key.into(), value)),
        }
    }

    /// The text of `key`.
    #[cfg(test)]
    pub(crate) fn text(&self, key: &str) -> Option<&str> {
        let found = self.attributes.iter().find(|(known, _)| &**known == key);
        match found {
            Some((_, Value::StringValue(text))) => Some(text),
            _ => None,
        }
    }

    /// The same as OTLP has it.
    pub(crate) fn message(&self) -> Resource {
        let attribute = |(key, value): &(Box<str>, Value)| KeyValue {
            key: key.to_string(),
            value: Some(AnyValue { value: Some(value.clone()) }),
            ..KeyValue::default()
        };
        Resource {
            attributes: self.attributes.iter().map(attribute).collect(),
            ..Resource::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_told_apart_by_its_program_and_number() {
        let resource = ResourceAttributes::of_this_process();
        let name = resource.text("service.name").unwrap();
        assert!(name.starts_with("unknown_service:") && name.len() > 16, "{name}");
        let message = resource.message();
        let pid = message.attributes.iter().find(|one| one.key == "process.pid").unwrap();
        let value = pid.value.as_ref().and_then(|value| value.value.clone());
        assert_eq!(value, Some(Value::IntValue(std::process::id().into())));
    }

    #[test]
    fn a_name_that_was_made_up_gives_way() {
        let mut resource = ResourceAttributes::of_this_process();
        resource.set_unless_given("service.name", "checkout");
        resource.set_unless_given("service.name", "other");
        resource.set_unless_given("process.pid", "other");
        assert_eq!(resource.text("service.name"), Some("checkout"));
        assert_eq!(resource.text("process.pid"), None, "it stays a number");
    }

    #[test]
    fn the_last_text_of_a_key_stays() {
        let mut resource = ResourceAttributes::of_this_process();
        resource.set("service.name", "checkout");
        resource.set("host.name", "web-1");
        resource.set("host.name", "");
        resource.set_unless_given("service.name", "other");
        assert_eq!(resource.text("service.name"), Some("checkout"));
        assert_eq!(resource.text("host.name"), None);
    }
}
