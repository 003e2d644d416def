//! Deliveries that are held: their marks, and what is told of them.

use jiff::Timestamp;

use super::law::source;
use super::{View, act, date, digest, time};
use crate::domain::held::{DeliveryHeld, Held, HeldReason};
use crate::domain::party::PartyNumber;
use crate::domain::{Case, Confidential, HopRun, Sequence};
use crate::engine::HeldTaken;
use crate::rpc::parse::query::DeliveryId;
use crate::rpc::proto::inbox::v1::{HeldDelivery, RejectionConfirmation};
use crate::rpc::proto::types::v1 as types;

/// The marks of a hop's act, each with the receiver it is held with.
pub fn marks(view: View<'_>, case: &Case, run: &HopRun) -> Vec<types::HeldMark> {
    let Some(acted) = run.acted() else { return Vec::new() };
    let sequence = acted.sequence;
    // Of several hops of one act each delivery is told with one.
    let is_its = |party: &PartyNumber| {
        case.carrying(sequence, *party).is_some_and(|of| std::ptr::eq(of, run))
    };
    let with = case.held_with(sequence).filter(is_its);
    with.filter_map(|party| {
        let held = case.held(sequence, party)?;
        Some(mark(view, DeliveryId { sequence, case: case.id }, party, held))
    })
    .collect()
}

/// The mark of a delivery that is held with a party.
pub fn mark(view: View<'_>, id: DeliveryId, party: PartyNumber, held: Held) -> types::HeldMark {
    let Held { reason, since } = held;
    types::HeldMark {
        delivery_id: id.to_string(),
        party_id: view.party_id(party),
        reason: stated(reason).into(),
        held_time: Some(time(since.at)),
        sequence: since.sequence.0,
    }
}

/// The confirmation of a rejection, told from its record, so that a repeat brings the same one.
pub fn confirmation(
    view: View<'_>,
    taken: &HeldTaken,
    event: &DeliveryHeld,
) -> RejectionConfirmation {
    let HeldTaken { sequence, at, hash, case: _ } = taken;
    let since = crate::domain::case::Moment { sequence: *sequence, at: *at };
    let id = DeliveryId { sequence: event.delivery, case: event.case };
    RejectionConfirmation {
        mark: Some(mark(view, id, event.party, Held { reason: event.reason, since })),
        case_id: event.case.to_string(),
        record_hash: digest(hash),
    }
}

/// The words of the receiver, where there are some that can be read.
pub fn words(event: &DeliveryHeld) -> Option<&str> {
    event.detail.as_ref().and_then(Confidential::text).filter(|words| !words.is_empty())
}

/// A held delivery with what its record says of it; the words of the receiver only to those who
/// may read them.
pub fn delivery(
    view: View<'_>,
    case: &Case,
    run: &HopRun,
    (sequence, held): (Sequence, Held),
    event: &DeliveryHeld,
    (now, tells_detail): (Timestamp, bool),
) -> HeldDelivery {
    let id = DeliveryId { sequence, case: case.id };
    let words = words(event);
    let detail = words.filter(|_| tells_detail);
    let due = run.due.as_ref();
    HeldDelivery {
        mark: Some(mark(view, id, event.party, held)),
        detail: detail.unwrap_or_default().to_owned(),
        by_party_id: event.by.map(|by| view.party_id(by)).unwrap_or_default(),
        case_id: case.id.to_string(),
        hop: run.hop.to_string(),
        act: act(run.act, run.from).into(),
        sender_party_id: view.party_id(run.holder),
        sent_time: run.acted().map(|acted| time(acted.at)),
        due_time: due.map(|due| time(due.instant)),
        due_date: due.map(|due| date(due.date)),
        source: source(run.source).into(),
        region: case.region.code().to_owned(),
        late: due.is_some_and(|due| now >= due.instant),
        has_detail: words.is_some(),
    }
}

fn stated(reason: HeldReason) -> types::HeldReason {
    match reason {
        HeldReason::CannotParse => types::HeldReason::CannotParse,
        HeldReason::WrongReceiver => types::HeldReason::WrongReceiver,
        HeldReason::Incomplete => types::HeldReason::Incomplete,
        HeldReason::SystemFault => types::HeldReason::SystemFault,
        HeldReason::Other => types::HeldReason::Other,
        HeldReason::Unacknowledged => types::HeldReason::Unacknowledged,
    }
}
