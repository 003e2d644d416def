//! How a process comes to its end, and why one does not begin.

use std::any::Any;

use super::SimulationError;
use super::disk::Killed;
use crate::engine::StartError;
use crate::index::{IndexError, RebuildError};
use crate::journal::JournalError;

/// How a process ended.
#[derive(Debug)]
pub(super) enum Death {
    /// It was killed inside a call to the disk.
    Killed,
    /// It gave up, as it should when its journal fails; why, for the trace.
    Failed(#[expect(dead_code, reason = "shown by the trace")] String),
    /// It panicked, which is never right.
    Panicked(String),
}

/// Why a process did not start.
#[derive(Debug)]
pub(super) enum NoStart {
    /// As a running one may die.
    Died(Death),
    /// The machine's clock is not believed.
    ClockRefused,
    /// What lies on the disk was refused, which is never right here: nothing damages it.
    Refused(String),
}

/// What an unwound process died of.
pub(super) fn death_of(payload: &(dyn Any + Send)) -> Death {
    if payload.is::<Killed>() {
        return Death::Killed;
    }
    let said = payload.downcast_ref::<String>().map(String::as_str);
    let said = said.or_else(|| payload.downcast_ref::<&str>().copied());
    Death::Panicked(said.unwrap_or("a panic without words").to_owned())
}

impl From<IndexError> for NoStart {
    fn from(error: IndexError) -> Self {
        Self::Refused(error.to_string())
    }
}

impl From<RebuildError> for NoStart {
    fn from(error: RebuildError) -> Self {
        Self::Refused(error.to_string())
    }
}

impl From<SimulationError> for NoStart {
    fn from(error: SimulationError) -> Self {
        Self::Refused(error.to_string())
    }
}

impl From<StartError> for NoStart {
    fn from(error: StartError) -> Self {
        match error {
            StartError::Journal(error) => error.into(),
            error @ (StartError::Index(_)
            | StartError::Fold(_)
            | StartError::Record(_)
            | StartError::Calendar { .. }
            | StartError::Vault(_)
            | StartError::Registry(_)
            | StartError::History { .. }
            | StartError::Thread(_)) => Self::Refused(error.to_string()),
        }
    }
}

impl From<JournalError> for NoStart {
    fn from(error: JournalError) -> Self {
        match error {
            // A failed call or a full disk ends a start; the next one tries again.
            JournalError::Failed { .. }
            | JournalError::DiskFull { .. }
            | JournalError::Unwritable { .. }
            | JournalError::Io { .. } => Self::Died(Death::Failed(error.to_string())),
            error @ (JournalError::Damaged { .. }
            | JournalError::Shorter { .. }
            | JournalError::Diverged { .. }
            | JournalError::Locked { .. }
            | JournalError::NotADirectory { .. }
            | JournalError::UnknownVersion { .. }
            | JournalError::StrangeFile { .. }
            | JournalError::SegmentSize { .. }
            | JournalError::TimeBackwards { .. }
            | JournalError::RecordTooLarge { .. }
            | JournalError::GroupTooLarge { .. }) => Self::Refused(error.to_string()),
        }
    }
}
