//! What reaches the applicant, and what the applicant's arrival sets off.

use super::paper::{self, Line};
use super::refusal;
use crate::domain::{ActFacts, Decision, Outcome};
use crate::rpc::parse::Asked;
use crate::rpc::parse::application;
use crate::rpc::parse::fault::{Faults, Path};
use crate::rpc::parse::person;
use crate::rpc::parse::rule::{self, Bound, Lines};
use crate::rpc::proto::forms::v1 as forms;
use crate::rpc::proto::forms::v1::{CompositeService, NoticeChannel};

/// Checks a notification in free form (002-EN A2 ¶¶5, 13; 004 ¶22).
pub fn notification(
    faults: &mut Faults,
    at: &Path<'_>,
    value: &forms::Notification,
    asked: Asked<'_>,
) -> Option<ActFacts> {
    let forms::Notification { sent_time, channels, text, documents, sent_by } = value;
    let sent = paper::time(faults, &at.field("sent_time"), sent_time.as_ref(), asked);
    paper::each_once::<NoticeChannel>(faults, &at.field("channels"), channels, 1..=8);
    rule::text(faults, &at.field("text"), text, 1..=1000, Lines::Many);
    paper::documents(faults, &at.field("documents"), documents, 0);
    if sent_by.is_some() {
        person::official(faults, &at.field("sent_by"), sent_by);
    }
    Some(ActFacts::Happened { field: "notification.sent_time", at: sent? })
}

/// Checks the result in the personal account (002-KK ¶13, App. 2 row 5; 004 App. 2 row 5).
pub fn result_publication(
    faults: &mut Faults,
    at: &Path<'_>,
    value: &forms::ResultPublication,
    asked: Asked<'_>,
) -> Option<ActFacts> {
    let forms::ResultPublication {
        shown_time,
        portal_name,
        document,
        signature: official,
        signed_document,
    } = value;
    paper::signed_document(faults, &at.field("signed_document"), signed_document);
    paper::time(faults, &at.field("shown_time"), shown_time.as_ref(), asked);
    rule::text(faults, &at.field("portal_name"), portal_name, 1..=100, Lines::One);
    let shown = at.field("document");
    if let Some(document) = rule::required(faults, &shown, document) {
        application::document(faults, &shown, document);
    }
    if let Some(signed) = official {
        paper::signature(faults, &at.field("signature"), signed, asked);
    }
    Some(ActFacts::Dispatch)
}

/// Checks a kandas certificate (004 App. 2 row 5).
pub fn kandas_certificate(
    faults: &mut Faults,
    at: &Path<'_>,
    value: &forms::KandasCertificate,
    asked: Asked<'_>,
) -> Option<ActFacts> {
    let forms::KandasCertificate {
        certificate_number,
        issued_date,
        holder,
        family_members,
        valid_until_date,
        issued_by,
    } = value;
    paper::number(faults, &at.field("certificate_number"), certificate_number);
    let issued = paper::day(faults, &at.field("issued_date"), issued_date.as_ref(), asked);
    let paper_day = issued.unwrap_or(paper::today(asked).day);
    paper::applicant(faults, &at.field("holder"), holder, paper_day, Line::Optional);
    let members = at.field("family_members");
    paper::relatives(faults, &members, family_members, paper_day, Line::Required);
    if valid_until_date.is_some() {
        let first = Bound { day: issued.unwrap_or(rule::FIRST_PAPER_DAY), name: "issued_date" };
        let until = at.field("valid_until_date");
        rule::date(faults, &until, valid_until_date.as_ref(), first, paper::ANY_DAY.1);
    }
    person::official(faults, &at.field("issued_by"), issued_by);
    Some(ActFacts::Dispatch)
}

/// Checks a certificate issued again (004 App. 2 row 5).
pub fn certificate_reissue(
    faults: &mut Faults,
    at: &Path<'_>,
    value: &forms::CertificateReissue,
    asked: Asked<'_>,
) -> Option<ActFacts> {
    let forms::CertificateReissue { certificate_number, requested_time, reissued_time, issued_by } =
        value;
    paper::number(faults, &at.field("certificate_number"), certificate_number);
    let requested =
        paper::time(faults, &at.field("requested_time"), requested_time.as_ref(), asked);
    let again = at.field("reissued_time");
    let reissued = paper::time(faults, &again, reissued_time.as_ref(), asked);
    if requested.zip(reissued).is_some_and(|(requested, reissued)| reissued < requested) {
        faults.field(&again, format_args!("lies before requested_time; check the times"));
    }
    person::official(faults, &at.field("issued_by"), issued_by);
    Some(ActFacts::Dispatch)
}

/// Checks the record of an arrival (004 ¶10(2)). That it names the region of the decision and no
/// more persons than that covers is judged against the case.
pub fn arrival_record(
    faults: &mut Faults,
    at: &Path<'_>,
    value: &forms::ArrivalRecord,
    asked: Asked<'_>,
) -> Option<ActFacts> {
    let forms::ArrivalRecord { arrival_date, region, residence, person_count, recorded_by } = value;
    let arrived = paper::day(faults, &at.field("arrival_date"), arrival_date.as_ref(), asked);
    rule::region(faults, &at.field("region"), region);
    let home = at.field("residence");
    let address = person::address(faults, &home, residence);
    if address.is_some_and(|home| rule::is_country(&home.country) && home.country != "KZ") {
        let country = home.field("country");
        faults.field(&country, format_args!("must be KZ: the region lies in Kazakhstan"));
    }
    rule::persons(faults, &at.field("person_count"), *person_count);
    person::official(faults, &at.field("recorded_by"), recorded_by);
    let at = paper::end_of(arrived?, asked);
    Some(ActFacts::Happened { field: "arrival.arrival_date", at })
}

/// Checks the result of one service of the composite (002-EN A1 ¶9).
pub fn service_result(
    faults: &mut Faults,
    at: &Path<'_>,
    value: &forms::ServiceResult,
    asked: Asked<'_>,
) -> Option<ActFacts> {
    let forms::ServiceResult {
        service,
        outcome,
        result_date,
        document_number,
        provider_name,
        service_case_id,
    } = value;
    paper::stated::<CompositeService>(faults, &at.field("service"), *service);
    let outcome = refusal::outcome(
        faults,
        &at.field("outcome"),
        *outcome,
        &[Outcome::Completed, Outcome::Refusal],
        "COMPLETED or REFUSAL",
    );
    let on = paper::day(faults, &at.field("result_date"), result_date.as_ref(), asked);
    paper::number(faults, &at.field("document_number"), document_number);
    paper::wording(faults, &at.field("provider_name"), provider_name);
    paper::named_case(faults, &at.field("service_case_id"), service_case_id);
    Some(ActFacts::Decision(Decision {
        outcome: outcome?,
        decided_on: on?,
        persons: 0,
        grounds: Vec::new(),
        months: 0,
    }))
}
