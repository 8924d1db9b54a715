//! Values as people write them, with their ranges.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::ops::RangeInclusive;
use std::time::Duration;

use perf_monitor::http::Token;

/// What a monitor accepts as its tick.
const TICKS: RangeInclusive<Duration> = Duration::from_millis(10)..=Duration::from_secs(3600);

/// A value, or why it is none.
pub(crate) type Checked<T> = Result<T, String>;

/// An address and port: `127.0.0.1:9464`, `[::1]:9464`, `localhost:9464`, or `:9464` on loopback.
pub(crate) fn address(text: &str) -> Checked<SocketAddr> {
    let loopback = text.strip_prefix("localhost").unwrap_or(text);
    let port = loopback.strip_prefix(':').and_then(|port| port.parse().ok());
    match port {
        Some(port) => Ok((Ipv4Addr::LOCALHOST, port).into()),
        None => text.parse().map_err(|_| {
            format!("`{text}` is not an address with a port: write it like 127.0.0.1:9464")
        }),
    }
}

/// A time between two ticks: a number and `ms`, `s`, `m` or `h`, from 10 ms to 1 h.
pub(crate) fn tick(text: &str) -> Checked<Duration> {
    let tick = time(text)?;
    match TICKS.contains(&tick) {
        true => Ok(tick),
        false => Err(format!("`{text}` is out of range: choose 10ms to 60m")),
    }
}

/// A number and `ms`, `s`, `m` or `h`.
pub(crate) fn time(text: &str) -> Checked<Duration> {
    duration(text).ok_or_else(|| format!("`{text}` is not a time: write it like 500ms, 1s or 1m"))
}

/// A name to show.
pub(crate) fn name(text: String) -> Checked<String> {
    match text.trim().is_empty() {
        true => Err("it is empty: give the name that people look for".into()),
        false => Ok(text),
    }
}

/// Names that the `Host` of a request can have, without a port.
pub(crate) fn hosts(names: Vec<String>) -> Checked<Vec<String>> {
    match names.iter().find(|name| !is_host(name)) {
        Some(name) => Err(format!(
            "`{name}` is no host name: write it like metrics.example.org or [2001:db8::1], without a port"
        )),
        None => Ok(names),
    }
}

fn is_host(name: &str) -> bool {
    let address = name.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    match address {
        Some(address) => address.parse::<Ipv6Addr>().is_ok(),
        None => {
            let fits = |c: char| c.is_ascii_alphanumeric() || "-._".contains(c);
            !name.is_empty() && name.chars().all(fits)
        }
    }
}

/// A token that the listener takes; the error does not show it.
pub(crate) fn token(text: String) -> Checked<String> {
    Token::new(text.as_str()).map(|_| text).map_err(|e| e.to_string())
}

/// A URL that alerts can be sent to; the error does not show it.
pub(crate) fn receiver(url: &str) -> Checked<String> {
    let no = |why: &str| Err(format!("{why}: write it like http://127.0.0.1:9093"));
    let Ok(uri) = url.parse::<hyper::Uri>() else { return no("it is no URL") };
    match uri.scheme_str() {
        Some("http") => {}
        Some("https") if cfg!(feature = "tls") => {}
        Some("https") => return no("this program is built without https"),
        _ => return no("it does not begin with http://"),
    }
    match uri.authority() {
        Some(authority) if authority.as_str().contains('@') => no("a user in it is not sent"),
        Some(authority) if !authority.host().is_empty() => Ok(url.to_owned()),
        _ => no("it names no host"),
    }
}

fn duration(text: &str) -> Option<Duration> {
    let digits = text.find(|c: char| !(c.is_ascii_digit() || c == '.'))?;
    let (number, unit) = text.split_at(digits);
    let seconds = match unit.trim_start() {
        "ms" => 0.001,
        "s" => 1.0,
        "m" | "min" => 60.0,
        "h" => 3_600.0,
        _ => return None,
    };
    Duration::try_from_secs_f64(number.parse::<f64>().ok()? * seconds).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_may_leave_out_what_is_usual() {
        for text in ["127.0.0.1:9464", "localhost:9464", ":9464"] {
            assert_eq!(address(text), Ok(([127, 0, 0, 1], 9464).into()), "{text}");
        }
        assert_eq!(address("[::1]:80").map(|a| a.port()), Ok(80));
        for text in ["9464", "localhost", "", ":", ":65536", "example.org:80"] {
            assert!(address(text).unwrap_err().contains("127.0.0.1:9464"), "{text}");
        }
    }

    #[test]
    fn a_tick_is_a_number_with_a_unit_within_bounds() {
        for (text, ms) in
            [("1s", 1000), ("500ms", 500), ("0.25s", 250), ("2 m", 120_000), ("1h", 3_600_000)]
        {
            assert_eq!(tick(text), Ok(Duration::from_millis(ms)), "{text}");
        }
        for text in ["", "1", "s", "1 fortnight", "-1s", "1.2.3s", "9ms", "61m", "0s"] {
            assert!(tick(text).is_err(), "{text}");
        }
    }
}
