//! What is tried next at one party's endpoint. Pure: told what happened and when, it says which
//! delivery may go out and when to look again.

use std::collections::HashMap;
use std::time::Duration;

use super::breaker::{Breaker, BreakerState};
use super::schedule::{Backoff, Chance, Hold};
use super::{Moment, PushOptions};
use crate::domain::Sequence;
use crate::index::QueueKey;

/// Deliveries that may wait for another attempt, as a multiple of those that may be on their way.
/// At the bound no further one is begun, so that a party that takes nothing costs a bounded amount.
const WAITING_PER_IN_FLIGHT: usize = 8;

/// How an attempt ended, as far as the plan goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ended {
    /// It leaves the queue.
    Settled,
    /// The endpoint failed; it may have said when to come back.
    Failed { asked: Option<Duration> },
    /// The bus itself could not do its part.
    Ours,
}

/// One party's line.
pub(super) struct Line {
    backoff: Backoff,
    /// How long before the due instant the last call begins.
    lead: Duration,
    max_in_flight: usize,
    chance: Chance,
    breaker: Breaker,
    /// What keeps all of the party's deliveries back.
    hold: Option<Hold>,
    /// Deliveries that failed and are not on their way now.
    waiting: HashMap<Sequence, Waiting>,
    /// Failures of each delivery on its way.
    in_flight: HashMap<Sequence, u32>,
}

struct Waiting {
    key: QueueKey,
    failures: u32,
    hold: Hold,
}

impl Line {
    pub(super) fn new(options: &PushOptions, seed: u64) -> Self {
        let PushOptions { max_in_flight, timeout, backoff, breaker_failures, seed: _ } = *options;
        Self {
            backoff,
            // Room for a call that hangs and for another one.
            lead: timeout.saturating_mul(2),
            max_in_flight: max_in_flight.max(1),
            chance: Chance::new(seed),
            breaker: Breaker::new(breaker_failures),
            hold: None,
            waiting: HashMap::new(),
            in_flight: HashMap::new(),
        }
    }

    pub(super) fn breaker(&self) -> &Breaker {
        &self.breaker
    }

    /// How many more attempts may begin now.
    pub(super) fn room(&self) -> usize {
        self.breaker.room(self.max_in_flight).saturating_sub(self.in_flight.len())
    }

    /// How many deliveries wait for another attempt.
    pub(super) fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// Whether a delivery waits for another attempt.
    pub(super) fn is_waiting(&self, key: QueueKey) -> bool {
        self.waiting.contains_key(&key.sequence)
    }

    /// Whether a delivery may go out now.
    pub(super) fn may_go(&self, now: Moment, key: QueueKey) -> bool {
        let free = |hold: &Hold| hold.is_open(now, key.order_ms, self.lead);
        let own = match self.waiting.get(&key.sequence) {
            Some(waiting) => free(&waiting.hold),
            None => self.waiting.len() < self.max_in_flight * WAITING_PER_IN_FLIGHT,
        };
        own && self.hold.as_ref().is_none_or(free)
    }

    /// From which due instant on a delivery can go out now: while the party is held back only the
    /// last calls can, and the queue need not be looked through for others.
    pub(super) fn possible_from_ms(&self, now: Moment) -> Option<i64> {
        let hold = self.hold.filter(|hold| !hold.is_open(now, i64::MIN, self.lead))?;
        Some(hold.first_called_ms(self.lead))
    }

    /// An attempt begins.
    pub(super) fn started(&mut self, sequence: Sequence) {
        let failures = self.waiting.remove(&sequence).map_or(0, |waiting| waiting.failures);
        self.in_flight.insert(sequence, failures);
        self.breaker.started();
    }

    /// An attempt has ended.
    pub(super) fn ended(&mut self, now: Moment, key: QueueKey, ended: Ended) {
        let failures = self.in_flight.remove(&key.sequence).unwrap_or_default().saturating_add(1);
        let asked = match ended {
            Ended::Settled => {
                self.breaker.succeeded();
                self.hold = None;
                return;
            }
            Ended::Ours => Duration::ZERO,
            Ended::Failed { asked } => {
                self.breaker.failed(now.wall_ms);
                let asked = asked.unwrap_or_default();
                self.hold_party(now, key, asked);
                asked
            }
        };
        let wait = self.backoff.wait(failures, &mut self.chance);
        let hold = Hold::new(now, key.order_ms, wait, asked, self.lead);
        self.waiting.insert(key.sequence, Waiting { key, failures, hold });
    }

    /// Nobody is called while the breaker is open, nor before the party wants to be.
    fn hold_party(&mut self, now: Moment, key: QueueKey, asked: Duration) {
        let wait = match self.breaker.state() {
            BreakerState::Closed if asked.is_zero() => return,
            BreakerState::Closed => Duration::ZERO,
            // Never at once: a probe is to find out something new.
            BreakerState::Open | BreakerState::HalfOpen => {
                let wait = self.backoff.wait(self.breaker.failures(), &mut self.chance);
                wait.max(self.backoff.base)
            }
        };
        let hold = Hold::new(now, key.order_ms, wait, asked, self.lead);
        self.hold = Some(self.hold.map_or(hold, |before| before.and(hold)));
    }

    /// Forgets the deliveries that wait here and are in the queue no more.
    pub(super) fn forget(&mut self, is_queued: impl Fn(QueueKey) -> bool) {
        self.waiting.retain(|_, waiting| is_queued(waiting.key));
    }

    /// When to look again, on the steady clock, if nothing else happens: when the first delivery
    /// that waits may go, or when one of `fresh`, which were never tried, gets past what holds the
    /// party back.
    pub(super) fn wake(
        &self,
        now: Moment,
        fresh: impl IntoIterator<Item = QueueKey>,
    ) -> Option<Duration> {
        let of_party = |due_ms: i64| {
            let hold = self.hold.as_ref();
            hold.map_or(now.steady, |hold| hold.opens(now, due_ms, self.lead))
        };
        let waiting = self.waiting.values().map(|waiting| {
            let due_ms = waiting.key.order_ms;
            waiting.hold.opens(now, due_ms, self.lead).max(of_party(due_ms))
        });
        let fresh = fresh.into_iter().map(|key| of_party(key.order_ms));
        waiting.chain(fresh).min()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const DAY_MS: i64 = 86_400_000;

    fn options() -> PushOptions {
        PushOptions {
            max_in_flight: 4,
            timeout: Duration::from_secs(10),
            backoff: Backoff { base: Duration::from_secs(1), max: Duration::from_secs(60) },
            breaker_failures: 3,
            seed: 0,
        }
    }

    fn at(ms: i64) -> Moment {
        Moment { steady: Duration::from_millis(ms.unsigned_abs()), wall_ms: ms }
    }

    fn key(sequence: u64, order_ms: i64) -> QueueKey {
        QueueKey { order_ms, sequence: Sequence(sequence) }
    }

    fn try_one(line: &mut Line, now: Moment, key: QueueKey, ended: Ended) {
        assert!(line.room() > 0 && line.may_go(now, key), "{key:?}");
        line.started(key.sequence);
        line.ended(now, key, ended);
    }

    const FAILED: Ended = Ended::Failed { asked: None };

    #[test]
    fn a_failed_delivery_waits_and_the_others_go_on() {
        let mut line = Line::new(&options(), 3);
        try_one(&mut line, at(0), key(1, DAY_MS), Ended::Ours);
        try_one(&mut line, at(0), key(2, DAY_MS), Ended::Settled);
        let wake = line.wake(at(0), []).unwrap();
        assert!(wake <= Duration::from_secs(1));
        assert!(line.may_go(at(1_000), key(1, DAY_MS)));
        assert_eq!(line.breaker().state(), BreakerState::Closed);
    }

    #[test]
    fn a_dead_endpoint_is_tried_with_one_delivery_after_a_while_and_all_flow_when_it_is_back() {
        let mut line = Line::new(&options(), 3);
        for sequence in 1..=3 {
            try_one(&mut line, at(0), key(sequence, DAY_MS), FAILED);
        }
        assert_eq!(line.breaker().state(), BreakerState::Open);
        assert!(!line.may_go(at(999), key(4, DAY_MS)), "never before the base");
        let wake = line.wake(at(0), [key(4, DAY_MS)]).unwrap();
        assert!(wake >= Duration::from_secs(1) && wake <= Duration::from_secs(4), "{wake:?}");
        let later = at(4_000);
        assert!(line.may_go(later, key(4, DAY_MS)));
        line.started(Sequence(4));
        assert_eq!((line.breaker().state(), line.room()), (BreakerState::HalfOpen, 0));
        line.ended(later, key(4, DAY_MS), Ended::Settled);
        assert_eq!((line.breaker().state(), line.room()), (BreakerState::Closed, 4));
        assert!(line.may_go(later, key(1, DAY_MS)) && line.may_go(later, key(5, DAY_MS)));
    }

    #[test]
    fn a_party_that_asks_for_time_gets_it_for_all_its_deliveries() {
        let mut line = Line::new(&options(), 3);
        let asked = Some(Duration::from_secs(30));
        try_one(&mut line, at(0), key(1, DAY_MS), Ended::Failed { asked });
        assert_eq!(line.breaker().state(), BreakerState::Closed);
        assert!(
            !line.may_go(at(29_999), key(1, DAY_MS)) && !line.may_go(at(29_999), key(2, DAY_MS))
        );
        assert!(line.may_go(at(30_000), key(2, DAY_MS)));
        assert_eq!(line.wake(at(0), [key(2, DAY_MS)]), Some(Duration::from_secs(30)));
        // What falls due before has its last call before.
        assert!(line.may_go(at(5_000), key(3, 25_000)));
        assert_eq!(line.possible_from_ms(at(0)), Some(20_001));
    }

    #[test]
    fn an_open_breaker_lets_the_last_call_pass() {
        let mut line = Line::new(&options(), 3);
        let due = 300_000;
        for round in 0..20 {
            let probe = key(round + 10, -1);
            if line.may_go(at(200_000), probe) && line.room() > 0 {
                try_one(&mut line, at(200_000), probe, FAILED);
            }
        }
        assert_eq!(line.breaker().state(), BreakerState::Open);
        let wake = line.wake(at(200_000), [key(1, due)]).unwrap();
        assert!(wake <= Duration::from_millis(280_000), "{wake:?}");
        assert!(line.may_go(at(280_000), key(1, due)));
    }

    #[test]
    fn what_waits_is_bounded_and_forgotten_when_it_is_gone() {
        let mut line = Line::new(&options(), 3);
        let mut begun = 0;
        for sequence in 1..1_000 {
            if line.may_go(at(0), key(sequence, DAY_MS)) {
                try_one(&mut line, at(0), key(sequence, DAY_MS), Ended::Ours);
                begun += 1;
            }
        }
        assert_eq!((begun, line.waiting()), (32, 32));
        line.forget(|key| key.sequence.0 % 2 == 0);
        assert_eq!(line.waiting(), 16);
        assert!(line.may_go(at(0), key(2_000, DAY_MS)));
    }

    /// A party that answers nothing, one delivery, steady time: each attempt is made when the line
    /// says so, and until the delivery is as good as due the next is always before that instant.
    #[derive(Debug, Clone)]
    struct Run {
        seed: u64,
        due_ms: i64,
        asked_s: Vec<u64>,
    }

    fn any_run() -> impl Strategy<Value = Run> {
        let asked = prop_oneof![3 => Just(0), 1 => 0..100_000_u64];
        (any::<u64>(), 1_000..DAY_MS, prop::collection::vec(asked, 1..200))
            .prop_map(|(seed, due_ms, asked_s)| Run { seed, due_ms, asked_s })
    }

    proptest! {
        #[test]
        fn a_failing_delivery_is_tried_until_just_before_due_and_for_ever_after(run in any_run()) {
            let mut line = Line::new(&options(), run.seed);
            let key = key(1, run.due_ms);
            let mut now = at(0);
            let mut last_before_due = None;
            for asked in run.asked_s {
                prop_assert!(line.may_go(now, key));
                line.started(key.sequence);
                let asked = Duration::from_secs(asked);
                line.ended(now, key, Ended::Failed { asked: Some(asked).filter(|a| !a.is_zero()) });
                if now.wall_ms < run.due_ms {
                    last_before_due = Some(now.wall_ms);
                }
                let next = line.wake(now, []).unwrap();
                let left = run.due_ms - now.wall_ms;
                let wait = i64::try_from(next.as_millis()).unwrap() - now.wall_ms;
                prop_assert!(wait >= 0);
                if left > 500 {
                    prop_assert!(wait < left, "planned {wait} ms ahead, due in {left} ms");
                    prop_assert!(asked.as_millis() as i64 >= left || wait >= asked.as_millis() as i64);
                } else {
                    prop_assert!(wait <= 60_000.max(asked.as_millis() as i64));
                }
                now = at(next.as_millis() as i64);
            }
            if now.wall_ms >= run.due_ms {
                let last = last_before_due.unwrap();
                prop_assert!(run.due_ms - last <= 20_000, "the last call was {last}");
            }
        }
    }
}
