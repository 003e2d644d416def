//! The one place where the machine's clocks are read. Everything else is handed its time.

mod machine;
pub mod steady;

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;

use steady::Steady;
pub use steady::{ClockState, Reading, SteadyOptions};

/// Where the bus takes its time from.
#[derive(Debug, Clone)]
pub enum Clock {
    /// The machine's wall clock as it is, for commands. A bus runs on a steady one.
    System,
    /// The machine's clocks, steady against jumps.
    Steady(Arc<Mutex<Steady>>),
    /// A clock that stands still until it is set, for the demo and for integration tests of
    /// partners. Never for real cases: a due instant means nothing on it.
    Sandbox(Arc<AtomicI64>),
}

/// How the machine's clock is taken, from the configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClockOptions {
    /// While the bus runs.
    pub steady: SteadyOptions,
    /// How far after the last sign of life the clock may lie at a start, in days.
    pub max_gap_days: i64,
    /// The operator's word that the clock is right, for this start. Never from a file.
    pub accept: bool,
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

    /// The machine's clocks, steady from now on.
    pub fn steady(options: SteadyOptions) -> Self {
        Self::Steady(Arc::new(Mutex::new(Steady::new(options, machine::reading()))))
    }

    /// The time in Unix milliseconds.
    pub fn now_ms(&self) -> i64 {
        match self {
            Self::System => machine::wall_ms(),
            Self::Steady(steady) => {
                let mut steady = steady.lock().unwrap_or_else(PoisonError::into_inner);
                let before = steady.state();
                // Read under the lock, so that no reading overtakes another.
                let now_ms = steady.read(machine::reading());
                let after = steady.state();
                drop(steady);
                tell(before, after);
                now_ms
            }
            Self::Sandbox(ms) => ms.load(Ordering::Acquire),
        }
    }

    /// Milliseconds since the machine was started, suspensions included; in a sandbox its time.
    pub fn boot_ms(&self) -> i64 {
        match self {
            Self::System | Self::Steady(_) => machine::boot_ms(),
            Self::Sandbox(_) => self.now_ms(),
        }
    }

    /// How the machine's wall clock stood to the time of the bus when that was last asked for.
    pub fn state(&self) -> ClockState {
        match self {
            Self::System | Self::Sandbox(_) => ClockState::Level,
            Self::Steady(steady) => steady.lock().unwrap_or_else(PoisonError::into_inner).state(),
        }
    }

    /// Shows nothing before this time from now on: that of the journal's last record, whose times
    /// never run backwards. A sandbox goes on there; a start that lies later stands.
    pub fn not_before(&self, ms: i64) {
        match self {
            Self::System => {}
            Self::Steady(steady) => {
                steady.lock().unwrap_or_else(PoisonError::into_inner).not_before(ms);
            }
            Self::Sandbox(now) => {
                now.fetch_max(ms, Ordering::AcqRel);
            }
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

/// Both clocks of the machine as they are, for the rule of the start.
pub fn reading() -> Reading {
    machine::reading()
}

/// Steps smaller than this are told to those who look for them only.
const WORTH_TELLING_MS: i64 = 1000;

/// Tells of a clock that was set, once, by how bad that is.
fn tell(before: ClockState, after: ClockState) {
    if std::mem::discriminant(&before) == std::mem::discriminant(&after) {
        return;
    }
    match after {
        ClockState::Adrift { by_ms } => tracing::error!(
            by_ms,
            "the machine's clock was set by more than clock.max_step_seconds and is not followed; \
             set it right, or restart the bus if it is right now"
        ),
        ClockState::Behind { by_ms } if by_ms >= WORTH_TELLING_MS => tracing::warn!(
            by_ms,
            "the machine's clock was set back; the time of the bus stands still until then"
        ),
        ClockState::Ahead { by_ms } if by_ms >= WORTH_TELLING_MS => tracing::warn!(
            by_ms,
            "the machine's clock was set forward; it is followed if it stays so for \
             clock.settle_seconds"
        ),
        ClockState::Behind { by_ms } | ClockState::Ahead { by_ms } => {
            tracing::debug!(by_ms, "the machine's clock was set a little");
        }
        ClockState::Level => match before {
            ClockState::Adrift { by_ms } => {
                tracing::warn!(by_ms, "the machine's clock agrees with the bus again");
            }
            ClockState::Level | ClockState::Ahead { .. } | ClockState::Behind { .. } => {
                tracing::debug!("the machine's clock agrees with the bus again");
            }
        },
    }
}

/// A time of the journal as a timestamp; times beyond what a calendar can show end at its edge.
pub fn timestamp(ms: i64) -> Timestamp {
    let edge = if ms < 0 { Timestamp::MIN } else { Timestamp::MAX };
    Timestamp::from_millisecond(ms).unwrap_or(edge)
}
