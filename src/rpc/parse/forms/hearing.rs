//! The hearing before a refusal: notice, objection, hearing, postponement, outcome.

use jiff::civil::Date;

use super::paper;
use super::refusal;
use crate::domain::{ActFacts, Decision, Outcome};
use crate::rpc::parse::Asked;
use crate::rpc::parse::fault::{Faults, Path};
use crate::rpc::parse::person;
use crate::rpc::parse::rule::{self, Lines};
use crate::rpc::proto::forms::v1 as forms;
use crate::rpc::proto::forms::v1::{FilingManner, HearingAttendance, NoticeChannel};

/// Checks the notice of a preliminary refusal (002-EN A1 ¶8, A2 ¶9; 002-KK ¶¶12, 21; 004 ¶9-1).
pub fn preliminary_notice(
    faults: &mut Faults,
    at: &Path<'_>,
    value: &forms::PreliminaryNotice,
    asked: Asked<'_>,
) -> Option<ActFacts> {
    let forms::PreliminaryNotice {
        notice_number,
        sent_time,
        refusal,
        hearing_time,
        hearing_place,
        channels,
        performer,
    } = value;
    paper::number(faults, &at.field("notice_number"), notice_number);
    let sent = paper::time(faults, &at.field("sent_time"), sent_time.as_ref(), asked);
    refusal::required(faults, &at.field("refusal"), refusal);
    let hearing = at.field("hearing_time");
    let heard = paper::time_ahead(faults, &hearing, hearing_time.as_ref(), asked);
    if sent.zip(heard).is_some_and(|(sent, heard)| heard < sent) {
        faults.field(&hearing, format_args!("lies before sent_time; check the times"));
    }
    paper::wording(faults, &at.field("hearing_place"), hearing_place);
    paper::each_once::<NoticeChannel>(faults, &at.field("channels"), channels, 1..=8);
    person::official(faults, &at.field("performer"), performer);
    Some(ActFacts::Hearing { at: heard? })
}

/// Checks an objection of the applicant (002-EN A1 ¶8; 002-KK ¶¶12, 21).
pub fn objection(
    faults: &mut Faults,
    at: &Path<'_>,
    value: &forms::Objection,
    asked: Asked<'_>,
) -> Option<ActFacts> {
    let forms::Objection { received_time, text, documents, manner, received_by } = value;
    let received = paper::time(faults, &at.field("received_time"), received_time.as_ref(), asked);
    paper::prose(faults, &at.field("text"), text);
    paper::documents(faults, &at.field("documents"), documents, 0);
    paper::stated::<FilingManner>(faults, &at.field("manner"), *manner);
    person::official(faults, &at.field("received_by"), received_by);
    Some(ActFacts::Happened { field: "objection.received_time", at: received? })
}

/// Checks the record of a hearing (004 ¶9-1).
pub fn hearing_record(
    faults: &mut Faults,
    at: &Path<'_>,
    value: &forms::HearingRecord,
    asked: Asked<'_>,
) -> Option<ActFacts> {
    let forms::HearingRecord { held_time, attendance, record, recorded_by } = value;
    let held = paper::time(faults, &at.field("held_time"), held_time.as_ref(), asked);
    paper::stated::<HearingAttendance>(faults, &at.field("attendance"), *attendance);
    rule::text(faults, &at.field("record"), record, 0..=4000, Lines::Many);
    person::official(faults, &at.field("recorded_by"), recorded_by);
    Some(ActFacts::Happened { field: "hearing.held_time", at: held? })
}

/// Checks the postponement of a hearing (004 ¶9-1).
pub fn hearing_postponement(
    faults: &mut Faults,
    at: &Path<'_>,
    value: &forms::HearingPostponement,
    asked: Asked<'_>,
) -> Option<ActFacts> {
    let forms::HearingPostponement {
        received_time,
        reasons,
        documents,
        until_date,
        hearing_time,
        hearing_place,
        received_by,
    } = value;
    paper::time(faults, &at.field("received_time"), received_time.as_ref(), asked);
    paper::prose(faults, &at.field("reasons"), reasons);
    paper::documents(faults, &at.field("documents"), documents, 1);
    let until = paper::day_ahead(faults, &at.field("until_date"), until_date.as_ref());
    let hearing = at.field("hearing_time");
    let heard = paper::time_ahead(faults, &hearing, hearing_time.as_ref(), asked);
    if let Some(heard) = heard {
        let is_early = |until: Date| asked.day(heard) < until;
        if heard < asked.now {
            faults.field(&hearing, format_args!("lies in the past; set a time to come"));
        } else if until.is_some_and(is_early) {
            faults.field(&hearing, format_args!("lies before until_date; check the time"));
        }
    }
    paper::wording(faults, &at.field("hearing_place"), hearing_place);
    person::official(faults, &at.field("received_by"), received_by);
    Some(ActFacts::Postponed { until: heard? })
}

/// Checks what came of a hearing (002-EN A1 ¶8, A2 ¶9; 002-KK ¶¶12, 21; 004 ¶9-1). The form counts
/// no persons: an application that goes on does so for all of its own.
pub fn hearing_outcome(
    faults: &mut Faults,
    at: &Path<'_>,
    value: &forms::HearingOutcome,
    asked: Asked<'_>,
) -> Option<ActFacts> {
    let forms::HearingOutcome {
        document_number,
        decided_date,
        outcome,
        refusal,
        head_signature,
        signed_document,
    } = value;
    paper::signed_document(faults, &at.field("signed_document"), signed_document);
    paper::number(faults, &at.field("document_number"), document_number);
    let on = paper::day(faults, &at.field("decided_date"), decided_date.as_ref(), asked);
    let outcome = refusal::outcome(
        faults,
        &at.field("outcome"),
        *outcome,
        &[Outcome::Inclusion, Outcome::Assignment, Outcome::Extension, Outcome::Refusal],
        "INCLUSION, ASSIGNMENT, EXTENSION or REFUSAL",
    );
    let grounds = refusal::beside(faults, &at.field("refusal"), refusal, outcome);
    let signature = at.field("head_signature");
    // Assigned and extended is by the edition of 2025 alone, which asks for the signature.
    let is_of_2025 = matches!(outcome, Some(Outcome::Assignment | Outcome::Extension));
    match head_signature {
        Some(signed) => paper::signature(faults, &signature, signed, asked),
        None if is_of_2025 => faults.field(&signature, format_args!("is required (004 ¶9-1)")),
        None => {}
    }
    Some(ActFacts::Decision(Decision {
        outcome: outcome?,
        decided_on: on?,
        persons: 0,
        grounds: grounds?,
        months: 0,
    }))
}
