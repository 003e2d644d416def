//! How fast a receiver takes what there is for it.

/// Acknowledgements before a pace is known.
const MIN_TAKEN: f64 = 32.0;
/// Acknowledgements that are remembered at most; those of earlier times count half.
const MAX_TAKEN: f64 = 64.0 * MIN_TAKEN;
/// After this time what was seen counts half, in milliseconds.
const HALF_LIFE_MS: f64 = 6.0 * 3_600_000.0;
/// A receiver that takes nothing for longer hangs, in milliseconds: that is no pace.
const MAX_PAUSE_MS: i64 = 15 * 60 * 1000;

/// What a receiver has taken lately while something waited, and in which time.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Pace {
    taken: f64,
    in_ms: f64,
    /// For how long it has taken nothing since, in milliseconds.
    pause_ms: i64,
}

impl Pace {
    /// It took so many in so many milliseconds. Only what it takes while something waits is a pace,
    /// and not what there is to take.
    pub(super) fn step(&mut self, taken: u64, in_ms: i64, is_busy: bool) {
        let left = (-std::f64::consts::LN_2 * in_ms as f64 / HALF_LIFE_MS).exp();
        self.scale(left);
        if !is_busy {
            self.pause_ms = 0;
            return;
        }
        self.pause_ms = self.pause_ms.saturating_add(in_ms);
        if taken == 0 {
            return;
        }
        let in_ms = std::mem::take(&mut self.pause_ms);
        if in_ms <= MAX_PAUSE_MS {
            self.taken += taken as f64;
            self.in_ms += in_ms as f64;
        }
        if self.taken > MAX_TAKEN {
            self.scale(0.5);
        }
    }

    /// What it takes in a second, where that is known.
    pub(super) fn per_second(&self) -> Option<f64> {
        let is_known = self.taken >= MIN_TAKEN && self.in_ms > 0.0;
        is_known.then(|| self.taken * 1000.0 / self.in_ms)
    }

    fn scale(&mut self, by: f64) {
        (self.taken, self.in_ms) = (self.taken * by, self.in_ms * by);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STEP_MS: i64 = 10_000;
    const STEPS_A_DAY: usize = 8_640;

    /// A receiver that took this many in each step of an hour.
    fn seen(taken: u64) -> Pace {
        let mut pace = Pace::default();
        for _ in 0..STEPS_A_DAY / 24 {
            pace.step(taken, STEP_MS, true);
        }
        pace
    }

    fn is_about(pace: Pace, expected: f64) -> bool {
        pace.per_second().is_some_and(|found| (found / expected - 1.0).abs() < 0.05)
    }

    #[test]
    fn a_pace_is_what_is_taken_while_something_waits() {
        assert!(is_about(seen(20), 2.0));
        let mut pace = seen(20);
        // There is little to take.
        for _ in 0..100 {
            pace.step(1, STEP_MS, false);
        }
        assert!(is_about(pace, 2.0));
        // Little is known of one that took little.
        let mut pace = Pace::default();
        pace.step(31, STEP_MS, true);
        assert_eq!(pace.per_second(), None);
        pace.step(2, STEP_MS, true);
        assert!(is_about(pace, 1.65));
    }

    #[test]
    fn a_slow_receiver_has_a_slow_pace() {
        let mut pace = Pace::default();
        // One in five minutes.
        for at in 0..2 * STEPS_A_DAY {
            pace.step(u64::from(at % 30 == 29), STEP_MS, true);
        }
        assert!(is_about(pace, 1.0 / 300.0), "{pace:?}");
    }

    #[test]
    fn a_night_in_which_it_hangs_is_no_pace() {
        let mut pace = seen(20);
        for _ in 0..STEPS_A_DAY / 3 {
            pace.step(0, STEP_MS, true);
            assert!(pace.per_second().is_none_or(|found| found > 1.9));
        }
        pace.step(20, STEP_MS, true);
        for _ in 0..10 {
            pace.step(20, STEP_MS, true);
        }
        assert!(is_about(pace, 2.0), "{pace:?}");
    }

    #[test]
    fn a_pace_of_long_ago_is_not_known_any_more() {
        for is_busy in [false, true] {
            let mut pace = seen(20);
            for _ in 0..2 * STEPS_A_DAY {
                pace.step(0, STEP_MS, is_busy);
            }
            assert_eq!(pace.per_second(), None);
        }
        // It was fast months ago, and is slow now.
        let mut pace = seen(1_000);
        for _ in 0..60 * STEPS_A_DAY {
            pace.step(0, STEP_MS, false);
        }
        for _ in 0..100 {
            pace.step(1, STEP_MS, true);
        }
        assert!(is_about(pace, 0.1), "{pace:?}");
    }
}
