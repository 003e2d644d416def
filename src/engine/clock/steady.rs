//! A clock that neither runs backwards nor follows a jump: what the wall clock says, held against
//! the clock that has counted since the machine was started.
//!
//! The wall clock can be set by anybody; the boot clock (`CLOCK_BOOTTIME`) only counts, through
//! suspensions too. Both run at the pace that NTP gives them, so between them lies one offset until
//! somebody sets the wall clock, and each setting shows as a step of that offset.
//!
//! | step | what time does |
//! |---|---|
//! | back, within the bound | stands still until the wall has caught up |
//! | forward, within the bound | follows once the step has stood for the settle time |
//! | beyond the bound, or beyond it in sum since the start | goes on at the boot clock's pace |
//!
//! Pure: whoever has the readings can replay it.

use crate::mutation::{Mutation, on};

/// The largest difference between two readings that is the reading's own, in milliseconds: the two
/// clocks are read one after the other.
pub const NOISE_MS: i64 = 10;

/// What a steady clock follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SteadyOptions {
    /// The largest step of the wall clock that is followed, in milliseconds; also the most that all
    /// followed steps may come to since the start, so that time is never further than this from the
    /// pace of the boot clock.
    pub max_step_ms: i64,
    /// How long a step forward must stand before it is followed, in milliseconds.
    pub settle_ms: i64,
}

/// Both clocks at one instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reading {
    /// The wall clock, Unix milliseconds.
    pub wall_ms: i64,
    /// The boot clock, milliseconds since the machine was started, suspensions included.
    pub boot_ms: i64,
}

/// How the wall clock stands to the bus's time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ClockState {
    /// They agree.
    #[default]
    Level,
    /// The wall clock was set forward, and is followed once that has stood for the settle time.
    Ahead {
        /// By how much, in milliseconds.
        by_ms: i64,
    },
    /// The wall clock was set back, and time stands still until it has caught up.
    Behind {
        /// How much is left of it, in milliseconds.
        by_ms: i64,
    },
    /// The wall clock was set by more than is followed. Time goes on at the boot clock's pace until
    /// they agree again or the bus is restarted.
    Adrift {
        /// How far the wall clock is from the bus's time, in milliseconds; negative when behind.
        by_ms: i64,
    },
}

/// The clock.
///
/// Invariants: what [`read`](Self::read) gives never decreases; it is never further ahead of the
/// boot clock's pace since the start than [`SteadyOptions::max_step_ms`].
#[derive(Debug, Clone)]
pub struct Steady {
    options: SteadyOptions,
    /// Wall clock less boot clock when the bus started, which the start rule has judged.
    anchor_ms: i64,
    /// The same as far as it is followed.
    offset_ms: i64,
    /// What was shown last.
    last_ms: i64,
    settling: Option<Settling>,
    state: ClockState,
}

/// A step forward that is not followed yet.
#[derive(Debug, Clone, Copy)]
struct Settling {
    offset_ms: i64,
    since_boot_ms: i64,
}

impl Steady {
    /// A clock that shows the wall clock of the first reading.
    pub fn new(options: SteadyOptions, first: Reading) -> Self {
        let offset_ms = offset(first);
        Self {
            options,
            anchor_ms: offset_ms,
            offset_ms,
            last_ms: first.wall_ms,
            settling: None,
            state: ClockState::Level,
        }
    }

    /// Shows nothing before this time from now on: that of the journal's last record.
    pub fn not_before(&mut self, ms: i64) {
        self.last_ms = self.last_ms.max(ms);
    }

    /// Takes a reading and gives the time, Unix milliseconds.
    pub fn read(&mut self, reading: Reading) -> i64 {
        let seen = offset(reading);
        let step = seen.saturating_sub(self.offset_ms);
        let is_followed = on(Mutation::FollowJump)
            || self.within_bound(step) && self.within_bound(seen.saturating_sub(self.anchor_ms));
        if !is_followed || step <= NOISE_MS {
            self.settling = None;
        } else {
            self.settle(seen, reading.boot_ms);
        }
        if is_followed && step < -NOISE_MS {
            self.offset_ms = seen;
        }
        let shown = reading.boot_ms.saturating_add(self.offset_ms);
        self.last_ms = self.last_ms.max(shown);
        self.state = match self.settling {
            _ if !is_followed => ClockState::Adrift { by_ms: step },
            Some(_) => ClockState::Ahead { by_ms: step },
            None if self.last_ms > shown.saturating_add(NOISE_MS) => {
                ClockState::Behind { by_ms: self.last_ms.saturating_sub(shown) }
            }
            None => ClockState::Level,
        };
        self.last_ms
    }

    /// How the wall clock stood at the last reading.
    pub fn state(&self) -> ClockState {
        self.state
    }

    fn within_bound(&self, step: i64) -> bool {
        // Readings of one setting differ by the noise.
        step.unsigned_abs() <= self.options.max_step_ms.unsigned_abs()
    }

    /// Follows a step forward that has stood long enough.
    fn settle(&mut self, seen: i64, boot_ms: i64) {
        let same =
            |settling: &Settling| seen.abs_diff(settling.offset_ms) <= NOISE_MS.unsigned_abs();
        match self.settling.filter(same) {
            None => self.settling = Some(Settling { offset_ms: seen, since_boot_ms: boot_ms }),
            Some(Settling { offset_ms, since_boot_ms }) => {
                if boot_ms.saturating_sub(since_boot_ms) >= self.options.settle_ms {
                    self.offset_ms = offset_ms;
                    self.settling = None;
                }
            }
        }
    }
}

fn offset(reading: Reading) -> i64 {
    reading.wall_ms.saturating_sub(reading.boot_ms)
}
