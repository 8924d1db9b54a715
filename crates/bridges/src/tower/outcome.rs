//! How a request ended.

use http::{HeaderValue, StatusCode};

/// How a request ended: the label `status`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    Informational,
    Success,
    Redirection,
    ClientError,
    ServerError,
    /// The client went away, or something above gave up waiting.
    Cancelled,
    /// The service gave an error instead of a response, broke off its body, or panicked.
    Error,
}

/// Label values, in the order of the variants.
const LABELS: [&str; Outcome::COUNT] = ["1xx", "2xx", "3xx", "4xx", "5xx", "cancelled", "error"];

impl Outcome {
    pub(super) const COUNT: usize = 7;

    /// The class of an HTTP status. Codes from 600 on count as 5xx, as RFC 9110 (section 15) asks
    /// of whoever meets one.
    pub(super) fn of_status(status: StatusCode) -> Outcome {
        match status.as_u16() / 100 {
            1 => Outcome::Informational,
            2 => Outcome::Success,
            3 => Outcome::Redirection,
            4 => Outcome::ClientError,
            _ => Outcome::ServerError,
        }
    }

    /// The class of a `grpc-status`, by the HTTP codes that `google/rpc/code.proto` gives.
    pub(super) fn of_grpc(code: &HeaderValue) -> Outcome {
        match code.as_bytes() {
            b"0" => Outcome::Success,
            b"1" => Outcome::Cancelled,
            // Invalid argument, not found, already exists, permission denied, resource exhausted,
            // failed precondition, aborted, out of range, unauthenticated.
            b"3" | b"5" | b"6" | b"7" | b"8" | b"9" | b"10" | b"11" | b"16" => Outcome::ClientError,
            _ => Outcome::ServerError,
        }
    }

    pub(super) fn label(self) -> &'static str {
        LABELS[self as usize]
    }

    /// Whether the service did its part: an answer below 500 that reached whoever asked.
    pub(super) fn is_success(self) -> bool {
        !matches!(self, Outcome::ServerError | Outcome::Cancelled | Outcome::Error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_status_has_a_class() {
        let class = |code| Outcome::of_status(StatusCode::from_u16(code).unwrap()).label();
        let codes = [101, 200, 304, 404, 499, 500, 599, 600, 999];
        let classes = ["1xx", "2xx", "3xx", "4xx", "4xx", "5xx", "5xx", "5xx", "5xx"];
        assert_eq!(codes.map(class), classes);
    }

    #[test]
    fn a_grpc_status_has_the_class_of_its_http_code() {
        let class = |code: u8| Outcome::of_grpc(&HeaderValue::from(u16::from(code))).label();
        let server = [2, 4, 12, 13, 14, 15, 17, 255];
        assert!(server.iter().all(|code| class(*code) == "5xx"));
        let client = [3, 5, 6, 7, 8, 9, 10, 11, 16];
        assert!(client.iter().all(|code| class(*code) == "4xx"));
        assert_eq!((class(0), class(1)), ("2xx", "cancelled"));
        assert_eq!(Outcome::of_grpc(&HeaderValue::from_static("x")), Outcome::ServerError);
    }
}
