//! Whether a party's endpoint is worth trying. Pure.

/// How the bus treats an endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BreakerState {
    /// Deliveries go out as they come.
    Closed,
    /// Too many attempts in a row have failed; nothing goes out for a while.
    Open,
    /// One delivery is on its way, to see whether the endpoint takes it.
    HalfOpen,
}

/// A circuit breaker: after so many failures in a row nothing is tried for a while, and then one
/// delivery at a time until one succeeds.
#[derive(Debug, Clone)]
pub(super) struct Breaker {
    /// Failures in a row that open it; at least one.
    threshold: u32,
    failures: u32,
    /// When the first of them was, in Unix milliseconds.
    since_ms: Option<i64>,
    state: BreakerState,
}

impl Breaker {
    pub(super) fn new(threshold: u32) -> Self {
        Self {
            threshold: threshold.max(1),
            failures: 0,
            since_ms: None,
            state: BreakerState::Closed,
        }
    }

    pub(super) fn state(&self) -> BreakerState {
        self.state
    }

    /// Failures since the last success.
    pub(super) fn failures(&self) -> u32 {
        self.failures
    }

    /// When the first of them was.
    pub(super) fn since_ms(&self) -> Option<i64> {
        self.since_ms
    }

    /// How many attempts may be under way beside each other.
    pub(super) fn room(&self, max: usize) -> usize {
        match self.state {
            BreakerState::Closed => max,
            BreakerState::Open | BreakerState::HalfOpen => 1,
        }
    }

    /// An attempt begins.
    pub(super) fn started(&mut self) {
        if self.state == BreakerState::Open {
            self.state = BreakerState::HalfOpen;
        }
    }

    /// An attempt has reached the party. One that began before the breaker opened closes it too:
    /// the endpoint lives.
    pub(super) fn succeeded(&mut self) {
        (self.failures, self.since_ms, self.state) = (0, None, BreakerState::Closed);
    }

    /// An attempt has ended and shown nothing of the endpoint.
    pub(super) fn learned_nothing(&mut self) {
        if self.state == BreakerState::HalfOpen {
            self.state = BreakerState::Open;
        }
    }

    /// An attempt has failed.
    pub(super) fn failed(&mut self, now_ms: i64) {
        self.failures = self.failures.saturating_add(1);
        self.since_ms = self.since_ms.or(Some(now_ms));
        if self.failures >= self.threshold {
            self.state = BreakerState::Open;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn it_opens_after_its_threshold_probes_with_one_and_closes_with_a_success() {
        let mut breaker = Breaker::new(3);
        for _ in 0..2 {
            breaker.started();
            breaker.failed(10);
            assert_eq!((breaker.state(), breaker.room(8)), (BreakerState::Closed, 8));
        }
        breaker.failed(20);
        assert_eq!((breaker.state(), breaker.room(8)), (BreakerState::Open, 1));
        breaker.started();
        assert_eq!((breaker.state(), breaker.room(8)), (BreakerState::HalfOpen, 1));
        breaker.failed(30);
        assert_eq!((breaker.state(), breaker.failures()), (BreakerState::Open, 4));
        assert_eq!(breaker.since_ms(), Some(10));
        breaker.started();
        breaker.learned_nothing();
        assert_eq!((breaker.state(), breaker.failures()), (BreakerState::Open, 4));
        breaker.started();
        breaker.succeeded();
        assert_eq!((breaker.state(), breaker.room(8)), (BreakerState::Closed, 8));
        assert_eq!((breaker.failures(), breaker.since_ms()), (0, None));
    }

    proptest! {
        #[test]
        fn it_is_closed_exactly_while_fewer_than_its_threshold_have_failed_in_a_row(
            threshold in 0..6_u32,
            steps in prop::collection::vec(0..4_u8, 0..60),
        ) {
            let mut breaker = Breaker::new(threshold);
            let mut in_a_row = 0;
            for (at, step) in steps.into_iter().enumerate() {
                match step {
                    0 => breaker.started(),
                    1 => {
                        breaker.succeeded();
                        in_a_row = 0;
                    }
                    2 => breaker.learned_nothing(),
                    _ => {
                        breaker.failed(at as i64);
                        in_a_row += 1;
                    }
                }
                let closed = breaker.state() == BreakerState::Closed;
                prop_assert_eq!(closed, in_a_row < threshold.max(1));
                prop_assert_eq!(breaker.room(8), if closed { 8 } else { 1 });
                prop_assert_eq!(breaker.failures(), in_a_row);
                prop_assert_eq!(breaker.since_ms().is_some(), in_a_row > 0);
            }
        }
    }
}
