//! Lists, recommendations and decisions.

use jiff::civil::Date;

use super::paper::{self, Line};
use super::refusal;
use crate::domain::{ActFacts, Decision, Ground, Outcome};
use crate::rpc::parse::Asked;
use crate::rpc::parse::application::{MAX_FAMILY_MEMBERS, MAX_PERSONS};
use crate::rpc::parse::fault::{Faults, Path};
use crate::rpc::parse::rule::{self, Bound, Lines};
use crate::rpc::proto::forms::v1 as forms;
use crate::rpc::proto::forms::v1::{
    Minutes, QuotaInclusion, ServiceRefusal, StatusAssignment, StatusExtension,
    extension_decision as extended, quota_decision as quota, status_decision as status,
};
use crate::rpc::proto::google::r#type::Date as DateMessage;
use crate::rpc::proto::types::v1::ElectronicSignature;

/// The most persons of a family with the applicant, as a list has them.
const MOST_PERSONS: usize = MAX_PERSONS as usize;

/// Checks the line of a case in a list (002-EN A1 ¶6, A2 ¶6; 002-KK ¶¶10, 15, 19).
pub fn list_entry(
    faults: &mut Faults,
    at: &Path<'_>,
    value: &forms::ListEntry,
    asked: Asked<'_>,
) -> Option<ActFacts> {
    let forms::ListEntry {
        list_number,
        list_date,
        person_count,
        family_members,
        able_bodied_count,
        qualifications,
    } = value;
    paper::number(faults, &at.field("list_number"), list_number);
    let listed = paper::day(faults, &at.field("list_date"), list_date.as_ref(), asked);
    let listed = listed.unwrap_or(paper::today(asked).day);
    let persons = rule::persons(faults, &at.field("person_count"), *person_count);
    let members = at.field("family_members");
    paper::relatives(faults, &members, family_members, listed, Line::Required);
    let most = persons.map_or(i32::from(MAX_PERSONS), i32::from);
    paper::count(faults, &at.field("able_bodied_count"), *able_bodied_count, 0..=most);
    paper::titles(faults, &at.field("qualifications"), qualifications, 0..=MOST_PERSONS);
    Some(ActFacts::Dispatch)
}

/// Checks a recommendation of a commission (002-EN A2 ¶8; 002-KK ¶¶11, 20; 004 ¶9).
pub fn recommendation(
    faults: &mut Faults,
    at: &Path<'_>,
    value: &forms::Recommendation,
    asked: Asked<'_>,
) -> Option<ActFacts> {
    let forms::Recommendation { outcome, person_count, refusal, reasons, issued_date, minutes } =
        value;
    let outcome = refusal::outcome(
        faults,
        &at.field("outcome"),
        *outcome,
        &[Outcome::Inclusion, Outcome::Assignment, Outcome::Refusal],
        "INCLUSION, ASSIGNMENT or REFUSAL",
    );
    let persons = advised(faults, &at.field("person_count"), *person_count, outcome);
    let grounds = refusal::beside(faults, &at.field("refusal"), refusal, outcome);
    rule::text(faults, &at.field("reasons"), reasons, 0..=4000, Lines::Many);
    let issued = paper::day(faults, &at.field("issued_date"), issued_date.as_ref(), asked);
    let at = at.field("minutes");
    if let Some(minutes) = rule::required(faults, &at, minutes) {
        of_session(faults, &at, minutes, outcome, asked);
    }
    let (outcome, persons, grounds) = (outcome?, persons?, grounds?);
    decided(outcome, issued, persons, grounds)
}

/// The persons that a recommendation covers: none when it advises refusal.
fn advised(
    faults: &mut Faults,
    at: &Path<'_>,
    count: i32,
    outcome: Option<Outcome>,
) -> Option<u16> {
    if outcome? != Outcome::Refusal {
        return rule::persons(faults, at, count);
    }
    if count != 0 {
        faults.field(at, format_args!("must be 0: a refusal covers nobody"));
    }
    (count == 0).then_some(0)
}

/// Minutes. A status is assigned by the edition of 2025 alone, which asks for the video recording
/// (004 ¶9).
fn of_session(
    faults: &mut Faults,
    at: &Path<'_>,
    value: &Minutes,
    outcome: Option<Outcome>,
    asked: Asked<'_>,
) {
    let Minutes { minutes_number, session_date, video_reference } = value;
    paper::number(faults, &at.field("minutes_number"), minutes_number);
    paper::day(faults, &at.field("session_date"), session_date.as_ref(), asked);
    let least = usize::from(outcome == Some(Outcome::Assignment));
    rule::text(faults, &at.field("video_reference"), video_reference, least..=300, Lines::One);
}

/// Checks a decision of the akimat on the quota (002-EN A1 Apps. 4-5, A2 Apps. 3-4; 002-KK Apps.
/// 4-5, 9-10).
pub fn quota_decision(
    faults: &mut Faults,
    at: &Path<'_>,
    value: &forms::QuotaDecision,
    asked: Asked<'_>,
) -> Option<ActFacts> {
    let signature = at.field("head_signature");
    let facts = on_quota(faults, at, value, asked);
    let includes = matches!(value.outcome, Some(quota::Outcome::Inclusion(_)));
    match &value.head_signature {
        Some(signed) => paper::signature(faults, &signature, signed, asked),
        // One form of refusal, 002-KK App. 5, has no line for it.
        None if includes => faults.field(&signature, format_args!("is required")),
        None => {}
    }
    facts
}

/// Checks a decision of the commission on the quota, which the akimat signs when sending it
/// (002-EN A1 ¶7; A-24).
pub fn commission_quota_decision(
    faults: &mut Faults,
    at: &Path<'_>,
    value: &forms::QuotaDecision,
    asked: Asked<'_>,
) -> Option<ActFacts> {
    let facts = on_quota(faults, at, value, asked);
    if value.head_signature.is_some() {
        let rule = format_args!("must be empty: the akimat signs when it sends the decision");
        faults.field(&at.field("head_signature"), rule);
    }
    facts
}

fn on_quota(
    faults: &mut Faults,
    at: &Path<'_>,
    value: &forms::QuotaDecision,
    asked: Asked<'_>,
) -> Option<ActFacts> {
    let forms::QuotaDecision {
        decision_number,
        decision_date,
        provider_name,
        commission_name,
        outcome,
        // Whether it is there depends on who decides.
        head_signature: _,
        signed_document,
    } = value;
    paper::signed_document(faults, &at.field("signed_document"), signed_document);
    let on = header(faults, at, (decision_number, decision_date.as_ref(), provider_name), asked);
    paper::wording(faults, &at.field("commission_name"), commission_name);
    match outcome {
        Some(quota::Outcome::Inclusion(inclusion)) => {
            let at = at.field("inclusion");
            let QuotaInclusion { applicant, family_members, person_count } = inclusion;
            let day = on.unwrap_or(paper::today(asked).day);
            paper::applicant(faults, &at.field("applicant"), applicant, day, Line::Required);
            // The form of 002-EN A2 App. 3 has no column for the kinship.
            let members = at.field("family_members");
            paper::relatives(faults, &members, family_members, day, Line::Optional);
            let count = at.field("person_count");
            let persons = paper::persons_with(faults, &count, *person_count, family_members)?;
            decided(Outcome::Inclusion, on, persons, Vec::new())
        }
        Some(quota::Outcome::Refusal(refused)) => service_refusal(faults, at, refused, on, asked),
        None => undecided(faults, at, "inclusion"),
    }
}

/// Checks a decision on the status (004 ¶10, App. 2 row 5).
pub fn status_decision(
    faults: &mut Faults,
    at: &Path<'_>,
    value: &forms::StatusDecision,
    asked: Asked<'_>,
) -> Option<ActFacts> {
    let forms::StatusDecision {
        decision_number,
        decision_date,
        provider_name,
        outcome,
        head_signature,
        signed_document,
    } = value;
    paper::signed_document(faults, &at.field("signed_document"), signed_document);
    let on = header(faults, at, (decision_number, decision_date.as_ref(), provider_name), asked);
    head(faults, at, head_signature, asked);
    match outcome {
        Some(status::Outcome::Assignment(assignment)) => {
            let at = at.field("assignment");
            let StatusAssignment {
                applicant,
                family_members,
                settlement_region,
                person_count,
                attachment_titles,
            } = assignment;
            let day = on.unwrap_or(paper::today(asked).day);
            paper::applicant(faults, &at.field("applicant"), applicant, day, Line::Required);
            let members = at.field("family_members");
            paper::relatives(faults, &members, family_members, day, Line::Required);
            rule::region(faults, &at.field("settlement_region"), settlement_region);
            paper::titles(faults, &at.field("attachment_titles"), attachment_titles, 0..=50);
            let count = at.field("person_count");
            let persons = paper::persons_with(faults, &count, *person_count, family_members)?;
            decided(Outcome::Assignment, on, persons, Vec::new())
        }
        Some(status::Outcome::Refusal(refused)) => service_refusal(faults, at, refused, on, asked),
        None => undecided(faults, at, "assignment"),
    }
}

/// Checks a decision on extension of the status (004 ¶¶19, 22). It covers the applicant alone.
pub fn extension_decision(
    faults: &mut Faults,
    at: &Path<'_>,
    value: &forms::ExtensionDecision,
    asked: Asked<'_>,
) -> Option<ActFacts> {
    let forms::ExtensionDecision {
        decision_number,
        decision_date,
        provider_name,
        outcome,
        head_signature,
        signed_document,
    } = value;
    paper::signed_document(faults, &at.field("signed_document"), signed_document);
    let on = header(faults, at, (decision_number, decision_date.as_ref(), provider_name), asked);
    head(faults, at, head_signature, asked);
    match outcome {
        Some(extended::Outcome::Extension(StatusExtension { months, until_date })) => {
            let at = at.field("extension");
            let months = paper::count(faults, &at.field("months"), *months, 1..=6);
            let until = at.field("until_date");
            let first = Bound { day: on.unwrap_or(rule::FIRST_PAPER_DAY), name: "decision_date" };
            rule::date(faults, &until, until_date.as_ref(), first, paper::ANY_DAY.1)?;
            Some(ActFacts::Decision(Decision {
                outcome: Outcome::Extension,
                decided_on: on?,
                persons: 1,
                grounds: Vec::new(),
                months: u8::try_from(months?).ok()?,
            }))
        }
        Some(extended::Outcome::Refusal(refused)) => {
            service_refusal(faults, at, refused, on, asked)
        }
        None => undecided(faults, at, "extension"),
    }
}

/// Number, date and the name of whoever decides; the date.
fn header(
    faults: &mut Faults,
    at: &Path<'_>,
    (number, date, provider): (&str, Option<&DateMessage>, &str),
    asked: Asked<'_>,
) -> Option<Date> {
    paper::number(faults, &at.field("decision_number"), number);
    let on = paper::day(faults, &at.field("decision_date"), date, asked);
    paper::wording(faults, &at.field("provider_name"), provider);
    on
}

fn head(faults: &mut Faults, at: &Path<'_>, value: &Option<ElectronicSignature>, asked: Asked<'_>) {
    paper::signed(faults, &at.field("head_signature"), value, asked);
}

/// A motivated refusal of the service.
fn service_refusal(
    faults: &mut Faults,
    at: &Path<'_>,
    value: &ServiceRefusal,
    on: Option<Date>,
    asked: Asked<'_>,
) -> Option<ActFacts> {
    let at = at.field("refusal");
    let ServiceRefusal {
        application_number,
        application_type,
        acceptance_date,
        execution_date,
        recipients,
        refusal,
    } = value;
    paper::number(faults, &at.field("application_number"), application_number);
    let kind = at.field("application_type");
    rule::text(faults, &kind, application_type, 1..=200, Lines::One);
    let accepted =
        paper::day(faults, &at.field("acceptance_date"), acceptance_date.as_ref(), asked);
    let first = Bound { day: accepted.unwrap_or(rule::FIRST_PAPER_DAY), name: "acceptance_date" };
    let executed = at.field("execution_date");
    rule::date(faults, &executed, execution_date.as_ref(), first, paper::today(asked));
    let listed = at.field("recipients");
    if paper::length(faults, &listed, recipients, 1..=MAX_FAMILY_MEMBERS + 1) {
        let day = on.unwrap_or(paper::today(asked).day);
        for (place, one) in recipients.iter().enumerate() {
            // The applicant stands first, and is nobody's kin on this form.
            let degree = if place == 0 { Line::Absent } else { Line::Required };
            paper::recipient(faults, &listed.item(place), one, day, (Line::Absent, degree));
        }
    }
    let grounds = refusal::required(faults, &at.field("refusal"), refusal)?;
    decided(Outcome::Refusal, on, 0, grounds)
}

fn decided(
    outcome: Outcome,
    on: Option<Date>,
    persons: u16,
    grounds: Vec<Ground>,
) -> Option<ActFacts> {
    let decision = Decision { outcome, decided_on: on?, persons, grounds, months: 0 };
    Some(ActFacts::Decision(decision))
}

fn undecided(faults: &mut Faults, at: &Path<'_>, positive: &'static str) -> Option<ActFacts> {
    let at = at.field(positive);
    faults.field(&at, format_args!("either this or refusal is required"));
    None
}
