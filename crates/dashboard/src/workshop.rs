//! The page from a folder rather than from the program, while it is being written.

use std::ffi::OsStr;
use std::fs;
use std::future::ready;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use http::StatusCode;
use http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, HeaderValue};
use perf_monitor_http::{Request, Response, Router, answer};

use crate::assets::{POLICY, with};

/// As build.rs has it.
const PLACEHOLDER: &str = "{assets}";

/// `/` and `/assets/workshop/…`, read from `folder` at each request.
pub(crate) fn routes(folder: PathBuf) -> Router {
    let folder: Arc<Path> = folder.into();
    let page = folder.clone();
    Router::new().get("/", move |_: Request| ready(show(&page, "page.html"))).get(
        "/assets/workshop/*",
        move |request: Request| {
            let name = request.uri().path().strip_prefix("/assets/workshop/").unwrap_or_default();
            ready(show(&folder, name))
        },
    )
}

fn show(folder: &Path, name: &str) -> Response {
    let inside = Path::new(name).components().all(|part| matches!(part, Component::Normal(_)));
    let Ok(bytes) =
        fs::read(folder.join(name)).map_err(drop).and_then(|b| inside.then_some(b).ok_or(()))
    else {
        let sentence = format!("{name:?} is not in the folder of PERF_MONITOR_UI_DIR\n");
        return answer(StatusCode::NOT_FOUND, "text/plain; charset=utf-8", sentence);
    };
    let response = match Path::new(name).extension().and_then(OsStr::to_str) {
        Some("html") => {
            let html = String::from_utf8_lossy(&bytes).replace(PLACEHOLDER, "assets/workshop");
            answer(StatusCode::OK, "text/html; charset=utf-8", html)
        }
        Some("css") => answer(StatusCode::OK, "text/css; charset=utf-8", bytes),
        Some("svg") => answer(StatusCode::OK, "image/svg+xml", bytes),
        _ => answer(StatusCode::OK, "text/javascript; charset=utf-8", bytes),
    };
    let response = with(response, CACHE_CONTROL, HeaderValue::from_static("no-store"));
    with(response, CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY))
}
