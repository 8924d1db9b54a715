//! Which format and encoding a client asks for.

use http::HeaderMap;
use http::header::{ACCEPT, ACCEPT_ENCODING};

/// The text formats that Prometheus scrapes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Format {
    /// Prometheus text 0.0.4.
    #[default]
    Text,
    /// OpenMetrics 1.0.0: units, `_created` samples, and an end mark that tells a complete scrape from a broken one.
    OpenMetrics,
}

impl Format {
    /// The `Content-Type` of the format.
    pub const fn content_type(self) -> &'static str {
        match self {
            Format::Text => "text/plain; version=0.0.4; charset=utf-8",
            Format::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
        }
    }

    /// The format that the `Accept` headers ask for.
    ///
    /// OpenMetrics only where it is named, and liked no less than the text; a client that takes neither gets the text,
    /// as the scrapers of this field expect.
    pub fn negotiate(headers: &HeaderMap) -> Format {
        let (mut text, mut open_metrics) = (Liking::default(), Liking::default());
        for range in elements(headers, ACCEPT) {
            let version = range.parameter("version");
            match range.name.to_ascii_lowercase().as_str() {
                "application/openmetrics-text" => match version {
                    None => open_metrics.consider(1, range.quality),
                    Some("1.0.0") => open_metrics.consider(2, range.quality),
                    Some(_) => {}
                },
                "*/*" => text.consider(1, range.quality),
                "text/*" => text.consider(2, range.quality),
                "text/plain" => match version {
                    None => text.consider(3, range.quality),
                    Some("0.0.4") => text.consider(4, range.quality),
                    Some(_) => {}
                },
                _ => {}
            }
        }
        if open_metrics.quality > 0 && open_metrics.quality >= text.quality {
            return Format::OpenMetrics;
        }
        Format::Text
    }
}

/// Whether the `Accept-Encoding` headers name gzip, and do not prefer the plain bytes.
pub(crate) fn accepts_gzip(headers: &HeaderMap) -> bool {
    let (mut gzip, mut identity) = (0, 0);
    for coding in elements(headers, ACCEPT_ENCODING) {
        match coding.name.to_ascii_lowercase().as_str() {
            "gzip" | "x-gzip" => gzip = coding.quality,
            "identity" => identity = coding.quality,
            _ => {}
        }
    }
    gzip > 0 && gzip >= identity
}

/// The quality that the most specific range gave, in thousandths.
#[derive(Default)]
struct Liking {
    specific: u8,
    quality: u16,
}

impl Liking {
    fn consider(&mut self, specific: u8, quality: u16) {
        if (specific, quality) > (self.specific, self.quality) {
            *self = Liking { specific, quality };
        }
    }
}

/// One element of a list such as `text/plain;version=0.0.4;q=0.5`.
struct Element<'a> {
    name: &'a str,
    parameters: &'a str,
    quality: u16,
}

impl<'a> Element<'a> {
    fn parse(text: &'a str) -> Element<'a> {
        let (name, parameters) = text.split_once(';').unwrap_or((text, ""));
        let mut element = Element { name: name.trim(), parameters, quality: 1000 };
        if let Some(q) = element.parameter("q") {
            element.quality = thousandths(q);
        }
        element
    }

    fn parameter(&self, name: &str) -> Option<&'a str> {
        self.parameters.split(';').find_map(|parameter| {
            let (key, value) = parameter.split_once('=')?;
            key.trim().eq_ignore_ascii_case(name).then(|| value.trim().trim_matches('"'))
        })
    }
}

/// A quality of 0 to 1 in thousandths; what is no quality is none.
fn thousandths(q: &str) -> u16 {
    match q.parse::<f32>() {
        Ok(q) if (0.0..=1.0).contains(&q) => (q * 1000.0).round() as u16,
        _ => 0,
    }
}

fn elements(headers: &HeaderMap, name: http::HeaderName) -> impl Iterator<Item = Element<'_>> {
    let lines = headers.get_all(name).into_iter().filter_map(|line| line.to_str().ok());
    lines.flat_map(|line| line.split(',')).map(Element::parse)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: http::HeaderName, lines: &[&'static str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(&name, http::HeaderValue::from_static(line));
        }
        headers
    }

    #[test]
    fn open_metrics_is_served_where_it_is_asked_for() {
        let open_metrics = [
            "application/openmetrics-text",
            "application/openmetrics-text; version=1.0.0; charset=utf-8",
            "APPLICATION/OpenMetrics-Text;Version=\"1.0.0\"",
            "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
            "text/plain;q=0.3, application/openmetrics-text;q=0.3",
            "text/plain;q=0, */*;q=1, application/openmetrics-text;q=0.1",
        ];
        for accept in open_metrics {
            assert_eq!(
                Format::negotiate(&headers(ACCEPT, &[accept])),
                Format::OpenMetrics,
                "{accept}"
            );
        }
        let lines = headers(ACCEPT, &["text/plain;q=0.5", "application/openmetrics-text"]);
        assert_eq!(Format::negotiate(&lines), Format::OpenMetrics, "in a header of its own");
    }

    #[test]
    fn everybody_else_gets_the_text() {
        let text = [
            "",
            "*/*",
            "application/*",
            "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
            "application/json",
            "application/openmetrics-text;q=0",
            "application/openmetrics-text;q=high",
            "application/openmetrics-text;q=1.5",
            "application/openmetrics-text;version=0.0.1,text/plain;version=0.0.4;q=0.5",
            "application/openmetrics-text;q=0.3,text/plain;q=0.9",
            "application/openmetrics-text;version=1.0.0;q=0,application/openmetrics-text",
            "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited",
            ",;,=;q",
        ];
        for accept in text {
            assert_eq!(Format::negotiate(&headers(ACCEPT, &[accept])), Format::Text, "{accept}");
        }
        assert_eq!(Format::negotiate(&HeaderMap::new()), Format::Text);
    }

    #[test]
    fn gzip_is_used_where_it_is_named_and_not_refused() {
        for yes in [
            "gzip",
            "deflate, gzip;q=0.5",
            "GZIP",
            "x-gzip",
            "identity;q=0.5, gzip;q=0.5",
            "gzip ; q=0.001",
        ] {
            assert!(accepts_gzip(&headers(ACCEPT_ENCODING, &[yes])), "{yes}");
        }
        for no in [
            "",
            "identity",
            "gzip;q=0",
            "gzip;q=0.000",
            "br, zstd",
            "*",
            "gzip;q=0.2, identity",
            "gzip;q=no",
        ] {
            assert!(!accepts_gzip(&headers(ACCEPT_ENCODING, &[no])), "{no}");
        }
        assert!(!accepts_gzip(&HeaderMap::new()));
    }
}
