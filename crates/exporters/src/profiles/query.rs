//! What of a profile is asked for.

use std::time::Duration;

use perf_monitor_http::Request;
use perf_monitor_profiling::Filter;

use super::output::Format;
use crate::parameter::parameter;

/// The longest profile. The listener must let a request take as long: `ServerOptions::request_time`.
const MOST_SECONDS: u64 = 300;

const USUAL_SECONDS: u64 = 30;
const MOST_HZ: u32 = 1_000;
const USUAL_HZ: u32 = 99;

/// A CPU profile.
#[derive(Debug, PartialEq)]
pub(super) struct CpuQuery {
    pub(super) duration: Duration,
    /// How long ago the time began that is asked for, if it is past.
    pub(super) ago: Option<Duration>,
    pub(super) hz: u32,
    pub(super) force: bool,
    pub(super) format: Format,
    pub(super) filter: Filter,
}

impl CpuQuery {
    /// What the query of `request` says, or why it says nothing.
    pub(super) fn of(request: &Request) -> Result<CpuQuery, String> {
        let value = |name| parameter(request, name);
        Ok(CpuQuery {
            duration: seconds(request)?.unwrap_or(Duration::from_secs(USUAL_SECONDS)),
            ago: number_of_seconds(request, "ago")?,
            hz: value("hz")?.map_or(Ok(USUAL_HZ), |text| hz(&text))?,
            force: flag(request, "force")?,
            format: format(request)?.unwrap_or(Format::Pprof),
            filter: filter(request)?,
        })
    }
}

/// A heap profile.
#[derive(Debug, PartialEq)]
pub(super) struct HeapQuery {
    /// Only what changes in so long.
    pub(super) during: Option<Duration>,
    pub(super) format: Format,
    pub(super) filter: Filter,
}

impl HeapQuery {
    pub(super) fn of(request: &Request) -> Result<HeapQuery, String> {
        let usual = match flag(request, "debug")? {
            true => Format::Collapsed,
            false => Format::Pprof,
        };
        Ok(HeapQuery {
            during: seconds(request)?,
            format: format(request)?.unwrap_or(usual),
            filter: filter(request)?,
        })
    }
}

fn seconds(request: &Request) -> Result<Option<Duration>, String> {
    number_of_seconds(request, "seconds")
}

fn number_of_seconds(request: &Request, name: &str) -> Result<Option<Duration>, String> {
    let read = |text: String| match text.parse() {
        Ok(seconds @ 1..=MOST_SECONDS) => Ok(Duration::from_secs(seconds)),
        _ => Err(format!("{name} {text:?}: give a number from 1 to {MOST_SECONDS}")),
    };
    parameter(request, name)?.map(read).transpose()
}

fn hz(text: &str) -> Result<u32, String> {
    let hz = text.parse().ok().filter(|hz| (1..=MOST_HZ).contains(hz));
    hz.ok_or_else(|| format!("hz {text:?}: give a number from 1 to {MOST_HZ}, such as {USUAL_HZ}"))
}

/// Any number but 0 switches on, as in Go.
fn flag(request: &Request, name: &str) -> Result<bool, String> {
    let read = |text: String| match text.parse::<u32>() {
        Ok(number) => Ok(number != 0),
        Err(_) => Err(format!("{name} {text:?}: give 1 or 0")),
    };
    parameter(request, name)?.map_or(Ok(false), read)
}

fn format(request: &Request) -> Result<Option<Format>, String> {
    let read = |text: String| {
        let format = Format::named(&text);
        format.ok_or_else(|| format!("format {text:?}: use pb, svg, collapsed or json"))
    };
    parameter(request, "format")?.map(read).transpose()
}

fn filter(request: &Request) -> Result<Filter, String> {
    Ok(Filter {
        thread: parameter(request, "thread")?,
        span: parameter(request, "span")?,
        trace: parameter(request, "trace")?.map(|text| trace(&text)).transpose()?,
    })
}

fn trace(text: &str) -> Result<u128, String> {
    let is_hex = text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let id = u128::from_str_radix(text, 16).ok().filter(|id| is_hex && *id != 0);
    id.ok_or_else(|| format!("trace {text:?}: give 32 hexadecimal digits that are not all zero"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(query: &str) -> Request {
        http::Request::get(format!("/debug/pprof/profile?{query}"))
            .body(Default::default())
            .unwrap()
    }

    #[test]
    fn what_is_not_said_is_as_in_go() {
        let query = CpuQuery::of(&request("")).unwrap();
        assert_eq!((query.duration.as_secs(), query.hz, query.force), (30, 99, false));
        assert_eq!(query.ago, None);
        assert_eq!((query.format, query.filter), (Format::Pprof, Filter::default()));
        let query = HeapQuery::of(&request("gc=1")).unwrap();
        assert_eq!((query.during, query.format), (None, Format::Pprof));
        assert_eq!(HeapQuery::of(&request("debug=1")).unwrap().format, Format::Collapsed);
    }

    #[test]
    fn all_can_be_said() {
        let trace = "trace=4BF92F3577B34DA6A3CE929D0E0E4736";
        let query =
            format!("seconds=300&hz=1000&force=1&format=svg&thread=a%20b&span=GET+/&{trace}");
        let query = CpuQuery::of(&request(&query)).unwrap();
        assert_eq!((query.duration.as_secs(), query.hz, query.force), (300, 1000, true));
        assert_eq!(query.format, Format::Svg);
        assert_eq!(query.filter.thread.as_deref(), Some("a b"));
        assert_eq!(query.filter.span.as_deref(), Some("GET /"));
        assert_eq!(query.filter.trace, Some(0x4bf9_2f35_77b3_4da6_a3ce_929d_0e0e_4736));
    }

    #[test]
    fn what_cannot_be_asked_for_is_named_with_the_choices() {
        for (query, sentence) in [
            ("seconds=0", "seconds \"0\": give a number from 1 to 300"),
            ("seconds=301", "seconds \"301\": give a number from 1 to 300"),
            ("seconds=-1", "seconds \"-1\": give a number from 1 to 300"),
            ("seconds=1.5", "seconds \"1.5\": give a number from 1 to 300"),
            ("ago=301", "ago \"301\": give a number from 1 to 300"),
            ("hz=0", "hz \"0\": give a number from 1 to 1000, such as 99"),
            ("hz=fast", "hz \"fast\": give a number from 1 to 1000, such as 99"),
            ("force=yes", "force \"yes\": give 1 or 0"),
            ("format=pdf", "format \"pdf\": use pb, svg, collapsed or json"),
            ("trace=7", "trace \"7\": give 32 hexadecimal digits that are not all zero"),
            ("trace=%2b0000000000000000000000000000001", "not all zero"),
            ("thread=%ff", "thread: give UTF-8, with %25 for a percent sign"),
        ] {
            let error = CpuQuery::of(&request(query)).unwrap_err();
            assert!(error.ends_with(sentence), "{query}: {error}");
        }
    }
}
