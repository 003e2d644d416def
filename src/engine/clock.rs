//! The one place where the wall clock is read. Everything else is handed its time.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use jiff::Timestamp;

/// Where the bus takes its time from.
#[derive(Debug, Clone)]
pub enum Clock {
    /// The machine's clock.
    System,
    /// A clock that stands still until it is set, for the demo and for integration tests of
    /// partners. Never for real cases: a due instant means nothing on it.
    Sandbox(Arc<AtomicI64>),
}

/// Why a sandbox clock was not set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ClockError {
    /// The bus runs on the machine's clock.
    #[error("the bus does not run in sandbox mode")]
    NotSandbox,
    /// The journal's times never run backwards.
    #[error("the sandbox clock only moves forward")]
    Backwards,
}

impl Clock {
    /// A sandbox clock that shows `start`.
    pub fn sandbox(start: Timestamp) -> Self {
        Self::Sandbox(Arc::new(AtomicI64::new(start.as_millisecond())))
    }

    /// The time in Unix milliseconds.
    #[expect(clippy::disallowed_methods, reason = "the home of the wall clock")]
    pub fn now_ms(&self) -> i64 {
        match self {
            Self::System => {
                let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
                i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
            }
            Self::Sandbox(ms) => ms.load(Ordering::Acquire),
        }
    }

    /// The time, to the millisecond that the journal keeps.
    pub fn now(&self) -> Timestamp {
        timestamp(self.now_ms())
    }

    /// Whether this is a sandbox clock.
    pub fn is_sandbox(&self) -> bool {
        matches!(self, Self::Sandbox(_))
    }

    /// Moves a sandbox clock forward to `to`.
    ///
    /// # Errors
    /// [`ClockError`] on a real clock, or for a time that has passed.
    pub fn set(&self, to: Timestamp) -> Result<(), ClockError> {
        let Self::Sandbox(ms) = self else { return Err(ClockError::NotSandbox) };
        let to = to.as_millisecond();
        match ms.fetch_max(to, Ordering::AcqRel) {
            before if before > to => Err(ClockError::Backwards),
            _ => Ok(()),
        }
    }
}

/// A time of the journal as a timestamp; times beyond what a calendar can show end at its edge.
pub fn timestamp(ms: i64) -> Timestamp {
    let edge = if ms < 0 { Timestamp::MIN } else { Timestamp::MAX };
    Timestamp::from_millisecond(ms).unwrap_or(edge)
}
