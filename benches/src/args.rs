//! The command line.

use crate::harness::Effort;

const USAGE: &str = "perf-monitor-benches [FILTER] [--short] [--gates] [--json FILE] [--list]";

/// What was asked for.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Args {
    /// Part of the ids of the rows to run.
    pub(crate) filter: Option<String>,
    pub(crate) short: bool,
    /// Only rows with gates, and only those limits.
    pub(crate) gates: bool,
    pub(crate) json: Option<String>,
    pub(crate) list: bool,
    /// A measurement that needs a process of its own; the bench starts itself with this.
    pub(crate) child: Option<String>,
}

impl Args {
    pub(crate) fn from_env() -> Result<Args, String> {
        Args::parse(std::env::args().skip(1))
    }

    pub(crate) fn effort(&self) -> Effort {
        Effort { short: self.short }
    }

    fn parse(mut given: impl Iterator<Item = String>) -> Result<Args, String> {
        let mut args = Args::default();
        while let Some(argument) = given.next() {
            match argument.as_str() {
                "--short" => args.short = true,
                "--gates" => args.gates = true,
                "--list" => args.list = true,
                "--json" => args.json = Some(value_of(&argument, given.next())?),
                "--child" => args.child = Some(value_of(&argument, given.next())?),
                option if option.starts_with('-') => {
                    return Err(format!("no option `{option}`; usage: {USAGE}"));
                }
                _ if args.filter.is_some() => {
                    return Err(format!("a second filter `{argument}`; usage: {USAGE}"));
                }
                _ => args.filter = Some(argument),
            }
        }
        Ok(args)
    }
}

fn value_of(option: &str, value: Option<String>) -> Result<String, String> {
    value.ok_or_else(|| format!("`{option}` needs a value; usage: {USAGE}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Args, String> {
        Args::parse(line.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn options_and_the_filter_come_in_any_order() {
        let args = parse("--short counter --json out.json --gates").unwrap();
        assert_eq!(args.filter.as_deref(), Some("counter"));
        assert_eq!(args.json.as_deref(), Some("out.json"));
        assert!(args.short && args.gates && !args.list);
    }

    #[test]
    fn what_is_not_known_is_named() {
        assert!(parse("--sort").unwrap_err().contains("`--sort`"));
        assert!(parse("a b").unwrap_err().contains("`b`"));
        assert!(parse("--json").unwrap_err().contains("`--json`"));
    }
}
