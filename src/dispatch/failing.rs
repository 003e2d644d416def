//! Which delivery a party fails to take, told from a party that takes nothing.
//!
//! A hand-out fails when its stream closes or its lease runs out with deliveries unacknowledged. A
//! system works through what it gets in order, so the failure is laid to the earliest due of them
//! alone: the others were never its fault, and a system that dies on one delivery has that one
//! held, not all of them.
//!
//! Failures alone condemn nothing. A party may be down for a month behind a connection that stands,
//! or read its inbox and never answer; then no delivery is to blame, and all of them must still be
//! there when it comes back. So a delivery that has failed as often as is allowed is only set aside:
//! the others go before it. If the party takes one of these, its system works, and the one set
//! aside gets a last try in its own place; when that fails too, it is held. If the party does not
//! take the others either, so that several are set aside in a row, it takes nothing: all of them go
//! back to their places, and their failures are forgotten.
//!
//! Where others were taken after half of the failures or more, the delivery has its last try as soon
//! as it has failed as often as is allowed: there may be no others left. Fewer failures say nothing.
//! When a party goes down, one of its systems fails on what another would have taken a moment later.
//!
//! All of this is counted in memory and begins anew with the process. A party that nothing is handed
//! out to fails nothing.

use std::collections::HashMap;

use crate::domain::Sequence;

/// Deliveries of one party that may be set aside at once. More means that the party takes nothing;
/// it is far above the number of unreadable papers that lie in one inbox by chance.
const MAX_ASIDE: usize = 8;

/// Deliveries of one party whose failures are remembered. Only deliveries due earlier and earlier
/// could fail so many at once; then all are forgotten, which condemns nothing.
const MAX_REMEMBERED: usize = 256;

/// The failures of one party's deliveries.
pub(super) struct Failing {
    max_failures: u32,
    counts: HashMap<Sequence, Count>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Count {
    failures: u32,
    /// Those after which another delivery was taken.
    outlived: u32,
    /// It cannot be held.
    is_pardoned: bool,
}

impl Count {
    /// Whether the party is known to take others while it fails on this one.
    fn is_to_blame(self, max_failures: u32) -> bool {
        self.outlived >= max_failures.div_ceil(2)
    }

    /// Whether it has failed as often as is allowed, without more being known.
    fn is_suspected(self, max_failures: u32) -> bool {
        self.failures >= max_failures && !self.is_to_blame(max_failures)
    }
}

/// What a failure means for its delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It goes back to its place.
    Again,
    /// The others go before it.
    Aside,
    /// It is to be held.
    Held,
    /// The party takes nothing: everything set aside goes back to its place.
    NothingTaken,
}

impl Failing {
    pub(super) fn new(max_failures: u32) -> Self {
        Self { max_failures: max_failures.max(1), counts: HashMap::new() }
    }

    /// A delivery has failed.
    pub(super) fn failed(&mut self, delivery: Sequence) -> Verdict {
        let max_failures = self.max_failures;
        let count = self.counts.entry(delivery).or_default();
        count.failures = count.failures.saturating_add(1);
        if count.is_pardoned {
            return Verdict::Aside;
        }
        if count.is_to_blame(max_failures) && count.failures > max_failures {
            return Verdict::Held;
        }
        if !count.is_suspected(max_failures) {
            if self.counts.len() > MAX_REMEMBERED {
                self.counts.clear();
                return Verdict::NothingTaken;
            }
            return Verdict::Again;
        }
        let suspected = self.counts.values().filter(|count| count.is_suspected(max_failures));
        if suspected.count() > MAX_ASIDE {
            self.counts.clear();
            return Verdict::NothingTaken;
        }
        Verdict::Aside
    }

    /// The party took a delivery. True when others were set aside, which get their last try now.
    pub(super) fn taken(&mut self, delivery: Sequence) -> bool {
        // The usual case, on the way of every acknowledgement.
        if self.counts.is_empty() {
            return false;
        }
        self.counts.remove(&delivery);
        let mut any = false;
        for count in self.counts.values_mut() {
            any |= count.is_suspected(self.max_failures);
            count.outlived = count.failures;
        }
        any
    }

    /// A delivery that was to be held cannot be.
    pub(super) fn pardon(&mut self, delivery: Sequence) {
        self.counts.entry(delivery).or_default().is_pardoned = true;
    }

    /// A delivery left the queue otherwise.
    pub(super) fn forget(&mut self, delivery: Sequence) {
        self.counts.remove(&delivery);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fail(failing: &mut Failing, delivery: u64, times: u32) -> Verdict {
        let mut verdict = Verdict::Again;
        for _ in 0..times {
            verdict = failing.failed(Sequence(delivery));
        }
        verdict
    }

    #[test]
    fn a_delivery_is_held_when_it_fails_once_more_after_others_were_taken() {
        let mut failing = Failing::new(3);
        assert_eq!(fail(&mut failing, 1, 1), Verdict::Again);
        assert!(!failing.taken(Sequence(2)), "it has not failed often enough");
        assert_eq!(fail(&mut failing, 1, 2), Verdict::Aside);
        assert_eq!(fail(&mut failing, 1, 5), Verdict::Aside, "nothing else was taken");
        assert!(failing.taken(Sequence(3)));
        assert!(!failing.taken(Sequence(4)), "it has its last try already");
        assert_eq!(fail(&mut failing, 1, 1), Verdict::Held);
    }

    /// What was taken after less than half of the failures proves nothing.
    #[test]
    fn a_delivery_that_outlived_others_is_held_when_it_fails_once_more_than_is_allowed() {
        for (max, before, is_held) in [(1, 1, true), (2, 1, true), (20, 9, false), (20, 10, true)] {
            let mut failing = Failing::new(max);
            fail(&mut failing, 1, before);
            failing.taken(Sequence(2));
            let last = fail(&mut failing, 1, max - before);
            assert_eq!(last == Verdict::Again, is_held, "{max} {before}");
            let expected = if is_held { Verdict::Held } else { Verdict::Aside };
            assert_eq!(fail(&mut failing, 1, 1), expected, "{max} {before}");
        }
    }

    #[test]
    fn what_is_pardoned_is_never_held() {
        let mut failing = Failing::new(2);
        fail(&mut failing, 1, 2);
        failing.taken(Sequence(2));
        assert_eq!(fail(&mut failing, 1, 1), Verdict::Held);
        failing.pardon(Sequence(1));
        assert_eq!(fail(&mut failing, 1, 9), Verdict::Aside);
        assert!(!failing.taken(Sequence(3)));
        assert_eq!(fail(&mut failing, 1, 9), Verdict::Aside);
    }

    #[test]
    fn a_party_that_takes_nothing_has_nothing_held() {
        let mut failing = Failing::new(2);
        for round in 0..10 {
            for delivery in 1..=MAX_ASIDE as u64 {
                assert_eq!(fail(&mut failing, delivery, 2), Verdict::Aside, "{round} {delivery}");
            }
            assert_eq!(fail(&mut failing, 9, 2), Verdict::NothingTaken);
        }
        // It comes back, and all of them are as if they had never failed.
        assert!(!failing.taken(Sequence(9)));
        assert_eq!(fail(&mut failing, 1, 1), Verdict::Again);
    }

    #[test]
    fn what_was_taken_or_left_the_queue_begins_anew() {
        let mut failing = Failing::new(2);
        assert_eq!(fail(&mut failing, 1, 2), Verdict::Aside);
        failing.forget(Sequence(1));
        assert_eq!(fail(&mut failing, 1, 1), Verdict::Again);
        failing.taken(Sequence(1));
        assert_eq!(fail(&mut failing, 1, 1), Verdict::Again);
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let mut failing = Failing::new(10);
        for delivery in 0..10_000 {
            failing.failed(Sequence(delivery));
            assert!(failing.counts.len() <= MAX_REMEMBERED + 1);
        }
    }
}
