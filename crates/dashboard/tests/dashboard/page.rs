//! The page with its files.

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
    assert_eq!(files.len(), 3, "{files:?}");
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
