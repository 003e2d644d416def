//! Times between two instants, kept to three digits.

use std::time::Duration;

use hdrhistogram::{CreationError, Histogram};

/// The longest time that is told apart, in microseconds: a minute.
const LONGEST_US: u64 = 60_000_000;
const DIGITS: u8 = 3;

/// Collects times.
#[derive(Debug, Clone)]
pub(super) struct Times(Histogram<u64>);

/// How long something took, over many times.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Latency {
    /// Half of them took no longer.
    pub p50: Duration,
    /// All but one in a hundred took no longer.
    pub p99: Duration,
    /// The longest.
    pub max: Duration,
}

impl Times {
    pub(super) fn new() -> Result<Self, CreationError> {
        Histogram::new_with_bounds(1, LONGEST_US, DIGITS).map(Self)
    }

    pub(super) fn take(&mut self, time: Duration) {
        let us = u64::try_from(time.as_micros()).unwrap_or(LONGEST_US);
        self.0.saturating_record(us);
    }

    pub(super) fn add(&mut self, others: &Self) {
        // Both have the same bounds, so nothing can fall outside them.
        let _ = self.0.add(&others.0);
    }

    pub(super) fn count(&self) -> u64 {
        self.0.len()
    }

    pub(super) fn latency(&self) -> Latency {
        let at = |share| Duration::from_micros(self.0.value_at_quantile(share));
        Latency { p50: at(0.5), p99: at(0.99), max: Duration::from_micros(self.0.max()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_those_of_all_times_added() {
        let mut all = Times::new().unwrap();
        for share in 0..2_u64 {
            let mut some = Times::new().unwrap();
            for ms in (1..=100).filter(|ms| ms % 2 == share) {
                some.take(Duration::from_millis(ms));
            }
            all.add(&some);
        }
        assert_eq!(all.count(), 100);
        let Latency { p50, p99, max } = all.latency();
        for (found, ms) in [(p50, 50), (p99, 99), (max, 100)] {
            let wanted = Duration::from_millis(ms);
            assert!(found >= wanted && found < wanted + wanted / 500, "{found:?} for {wanted:?}");
        }
    }

    #[test]
    fn a_time_beyond_the_longest_counts_as_the_longest() {
        let mut times = Times::new().unwrap();
        times.take(Duration::from_secs(3_600));
        assert!(times.latency().max >= Duration::from_micros(LONGEST_US));
    }
}
