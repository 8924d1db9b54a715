//! The page with all that it loads, embedded.

use std::future::ready;
use std::hash::Hasher;
use std::io::Write;
use std::sync::OnceLock;

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use http::header::{
    ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_SECURITY_POLICY, ETAG, HeaderName,
    HeaderValue, IF_NONE_MATCH, VARY, X_FRAME_OPTIONS,
};
use http::{HeaderMap, StatusCode};
use perf_monitor_http::{Body, Request, Response, Router, answer};

/// Where the page names the folder of its assets.
pub(crate) const PLACEHOLDER: &str = "{assets}";

const PAGE: &str = include_str!("../web/page.html");

const JAVASCRIPT: &str = "text/javascript; charset=utf-8";

/// A module of the page, by its path below `web`.
macro_rules! module {
    ($path:literal) => {
        File::new($path, JAVASCRIPT, include_bytes!(concat!("../web/", $path)))
    };
}

const FILES: [File; 43] = [
    module!("alerts.js"),
    module!("api.js"),
    module!("app.js"),
    module!("calltree.js"),
    module!("card.js"),
    module!("catalog.js"),
    module!("chart.js"),
    module!("colours.js"),
    module!("config.js"),
    module!("dom.js"),
    module!("export.js"),
    module!("feed.js"),
    module!("flame.js"),
    module!("format.js"),
    module!("frames.js"),
    module!("heat.js"),
    module!("keys.js"),
    module!("loop.js"),
    module!("markers.js"),
    module!("names.js"),
    module!("panels.js"),
    module!("pen.js"),
    module!("routes.js"),
    module!("scale.js"),
    module!("session.js"),
    module!("store.js"),
    module!("stream.js"),
    module!("timeline.js"),
    module!("toolbar.js"),
    module!("url.js"),
    module!("view.js"),
    module!("waterfall.js"),
    module!("views/alerts.js"),
    module!("views/bench.js"),
    module!("views/host.js"),
    module!("views/instruments.js"),
    module!("views/metrics.js"),
    module!("views/overview.js"),
    module!("views/profiles.js"),
    module!("views/settings.js"),
    module!("views/traces.js"),
    File::new("page.css", "text/css; charset=utf-8", include_bytes!("../web/page.css")),
    File::new("icon.svg", "image/svg+xml", include_bytes!("../web/icon.svg")),
];

/// The page runs its own scripts and styles, talks to its own server, and loads nothing else.
pub(crate) const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
    img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

#[derive(Clone, Copy)]
struct File {
    name: &'static str,
    content_type: &'static str,
    bytes: &'static [u8],
}

impl File {
    const fn new(name: &'static str, content_type: &'static str, bytes: &'static [u8]) -> File {
        File { name, content_type, bytes }
    }

    /// The file, which a browser may keep for ever: its address has the fingerprint of all files.
    fn answer(self, packed: &Packed, request: &Request) -> Response {
        let forever = HeaderValue::from_static("public, max-age=31536000, immutable");
        let whole = Bytes::from_static(self.bytes);
        with(packed.answer(self.content_type, whole, request), CACHE_CONTROL, forever)
    }
}

/// A text in gzip, made when it is first asked for so and kept.
#[derive(Default)]
struct Packed(OnceLock<Bytes>);

impl Packed {
    /// `whole`, packed if the client takes that.
    fn answer(&self, content_type: &'static str, whole: Bytes, request: &Request) -> Response {
        let response = match takes_gzip(request) {
            true => {
                let packed = self.0.get_or_init(|| gzip(&whole)).clone();
                let response = answer(StatusCode::OK, content_type, packed);
                with(response, CONTENT_ENCODING, HeaderValue::from_static("gzip"))
            }
            false => answer(StatusCode::OK, content_type, whole),
        };
        let response = with(response, CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
        with(response, VARY, HeaderValue::from_static("accept-encoding"))
    }
}

/// Whether the client takes gzip, and not at the weight of 0.
fn takes_gzip(request: &Request) -> bool {
    let accepted = request.headers().get_all(ACCEPT_ENCODING).iter();
    let accepted = accepted.filter_map(|value| value.to_str().ok()).flat_map(|v| v.split(','));
    let mut codings = accepted.map(|coding| {
        let (name, weight) = coding.split_once(';').unwrap_or((coding, ""));
        let weight = weight.trim().strip_prefix("q=").map_or(1.0, |q| q.parse().unwrap_or(0.0));
        (name.trim().to_ascii_lowercase(), weight)
    });
    codings.any(|(name, weight)| (name == "gzip" || name == "*") && weight > 0.0)
}

fn gzip(bytes: &[u8]) -> Bytes {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    let packed = encoder.write_all(bytes).and_then(|()| encoder.finish());
    packed.expect("memory takes all bytes").into()
}

/// `/`, which a browser asks for anew each time, and `/assets/FINGERPRINT/…`, which it may keep.
///
/// The modules import each other by relative names, so that one folder holds one state of all. The page names the
/// folder relative to itself, so that it may be mounted below another path.
pub(crate) fn routes() -> Router {
    #[cfg(debug_assertions)]
    if let Some(folder) = std::env::var_os("PERF_MONITOR_UI_DIR") {
        return crate::workshop::routes(folder.into());
    }
    let tag = fingerprint();
    let folder = format!("/assets/{tag}");
    let page = Page {
        packed: Packed::default(),
        html: Bytes::from(PAGE.replace(PLACEHOLDER, &folder[1..])),
        etag: HeaderValue::from_str(&format!("W/\"{tag}\"")).expect("hexadecimal digits"),
    };
    let router = Router::new().get("/", move |request: Request| ready(page.answer(&request)));
    FILES.into_iter().fold(router, |router, file| {
        let (path, packed) = (format!("{folder}/{}", file.name), Packed::default());
        router.get(&path, move |request: Request| ready(file.answer(&packed, &request)))
    })
}

struct Page {
    html: Bytes,
    packed: Packed,
    etag: HeaderValue,
}

impl Page {
    fn answer(&self, request: &Request) -> Response {
        let known = request.headers().get(IF_NONE_MATCH) == Some(&self.etag);
        let response = match known {
            true => {
                let mut response = Response::new(Body::empty());
                *response.status_mut() = StatusCode::NOT_MODIFIED;
                response
            }
            false => self.packed.answer("text/html; charset=utf-8", self.html.clone(), request),
        };
        let response = with(response, ETAG, self.etag.clone());
        let response = with(response, CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        let response = with(response, X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
        with(response, CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY))
    }
}

pub(crate) fn with(mut response: Response, name: HeaderName, value: HeaderValue) -> Response {
    let headers: &mut HeaderMap = response.headers_mut();
    headers.insert(name, value);
    response
}

/// Sixteen digits that change with any byte of the page or its files.
fn fingerprint() -> String {
    let mut hash = Fnv(0xcbf2_9ce4_8422_2325);
    hash.write(PAGE.as_bytes());
    for file in FILES {
        hash.write(file.name.as_bytes());
        hash.write(file.bytes);
    }
    format!("{:016x}", hash.finish())
}

/// FNV-1a with 64 bits: the same on every machine and in every release, which std's hasher does not promise.
struct Fnv(u64);

impl Hasher for Fnv {
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(file: &File) -> &'static str {
        std::str::from_utf8(file.bytes).unwrap()
    }

    /// The modules that a module names: those that it is loaded with, and those that it may load later.
    fn imports(file: &File) -> (Vec<String>, Vec<String>) {
        let folder = file.name.rsplit_once('/').map_or("", |(folder, _)| folder);
        let below = |path: &str| match (path.strip_prefix("../"), folder) {
            (Some(path), "views") => path.to_owned(),
            (None, "") => path.trim_start_matches("./").to_owned(),
            _ => panic!("{}: {path}", file.name),
        };
        let quoted = |text: &str| text.split('"').nth(1).map(below);
        let lines = || text(file).lines().filter(|line| line.starts_with("import "));
        let later = text(file).split("import(").skip(1).filter_map(quoted);
        (lines().filter_map(quoted).collect(), later.collect())
    }

    fn named(name: &str) -> &'static File {
        FILES.iter().find(|file| file.name == name).unwrap_or_else(|| panic!("no {name}"))
    }

    /// What is loaded with `name`, itself first.
    fn closure(name: &str) -> Vec<&'static File> {
        let mut loaded = vec![named(name)];
        let mut next = 0;
        while let Some(file) = loaded.get(next) {
            for name in imports(file).0 {
                if loaded.iter().all(|file| file.name != name) {
                    loaded.push(named(&name));
                }
            }
            next += 1;
        }
        loaded
    }

    #[test]
    fn every_file_is_asked_for_by_the_page_or_a_module() {
        let modules = FILES.iter().filter(|file| file.content_type == JAVASCRIPT);
        let asked: Vec<String> =
            modules.map(imports).flat_map(|(now, later)| [now, later].concat()).collect();
        for file in FILES {
            let by_page = PAGE.contains(&format!("\"{PLACEHOLDER}/{}\"", file.name));
            assert!(by_page || asked.iter().any(|name| name == file.name), "{}", file.name);
        }
    }

    #[test]
    fn every_import_is_a_file() {
        for file in FILES.iter().filter(|file| file.content_type == JAVASCRIPT) {
            let (now, later) = imports(file);
            for name in [now, later].concat() {
                named(&name);
            }
        }
    }

    #[test]
    fn what_the_first_view_needs_is_asked_for_at_once() {
        for file in closure("app.js") {
            let link = format!("<link rel=\"modulepreload\" href=\"{PLACEHOLDER}/{}\">", file.name);
            assert!(file.name == "app.js" || PAGE.contains(&link), "{}", file.name);
        }
        let links = PAGE.matches("modulepreload").count();
        assert_eq!(links, closure("app.js").len() - 1);
    }

    #[test]
    fn nothing_comes_from_elsewhere_and_no_text_becomes_markup() {
        for source in FILES.iter().map(text).chain([PAGE]) {
            let source = source.replace("http://www.w3.org/2000/svg", "");
            for banned in
                ["http://", "https://", "innerHTML", "outerHTML", "insertAdjacent", "eval("]
            {
                assert!(!source.contains(banned), "{banned}");
            }
        }
        for inline in ["<style", "style=", "<script>", "onclick"] {
            assert!(!PAGE.contains(inline), "{inline}");
        }
    }

    /// `dashboard/weight`.
    #[test]
    fn the_first_load_stays_small() {
        let packed = |files: &[&File]| -> usize {
            gzip(PAGE.as_bytes()).len()
                + files.iter().map(|file| gzip(file.bytes).len()).sum::<usize>()
        };
        let mut first = closure("app.js");
        first.extend([named("page.css"), named("icon.svg")]);
        let (first, all) = (packed(&first), packed(&FILES.iter().collect::<Vec<_>>()));
        assert!(first <= 55_000 && all <= 80_000, "{first} of {all} bytes are loaded first");
    }
}
