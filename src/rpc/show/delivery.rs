//! Deliveries: an act on its way, with the papers that go with its hop.

use prost::Message;

use super::law::source;
use super::{View, act, date, digest, signature, time};
use crate::domain::procedure::{OpenedBy, Trigger};
use crate::domain::{Act, Body, BodyKind, Case, Confidential, Event, HopRun, Sequence};
use crate::engine::Recorded;
use crate::rpc::parse::query::DeliveryId;
use crate::rpc::proto::forms::v1::Form;
use crate::rpc::proto::inbox::v1::Delivery;
use crate::rpc::proto::operations::v1::QueuedDelivery;
use crate::rpc::proto::types::v1::{
    Application, ArrivalApplication, ConsentDecision, Dispatch, InclusionDecision,
};
use crate::rpc::status::Refusal;

/// Records are opened where they are read back.
const SEALED: Refusal = Refusal::Fault("the paper of an act was not opened");

/// The records whose papers go with a delivery, by the act that brings it. A receiver gets what it
/// has to act on: the application until there is a decision, from then on the decision; what asks
/// or answers a query, and a notice, goes alone.
pub fn papers(case: &Case, run: &HopRun) -> Vec<Sequence> {
    let of = |acts: &[Act]| acts.iter().filter_map(|act| case.last(*act)).collect::<Vec<_>>();
    let own = run.acted();
    let opening = case.hops.first().and_then(HopRun::acted);
    let alone = || own.into_iter().collect();
    let moments = match run.act {
        // The same act stands before entry and after arrival.
        Act::ReferToCommission if case.last(Act::RegisterArrival).is_some() => {
            of(&[Act::SubmitApplication, Act::RecordConsentDecision, Act::RegisterArrival])
        }
        Act::RecordConsentDecision | Act::SendConsentDecision => of(&[Act::RecordConsentDecision]),
        Act::ForwardDecision | Act::SendDecision => {
            let decided = [Act::RecordDecision, Act::RecordInclusionDecision];
            let decision = decided.iter().find_map(|act| case.last(*act));
            decision.or(case.last(Act::RecordConsentDecision)).into_iter().chain(own).collect()
        }
        Act::SubmitApplication
        | Act::ForwardApplication
        | Act::ReferToCommission
        | Act::RegisterApplication
        | Act::CertifyCopies
        | Act::ConfirmAcceptance
        | Act::SendList
        | Act::RecordRecommendation
        | Act::RegisterComplaint => opening.into_iter().chain(own).collect(),
        Act::RecordInclusionDecision
        | Act::RecordDecision
        | Act::HandOverDecision
        | Act::RegisterArrival
        | Act::HandOverInclusionDecision
        | Act::QueryStateSystems
        | Act::AnswerQuery
        | Act::QueryDigitalDocuments
        | Act::AnswerDigitalDocuments
        | Act::RefuseToAccept
        | Act::GivePreliminaryNotice
        | Act::RecordObjection
        | Act::RecordHearing
        | Act::PostponeHearing
        | Act::RecordHearingOutcome
        | Act::PublishResult
        | Act::IssueCertificate
        | Act::ReissueCertificate
        | Act::ReportStage
        | Act::NotifyApplicant
        | Act::AnswerComplaint
        | Act::ExtendComplaint
        | Act::NotifyExtension
        | Act::RecordCourtAppeal
        | Act::RegisterChange
        | Act::NotifyChange
        | Act::SendProposal
        | Act::PublishSettlementList
        | Act::RecordArrival
        | Act::RecordServiceResult => alone(),
    };
    let mut sequences: Vec<Sequence> = moments.iter().map(|moment| moment.sequence).collect();
    sequences.sort_unstable();
    sequences.dedup();
    sequences
}

/// A delivery without its papers: what the case and the record of the act tell. The act's own
/// cover is in it.
///
/// # Errors
/// [`Refusal::Fault`] if the record is not that of an act, or its cover cannot be read.
pub fn envelope(
    view: View<'_>,
    case: &Case,
    run: &HopRun,
    recorded: &Recorded,
    (id, attempt): (DeliveryId, u32),
) -> Result<Delivery, Refusal> {
    let Event::Act(event) = &recorded.event else {
        return Err(Refusal::Fault("a delivery names a record that is no act"));
    };
    let law = view.hop(&case.procedure, run.hop);
    let next = view.law.procedures.get(&case.procedure).and_then(|procedure| {
        let fits = |by: &OpenedBy| {
            by.outcomes.is_empty()
                || case.last_outcome.is_some_and(|last| by.outcomes.contains(&last))
        };
        let opens = procedure.opened_by(run.hop, Trigger::Received);
        let mut owed = opens.filter(|(hop, by)| {
            hop.branch.is_none() && hop.applies_to(case.channel, case.basis) && fits(by)
        });
        owed.next().map(|(hop, _)| hop)
    });
    Ok(Delivery {
        delivery_id: id.to_string(),
        attempt: i32::try_from(attempt).unwrap_or(i32::MAX),
        case_id: case.id.to_string(),
        hop: run.hop.to_string(),
        act: act(run.act, run.from).into(),
        sender_party_id: view.party_id(run.holder),
        sent_time: Some(time(recorded.at)),
        next_hop: next.map(|hop| hop.id.to_string()).unwrap_or_default(),
        due_time: run.due.as_ref().map(|due| time(due.instant)),
        due_date: run.due.as_ref().map(|due| date(due.date)),
        source: source(run.source).into(),
        citation: law.map(|hop| hop.citation.clone()).unwrap_or_default(),
        region: case.region.code().to_owned(),
        application: None,
        consent_decision: None,
        arrival_application: None,
        inclusion_decision: None,
        dispatch: cover(&event.body)?,
        record_hash: digest(&recorded.hash),
        forms: Vec::new(),
        notice: None,
        erased_time: erased_time(&event.body),
        signatures: Vec::new(),
    })
}

/// When the content of a document was erased.
fn erased_time(body: &Body) -> Option<prost_types::Timestamp> {
    match body.content {
        Confidential::Erased { at } => Some(time(at)),
        Confidential::Plain(_) | Confidential::Sealed(_) => None,
    }
}

/// A delivery that waits, as the case tells: nothing of its papers.
pub fn queued(
    view: View<'_>,
    case: &Case,
    run: &HopRun,
    id: DeliveryId,
    leased: bool,
) -> QueuedDelivery {
    QueuedDelivery {
        delivery_id: id.to_string(),
        case_id: case.id.to_string(),
        hop: run.hop.to_string(),
        act: act(run.act, run.from).into(),
        sender_party_id: view.party_id(run.holder),
        // Only a handover counts from another instant than its acceptance, and it is not delivered.
        sent_time: run.acted().map(|acted| time(acted.at)),
        due_time: run.due.as_ref().map(|due| time(due.instant)),
        due_date: run.due.as_ref().map(|due| date(due.date)),
        source: source(run.source).into(),
        citation: view
            .hop(&case.procedure, run.hop)
            .map(|hop| hop.citation.clone())
            .unwrap_or_default(),
        region: case.region.code().to_owned(),
        leased,
        notice: None,
        rung_count: 0,
    }
}

/// Puts a paper into its delivery.
///
/// # Errors
/// [`Refusal::Fault`] if the paper cannot be read.
pub fn enclose(
    delivery: &mut Delivery,
    sequence: Sequence,
    recorded: &Recorded,
) -> Result<(), Refusal> {
    let Event::Act(event) = &recorded.event else {
        return Err(Refusal::Fault("a paper is in a record that is no act"));
    };
    let found = event.signature.as_ref().map(|found| signature::verdict(sequence, found));
    delivery.signatures.extend(found);
    let Body { kind, content } = &event.body;
    let bytes = match content {
        Confidential::Plain(bytes) => bytes,
        Confidential::Erased { at } => {
            delivery.erased_time = Some(time(*at));
            return Ok(());
        }
        Confidential::Sealed(_) => return Err(SEALED),
    };
    match kind {
        BodyKind::Application => delivery.application = Some(paper::<Application>(bytes)?),
        BodyKind::ConsentDecision => {
            delivery.consent_decision = Some(paper::<ConsentDecision>(bytes)?);
        }
        BodyKind::ArrivalApplication => {
            delivery.arrival_application = Some(paper::<ArrivalApplication>(bytes)?);
        }
        BodyKind::InclusionDecision => {
            delivery.inclusion_decision = Some(paper::<InclusionDecision>(bytes)?);
        }
        BodyKind::Form => {
            // A cover is that of the letter it came with, and no paper of the case.
            let form = Form { cover: None, ..paper::<Form>(bytes)? };
            if form != Form::default() {
                delivery.forms.push(form);
            }
        }
        BodyKind::Dispatch | BodyKind::HandOver => {}
    }
    Ok(())
}

fn cover(body: &Body) -> Result<Option<Dispatch>, Refusal> {
    let bytes = match &body.content {
        Confidential::Plain(bytes) => bytes,
        Confidential::Erased { .. } => return Ok(None),
        Confidential::Sealed(_) => return Err(SEALED),
    };
    match body.kind {
        BodyKind::Dispatch if bytes.is_empty() => Ok(None),
        BodyKind::Dispatch => paper(bytes).map(Some),
        BodyKind::Form => Ok(paper::<Form>(bytes)?.cover),
        BodyKind::Application
        | BodyKind::ConsentDecision
        | BodyKind::HandOver
        | BodyKind::ArrivalApplication
        | BodyKind::InclusionDecision => Ok(None),
    }
}

fn paper<M: Message + Default>(bytes: &[u8]) -> Result<M, Refusal> {
    M::decode(bytes).map_err(|_| Refusal::Fault("the paper of an act cannot be read back"))
}
