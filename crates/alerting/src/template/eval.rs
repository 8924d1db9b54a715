//! Nodes rendered.

use super::Values;
use super::functions;
use super::number::shortest;
use super::parse::{Command, Node, Operand, Pipeline};
use crate::labels::Labels;

/// The longest text that a template may make, in bytes.
const LONGEST: usize = 64 * 1024;

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value {
    Nil,
    Bool(bool),
    Number(f64),
    /// A whole number that was written as such, or that a function counts.
    Text(String),
    Labels(Labels),
    /// The data itself: `.`, `$`.
    Data,
}

struct Scope<'a> {
    values: &'a Values<'a>,
    variables: Vec<(Box<str>, Value)>,
    dot: Value,
}

pub(super) fn render(nodes: &[Node], values: &Values<'_>) -> Result<String, String> {
    let mut scope = Scope { values, variables: Vec::new(), dot: Value::Data };
    let mut out = String::new();
    scope.nodes(nodes, &mut out)?;
    Ok(out)
}

impl Scope<'_> {
    fn nodes(&mut self, nodes: &[Node], out: &mut String) -> Result<(), String> {
        let variables = self.variables.len();
        for node in nodes {
            self.node(node, out)?;
            if out.len() > LONGEST {
                return Err(format!("the text is longer than {LONGEST} bytes: make it shorter"));
            }
        }
        self.variables.truncate(variables);
        Ok(())
    }

    fn node(&mut self, node: &Node, out: &mut String) -> Result<(), String> {
        match node {
            Node::Text(text) => out.push_str(text),
            Node::Show(pipeline) => out.push_str(&self.pipeline(pipeline)?.show()),
            Node::Set(name, pipeline) => {
                let value = self.pipeline(pipeline)?;
                self.variables.push((name.clone(), value));
            }
            Node::If(condition, yes, no) => {
                let chosen = if self.pipeline(condition)?.is_true() { yes } else { no };
                self.nodes(chosen, out)?;
            }
            Node::With(value, yes, no) => {
                let value = self.pipeline(value)?;
                if !value.is_true() {
                    return self.nodes(no, out);
                }
                let outer = std::mem::replace(&mut self.dot, value);
                let result = self.nodes(yes, out);
                self.dot = outer;
                result?;
            }
        }
        Ok(())
    }

    fn pipeline(&self, pipeline: &Pipeline) -> Result<Value, String> {
        let mut last = None;
        for command in &pipeline.0 {
            last = Some(self.command(command, last)?);
        }
        Ok(last.unwrap_or(Value::Nil))
    }

    fn command(&self, command: &Command, piped: Option<Value>) -> Result<Value, String> {
        let operands = command.operands.iter().map(|operand| self.operand(operand));
        let mut arguments = operands.collect::<Result<Vec<_>, _>>()?;
        match &command.function {
            Some(name) => {
                arguments.extend(piped);
                functions::call(name, &arguments)
            }
            None if piped.is_some() => Err("a value cannot be piped into a value".into()),
            None => arguments.pop().ok_or_else(|| "no value".to_owned()),
        }
    }

    fn operand(&self, operand: &Operand) -> Result<Value, String> {
        let (value, fields) = match operand {
            Operand::Text(text) => return Ok(Value::Text(text.to_string())),
            Operand::Number(number) => return Ok(Value::Number(*number)),
            Operand::Bool(yes) => return Ok(Value::Bool(*yes)),
            Operand::Nil => return Ok(Value::Nil),
            Operand::Call(command) => return self.command(command, None),
            Operand::Dot(fields) => (self.dot.clone(), fields),
            Operand::Variable(name, fields) => (self.variable(name)?, fields),
            Operand::Nested(pipeline, fields) => (self.pipeline(pipeline)?, fields),
        };
        fields.iter().try_fold(value, |value, name| self.field(value, name))
    }

    fn variable(&self, name: &str) -> Result<Value, String> {
        let own = self.variables.iter().rev().find(|(n, _)| **n == *name);
        match (own, name) {
            (Some((_, value)), _) => Ok(value.clone()),
            (None, "") => Ok(Value::Data),
            (None, "labels") => Ok(Value::Labels(self.values.labels.clone())),
            (None, "value") => Ok(Value::Number(self.values.value)),
            (None, "externalLabels") => Ok(Value::Labels(Labels::default())),
            (None, "externalURL") => Ok(Value::Text(String::new())),
            (None, name) => Err(format!("there is no ${name}")),
        }
    }

    fn field(&self, value: Value, name: &str) -> Result<Value, String> {
        match (value, name) {
            (Value::Data, "Labels") => Ok(Value::Labels(self.values.labels.clone())),
            (Value::Data, "Value") => Ok(Value::Number(self.values.value)),
            (Value::Data, "ExternalLabels") => Ok(Value::Labels(Labels::default())),
            (Value::Data, "ExternalURL") => Ok(Value::Text(String::new())),
            (Value::Labels(labels), name) => {
                Ok(Value::Text(labels.get(name).unwrap_or_default().to_owned()))
            }
            (_, name) => Err(format!("there is no field {name:?}")),
        }
    }
}

impl Value {
    pub(super) fn show(&self) -> String {
        match self {
            Value::Nil => "<nil>".into(),
            Value::Bool(yes) => yes.to_string(),
            Value::Number(number) => shortest(*number),
            Value::Text(text) => text.clone(),
            Value::Data => "<data>".into(),
            Value::Labels(labels) => {
                let pairs: Vec<String> = labels.iter().map(|(n, v)| format!("{n}:{v}")).collect();
                format!("map[{}]", pairs.join(" "))
            }
        }
    }

    pub(super) fn is_true(&self) -> bool {
        match self {
            Value::Nil => false,
            Value::Bool(yes) => *yes,
            Value::Number(number) => *number != 0.0,
            Value::Text(text) => !text.is_empty(),
            Value::Labels(labels) => !labels.is_empty(),
            Value::Data => true,
        }
    }
}
