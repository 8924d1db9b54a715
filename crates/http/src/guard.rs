//! Who may ask: the checks of `Host`, of the site a browser asks for, and of the token.

use std::net::{IpAddr, SocketAddr};

use http::header::{
    AUTHORIZATION, COOKIE, HOST, HeaderMap, HeaderName, ORIGIN, UPGRADE, WWW_AUTHENTICATE,
};
use http::request::Parts;
use http::uri::Authority;
use http::{HeaderValue, StatusCode, Version};

use crate::answer::{Response, text, with};
use crate::stats::Rejection;
use crate::token::Token;

pub(crate) const COOKIE_NAME: &str = "perf_monitor_token";

/// Why a request is turned away before any handler sees it.
#[derive(Debug)]
pub(crate) struct Refusal {
    pub(crate) reason: Rejection,
    status: StatusCode,
    sentence: String,
}

impl Refusal {
    pub(crate) fn new(reason: Rejection, status: StatusCode, sentence: impl Into<String>) -> Self {
        let sentence = sentence.into();
        Self { reason, status, sentence }
    }

    /// A handler that did not answer in time.
    pub(crate) fn slow() -> Self {
        Self::new(
            Rejection::RequestTime,
            StatusCode::SERVICE_UNAVAILABLE,
            "the answer took too long: ask for less, or raise the limit (request_time)",
        )
    }

    pub(crate) fn into_response(self) -> Response {
        let response = text(self.status, self.sentence);
        let (name, value) = match self.status {
            StatusCode::UNAUTHORIZED => (WWW_AUTHENTICATE, "Bearer realm=\"perf-monitor\""),
            StatusCode::UPGRADE_REQUIRED => (UPGRADE, "websocket"),
            _ => return response,
        };
        with(response, name, HeaderValue::from_static(value))
    }
}

/// Refuses names that are not ours, so that a foreign page whose name was rebound to this address reads nothing.
pub(crate) fn check_host(
    parts: &Parts,
    local: SocketAddr,
    names: &[String],
) -> Result<(), Refusal> {
    let mut hosts = parts.headers.get_all(HOST).iter();
    let host = hosts.next();
    if hosts.next().is_some() || (host.is_none() && parts.version >= Version::HTTP_11) {
        return Err(Refusal::new(
            Rejection::Host,
            StatusCode::BAD_REQUEST,
            "a request has one Host header",
        ));
    }
    let asked = host.map(|host| Authority::try_from(host.as_bytes()).ok());
    let target = parts.uri.authority().cloned().map(Some);
    for authority in [asked, target].into_iter().flatten() {
        if !authority.is_some_and(|authority| is_ours(&authority, local.ip(), names)) {
            return Err(Refusal::new(
                Rejection::Host,
                StatusCode::MISDIRECTED_REQUEST,
                format!(
                    "this host name is not served here: ask for {local} or localhost, or allow the name in the options (allow_host)"
                ),
            ));
        }
    }
    Ok(())
}

fn is_ours(authority: &Authority, local: IpAddr, names: &[String]) -> bool {
    if authority.as_str().contains('@') {
        return false;
    }
    let host = authority.host().to_ascii_lowercase();
    let host = host.strip_suffix('.').unwrap_or(&host);
    let address = host.trim_start_matches('[').trim_end_matches(']');
    match address.parse::<IpAddr>() {
        Ok(ip) => {
            let ip = ip.to_canonical();
            ip.is_loopback() || ip == local.to_canonical() || names.iter().any(|name| name == host)
        }
        Err(_) => host == "localhost" || names.iter().any(|name| name == host),
    }
}

/// Refuses what a browser asks for on behalf of another site; clients that are no browsers send neither header.
pub(crate) fn check_origin(headers: &HeaderMap) -> Result<(), Refusal> {
    let fetch_site = headers.get(HeaderName::from_static("sec-fetch-site"));
    let same_site = fetch_site.is_none_or(|site| site == "same-origin" || site == "none");
    let same_origin =
        headers.get_all(ORIGIN).iter().all(|origin| is_origin_of(origin, headers.get(HOST)));
    if same_site && same_origin {
        return Ok(());
    }
    Err(Refusal::new(
        Rejection::Origin,
        StatusCode::FORBIDDEN,
        "a page of another site may not ask for this: open the page from this address",
    ))
}

fn is_origin_of(origin: &HeaderValue, host: Option<&HeaderValue>) -> bool {
    let (Ok(origin), Some(Ok(host))) = (origin.to_str(), host.map(HeaderValue::to_str)) else {
        return false;
    };
    origin.split_once("://").is_some_and(|(scheme, authority)| {
        matches!(scheme, "http" | "https") && authority.eq_ignore_ascii_case(host)
    })
}

/// Asks for the token as a bearer or in the cookie that a login sets.
pub(crate) fn check_token(headers: &HeaderMap, token: &Token) -> Result<(), Refusal> {
    let bearer = headers.get(AUTHORIZATION).and_then(bearer);
    let cookies = headers.get_all(COOKIE).iter().flat_map(cookies);
    if bearer.into_iter().chain(cookies).any(|shown| token.matches(shown)) {
        return Ok(());
    }
    Err(Refusal::new(
        Rejection::Token,
        StatusCode::UNAUTHORIZED,
        "a token is needed: send `Authorization: Bearer TOKEN`, or log in at /login",
    ))
}

fn bearer(value: &HeaderValue) -> Option<&[u8]> {
    let (scheme, secret) = value.as_bytes().split_at_checked(7)?;
    scheme.eq_ignore_ascii_case(b"bearer ").then(|| secret.trim_ascii())
}

fn cookies(value: &HeaderValue) -> impl Iterator<Item = &[u8]> {
    value.as_bytes().split(|byte| *byte == b';').filter_map(|pair| {
        pair.trim_ascii().strip_prefix(COOKIE_NAME.as_bytes())?.strip_prefix(b"=")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        let pairs = pairs.iter();
        pairs
            .map(|(name, value)| {
                let name = HeaderName::from_static(name);
                (name, HeaderValue::from_str(value).unwrap())
            })
            .collect()
    }

    fn host(version: Version, uri: &str, hosts: &[&str]) -> Option<u16> {
        let mut request = http::Request::builder().version(version).uri(uri);
        for host in hosts {
            request = request.header(HOST, *host);
        }
        let (parts, ()) = request.body(()).unwrap().into_parts();
        let local = SocketAddr::from(([192, 0, 2, 7], 9464));
        let names = ["metrics.example".to_owned()];
        check_host(&parts, local, &names).err().map(|refusal| refusal.status.as_u16())
    }

    #[test]
    fn only_our_own_host_names_are_served() {
        for ours in [
            "localhost",
            "LocalHost:1",
            "localhost.:9464",
            "127.0.0.1:9464",
            "127.1.2.3",
            "[::1]:9464",
            "[::ffff:127.0.0.1]",
            "192.0.2.7:80",
            "Metrics.Example:443",
        ] {
            assert_eq!(host(Version::HTTP_11, "/", &[ours]), None, "{ours}");
        }
        for foreign in [
            "evil.example",
            "192.0.2.8",
            "localhost.evil.example",
            "127.0.0.1.evil.example",
            "localhost@evil.example",
            "evil.example@localhost",
            "xlocalhost",
            "metrics.example.evil",
            "[::2]",
            "a b",
            "",
        ] {
            let status = host(Version::HTTP_11, "/", &[foreign]);
            assert_eq!(status, Some(421), "{foreign}");
        }
    }

    #[test]
    fn a_host_is_needed_once_and_the_target_counts_too() {
        assert_eq!(host(Version::HTTP_11, "/", &[]), Some(400));
        assert_eq!(host(Version::HTTP_10, "/", &[]), None);
        assert_eq!(host(Version::HTTP_11, "/", &["localhost", "localhost"]), Some(400));
        let target = "http://evil.example/";
        assert_eq!(host(Version::HTTP_11, target, &["localhost"]), Some(421));
        assert_eq!(host(Version::HTTP_11, "http://localhost/", &["localhost"]), None);
    }

    #[test]
    fn another_site_is_told_by_origin_or_by_sec_fetch_site() {
        let host = ("host", "localhost:9464");
        let allowed = |more: &[_]| check_origin(&headers(&[&[host], more].concat())).is_ok();
        assert!(allowed(&[]));
        assert!(allowed(&[("origin", "http://localhost:9464")]));
        assert!(allowed(&[("origin", "http://localhost:9464"), ("sec-fetch-site", "same-origin")]));
        assert!(allowed(&[("sec-fetch-site", "none")]));
        for origin in [
            "http://evil.example",
            "http://localhost:3000",
            "http://localhost",
            "null",
            "",
            "file://localhost:9464",
            "localhost:9464",
        ] {
            assert!(!allowed(&[("origin", origin)]), "{origin}");
        }
        for site in ["cross-site", "same-site", ""] {
            assert!(!allowed(&[("sec-fetch-site", site)]), "{site}");
        }
        assert!(check_origin(&headers(&[("origin", "http://localhost")])).is_err());
    }

    #[test]
    fn the_token_comes_as_bearer_or_cookie() {
        let token = Token::new("open.sesame").unwrap();
        let passes = |name, value| check_token(&headers(&[(name, value)]), &token).is_ok();
        assert!(passes("authorization", "Bearer open.sesame"));
        assert!(passes("authorization", "bearer  open.sesame"));
        assert!(passes("cookie", "perf_monitor_token=open.sesame"));
        assert!(passes("cookie", "a=b; perf_monitor_token=open.sesame; c=d"));
        assert!(!passes("authorization", "Basic open.sesame"));
        assert!(!passes("authorization", "Bearer"));
        assert!(!passes("authorization", "Bearer open.sesame2"));
        assert!(!passes("authorization", "open.sesame"));
        assert!(!passes("cookie", "xperf_monitor_token=open.sesame"));
        assert!(!passes("cookie", "perf_monitor_token=open.sesamE"));
        assert!(!passes("cookie", "token=open.sesame"));
    }
}
