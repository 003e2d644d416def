//! What an intake writes: registration, acceptance, refusal to accept, certified copies.

use super::paper::{self, Line};
use super::refusal::{self, Refused};
use crate::domain::ActFacts;
use crate::rpc::parse::Asked;
use crate::rpc::parse::fault::{Faults, Path};
use crate::rpc::parse::person;
use crate::rpc::parse::rule::{self, Lines};
use crate::rpc::proto::forms::v1 as forms;
use crate::rpc::proto::forms::v1::FaultyDocument;

/// The most documents that a register counts as incoming.
const MAX_INCOMING: i32 = 1000;

/// Checks the entry in the register (002-EN A1 ¶5; 002-KK ¶¶9, 18; 004 ¶4).
pub fn registration_entry(
    faults: &mut Faults,
    at: &Path<'_>,
    value: &forms::RegistrationEntry,
    asked: Asked<'_>,
) -> Option<ActFacts> {
    let forms::RegistrationEntry {
        registration_number,
        registered_time,
        document_count,
        accepted_by,
        stamped_copy: _,
    } = value;
    paper::number(faults, &at.field("registration_number"), registration_number);
    paper::time(faults, &at.field("registered_time"), registered_time.as_ref(), asked);
    paper::count(faults, &at.field("document_count"), *document_count, 1..=MAX_INCOMING);
    person::official(faults, &at.field("accepted_by"), accepted_by);
    Some(ActFacts::Dispatch)
}

/// Checks the receipt for the documents (002-EN A1 ¶5; 002-KK ¶6).
pub fn acceptance_receipt(
    faults: &mut Faults,
    at: &Path<'_>,
    value: &forms::AcceptanceReceipt,
    asked: Asked<'_>,
) -> Option<ActFacts> {
    let forms::AcceptanceReceipt {
        receipt_number,
        issued_time,
        service_name,
        document_titles,
        employee,
    } = value;
    paper::number(faults, &at.field("receipt_number"), receipt_number);
    paper::time(faults, &at.field("issued_time"), issued_time.as_ref(), asked);
    paper::wording(faults, &at.field("service_name"), service_name);
    paper::titles(faults, &at.field("document_titles"), document_titles, 1..=50);
    person::official(faults, &at.field("employee"), employee);
    Some(ActFacts::Dispatch)
}

/// Checks the notification of acceptance with its tear-off (002-KK App. 7).
pub fn acceptance_notice(
    faults: &mut Faults,
    at: &Path<'_>,
    value: &forms::AcceptanceNotice,
    asked: Asked<'_>,
) -> Option<ActFacts> {
    let forms::AcceptanceNotice {
        notice_number,
        notice_date,
        applicant_name,
        service_name,
        region,
        provider_name,
        incoming_number,
        incoming_date,
        document_titles,
        accepted_by,
        signed_date,
        tear_off,
    } = value;
    paper::number(faults, &at.field("notice_number"), notice_number);
    paper::day(faults, &at.field("notice_date"), notice_date.as_ref(), asked);
    person::name(faults, &at.field("applicant_name"), applicant_name);
    paper::wording(faults, &at.field("service_name"), service_name);
    rule::region(faults, &at.field("region"), region);
    paper::wording(faults, &at.field("provider_name"), provider_name);
    paper::number(faults, &at.field("incoming_number"), incoming_number);
    paper::day(faults, &at.field("incoming_date"), incoming_date.as_ref(), asked);
    paper::titles(faults, &at.field("document_titles"), document_titles, 1..=50);
    person::official(faults, &at.field("accepted_by"), accepted_by);
    paper::day(faults, &at.field("signed_date"), signed_date.as_ref(), asked);
    let at = at.field("tear_off");
    if let Some(tear_off) = rule::required(faults, &at, tear_off) {
        below_the_line(faults, &at, tear_off, asked);
    }
    Some(ActFacts::Dispatch)
}

fn below_the_line(
    faults: &mut Faults,
    at: &Path<'_>,
    value: &forms::AcceptanceTearOff,
    asked: Asked<'_>,
) {
    let forms::AcceptanceTearOff { date, number, applicant, contact_details, signed_date } = value;
    let paper = paper::day(faults, &at.field("date"), date.as_ref(), asked);
    paper::number(faults, &at.field("number"), number);
    let paper = paper.unwrap_or(paper::today(asked).day);
    paper::applicant(faults, &at.field("applicant"), applicant, paper, Line::Required);
    paper::wording(faults, &at.field("contact_details"), contact_details);
    paper::day(faults, &at.field("signed_date"), signed_date.as_ref(), asked);
}

/// Checks the status "accepted" in the personal account (002-KK ¶¶7, 15).
pub fn acceptance_status(
    faults: &mut Faults,
    at: &Path<'_>,
    value: &forms::AcceptanceStatus,
    asked: Asked<'_>,
) -> Option<ActFacts> {
    let forms::AcceptanceStatus { shown_time, application_number } = value;
    paper::time(faults, &at.field("shown_time"), shown_time.as_ref(), asked);
    paper::number(faults, &at.field("application_number"), application_number);
    Some(ActFacts::Dispatch)
}

/// Checks the receipt of refusal to accept (002-EN A1 App. 3, A2 App. 5; 002-KK App. 3, App. 8).
pub fn refusal_receipt(
    faults: &mut Faults,
    at: &Path<'_>,
    value: &forms::RefusalReceipt,
    asked: Asked<'_>,
) -> Option<ActFacts> {
    let forms::RefusalReceipt {
        legal_basis,
        department,
        address,
        service_name,
        grounds,
        documents,
        copies,
        employee,
        performer,
        phone,
        recipient,
        date,
        head_signature,
        signed_document,
    } = value;
    paper::signed_document(faults, &at.field("signed_document"), signed_document);
    paper::wording(faults, &at.field("legal_basis"), legal_basis);
    paper::wording(faults, &at.field("department"), department);
    person::address(faults, &at.field("address"), address);
    paper::wording(faults, &at.field("service_name"), service_name);
    let grounds = refusal::grounds(faults, &at.field("grounds"), grounds, Refused::Acceptance);
    faulty_documents(faults, &at.field("documents"), documents);
    paper::count(faults, &at.field("copies"), *copies, 1..=9);
    person::official(faults, &at.field("employee"), employee);
    person::name(faults, &at.field("performer"), performer);
    rule::text(faults, &at.field("phone"), phone, 1..=32, Lines::One);
    if recipient.is_some() {
        person::name(faults, &at.field("recipient"), recipient);
    }
    paper::day(faults, &at.field("date"), date.as_ref(), asked);
    if let Some(signed) = head_signature {
        paper::signature(faults, &at.field("head_signature"), signed, asked);
    }
    Some(ActFacts::NotAccepted { grounds: grounds? })
}

fn faulty_documents(faults: &mut Faults, at: &Path<'_>, documents: &[FaultyDocument]) {
    if !paper::length(faults, at, documents, 1..=50) {
        return;
    }
    for (place, FaultyDocument { title, expired: _ }) in documents.iter().enumerate() {
        rule::text(faults, &at.item(place).field("title"), title, 1..=200, Lines::One);
    }
}

/// Checks the certified copies (002-KK ¶6).
pub fn certified_copies(
    faults: &mut Faults,
    at: &Path<'_>,
    value: &forms::CertifiedCopies,
    asked: Asked<'_>,
) -> Option<ActFacts> {
    let forms::CertifiedCopies {
        documents,
        specialist_signature,
        originals_returned,
        signed_document,
    } = value;
    paper::signed_document(faults, &at.field("signed_document"), signed_document);
    paper::documents(faults, &at.field("documents"), documents, 1);
    paper::signed(faults, &at.field("specialist_signature"), specialist_signature, asked);
    if !originals_returned {
        let rule = format_args!("must be true: the originals go back to the applicant (002-KK ¶6)");
        faults.field(&at.field("originals_returned"), rule);
    }
    Some(ActFacts::Dispatch)
}
