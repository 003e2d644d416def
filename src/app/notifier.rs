//! The task that tells parties outside their inboxes.

use std::sync::Arc;

use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::config::{Config, Notifications};
use crate::engine::Engine;
use crate::notify::{Desk, DeskParts, Words, run};
use crate::procedures::labels::Labels;

/// Starts it. It ends by itself when the bus stops, and lets go of the engine then.
pub(super) fn start(
    engine: &Engine,
    notifications: Notifications,
    config: &Config,
    stopping: &watch::Receiver<bool>,
) -> anyhow::Result<JoinHandle<()>> {
    let Notifications { book, mailer, caller } = notifications;
    let desk = Desk::new(DeskParts {
        contacts: book.contacts,
        keys: book.keys,
        words: Words::load()?,
        labels: Labels::load()?,
        law: engine.law().clone(),
        rosters: Arc::clone(engine.rosters()),
        mailer,
        caller,
    })?;
    let (outbox, clock) = (Arc::new(engine.clone()), engine.clock().clone());
    Ok(tokio::spawn(run(outbox, Arc::new(desk), config.notify.options, clock, stopping.clone())))
}
