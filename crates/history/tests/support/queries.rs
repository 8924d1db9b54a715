//! Queries: some that people write, and any number that a generator does.

use super::service::Noise;

/// What rules and panels ask, and the corners of each function: one a line.
pub(crate) fn written() -> impl Iterator<Item = &'static str> {
    let several_lines = "# a comment\nsum(\n  limit # of rooms\n)";
    include_str!("../queries/written.promql").lines().chain([several_lines])
}

/// What no query is, and what is one that is not supported.
pub(crate) fn refused() -> impl Iterator<Item = &'static str> {
    include_str!("../queries/refused.promql").lines().chain(["", "\n", "x{a=\"b\nc\"}"])
}

/// Things that are not supported here; Prometheus answers them.
pub(crate) const UNSUPPORTED: &[(&str, u32)] = &[
    ("requests_total @ 5", 16),
    ("requests_total[1m:10s]", 18),
    ("rate(requests_total[1m])[5m:]", 25),
    ("sgn(temperature)", 1),
    ("1 + label_replace(limit, \"a\", \"b\", \"c\", \"d\")", 5),
    ("\"text\"", 1),
    ("count_values(\"a\", limit)", 1),
    ("sort(temperature)", 1),
    ("(limit)[5m:]", 8),
    ("1 atan2 2", 3),
    ("(1 atan2 2)", 4),
];

/// Makes queries that are well typed.
pub(crate) struct Generator(pub(crate) Noise);

impl Generator {
    fn pick<'a>(&mut self, all: &[&'a str]) -> &'a str {
        all[self.0.below(all.len() as u64) as usize]
    }

    fn number(&mut self) -> String {
        self.pick(&["0", "1", "2.5", "-3", "10", "0.5", "1e2", "20"]).to_owned()
    }

    fn selector(&mut self) -> String {
        let name = self.pick(&[
            "requests_total",
            "temperature",
            "limit",
            "busy_ratio",
            "gone",
            "gaps_total",
            "duration_seconds_bucket",
            "odd",
        ]);
        let label =
            self.pick(&["route", "method", "status", "room", "floor", "core", "le", "when"]);
        let op = self.pick(&["=", "!=", "=~", "!~"]);
        let value = self.pick(&["/", "GET", "200", "hall", "1", "/o.*", "hall|attic", ".+", ""]);
        match self.0.below(3) {
            0 => format!("{name}{{{label}{op}\"{value}\"}}"),
            _ => name.to_owned(),
        }
    }

    fn offset(&mut self) -> &'static str {
        self.pick(&["", "", "", " offset 30s", " offset 2m", " offset -10s"])
    }

    fn range(&mut self) -> String {
        let (selector, offset) = (self.selector(), self.offset());
        let range = self.pick(&["10s", "30s", "1m", "2m", "5m", "1500ms"]);
        format!("{selector}[{range}]{offset}")
    }

    fn labels(&mut self) -> String {
        let (first, second) = (self.label(), self.label());
        if self.0.below(2) == 0 { first.into() } else { format!("{first}, {second}") }
    }

    fn label(&mut self) -> &'static str {
        self.pick(&["route", "method", "status", "room", "floor", "core", "le"])
    }

    pub(crate) fn scalar(&mut self, depth: u32) -> String {
        match self.0.below(if depth == 0 { 1 } else { 5 }) {
            1 => "(time() - 1.6e9)".into(),
            2 => format!("scalar({})", self.vector(depth - 1)),
            3 => {
                let op = self.pick(&["+", "-", "*", "/", "%", "^", "> bool", "== bool"]);
                format!("({} {op} {})", self.scalar(depth - 1), self.scalar(depth - 1))
            }
            _ => self.number(),
        }
    }

    pub(crate) fn vector(&mut self, depth: u32) -> String {
        if depth == 0 {
            let (selector, offset) = (self.selector(), self.offset());
            return selector + offset;
        }
        match self.0.below(10) {
            0 | 1 => self.over_range(depth),
            2 => self.of_vector(depth),
            3 | 4 => self.aggregate(depth),
            5 => {
                let op = self.pick(&[
                    "+", "-", "*", "/", "%", "^", ">", "<", ">=", "<=", "==", "!=", "> bool",
                    "!= bool",
                ]);
                let (vector, scalar) = (self.vector(depth - 1), self.scalar(depth - 1));
                if self.0.below(2) == 0 {
                    format!("({vector} {op} {scalar})")
                } else {
                    format!("({scalar} {op} {vector})")
                }
            }
            6 | 7 => self.joined(depth),
            8 => {
                let op = self.pick(&["and", "or", "unless"]);
                let on = self.matching();
                format!("({} {op}{on} {})", self.vector(depth - 1), self.vector(depth - 1))
            }
            _ => format!("-{}", self.vector(depth - 1)),
        }
    }

    fn over_range(&mut self, depth: u32) -> String {
        let range = self.range();
        match self.0.below(8) {
            0 => format!("quantile_over_time({}, {range})", self.scalar(depth - 1)),
            1 => format!("predict_linear({range}, {})", self.number()),
            _ => {
                let function = self.pick(&[
                    "rate",
                    "irate",
                    "increase",
                    "delta",
                    "deriv",
                    "avg_over_time",
                    "min_over_time",
                    "max_over_time",
                    "sum_over_time",
                    "count_over_time",
                    "last_over_time",
                    "stddev_over_time",
                    "rate",
                ]);
                format!("{function}({range})")
            }
        }
    }

    fn of_vector(&mut self, depth: u32) -> String {
        let vector = self.vector(depth - 1);
        match self.0.below(5) {
            0 => format!("histogram_quantile({}, {vector})", self.pick(&["0.5", "0.9", "0.99"])),
            1 => format!("round({vector}, {})", self.pick(&["1", "0.1", "5"])),
            2 => format!("clamp({vector}, {}, {})", self.number(), self.number()),
            3 => format!(
                "{}({vector}, {})",
                self.pick(&["clamp_min", "clamp_max"]),
                self.scalar(depth - 1)
            ),
            _ => format!("{}({vector})", self.pick(&["abs", "ceil", "floor", "absent"])),
        }
    }

    fn aggregate(&mut self, depth: u32) -> String {
        let vector = self.vector(depth - 1);
        let op =
            self.pick(&["sum", "min", "max", "avg", "count", "group", "stddev", "stdvar", "sum"]);
        let quantile = self.0.below(8) == 0;
        let inner =
            if quantile { format!("quantile(0.7, {vector})") } else { format!("{op}({vector})") };
        match self.0.below(3) {
            0 => inner,
            1 => format!("{inner} by ({})", self.labels()),
            _ => format!("{inner} without ({})", self.labels()),
        }
    }

    fn matching(&mut self) -> String {
        match self.0.below(3) {
            0 => String::new(),
            1 => format!(" on ({})", self.labels()),
            _ => format!(" ignoring ({})", self.labels()),
        }
    }

    fn joined(&mut self, depth: u32) -> String {
        let (left, right) = (self.vector(depth - 1), self.vector(depth - 1));
        let op = self.pick(&["+", "-", "*", "/", ">", "<=", "== bool", "!="]);
        let mut on = self.matching();
        if !on.is_empty() && self.0.below(2) == 0 {
            on += self.pick(&[" group_left", " group_right", " group_left ()"]);
        }
        format!("({left} {op}{on} {right})")
    }
}
