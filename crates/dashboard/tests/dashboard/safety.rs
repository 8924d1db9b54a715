//! Who may watch.

use perf_monitor_http::{Server, ServerOptions, Token};
use serde_json::json;
use tokio_tungstenite::tungstenite::Error;

use crate::served::{Served, Viewer};

fn status(result: Result<Viewer, Error>) -> u16 {
    match result {
        Ok(_) => 101,
        Err(Error::Http(answer)) => answer.status().as_u16(),
        Err(other) => panic!("{other}"),
    }
}

#[tokio::test]
async fn a_page_of_another_site_or_of_a_rebound_name_sees_nothing() {
    let served = Served::new("checkout");
    for path in ["/api/stream", "/api/updates"] {
        for (headers, wanted) in [
            (vec![("origin", "http://elsewhere.example")], 403),
            (vec![("origin", "null")], 403),
            (vec![("sec-fetch-site", "cross-site")], 403),
            // its own name, which it has bound to this address
            (vec![("host", "elsewhere.example"), ("origin", "http://elsewhere.example")], 421),
            (vec![("host", "localhost"), ("origin", "http://localhost")], 101),
            (vec![], 101),
        ] {
            assert_eq!(status(served.ask_to_watch(path, &headers).await), wanted, "{headers:?}");
        }
    }
    for path in ["/", "/api/metrics", "/api/config"] {
        let answer = served.get_of("elsewhere.example", path).await;
        assert!(answer.starts_with("HTTP/1.1 421"), "{path}: {answer}");
    }
    assert_eq!(served.dashboard.stats().refused_clients, 0);
    served.stop().await;
}

#[tokio::test]
async fn elsewhere_than_on_loopback_a_token_is_asked_for_once() {
    let open = Server::bind(([0, 0, 0, 0], 0), ServerOptions::default()).unwrap_err();
    assert!(open.is_invalid() && open.to_string().contains("token"), "{open}");
    let token = Token::new("open.sesame").unwrap();
    let served = Served::with_options("checkout", ServerOptions::default().token(token));
    for path in ["/", "/api/metrics", "/api/config", "/assets/x/app.js"] {
        let answer = served.get(path, "").await;
        assert!(answer.starts_with("HTTP/1.1 401"), "{path}: {answer}");
    }
    assert_eq!(status(served.ask_to_watch("/api/stream", &[]).await), 401);
    let wrong = [("cookie", "perf_monitor_token=open.sesamE")];
    assert_eq!(status(served.ask_to_watch("/api/stream", &wrong).await), 401);

    let answer = served.post("/login", "", "token=open.sesame").await;
    assert!(answer.starts_with("HTTP/1.1 303"), "{answer}");
    let cookie = answer.lines().find_map(|line| line.strip_prefix("set-cookie: ")).unwrap();
    assert!(cookie.contains("; HttpOnly") && cookie.contains("; SameSite=Strict"), "{cookie}");
    let cookie = cookie.split(';').next().unwrap();
    let headers = format!("Cookie: {cookie}\r\n");
    assert!(served.get("/", &headers).await.starts_with("HTTP/1.1 200"));
    assert_eq!(status(served.ask_to_watch("/api/stream", &[("cookie", cookie)]).await), 101);
    let bearer = [("authorization", "Bearer open.sesame")];
    assert_eq!(status(served.ask_to_watch("/api/stream", &bearer).await), 101);

    let settings = json!({"page_rate_hz": 30}).to_string();
    let foreign = format!("{headers}Origin: http://elsewhere.example\r\n");
    assert!(served.post("/api/config", &foreign, &settings).await.starts_with("HTTP/1.1 403"));
    assert!(served.post("/api/config", "", &settings).await.starts_with("HTTP/1.1 401"));
    assert!(served.post("/api/config", &headers, &settings).await.starts_with("HTTP/1.1 200"));
    served.stop().await;
}
