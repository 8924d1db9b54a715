//! Queries: some that people write, and any number that a generator does.

use super::service::Noise;

/// What rules and panels ask, and the corners of each function.
pub(crate) const WRITTEN: &[&str] = &[
    "1",
    "-1",
    "+1",
    "1 + 2 * 3 ^ 2 ^ 0.5",
    "-2 ^ 2",
    "2 ^ -1",
    "7 % 4",
    "-7 % 4",
    "7 % -4",
    "1 / 0",
    "0 / 0",
    "5 % 0",
    "1 > bool 2",
    "2 >= bool 2",
    "1 != bool NaN",
    "Inf",
    "-Inf",
    "NaN",
    "0x1f",
    "1e3 - .5",
    "time()",
    "time() - 1600000000",
    "vector(1)",
    "vector(time())",
    "scalar(vector(3))",
    "scalar(requests_total)",
    "scalar(busy_ratio{core=\"0\"})",
    "requests_total",
    "temperature",
    "{__name__=\"temperature\"}",
    "{__name__=~\"temp.*\", room!=\"attic\"}",
    "requests_total{route=\"/\"}",
    "requests_total{route!=\"/\"}",
    "requests_total{route=~\"/.+\"}",
    "requests_total{route!~\"/o.*|/\"}",
    "requests_total{status=~\"2..\", method=\"GET\"}",
    "requests_total{nothing=\"\"}",
    "requests_total{nothing!=\"\"}",
    "requests_total{route=~\"/items/\\\\{id\\\\}\"}",
    "gaps_total{text=\"a\\\"b\\\\c\\nd\"}",
    "nothing_there",
    "gone",
    "young",
    "one_point",
    "gaps_total",
    "odd",
    "{room=\"hall\"}",
    "{core=~\".+\"}",
    "requests_total offset 1m",
    "requests_total offset -1m",
    "temperature offset 30s",
    "gone offset 5m",
    "rate(requests_total[1m])",
    "rate(requests_total[30s] offset 1m)",
    "rate(requests_total[90s])",
    "rate(requests_total{method=\"POST\"}[5m])",
    "rate(gone[5m])",
    "rate(young[1m])",
    "rate(one_point[1m])",
    "rate(gaps_total[1m])",
    "rate(odd[1m])",
    "rate(temperature[1m])",
    "rate(requests_total[1s])",
    "rate(requests_total[2s])",
    "rate(requests_total[1m] offset -30s)",
    "irate(requests_total[1m])",
    "irate(odd[1m])",
    "irate(gone[7m])",
    "increase(requests_total[1m])",
    "increase(requests_total{method=\"POST\"}[6m])",
    "increase(gone[6m])",
    "delta(temperature[1m])",
    "delta(requests_total[2m])",
    "deriv(temperature[2m])",
    "deriv(requests_total[1m])",
    "deriv(odd[1m])",
    "deriv(limit[1m])",
    "predict_linear(temperature[2m], 60)",
    "predict_linear(requests_total[1m], 3600)",
    "predict_linear(limit[1m], 10)",
    "predict_linear(temperature[1m] offset 1m, 60)",
    "deriv(one_point[1m])",
    "avg_over_time(temperature[1m])",
    "avg_over_time(odd[1m])",
    "min_over_time(temperature[1m])",
    "min_over_time(odd[1m])",
    "max_over_time(temperature[1m])",
    "max_over_time(odd[1m])",
    "sum_over_time(busy_ratio[1m])",
    "sum_over_time(odd[1m])",
    "count_over_time(gaps_total[1m])",
    "count_over_time(gone[7m])",
    "last_over_time(gone[7m])",
    "last_over_time(temperature[1m])",
    "quantile_over_time(0.9, busy_ratio[1m])",
    "quantile_over_time(0, temperature[1m])",
    "quantile_over_time(2, temperature[1m])",
    "quantile_over_time(-1, temperature[1m])",
    "quantile_over_time(NaN, temperature[1m])",
    "quantile_over_time(0.5, odd[1m])",
    "stddev_over_time(temperature[1m])",
    "stddev_over_time(odd[1m])",
    "stddev_over_time(limit[1m])",
    "count_over_time(temperature[1s500ms])",
    "avg_over_time({room=\"hall\", floor=\"1\"}[10s])",
    "histogram_quantile(0.5, duration_seconds_bucket)",
    "histogram_quantile(0.9, rate(duration_seconds_bucket[1m]))",
    "histogram_quantile(0.99, sum by (le) (rate(duration_seconds_bucket[1m])))",
    "histogram_quantile(0, duration_seconds_bucket)",
    "histogram_quantile(1, duration_seconds_bucket)",
    "histogram_quantile(1.5, duration_seconds_bucket)",
    "histogram_quantile(-0.5, duration_seconds_bucket)",
    "histogram_quantile(NaN, duration_seconds_bucket)",
    "histogram_quantile(0.9, duration_seconds_bucket{le!=\"+Inf\"})",
    "histogram_quantile(0.9, duration_seconds_bucket{le=\"+Inf\"})",
    "histogram_quantile(0.9, duration_seconds_bucket{le=~\"1|.Inf\"})",
    "histogram_quantile(0.9, temperature)",
    "histogram_quantile(0.9, duration_seconds_bucket * 0)",
    "histogram_quantile(0.001, rate(duration_seconds_bucket[1m]))",
    "histogram_quantile(scalar(busy_ratio{core=\"0\"}), rate(duration_seconds_bucket[1m]))",
    "absent(nothing_there)",
    "absent(nothing_there{a=\"b\", c!=\"d\", e=~\"f\"})",
    "absent(nothing_there{a=\"b\", a=\"c\"})",
    "absent(requests_total)",
    "absent(sum(nothing_there{a=\"b\"}))",
    "absent((nothing_there{a=\"b\"}))",
    "absent(gone{when=\"late\"})",
    "absent(nothing_there offset 1m)",
    "absent(rate(nothing_there{a=\"b\"}[1m]))",
    "absent({a=\"b\", __name__=\"x\"})",
    "abs(temperature)",
    "abs(odd)",
    "ceil(busy_ratio)",
    "floor(busy_ratio * 10)",
    "ceil(-busy_ratio)",
    "round(busy_ratio)",
    "round(busy_ratio * 10, 0.5)",
    "round(temperature, 5)",
    "round(-temperature, 7)",
    "round(odd)",
    "round(temperature, 0)",
    "clamp(temperature, 0, 25)",
    "clamp(temperature, 25, 0)",
    "clamp(odd, 0, 100)",
    "clamp(temperature, NaN, 5)",
    "clamp_min(temperature, 10)",
    "clamp_max(temperature, 10)",
    "clamp_min(odd, 5)",
    "clamp_max(odd, Inf)",
    "clamp_min(odd, NaN)",
    "clamp_max(temperature, scalar(limit{room=\"hall\"}))",
    "sum(requests_total)",
    "sum by (route) (requests_total)",
    "sum(requests_total) by (route, method)",
    "sum without (status) (requests_total)",
    "sum by () (requests_total)",
    "sum without () (requests_total)",
    "sum by (nothing) (requests_total)",
    "SUM BY (route,) (requests_total)",
    "min(temperature)",
    "max by (room) (temperature)",
    "avg(temperature)",
    "avg by (room) (temperature)",
    "count(requests_total)",
    "count by (__name__) ({room=~\".+\"})",
    "group(requests_total)",
    "group by (route) (requests_total)",
    "stddev(temperature)",
    "stdvar by (floor) (temperature)",
    "stddev(odd)",
    "sum(odd)",
    "avg(odd)",
    "min(odd)",
    "max(odd)",
    "count(odd)",
    "sum(nothing_there)",
    "count(nothing_there)",
    "quantile(0.5, temperature)",
    "quantile by (floor) (0.9, temperature)",
    "quantile(2, temperature)",
    "quantile(NaN, temperature)",
    "quantile(0.3, odd)",
    "topk(2, requests_total)",
    "topk(100, requests_total)",
    "topk(0, requests_total)",
    "topk(-1, requests_total)",
    "topk(NaN, requests_total)",
    "topk(1e30, requests_total)",
    "topk by (method) (1, requests_total)",
    "topk without (route) (1, requests_total)",
    "bottomk(2, requests_total)",
    "bottomk by (room) (1, temperature)",
    "topk(1, sum by (route) (rate(requests_total[1m])))",
    "topk(2.7, requests_total)",
    "topk(3, odd)",
    "bottomk(2, odd)",
    "avg(busy_ratio) by (core) * 100",
    "requests_total + 1",
    "1 - busy_ratio",
    "2 ^ busy_ratio",
    "requests_total / 10 % 3",
    "-temperature",
    "-(-temperature)",
    "+temperature",
    "temperature > 20",
    "20 < temperature",
    "temperature == 20",
    "temperature != 20",
    "temperature > bool 20",
    "20 <= bool temperature",
    "temperature > 1e9",
    "odd > 0",
    "odd == odd",
    "odd != odd",
    "odd > bool 0",
    "temperature > on (room) group_left limit",
    "temperature - on (room) group_left limit",
    "limit < on (room) group_right temperature",
    "temperature > on (room) limit",
    "limit - on (room) temperature",
    "temperature{floor=\"1\"} - ignoring (floor) limit",
    "temperature{floor=\"1\"} > ignoring (floor) limit",
    "temperature{floor=\"1\"} > bool ignoring (floor) limit",
    "temperature{floor=\"1\"} > on (room) limit",
    "temperature * on (room) group_left (owner) room_info",
    "temperature * on (room) group_left (owner, color) room_info",
    "temperature * on (room) group_left (nothing) room_info",
    "room_info * on (room) group_right (owner) temperature",
    "temperature > on (room) group_left (owner) room_info",
    "limit * on (room) group_left (owner) room_info",
    "limit + limit",
    "limit - limit offset 10s",
    "temperature + limit",
    "temperature * ignoring (floor, owner, color) group_left (owner) room_info",
    "limit == on (room) limit",
    "limit == limit",
    "limit > bool on (room) limit",
    "sum(requests_total) / count(requests_total)",
    "sum by (route) (requests_total) / ignoring (route) group_left sum(requests_total)",
    "requests_total{status=\"500\"} / ignoring (status) requests_total{status=\"200\"}",
    "requests_total / on (route, method) group_left requests_total{status=\"200\"}",
    "requests_total{status=\"500\"} / on (route) requests_total{status=\"200\"}",
    "rate(requests_total[1m]) > on () group_left vector(10)",
    "rate(requests_total[1m]) > scalar(vector(10))",
    "temperature and limit",
    "temperature and on (room) limit > 20",
    "temperature and on (room) (limit > 20)",
    "temperature unless on (room) (limit > 20)",
    "temperature or limit",
    "limit or temperature",
    "temperature or on (room) limit",
    "temperature and ignoring (floor) limit",
    "gone or vector(0)",
    "nothing_there or vector(0)",
    "temperature unless temperature",
    "temperature and on () vector(1)",
    "temperature unless on () vector(1)",
    "limit or limit",
    "temperature > 10 and temperature < 25",
    "temperature > 10 or temperature < 0 unless on (room) limit{room=\"hall\"}",
    "1 + 2 > bool 3 == bool 0",
    "2 ^ 3 ^ 2",
    "-2 ^ 2 * 3",
    "- temperature ^ 2",
    "1 - 2 - 3",
    "8 / 4 / 2",
    "2 * 3 % 4",
    "limit + on (room) limit * on (room) limit",
    "abs({room=\"hall\"})",
    "rate({room=\"hall\"}[1m])",
    "{room=\"hall\"} * 2",
    "-{room=\"hall\"}",
    "{room=\"hall\"} > 1",
    "{room=\"hall\"} > bool 1",
    "last_over_time({room=\"hall\"}[1m])",
    "sum by (room) ({room=\"hall\"})",
    "sum(rate(requests_total[1m])) without (route)",
    "sum(rate(requests_total{status=\"500\"}[2m])) / sum(rate(requests_total[2m])) > 0.001",
    "avg_over_time(temperature[5m]) - on (room, floor) temperature",
    "time() - last_over_time(gone[7m])",
    "increase(duration_seconds_sum[1m]) / increase(duration_seconds_count[1m])",
    "# a comment\nsum(\n  limit # of rooms\n)",
];

/// What no query is, and what is one that is not supported.
pub(crate) const REFUSED: &[&str] = &[
    "",
    "(",
    ")",
    "1 +",
    "sum(",
    "sum()",
    "sum(1)",
    "sum(x, y)",
    "topk(x)",
    "topk(x, 1)",
    "rate(x)",
    "rate(x[1m]",
    "rate(1)",
    "x[1m] + 1",
    "-x[1m]",
    "x{",
    "x{a}",
    "x{a=b}",
    "x{a=\"b\"",
    "x{a==\"b\"}",
    "x{=\"b\"}",
    "x{a=\"b\" c=\"d\"}",
    "{}",
    "{a=\"\"}",
    "{a=~\".*\"}",
    "{a!=\"b\"}",
    "x{__name__=\"y\"}",
    "x[1]",
    "x[]",
    "x[1m",
    "x[m]",
    "x[0s]",
    "x[1m1h]",
    "x offset",
    "x offset 1",
    "x offset 1m [1m]",
    "x offset -",
    "1 > 2",
    "1 and 2",
    "x and 1",
    "1 or x",
    "1 + bool 2",
    "x + bool y",
    "x + on (a) 1",
    "1 + on (a) 2",
    "x and on (a) group_left y",
    "x + on (a) group_left (a) y",
    "x + group_left y",
    "x + on a y",
    "x by (a)",
    "sum by a (x)",
    "sum by (a) (x) by (b)",
    "sum by (\"a\") (x)",
    "sum by (1) (x)",
    "abs()",
    "abs(x, y)",
    "abs(1)",
    "round(x, y)",
    "round(x, 1, 2)",
    "time(1)",
    "vector(x)",
    "scalar(1)",
    "absent(1)",
    "absent(x[1m])",
    "clamp(x, 1)",
    "histogram_quantile(x, x)",
    "nofunction(x)",
    "x y",
    "x 1",
    "1 x",
    "x{}{}",
    "x{a=\"b\"}{c=\"d\"}",
    "\"a",
    "'a",
    "x{a='b\\'}",
    "x{a=~\"(\"}",
    "x{a=~\"[\"}",
    "x{a!~\"*\"}",
    "1 ! 2",
    "1 & 2",
    "x = 1",
    "x =~ 1",
    "a b c",
    "1..2",
    "0x",
    "1e",
    "1m",
    "bool",
    "on",
    "x == bool",
    "(x",
    "x)",
    "((x)",
    "sum((x)",
    "sum(x))",
    "x[5m][5m]",
    "rate(x[5m:])",
    "x,y",
    "$x",
    "x{a=\"\\q\"}",
    "5 offset 1m",
    "sum(x) offset 1m",
    "(x) offset 1m",
];

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
