//! Notices of the ladder, as their receivers and those who look at a case see them.

use super::law::source;
use super::{View, act, digest, in_contract, time};
use crate::domain::ladder::{Attribution, Fired, Impediment, Notice, Rung};
use crate::domain::party::PartyNumber;
use crate::domain::{Actor, Case, Sequence};
use crate::engine::Recorded;
use crate::rpc::parse::query::DeliveryId;
use crate::rpc::proto::inbox::v1::{Delivery, DeliveryConfirmation};
use crate::rpc::proto::operations::v1::QueuedDelivery;
use crate::rpc::proto::types::v1 as types;
use crate::rpc::status::Refusal;

/// The most rungs of a notice that a listing shows.
const MAX_SHOWN: usize = 3;

/// A notice as a delivery to one of those whom it concerns. `citation` tells the paragraph that
/// sets the hop of a rung.
///
/// # Errors
/// Those of `citation`: what is delivered once more must be what was delivered before.
pub fn delivery(
    view: View<'_>,
    party: PartyNumber,
    (notice, recorded): (&Notice, &Recorded),
    (id, attempt): (DeliveryId, u32),
    citation: impl Fn(&Fired) -> Result<String, Refusal>,
) -> Result<Delivery, Refusal> {
    let said = |fired: &Fired| {
        let said = rung(view, id.sequence, (notice, recorded), fired);
        let citation = match &fired.clause {
            Some(clause) => clause.citation.clone(),
            None => citation(fired)?,
        };
        Ok(types::RungNotice { citation, ..said })
    };
    let rungs = notice.concerning(party).map(said).collect::<Result<_, Refusal>>()?;
    Ok(Delivery {
        delivery_id: id.to_string(),
        attempt: i32::try_from(attempt).unwrap_or(i32::MAX),
        sent_time: Some(time(recorded.at)),
        record_hash: digest(&recorded.hash),
        signatures: Vec::new(),
        notice: Some(types::DeadlineNotice { rungs }),
        ..Delivery::default()
    })
}

/// A notice that waits in the inbox of a party.
pub fn queued(
    view: View<'_>,
    party: PartyNumber,
    (notice, recorded): (&Notice, &Recorded),
    id: DeliveryId,
    leased: bool,
) -> QueuedDelivery {
    let said = notice.concerning(party).take(MAX_SHOWN);
    let rungs = said.map(|fired| rung(view, id.sequence, (notice, recorded), fired)).collect();
    let count = notice.concerning(party).count();
    QueuedDelivery {
        delivery_id: id.to_string(),
        sent_time: Some(time(recorded.at)),
        leased,
        notice: Some(types::DeadlineNotice { rungs }),
        rung_count: i32::try_from(count).unwrap_or(i32::MAX),
        ..QueuedDelivery::default()
    }
}

/// The confirmation that a notice was taken.
pub fn confirmation(id: DeliveryId, taken: &crate::engine::Noted) -> DeliveryConfirmation {
    DeliveryConfirmation {
        delivery_id: id.to_string(),
        case_id: String::new(),
        received_time: Some(time(taken.at)),
        sequence: taken.sequence.0,
        record_hash: digest(&taken.hash),
        clocks: Vec::new(),
    }
}

/// What was said of a hop of a case.
pub fn of_case(
    view: View<'_>,
    case: &Case,
    sequence: Sequence,
    (notice, recorded): (&Notice, &Recorded),
    fired: &Fired,
) -> types::RungNotice {
    let recorded_in = fired.clause.as_ref().map(|clause| clause.citation.clone());
    let law = || view.hop(&case.procedure, fired.hop).map(|hop| hop.citation.clone());
    let citation = recorded_in.or_else(law).unwrap_or_default();
    types::RungNotice { citation, ..rung(view, sequence, (notice, recorded), fired) }
}

fn rung(
    view: View<'_>,
    sequence: Sequence,
    (notice, recorded): (&Notice, &Recorded),
    fired: &Fired,
) -> types::RungNotice {
    types::RungNotice {
        case_id: fired.case.to_string(),
        hop: fired.hop.to_string(),
        // No applicant's hop has a ladder.
        act: act(fired.act, Actor::Channel).into(),
        rung: rung_of(fired.rung).into(),
        working_days: i32::from(fired.days),
        impediment: fired.impediment.map(impediment).unwrap_or_default().into(),
        opened_time: Some(time(fired.opened_at)),
        due_time: Some(time(fired.due_at)),
        source: source(fired.source).into(),
        carried: fired.carried,
        duty_party_id: view.party_id(fired.duty),
        attribution: fired.attribution.map(attribution),
        citation: fired.clause.as_ref().map(|clause| clause.citation.clone()).unwrap_or_default(),
        told_party_ids: fired.to.iter().map(|party| view.party_id(*party)).collect(),
        sequence: sequence.0,
        said_time: Some(time(recorded.at)),
        planned_time: Some(time(notice.planned_at)),
        delayed_by_outage: notice.outage.is_some(),
    }
}

fn attribution(of: Attribution) -> types::TermAttribution {
    let Attribution { with_party_ms, in_bus_ms, awaiting_ms } = of;
    let signed = |ms: u64| i64::try_from(ms).unwrap_or(i64::MAX);
    types::TermAttribution {
        with_party_ms: signed(with_party_ms),
        in_bus_ms: signed(in_bus_ms),
        awaiting_receiver_ms: signed(awaiting_ms),
    }
}

fn rung_of(rung: Rung) -> types::Rung {
    types::Rung::from_str_name(&in_contract("RUNG", rung.name())).unwrap_or_default()
}

fn impediment(of: Impediment) -> types::Impediment {
    types::Impediment::from_str_name(&in_contract("IMPEDIMENT", of.name())).unwrap_or_default()
}
