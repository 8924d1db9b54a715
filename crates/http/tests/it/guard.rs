//! Who is let in: the checks over a real connection.

use perf_monitor_http::{Rejection, Request, Server, ServerOptions, Token};

use crate::support::{Answer, Running, hello, text};

const TOKEN: &str = "open.sesame";

fn open() -> Running {
    let router = hello()
        .post("/write", async |_: Request| text("written"))
        .get_costly("/profile", async |_: Request| text("profiled"));
    Running::start(ServerOptions::default().allow_host("Metrics.example"), router)
}

fn locked() -> Running {
    let options = ServerOptions::default().token(Token::new(TOKEN).unwrap());
    Running::start(options, hello())
}

async fn ask(server: &Running, request: &str, headers: &[&str]) -> Answer {
    let headers: String = headers.iter().map(|header| format!("{header}\r\n")).collect();
    let request = format!("{request} HTTP/1.1\r\nConnection: close\r\n{headers}\r\n");
    server.ask(request).await
}

#[tokio::test]
async fn a_rebound_name_is_refused_with_the_remedy() {
    let server = open();
    let answer = ask(&server, "GET /hello", &["Host: evil.example:9464"]).await;
    assert_eq!(answer.status, 421);
    assert!(answer.text().contains("allow_host"), "{}", answer.text());
    assert!(answer.text().contains(&server.address.to_string()));
    let address = format!("Host: {}", server.address);
    for ours in ["Host: localhost", "Host: metrics.example", &address] {
        assert_eq!(ask(&server, "GET /hello", &[ours]).await.status, 200, "{ours}");
    }
    assert_eq!(ask(&server, "GET /hello", &[]).await.status, 400);
    assert_eq!(server.rejected(Rejection::Host), 2);
}

#[tokio::test]
async fn another_site_may_neither_write_nor_make_work() {
    let server = open();
    let host = "Host: localhost:9464";
    for request in ["POST /write", "GET /profile"] {
        assert_eq!(ask(&server, request, &[host]).await.status, 200);
        let own = [host, "Origin: http://localhost:9464", "Sec-Fetch-Site: same-origin"];
        assert_eq!(ask(&server, request, &own).await.status, 200);
        for foreign in ["Origin: http://evil.example", "Origin: null", "Sec-Fetch-Site: cross-site"]
        {
            let answer = ask(&server, request, &[host, foreign]).await;
            assert_eq!(answer.status, 403, "{request} {foreign}");
        }
    }
    assert_eq!(server.rejected(Rejection::Origin), 6);
    // a plain read is answered: the browser keeps it from the page
    assert_eq!(ask(&server, "GET /hello", &[host, "Sec-Fetch-Site: cross-site"]).await.status, 200);
}

#[tokio::test]
async fn with_a_token_nothing_is_told_without_it() {
    let server = locked();
    for path in ["/hello", "/nothing", "/"] {
        let answer = ask(&server, &format!("GET {path}"), &["Host: localhost"]).await;
        assert_eq!(answer.status, 401, "{path}");
        assert!(answer.header("www-authenticate").unwrap().starts_with("Bearer"));
        assert!(!answer.text().contains(TOKEN));
    }
    let wrong = ["Host: localhost", "Authorization: Bearer open.sesamE"];
    assert_eq!(ask(&server, "GET /hello", &wrong).await.status, 401);
    assert_eq!(server.rejected(Rejection::Token), 4);
    let right = ["Host: localhost", "Authorization: Bearer open.sesame"];
    assert_eq!(ask(&server, "GET /hello", &right).await.text(), "hello");
}

#[tokio::test]
async fn a_login_sets_the_cookie_that_opens() {
    let server = locked();
    let host = "Host: localhost";
    let form = ask(&server, "GET /login", &[host]).await;
    assert_eq!(form.status, 200);
    assert!(form.text().contains("<form method=post"));
    assert!(form.header("content-security-policy").unwrap().contains("form-action 'self'"));
    assert_eq!(form.header("referrer-policy"), Some("same-origin"));
    let posted = "POST /login HTTP/1.1\r\nHost: localhost\r\nOrigin: http://localhost\r\nConnection: close\r\nContent-Length: 17\r\n\r\ntoken=open.sesame";
    let answers =
        [ask(&server, "GET /login?token=open.sesame", &[host]).await, server.ask(posted).await];
    for answer in answers {
        assert_eq!(answer.status, 303);
        assert_eq!(answer.header("location"), Some("/"));
        let cookie = answer.header("set-cookie").unwrap();
        assert!(cookie.contains("; HttpOnly; SameSite=Strict"), "{cookie}");
        let cookie = cookie.split_once(';').unwrap().0;
        let cookie = format!("Cookie: {cookie}");
        assert_eq!(ask(&server, "GET /hello", &[host, &cookie]).await.text(), "hello");
    }
}

#[tokio::test]
async fn a_wrong_login_or_one_from_another_site_sets_nothing() {
    let server = locked();
    let host = "Host: localhost";
    let wrong = ask(&server, "GET /login?token=wrong", &[host]).await;
    assert_eq!((wrong.status, wrong.header("set-cookie")), (401, None));
    let foreign = [host, "Origin: http://evil.example"];
    let foreign = ask(&server, "POST /login?token=open.sesame", &foreign).await;
    assert_eq!((foreign.status, foreign.header("set-cookie")), (403, None));
    let rebound = ask(&server, "GET /login?token=open.sesame", &["Host: evil.example"]).await;
    assert_eq!((rebound.status, rebound.header("set-cookie")), (421, None));
}

#[test]
fn off_loopback_a_token_is_needed() {
    let error = Server::bind(([0, 0, 0, 0], 0), ServerOptions::default()).unwrap_err();
    assert!(error.is_invalid());
    assert!(error.to_string().contains("needs a token"), "{error}");
}

#[test]
fn a_token_is_never_printed() {
    let options = ServerOptions::default().token(Token::new(TOKEN).unwrap());
    let server = Server::bind(([127, 0, 0, 1], 0), options.clone()).unwrap();
    assert!(!format!("{options:?} {server:?}").contains(TOKEN));
}
