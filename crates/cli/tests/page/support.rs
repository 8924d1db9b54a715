//! A browser that has a page of a service open.

use std::net::SocketAddr;
use std::path::PathBuf;

use perf_monitor_browser::{Browser, Page, chromium};

use crate::process::Running;

/// What a test asks of canvases.
const TOOLS: &str = "
    // Pixels with a colour: lines, areas, rows of heat and flames, but no text and no grid.
    globalThis.coloured = (canvas) => {
        if (!canvas || canvas.width === 0 || canvas.height === 0) return 0;
        const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
        let count = 0;
        for (let i = 0; i < data.length; i += 4) {
            const [r, g, b] = [data[i], data[i + 1], data[i + 2]];
            if (Math.max(r, g, b) - Math.min(r, g, b) > 40) count += 1;
        }
        return count;
    };
    globalThis.card = (title) => [...document.querySelectorAll('section.card')]
        .find((card) => card.querySelector('h2')?.textContent.startsWith(title));
";

/// The demo service under load, at five ticks a second.
pub(crate) fn demo(args: &[&str]) -> Running {
    let usual = ["--listen", "127.0.0.1:0", "--tick", "200ms", "--demo"];
    Running::start(&[&usual, args].concat())
}

/// A browser with one tab that shows a service's page.
pub(crate) struct Viewer {
    pub(crate) page: Page,
    pub(crate) browser: Browser,
}

impl Viewer {
    /// A browser with an empty tab; `None` where there is none.
    pub(crate) fn start() -> Option<Viewer> {
        let browser = Browser::start(&chromium()?, &[]).unwrap();
        let mut page = browser.page().unwrap();
        let tools = serde_json::json!({"source": TOOLS});
        page.call("Page.addScriptToEvaluateOnNewDocument", tools).unwrap();
        page.resize(1280, 900).unwrap();
        Some(Viewer { page, browser })
    }

    /// Opens the page of `address` at a view such as `overview`.
    pub(crate) fn open(address: SocketAddr, view: &str) -> Option<Viewer> {
        let mut viewer = Viewer::start()?;
        viewer.page.open(&format!("http://{address}/#/{view}")).unwrap();
        let live = "document.getElementById('state').dataset.state === 'live'";
        viewer.wait("a live page", live);
        Some(viewer)
    }

    /// Chooses a view in the navigation, and waits until it is there.
    pub(crate) fn go(&mut self, view: &str) {
        self.page.click(&format!("#views a[data-view='{view}']")).unwrap();
        self.wait(view, &format!("document.body.dataset.view === '{view}'"));
    }

    pub(crate) fn wait(&mut self, what: &str, expression: &str) -> serde_json::Value {
        self.page.wait(what, expression).unwrap()
    }

    /// Clicks on the first button or link with this text within what `scope` selects.
    pub(crate) fn press(&mut self, scope: &str, text: &str) {
        let within = format!("document.querySelectorAll(`:is({scope}) :is(button, a, summary)`)");
        let fits = format!("it.textContent.trim() === '{text}' && it.checkVisibility()");
        self.page.click_on(text, &format!("[...{within}].find((it) => {fits})")).unwrap();
    }

    /// Waits until the canvases that `selector` finds have at least so many pixels with a colour, each.
    pub(crate) fn drawn(&mut self, selector: &str, pixels: u32) {
        let all = format!(
            "(() => {{
                const all = [...document.querySelectorAll(`{selector}`)];
                const least = Math.min(...all.map(coloured));
                return all.length > 0 && least >= {pixels} || console.debug(least);
            }})()"
        );
        self.wait(&format!("{selector} with {pixels} coloured pixels"), &all);
    }

    /// Keeps what is seen.
    pub(crate) fn picture(&mut self, name: &str) {
        let path =
            PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("page").join(format!("{name}.png"));
        self.page.screenshot(&path).unwrap();
    }

    /// Nothing went wrong on the page since it was asked last.
    pub(crate) fn is_content(&mut self) {
        let complaints = self.page.complaints();
        assert!(complaints.is_empty(), "{complaints:#?}");
    }
}
