//! The page with its files.

use std::io::Read;

use flate2::read::GzDecoder;

use crate::served::Served;

fn header<'a>(answer: &'a str, name: &str) -> Option<&'a str> {
    let (head, _) = answer.split_once("\r\n\r\n")?;
    head.lines().find_map(|line| {
        let (key, value) = line.split_once(": ")?;
        key.eq_ignore_ascii_case(name).then_some(value)
    })
}

#[tokio::test]
async fn the_page_allows_nothing_from_elsewhere_and_nothing_inline() {
    let served = Served::new("checkout");
    let page = served.get("/", "").await;
    assert!(page.starts_with("HTTP/1.1 200"), "{page}");
    assert_eq!(header(&page, "content-type"), Some("text/html; charset=utf-8"));
    let policy = header(&page, "content-security-policy").unwrap();
    assert!(policy.starts_with("default-src 'none'; script-src 'self'; style-src 'self';"));
    assert!(!policy.contains("unsafe") && !policy.contains("http"), "{policy}");
    assert_eq!(header(&page, "x-content-type-options"), Some("nosniff"));
    assert_eq!(header(&page, "x-frame-options"), Some("DENY"));
    served.stop().await;
}

#[tokio::test]
async fn a_page_that_is_known_is_not_sent_again() {
    let served = Served::new("checkout");
    let page = served.get("/", "").await;
    let etag = header(&page, "etag").unwrap();
    assert_eq!(header(&page, "cache-control"), Some("no-cache"));
    let again = served.get("/", &format!("If-None-Match: {etag}\r\n")).await;
    assert!(again.starts_with("HTTP/1.1 304"), "{again}");
    assert!(again.ends_with("\r\n\r\n"), "{again}");
    served.stop().await;
}

#[tokio::test]
async fn every_file_that_the_page_names_is_there_and_may_be_kept() {
    let served = Served::new("checkout");
    let page = served.get("/", "").await;
    let files: Vec<_> = page.split('"').filter(|text| text.starts_with("assets/")).collect();
    assert!(files.len() >= 3, "{files:?}");
    for file in files {
        let answer = served.get(&format!("/{file}"), "").await;
        assert!(answer.starts_with("HTTP/1.1 200"), "{file}: {answer}");
        assert!(header(&answer, "cache-control").unwrap().contains("immutable"), "{file}");
        assert_eq!(header(&answer, "x-content-type-options"), Some("nosniff"));
    }
    let other = served.get("/assets/0123456789abcdef/app.js", "").await;
    assert!(other.starts_with("HTTP/1.1 404"), "{other}");
    served.stop().await;
}

#[tokio::test]
async fn files_are_packed_for_those_who_take_that() {
    let served = Served::new("checkout");
    let page = served.get("/", "").await;
    assert_eq!(header(&page, "vary"), Some("accept-encoding"));
    let script = page.split('"').find(|text| text.ends_with("app.js")).unwrap();
    let script = format!("/{script}");
    let whole = served.get(&script, "").await;
    let (_, whole_body) = whole.split_once("\r\n\r\n").unwrap();
    for (accepted, packs) in [
        ("gzip, deflate, br", true),
        ("*", true),
        ("br;q=1.0, GZIP;q=0.5", true),
        ("gzip;q=0", false),
        ("br", false),
        ("gzip;q=x", false),
    ] {
        let headers = format!("Accept-Encoding: {accepted}\r\n");
        let (head, body) = served.get_bytes(&script, &headers).await;
        assert_eq!(header(&head, "vary"), Some("accept-encoding"), "{accepted}");
        assert!(header(&head, "content-security-policy").is_some(), "{accepted}");
        let encoding = header(&head, "content-encoding");
        assert_eq!(encoding, packs.then_some("gzip"), "{accepted}");
        let mut read = String::new();
        match packs {
            true => drop(GzDecoder::new(&*body).read_to_string(&mut read).unwrap()),
            false => read = String::from_utf8(body).unwrap(),
        }
        assert!(read == whole_body, "{accepted}");
    }
    served.stop().await;
}
