//! One family's way, hop by hop, as the bus tells it.

use jiff::tz::TimeZone;

use super::Findings;
use super::family::Family;
use super::papers;
use super::tally::term_words;
use super::tell::wrap;
use super::words::Script;
use crate::domain::party::{Parties, Party};
use crate::rpc::proto::cases::v1::{Case, CaseHop};
use crate::rpc::proto::types::v1::{Act, Clock, TermSource};

/// A family of at least so many persons makes the better story.
const PERSONS: usize = 4;

/// The timeline of the first family that was included, has some members, and writes in Kazakh.
pub(super) fn timeline(findings: &Findings) -> String {
    let Some((case, family)) = chosen(findings) else {
        return "No family was included, so there is no timeline to tell.".to_owned();
    };
    let name = family.members.first().map_or("", |applicant| applicant.given_name.as_str());
    let head = format!(
        "One family's way, as the bus tells it: {} {name}, made up, {} persons, papers in {} \
         script, from {} to {}. Times are those of the party that acts.",
        family.surname,
        family.members.len(),
        family.script.name(),
        family.country,
        family.region.name_en(),
    );
    let mut lines = vec![wrap(&head)];
    lines.extend(case.hops.iter().flat_map(|hop| told(hop, &findings.parties)));
    lines.extend(names(case, &findings.parties));
    lines.join("\n")
}

/// The case to tell of, with the family behind it: the bus knows no names outside its deliveries,
/// so the family is found by what it filed.
fn chosen(findings: &Findings) -> Option<(&Case, &Family)> {
    let included = |case: &&Case| {
        case.summary.as_ref().is_some_and(|summary| summary.included_person_count > 0)
    };
    let pairs = findings.tally.cases.iter().filter(included).filter_map(|case| {
        let summary = case.summary.as_ref()?;
        let filed = case.hops.iter().find(|hop| hop.act() == Act::FileApplication)?;
        let filed_at = papers::instant(filed.acted_time.as_ref()?)?;
        let family =
            findings.played.families.iter().find(|family| {
                family.region.code() == summary.region && family.filed_at == filed_at
            })?;
        Some((case, family.as_ref()))
    });
    let mut pairs: Vec<_> = pairs.collect();
    pairs.sort_by_key(|(_, family)| {
        let small = family.members.len() < PERSONS;
        (small, family.script != Script::Kazakh, family.filed_at)
    });
    pairs.first().copied()
}

/// A hop in up to three lines: the act, its term, its receipt.
fn told(hop: &CaseHop, parties: &Parties) -> Vec<String> {
    let clock = hop.clock.clone().unwrap_or_default();
    let acted = moment(hop.acted_time.as_ref(), party(parties, &clock.holder_party_id));
    let receiver = &hop.receiver_party_id;
    let received = moment(hop.received_time.as_ref(), party(parties, receiver));
    let mut lines = vec![
        format!("{:8} {:26} {}", clock.hop, acted.unwrap_or_default(), sentence(hop, &clock)),
        format!("{:8} {}; {}", "", used(hop, &clock), clock.citation),
    ];
    lines.extend(received.map(|at| format!("{:8} {at:26} {receiver} receives it", "")));
    lines
}

fn moment(at: Option<&prost_types::Timestamp>, party: Option<&Party>) -> Option<String> {
    let zone = party.map_or(TimeZone::UTC, |party| party.zone.clone());
    let at = papers::instant(at?)?.to_zoned(zone);
    Some(at.strftime("%a %e %b %Y %H:%M %:::z").to_string())
}

fn used(hop: &CaseHop, clock: &Clock) -> String {
    let day = clock.due_date.as_ref().and_then(papers::day);
    let (Some(days), Some(day)) = (hop.used_days, day) else {
        return "the law sets no term".to_owned();
    };
    let assumed =
        if clock.source() == TermSource::Assumed { ", a term the bus assumes" } else { "" };
    let late = if hop.late { ", late" } else { "" };
    let term = term_words(clock.term.as_ref());
    format!("due {}: {days} of {term} used{late}{assumed}", day.strftime("%a %-d %b %Y"))
}

/// What a hop is, in a sentence that names who does it.
fn sentence(hop: &CaseHop, clock: &Clock) -> String {
    let (holder, receiver) = (&clock.holder_party_id, &hop.receiver_party_id);
    match hop.act() {
        Act::FileApplication => format!("the family files its application at {holder}"),
        Act::SubmitApplication | Act::ForwardApplication => {
            format!("{holder} sends the application to {receiver}")
        }
        Act::ReferToCommission => format!("{holder} puts the application before {receiver}"),
        Act::RecordConsentDecision => format!("{holder} decides on consent and tells {receiver}"),
        Act::SendConsentDecision | Act::ForwardDecision => {
            format!("{holder} sends the decision to {receiver}")
        }
        Act::HandOverDecision => format!("{holder} hands the decision over to the family"),
        Act::RegisterArrival => format!("the family has arrived and applies to {holder}"),
        Act::RecordInclusionDecision => {
            format!("{holder} decides on inclusion and tells {receiver}")
        }
        Act::HandOverInclusionDecision => {
            format!("{holder} hands the inclusion over to the family")
        }
        // The acts of the procedures that the demonstration does not play.
        Act::QueryStateSystems
        | Act::AnswerQuery
        | Act::QueryDigitalDocuments
        | Act::AnswerDigitalDocuments
        | Act::RegisterApplication
        | Act::ConfirmAcceptance
        | Act::RefuseToAccept
        | Act::CertifyCopies
        | Act::SendList
        | Act::RecordRecommendation
        | Act::GivePreliminaryNotice
        | Act::RecordObjection
        | Act::RecordHearing
        | Act::PostponeHearing
        | Act::RecordHearingOutcome
        | Act::RecordDecision
        | Act::SendDecision
        | Act::PublishResult
        | Act::IssueCertificate
        | Act::ReissueCertificate
        | Act::ReportStage
        | Act::NotifyApplicant
        | Act::RegisterComplaint
        | Act::AnswerComplaint
        | Act::ExtendComplaint
        | Act::NotifyExtension
        | Act::RecordCourtAppeal
        | Act::RegisterChange
        | Act::NotifyChange
        | Act::SendProposal
        | Act::PublishSettlementList
        | Act::RecordArrival
        | Act::RecordServiceResult => format!("{holder} does its part"),
        Act::Unspecified => "an act without a name".to_owned(),
    }
}

/// Who the parties are.
fn names(case: &Case, parties: &Parties) -> Vec<String> {
    let ids = [
        &case.mission_party_id,
        &case.migration_body_party_id,
        &case.akimat_party_id,
        &case.commission_party_id,
    ];
    let named = ids.into_iter().filter_map(|id| party(parties, id));
    named.map(|party| wrap(&format!("{} is the {}.", party.id, party.names.en))).collect()
}

/// The party of this id.
pub(super) fn party<'p>(parties: &'p Parties, id: &str) -> Option<&'p Party> {
    parties.iter().find(|party| party.id.as_str() == id)
}
