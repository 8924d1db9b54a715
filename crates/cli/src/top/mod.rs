//! `perf-monitor top`: the live figures of a running monitor in a terminal.

mod alerts;
mod draw;
mod figures;
mod format;
mod frame;
mod keys;
mod link;
mod plain;
mod rows;
mod screen;
mod terminal;

use std::io::{self, IsTerminal, Write};
use std::time::Duration;

use tokio::runtime::Builder;
use tokio::time::{Instant, sleep_until};

use crate::error::{Error, Result};
use crate::fetch::Place;
use crate::signals::Stop;
use figures::Figures;
use keys::Key;
use link::{Event, Link};
use screen::Screen;
use terminal::Terminal;

/// How wide a frame is where no terminal says.
const USUAL_SIZE: (u16, u16) = (80, 24);

/// How long `--once` waits for what is not known at first: rates need a second.
const FIRST_FRAME: Duration = Duration::from_secs(3);

/// Between two lines, where there is no terminal.
const LINE: Duration = Duration::from_secs(1);

/// Whom to watch, and how.
#[derive(Debug, clap::Args)]
pub(crate) struct TopArgs {
    /// Where the monitor listens
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:9464")]
    url: String,

    /// What that monitor wants to be shown. Other users can see an argument: prefer the variable
    #[arg(long, value_name = "TOKEN", env = "PERF_MONITOR_TOKEN", hide_env_values = true)]
    token: Option<String>,

    /// Print one frame and end
    #[arg(long)]
    once: bool,
}

/// Shows the figures until `q`, a signal, or the end of who reads them.
///
/// # Errors
/// The first connection fails, or the terminal or the standard output does not take it. One that
/// breaks later is tried again.
pub(crate) fn run(args: &TopArgs) -> Result<()> {
    let stop = Stop::listen()
        .map_err(|e| Error::new(format!("cannot listen for signals: {e}")).because(e))?;
    let runtime = Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|e| Error::new(format!("no runtime for the stream: {e}")).because(e))?;
    let place = Place::of(&args.url)?;
    let shown = runtime.block_on(async {
        let link = Link::connect(place, args.token.clone()).await?;
        let watch = Watch { link, figures: Figures::new() };
        tokio::select! {
            shown = watch.show(args.once) => shown,
            () = stop.told() => Ok(()),
        }
    });
    // a request for alerts may still wait for its answer
    runtime.shutdown_background();
    shown
}

/// What is known, and who tells.
struct Watch {
    link: Link,
    figures: Figures,
}

impl Watch {
    async fn show(self, once: bool) -> Result<()> {
        match (once, io::stdout().is_terminal()) {
            (true, _) => self.one_frame().await,
            (false, true) => self.on_screen().await,
            (false, false) => self.lines().await,
        }
    }

    async fn one_frame(mut self) -> Result<()> {
        let patience = Instant::now() + FIRST_FRAME;
        while !self.figures.are_complete() {
            tokio::select! {
                event = self.link.next() => self.take(event)?,
                () = sleep_until(patience) => break,
            }
        }
        let (width, height) = terminal::size().unwrap_or(USUAL_SIZE);
        let coloured = io::stdout().is_terminal();
        let lines = Screen::default().lines(&self.figures, width.into(), height.into());
        written(&draw::text(&lines, coloured)).map(drop)
    }

    async fn lines(mut self) -> Result<()> {
        let mut next = Instant::now() + LINE;
        loop {
            tokio::select! {
                event = self.link.next() => {
                    if let Event::Lost { why, wait } = &event {
                        eprintln!("perf-monitor: {why}; trying again in {wait:.0?}");
                    }
                    self.take(event)?;
                }
                () = sleep_until(next) => {
                    next += LINE;
                    let line = plain::line(&self.figures);
                    if !written(&line.unwrap_or_default())? {
                        return Ok(());
                    }
                }
            }
        }
    }

    async fn on_screen(mut self) -> Result<()> {
        let mut terminal = Terminal::enter()?;
        let mut keys = keys::read();
        let mut screen = Screen::default();
        loop {
            let (width, height) = terminal::size().unwrap_or(USUAL_SIZE);
            terminal.draw(&screen.lines(&self.figures, width.into(), height.into()))?;
            tokio::select! {
                event = self.link.next() => self.take(event)?,
                key = keys.recv() => match key {
                    None | Some(Key::Quit) => return Ok(()),
                    Some(Key::Pause) => {
                        screen.paused = !screen.paused;
                        self.link.pause(screen.paused).await;
                    }
                    Some(Key::Sort(by)) => screen.sort = by,
                    Some(Key::NextSort) => screen.sort = screen.sort.next(),
                    Some(Key::Resized) => terminal.clear()?,
                },
            }
        }
    }

    fn take(&mut self, event: Event) -> Result<()> {
        if let Event::Refused(error) = event {
            return Err(error);
        }
        self.figures.take(event);
        Ok(())
    }
}

/// Writes to the standard output; false if nobody reads it any more.
fn written(text: &str) -> Result<bool> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Ok(()) => Ok(true),
        Err(e) if e.kind() == io::ErrorKind::BrokenPipe => Ok(false),
        Err(e) => Err(Error::new(format!("cannot write to the standard output: {e}")).because(e)),
    }
}
