//! What an event changes: the case after it, and the difference it makes to the queues.
//!
//! A case's places in the queues are a function of the case alone, [`queued`], and a change of the
//! queues is the difference between two cases. So no event can forget a removal, and what the
//! engine applied on the way is what a rebuild arrives at.

use std::sync::Arc;

use jiff::Timestamp;

use crate::domain::case::{Case, HopRun, HopState};
use crate::domain::event::{ActRecorded, DeliveryAcknowledged, Event, PartyEnrolled};
use crate::domain::ids::{CaseId, HopId, RequestId, Sequence};
use crate::domain::party::PartyNumber;

use super::{Applied, ObligationKey, QueueKey};

/// What one record of the journal changes in the index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The record.
    pub applied: Applied,
    /// Whose request it answers, when it records an act in a case that was there. The request of
    /// an opening act needs no entry: the case's own id is derived from it.
    pub request: Option<(PartyNumber, RequestId)>,
    /// The case after it, when it is about one.
    pub case: Option<Arc<Case>>,
    /// What it takes out of the queues and puts into them, removals first.
    pub queue: Vec<QueueOp>,
    /// The party it enrols.
    pub enrolment: Option<PartyEnrolled>,
}

/// A change of a queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum QueueOp {
    /// An act is on its way.
    AddDelivery {
        /// The receiver.
        to: PartyNumber,
        /// Its place.
        key: QueueKey,
        /// The case.
        case: CaseId,
    },
    /// It has arrived.
    RemoveDelivery {
        /// The receiver.
        to: PartyNumber,
        /// Its place.
        key: QueueKey,
    },
    /// A party has to act.
    AddObligation {
        /// The party.
        holder: PartyNumber,
        /// Its place.
        key: ObligationKey,
        /// The case.
        case: CaseId,
        /// The hop to discharge.
        hop: HopId,
    },
    /// It has acted.
    RemoveObligation {
        /// The party.
        holder: PartyNumber,
        /// Its place.
        key: ObligationKey,
    },
}

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
    /// A receipt for a delivery that is not on its way.
    #[error(
        "record {sequence} acknowledges delivery {delivery} of case {case}, which is not on its way"
    )]
    NotOnItsWay {
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
    let (request, after) = match event {
        Event::PartyEnrolled(enrolled) => {
            let enrolment = Some(enrolled.clone());
            return Ok(Change { applied, request: None, case: None, queue: Vec::new(), enrolment });
        }
        Event::Act(act) => {
            let request = act.opening.is_none().then_some((act.author, act.request));
            (request, fold_act(before, act, sequence, at)?)
        }
        Event::Acknowledged(acknowledged) => {
            (None, fold_acknowledged(before, acknowledged, sequence, at)?)
        }
    };
    let queue = difference(before, &after);
    Ok(Change { applied, request, case: Some(Arc::new(after)), queue, enrolment: None })
}

/// The case that an event is about.
pub fn case_of(event: &Event) -> Option<CaseId> {
    match event {
        Event::PartyEnrolled(_) => None,
        Event::Act(act) => Some(act.case),
        Event::Acknowledged(acknowledged) => Some(acknowledged.case),
    }
}

/// What a case has in the queues, as additions.
pub fn queued(case: &Case) -> Vec<QueueOp> {
    let mut queued = Vec::new();
    for (at, run) in case.hops.iter().enumerate() {
        if let HopState::Carried { acted, to, order } = &run.state {
            let key = QueueKey { order_ms: order.as_millisecond(), sequence: acted.sequence };
            queued.push(QueueOp::AddDelivery { to: *to, key, case: case.id });
        }
        if run.is_obligation() {
            let key = obligation_key(&case.hops[..at], run);
            let (holder, case, hop) = (run.holder, case.id, run.hop);
            queued.push(QueueOp::AddObligation { holder, key, case, hop });
        }
    }
    queued
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
    let before = before.ok_or(FoldError::UnknownCase { sequence, case })?;
    check_case(before, case, sequence)?;
    let on_its_way = |run: &HopRun| matches!(&run.state, HopState::Carried { acted, .. } if acted.sequence == delivery);
    if !before.hops.iter().any(on_its_way) {
        return Err(FoldError::NotOnItsWay { sequence, case, delivery });
    }
    let mut after = before.clone();
    after.apply_acknowledged(acknowledged, sequence, at);
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

fn removal(op: &QueueOp) -> QueueOp {
    match *op {
        QueueOp::AddDelivery { to, key, case: _ } => QueueOp::RemoveDelivery { to, key },
        QueueOp::AddObligation { holder, key, case: _, hop: _ } => {
            QueueOp::RemoveObligation { holder, key }
        }
        removal @ (QueueOp::RemoveDelivery { .. } | QueueOp::RemoveObligation { .. }) => removal,
    }
}
