//! A line at a time, for a file or another program.

use crate::top::figures::{Figure, Figures};
use crate::top::format::{bytes, bytes_rate, percent, rate, seconds};

/// The latest figures with their time; `None` before the first.
pub(crate) fn line(figures: &Figures) -> Option<String> {
    if figures.at_ms.is_nan() {
        return None;
    }
    let now = |figure| figures.now(figure);
    let firing = figures.alerts.as_ref().map_or("–".into(), |alerts| {
        alerts.iter().filter(|alert| alert.fires()).count().to_string()
    });
    let parts = [
        ("requests", rate(now(Figure::Requests))),
        ("errors", rate(now(Figure::Failures))),
        ("p50", seconds(now(Figure::P50))),
        ("p99", seconds(now(Figure::P99))),
        ("cpu", percent(now(Figure::Cpu))),
        ("memory", bytes(now(Figure::Memory))),
        ("received", bytes_rate(now(Figure::Received))),
        ("sent", bytes_rate(now(Figure::Sent))),
        ("firing", firing),
    ];
    let mut line = time_of_day(figures.at_ms);
    for (name, value) in parts {
        line += &format!("  {name} {}", value.replace(' ', ""));
    }
    Some(line + "\n")
}

/// UTC.
fn time_of_day(unix_ms: f64) -> String {
    let seconds = (unix_ms / 1e3) as u64 % 86_400;
    let (hours, minutes) = (seconds / 3600, seconds / 60 % 60);
    format!("{hours:02}:{minutes:02}:{:02}Z", seconds % 60)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::top::figures::FIGURES;
    use crate::top::link::Event;

    #[test]
    fn a_line_has_the_time_and_a_word_for_each_figure() {
        let mut figures = Figures::new();
        assert_eq!(line(&figures), None);
        let mut values = vec![f32::NAN; FIGURES.len()];
        values[Figure::Requests as usize] = 40.0;
        figures.take(Event::Values { at_ms: 1_700_000_000_000.0, values });
        let line = line(&figures).unwrap();
        assert!(line.starts_with("22:13:20Z  requests 40.0/s  errors –  p50 –  "), "{line}");
        assert!(line.ends_with("  firing –\n"), "{line}");
    }
}
