//! What is known of the monitor now, and of its last minutes.

use std::collections::VecDeque;

use serde_json::{Value, json};

use crate::top::alerts::Alert;
use crate::top::link::{Event, Hello};
use crate::top::rows::Rows;

/// Seconds that a sparkline can reach back.
const SECONDS: usize = 300;

/// A figure of the whole service or machine; its number is that of its column.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Figure {
    Requests,
    Failures,
    P50,
    P99,
    Cpu,
    HostCpu,
    Memory,
    HostMemory,
    HostMemoryTotal,
    Received,
    Sent,
    DiskRead,
    DiskWritten,
}

/// Each figure's metric and what is taken of it.
pub(crate) const FIGURES: [(Figure, &str, &str); 13] = [
    (Figure::Requests, "requests_total", "rate"),
    (Figure::Failures, "requests_total", "rate"),
    (Figure::P50, "request_duration_seconds", "p50"),
    (Figure::P99, "request_duration_seconds", "p99"),
    (Figure::Cpu, "process_cpu_seconds_total", "rate"),
    (Figure::HostCpu, "host_cpu_usage_ratio", "value"),
    (Figure::Memory, "process_resident_memory_bytes", "value"),
    (Figure::HostMemory, "host_memory_used_bytes", "value"),
    (Figure::HostMemoryTotal, "host_memory_total_bytes", "value"),
    (Figure::Received, "host_network_received_bytes_total", "rate"),
    (Figure::Sent, "host_network_sent_bytes_total", "rate"),
    (Figure::DiskRead, "host_disk_read_bytes_total", "rate"),
    (Figure::DiskWritten, "host_disk_written_bytes_total", "rate"),
];

/// The columns to subscribe to for them.
pub(crate) fn columns() -> Vec<Value> {
    let column = |(figure, metric, stat): &(Figure, &str, &str)| {
        let failed = *figure == Figure::Failures;
        let labels = if failed { json!({"outcome": "failure"}) } else { json!({}) };
        json!({"metric": metric, "labels": labels, "stat": stat})
    };
    FIGURES.iter().map(column).collect()
}

/// All that is known.
#[derive(Debug)]
pub(crate) struct Figures {
    pub(crate) hello: Option<Hello>,
    /// When the values were read, in milliseconds since the epoch.
    pub(crate) at_ms: f64,
    /// The figures, then what the rows refer to.
    values: Vec<f32>,
    /// One value a second for each figure.
    tracks: [VecDeque<f32>; FIGURES.len()],
    /// The second that the tracks end with.
    second: Option<i64>,
    pub(crate) rows: Rows,
    /// `None` where they are not known.
    pub(crate) alerts: Option<Vec<Alert>>,
    /// Why nothing comes, if nothing comes.
    pub(crate) trouble: Option<String>,
    has_past: bool,
}

impl Figures {
    pub(crate) fn new() -> Figures {
        Figures {
            hello: None,
            at_ms: f64::NAN,
            values: Vec::new(),
            tracks: Default::default(),
            second: None,
            rows: Rows::default(),
            alerts: None,
            trouble: None,
            has_past: false,
        }
    }

    /// Whether all has come that comes at the start; rates need some time.
    pub(crate) fn are_complete(&self) -> bool {
        self.has_past && self.alerts.is_some() && !self.now(Figure::Requests).is_nan()
    }

    /// The latest value; NaN where it is not known.
    pub(crate) fn now(&self, figure: Figure) -> f64 {
        self.value(figure as usize)
    }

    /// The latest value of a column.
    pub(crate) fn value(&self, column: usize) -> f64 {
        self.values.get(column).copied().map_or(f64::NAN, f64::from)
    }

    /// A value a second, oldest first.
    pub(crate) fn track(&self, figure: Figure) -> impl DoubleEndedIterator<Item = f32> {
        self.tracks[figure as usize].iter().copied()
    }

    pub(crate) fn take(&mut self, event: Event) {
        match event {
            Event::Hello(hello) => self.greet(hello),
            Event::Rows(rows) => self.rows = rows,
            Event::Values { at_ms, values } => {
                self.at_ms = at_ms;
                self.values = values;
                self.follow();
            }
            Event::Past { at_ms, columns } => self.remember(&at_ms, &columns),
            Event::PastEnds => self.has_past = true,
            Event::Alerts(alerts) => self.alerts = alerts,
            Event::Lost { why, wait } => {
                self.trouble = Some(format!("trying again in {wait:.0?}: {why}"));
            }
            Event::Refused(error) => self.trouble = Some(error.to_string()),
        }
    }

    /// A service that was started anew has no past in common with the one before.
    fn greet(&mut self, hello: Hello) {
        if self.hello.as_ref().is_some_and(|before| before.instance != hello.instance) {
            *self = Figures::new();
        }
        self.trouble = None;
        self.hello = Some(hello);
    }

    /// Brings the tracks to the second of the latest values; seconds in which nothing came are gaps.
    fn follow(&mut self) {
        let second = (self.at_ms / 1e3) as i64;
        let passed = self.second.map_or(1, |before| second - before).clamp(0, SECONDS as i64);
        self.second = Some(second);
        for (track, value) in self.tracks.iter_mut().zip(&self.values) {
            for _ in 1..passed {
                track.push_back(f32::NAN);
            }
            if passed == 0 {
                track.pop_back();
            }
            track.push_back(*value);
            track.drain(..track.len().saturating_sub(SECONDS));
        }
    }

    /// Fills what lies before the first value that was seen live. A point is of all seconds since the one before.
    fn remember(&mut self, at_ms: &[f64], columns: &[Vec<f32>]) {
        let Some(latest) = at_ms.last() else { return };
        let last = *self.second.get_or_insert((latest / 1e3) as i64);
        let steps = at_ms.windows(2).map(|pair| ((pair[1] - pair[0]) / 1e3) as i64);
        let step = steps.min().unwrap_or(1).clamp(1, SECONDS as i64);
        for (track, past) in self.tracks.iter_mut().zip(columns) {
            for (at, value) in at_ms.iter().zip(past).rev() {
                let back = last - (at / 1e3) as i64;
                for back in (back..back + step).filter(|back| (0..SECONDS as i64).contains(back)) {
                    fill(track, back as usize, *value);
                }
            }
        }
    }
}

/// Takes `value` for `back` seconds before the last, if none is known.
fn fill(track: &mut VecDeque<f32>, back: usize, value: f32) {
    while track.len() <= back {
        track.push_front(f32::NAN);
    }
    let index = track.len() - 1 - back;
    if track[index].is_nan() {
        track[index] = value;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(at_s: f64, requests: f32) -> Event {
        let mut values = vec![f32::NAN; FIGURES.len()];
        values[Figure::Requests as usize] = requests;
        Event::Values { at_ms: at_s * 1e3, values }
    }

    fn requests(figures: &Figures) -> Vec<f32> {
        figures
            .track(Figure::Requests)
            .map(|value| if value.is_nan() { -1.0 } else { value })
            .collect()
    }

    #[test]
    fn a_figure_s_number_is_that_of_its_column() {
        for (index, (figure, ..)) in FIGURES.iter().enumerate() {
            assert_eq!(*figure as usize, index);
        }
    }

    #[test]
    fn a_track_has_the_last_value_of_each_second_and_gaps() {
        let mut figures = Figures::new();
        for (at, value) in [(10.0, 1.0), (10.9, 2.0), (11.1, 3.0), (14.0, 4.0)] {
            figures.take(values(at, value));
        }
        assert_eq!(requests(&figures), [2.0, 3.0, -1.0, -1.0, 4.0]);
        for second in 0..2 * SECONDS {
            figures.take(values(20.0 + second as f64, 5.0));
        }
        assert_eq!(requests(&figures).len(), SECONDS);
    }

    #[test]
    fn the_past_fills_what_was_not_seen_and_no_more() {
        let mut figures = Figures::new();
        figures.take(values(10.0, 9.0));
        let past = vec![vec![1.0, 2.0, 3.0]; FIGURES.len()];
        figures.take(Event::Past { at_ms: vec![8e3, 9e3, 10e3], columns: past });
        assert_eq!(requests(&figures), [1.0, 2.0, 9.0]);
        let mut fresh = Figures::new();
        let past = vec![vec![1.0, 2.0]; FIGURES.len()];
        fresh.take(Event::Past { at_ms: vec![6e3, 7e3], columns: past });
        fresh.take(values(9.0, 3.0));
        assert_eq!(requests(&fresh), [1.0, 2.0, -1.0, 3.0]);

        let old = vec![vec![7.0]; FIGURES.len()];
        figures.take(Event::Past { at_ms: vec![-1e9], columns: old });
        assert_eq!(requests(&figures).len(), 3);
    }

    #[test]
    fn a_past_in_steps_has_no_gaps() {
        let mut figures = Figures::new();
        figures.take(values(10.0, 9.0));
        let past = vec![vec![1.0, 2.0]; FIGURES.len()];
        figures.take(Event::Past { at_ms: vec![6e3, 9e3], columns: past });
        assert_eq!(requests(&figures), [1.0, 1.0, 1.0, 2.0, 2.0, 2.0, 9.0]);
    }
}
