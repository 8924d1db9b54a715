//! A profile as an answer.

use http::header::{CONTENT_DISPOSITION, CONTENT_SECURITY_POLICY, HeaderValue};
use http::{HeaderName, StatusCode};
use perf_monitor_http::{Response, answer};
use perf_monitor_profiling::{CallTree, Difference, Error, Names, Report};

use super::{call_tree_to_json, difference_to_pprof, to_pprof};

pub(super) const TEXT: &str = "text/plain; charset=utf-8";

/// How a profile is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    /// Gzipped protobuf, for `go tool pprof`.
    Pprof,
    /// A flame graph.
    Svg,
    /// Lines of stacks.
    Collapsed,
    /// For pages.
    Json,
}

/// What is written.
pub(super) enum Profile {
    Whole(Report),
    Change(Difference),
}

/// The image has its script and its styles in it. It gets an origin of its own: should a name ever break out of its
/// text, what it could run would see neither the monitor nor its cookie. Searching asks for a word in a dialogue.
const OF_AN_IMAGE: &str = "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; \
frame-ancestors 'none'; sandbox allow-scripts allow-modals";

impl Format {
    const ALL: [(&str, Format); 4] = [
        ("pb", Format::Pprof),
        ("svg", Format::Svg),
        ("collapsed", Format::Collapsed),
        ("json", Format::Json),
    ];

    pub(super) fn named(name: &str) -> Option<Format> {
        Format::ALL.iter().find(|(known, _)| *known == name).map(|(_, format)| *format)
    }

    /// Looks the names up and writes; it may take seconds, so it belongs on a thread that may block.
    pub(super) fn write(self, profile: &Profile) -> Vec<u8> {
        let report = match profile {
            Profile::Whole(report) => report,
            Profile::Change(difference) => &difference.after,
        };
        let names = Names::of(report);
        let tree = || match profile {
            Profile::Whole(report) => CallTree::of(report, &names),
            Profile::Change(difference) => CallTree::of_difference(difference, &names),
        };
        match (self, profile) {
            (Format::Pprof, Profile::Whole(report)) => to_pprof(report, &names),
            (Format::Pprof, Profile::Change(change)) => difference_to_pprof(change, &names),
            (Format::Svg, _) => tree().to_flamegraph(),
            (Format::Collapsed, _) => tree().to_collapsed().into_bytes(),
            (Format::Json, _) => call_tree_to_json(&tree()),
        }
    }

    /// `bytes` of this format; a browser saves a pprof as `file`, which ends in `.pb.gz`.
    pub(super) fn answer(self, bytes: Vec<u8>, file: &'static str) -> Response {
        let (content_type, header) = match self {
            Format::Pprof => ("application/octet-stream", Some((CONTENT_DISPOSITION, file))),
            Format::Svg => ("image/svg+xml", Some((CONTENT_SECURITY_POLICY, OF_AN_IMAGE))),
            Format::Collapsed => (TEXT, None),
            Format::Json => ("application/json", None),
        };
        let mut response = answer(StatusCode::OK, content_type, bytes);
        if let Some((name, value)) = header {
            response.headers_mut().insert::<HeaderName>(name, HeaderValue::from_static(value));
        }
        response
    }
}

/// A sentence instead of a profile.
pub(super) fn refusal(status: StatusCode, sentence: &str) -> Response {
    answer(status, TEXT, format!("{sentence}\n"))
}

/// What a profiler could not do.
pub(super) fn failure(error: &Error) -> Response {
    let status = match error {
        Error::AlreadyStarted => StatusCode::CONFLICT,
        Error::Frequency(_) => StatusCode::BAD_REQUEST,
        Error::Unsupported(_) => StatusCode::NOT_IMPLEMENTED,
        Error::System(..) | Error::SignalTaken(_) => StatusCode::SERVICE_UNAVAILABLE,
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    };
    match error {
        Error::AlreadyStarted => refusal(
            status,
            "the program itself takes a CPU profile: wait, or end it with force=1, upon which the program gets what it has",
        ),
        error => refusal(status, &error.to_string()),
    }
}
