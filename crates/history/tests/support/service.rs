//! The series of a busy service, from a generator that always gives the same.

use perf_monitor_history::Labels;

/// Numbers that look random (SplitMix64).
#[derive(Clone, Debug)]
pub(crate) struct Noise(pub(crate) u64);

impl Noise {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut x = self.0;
        x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        x ^ (x >> 31)
    }

    /// From 0 to 1.
    pub(crate) fn share(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }

    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    /// Around 0, with a deviation of 1.
    pub(crate) fn normal(&mut self) -> f64 {
        (0..12).map(|_| self.share()).sum::<f64>() - 6.0
    }

    /// Events in a second at a mean rate.
    pub(crate) fn events(&mut self, rate: f64) -> f64 {
        let exact = rate + rate.sqrt() * self.normal();
        (exact + self.share()).floor().max(0.0)
    }
}

/// How a series goes on from second to second.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Shape {
    /// Events at a mean rate.
    Counter(f64),
    /// A counter of nanoseconds, exported as seconds: so many a second.
    Seconds(f64),
    /// A number that stays.
    Constant(f64),
    /// A whole number that wanders by a deviation.
    Whole(f64, f64),
    /// Bytes that come in pages.
    Pages(f64),
    /// A share of one, measured to a hundredth.
    Percent,
    /// A quotient, with all bits of a float.
    Quotient,
}

/// The fifty series of a busy service.
pub(crate) fn service() -> Vec<(Labels, Shape)> {
    let mut all = Vec::new();
    let mut add = |name: &str, label: (&str, &str), shape| {
        all.push((Labels::new([("__name__", name), label]), shape));
    };
    for (route, rate) in
        [("/", 2_000.0), ("/orders", 400.0), ("/items", 150.0), ("/login", 12.0), ("/admin", 0.1)]
    {
        add("http_requests_total", ("route", route), Shape::Counter(rate));
        add("http_request_errors_total", ("route", route), Shape::Counter(rate / 500.0));
    }
    for (le, share) in [
        ("0.0005", 0.0),
        ("0.001", 0.02),
        ("0.0025", 0.2),
        ("0.005", 0.5),
        ("0.01", 0.8),
        ("0.025", 0.93),
        ("0.05", 0.97),
        ("0.1", 0.99),
        ("0.5", 0.999),
        ("1", 1.0),
        ("+Inf", 1.0),
    ] {
        add("http_request_duration_seconds_bucket", ("le", le), Shape::Counter(2_500.0 * share));
    }
    add("http_request_duration_seconds_sum", ("", ""), Shape::Seconds(18.0));
    add("http_request_duration_seconds_count", ("", ""), Shape::Counter(2_500.0));
    for direction in ["receive", "transmit"] {
        add("host_network_bytes_total", ("direction", direction), Shape::Counter(3e6));
    }
    add("process_context_switches_total", ("", ""), Shape::Counter(700.0));
    add("host_load_average", ("", ""), Shape::Percent);
    add("host_disk_written_bytes_total", ("disk", "sda"), Shape::Pages(200.0));
    for core in ["0", "1"] {
        add("host_cpu_busy_ratio", ("core", core), Shape::Quotient);
    }
    add("process_cpu_seconds_total", ("", ""), Shape::Counter(80.0));
    add("process_resident_memory_bytes", ("", ""), Shape::Pages(3.0));
    add("process_heap_bytes", ("", ""), Shape::Whole(2e8, 40_000.0));
    add("process_open_fds", ("", ""), Shape::Whole(120.0, 1.0));
    add("process_threads", ("", ""), Shape::Constant(16.0));
    add("process_start_time_seconds", ("", ""), Shape::Constant(1_700_000_000.5));
    add("queue_depth", ("queue", "mail"), Shape::Whole(30.0, 4.0));
    add("queue_depth", ("queue", "print"), Shape::Constant(0.0));
    add("jobs_total", ("queue", "mail"), Shape::Counter(35.0));
    add("jobs_total", ("queue", "print"), Shape::Counter(0.01));
    add("cache_hits_total", ("cache", "pages"), Shape::Counter(900.0));
    add("cache_misses_total", ("cache", "pages"), Shape::Counter(40.0));
    add("cache_size_bytes", ("cache", "pages"), Shape::Constant(67_108_864.0));
    add("host_memory_used_ratio", ("", ""), Shape::Percent);
    add("host_memory_total_bytes", ("", ""), Shape::Constant(25_100_000_000.0));
    add("host_disk_io_seconds_total", ("disk", "sda"), Shape::Counter(30.0));
    add("events_total", ("source", "mqtt"), Shape::Counter(5.0));
    add("connections", ("state", "open"), Shape::Whole(200.0, 2.0));
    add("build_info", ("version", "1.2.3"), Shape::Constant(1.0));
    add("up", ("", ""), Shape::Constant(1.0));
    all
}

/// The values of `shapes`, second by second.
#[derive(Debug)]
pub(crate) struct Service {
    shapes: Vec<Shape>,
    values: Vec<f64>,
    noise: Noise,
}

impl Service {
    pub(crate) fn new(shapes: impl IntoIterator<Item = Shape>) -> Service {
        let shapes: Vec<Shape> = shapes.into_iter().collect();
        let begin = |shape: &Shape| match *shape {
            Shape::Constant(value) | Shape::Whole(value, _) => value,
            Shape::Pages(_) => 50_000.0 * 4_096.0,
            Shape::Counter(rate) => (rate * 100_000.0).floor(),
            _ => 0.0,
        };
        Service { values: shapes.iter().map(begin).collect(), shapes, noise: Noise(1) }
    }

    pub(crate) fn next(&mut self) -> &[f64] {
        for (value, shape) in self.values.iter_mut().zip(&self.shapes) {
            let noise = &mut self.noise;
            match *shape {
                Shape::Counter(rate) => *value += noise.events(rate),
                Shape::Seconds(rate) => {
                    let before = (*value * 1e9).round();
                    *value = (before + (rate * 1e9 * (1.0 + 0.05 * noise.normal())).round()) / 1e9;
                }
                Shape::Constant(_) => {}
                Shape::Whole(mean, deviation) => {
                    *value = (mean + (*value - mean) * 0.9 + deviation * noise.normal())
                        .round()
                        .max(0.0);
                }
                Shape::Pages(deviation) => {
                    if noise.share() < 0.3 {
                        *value += (deviation * noise.normal()).round() * 4_096.0;
                    }
                }
                Shape::Percent => *value = (60.0 + noise.normal()).round() / 100.0,
                Shape::Quotient => *value = noise.below(1_000_000) as f64 / 1_000_003.0,
            }
        }
        &self.values
    }
}
