//! Whether what waits will reach its receivers in time, as far as can be told now.
//!
//! A warning must not wait for the next rung: a receiver that has been away for as long as there is
//! time left, whose next attempt lies behind the due instant, or who takes fewer deliveries than
//! are due before, is told of at once. The judgement is a function of values; what it rests on is
//! looked at every few seconds.

use std::collections::HashMap;

use crate::domain::CaseId;
use crate::domain::Sequence;
use crate::domain::ladder::Impediment;
use crate::domain::party::PartyNumber;
use crate::engine::{Clock, Warning};
use crate::index::{IndexError, QueuedDelivery};

use super::Dispatch;

/// A receiver that is away for less is not spoken of: systems are restarted.
const MIN_AWAY_MS: i64 = 15 * 60 * 1000;
/// Deliveries of a party that are judged at once; what lies behind them is due later.
const MAX_JUDGED: usize = 1_024;
/// How long a warning counts as told, in milliseconds. The engine says each once, and does not say
/// what became of one; so it is brought again, in case it could not be recorded.
const TOLD_MS: i64 = 10 * 60 * 1000;
/// Acknowledgements before a receiver's pace is known.
const MIN_SETTLED: u64 = 32;

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
}

/// Which of the first deliveries of a queue, in their order, will not arrive in time, and why.
pub fn judge(
    receiver: Receiver,
    waiting: &[Waiting],
    now_ms: i64,
) -> impl Iterator<Item = (Waiting, Impediment)> {
    waiting.iter().enumerate().filter_map(move |(before, one)| {
        let left_ms = one.due_ms?.saturating_sub(now_ms);
        let why = if left_ms <= 0 {
            None
        } else if receiver.away_ms >= MIN_AWAY_MS && receiver.away_ms >= left_ms {
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
    receivers: HashMap<PartyNumber, Seen>,
    /// Warned of, and until when that counts as told.
    warned: HashMap<(PartyNumber, Sequence), i64>,
}

#[derive(Debug, Clone, Copy)]
struct Seen {
    /// When a system of it was there last.
    there_ms: i64,
    /// Acknowledgements counted, and in which time.
    settled: u64,
    in_ms: i64,
    /// Acknowledgements when it was looked at last, and when that was.
    last: (u64, i64),
}

impl Outlook {
    /// An outlook by this clock that has seen nothing yet.
    pub fn new(clock: &Clock) -> Self {
        let knows_pace = !clock.is_sandbox();
        Self { knows_pace, receivers: HashMap::new(), warned: HashMap::new() }
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
        let mut warnings = Vec::new();
        for party in parties {
            let queued = dispatch.shared.index.deliveries(party, None, MAX_JUDGED)?;
            let presence = dispatch.presence(party);
            let receiver = self.receiver(party, presence, !queued.is_empty(), now_ms);
            let waiting: Vec<_> = queued.iter().map(waiting_of).collect();
            for (one, impediment) in judge(receiver, &waiting, now_ms) {
                if self.is_news((party, one.delivery), now_ms) {
                    let Waiting { case, delivery, due_ms: _ } = one;
                    warnings.push(Warning { party, case, delivery, impediment });
                }
            }
        }
        Ok(warnings)
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
        is_busy: bool,
        now_ms: i64,
    ) -> Receiver {
        let Presence { is_there, settled, next_attempt_ms } = presence;
        let new = Seen { there_ms: now_ms, settled: 0, in_ms: 0, last: (settled, now_ms) };
        let seen = self.receivers.entry(party).or_insert(new);
        let (settled_before, at_ms) = std::mem::replace(&mut seen.last, (settled, now_ms));
        if is_there {
            seen.there_ms = now_ms;
            // A pace is what it takes while something waits, not what there is to take.
            if is_busy {
                seen.settled += settled.saturating_sub(settled_before);
                seen.in_ms += now_ms.saturating_sub(at_ms);
            }
            // Old times count less and less.
            if seen.settled > 64 * MIN_SETTLED {
                (seen.settled, seen.in_ms) = (seen.settled / 2, seen.in_ms / 2);
            }
        }
        let is_known = self.knows_pace && seen.settled >= MIN_SETTLED && seen.in_ms > 0;
        let per_second = is_known.then(|| seen.settled as f64 * 1000.0 / seen.in_ms as f64);
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

fn waiting_of(queued: &QueuedDelivery) -> Waiting {
    let QueuedDelivery { key, case, mark } = *queued;
    Waiting { due_ms: mark.map(|mark| mark.due_ms), case, delivery: key.sequence }
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
        };
        dues.iter().enumerate().map(one).collect()
    }

    fn warned(receiver: Receiver, dues: &[i64], now_ms: i64) -> Vec<(u64, Impediment)> {
        let waiting = waiting(dues);
        judge(receiver, &waiting, now_ms).map(|(one, why)| (one.delivery.0, why)).collect()
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
    fn what_has_run_out_or_has_no_term_is_not_warned_of() {
        let away = Receiver { away_ms: i64::MAX, ..THERE };
        assert_eq!(warned(away, &[0, 1], 1), []);
        let free = Waiting { due_ms: None, case: CaseId([1; 16]), delivery: Sequence(1) };
        assert_eq!(judge(away, &[free], 0).count(), 0);
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
