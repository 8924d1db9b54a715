//! A tab: what a person does with it, what it shows, what it complains of.

use std::fmt;
use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::base64;
use crate::error::{Error, Result};
use crate::socket::Socket;

/// How long a condition may take on a loaded machine before it counts as never met.
const PATIENCE: Duration = Duration::from_secs(60);

/// Between two looks at a condition.
const PACE: Duration = Duration::from_millis(20);

/// One tab.
#[derive(Debug)]
pub struct Page {
    socket: Socket,
    complaints: Vec<String>,
    loads: u64,
}

/// What the scripts of a tab hold.
#[derive(Clone, Copy, Debug)]
pub struct Heap {
    /// Bytes of objects after a collection.
    pub used: f64,
    /// DOM nodes, listeners and documents.
    pub nodes: f64,
}

impl Page {
    pub(crate) fn connect(address: SocketAddr, url: &str) -> Result<Page> {
        let socket = Socket::connect(address, url)?;
        let mut page = Page { socket, complaints: Vec::new(), loads: 0 };
        for domain in ["Page", "Runtime", "Log", "Audits", "Network", "Performance"] {
            page.call(&format!("{domain}.enable"), json!({}))?;
        }
        Ok(page)
    }

    /// Calls a method of the DevTools protocol.
    ///
    /// # Errors
    /// The browser refuses it, or is gone.
    pub fn call(&mut self, method: &str, params: Value) -> Result<Value> {
        let Page { socket, complaints, loads } = self;
        socket.call(method, params, |said| {
            if said["method"] == "Page.loadEventFired" {
                *loads += 1;
            }
            complaints.extend(complaint(&said));
        })
    }

    /// Goes to `url` and waits until it has loaded.
    ///
    /// # Errors
    /// Nobody answers there, or it takes longer than a minute.
    pub fn open(&mut self, url: &str) -> Result<()> {
        let before = self.loads;
        let answer = self.call("Page.navigate", json!({"url": url}))?;
        if let Some(why) = answer["errorText"].as_str() {
            return Err(Error::new(format!("{url}: {why}")));
        }
        // a change behind the `#` loads nothing
        if answer["loaderId"].is_null() {
            return Ok(());
        }
        let begun = Instant::now();
        while self.loads == before {
            if begun.elapsed() > PATIENCE {
                return Err(Error::new(format!("{url} does not finish loading")));
            }
            self.call("Runtime.evaluate", json!({"expression": "0"}))?;
        }
        Ok(())
    }

    /// The value of a JavaScript expression, or what it resolves to.
    ///
    /// # Errors
    /// It throws, or the browser is gone.
    pub fn eval(&mut self, expression: &str) -> Result<Value> {
        let params = json!({
            "expression": expression, "awaitPromise": true, "returnByValue": true,
            "userGesture": true,
        });
        let mut answer = self.call("Runtime.evaluate", params)?;
        let thrown = &answer["exceptionDetails"];
        if !thrown.is_null() {
            let text = thrown["exception"]["description"].as_str().unwrap_or("thrown");
            return Err(Error::new(format!("{text}\n  in: {expression}")));
        }
        Ok(answer["result"]["value"].take())
    }

    /// Looks until `expression` is true, a number other than 0, or something; that is the answer.
    /// What it throws counts as not yet.
    ///
    /// # Errors
    /// It takes longer than a minute; with what was seen last.
    pub fn wait(&mut self, what: &str, expression: &str) -> Result<Value> {
        let begun = Instant::now();
        let asked = format!(
            "(async () => {{ const it = await ({expression}); return it instanceof Node ? true : it }})()"
        );
        loop {
            let seen = self.eval(&asked);
            if let Ok(value) = &seen
                && is_true(value)
            {
                return seen;
            }
            if begun.elapsed() > PATIENCE {
                let last = seen.map_or_else(|e| e.to_string(), |value| value.to_string());
                return Err(Error::new(format!("not seen: {what}; the last look: {last}")));
            }
            thread::sleep(PACE);
        }
    }

    /// What went wrong in the page since it was asked last: errors on the console, exceptions nobody
    /// caught, files that did not come, breaches of the content policy.
    pub fn complaints(&mut self) -> Vec<String> {
        // what was said until now comes before this answer
        let _ = self.eval("new Promise(done => setTimeout(done, 0))");
        std::mem::take(&mut self.complaints)
    }

    /// Writes a picture of the window.
    ///
    /// # Errors
    /// The browser gives none, or the file does not take it.
    pub fn screenshot(&mut self, path: &Path) -> Result<()> {
        let answer = self.call("Page.captureScreenshot", json!({"format": "png"}))?;
        let bytes = answer["data"].as_str().and_then(base64::decode);
        let bytes = bytes.ok_or_else(|| Error::new("the browser gives no picture"))?;
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).map_err(|e| failed(folder, &e))?;
        }
        fs::write(path, bytes).map_err(|e| failed(path, &e))
    }

    /// Sets the size of the window's inside, in CSS pixels.
    ///
    /// # Errors
    /// The browser is gone.
    pub fn resize(&mut self, width: u32, height: u32) -> Result<()> {
        let size =
            json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": false});
        self.call("Emulation.setDeviceMetricsOverride", size).map(drop)
    }

    /// Puts this tab in front of the others of its browser.
    ///
    /// # Errors
    /// The browser is gone.
    pub fn bring_to_front(&mut self) -> Result<()> {
        self.call("Page.bringToFront", json!({})).map(drop)
    }

    /// Lets downloads of this tab go into `folder`, which is made.
    ///
    /// # Errors
    /// The folder cannot be made, or the browser is gone.
    pub fn download_into(&mut self, folder: &Path) -> Result<()> {
        fs::create_dir_all(folder).map_err(|e| failed(folder, &e))?;
        let folder = folder.canonicalize().map_err(|e| failed(folder, &e))?;
        let params = json!({"behavior": "allow", "downloadPath": folder});
        self.call("Page.setDownloadBehavior", params).map(drop)
    }

    /// What the page's scripts hold, after a collection.
    ///
    /// # Errors
    /// The browser is gone.
    pub fn heap(&mut self) -> Result<Heap> {
        self.call("HeapProfiler.collectGarbage", json!({}))?;
        let metrics = self.call("Performance.getMetrics", json!({}))?;
        let metric = |name: &str| {
            let all = metrics["metrics"].as_array().into_iter().flatten();
            let found = all.into_iter().find(|metric| metric["name"] == name);
            found.and_then(|metric| metric["value"].as_f64()).unwrap_or(f64::NAN)
        };
        let nodes = metric("Nodes") + metric("JSEventListeners") + metric("Documents");
        Ok(Heap { used: metric("JSHeapUsedSize"), nodes })
    }
}

/// What an event of the protocol complains of, if it does.
fn complaint(said: &Value) -> Option<String> {
    let params = &said["params"];
    match said["method"].as_str()? {
        "Runtime.exceptionThrown" => {
            let details = &params["exceptionDetails"];
            let text = details["exception"]["description"].as_str().or(details["text"].as_str());
            Some(format!("exception: {}", text.unwrap_or_default()))
        }
        "Runtime.consoleAPICalled" if params["type"] == "error" => {
            let args = params["args"].as_array().into_iter().flatten();
            let texts = args.map(|arg| arg["value"].as_str().or(arg["description"].as_str()));
            let texts: Vec<_> = texts.map(Option::unwrap_or_default).collect();
            Some(format!("console: {}", texts.join(" ")))
        }
        "Log.entryAdded" if params["entry"]["level"] == "error" => {
            let entry = &params["entry"];
            let text = |name: &str| entry[name].as_str().unwrap_or_default().to_owned();
            Some(format!("log: {} {}", text("text"), text("url")))
        }
        "Audits.issueAdded" if params["issue"]["code"] == "ContentSecurityPolicyIssue" => {
            Some(format!("content policy: {}", params["issue"]["details"]))
        }
        _ => None,
    }
}

/// As JavaScript has it, but that an empty array is nothing.
fn is_true(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Bool(value) => *value,
        Value::Number(number) => number.as_f64() != Some(0.0),
        Value::String(text) => !text.is_empty(),
        Value::Array(items) => !items.is_empty(),
        Value::Object(_) => true,
    }
}

fn failed(path: &Path, cause: &dyn fmt::Display) -> Error {
    Error::new(format!("{}: {cause}", path.display()))
}
