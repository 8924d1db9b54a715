//! Numbers as Go writes them.

use super::eval::Value;

/// As few digits as tell the number: Go's `%v` of a float.
pub(crate) fn shortest(value: f64) -> String {
    if !value.is_finite() {
        return special(value);
    }
    let text = format!("{value:e}");
    general(&text, value, 6).unwrap_or(text)
}

/// `%.Ng`: so many significant digits, without zeros at the end.
pub(crate) fn significant(value: f64, digits: usize) -> String {
    if !value.is_finite() {
        return special(value);
    }
    let digits = digits.max(1);
    let text = format!("{value:.*e}", digits - 1);
    general(&text, value, digits as i32).unwrap_or(text)
}

fn special(value: f64) -> String {
    match value {
        value if value.is_nan() => "NaN".into(),
        value if value > 0.0 => "+Inf".into(),
        _ => "-Inf".into(),
    }
}

/// From Rust's `1.5e3` to `1500`, or `1.5e+03` for exponents that are too large or small.
fn general(text: &str, value: f64, most: i32) -> Option<String> {
    let (mantissa, exponent) = text.split_once('e')?;
    let exponent: i32 = exponent.parse().ok()?;
    let mantissa = match mantissa.contains('.') {
        true => mantissa.trim_end_matches('0').trim_end_matches('.'),
        false => mantissa,
    };
    // Go turns to exponents at the precision; of the shortest form, at 6.
    if exponent < -4 || exponent >= most {
        let sign = if exponent < 0 { '-' } else { '+' };
        return Some(format!("{mantissa}e{sign}{:02}", exponent.abs()));
    }
    let digits = mantissa.chars().filter(char::is_ascii_digit).count() as i32;
    let decimals = (digits - 1 - exponent).max(0) as usize;
    // The digits were rounded above, so this rounds no further than they did.
    let rounded: f64 = text.parse().unwrap_or(value);
    Some(format!("{rounded:.decimals$}"))
}

/// A text that Prometheus takes for a number.
pub(super) fn of_text(text: &str) -> Option<f64> {
    match text.trim() {
        "+Inf" | "Inf" => Some(f64::INFINITY),
        "-Inf" => Some(f64::NEG_INFINITY),
        text => text.parse().ok(),
    }
}

/// Go's `printf` for the verbs that rules use.
pub(super) fn printf(format: &str, arguments: &[Value]) -> Result<String, String> {
    let (mut out, mut rest, mut next) = (String::new(), format, arguments.iter());
    while let Some(at) = rest.find('%') {
        out.push_str(&rest[..at]);
        let (spec, verb, after) = Spec::of(&rest[at + 1..])?;
        rest = after;
        if verb == '%' {
            out.push('%');
            continue;
        }
        let Some(value) = next.next() else {
            return Err(format!("printf {format:?} has too few arguments"));
        };
        out.push_str(&spec.pad(verb, &spec.write(verb, value)?));
        if out.len() > 64 * 1024 {
            return Err("printf makes too long a text".into());
        }
    }
    out.push_str(rest);
    if next.next().is_some() {
        return Err(format!("printf {format:?} has too many arguments"));
    }
    Ok(out)
}

#[derive(Default)]
struct Spec {
    minus: bool,
    plus: bool,
    zero: bool,
    width: usize,
    precision: Option<usize>,
}

impl Spec {
    fn of(text: &str) -> Result<(Spec, char, &str), String> {
        let mut spec = Spec::default();
        let flags = text.len() - text.trim_start_matches(['-', '+', '0', '#', ' ']).len();
        spec.minus = text[..flags].contains('-');
        spec.plus = text[..flags].contains('+');
        spec.zero = text[..flags].contains('0');
        let (width, rest) = digits(&text[flags..]);
        spec.width = width.unwrap_or(0);
        let rest = match rest.strip_prefix('.') {
            Some(rest) => {
                let (precision, rest) = digits(rest);
                spec.precision = Some(precision.unwrap_or(0));
                rest
            }
            None => rest,
        };
        if spec.width > 200 || spec.precision.is_some_and(|p| p > 200) {
            return Err("a width of more than 200 in printf".into());
        }
        let verb = rest.chars().next().ok_or("a % at the end of printf's format")?;
        Ok((spec, verb, &rest[verb.len_utf8()..]))
    }

    fn write(&self, verb: char, value: &Value) -> Result<String, String> {
        let number = |what: &str| match value {
            Value::Number(number) => Ok(*number),
            other => Err(format!("printf: %{what} of {:?}, which is no number", other.show())),
        };
        let text = match verb {
            'v' => value.show(),
            's' => match self.precision {
                Some(most) => value.show().chars().take(most).collect(),
                None => value.show(),
            },
            'q' => format!("{:?}", value.show()),
            't' => value.show(),
            'f' | 'F' => fixed(number("f")?, self.precision.unwrap_or(6)),
            'e' => exponential(number("e")?, self.precision.unwrap_or(6)),
            'g' => {
                let number = number("g")?;
                self.precision.map_or_else(|| shortest(number), |p| significant(number, p))
            }
            'd' => match number("d")? {
                whole if whole.fract() == 0.0 => format!("{whole:.0}"),
                other => return Err(format!("printf: %d of {other}, which is not whole")),
            },
            'x' => format!("{:x}", number("x")? as i64),
            other => return Err(format!("printf: %{other} is not supported here")),
        };
        let wants_sign = self.plus && "fFegd".contains(verb) && !text.starts_with(['-', '+']);
        Ok(if wants_sign { format!("+{text}") } else { text })
    }

    fn pad(&self, verb: char, text: &str) -> String {
        let missing = self.width.saturating_sub(text.chars().count());
        if self.minus {
            return format!("{text}{}", " ".repeat(missing));
        }
        if self.zero && "fFegdx".contains(verb) && !text.ends_with("Inf") && !text.ends_with("NaN")
        {
            let digits = text.trim_start_matches(['-', '+']);
            let sign = &text[..text.len() - digits.len()];
            return format!("{sign}{}{digits}", "0".repeat(missing));
        }
        format!("{}{text}", " ".repeat(missing))
    }
}

fn digits(text: &str) -> (Option<usize>, &str) {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    (text[..end].parse().ok(), &text[end..])
}

fn fixed(value: f64, precision: usize) -> String {
    if value.is_finite() { format!("{value:.precision$}") } else { special(value) }
}

fn exponential(value: f64, precision: usize) -> String {
    if !value.is_finite() {
        return special(value);
    }
    let text = format!("{value:.precision$e}");
    match text.split_once('e') {
        Some((mantissa, exponent)) => {
            let exponent: i32 = exponent.parse().unwrap_or(0);
            let sign = if exponent < 0 { '-' } else { '+' };
            format!("{mantissa}e{sign}{:02}", exponent.abs())
        }
        None => text,
    }
}

/// Seconds since the Unix epoch as Go prints a time in UTC.
pub(super) fn timestamp(seconds: f64) -> Result<String, String> {
    if !(0.0..=253_402_300_799.0).contains(&seconds) {
        return Err(format!("{seconds} is no time"));
    }
    let text = crate::time::rfc3339((seconds * 1_000.0) as i64);
    Ok(format!("{} {} +0000 UTC", &text[..10], text[11..].trim_end_matches('Z')))
}
