//! What keeps the log up with the journal, and has it stamped.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

use tokio::sync::watch;

use super::stamping;
use crate::config::Config;
use crate::engine::Engine;
use crate::engine::vitals::Vitals;
use crate::evidence::key::{self, KeyError};
use crate::evidence::note::KeyKind;
use crate::evidence::{Follower, Log, LogError};
use crate::journal::JournalReader;
use crate::trust::signature::timestamp::Service;

/// The log of a bus, whose key is made at its first start.
pub(super) fn open(config: &Config, reader: Arc<dyn JournalReader>) -> Result<Arc<Log>, KeyError> {
    let evidence = &config.evidence;
    let signer = key::open_or_make(&config.log_key(), &evidence.origin, KeyKind::Log)?;
    let witnesses = evidence.witnesses.clone();
    Ok(Arc::new(Log::new(&config.data_dir, reader, signer, witnesses)))
}

/// Starts what signs the log, and what has its checkpoints stamped with a time.
pub(super) fn start(
    engine: &Engine,
    log: Arc<Log>,
    timestamp: Option<Service>,
    config: &Config,
    stopping: &watch::Receiver<bool>,
) -> io::Result<(tokio::task::JoinHandle<()>, Following)> {
    let options = &config.evidence;
    let interval = options.timestamp.as_ref().map(|options| options.interval).unwrap_or_default();
    let stamper = stamping::start(Arc::clone(&log), timestamp, interval, stopping.clone());
    let vitals = Arc::clone(engine.vitals());
    Ok((stamper, Following::start(log, vitals, options.checkpoint_interval)?))
}

/// The thread. It ends with this value at the latest.
pub(super) struct Following {
    thread: JoinHandle<()>,
    ending: Arc<AtomicBool>,
    /// Wakes the thread by its end.
    _awake: Sender<()>,
}

impl Following {
    /// Starts it. Nothing waits for it: what is acknowledged is durable without it.
    pub(super) fn start(
        log: Arc<Log>,
        vitals: Arc<Vitals>,
        interval: Duration,
    ) -> io::Result<Self> {
        let ending = Arc::new(AtomicBool::new(false));
        let (awake, ended) = channel::<()>();
        let (stopping, mut follower) = (Arc::clone(&ending), Follower::new(log));
        let thread = Builder::new().name("kopir-log".into()).spawn(move || {
            loop {
                turn(&mut follower, &vitals, &stopping);
                if ended.recv_timeout(interval) != Err(RecvTimeoutError::Timeout) {
                    return;
                }
            }
        })?;
        Ok(Self { thread, ending, _awake: awake })
    }

    /// Ends it. What came since its last turn is signed after the next start.
    pub(super) fn end(self) {
        let Self { thread, ending, _awake: awake } = self;
        ending.store(true, Ordering::Release);
        drop(awake);
        if thread.join().is_err() {
            tracing::error!("the thread of the log panicked");
        }
    }
}

/// One turn. Its failures are told and cost nobody an answer; the next turn tries again.
fn turn(follower: &mut Follower, vitals: &Vitals, ending: &AtomicBool) {
    match follower.turn(&|| ending.load(Ordering::Acquire)) {
        Ok(()) => {}
        Err(error @ LogError::Contradicted { .. }) => {
            vitals.note_contradicted_log();
            tracing::error!(%error, "THE JOURNAL IS NOT THE ONE THAT WAS SIGNED");
        }
        Err(error) => tracing::error!(%error, "no checkpoint is signed for the time being"),
    }
}
