//! What is tried next at one party's endpoint. Pure: told what happened and when, it says which
//! delivery may go out and when to look again.

use std::collections::HashMap;
use std::time::Duration;

use super::breaker::{Breaker, BreakerState};
use super::schedule::{Backoff, Chance, Hold};
use super::{Moment, PushFault, PushOptions};
use crate::domain::Sequence;
use crate::index::QueueKey;

/// Deliveries that may wait for another attempt, as a multiple of those that may be on their way.
/// At the bound no further one is begun, so that a party that takes nothing costs a bounded amount.
const WAITING_PER_IN_FLIGHT: usize = 8;

/// How an attempt ended, as far as the plan goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ended {
    /// The party has taken or rejected it; it leaves the queue.
    Settled,
    /// It leaves the queue, and not by this attempt, which shows nothing of the endpoint.
    Gone,
    /// The endpoint failed; it may have said when to come back.
    Failed { fault: PushFault, asked: Option<Duration> },
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
    /// The last failure, and when it was, in Unix milliseconds.
    last_failure: Option<(PushFault, i64)>,
    /// What keeps all of the party's deliveries back while it fails; ends when it takes one.
    broken: Option<Hold>,
    /// What keeps all of them back because the party asked for time. Nothing but time ends it.
    asked: Option<Hold>,
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
            last_failure: None,
            broken: None,
            asked: None,
            waiting: HashMap::new(),
            in_flight: HashMap::new(),
        }
    }

    pub(super) fn breaker(&self) -> &Breaker {
        &self.breaker
    }

    /// How the endpoint failed last and when, in Unix milliseconds.
    pub(super) fn last_failure(&self) -> Option<(PushFault, i64)> {
        self.last_failure
    }

    /// What keeps all of the party's deliveries back.
    fn hold(&self) -> Option<Hold> {
        self.broken.into_iter().chain(self.asked).reduce(Hold::and)
    }

    /// Whether so much waits for another attempt that no further delivery is begun.
    fn is_full(&self) -> bool {
        self.waiting.len() >= self.max_in_flight * WAITING_PER_IN_FLIGHT
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
    fn is_waiting(&self, key: QueueKey) -> bool {
        self.waiting.contains_key(&key.sequence)
    }

    /// Whether a delivery may go out now.
    pub(super) fn may_go(&self, now: Moment, key: QueueKey) -> bool {
        let free = |hold: &Hold| hold.is_open(now, key.order_ms, self.lead);
        let own = match self.waiting.get(&key.sequence) {
            Some(waiting) => free(&waiting.hold),
            None => !self.is_full(),
        };
        own && self.hold().as_ref().is_none_or(free)
    }

    /// From which due instant on a delivery can go out now: while the party is held back only the
    /// calls before due can, and the queue need not be looked through for others.
    pub(super) fn possible_from_ms(&self, now: Moment) -> Option<i64> {
        self.called_from_ms(now).map(|[first, _]| first)
    }

    fn called_from_ms(&self, now: Moment) -> Option<[i64; 2]> {
        let hold = self.hold().filter(|hold| !hold.is_open(now, i64::MIN, self.lead))?;
        Some(hold.called_from_ms(self.lead))
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
                self.broken = None;
                return;
            }
            Ended::Gone => {
                self.breaker.learned_nothing();
                return;
            }
            Ended::Ours => {
                self.breaker.learned_nothing();
                Duration::ZERO
            }
            Ended::Failed { fault, asked } => {
                self.breaker.failed(now.wall_ms);
                self.last_failure = Some((fault, now.wall_ms));
                let asked = asked.unwrap_or_default();
                self.hold_party(now, asked);
                asked
            }
        };
        let wait = self.backoff.wait(failures, &mut self.chance);
        let hold = Hold::new(now, wait, asked);
        self.waiting.insert(key.sequence, Waiting { key, failures, hold });
    }

    /// Nobody is called while the breaker is open, nor before the party wants to be.
    fn hold_party(&mut self, now: Moment, asked: Duration) {
        let joined =
            |before: Option<Hold>, hold: Hold| Some(before.map_or(hold, |before| before.and(hold)));
        self.asked = self.asked.map(|hold| hold.tried(now));
        if !asked.is_zero() {
            self.asked = joined(self.asked, Hold::new(now, Duration::ZERO, asked));
        }
        match self.breaker.state() {
            BreakerState::Closed => {}
            // Never at once: a probe is to find out something new.
            BreakerState::Open | BreakerState::HalfOpen => {
                let wait = self.backoff.wait(self.breaker.failures(), &mut self.chance);
                let wait = wait.max(self.backoff.base);
                self.broken = joined(self.broken, Hold::new(now, wait, Duration::ZERO));
            }
        }
    }

    /// Forgets the deliveries that wait here and are in the queue no more.
    pub(super) fn forget(&mut self, is_queued: impl Fn(QueueKey) -> bool) {
        self.waiting.retain(|_, waiting| is_queued(waiting.key));
    }

    /// When to look again, on the steady clock, if nothing else happens: when the first delivery
    /// that waits and `is_free` to go out may go, or when one that was never tried gets past what
    /// holds the party back. `first_from` finds the first free one from a due instant on.
    pub(super) fn wake(
        &self,
        now: Moment,
        is_free: impl Fn(QueueKey) -> bool,
        first_from: impl Fn(i64, &dyn Fn(QueueKey) -> bool) -> Option<QueueKey>,
    ) -> Option<Duration> {
        if self.room() == 0 {
            return None;
        }
        let hold = self.hold();
        let of_party = |due_ms| hold.map_or(now.steady, |hold| hold.opens(now, due_ms, self.lead));
        let waiting = self.waiting.values().filter(|waiting| is_free(waiting.key)).map(|waiting| {
            let due_ms = waiting.key.order_ms;
            waiting.hold.opens(now, due_ms, self.lead).max(of_party(due_ms))
        });
        // Where nothing holds the party back, what was never tried is on its way by now.
        let called = self.called_from_ms(now).filter(|_| !self.is_full());
        let from_ms = called.into_iter().flat_map(|[first, second]| [i64::MIN, first, second]);
        let is_fresh = |key| !self.is_waiting(key);
        let fresh = from_ms.filter_map(|from_ms| first_from(from_ms, &is_fresh));
        waiting.chain(fresh.map(|key| of_party(key.order_ms))).min()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    const HOUR_MS: i64 = 3_600_000;
    const DAY_MS: i64 = 24 * HOUR_MS;

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

    /// When the line looks again, with this queue.
    fn wake(line: &Line, now: Moment, queue: &[QueueKey]) -> Option<Duration> {
        let first_from = |from_ms, is_it: &dyn Fn(QueueKey) -> bool| {
            let mut from = queue.iter().filter(|key| key.order_ms >= from_ms);
            from.find(|key| is_it(**key)).copied()
        };
        line.wake(now, |_| true, first_from)
    }

    const FAILED: Ended = failed(None);

    const fn failed(asked: Option<Duration>) -> Ended {
        Ended::Failed { fault: PushFault::TimedOut, asked }
    }

    #[test]
    fn a_failed_delivery_waits_and_the_others_go_on() {
        let mut line = Line::new(&options(), 3);
        try_one(&mut line, at(0), key(1, DAY_MS), Ended::Ours);
        try_one(&mut line, at(0), key(2, DAY_MS), Ended::Settled);
        let wake = wake(&line, at(0), &[]).unwrap();
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
        let wake = wake(&line, at(0), &[key(4, DAY_MS)]).unwrap();
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
        try_one(&mut line, at(0), key(1, DAY_MS), failed(asked));
        assert_eq!(line.breaker().state(), BreakerState::Closed);
        assert!(
            !line.may_go(at(29_999), key(1, DAY_MS)) && !line.may_go(at(29_999), key(2, DAY_MS))
        );
        assert!(line.may_go(at(30_000), key(2, DAY_MS)));
        assert_eq!(wake(&line, at(0), &[key(2, DAY_MS)]), Some(Duration::from_secs(30)));
        // What falls due before has its last call before.
        assert!(line.may_go(at(5_000), key(3, 25_000)));
        assert_eq!(
            line.possible_from_ms(at(0)),
            Some(501),
            "what falls due by then has no room for a call"
        );
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
        let wake = wake(&line, at(200_000), &[key(1, due)]).unwrap();
        assert!(wake <= Duration::from_millis(280_000), "{wake:?}");
        assert!(line.may_go(at(280_000), key(1, due)));
    }

    #[test]
    fn a_delivery_that_is_gone_shows_nothing_of_the_endpoint() {
        let mut line = Line::new(&options(), 3);
        for sequence in 1..=3 {
            line.started(Sequence(sequence));
        }
        for sequence in 1..=3 {
            line.ended(at(0), key(sequence, DAY_MS), FAILED);
        }
        assert!(line.may_go(at(4_000), key(4, DAY_MS)));
        line.started(Sequence(4));
        line.ended(at(4_000), key(4, DAY_MS), Ended::Gone);
        assert_eq!((line.breaker().state(), line.breaker().failures()), (BreakerState::Open, 3));
        assert!(!line.may_go(at(0), key(5, DAY_MS)), "it is held back as before");
        assert!(line.may_go(at(4_000), key(5, DAY_MS)), "and another is the probe");
        assert_eq!(line.last_failure(), Some((PushFault::TimedOut, 0)));
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

    #[test]
    fn a_party_that_asks_for_years_is_called_again_after_an_hour() {
        let mut line = Line::new(&options(), 3);
        let asked = Some(Duration::from_secs(3 * 365 * 86_400));
        try_one(&mut line, at(0), key(1, -1), failed(asked));
        assert!(!line.may_go(at(3_599_999), key(2, DAY_MS)));
        assert!(line.may_go(at(3_600_000), key(2, DAY_MS)));
        assert!(line.may_go(at(3_600_000), key(1, -1)));
    }

    #[test]
    fn the_due_instant_of_one_delivery_does_not_cut_what_the_party_asked_for() {
        let mut line = Line::new(&options(), 3);
        let asked = Some(Duration::from_secs(1_800));
        try_one(&mut line, at(0), key(1, 60_000), failed(asked));
        assert!(line.may_go(at(40_000), key(1, 60_000)), "its own last call");
        for ms in [40_000, 60_000, 1_799_999] {
            assert!(!line.may_go(at(ms), key(2, DAY_MS)), "{ms}");
        }
        assert!(line.may_go(at(1_800_000), key(2, DAY_MS)));
    }

    #[test]
    fn a_success_beside_it_ends_the_breakers_wait_and_not_what_the_party_asked_for() {
        let mut line = Line::new(&options(), 3);
        for sequence in 1..=4 {
            line.started(Sequence(sequence));
        }
        for sequence in 1..=2 {
            line.ended(at(0), key(sequence, DAY_MS), FAILED);
        }
        line.ended(at(0), key(3, DAY_MS), failed(Some(Duration::from_secs(30))));
        assert_eq!(line.breaker().state(), BreakerState::Open);
        line.ended(at(1), key(4, DAY_MS), Ended::Settled);
        assert_eq!(line.breaker().state(), BreakerState::Closed);
        assert!(!line.may_go(at(29_999), key(5, DAY_MS)), "it asked to be left alone");
        assert!(line.may_go(at(30_000), key(5, DAY_MS)));
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

    /// A worker's queue, with the line that it works by.
    struct Model {
        line: Line,
        queue: BTreeSet<QueueKey>,
        on_their_way: Vec<QueueKey>,
    }

    impl Model {
        /// The delivery that would go out at a time.
        fn next(&self, now: Moment) -> Option<QueueKey> {
            if self.line.room() == 0 {
                return None;
            }
            self.first_from(self.line.possible_from_ms(now).unwrap_or(i64::MIN), |key| {
                self.line.may_go(now, key)
            })
        }

        /// The first that is not on its way.
        fn first_from(&self, ms: i64, is_it: impl Fn(QueueKey) -> bool) -> Option<QueueKey> {
            let mut from = self.queue.range(key(0, ms)..);
            from.find(|key| !self.on_their_way.contains(key) && is_it(**key)).copied()
        }

        fn wake(&self, now: Moment) -> Option<Duration> {
            let is_free = |key| self.queue.contains(&key) && !self.on_their_way.contains(&key);
            self.line.wake(now, is_free, |from_ms, is_it| self.first_from(from_ms, is_it))
        }
    }

    /// Time goes on, a delivery comes that falls due so long after, and one on its way ends.
    fn any_step() -> impl Strategy<Value = (i64, i64, Option<Ended>)> {
        let pass = prop_oneof![0..3_000_i64, 0..100_000_i64];
        let due = prop_oneof![-1_000..30_000_i64, 0..DAY_MS];
        let asked = prop_oneof![2 => Just(None), 1 => (0..200_000_u64).prop_map(Some)];
        let ended = prop_oneof![
            3 => asked.prop_map(|asked| failed(asked.map(Duration::from_millis))),
            1 => Just(Ended::Ours),
            1 => Just(Ended::Settled),
            1 => Just(Ended::Gone),
        ];
        (pass, due, prop::option::weighted(0.9, ended))
    }

    proptest! {
        /// The worker neither turns without end nor oversleeps.
        #[test]
        fn the_next_look_is_when_something_can_go_out_and_not_before(
            seed: u64,
            steps in prop::collection::vec((any_step(), 0..1_000_i64), 1..80),
        ) {
            let line = Line::new(&options(), seed);
            let mut model = Model { line, queue: BTreeSet::new(), on_their_way: Vec::new() };
            let mut ms = 0;
            for (number, ((pass, due, ended), part)) in (1..).zip(steps) {
                ms += pass;
                model.queue.insert(key(number, ms + due));
                let end = ended.filter(|_| !model.on_their_way.is_empty());
                if let Some(end) = end {
                    let key = model.on_their_way.remove(0);
                    model.line.ended(at(ms), key, end);
                    if end == Ended::Settled || end == Ended::Gone {
                        model.queue.remove(&key);
                    }
                }
                while let Some(key) = model.next(at(ms)) {
                    model.line.started(key.sequence);
                    model.on_their_way.push(key);
                }
                let wake = model.wake(at(ms)).map(|wake| i64::try_from(wake.as_millis()).unwrap());
                prop_assert!(wake.is_none_or(|wake| wake > ms), "again at once, at {ms}");
                let until = wake.unwrap_or(ms + 3 * DAY_MS);
                let between = ms + (until - 1 - ms) * part / 1_000;
                prop_assert_eq!(model.next(at(between)), None, "at {} of {}", between, until);
                if wake.is_some() {
                    prop_assert!(model.next(at(until)).is_some(), "nothing at {until}");
                }
            }
        }

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
                line.ended(now, key, failed(Some(asked).filter(|a| !a.is_zero())));
                if now.wall_ms < run.due_ms {
                    last_before_due = Some(now.wall_ms);
                }
                let next = wake(&line, now, &[]).unwrap();
                let left = run.due_ms - now.wall_ms;
                let wait = i64::try_from(next.as_millis()).unwrap() - now.wall_ms;
                prop_assert!(wait >= 0);
                if left > 500 {
                    prop_assert!(wait < left, "planned {wait} ms ahead, due in {left} ms");
                    let asked_ms = (asked.as_millis() as i64).min(HOUR_MS);
                    prop_assert!(asked_ms >= left || wait >= asked_ms);
                } else {
                    prop_assert!(wait <= HOUR_MS);
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
