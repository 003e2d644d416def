//! Cases: where they stand, their timeline, and what is owed in them.

use jiff::Timestamp;

use super::clock::{clock, used_days};
use super::{View, act, role, time};
use crate::domain::event::Decision;
use crate::domain::party::{PartyNumber, Role};
use crate::domain::term::Term;
use crate::domain::{Act, Case, HopRun, HopState, Outcome};
use crate::rpc::proto::cases::v1 as cases;
use crate::rpc::proto::inbox::v1::Obligation;
use crate::rpc::proto::types::v1 as types;

/// Where a case stands: by the hop that is open last or, when none is, by the act on its way to a
/// receiver who will have to go on. A delivery that nobody has to act upon keeps no case open.
pub fn state(case: &Case) -> cases::CaseState {
    let arrived = case.last(Act::RegisterArrival).is_some();
    let open = case.hops.iter().rev().find(|run| run.state == HopState::Open);
    if let Some(run) = open {
        return awaited(run.act, arrived);
    }
    match case.hops.last() {
        Some(run) if matches!(run.state, HopState::Carried { .. }) => carried(run.act, arrived),
        Some(_) | None => cases::CaseState::Closed,
    }
}

/// The state in which an act is awaited.
fn awaited(act: Act, arrived: bool) -> cases::CaseState {
    match act {
        // A submission opens its case, so none is ever awaited; what follows it is.
        Act::SubmitApplication | Act::ForwardApplication => cases::CaseState::AtMigrationBody,
        Act::ReferToCommission if arrived => cases::CaseState::Arrived,
        Act::ReferToCommission => cases::CaseState::AtAkimat,
        Act::RecordConsentDecision => cases::CaseState::AtCommission,
        Act::SendConsentDecision => cases::CaseState::ConsentDecided,
        Act::ForwardDecision => cases::CaseState::DecisionAtMigrationBody,
        Act::HandOverDecision => cases::CaseState::DecisionAtMission,
        Act::RegisterArrival => cases::CaseState::AwaitingArrival,
        Act::RecordInclusionDecision => cases::CaseState::ArrivalAtCommission,
        Act::HandOverInclusionDecision => cases::CaseState::InclusionDecided,
    }
}

/// The state in which an act is on its way: that of its receiver.
fn carried(act: Act, arrived: bool) -> cases::CaseState {
    match act {
        Act::SubmitApplication => cases::CaseState::AtMigrationBody,
        Act::ForwardApplication => cases::CaseState::AtAkimat,
        Act::ReferToCommission if arrived => cases::CaseState::ArrivalAtCommission,
        Act::ReferToCommission => cases::CaseState::AtCommission,
        Act::RecordConsentDecision => cases::CaseState::ConsentDecided,
        Act::SendConsentDecision => cases::CaseState::DecisionAtMigrationBody,
        Act::ForwardDecision => cases::CaseState::DecisionAtMission,
        Act::RecordInclusionDecision => cases::CaseState::InclusionDecided,
        // They go to nobody on the bus.
        Act::HandOverDecision | Act::RegisterArrival | Act::HandOverInclusionDecision => {
            cases::CaseState::Closed
        }
    }
}

/// What a list says of a case.
pub fn summary(case: &Case) -> cases::CaseSummary {
    let Case {
        id,
        procedure,
        region,
        persons,
        participants: _,
        consent,
        inclusion,
        service: _,
        hops,
        arrived_persons: _,
        updated_at,
    } = case;
    let open = hops.iter().filter(|run| run.state == HopState::Open);
    let next_due = open.filter_map(|run| run.due.as_ref()).map(|due| due.instant).min();
    let created = case.last(Act::SubmitApplication);
    cases::CaseSummary {
        case_id: id.to_string(),
        procedure: procedure.procedure.to_string(),
        edition: procedure.edition.to_string(),
        region: region.code().to_owned(),
        state: state(case).into(),
        consent_outcome: outcome(consent.as_ref()).into(),
        inclusion_outcome: outcome(inclusion.as_ref()).into(),
        person_count: i32::from(*persons),
        consented_person_count: decided_persons(consent.as_ref()),
        included_person_count: decided_persons(inclusion.as_ref()),
        create_time: created.map(|moment| time(moment.at)),
        update_time: Some(time(*updated_at)),
        next_due_time: next_due.map(time),
        last_outcome: last_outcome(case).into(),
    }
}

/// A case with its timeline, as of `now`.
pub fn case(view: View<'_>, case: &Case, now: Timestamp) -> cases::Case {
    let party = |role| participant(case, role).map(|party| view.party_id(party));
    cases::Case {
        summary: Some(summary(case)),
        mission_party_id: party(Role::ForeignMission).unwrap_or_default(),
        migration_body_party_id: party(Role::MigrationBody).unwrap_or_default(),
        akimat_party_id: party(Role::Akimat).unwrap_or_default(),
        commission_party_id: party(Role::Commission).unwrap_or_default(),
        hops: case.hops.iter().map(|run| hop(view, case, run, now)).collect(),
        parties: case.participants.iter().map(|&(of, party)| part(view, of, party)).collect(),
    }
}

fn part(view: View<'_>, of: Role, party: PartyNumber) -> cases::CaseParty {
    cases::CaseParty { role: role(of).into(), party_id: view.party_id(party) }
}

fn hop(view: View<'_>, case: &Case, run: &HopRun, now: Timestamp) -> cases::CaseHop {
    let law = view.hop(&case.procedure, run.hop);
    let receiver = match &run.state {
        HopState::Carried { to, .. } => Some(*to),
        HopState::Done { received: Some(received), .. } => Some(received.by),
        HopState::Open | HopState::Done { received: None, .. } => {
            law.and_then(|hop| hop.receiver()).and_then(|role| participant(case, role))
        }
    };
    let acted = run.acted();
    let until = acted.map_or(now, |acted| acted.at);
    let zone = view.roster.zone(run.holder);
    let term = law.map_or(Term::None, |hop| hop.term);
    cases::CaseHop {
        act: act(run.act, run.from).into(),
        clock: Some(clock(view, &case.procedure, run.into())),
        receiver_party_id: receiver.map(|party| view.party_id(party)).unwrap_or_default(),
        acted_time: acted.map(|acted| time(acted.at)),
        received_time: run.received().map(|received| time(received.moment.at)),
        late: run.is_late(now),
        used_days: used_days(term, run.opened_at, until, zone, &view.law.calendar),
        sequence: acted.map_or(0, |acted| acted.sequence.0),
    }
}

/// A hop that its holder owes, as of `now`.
pub fn obligation(view: View<'_>, case: &Case, run: &HopRun, now: Timestamp) -> Obligation {
    Obligation {
        case_id: case.id.to_string(),
        act: act(run.act, run.from).into(),
        region: case.region.code().to_owned(),
        clock: Some(clock(view, &case.procedure, run.into())),
        late: run.is_late(now),
    }
}

/// Whether a party may see a case: it has a part in it, acts for one that has, or runs the bus.
pub fn visible(view: View<'_>, case: &Case, party: PartyNumber, role: Role) -> bool {
    let has_part = |(_, of): &(Role, PartyNumber)| view.roster.may_act_for(party, *of);
    role == Role::Operator || case.participants.iter().any(has_part)
}

fn participant(case: &Case, role: Role) -> Option<PartyNumber> {
    case.participants.iter().find(|(each, _)| *each == role).map(|(_, party)| *party)
}

fn outcome(decision: Option<&Decision>) -> cases::CaseOutcome {
    match decision.map(|decision| decision.outcome) {
        None => cases::CaseOutcome::Unspecified,
        Some(Outcome::Consent | Outcome::Inclusion) => cases::CaseOutcome::Positive,
        Some(Outcome::Refusal) => cases::CaseOutcome::Refused,
    }
}

fn last_outcome(case: &Case) -> types::Outcome {
    match case.outcome() {
        None => types::Outcome::Unspecified,
        Some(Outcome::Consent) => types::Outcome::Consent,
        Some(Outcome::Inclusion) => types::Outcome::Inclusion,
        Some(Outcome::Refusal) => types::Outcome::Refusal,
    }
}

fn decided_persons(decision: Option<&Decision>) -> i32 {
    let positive = decision.filter(|decision| decision.outcome != Outcome::Refusal);
    positive.map_or(0, |decision| i32::from(decision.persons))
}
