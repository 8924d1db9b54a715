//! What the viewer presses.

use std::thread;

use crossterm::event::{self, Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use tokio::sync::mpsc::{Receiver, channel};

use crate::top::screen::Sort;

/// What a key is for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Key {
    Quit,
    Pause,
    Sort(Sort),
    NextSort,
    /// The terminal has another size.
    Resized,
}

/// Keys from now on, until the terminal is gone. They are read on a thread that ends with the process.
pub(crate) fn read() -> Receiver<Key> {
    let (tell, keys) = channel(16);
    let listen = move || {
        while let Ok(event) = event::read() {
            if let Some(key) = meaning(&event)
                && tell.blocking_send(key).is_err()
            {
                return;
            }
        }
    };
    // without it, nothing but a signal ends the program: as if the terminal were gone
    let _ = thread::Builder::new().name("keys".into()).spawn(listen);
    keys
}

fn meaning(event: &Event) -> Option<Key> {
    let key = match event {
        Event::Resize(..) => return Some(Key::Resized),
        Event::Key(key) if key.kind != KeyEventKind::Release => key,
        _ => return None,
    };
    let KeyEvent { code, modifiers, .. } = key;
    Some(match code {
        KeyCode::Char('c' | 'd') if modifiers.contains(KeyModifiers::CONTROL) => Key::Quit,
        KeyCode::Char('q') | KeyCode::Esc => Key::Quit,
        KeyCode::Char('p' | ' ') => Key::Pause,
        KeyCode::Char('s') => Key::NextSort,
        KeyCode::Char('r') => Key::Sort(Sort::Requests),
        KeyCode::Char('e') => Key::Sort(Sort::Errors),
        KeyCode::Char('l') => Key::Sort(Sort::P99),
        KeyCode::Char('n') => Key::Sort(Sort::Name),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_mean_what_the_last_line_says() {
        let key = |code, modifiers| meaning(&Event::Key(KeyEvent::new(code, modifiers)));
        let plain = |c| key(KeyCode::Char(c), KeyModifiers::NONE);
        assert_eq!(plain('q'), Some(Key::Quit));
        assert_eq!(plain('p'), Some(Key::Pause));
        assert_eq!(plain('l'), Some(Key::Sort(Sort::P99)));
        assert_eq!(plain('c'), None);
        assert_eq!(key(KeyCode::Char('c'), KeyModifiers::CONTROL), Some(Key::Quit));
        assert_eq!(meaning(&Event::Resize(80, 24)), Some(Key::Resized));
    }
}
