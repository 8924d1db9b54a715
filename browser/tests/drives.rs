//! A page of the test's own, opened in a real Chromium.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener};
use std::thread;

use perf_monitor_browser::{Browser, chromium};

const PAGE: &str = r#"<!doctype html><title>test</title><link rel="icon" href="data:,">
<body><input id="name"><button id="go">go</button><p id="said"></p>
<div style="height: 3000px"></div><button id="far">far</button>
<script>
document.querySelector('#go').onclick = () => setTimeout(() => {
  document.querySelector('#said').textContent = document.querySelector('#name').value;
}, 50);
document.querySelector('#far').onclick = () => { console.error('clicked', 'far'); };
document.addEventListener('keydown', e => { if (e.key === 'p') fetch('/nothing'); });
</script>"#;

/// Answers every request by the page, and `/nothing` by 404.
fn serve() -> SocketAddr {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for tcp in listener.incoming().map_while(Result::ok) {
            thread::spawn(move || {
                let mut lines = BufReader::new(&tcp).lines();
                let Some(Ok(first)) = lines.next() else { return };
                let _ = lines.map_while(Result::ok).find(String::is_empty);
                let status = if first.contains("/nothing") { "404 Not Found" } else { "200 OK" };
                let _ = write!(
                    &tcp,
                    "HTTP/1.1 {status}\r\nContent-Type: text/html\r\nConnection: close\r\n\
                     Content-Security-Policy: img-src data:\r\nContent-Length: {}\r\n\r\n{PAGE}",
                    PAGE.len()
                );
            });
        }
    });
    address
}

#[test]
fn a_page_is_used_looked_at_and_listened_to() {
    let Some(program) = chromium() else { return };
    let browser = Browser::start(&program, &[]).unwrap();
    let mut page = browser.page().unwrap();
    page.open(&format!("http://{}/", serve())).unwrap();
    assert_eq!(page.eval("document.title").unwrap(), "test");
    assert!(page.eval("nothing.at.all").unwrap_err().to_string().contains("nothing"));

    page.fill("#name", "Ada").unwrap();
    page.click("#go").unwrap();
    page.wait("what was typed", "document.querySelector('#said').textContent === 'Ada'").unwrap();
    assert_eq!(page.complaints(), [""; 0]);

    page.click("#far").unwrap();
    assert_eq!(page.complaints(), ["console: clicked far"]);
    page.eval("document.activeElement.blur()").unwrap();
    page.key("p").unwrap();
    let mut said = Vec::new();
    while said.is_empty() {
        said = page.complaints();
    }
    assert!(said[0].contains("404"), "{said:?}");
    page.eval("new Image().src = '/picture'").unwrap();
    said.clear();
    while !said.iter().any(|text| text.contains("content policy")) {
        said.extend(page.complaints());
    }

    let picture = std::env::temp_dir().join(format!("drives-{}.png", std::process::id()));
    page.screenshot(&picture).unwrap();
    assert!(std::fs::read(&picture).unwrap().starts_with(b"\x89PNG"));
    std::fs::remove_file(picture).unwrap();
    assert!(page.heap().unwrap().used > 10_000.0);
    assert!(!browser.cpu_time().is_zero());
}

#[test]
fn a_tab_behind_another_is_hidden() {
    let Some(program) = chromium() else { return };
    let browser = Browser::start(&program, &[]).unwrap();
    let mut page = browser.page().unwrap();
    page.open(&format!("http://{}/", serve())).unwrap();
    page.bring_to_front().unwrap();
    page.wait("the tab", "document.visibilityState === 'visible'").unwrap();
    let mut other = browser.page().unwrap();
    other.bring_to_front().unwrap();
    page.wait("a hidden tab", "document.visibilityState === 'hidden'").unwrap();
    page.bring_to_front().unwrap();
    page.wait("the tab again", "document.visibilityState === 'visible'").unwrap();
}

#[test]
fn a_program_that_is_no_browser_is_named() {
    let error = Browser::start("/bin/false".as_ref(), &[]).unwrap_err().to_string();
    assert!(error.contains("ended"), "{error}");
}
