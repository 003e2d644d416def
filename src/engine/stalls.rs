//! Whether the bus stood still between two of its turns: stopped by a signal, suspended with its
//! machine, or held up by its disk.

use super::timestamp;
use crate::domain::ladder::BusOutage;

/// How long the bus may be without a turn before that counts as an outage, in milliseconds: far
/// above what a busy machine delays, far below what a term notices.
pub const MIN_OUTAGE_MS: i64 = 5_000;

/// The last turn. How long ago it was is told by the boot clock, which counts through suspensions
/// and which nobody can set; from when to when, by the time of the bus.
#[derive(Debug, Default)]
pub struct Stalls {
    last: Option<Turn>,
}

#[derive(Debug, Clone, Copy)]
struct Turn {
    boot_ms: i64,
    now_ms: i64,
}

impl Stalls {
    /// A turn, with the boot clock and the time of the bus in milliseconds. Gives the span since
    /// the turn before when the bus stood still in it.
    pub fn turn(&mut self, boot_ms: i64, now_ms: i64) -> Option<BusOutage> {
        let last = self.last.replace(Turn { boot_ms, now_ms })?;
        let stood_ms = boot_ms.saturating_sub(last.boot_ms);
        let is_outage = stood_ms >= MIN_OUTAGE_MS && last.now_ms < now_ms;
        is_outage.then(|| BusOutage { from: timestamp(last.now_ms), until: timestamp(now_ms) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_turn_that_comes_late_by_the_boot_clock_is_an_outage() {
        let mut stalls = Stalls::default();
        assert_eq!(stalls.turn(1_000, 500_000), None, "there is nothing before the first");
        assert_eq!(stalls.turn(1_510, 500_510), None);
        assert_eq!(stalls.turn(6_509, 505_509), None, "a busy machine");
        let stood = BusOutage { from: timestamp(505_509), until: timestamp(567_000) };
        assert_eq!(stalls.turn(68_000, 567_000), Some(stood));
        assert_eq!(stalls.turn(68_500, 567_500), None);
    }

    #[test]
    fn a_clock_that_was_set_is_no_outage_while_the_boot_clock_went_on_as_ever() {
        let mut stalls = Stalls::default();
        stalls.turn(1_000, 500_000);
        assert_eq!(stalls.turn(1_500, 560_000), None, "forward, and followed");
        assert_eq!(stalls.turn(9_000, 560_000), None, "back: time stands still, not the bus");
    }
}
