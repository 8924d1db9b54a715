//! The page in a browser, for who asks for it.

use std::process::{Command, Stdio};
use std::thread;

/// Opens `url` as a click on it would.
///
/// # Errors
/// Why it is not opened, as a sentence with the address.
pub(crate) fn open(url: &str) -> Result<(), String> {
    let program = opener();
    let mut child = Command::new(program)
        .arg(url)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|e| format!("no browser is opened ({program}: {e}): open {url} in one"))?;
    // some openers live as long as the browser
    let _ = thread::Builder::new().name("open".into()).spawn(move || child.wait());
    Ok(())
}

fn opener() -> &'static str {
    match std::env::consts::OS {
        "macos" => "open",
        "windows" => "explorer",
        _ => "xdg-open",
    }
}
