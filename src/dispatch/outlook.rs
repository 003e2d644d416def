//! Whether what waits will reach its receivers in time, as far as can be told now.
//!
//! A warning must not wait for the next rung: a receiver that has been away, or has taken nothing, for
//! as long as there is time left, whose next attempt lies behind the due instant, or who takes fewer
//! deliveries than are due before, is told of at once. The judgement is a function of values; what it
//! rests on is looked at every few seconds.

mod looks;
mod pace;

use std::collections::HashMap;

use crate::domain::CaseId;
use crate::domain::Sequence;
use crate::domain::ladder::Impediment;
use crate::domain::party::PartyNumber;
use crate::engine::{Clock, Warning};
use crate::index::{IndexError, QueueKey, QueuedDelivery};
use looks::Looks;
use pace::Pace;

use super::Dispatch;

/// A receiver that is away for less is not spoken of: systems are restarted.
const MIN_AWAY_MS: i64 = 15 * 60 * 1000;
/// Deliveries of a party that are read at once.
const PAGE: usize = 1_024;
/// Deliveries of a party that are judged, and as many that were to be taken before are counted.
const MAX_JUDGED: usize = 65_536;
/// Warnings of a party in one look; the next look has more.
const MAX_WARNINGS: usize = 1_024;
/// How long a warning counts as told, in milliseconds. The engine says each once, and does not say
/// what became of one; so it is brought again, in case it could not be recorded.
const TOLD_MS: i64 = 10 * 60 * 1000;

/// How a receiver does.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Receiver {
    /// For how long no system of it has been there, in milliseconds; zero while one is.
    pub away_ms: i64,
    /// When the bus will call it next, where it does and must wait, in Unix milliseconds.
    pub next_attempt_ms: Option<i64>,
    /// What it takes in a second, where that is known.
    pub per_second: Option<f64>,
}

/// A delivery that waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Waiting {
    /// The due instant in Unix milliseconds; none where nothing runs out.
    pub due_ms: Option<i64>,
    /// The case.
    pub case: CaseId,
    /// The act.
    pub delivery: Sequence,
    /// For how long it has waited and its receiver, or the system that has it, has taken nothing, in
    /// milliseconds.
    pub untaken_ms: i64,
}

/// Which deliveries, in the order of their queue and behind so many others, will not arrive in time,
/// and why.
pub fn judge(
    receiver: Receiver,
    before: usize,
    waiting: &[Waiting],
    now_ms: i64,
) -> impl Iterator<Item = (Waiting, Impediment)> {
    (before..).zip(waiting).filter_map(move |(before, one)| {
        let left_ms = one.due_ms?.saturating_sub(now_ms);
        let away_ms = receiver.away_ms.max(one.untaken_ms);
        let why = if left_ms <= 0 {
            None
        } else if away_ms >= MIN_AWAY_MS && away_ms >= left_ms {
            Some(Impediment::Unreachable)
        } else if receiver
            .next_attempt_ms
            .is_some_and(|next| next >= now_ms.saturating_add(left_ms))
        {
            Some(Impediment::RetryTooLate)
        } else {
            receiver.per_second.filter(|pace| takes_ms(before, *pace) > left_ms as f64)?;
            Some(Impediment::Backlog)
        };
        why.map(|why| (*one, why))
    })
}

/// How long a receiver takes for a delivery and those before it.
fn takes_ms(before: usize, per_second: f64) -> f64 {
    (before as f64 + 1.0) / per_second.max(f64::MIN_POSITIVE) * 1000.0
}

/// What has been seen of the receivers, and of what has been warned.
#[derive(Debug)]
pub struct Outlook {
    /// Whether the clock tells how fast a receiver is. One that is moved by hand does not.
    knows_pace: bool,
    looks: Looks,
    receivers: HashMap<PartyNumber, Seen>,
    /// Warned of, and until when that counts as told.
    warned: HashMap<(PartyNumber, Sequence), i64>,
}

#[derive(Debug)]
struct Seen {
    /// When a system of it was there last.
    there_ms: i64,
    /// Acknowledgements when it was looked at last.
    settled: u64,
    /// When there were more of them last, or nothing waited, in the time of the looks.
    taken_ms: i64,
    pace: Pace,
    /// The streams that have deliveries: how many each has taken, and since when it has taken no
    /// more, in the time of the looks.
    streams: HashMap<u64, (u64, i64)>,
}

impl Seen {
    fn new(now_ms: i64, settled: u64, taken_ms: i64) -> Self {
        let (pace, streams) = (Pace::default(), HashMap::new());
        Self { there_ms: now_ms, settled, taken_ms, pace, streams }
    }

    /// Since when the stream of each delivery that is on lease has taken nothing.
    fn held_since(&mut self, leases: &[StreamLease], looked_ms: i64) -> HashMap<Sequence, i64> {
        let before = std::mem::take(&mut self.streams);
        let since = |lease: &StreamLease| {
            let StreamLease { delivery, stream, taken } = *lease;
            let same = before.get(&stream).filter(|(before, _)| *before == taken);
            let since_ms = same.map_or(looked_ms, |(_, since_ms)| *since_ms);
            self.streams.insert(stream, (taken, since_ms));
            (delivery, since_ms)
        };
        leases.iter().map(since).collect()
    }
}

impl Outlook {
    /// An outlook by this clock that has seen nothing yet.
    pub fn new(clock: &Clock) -> Self {
        let (receivers, warned) = (HashMap::new(), HashMap::new());
        Self { knows_pace: !clock.is_sandbox(), looks: Looks::default(), receivers, warned }
    }

    /// What must be warned of now: each delivery once, and again after a while.
    ///
    /// # Errors
    /// [`IndexError`] if a queue cannot be read.
    pub fn look(
        &mut self,
        dispatch: &Dispatch,
        parties: impl Iterator<Item = PartyNumber>,
        now_ms: i64,
    ) -> Result<Vec<Warning>, IndexError> {
        self.warned.retain(|_, until_ms| *until_ms > now_ms);
        let indexed = dispatch.shared.index.applied().map_or(Sequence(0), |last| last.sequence);
        let step_ms = self.looks.turn(now_ms, indexed);
        let mut warnings = Vec::new();
        for party in parties {
            warnings.extend(self.look_at(dispatch, party, now_ms, step_ms)?);
        }
        Ok(warnings)
    }

    /// What must be warned of in the queue of one party.
    fn look_at(
        &mut self,
        dispatch: &Dispatch,
        party: PartyNumber,
        now_ms: i64,
        step_ms: i64,
    ) -> Result<Vec<Warning>, IndexError> {
        let index = &dispatch.shared.index;
        // Most of what lies behind is overdue, or has no term: it waits before everything else.
        let mut last = QueueKey { order_ms: now_ms, sequence: Sequence(u64::MAX) };
        let mut behind = index.deliveries_upto(party, last, PAGE)?;
        let mut page = index.deliveries(party, Some(last), PAGE)?;
        let is_waiting = !(behind.is_empty() && page.is_empty());
        let receiver = self.receiver(party, dispatch.presence(party), is_waiting, now_ms, step_ms);
        if receiver.per_second.is_some() && behind.len() == PAGE {
            behind = index.deliveries_upto(party, last, MAX_JUDGED)?;
        }
        let held = self.held_since(party, &dispatch.stream_leases(party));
        behind.reverse();
        let mut warnings = Vec::new();
        let mut before = behind.len();
        self.judge_page(party, receiver, (0, &behind), &held, now_ms, &mut warnings);
        // Many may be due at one instant, and are all warned of.
        while self.judge_page(party, receiver, (before, &page), &held, now_ms, &mut warnings)
            && page.len() == PAGE
            && before < 2 * MAX_JUDGED
        {
            last = page.last().map_or(last, |queued| queued.key);
            before += page.len();
            page = index.deliveries(party, Some(last), PAGE)?;
        }
        Ok(warnings)
    }

    /// Judges deliveries in the order of their queue, from a place of it on; true if the last of them
    /// will not arrive in time and there may be more to tell.
    fn judge_page(
        &mut self,
        party: PartyNumber,
        receiver: Receiver,
        (before, page): (usize, &[QueuedDelivery]),
        held: &HashMap<Sequence, i64>,
        now_ms: i64,
        warnings: &mut Vec<Warning>,
    ) -> bool {
        let taken_ms = self.receivers.get(&party).map_or(i64::MAX, |seen| seen.taken_ms);
        let waiting = |queued: &QueuedDelivery| {
            let QueuedDelivery { key, case, mark } = *queued;
            let delivery = key.sequence;
            let since_ms = held.get(&delivery).map_or(taken_ms, |held_ms| taken_ms.min(*held_ms));
            let since_ms = since_ms.max(self.looks.known_ms(delivery));
            let untaken_ms = self.looks.now_ms().saturating_sub(since_ms);
            Waiting { due_ms: mark.map(|mark| mark.due_ms), case, delivery, untaken_ms }
        };
        let waiting: Vec<_> = page.iter().map(waiting).collect();
        let mut last = None;
        for (one, impediment) in judge(receiver, before, &waiting, now_ms) {
            if warnings.len() >= MAX_WARNINGS {
                return false;
            }
            let Waiting { case, delivery, .. } = one;
            last = Some(delivery);
            if self.is_news((party, delivery), now_ms) {
                warnings.push(Warning { party, case, delivery, impediment });
            }
        }
        last.is_some() && last == waiting.last().map(|one| one.delivery)
    }

    fn held_since(&mut self, party: PartyNumber, leases: &[StreamLease]) -> HashMap<Sequence, i64> {
        let looked_ms = self.looks.now_ms();
        let seen = self.receivers.get_mut(&party);
        seen.map_or_else(HashMap::new, |seen| seen.held_since(leases, looked_ms))
    }

    /// Whether a warning must be told now, and notes that it is.
    fn is_news(&mut self, of: (PartyNumber, Sequence), now_ms: i64) -> bool {
        let until_ms = self.warned.get(&of).copied();
        let is_news = until_ms.is_none_or(|until_ms| until_ms <= now_ms);
        if is_news {
            self.warned.insert(of, now_ms.saturating_add(TOLD_MS));
        }
        is_news
    }

    /// These were not told, so that the next look brings them again.
    pub fn untold(&mut self, warnings: &[Warning]) {
        for Warning { party, delivery, .. } in warnings {
            self.warned.remove(&(*party, *delivery));
        }
    }

    fn receiver(
        &mut self,
        party: PartyNumber,
        presence: Presence,
        is_waiting: bool,
        now_ms: i64,
        step_ms: i64,
    ) -> Receiver {
        let Presence { is_there, settled, next_attempt_ms } = presence;
        let looked_ms = self.looks.now_ms();
        let new = || Seen::new(now_ms, settled, looked_ms);
        let seen = self.receivers.entry(party).or_insert_with(new);
        let taken = settled.saturating_sub(std::mem::replace(&mut seen.settled, settled));
        if is_there {
            seen.there_ms = now_ms;
        }
        if taken > 0 || !is_waiting {
            seen.taken_ms = looked_ms;
        }
        seen.pace.step(taken, step_ms, is_there && is_waiting);
        let per_second = seen.pace.per_second().filter(|_| self.knows_pace);
        Receiver { away_ms: now_ms.saturating_sub(seen.there_ms), next_attempt_ms, per_second }
    }
}

/// Whether a party's systems are there, as delivery sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Presence {
    /// One has an open stream that moves, or has fetched since the last look.
    pub(super) is_there: bool,
    /// Acknowledgements since the bus started.
    pub(super) settled: u64,
    /// When the bus will call its endpoint next, where it must wait.
    pub(super) next_attempt_ms: Option<i64>,
}

/// A delivery that is with a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct StreamLease {
    pub(super) delivery: Sequence,
    /// The stream.
    pub(super) stream: u64,
    /// How many the stream has taken.
    pub(super) taken: u64,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MINUTE: i64 = 60_000;
    const THERE: Receiver = Receiver { away_ms: 0, next_attempt_ms: None, per_second: None };

    fn waiting(dues: &[i64]) -> Vec<Waiting> {
        let one = |(at, due_ms): (usize, &i64)| Waiting {
            due_ms: Some(*due_ms),
            case: CaseId([1; 16]),
            delivery: Sequence(at as u64),
            untaken_ms: 0,
        };
        dues.iter().enumerate().map(one).collect()
    }

    fn warned(receiver: Receiver, dues: &[i64], now_ms: i64) -> Vec<(u64, Impediment)> {
        let waiting = waiting(dues);
        judge(receiver, 0, &waiting, now_ms).map(|(one, why)| (one.delivery.0, why)).collect()
    }

    #[test]
    fn a_receiver_away_for_as_long_as_there_is_left_is_warned_of() {
        let away = Receiver { away_ms: 20 * MINUTE, ..THERE };
        let dues = [10 * MINUTE, 20 * MINUTE, 21 * MINUTE];
        let unreachable = Impediment::Unreachable;
        assert_eq!(warned(away, &dues, 0), [(0, unreachable), (1, unreachable)]);
        // A system that is being restarted is not spoken of, however near the end.
        assert_eq!(warned(Receiver { away_ms: 14 * MINUTE, ..THERE }, &dues, 0), []);
    }

    #[test]
    fn an_attempt_planned_for_after_the_due_instant_is_warned_of() {
        let waits = Receiver { next_attempt_ms: Some(100), ..THERE };
        assert_eq!(warned(waits, &[100, 101], 0), [(0, Impediment::RetryTooLate)]);
    }

    #[test]
    fn what_a_receivers_pace_does_not_reach_in_time_is_warned_of() {
        // Two a second: the third is taken after 1.5 seconds.
        let slow = Receiver { per_second: Some(2.0), ..THERE };
        assert_eq!(warned(slow, &[500, 1_000, 1_400, 2_000], 0), [(2, Impediment::Backlog)]);
    }

    #[test]
    fn what_waits_before_the_first_that_is_judged_counts() {
        let slow = Receiver { per_second: Some(2.0), ..THERE };
        let judged = |before| judge(slow, before, &waiting(&[1_000]), 0).count();
        assert_eq!((judged(1), judged(2)), (0, 1));
    }

    #[test]
    fn a_receiver_that_is_there_and_has_taken_nothing_for_as_long_is_warned_of() {
        let judged = |untaken_ms| {
            let one = Waiting { untaken_ms, ..waiting(&[20 * MINUTE])[0] };
            judge(THERE, 0, &[one], 0).next().map(|(_, why)| why)
        };
        assert_eq!(judged(20 * MINUTE - 1), None);
        assert_eq!(judged(20 * MINUTE), Some(Impediment::Unreachable));
    }

    #[test]
    fn what_has_run_out_or_has_no_term_is_not_warned_of() {
        let away = Receiver { away_ms: i64::MAX, ..THERE };
        assert_eq!(warned(away, &[0, 1], 1), []);
        let free = Waiting { due_ms: None, ..waiting(&[0])[0] };
        assert_eq!(judge(away, 0, &[free], 0).count(), 0);
    }

    #[test]
    fn a_warning_is_told_once_and_again_after_a_while() {
        let mut outlook = Outlook::new(&Clock::sandbox(jiff::Timestamp::UNIX_EPOCH));
        let of = (PartyNumber(1), Sequence(1));
        assert!(outlook.is_news(of, 0));
        assert!(!outlook.is_news(of, TOLD_MS - 1));
        assert!(outlook.is_news((PartyNumber(2), Sequence(1)), TOLD_MS - 1));
        // The disk may have been full.
        assert!(outlook.is_news(of, TOLD_MS));
        assert!(!outlook.is_news(of, TOLD_MS + 1));
    }

    proptest! {
        #[test]
        fn a_receiver_that_is_there_and_fast_is_never_warned_of(
            dues in prop::collection::vec(1..1_000_000_i64, 0..50),
        ) {
            let fast = Receiver { per_second: Some(1e9), ..THERE };
            prop_assert_eq!(warned(fast, &dues, 0), []);
        }
    }
}
