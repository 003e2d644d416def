//! When a delivery that was not taken is tried again. Pure: time and randomness come in as values.

use std::time::Duration;

use super::Moment;

/// A delivery that falls due within this time is treated as due: there is no room for another
/// attempt that would end before.
const AS_GOOD_AS_DUE: Duration = Duration::from_millis(500);

/// The longest that a party may ask to be left alone, as its contract says. One that asks again
/// gets it again; one that asked for years by mistake is not cut off for years.
const LONGEST_ASKED: Duration = Duration::from_secs(3_600);

/// How long to wait after a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backoff {
    /// The limit of the first wait.
    pub base: Duration,
    /// The limit of any.
    pub max: Duration,
}

impl Backoff {
    /// The longest wait after so many failures in a row: the base, doubled with each, up to the max.
    pub fn limit(self, failures: u32) -> Duration {
        let doublings = failures.saturating_sub(1).min(31);
        self.base.saturating_mul(1 << doublings).min(self.max)
    }

    /// A wait by full jitter: any up to the limit, equally likely, so that parties that failed
    /// together do not come back together.
    pub fn wait(self, failures: u32, chance: &mut Chance) -> Duration {
        let limit = self.limit(failures).as_millis();
        Duration::from_millis(chance.below(u64::try_from(limit).unwrap_or(u64::MAX)))
    }
}

/// Randomness that a seed repeats (SplitMix64; Steele, Lea, Flood 2014).
#[derive(Debug, Clone)]
pub struct Chance(u64);

impl Chance {
    /// The chance of a seed.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    }

    /// A number up to a bound, the bound included.
    fn below(&mut self, bound: u64) -> u64 {
        let span = u128::from(bound) + 1;
        let scaled = (u128::from(self.next()) * span) >> 64;
        u64::try_from(scaled).unwrap_or(bound)
    }
}

/// What keeps a delivery, or all of a party, from being tried.
///
/// Two things end it: its own time, and for each delivery that is yet to fall due a call before
/// that. It is judged delivery by delivery, so what falls due soon opens the way to nothing else;
/// and where the machine's clock jumps ahead the call is made when that shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Hold {
    /// When it ends by itself, on the steady clock.
    at: Duration,
    /// When the last failure was, in Unix milliseconds.
    since_ms: i64,
    /// Before when the party does not want to be called, in Unix milliseconds.
    asked_ms: i64,
}

impl Hold {
    /// The hold after a failure: `wait`, but at least what the party asked for, as far as that is
    /// heeded.
    pub(super) fn new(now: Moment, wait: Duration, asked: Duration) -> Self {
        let asked = asked.min(LONGEST_ASKED);
        let at = now.steady.saturating_add(wait.max(asked));
        Self { at, since_ms: now.wall_ms, asked_ms: now.wall_ms.saturating_add(millis(asked)) }
    }

    /// Both holds in one: the later end, and the later of what the party asked for.
    pub(super) fn and(self, other: Self) -> Self {
        Self {
            at: self.at.max(other.at),
            since_ms: self.since_ms.max(other.since_ms),
            asked_ms: self.asked_ms.max(other.asked_ms),
        }
    }

    /// The same hold after another failure, which made the calls that were to come by now.
    pub(super) fn tried(self, now: Moment) -> Self {
        Self { since_ms: self.since_ms.max(now.wall_ms), ..self }
    }

    /// When a delivery due at `due_ms` gets past, on the steady clock: not after now when it does
    /// already. `lead` is how long before the due instant its last call is to begin.
    pub(super) fn opens(self, now: Moment, due_ms: i64, lead: Duration) -> Duration {
        match self.call_ms(due_ms, lead) {
            Some(call_ms) => self.at.min(now.steady.saturating_add(until(now, call_ms))),
            None => self.at,
        }
    }

    /// Whether a delivery due at `due_ms` gets past.
    pub(super) fn is_open(self, now: Moment, due_ms: i64, lead: Duration) -> bool {
        self.opens(now, due_ms, lead) <= now.steady
    }

    /// The due instants that [`Self::opens`] is told for: from the first on there is a call before
    /// the due instant, and up to the second and from it on a later due instant opens no earlier.
    pub(super) fn called_from_ms(self, lead: Duration) -> [i64; 2] {
        let after = [AS_GOOD_AS_DUE, lead.max(AS_GOOD_AS_DUE)];
        after.map(|after| self.since_ms.saturating_add(millis(after)).saturating_add(1))
    }

    /// The call before the due instant, if there is room for one after the last failure. Within the
    /// lead it comes when half of what is left has passed, so there is an end to them.
    fn call_ms(self, due_ms: i64, lead: Duration) -> Option<i64> {
        let (left_ms, lead_ms) = (due_ms.saturating_sub(self.since_ms), millis(lead));
        if left_ms <= millis(AS_GOOD_AS_DUE) {
            return None;
        }
        let wait_ms = if left_ms > lead_ms { left_ms - lead_ms } else { left_ms / 2 };
        let call_ms = self.since_ms.saturating_add(wait_ms);
        Some(if self.asked_ms < due_ms { call_ms.max(self.asked_ms) } else { call_ms })
    }
}

/// How long it is until a time of the wall clock; nothing when it has passed.
fn until(now: Moment, at_ms: i64) -> Duration {
    let left = at_ms.saturating_sub(now.wall_ms);
    Duration::from_millis(u64::try_from(left).unwrap_or_default())
}

pub(super) fn millis(time: Duration) -> i64 {
    i64::try_from(time.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const LEAD: Duration = Duration::from_secs(20);
    const NONE: Duration = Duration::ZERO;

    fn at(ms: i64) -> Moment {
        Moment { steady: Duration::from_millis(ms.unsigned_abs()), wall_ms: 1_700_000_000_000 + ms }
    }

    fn due(ms: i64) -> i64 {
        1_700_000_000_000 + ms
    }

    fn seconds(count: u64) -> Duration {
        Duration::from_secs(count)
    }

    #[test]
    fn the_limit_doubles_from_the_base_to_the_max() {
        let backoff = Backoff { base: seconds(1), max: seconds(10) };
        let limits = [0, 1, 2, 3, 4, 5, 6, 99, u32::MAX].map(|failures| backoff.limit(failures));
        assert_eq!(limits, [1, 1, 2, 4, 8, 10, 10, 10, 10].map(seconds));
    }

    #[test]
    fn a_seed_repeats_its_waits_and_another_seed_does_not() {
        let backoff = Backoff { base: seconds(1), max: seconds(300) };
        let waits = |seed| {
            let mut chance = Chance::new(seed);
            (1..20).map(|failures| backoff.wait(failures, &mut chance)).collect::<Vec<_>>()
        };
        assert_eq!(waits(7), waits(7));
        assert_ne!(waits(7), waits(8));
    }

    /// Far from its due instant a delivery waits as the backoff says; nearer, its last call comes
    /// first; within the lead half of what is left; after it, as the backoff says again.
    #[test]
    fn the_due_instant_bounds_the_wait() {
        for (left_ms, wait_s, planned_ms) in [
            (3_600_000, 60, 60_000),
            (60_000, 300, 40_000),
            (60_000, 41, 40_000),
            (20_001, 300, 1),
            (20_000, 300, 10_000),
            (20_000, 3, 3_000),
            (800, 300, 400),
            (500, 300, 300_000),
            (0, 300, 300_000),
            (-1_000, 300, 300_000),
        ] {
            let hold = Hold::new(at(0), seconds(wait_s), NONE);
            let planned = hold.opens(at(0), due(left_ms), LEAD);
            assert_eq!(planned, Duration::from_millis(planned_ms), "{left_ms} {wait_s}");
        }
    }

    #[test]
    fn what_the_party_asks_for_is_waited_for_unless_the_delivery_falls_due_before() {
        let ask = |left_ms, asked_s| {
            let hold = Hold::new(at(0), NONE, seconds(asked_s));
            hold.opens(at(0), due(left_ms), LEAD).as_millis()
        };
        assert_eq!(ask(3_600_000, 30), 30_000);
        assert_eq!(ask(60_000, 50), 50_000, "within the lead, and before due");
        assert_eq!(ask(60_000, 61), 40_000, "beyond due: the last call comes first");
        assert_eq!(ask(-1, 30), 30_000, "due already");
        assert_eq!(ask(-1, 3_600), 3_600_000);
        assert_eq!(ask(-1, u64::MAX), 3_600_000, "an hour is the longest");
    }

    #[test]
    fn a_clock_that_jumps_ahead_brings_the_last_call_and_one_that_jumps_back_delays_nothing() {
        let hold = Hold::new(at(0), seconds(300), NONE);
        let later = |ms| Moment { steady: seconds(1), wall_ms: due(ms) };
        assert!(!hold.is_open(later(1_000), due(3_600_000), LEAD));
        assert!(hold.is_open(later(3_590_000), due(3_600_000), LEAD), "within the lead");
        assert!(hold.is_open(later(9_000_000), due(3_600_000), LEAD), "past due");
        let back = Moment { steady: seconds(300), wall_ms: due(-86_400_000) };
        assert!(hold.is_open(back, due(3_600_000), LEAD));
    }

    /// A call that failed has shown that nobody answers: the others due at the same time do not each
    /// try it again, but one does when half of what is left has passed.
    #[test]
    fn of_those_due_together_one_makes_the_call() {
        let before = Hold::new(at(0), seconds(300), NONE);
        assert!(before.is_open(at(30_000), due(50_000), LEAD));
        assert!(!before.is_open(at(29_999), due(50_000), LEAD));
        for after in [before.tried(at(30_000)), Hold::new(at(30_000), seconds(300), NONE)] {
            assert!(!after.is_open(at(39_999), due(50_000), LEAD));
            assert!(after.is_open(at(40_000), due(50_000), LEAD));
            assert!(!after.is_open(at(40_000), due(90_000), LEAD), "it opens the way to no other");
        }
        let asked = Hold::new(at(0), NONE, seconds(45)).tried(at(30_000));
        assert!(
            !asked.is_open(at(44_999), due(50_000), LEAD) && asked.is_open(at(45_000), 0, LEAD)
        );
    }

    proptest! {
        #[test]
        fn a_wait_is_within_its_limit(
            seed: u64,
            failures in 0..100_u32,
            base in 1..60_000_u64,
            more in 0..3_600_000_u64,
        ) {
            let base = Duration::from_millis(base);
            let backoff = Backoff { base, max: base + Duration::from_millis(more) };
            let wait = backoff.wait(failures, &mut Chance::new(seed));
            prop_assert!(wait <= backoff.limit(failures));
            prop_assert!(backoff.limit(failures) <= backoff.max);
            prop_assert!(backoff.limit(failures) >= backoff.base);
        }

        #[test]
        fn waits_reach_from_nothing_to_the_limit(seed: u64) {
            let backoff = Backoff { base: seconds(1), max: seconds(1) };
            let mut chance = Chance::new(seed);
            let waits: Vec<_> = (0..400).map(|_| backoff.wait(1, &mut chance)).collect();
            prop_assert!(waits.iter().any(|wait| wait.as_millis() < 100));
            prop_assert!(waits.iter().any(|wait| wait.as_millis() > 900));
        }

        #[test]
        fn no_retry_is_planned_past_due_nor_before_what_the_party_asked_for(
            left_ms in prop_oneof![-100_000_000..100_000_000_i64, -1_000..200_000_i64],
            wait_ms in prop_oneof![0..10_000_000_u64, 0..200_000_u64],
            asked_ms in prop_oneof![Just(0), 0..10_000_000_u64, 0..200_000_u64],
            lead_ms in 1_000..120_000_u64,
        ) {
            let (wait, asked) = (Duration::from_millis(wait_ms), Duration::from_millis(asked_ms));
            let lead = Duration::from_millis(lead_ms);
            let hold = Hold::new(at(0), wait, asked);
            let asked = asked.min(LONGEST_ASKED);
            let planned = hold.opens(at(0), due(left_ms), lead);
            let left = Duration::from_millis(u64::try_from(left_ms).unwrap_or_default());
            if left > AS_GOOD_AS_DUE {
                prop_assert!(planned < left, "past due");
                if asked < left {
                    prop_assert!(planned >= asked, "before what was asked for");
                }
                let half = Duration::from_millis(left_ms.unsigned_abs() / 2);
                prop_assert!(left > lead || planned >= asked.min(half) || planned >= wait);
            } else {
                prop_assert_eq!(planned, wait.max(asked), "after due the backoff alone decides");
            }
            prop_assert!(planned <= wait.max(asked));
        }

        /// Whenever somebody looks, and however often: the retry comes when its time is there, and
        /// before the due instant while the steady and the wall clock agree.
        #[test]
        fn looking_does_not_put_a_retry_off(
            left_ms in 1_000..1_000_000_i64,
            wait_ms in 0..2_000_000_u64,
            looks in prop::collection::vec(0..1_000_000_i64, 0..20),
        ) {
            let hold = Hold::new(at(0), Duration::from_millis(wait_ms), NONE);
            let first = hold.opens(at(0), due(left_ms), LEAD);
            for look in looks {
                prop_assert_eq!(hold.opens(at(look), due(left_ms), LEAD).min(first), first);
                let is_time = at(look).steady >= first;
                prop_assert_eq!(hold.is_open(at(look), due(left_ms), LEAD), is_time);
            }
        }

        /// Whoever looks for the next call needs to look at two deliveries only.
        #[test]
        fn a_later_due_instant_opens_no_earlier_but_at_the_lead(
            wait_ms in 0..2_000_000_u64,
            asked_ms in prop_oneof![Just(0), 0..100_000_u64],
            lead_ms in 1_000..120_000_u64,
            dues in [-10_000..200_000_i64, -10_000..200_000],
        ) {
            let (wait, asked) = (Duration::from_millis(wait_ms), Duration::from_millis(asked_ms));
            let lead = Duration::from_millis(lead_ms);
            let hold = Hold::new(at(0), wait, asked);
            let [first, second] = hold.called_from_ms(lead);
            let (early, late) = (due(dues[0].min(dues[1])), due(dues[0].max(dues[1])));
            let [opens_early, opens_late] = [early, late].map(|due| hold.opens(at(0), due, lead));
            if late < first {
                prop_assert_eq!(opens_late, wait.max(asked));
            } else if early >= first && (early >= second) == (late >= second) {
                prop_assert!(opens_early <= opens_late);
            }
        }
    }
}
