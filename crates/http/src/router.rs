//! Which handler answers which path.

use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;
use http::header::{ALLOW, HeaderValue};
use http::{Method, StatusCode};

use crate::answer::{Response, text, with};
#[cfg(feature = "websocket")]
use crate::websocket::WebSocketHandler;

/// A request whose body has been read; its extensions hold the peer's `SocketAddr`.
pub type Request = http::Request<Bytes>;

/// A boxed future that can move between threads.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Answers requests; any `Fn(Request) -> impl Future<Output = Response>` is one.
///
/// Its future runs on the listener's runtime and must not block it. It is dropped when the client goes away or the time
/// is over. A panic in it is answered with 500 and counted.
pub trait Handler: Send + Sync + 'static {
    /// Answers one request.
    fn handle(&self, request: Request) -> BoxFuture<'_, Response>;
}

impl<F, Fut> Handler for F
where
    F: Fn(Request) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Response> + Send + 'static,
{
    fn handle(&self, request: Request) -> BoxFuture<'_, Response> {
        Box::pin(self(request))
    }
}

/// A table of paths: unknown ones get 404, known ones with another method 405, `HEAD` is answered by `GET`.
///
/// A path is matched exactly, without its query; one that ends in `/*` matches all below it, the longest first.
///
/// ```
/// use http::StatusCode;
/// use perf_monitor_http::{Request, Router, answer};
///
/// let router = Router::new()
///     .get("/healthz", async |_: Request| answer(StatusCode::OK, "text/plain", "ok\n"));
/// ```
#[derive(Clone, Default)]
pub struct Router {
    paths: BTreeMap<Box<str>, Path>,
}

#[derive(Clone, Default)]
struct Path {
    methods: BTreeMap<Name, Entry>,
    #[cfg(feature = "websocket")]
    websocket: Option<Arc<dyn WebSocketHandler>>,
}

/// The name of a method, which orders them in `Allow`.
type Name = &'static str;

#[derive(Clone)]
struct Entry {
    handler: Arc<dyn Handler>,
    costly: bool,
}

/// What the table says of a request.
pub(crate) enum Route {
    /// Call this; a costly one is refused to other sites' pages.
    Call { handler: Arc<dyn Handler>, costly: bool },
    #[cfg(feature = "websocket")]
    Upgrade(Arc<dyn WebSocketHandler>),
    /// A path of WebSockets asked for otherwise.
    #[cfg(feature = "websocket")]
    UpgradeRequired,
    /// Answer this.
    No(Response),
}

impl Router {
    /// A table without paths.
    pub fn new() -> Self {
        Self::default()
    }

    /// Answers `GET` and `HEAD` on `path`.
    pub fn get(self, path: &str, handler: impl Handler) -> Self {
        self.add("GET", path, false, Arc::new(handler))
    }

    /// Answers `GET` on `path` by doing work, such as taking a profile: other sites' pages may not ask for it.
    pub fn get_costly(self, path: &str, handler: impl Handler) -> Self {
        self.add("GET", path, true, Arc::new(handler))
    }

    /// Answers `POST` on `path`.
    pub fn post(self, path: &str, handler: impl Handler) -> Self {
        self.add("POST", path, true, Arc::new(handler))
    }

    /// Answers `PUT` on `path`.
    pub fn put(self, path: &str, handler: impl Handler) -> Self {
        self.add("PUT", path, true, Arc::new(handler))
    }

    /// Answers `DELETE` on `path`.
    pub fn delete(self, path: &str, handler: impl Handler) -> Self {
        self.add("DELETE", path, true, Arc::new(handler))
    }

    /// Upgrades requests on `path` to WebSockets.
    #[cfg(feature = "websocket")]
    pub fn websocket(mut self, path: &str, handler: impl WebSocketHandler) -> Self {
        self.paths.entry(path.into()).or_default().websocket = Some(Arc::new(handler));
        self
    }

    /// Takes the paths of `other` in; where both answer, `other` does.
    pub fn merge(mut self, other: Self) -> Self {
        for (path, theirs) in other.paths {
            let ours = self.paths.entry(path).or_default();
            ours.methods.extend(theirs.methods);
            #[cfg(feature = "websocket")]
            if theirs.websocket.is_some() {
                ours.websocket = theirs.websocket;
            }
        }
        self
    }

    fn add(mut self, method: Name, path: &str, costly: bool, handler: Arc<dyn Handler>) -> Self {
        let entry = Entry { handler, costly };
        let methods = &mut self.paths.entry(path.into()).or_default().methods;
        methods.insert(method, entry);
        self
    }

    #[cfg_attr(not(feature = "websocket"), allow(unused_variables))]
    pub(crate) fn route(&self, method: &Method, path: &str, wants_upgrade: bool) -> Route {
        let Some(found) = self.find(path) else {
            return Route::No(text(StatusCode::NOT_FOUND, "no such path"));
        };
        #[cfg(feature = "websocket")]
        if let Some(handler) = &found.websocket {
            if *method == Method::GET && wants_upgrade {
                return Route::Upgrade(Arc::clone(handler));
            }
            if !found.methods.contains_key("GET") {
                return Route::UpgradeRequired;
            }
        }
        let name = match method.as_str() {
            "HEAD" => "GET",
            name => name,
        };
        match found.methods.get(name) {
            Some(Entry { handler, costly }) => {
                Route::Call { handler: Arc::clone(handler), costly: *costly }
            }
            None => Route::No(found.not_allowed()),
        }
    }

    fn find(&self, path: &str) -> Option<&Path> {
        self.paths.get(path).or_else(|| {
            let mut ends = path.rmatch_indices('/').map(|(end, _)| end);
            ends.find_map(|end| self.paths.get(format!("{}*", &path[..=end]).as_str()))
        })
    }
}

impl Path {
    fn not_allowed(&self) -> Response {
        let mut methods: Vec<_> = self.methods.keys().copied().collect();
        if self.methods.contains_key("GET") {
            methods.push("HEAD");
        }
        let allow = methods.join(", ");
        let response = text(StatusCode::METHOD_NOT_ALLOWED, format!("this path answers {allow}"));
        let allow = HeaderValue::from_str(&allow).expect("names of methods are ASCII");
        with(response, ALLOW, allow)
    }
}

impl fmt::Debug for Router {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.paths.keys()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(router: &Router, method: &str, path: &str) -> u16 {
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        match router.route(&method, path, false) {
            Route::No(response) => response.status().as_u16(),
            _ => 200,
        }
    }

    #[test]
    fn paths_match_exactly_and_stars_match_below() {
        let ok = async |_: Request| text(StatusCode::OK, "");
        let router = Router::new().get("/a", ok).delete("/api/silences/*", ok).get("/api/*", ok);
        assert_eq!(status(&router, "GET", "/a"), 200);
        assert_eq!(status(&router, "HEAD", "/a"), 200);
        assert_eq!(status(&router, "POST", "/a"), 405);
        assert_eq!(status(&router, "GET", "/a/"), 404);
        assert_eq!(status(&router, "GET", "/api"), 404);
        assert_eq!(status(&router, "GET", "/api/x/y"), 200);
        assert_eq!(status(&router, "DELETE", "/api/silences/7"), 200);
        assert_eq!(status(&router, "GET", "/api/silences/7"), 405);
        assert_eq!(status(&router, "GET", "*"), 404);
    }

    #[test]
    fn a_merged_table_answers_for_both() {
        let ok = async |_: Request| text(StatusCode::OK, "");
        let router = Router::new().get("/a", ok).merge(Router::new().post("/a", ok).get("/b", ok));
        assert_eq!(status(&router, "GET", "/a"), 200);
        assert_eq!(status(&router, "POST", "/a"), 200);
        assert_eq!(status(&router, "GET", "/b"), 200);
    }
}
