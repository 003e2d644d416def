//! The machine's clocks, read.

use std::time::{SystemTime, UNIX_EPOCH};

use rustix::time::{ClockId, clock_gettime};

use super::steady::Reading;

/// How often both clocks are read before the closest pair is taken.
const ATTEMPTS: usize = 4;

/// The wall clock in Unix milliseconds, as it is.
#[expect(clippy::disallowed_methods, reason = "the home of the wall clock")]
pub(super) fn wall_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

/// Milliseconds since the machine was started, suspensions included.
pub(super) fn boot_ms() -> i64 {
    let now = clock_gettime(ClockId::Boottime);
    now.tv_sec.saturating_mul(1000).saturating_add(now.tv_nsec / 1_000_000)
}

/// Both clocks, as close together as a busy machine lets them be read.
pub(super) fn reading() -> Reading {
    let mut best: Option<(i64, Reading)> = None;
    for _ in 0..ATTEMPTS {
        let before = boot_ms();
        let wall_ms = wall_ms();
        let apart = boot_ms() - before;
        let closer = best.is_none_or(|(so_far, _)| apart < so_far);
        if closer {
            best = Some((apart, Reading { wall_ms, boot_ms: before }));
        }
        if apart <= 1 {
            break;
        }
    }
    best.map_or_else(|| Reading { wall_ms: wall_ms(), boot_ms: boot_ms() }, |(_, reading)| reading)
}
