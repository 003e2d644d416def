//! Clocks: the hops of a case whose terms run, and where the time of one went.

use jiff::Timestamp;

use super::Plan;
use crate::domain::act::{Act, Actor};
use crate::domain::case::{Case, HopRun, HopState};
use crate::domain::ids::{CaseId, HopId, Sequence};
use crate::domain::party::PartyNumber;
use crate::domain::term::Source;

/// A hop whose term runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Clock {
    /// The case.
    pub case: CaseId,
    /// The place of the hop's run in the case, from zero.
    pub place: u8,
    /// The hop.
    pub hop: HopId,
    /// The instant the law counts from.
    pub opened_at: Timestamp,
    /// The due instant.
    pub due_at: Timestamp,
    /// The party that must act, or take the delivery.
    pub duty: PartyNumber,
    /// True when the act is done and on its way.
    pub carried: bool,
}

/// Where the time of a clock went, in milliseconds. The three add up to the whole of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Attribution {
    /// With the party that had to act.
    pub with_party_ms: u64,
    /// In the bus: while it was down or stood still.
    pub in_bus_ms: u64,
    /// Waiting for the receiver's system to take what was sent.
    pub awaiting_ms: u64,
}

/// A time in which the bus was away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outage {
    /// Its record.
    pub sequence: Sequence,
    /// From when.
    pub from: Timestamp,
    /// Until when.
    pub until: Timestamp,
}

/// A clock that had run out and has come to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LateDischarge {
    /// The clock, as it ran.
    pub clock: Clock,
    /// When it was done, in law; earlier than the due instant when it was only told late.
    pub done_at: Timestamp,
    /// Working days by which it was late.
    pub days: u16,
}

/// The running clocks of a case, by their places. A branch is a right and has none; the applicant
/// is no party; one act that carries several hops to a receiver is one delivery with one clock.
pub fn clocks(case: &Case) -> impl Iterator<Item = Clock> {
    case.hops.iter().enumerate().filter_map(move |(place, run)| {
        let place = u8::try_from(place).ok()?;
        let clock = clock_of(case.id, place, run)?;
        let is_same = |other: &HopRun| other.state == run.state && other.due.is_some();
        let told = clock.carried && case.hops.iter().take(usize::from(place)).any(is_same);
        (!told).then_some(clock)
    })
}

fn clock_of(case: CaseId, place: u8, run: &HopRun) -> Option<Clock> {
    let due = run.due.as_ref().filter(|_| !run.branch && run.from != Actor::Applicant)?;
    let (duty, carried) = match &run.state {
        HopState::Open => (run.holder, false),
        HopState::Carried { to, .. } => (*to, true),
        HopState::Done { .. } | HopState::Withdrawn { .. } | HopState::Ended { .. } => return None,
    };
    let (hop, opened_at, due_at) = (run.hop, run.opened_at, due.instant);
    Some(Clock { case, place, hop, opened_at, due_at, duty, carried })
}

/// The clocks of a case that had run out by `now` and that an event brought to their end: the
/// party acted, or its hop ended undone; or the receiver took what was sent in time.
pub fn late_discharges(
    before: &Case,
    after: &Case,
    now: Timestamp,
    plan: Plan<'_>,
) -> Vec<LateDischarge> {
    let ended = |clock: Clock| {
        let run = after.hops.get(usize::from(clock.place))?;
        let done_at = match (&run.state, clock.carried) {
            (HopState::Open, _) | (HopState::Carried { .. }, true) => return None,
            (
                HopState::Carried { acted, .. }
                | HopState::Done { acted, .. }
                | HopState::Withdrawn { acted, .. },
                false,
            ) => acted.at,
            // What was sent too late was closed when it was sent.
            (HopState::Done { acted, .. } | HopState::Withdrawn { acted, .. }, true)
                if acted.at >= clock.due_at =>
            {
                return None;
            }
            (HopState::Done { .. } | HopState::Withdrawn { .. } | HopState::Ended { .. }, true) => {
                now
            }
            (HopState::Ended { ended }, false) => ended.at,
        };
        let days = plan.days_late(&clock, done_at);
        Some(LateDischarge { clock, done_at, days })
    };
    clocks(before).filter(|clock| clock.due_at <= now).filter_map(ended).collect()
}

/// Where the time of a hop went until `until`: while it was open it lay with the party that had to
/// act, then with the receiver; what an outage covers lay in the bus.
pub fn attribution(run: &HopRun, until: Timestamp, outages: &[Outage]) -> Attribution {
    let opened = run.opened_at.min(until);
    let acted = run.acted().map_or(until, |acted| acted.at.clamp(opened, until));
    let (with_party, first) = apart(opened, acted, outages);
    let (awaiting, second) = apart(acted, until, outages);
    Attribution {
        with_party_ms: with_party,
        in_bus_ms: first.saturating_add(second),
        awaiting_ms: awaiting,
    }
}

/// The milliseconds of a span outside the outages, and those inside them.
fn apart(from: Timestamp, until: Timestamp, outages: &[Outage]) -> (u64, u64) {
    let (from, until) = (from.as_millisecond(), until.as_millisecond());
    let mut inside = 0;
    // Outages are in the order of time and do not overlap.
    for outage in outages {
        let start = outage.from.as_millisecond().max(from);
        let end = outage.until.as_millisecond().min(until);
        inside += u64::try_from(end.saturating_sub(start)).unwrap_or(0);
    }
    let whole = u64::try_from(until.saturating_sub(from)).unwrap_or(0);
    (whole.saturating_sub(inside), inside.min(whole))
}

/// Who sent what a clock runs on: the party whose act or receipt opened the hop, or for a delivery
/// the party that acted. None where the applicant did.
pub(super) fn sender(case: &Case, clock: &Clock) -> Option<PartyNumber> {
    let run = case.hops.get(usize::from(clock.place))?;
    if clock.carried {
        return Some(run.holder);
    }
    let opened = |other: &&HopRun| {
        let acted = other.acted().is_some_and(|acted| acted.sequence == run.opened_by);
        let received = other.received();
        acted || received.is_some_and(|receipt| receipt.moment.sequence == run.opened_by)
    };
    let opener = case.hops.iter().find(opened)?;
    Some(opener.holder)
}

/// What a notice says of a clock's hop.
pub(super) fn facts(case: &Case, clock: &Clock) -> Option<(Act, Source)> {
    let run = case.hops.get(usize::from(clock.place))?;
    Some((run.act, run.source))
}
