//! The page with all that it loads, embedded.

use std::future::ready;

use http::header::{
    ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_SECURITY_POLICY, ETAG, HeaderName,
    HeaderValue, IF_NONE_MATCH, VARY, X_FRAME_OPTIONS,
};
use http::{HeaderMap, StatusCode};
use perf_monitor_http::{Body, Request, Response, Router, answer};

/// The fingerprint of all files: build.rs packs them.
const TAG: &str = env!("PERF_MONITOR_ASSETS");

/// The page, which names the folder of its files.
const PAGE: File = File {
    name: "page.html",
    content_type: "text/html; charset=utf-8",
    bytes: include_bytes!(concat!(env!("OUT_DIR"), "/web/page.html")),
    packed: include_bytes!(concat!(env!("OUT_DIR"), "/web/page.html.gz")),
};

const JAVASCRIPT: &str = "text/javascript; charset=utf-8";

/// A file of the page, by its path below `web`.
macro_rules! file {
    ($path:literal, $content_type:expr) => {
        File {
            name: $path,
            content_type: $content_type,
            bytes: include_bytes!(concat!("../web/", $path)),
            packed: include_bytes!(concat!(env!("OUT_DIR"), "/web/", $path, ".gz")),
        }
    };
}

/// A module of the page.
macro_rules! module {
    ($path:literal) => {
        file!($path, JAVASCRIPT)
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
    file!("page.css", "text/css; charset=utf-8"),
    file!("icon.svg", "image/svg+xml"),
];

/// The page runs its own scripts and styles, talks to its own server, and loads nothing else.
pub(crate) const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
    img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

#[derive(Clone, Copy)]
struct File {
    name: &'static str,
    content_type: &'static str,
    bytes: &'static [u8],
    /// The same in gzip.
    packed: &'static [u8],
}

impl File {
    /// The file, packed if the client takes that.
    fn answer(self, request: &Request) -> Response {
        let response = match takes_gzip(request) {
            true => {
                let response = answer(StatusCode::OK, self.content_type, self.packed);
                with(response, CONTENT_ENCODING, HeaderValue::from_static("gzip"))
            }
            false => answer(StatusCode::OK, self.content_type, self.bytes),
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

/// `/`, which a browser asks for anew each time, and `/assets/FINGERPRINT/…`, which it may keep.
///
/// The modules import each other by relative names, so that one folder holds one state of all. The page names the
/// folder relative to itself, so that it may be mounted below another path.
pub(crate) fn routes() -> Router {
    #[cfg(debug_assertions)]
    if let Some(folder) = std::env::var_os("PERF_MONITOR_UI_DIR") {
        return crate::workshop::routes(folder.into());
    }
    Router::new()
        .get("/", |request: Request| ready(page(&request)))
        .get(&format!("/assets/{TAG}/*"), |request: Request| ready(file(&request)))
}

/// A file, which a browser may keep for ever: its address has the fingerprint of all files.
fn file(request: &Request) -> Response {
    let name = request.uri().path().split_once(TAG).map_or("", |(_, name)| &name[1..]);
    let Some(file) = FILES.iter().find(|file| file.name == name) else {
        return answer(StatusCode::NOT_FOUND, "text/plain; charset=utf-8", "no such file\n");
    };
    let forever = HeaderValue::from_static("public, max-age=31536000, immutable");
    with(file.answer(request), CACHE_CONTROL, forever)
}

fn page(request: &Request) -> Response {
    // weak, as it is that of the packed page too
    let etag = HeaderValue::from_static(concat!("W/\"", env!("PERF_MONITOR_ASSETS"), "\""));
    let response = match request.headers().get(IF_NONE_MATCH) == Some(&etag) {
        true => {
            let mut response = Response::new(Body::empty());
            *response.status_mut() = StatusCode::NOT_MODIFIED;
            with(response, CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY))
        }
        false => PAGE.answer(request),
    };
    let response = with(response, ETAG, etag);
    let response = with(response, CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    with(response, X_FRAME_OPTIONS, HeaderValue::from_static("DENY"))
}

pub(crate) fn with(mut response: Response, name: HeaderName, value: HeaderValue) -> Response {
    let headers: &mut HeaderMap = response.headers_mut();
    headers.insert(name, value);
    response
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
            let by_page = text(&PAGE).contains(&format!("\"assets/{TAG}/{}\"", file.name));
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
            let link = format!("<link rel=\"modulepreload\" href=\"assets/{TAG}/{}\">", file.name);
            assert!(file.name == "app.js" || text(&PAGE).contains(&link), "{}", file.name);
        }
        let links = text(&PAGE).matches("modulepreload").count();
        assert_eq!(links, closure("app.js").len() - 1);
    }

    #[test]
    fn nothing_comes_from_elsewhere_and_no_text_becomes_markup() {
        for source in FILES.iter().chain([&PAGE]).map(text) {
            let source = source.replace("http://www.w3.org/2000/svg", "");
            for banned in
                ["http://", "https://", "innerHTML", "outerHTML", "insertAdjacent", "eval("]
            {
                assert!(!source.contains(banned), "{banned}");
            }
        }
        for inline in ["<style", "style=", "<script>", "onclick"] {
            assert!(!text(&PAGE).contains(inline), "{inline}");
        }
    }

    /// `dashboard/weight`.
    #[test]
    fn the_first_load_stays_small() {
        let packed = |files: &[&File]| -> usize {
            PAGE.packed.len() + files.iter().map(|file| file.packed.len()).sum::<usize>()
        };
        let mut first = closure("app.js");
        first.extend([named("page.css"), named("icon.svg")]);
        let (first, all) = (packed(&first), packed(&FILES.iter().collect::<Vec<_>>()));
        assert!(first <= 55_000 && all <= 80_000, "{first} of {all} bytes are loaded first");
    }
}
