//! Numbers and names as a terminal shows them.

/// Stands for what is not known.
const UNKNOWN: &str = "–";

/// The eighths of a block, from low to high.
const BLOCKS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// Three digits.
fn digits(value: f64) -> String {
    match value.abs() {
        v if v >= 99.95 || v == 0.0 => format!("{value:.0}"),
        v if v >= 9.995 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

fn scaled(value: f64, units: &[(f64, &str)]) -> String {
    let fits = |(size, _): &&(f64, &str)| value.abs() >= 0.9995 * size;
    let (size, unit) = units.iter().rev().find(fits).unwrap_or(&units[0]);
    format!("{}{unit}", digits(value / size))
}

fn known(value: f64, show: impl Fn(f64) -> String) -> String {
    if value.is_finite() { show(value) } else { UNKNOWN.into() }
}

/// Per second.
pub(crate) fn rate(value: f64) -> String {
    let units = [(1.0, "/s"), (1e3, "k/s"), (1e6, "M/s"), (1e9, "G/s")];
    known(value, |value| scaled(value, &units))
}

/// Of something that takes seconds.
pub(crate) fn seconds(value: f64) -> String {
    let units = [(1e-9, " ns"), (1e-6, " µs"), (1e-3, " ms"), (1.0, " s")];
    known(value, |value| scaled(value, &units))
}

/// Bytes, in powers of ten.
pub(crate) fn bytes(value: f64) -> String {
    let units = [(1.0, " B"), (1e3, " kB"), (1e6, " MB"), (1e9, " GB"), (1e12, " TB")];
    known(value, |value| scaled(value, &units))
}

/// Bytes per second.
pub(crate) fn bytes_rate(value: f64) -> String {
    known(value, |value| bytes(value) + "/s")
}

/// A share of 1, in percent.
pub(crate) fn percent(value: f64) -> String {
    known(value, |value| format!("{:.1} %", 100.0 * value))
}

/// How long ago, in its two largest parts.
pub(crate) fn age(seconds: f64) -> String {
    let seconds = seconds.max(0.0) as u64;
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86_400);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds} s"),
        (0, 0, _) => format!("{minutes} min"),
        (0, _, _) => format!("{hours} h {} min", minutes % 60),
        _ => format!("{days} d {} h", hours % 24),
    }
}

/// The last `width` of `values` as blocks between 0 and the highest of them; what is not known is
/// blank.
pub(crate) fn spark(values: impl DoubleEndedIterator<Item = f32>, width: usize) -> String {
    let mut last: Vec<f32> = values.rev().take(width).collect();
    last.reverse();
    let top = last.iter().copied().filter(|value| value.is_finite()).fold(0.0, f32::max);
    let block = |value: f32| match value {
        value if !value.is_finite() => ' ',
        value if top <= 0.0 || value <= 0.0 => BLOCKS[0],
        value => BLOCKS[((value / top * 7.0).round() as usize).min(7)],
    };
    let blank = width - last.len();
    " ".repeat(blank) + &last.into_iter().map(block).collect::<String>()
}

/// A name that somebody else has chosen, in exactly `width` columns: what would move the cursor or
/// turn the text is shown as a dot.
pub(crate) fn name(text: &str, width: usize) -> String {
    // no name is looked at further than it could be shown
    let seen = text.chars().take(width + 1).map(|c| if is_hostile(c) { '·' } else { c });
    let seen: Vec<char> = seen.collect();
    let whole = seen.iter().copied().map(column).sum::<usize>() <= width;
    let room = if whole { width } else { width.saturating_sub(1) };
    let mut used = 0;
    let mut fits = |c: &char| {
        used += column(*c);
        used <= room
    };
    let mut shown: String = seen.into_iter().take_while(|c| fits(c)).collect();
    if !whole && width > 0 {
        shown.push('…');
    }
    let used = columns(&shown);
    shown + &" ".repeat(width - used)
}

/// Controls of the terminal, and marks that are not seen or that turn what follows.
fn is_hostile(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{300}'..='\u{36f}' | '\u{fff9}'..='\u{fffb}')
}

/// The columns that a text takes.
pub(crate) fn columns(text: &str) -> usize {
    text.chars().map(column).sum()
}

/// Wide ones are those of East Asia and pictures.
fn column(c: char) -> usize {
    match c {
        '\u{1100}'..='\u{115f}' | '\u{2e80}'..='\u{a4cf}' | '\u{ac00}'..='\u{d7a3}' => 2,
        '\u{f900}'..='\u{faff}' | '\u{fe30}'..='\u{fe6f}' | '\u{ff00}'..='\u{ff60}' => 2,
        '\u{1f300}'..='\u{1faff}' | '\u{20000}'..='\u{3fffd}' => 2,
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_three_digits_and_a_unit() {
        assert_eq!([0.0, 0.126, 118.3, 1234.0].map(rate), ["0/s", "0.13/s", "118/s", "1.23k/s"]);
        assert_eq!([0.000_8, 0.12, 3.0].map(seconds), ["800 µs", "120 ms", "3.00 s"]);
        assert_eq!([45.6e6, 999.9e6, 12.0].map(bytes), ["45.6 MB", "1.00 GB", "12.0 B"]);
        assert_eq!(percent(0.123), "12.3 %");
        assert_eq!([rate, seconds, bytes, percent].map(|show| show(f64::NAN)), ["–"; 4]);
        assert_eq!(
            [5.0, 300.0, 3900.0, 90_000.0].map(age),
            ["5 s", "5 min", "1 h 5 min", "1 d 1 h"]
        );
    }

    #[test]
    fn a_sparkline_ends_with_the_latest_and_leaves_gaps() {
        assert_eq!(spark([0.0, 50.0, f32::NAN, 100.0].into_iter(), 6), "  ▁▅ █");
        assert_eq!(spark([9.0, 0.0, 0.0].into_iter(), 2), "▁▁");
        assert_eq!(spark([].into_iter(), 2), "  ");
    }

    #[test]
    fn a_name_stays_in_its_place_and_turns_nothing() {
        assert_eq!(name("/cart", 8), "/cart   ");
        assert_eq!(name("/checkout", 6), "/chec…");
        assert_eq!(name("/cart", 5), "/cart");
        assert_eq!(name("a\u{1b}[2J\u{202e}b\n", 10), "a·[2J·b·  ");
        assert_eq!(name("数据库", 5), "数据…");
        assert_eq!(name(&"x".repeat(10_000), 3), "xx…");
    }
}
