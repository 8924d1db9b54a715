//! The same charts by uPlot, fetched from the npm registry below `target/`: no part of any build.

use std::fs;
use std::future::ready;
use std::path::{Path, PathBuf};
use std::process::Command;

use http::StatusCode;
use http::header::{CONTENT_SECURITY_POLICY, HeaderValue};
use perf_monitor_http::{Request, Router, answer};

const ARCHIVE: &str = "https://registry.npmjs.org/uplot/-/uplot-1.6.32.tgz";

/// Of the archive, so that what is measured is what the registry had when this was written.
const SHA512: &str = "2883159c6ebccefbb95d751b0b82d010f9e1c0ec41b8bc96d401eda66e882935c89a46cb824332fa369b8cb8122cc6ac36e186cd09bf7a9ded3a4c93c6989023";

const PAGE: &str = include_str!("uplot.html");
const SCRIPT: &str = include_str!("uplot.js");

/// What the package has that a page needs.
pub(crate) struct Files {
    script: String,
    style: String,
}

/// Fetched once.
///
/// # Errors
/// It is not there and cannot be had, or is another one.
pub(crate) fn files() -> Result<Files, String> {
    let place = place()?;
    let dist = place.join("package/dist");
    if !dist.join("uPlot.esm.js").is_file() {
        fetch(&place).map_err(|why| format!("uPlot cannot be had: {why}"))?;
    }
    let read = |name: &str| {
        fs::read_to_string(dist.join(name)).map_err(|e| format!("uPlot's {name}: {e}"))
    };
    Ok(Files { script: read("uPlot.esm.js")?, style: read("uPlot.min.css")? })
}

/// Beside the program, in cargo's target directory.
fn place() -> Result<PathBuf, String> {
    let program = std::env::current_exe().map_err(|e| format!("this program: {e}"))?;
    let target = program.ancestors().nth(2).ok_or("this program is in no target directory")?;
    Ok(target.join("peers/uplot-1.6.32"))
}

fn fetch(place: &Path) -> Result<(), String> {
    fs::create_dir_all(place).map_err(|e| format!("{}: {e}", place.display()))?;
    let archive = place.join("uplot.tgz");
    run(Command::new("curl").args(["-sSfL", "-o"]).arg(&archive).arg(ARCHIVE))?;
    let sum = run(Command::new("sha512sum").arg(&archive))?;
    if !sum.starts_with(SHA512) {
        return Err(format!("{ARCHIVE} is another file than it was: {sum}"));
    }
    run(Command::new("tar").arg("-xzf").arg(&archive).arg("-C").arg(place)).map(drop)
}

fn run(command: &mut Command) -> Result<String, String> {
    let output = command.output().map_err(|e| format!("{command:?}: {e}"))?;
    match output.status.success() {
        true => Ok(String::from_utf8_lossy(&output.stdout).into_owned()),
        false => Err(String::from_utf8_lossy(&output.stderr).trim().to_owned()),
    }
}

impl Files {
    /// `/uplot.html` and what it loads.
    pub(crate) fn routes(self) -> Router {
        let script = "text/javascript; charset=utf-8";
        let file = |router: Router, path: &str, kind: &'static str, text: String| {
            router.get(path, move |_: Request| {
                let mut answer = answer(StatusCode::OK, kind, text.clone());
                let policy = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:";
                let policy = HeaderValue::from_static(policy);
                answer.headers_mut().insert(CONTENT_SECURITY_POLICY, policy);
                ready(answer)
            })
        };
        let router = file(Router::new(), "/uplot.html", "text/html; charset=utf-8", PAGE.into());
        let router = file(router, "/uplot/page.js", script, SCRIPT.into());
        let router = file(router, "/uplot/uPlot.esm.js", script, self.script);
        file(router, "/uplot/uPlot.min.css", "text/css; charset=utf-8", self.style)
    }
}
