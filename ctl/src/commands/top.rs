//! The pool live, on the whole screen.
//!
//! - [`view`]: what is seen, drawn from what is known.

mod view;

use super::{CALL_TIMEOUT, begun};
use crate::client::Client;
use crate::terminal::is_dumb;
use anyhow::ensure;
use b3lb_proto::v1::StatusRequest;
use crossterm::event::{Event, EventStream, KeyCode, KeyEventKind, KeyModifiers};
use futures::StreamExt;
use std::io::{IsTerminal, stdout};
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::Instant;
use view::View;

/// What has come and gone of late changes by time alone.
const REDRAW: Duration = Duration::from_secs(5);

/// Shows the pool until somebody has seen enough.
///
/// # Errors
/// There is no terminal, or the control plane ends the stream.
pub(super) async fn top(client: &mut Client) -> anyhow::Result<()> {
    ensure!(stdout().is_terminal() && !is_dumb(), "top needs a terminal; `b3lbctl status --watch` does not");
    let mut updates = begun(client.watch_status(StatusRequest {}), CALL_TIMEOUT).await?.into_inner();
    // Ctrl-C is a key here; the others come from elsewhere, and would leave the terminal as it is.
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut hangup = signal(SignalKind::hangup())?;
    let mut keys = EventStream::new();
    let mut view = View::default();
    let mut tick = tokio::time::interval(REDRAW);
    let mut screen = Screen(ratatui::try_init()?);
    loop {
        screen.0.draw(|frame| view.draw(frame, Instant::now()))?;
        tokio::select! {
            update = updates.message() => match update? {
                Some(status) => view.take(status, Instant::now()),
                None => anyhow::bail!("the control plane ended the stream"),
            },
            _ = tick.tick() => {}
            _ = interrupt.recv() => return Ok(()),
            _ = terminate.recv() => return Ok(()),
            _ = hangup.recv() => return Ok(()),
            event = keys.next() => match event.transpose()? {
                Some(Event::Key(key)) if key.kind == KeyEventKind::Press => match key.code {
                    KeyCode::Char('q') | KeyCode::Esc => return Ok(()),
                    KeyCode::Char('c') if key.modifiers.contains(KeyModifiers::CONTROL) => return Ok(()),
                    KeyCode::Char('s') => view.sort_otherwise(),
                    KeyCode::Up | KeyCode::Char('k') => view.scroll(-1),
                    KeyCode::Down | KeyCode::Char('j') => view.scroll(1),
                    KeyCode::PageUp => view.scroll(-10),
                    KeyCode::PageDown => view.scroll(10),
                    _ => {}
                },
                Some(_) => {}
                None => return Ok(()),
            },
        }
    }
}

/// The terminal, which is as it was before once this is gone.
struct Screen(ratatui::DefaultTerminal);

impl Drop for Screen {
    fn drop(&mut self) {
        ratatui::restore();
    }
}
