//! Cases: where they stand, their timeline, and what is owed in them.

use jiff::Timestamp;

use super::clock::{clock, used_days};
use super::{View, act, actor, date, time};
use crate::domain::event::{Decision, ServiceClock};
use crate::domain::party::{Names, PartyNumber, Role};
use crate::domain::term::Term;
use crate::domain::{Act, Actor, Case, CaseStatus, HopRun, HopState, Outcome};
use crate::procedures::labels::{LabelKind, Labels};
use crate::rpc::access::Relation;
use crate::rpc::proto::cases::v1 as cases;
use crate::rpc::proto::inbox::v1::Obligation;
use crate::rpc::proto::types::v1::LocalizedText;

/// Where a case stands. The way through a mission has a state for each of its steps, by the hop
/// that is open last or, when none is, by the act on its way to a receiver who will have to go on;
/// a delivery that nobody has to act upon keeps no case open. The other procedures tell where they
/// stand by their open hops.
pub fn state(case: &Case) -> cases::CaseState {
    if case.procedure.procedure.as_str() != "kandas-mission" {
        return match case.status() {
            CaseStatus::InProgress => cases::CaseState::InProgress,
            CaseStatus::AwaitingApplicant => cases::CaseState::AwaitingArrival,
            CaseStatus::Closed => cases::CaseState::Closed,
        };
    }
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

/// The states in which an act of the way through a mission is awaited.
const AWAITED: [(Act, cases::CaseState); 9] = [
    // A submission opens its case, so none is ever awaited; what follows it is.
    (Act::ForwardApplication, cases::CaseState::AtMigrationBody),
    (Act::ReferToCommission, cases::CaseState::AtAkimat),
    (Act::RecordConsentDecision, cases::CaseState::AtCommission),
    (Act::SendConsentDecision, cases::CaseState::ConsentDecided),
    (Act::ForwardDecision, cases::CaseState::DecisionAtMigrationBody),
    (Act::HandOverDecision, cases::CaseState::DecisionAtMission),
    (Act::RegisterArrival, cases::CaseState::AwaitingArrival),
    (Act::RecordInclusionDecision, cases::CaseState::ArrivalAtCommission),
    (Act::HandOverInclusionDecision, cases::CaseState::InclusionDecided),
];

/// The states in which it is on its way: that of its receiver. The others go to nobody on the bus.
const CARRIED: [(Act, cases::CaseState); 7] = [
    (Act::SubmitApplication, cases::CaseState::AtMigrationBody),
    (Act::ForwardApplication, cases::CaseState::AtAkimat),
    (Act::ReferToCommission, cases::CaseState::AtCommission),
    (Act::RecordConsentDecision, cases::CaseState::ConsentDecided),
    (Act::SendConsentDecision, cases::CaseState::DecisionAtMigrationBody),
    (Act::ForwardDecision, cases::CaseState::DecisionAtMission),
    (Act::RecordInclusionDecision, cases::CaseState::InclusionDecided),
];

fn awaited(act: Act, arrived: bool) -> cases::CaseState {
    if act == Act::ReferToCommission && arrived {
        return cases::CaseState::Arrived;
    }
    let found = AWAITED.iter().find(|(each, _)| *each == act);
    found.map_or(cases::CaseState::InProgress, |(_, state)| *state)
}

fn carried(act: Act, arrived: bool) -> cases::CaseState {
    if act == Act::ReferToCommission && arrived {
        return cases::CaseState::ArrivalAtCommission;
    }
    let found = CARRIED.iter().find(|(each, _)| *each == act);
    found.map_or(cases::CaseState::Closed, |(_, state)| *state)
}

/// What a list says of a case.
pub fn summary(case: &Case) -> cases::CaseSummary {
    let Case {
        id, procedure, region, persons, consent, decision, hops, updated_at, papers, ..
    } = case;
    let open = hops.iter().filter(|run| run.state == HopState::Open);
    let next_due = open.filter_map(|run| run.due.as_ref()).map(|due| due.instant).min();
    // The first act may have recorded the applicant's filing too, which came before it.
    let of_first = hops.iter().filter_map(HopRun::acted);
    let of_first = of_first.filter(|acted| case.opened_by() == Some(acted.sequence));
    let created = of_first.max_by_key(|acted| acted.at);
    cases::CaseSummary {
        case_id: id.to_string(),
        procedure: procedure.procedure.to_string(),
        edition: procedure.edition.to_string(),
        region: region.code().to_owned(),
        state: state(case).into(),
        consent_outcome: outcome(consent.as_ref()).into(),
        inclusion_outcome: outcome(decision.as_ref()).into(),
        person_count: i32::from(*persons),
        consented_person_count: decided_persons(consent.as_ref()),
        included_person_count: decided_persons(decision.as_ref()),
        create_time: created.map(|moment| time(moment.at)),
        update_time: Some(time(*updated_at)),
        next_due_time: next_due.map(time),
        last_outcome: case.outcome().map(super::outcome).unwrap_or_default().into(),
        erased_time: papers.erased().map(|erased| time(erased.at)),
    }
}

/// A case with its timeline, as of `now`.
pub fn case(view: View<'_>, case: &Case, now: Timestamp) -> cases::Case {
    let party = |role| case.participant(Actor::Role(role)).map(|party| view.party_id(party));
    cases::Case {
        summary: Some(summary(case)),
        mission_party_id: party(Role::ForeignMission).unwrap_or_default(),
        migration_body_party_id: party(Role::MigrationBody).unwrap_or_default(),
        akimat_party_id: party(Role::Akimat).unwrap_or_default(),
        commission_party_id: party(Role::Commission).unwrap_or_default(),
        hops: case.hops.iter().map(|run| hop(view, case, run, now)).collect(),
        service_clocks: case.service.iter().map(|clock| service(case, clock, now)).collect(),
        parties: case.participants.iter().map(|&(of, party)| part(view, of, party)).collect(),
    }
}

/// Where a case stands, for those who are told nothing else of it.
pub fn status(case: &Case, now: Timestamp, labels: &Labels) -> cases::CaseStatus {
    let Case { id, procedure, region, hops, updated_at, .. } = case;
    let is_awaited = |run: &&HopRun| run.state == HopState::Open && !run.branch;
    let mut runs: Vec<_> = hops.iter().filter(is_awaited).collect();
    // What has a term comes first; the rest stays in the order in which it was opened.
    runs.sort_by_key(|run| run.due.as_ref().map_or(Timestamp::MAX, |due| due.instant));
    let awaited = runs.into_iter().map(|run| cases::AwaitedAct {
        hop: run.hop.to_string(),
        act: act(run.act, run.from).into(),
        role: actor(run.from).into(),
        due_date: run.due.as_ref().map(|due| date(due.date)),
        late: run.is_late(now),
    });
    let state = state(case);
    cases::CaseStatus {
        case_id: id.to_string(),
        procedure: procedure.procedure.to_string(),
        edition: procedure.edition.to_string(),
        region: region.code().to_owned(),
        state: state.into(),
        state_text: labels.get(LabelKind::Status, label(state)).map(text),
        last_outcome: case.outcome().map(super::outcome).unwrap_or_default().into(),
        awaited: awaited.collect(),
        update_time: Some(time(*updated_at)),
    }
}

fn service(case: &Case, clock: &ServiceClock, now: Timestamp) -> cases::ServiceClock {
    let ServiceClock { opened_at, due, informative } = clock;
    cases::ServiceClock {
        opened_time: Some(time(*opened_at)),
        due_time: Some(time(due.instant)),
        due_date: Some(date(due.date)),
        informative: *informative,
        calendar_version: due.calendar.as_str().to_owned(),
        estimated: due.estimated,
        late: case.status() != CaseStatus::Closed && now >= due.instant,
    }
}

/// Under which name the words for a state are kept.
fn label(state: cases::CaseState) -> &'static str {
    match state {
        cases::CaseState::Unspecified | cases::CaseState::InProgress => "in-progress",
        cases::CaseState::AtMigrationBody => "at-migration-body",
        cases::CaseState::AtAkimat => "at-akimat",
        cases::CaseState::AtCommission => "at-commission",
        cases::CaseState::ConsentDecided => "consent-decided",
        cases::CaseState::DecisionAtMigrationBody => "decision-at-migration-body",
        cases::CaseState::DecisionAtMission => "decision-at-mission",
        cases::CaseState::AwaitingArrival => "awaiting-arrival",
        cases::CaseState::Arrived => "arrived",
        cases::CaseState::ArrivalAtCommission => "arrival-at-commission",
        cases::CaseState::InclusionDecided => "inclusion-decided",
        cases::CaseState::Closed => "closed",
    }
}

fn text(names: &Names) -> LocalizedText {
    let Names { kk, ru, en } = names.clone();
    LocalizedText { kk, ru, en }
}

fn part(view: View<'_>, of: Actor, party: PartyNumber) -> cases::CaseParty {
    cases::CaseParty { role: actor(of).into(), party_id: view.party_id(party) }
}

fn hop(view: View<'_>, case: &Case, run: &HopRun, now: Timestamp) -> cases::CaseHop {
    let law = view.hop(&case.procedure, run.hop);
    let receiver = match &run.state {
        HopState::Carried { to, .. } => Some(*to),
        HopState::Done { received: Some(received), .. } => Some(received.by),
        HopState::Open
        | HopState::Ended { .. }
        | HopState::Withdrawn { .. }
        | HopState::Done { received: None, .. } => law.and_then(|hop| {
            let mut seated = hop.receivers().filter_map(|actor| case.participant(actor));
            seated.find(|party| *party != run.holder)
        }),
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
        branch: run.branch,
        ended_time: ended(run).map(time),
        late: run.is_late(now),
        used_days: used_days(term, run.opened_at, until, zone, &view.law.calendar()),
        sequence: acted.map_or(0, |acted| acted.sequence.0),
        // Said of the case beside it, by whoever has the records.
        rungs: Vec::new(),
        held: super::held::marks(view, case, run),
        withdrawn_time: withdrawn(run).map(time),
        // Told of the case beside it, like the rungs.
        signature: None,
    }
}

fn ended(run: &HopRun) -> Option<Timestamp> {
    match &run.state {
        HopState::Ended { ended } => Some(ended.at),
        HopState::Open
        | HopState::Carried { .. }
        | HopState::Withdrawn { .. }
        | HopState::Done { .. } => None,
    }
}

fn withdrawn(run: &HopRun) -> Option<Timestamp> {
    match &run.state {
        HopState::Withdrawn { withdrawn, .. } => Some(withdrawn.at),
        HopState::Open
        | HopState::Carried { .. }
        | HopState::Done { .. }
        | HopState::Ended { .. } => None,
    }
}

/// A hop that its holder owes, as of `now`.
pub fn obligation(view: View<'_>, case: &Case, run: &HopRun, now: Timestamp) -> Obligation {
    let service = case.service.iter().filter(|clock| !clock.informative);
    let ends = service.map(|clock| clock.due.instant).max();
    let alert_at = ends.into_iter().chain(run.due.as_ref().map(|due| due.instant)).min();
    Obligation {
        alert_time: alert_at.map(time),
        case_id: case.id.to_string(),
        act: act(run.act, run.from).into(),
        region: case.region.code().to_owned(),
        clock: Some(clock(view, &case.procedure, run.into())),
        late: run.is_late(now),
    }
}

/// How a party stands to a case: it has a part in it, or acts for one that has; its region is that
/// of the case; or neither.
pub fn relation(view: View<'_>, case: &Case, party: PartyNumber) -> Relation {
    let acts_for = |of: PartyNumber| view.roster.may_act_for(party, of);
    // Whose place was given to another still has what it did itself.
    let has_acted = |run: &HopRun| run.acted().is_some() && acts_for(run.holder);
    let has_part = case.participants.iter().any(|(_, of)| acts_for(*of));
    if has_part || case.hops.iter().any(has_acted) {
        return Relation::Part;
    }
    let own = view.roster.party(party).and_then(|party| party.region);
    if own == Some(case.region) { Relation::OwnRegion } else { Relation::Stranger }
}

fn outcome(decision: Option<&Decision>) -> cases::CaseOutcome {
    match decision.map(|decision| decision.outcome) {
        None => cases::CaseOutcome::Unspecified,
        Some(
            Outcome::Consent
            | Outcome::Inclusion
            | Outcome::Assignment
            | Outcome::Extension
            | Outcome::Satisfied
            | Outcome::Completed,
        ) => cases::CaseOutcome::Positive,
        Some(Outcome::Refusal | Outcome::Dismissed) => cases::CaseOutcome::Refused,
    }
}

fn decided_persons(decision: Option<&Decision>) -> i32 {
    let positive = decision.filter(|decision| decision.outcome != Outcome::Refusal);
    positive.map_or(0, |decision| i32::from(decision.persons))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_state_has_its_own_words() {
        let labels = Labels::load().unwrap();
        let states = (0..=12).map(|n| cases::CaseState::try_from(n).unwrap());
        assert!(cases::CaseState::try_from(13).is_err(), "a state without a line here");
        let stated = states.filter(|state| *state != cases::CaseState::Unspecified);
        let mut words: Vec<_> = stated
            .map(|state| labels.get(LabelKind::Status, label(state)).map(text).unwrap().en)
            .collect();
        words.sort_unstable();
        words.dedup();
        assert_eq!(words.len(), 12);
    }
}
