//! What an event changes: the case after it, and the difference it makes to the queues.
//!
//! A case's places in the queues are a function of the case alone, [`queued`], and a change of the
//! queues is the difference between two cases. So no event can forget a removal, and what the
//! engine applied on the way is what a rebuild arrives at.

use std::sync::Arc;

use jiff::Timestamp;

use crate::domain::case::{Case, HopRun, HopState};
use crate::domain::event::{ActRecorded, DeliveryAcknowledged, Event, HoldingChange};
use crate::domain::held::{DeliveryHeld, HeldResolved};
use crate::domain::ids::{CaseId, HopId, Sequence};
use crate::domain::ladder::{self};
use crate::domain::party::PartyNumber;

use super::change::removal;
use super::notices::told;
use super::{
    Applied, Change, ClockMark, NoteKind, ObligationKey, QueueKey, QueueOp, QueuedDelivery, QuotaOp,
};

/// A record that does not follow from the ones before it. The journal holds what `decide` made,
/// so this is a broken invariant: repeating is useless, and nothing after the record can be
/// folded either.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FoldError {
    /// A later act or a receipt in a case that no act has opened.
    #[error("record {sequence} continues case {case}, which was never opened")]
    UnknownCase {
        /// The record.
        sequence: Sequence,
        /// The case it names.
        case: CaseId,
    },
    /// A first act in a case that is there already.
    #[error("record {sequence} opens case {case}, which is open already")]
    CaseExists {
        /// The record.
        sequence: Sequence,
        /// The case.
        case: CaseId,
    },
    /// The event was folded into another case than it names.
    #[error("record {sequence} is about case {named}, not about {given}")]
    OtherCase {
        /// The record.
        sequence: Sequence,
        /// The case it names.
        named: CaseId,
        /// The case it was to be folded into.
        given: CaseId,
    },
    /// An act for a hop that is not open.
    #[error("record {sequence} discharges hop {hop} of case {case}, which is not open")]
    HopNotOpen {
        /// The record.
        sequence: Sequence,
        /// The case.
        case: CaseId,
        /// The hop.
        hop: HopId,
    },
    /// A receipt or a holding of a delivery that is not on its way.
    #[error(
        "record {sequence} is about delivery {delivery} of case {case}, which is not on its way"
    )]
    NotOnItsWay {
        /// The record.
        sequence: Sequence,
        /// The case.
        case: CaseId,
        /// The delivery it names.
        delivery: Sequence,
    },
    /// A resolution of a delivery that is not held.
    #[error("record {sequence} resolves delivery {delivery} of case {case}, which is not held")]
    NotHeld {
        /// The record.
        sequence: Sequence,
        /// The case.
        case: CaseId,
        /// The delivery it names.
        delivery: Sequence,
    },
}

/// Folds one event, given the case before it, into the case after it and the changes of the
/// queues. Pure: the engine uses it on the way, the rebuild when reading the journal.
///
/// `at` is the record's time. `before` is none for an enrolment and for the first act of a case.
///
/// # Errors
/// [`FoldError`].
pub fn fold(
    before: Option<&Case>,
    event: &Event,
    applied: Applied,
    at: Timestamp,
) -> Result<Change, FoldError> {
    let sequence = applied.sequence;
    let mut change = Change::nothing(applied);
    let after = match event {
        Event::PartyEnrolled(_)
        | Event::QuotaSet(_)
        | Event::CalendarAmended(_)
        | Event::CalendarSettled(_)
        | Event::Notice(_)
        | Event::NoticeAcknowledged(_)
        | Event::NoticeSent(_)
        | Event::BusOutage(_)
        | Event::EndpointSet(_)
        | Event::RegistryChanged(_)
        | Event::DataRead(_) => {
            fold_beside(before, event, at, &mut change)?;
            return Ok(change);
        }
        Event::Act(act) => {
            change.request = act.opening.is_none().then_some((act.author, act.request));
            if let Some(HoldingChange { before, after }) = act.holding {
                change.quota.extend(before.map(|held| QuotaOp::Move(held.undone())));
                change.quota.extend(after.map(|held| QuotaOp::Move(held.made())));
            }
            fold_act(before, act, sequence, at)?
        }
        Event::Acknowledged(acknowledged) => fold_acknowledged(before, acknowledged, sequence, at)?,
        Event::HoldingExpired(expired) => {
            change.note = Some(NoteKind::HoldingExpired);
            change.quota.push(QuotaOp::Move(expired.holding.undone()));
            let mut after = continued(before, expired.case, sequence)?.clone();
            after.apply_expiry(at);
            after
        }
        Event::DeliveryHeld(held) => {
            change.note = Some(NoteKind::DeliveryHeld);
            fold_held(before, held, sequence, at)?
        }
        Event::HeldResolved(resolved) => {
            change.request = Some((resolved.author, resolved.request));
            change.note = Some(NoteKind::HeldResolved);
            fold_resolved(before, resolved, sequence, at)?
        }
        Event::CaseErased(erased) => {
            change.request = erased.order.map(|order| (order.author, order.request));
            let by_order = change.request.map(|_| NoteKind::CaseErased);
            change.note = by_order.or(Some(NoteKind::CaseErasedByRule));
            let mut after = continued(before, erased.case, sequence)?.clone();
            after.apply_erased(erased, sequence, at);
            after
        }
        Event::ClocksMoved(moved) => {
            change.note = Some(NoteKind::ClocksMoved);
            let mut after = continued(before, moved.case, sequence)?.clone();
            after.apply_moved(moved, at);
            after
        }
    };
    change.queue = difference(before, &after);
    if let Event::Acknowledged(acknowledged) = event {
        mark_taken(&mut change.queue, acknowledged, sequence);
    }
    change.case = Some(Arc::new(after));
    Ok(change)
}

/// Says of the delivery that left with its acknowledgement that it was taken.
fn mark_taken(queue: &mut [QueueOp], acknowledged: &DeliveryAcknowledged, sequence: Sequence) {
    for op in queue {
        if let QueueOp::RemoveDelivery { to, key, taken } | QueueOp::RemoveHeld { to, key, taken } =
            op
            && (*to, key.sequence) == (acknowledged.by, acknowledged.delivery)
        {
            *taken = Some(sequence);
        }
    }
}

/// Folds an event that is about no case, or leaves it as it was.
fn fold_beside(
    before: Option<&Case>,
    event: &Event,
    at: Timestamp,
    change: &mut Change,
) -> Result<(), FoldError> {
    let sequence = change.applied.sequence;
    match event {
        Event::PartyEnrolled(enrolled) => {
            change.enrolment = Some(enrolled.clone());
        }
        Event::QuotaSet(set) => {
            change.request = Some((set.author, set.request));
            change.quota.push(QuotaOp::Limit(set.key, set.persons));
            change.note = Some(NoteKind::QuotaSet);
        }
        Event::CalendarAmended(amended) => {
            change.request = Some((amended.author, amended.request));
            change.note = Some(NoteKind::CalendarAmended);
        }
        Event::CalendarSettled(_) => {
            change.note = Some(NoteKind::CalendarSettled);
            change.queue.push(QueueOp::Swept(at.as_millisecond()));
        }
        Event::Notice(notice) => {
            change.note = Some(NoteKind::Notice);
            change.queue = told(notice, sequence, at);
        }
        Event::NoticeAcknowledged(taken) => {
            change.note = Some(NoteKind::NoticeAcknowledged);
            let order_ms = taken.order.as_millisecond();
            let (notice, party) = (taken.notice, taken.by);
            let key = QueueKey { order_ms, sequence: notice };
            let taken = Some(sequence);
            change.queue.push(QueueOp::RemoveDelivery { to: party, key, taken });
            change.queue.push(QueueOp::TakeNotice { notice, party, order_ms, by: sequence });
        }
        Event::NoticeSent(sent) => {
            change.note = Some(NoteKind::NoticeSent);
            let ladder::NoticeSent { notice, party, channel, outcome: _ } = *sent;
            change.queue.push(QueueOp::RemoveOutgoing { notice, party, channel });
        }
        Event::BusOutage(outage) => {
            change.note = Some(NoteKind::BusOutage);
            let (from_ms, until_ms) = (outage.from.as_millisecond(), outage.until.as_millisecond());
            change.queue.push(QueueOp::AddOutage { sequence, from_ms, until_ms });
        }
        Event::EndpointSet(set) => {
            change.request = Some((set.author, set.request));
            change.note = Some(NoteKind::EndpointSet);
            let (party, registered) = (set.party, set.url.is_some());
            change.queue.push(QueueOp::SetEndpoint { party, sequence, registered });
        }
        Event::RegistryChanged(_) => change.note = Some(NoteKind::RegistryChanged),
        Event::DataRead(read) => {
            continued(before, read.case, sequence)?;
            change.note = Some(NoteKind::DataRead);
            change.queue.push(QueueOp::AddRead { case: read.case, sequence });
        }
        Event::Act(_)
        | Event::Acknowledged(_)
        | Event::HoldingExpired(_)
        | Event::ClocksMoved(_)
        | Event::DeliveryHeld(_)
        | Event::HeldResolved(_)
        | Event::CaseErased(_) => {}
    }
    Ok(())
}

/// The case that a record continues.
fn continued(before: Option<&Case>, case: CaseId, sequence: Sequence) -> Result<&Case, FoldError> {
    let before = before.ok_or(FoldError::UnknownCase { sequence, case })?;
    check_case(before, case, sequence)?;
    Ok(before)
}

/// The case that an event is about.
pub fn case_of(event: &Event) -> Option<CaseId> {
    match event {
        Event::PartyEnrolled(_)
        | Event::QuotaSet(_)
        | Event::CalendarAmended(_)
        | Event::CalendarSettled(_)
        | Event::Notice(_)
        | Event::NoticeAcknowledged(_)
        | Event::NoticeSent(_)
        | Event::BusOutage(_)
        | Event::EndpointSet(_)
        | Event::RegistryChanged(_) => None,
        Event::Act(act) => Some(act.case),
        Event::Acknowledged(acknowledged) => Some(acknowledged.case),
        Event::HoldingExpired(expired) => Some(expired.case),
        Event::ClocksMoved(moved) => Some(moved.case),
        Event::DeliveryHeld(held) => Some(held.case),
        Event::HeldResolved(resolved) => Some(resolved.case),
        Event::CaseErased(erased) => Some(erased.case),
        Event::DataRead(read) => Some(read.case),
    }
}

/// What a case has in the queues, as additions.
pub fn queued(case: &Case) -> Vec<QueueOp> {
    let mut queued = Vec::new();
    let clocks: Vec<_> = ladder::clocks(case).collect();
    let mark = |place: usize| {
        let clock = clocks.iter().find(|clock| usize::from(clock.place) == place)?;
        Some(ClockMark {
            place: clock.place,
            hop: clock.hop,
            opened_ms: clock.opened_at.as_millisecond(),
            due_ms: clock.due_at.as_millisecond(),
        })
    };
    for (at, run) in case.hops.iter().enumerate() {
        if let HopState::Carried { acted, to, order, held } = &run.state {
            let key = QueueKey { order_ms: order.as_millisecond(), sequence: acted.sequence };
            let waiting = QueuedDelivery { key, case: case.id, mark: mark(at) };
            on_its_way(&mut queued, *to, waiting, held.is_some());
        }
        if run.is_obligation() {
            let key = obligation_key(&case.hops[..at], run);
            let (holder, case, hop, mark) = (run.holder, case.id, run.hop, mark(at));
            queued.push(QueueOp::AddObligation { holder, key, case, hop, mark });
        }
    }
    for copy in case.copies.iter().filter(|copy| copy.received.is_none()) {
        let key = QueueKey { order_ms: copy.order.as_millisecond(), sequence: copy.delivery };
        let waiting = QueuedDelivery { key, case: case.id, mark: None };
        on_its_way(&mut queued, copy.to, waiting, copy.held.is_some());
    }
    if let Some((person, standing)) = case.standing() {
        queued.push(QueueOp::AddStanding { person, standing, case: case.id });
    }
    let held = case.holding.filter(|holding| !holding.taken);
    if let Some(until) = held.and_then(|holding| holding.until) {
        queued.push(QueueOp::AddExpiry { until, case: case.id });
    }
    queued
}

/// Adds a delivery to its receiver's queue, or to what is held. One act may carry several hops to
/// one party, which gets it once, with the clock of the first of them that has one.
fn on_its_way(queued: &mut Vec<QueueOp>, to: PartyNumber, waiting: QueuedDelivery, held: bool) {
    let QueuedDelivery { key, case, mark } = waiting;
    let again = queued.iter_mut().find_map(|op| {
        let (QueueOp::AddDelivery { to: other, key: place, mark, .. }
        | QueueOp::AddHeld { to: other, key: place, mark, .. }) = op
        else {
            return None;
        };
        // The hops of one delivery are held together.
        (*other == to && *place == key).then_some(mark)
    });
    match again {
        Some(marked) => *marked = marked.or(mark),
        None if held => queued.push(QueueOp::AddHeld { to, key, case, mark }),
        None => queued.push(QueueOp::AddDelivery { to, key, case, mark }),
    }
}

fn obligation_key(earlier: &[HopRun], run: &HopRun) -> ObligationKey {
    let beside = earlier.iter().filter(|other| other.opened_by == run.opened_by).count();
    let due_ms =
        run.due.as_ref().map_or(ObligationKey::NO_TERM_MS, |due| due.instant.as_millisecond());
    // A case has far fewer hops than would overflow the ordinal; its record could not hold them.
    let ordinal = u8::try_from(beside).unwrap_or(u8::MAX);
    ObligationKey { due_ms, opened_by: run.opened_by, ordinal }
}

fn fold_act(
    before: Option<&Case>,
    act: &ActRecorded,
    sequence: Sequence,
    at: Timestamp,
) -> Result<Case, FoldError> {
    let case = act.case;
    let after = match before {
        None => Case::open(act, sequence, at).ok_or(FoldError::UnknownCase { sequence, case })?,
        Some(_) if act.opening.is_some() => return Err(FoldError::CaseExists { sequence, case }),
        Some(before) => {
            check_case(before, case, sequence)?;
            let mut after = before.clone();
            after.apply_act(act, sequence, at);
            after
        }
    };
    // Folding leaves a hop that is not open as it is, which must not pass for an act carried out.
    let discharged = |run: &HopRun| {
        run.hop == act.hop && run.acted().is_some_and(|acted| acted.sequence == sequence)
    };
    if !after.hops.iter().any(discharged) {
        return Err(FoldError::HopNotOpen { sequence, case, hop: act.hop });
    }
    Ok(after)
}

fn fold_acknowledged(
    before: Option<&Case>,
    acknowledged: &DeliveryAcknowledged,
    sequence: Sequence,
    at: Timestamp,
) -> Result<Case, FoldError> {
    let (case, delivery) = (acknowledged.case, acknowledged.delivery);
    let before = continued(before, case, sequence)?;
    if !before.awaited(delivery).any(|to| to == acknowledged.by) {
        return Err(FoldError::NotOnItsWay { sequence, case, delivery });
    }
    let mut after = before.clone();
    after.apply_acknowledged(acknowledged, sequence, at);
    Ok(after)
}

fn fold_held(
    before: Option<&Case>,
    held: &DeliveryHeld,
    sequence: Sequence,
    at: Timestamp,
) -> Result<Case, FoldError> {
    let (case, delivery) = (held.case, held.delivery);
    let before = continued(before, case, sequence)?;
    let is_awaited = before.awaited(delivery).any(|to| to == held.party);
    if !is_awaited || before.held(delivery, held.party).is_some() {
        return Err(FoldError::NotOnItsWay { sequence, case, delivery });
    }
    let mut after = before.clone();
    after.apply_held(held, sequence, at);
    Ok(after)
}

fn fold_resolved(
    before: Option<&Case>,
    resolved: &HeldResolved,
    sequence: Sequence,
    at: Timestamp,
) -> Result<Case, FoldError> {
    let (case, delivery) = (resolved.case, resolved.delivery);
    let before = continued(before, case, sequence)?;
    if before.held(delivery, resolved.party).is_none() {
        return Err(FoldError::NotHeld { sequence, case, delivery });
    }
    let mut after = before.clone();
    after.apply_resolved(resolved, sequence, at);
    Ok(after)
}

fn check_case(given: &Case, named: CaseId, sequence: Sequence) -> Result<(), FoldError> {
    if given.id == named {
        return Ok(());
    }
    Err(FoldError::OtherCase { sequence, named, given: given.id })
}

fn difference(before: Option<&Case>, after: &Case) -> Vec<QueueOp> {
    let before = before.map(queued).unwrap_or_default();
    let after = queued(after);
    let gone = before.iter().filter(|op| !after.contains(op)).map(removal);
    let come = after.iter().filter(|op| !before.contains(op)).copied();
    gone.chain(come).collect()
}
