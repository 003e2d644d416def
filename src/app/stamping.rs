//! The task that has checkpoints stamped by a time-stamp authority.
//!
//! Nothing waits for it: what goes wrong is told in the log and the status, and tried again.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinHandle;
use uuid::Uuid;

use crate::engine::Clock;
use crate::evidence::Log;
use crate::evidence::stamps::Stamped;
use crate::trust::signature::timestamp::{Nonce, Service, Stamp, StampFault};

/// How often it is looked whether there is anything to stamp.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);
/// The wait after a first failure; it doubles with each further one, up to an hour, and is never
/// longer than the interval of the tokens.
const FIRST_BACKOFF: Duration = Duration::from_secs(5);
/// The most doublings: five seconds become an hour and more.
const MAX_DOUBLINGS: u32 = 10;
const MAX_BACKOFF: Duration = Duration::from_secs(3_600);

/// Starts it. It ends by itself when the bus stops; without an authority there is nothing to do.
pub(super) fn start(
    log: Arc<Log>,
    service: Option<Service>,
    interval: Duration,
    mut stopping: watch::Receiver<bool>,
) -> JoinHandle<()> {
    tokio::spawn(async move {
        let Some(service) = service else { return };
        tokio::select! {
            () = run(log, service, interval) => {}
            // An error is the end of whoever says it.
            _ = stopping.wait_for(|stopping| *stopping) => {}
        }
    })
}

async fn run(log: Arc<Log>, service: Service, interval: Duration) {
    let mut failures = 0;
    loop {
        let pause = match turn(&log, &service).await {
            Ok(Some(Stamped { size, at, .. })) => {
                failures = 0;
                tracing::info!(records = size, time = %at, "a checkpoint is time-stamped");
                interval
            }
            Ok(None) => LOOK_INTERVAL,
            Err(error) => {
                tracing::warn!(url = %service.url, %error, "a checkpoint is not time-stamped; it is tried again");
                log.stamps().note_problem(Clock::System.now(), error.to_string());
                failures += 1;
                backoff(failures).min(interval)
            }
        };
        tokio::time::sleep(pause).await;
    }
}

/// How long to wait after so many failures in a row.
fn backoff(failures: u32) -> Duration {
    let doublings = failures.saturating_sub(1).min(MAX_DOUBLINGS);
    FIRST_BACKOFF.saturating_mul(1 << doublings).min(MAX_BACKOFF)
}

/// Why a checkpoint is not stamped.
#[derive(Debug, thiserror::Error)]
enum Unstamped {
    /// The authority, or what it answered.
    #[error(transparent)]
    Fault(#[from] StampFault),
    /// The token cannot be kept.
    #[error("its token cannot be kept in the directory stamps: {0}")]
    Io(#[from] std::io::Error),
    /// The task that keeps it ended early.
    #[error("its token cannot be kept: the task ended")]
    Ended(#[from] tokio::task::JoinError),
}

/// Has the newest checkpoint stamped, unless it is already; nothing where there is none.
async fn turn(log: &Arc<Log>, service: &Service) -> Result<Option<Stamped>, Unstamped> {
    let Ok(newest) = log.newest() else { return Ok(None) };
    let size = newest.checkpoint.size;
    if log.stamps().last().is_some_and(|last| last.size >= size) {
        return Ok(None);
    }
    let checkpoint = newest.note.to_string().into_bytes();
    // The high half has the version of the id in it.
    let (_, random) = Uuid::new_v4().as_u64_pair();
    let (Stamp { at, .. }, token) = service.stamp(&checkpoint, Nonce::new(random)).await?;
    let stamped = Stamped { size, checkpoint, token, at };
    let (keeper, kept) = (Arc::clone(log), stamped.clone());
    tokio::task::spawn_blocking(move || keeper.stamps().keep(kept)).await??;
    Ok(Some(stamped))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_an_hour() {
        let seconds: Vec<_> = [1, 2, 3, 10, 11, 12, u32::MAX].map(|n| backoff(n).as_secs()).into();
        assert_eq!(seconds, [5, 10, 20, 2560, 3600, 3600, 3600]);
    }
}
