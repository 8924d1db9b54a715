//! The terminal while a frame fills it, and as it was before.

use std::io::{self, BufWriter, Write};
use std::panic;
use std::sync::Once;

use crossterm::cursor::{Hide, MoveTo, Show};
use crossterm::style::Print;
use crossterm::terminal::{
    BeginSynchronizedUpdate, Clear, ClearType, EndSynchronizedUpdate, EnterAlternateScreen,
    LeaveAlternateScreen, disable_raw_mode, enable_raw_mode,
};
use crossterm::{execute, queue};

use crate::error::{Error, Result};
use crate::top::draw::line_text;
use crate::top::screen::Line;

pub(crate) use crossterm::terminal::size;

/// A screen of its own, with keys that come as they are pressed; dropping this gives the terminal back.
pub(crate) struct Terminal(());

impl Terminal {
    /// Takes the terminal. A panic gives it back before its message is written.
    ///
    /// # Errors
    /// The terminal does not do it.
    pub(crate) fn enter() -> Result<Terminal> {
        restore_on_panic();
        enable_raw_mode().map_err(|e| unfit(&e))?;
        let terminal = Terminal(());
        execute!(io::stdout(), EnterAlternateScreen, Hide).map_err(|e| unfit(&e))?;
        Ok(terminal)
    }

    /// Shows these lines and nothing else.
    ///
    /// # Errors
    /// The terminal is gone.
    pub(crate) fn draw(&mut self, lines: &[Line]) -> Result<()> {
        let mut out = BufWriter::new(io::stdout().lock());
        let mut draw = || -> io::Result<()> {
            queue!(out, BeginSynchronizedUpdate)?;
            for (row, line) in (0..).zip(lines) {
                let text = line_text(line, true);
                queue!(out, MoveTo(0, row), Print(text), Clear(ClearType::UntilNewLine))?;
            }
            queue!(out, Clear(ClearType::FromCursorDown), EndSynchronizedUpdate)?;
            out.flush()
        };
        draw().map_err(|e| unfit(&e))
    }

    /// Forgets what is there, such as lines of another width.
    ///
    /// # Errors
    /// The terminal is gone.
    pub(crate) fn clear(&mut self) -> Result<()> {
        execute!(io::stdout(), Clear(ClearType::All)).map_err(|e| unfit(&e))
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        restore();
    }
}

fn restore() {
    let _ = execute!(io::stdout(), Show, LeaveAlternateScreen);
    let _ = disable_raw_mode();
}

fn restore_on_panic() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let usual = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            restore();
            usual(info);
        }));
    });
}

fn unfit(cause: &io::Error) -> Error {
    Error::new(format!("the terminal does not take it: {cause}; `| cat` shows plain lines"))
}
