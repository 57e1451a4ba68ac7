// SPDX-License-Identifier: GPL-2.0-only

//! The terminal: taken for drawing, and given back whatever happens.

use super::view::{draw, Picture};
use ratatui::crossterm::event::{self, Event, KeyCode, KeyEventKind, KeyModifiers};
use ratatui::DefaultTerminal;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use std::io::{self, IsTerminal};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Longest time for which a signal waits.
const PATIENCE: Duration = Duration::from_millis(200);

/// The terminal, as long as this value lives. Panics give it back too.
pub struct Screen {
    terminal: DefaultTerminal,
    is_signalled: Arc<AtomicBool>,
}

impl Screen {
    /// Takes the terminal; none if stdout is no terminal, or one on which nothing can be drawn.
    pub fn open() -> Option<Self> {
        let can_draw = std::env::var_os("TERM").is_some_and(|kind| kind != "dumb");
        if !can_draw || !io::stdout().is_terminal() {
            return None;
        }
        let Ok(terminal) = ratatui::try_init() else {
            give_back();
            return None;
        };
        let screen = Self {
            terminal,
            is_signalled: Arc::new(AtomicBool::new(false)),
        };
        for signal in [SIGHUP, SIGINT, SIGTERM] {
            signal_hook::flag::register(signal, screen.is_signalled.clone()).ok()?;
        }
        Some(screen)
    }

    /// Shows a picture until a moment, in whatever size the terminal has meanwhile; true as soon as the user has seen enough.
    ///
    /// # Errors
    ///
    /// The terminal is gone.
    pub fn show_until(&mut self, picture: &Picture<'_>, end: Instant) -> io::Result<bool> {
        self.terminal.draw(|frame| draw(frame, picture))?;
        loop {
            if self.is_signalled.load(Ordering::Relaxed) {
                return Ok(true);
            }
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(false);
            }
            if !event::poll(left.min(PATIENCE))? {
                continue;
            }
            let event = event::read()?;
            if ends(&event) {
                return Ok(true);
            }
            if matches!(event, Event::Resize(..)) {
                self.terminal.draw(|frame| draw(frame, picture))?;
            }
        }
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        give_back();
    }
}

/// Leaves the terminal as it was. There is nothing to be done if that fails, and nowhere to say so.
fn give_back() {
    let _ = ratatui::try_restore();
}

/// Whether the user wants to end: q, Esc, or Ctrl-C, which is a key while the terminal is taken.
pub fn ends(event: &Event) -> bool {
    let Event::Key(key) = event else {
        return false;
    };
    let is_interrupt = key.modifiers.contains(KeyModifiers::CONTROL)
        && matches!(key.code, KeyCode::Char('c' | 'C'));
    key.kind == KeyEventKind::Press
        && (is_interrupt || matches!(key.code, KeyCode::Char('q' | 'Q') | KeyCode::Esc))
}
