//! A real Chromium, driven over its DevTools protocol: for the tests and benches of the page.
//!
//! ```no_run
//! use perf_monitor_browser::{Browser, chromium};
//!
//! let Some(program) = chromium() else { return Ok(()) };
//! let browser = Browser::start(&program, &[])?;
//! let mut page = browser.page()?;
//! page.open("http://127.0.0.1:9464/")?;
//! page.wait("a canvas", "document.querySelector('canvas')")?;
//! assert_eq!(page.complaints(), [""; 0]);
//! # Ok::<(), perf_monitor_browser::Error>(())
//! ```

mod base64;
mod browser;
mod error;
mod input;
mod page;
mod processes;
mod socket;

pub use browser::{Browser, chromium};
pub use error::{Error, Result};
pub use page::{Heap, Page};
