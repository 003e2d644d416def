//! The forms of acts inside a case.

use super::samples::*;
use super::*;
use crate::domain::{ActFacts, Ground, Outcome};
use crate::rpc::parse::forms;
use crate::rpc::proto::forms::v1::*;
use crate::rpc::proto::types::v1::{self as types, DocumentKind};
use crate::rpc::tests::samples::{day, document, stamp};

/// A time later than the clocks may differ.
fn later() -> Option<prost_types::Timestamp> {
    stamp("2021-09-06T12:05:01+06:00")
}

#[test]
fn every_rule_of_registration_and_acceptance_is_held() {
    hold(
        forms::registration_entry,
        &registration_entry(),
        &["registration_number", "registered_time", "document_count", "accepted_by"],
        &[
            (|f| f.registration_number = " 1".into(), "registration_number: begins or ends"),
            (|f| f.registered_time = later(), "registered_time: lies in the future"),
            (|f| f.document_count = 1001, "document_count: must be 1 to 1000"),
        ],
    );
    hold(
        forms::acceptance_receipt,
        &acceptance_receipt(),
        &["receipt_number", "issued_time", "service_name", "document_titles", "employee"],
        &[
            (|f| f.service_name = long(301), "service_name: has more than 300"),
            (|f| f.document_titles = vec![long(1); 51], "document_titles: has more than 50"),
            (|f| f.document_titles[0] = long(201), "document_titles[0]: has more than 200"),
        ],
    );
    fn tear_off(form: &mut AcceptanceNotice) -> &mut AcceptanceTearOff {
        form.tear_off.as_mut().unwrap()
    }
    hold(
        forms::acceptance_notice,
        &acceptance_notice(),
        &[
            "notice_number",
            "notice_date",
            "applicant_name",
            "service_name",
            "REGION_UNKNOWN region",
            "provider_name",
            "incoming_number",
            "incoming_date",
            "document_titles",
            "accepted_by",
            "signed_date",
            "tear_off",
        ],
        &[
            (|f| f.notice_date = day(2021, 9, 7), "notice_date: lies after today"),
            (|f| f.incoming_number = long(65), "incoming_number: has more than 64"),
            (|f| tear_off(f).number.clear(), "tear_off.number: is required"),
            (|f| tear_off(f).contact_details = long(301), "tear_off.contact_details: has more"),
            (
                |f| tear_off(f).applicant.as_mut().unwrap().residence = None,
                "tear_off.applicant.residence: is required",
            ),
            (|f| tear_off(f).signed_date = day(2015, 9, 7), "tear_off.signed_date: lies before"),
        ],
    );
    hold(
        forms::acceptance_status,
        &acceptance_status(),
        &["shown_time", "application_number"],
        &[
            (|f| f.shown_time = stamp("2015-01-01T00:00:00Z"), "shown_time: lies before the year"),
            (|f| f.application_number = long(65), "application_number: has more than 64"),
        ],
    );
}

#[test]
fn every_rule_of_a_refusal_to_accept_is_held() {
    hold(
        forms::refusal_receipt,
        &refusal_receipt(),
        &[
            "legal_basis",
            "department",
            "address",
            "service_name",
            "GROUNDS_REQUIRED grounds",
            "documents",
            "copies",
            "employee",
            "performer",
            "phone",
            "date",
        ],
        &[
            (|f| f.legal_basis = long(301), "legal_basis: has more than 300"),
            (|f| f.grounds[1] = f.grounds[0], "GROUNDS_REQUIRED grounds[1]: is stated twice"),
            (|f| f.grounds[0] = 1, "GROUNDS_REQUIRED grounds[0]: is neither"),
            (|f| f.grounds[0] = 99, "GROUNDS_REQUIRED grounds[0]: is neither"),
            (|f| f.documents[0].title.clear(), "documents[0].title: is required"),
            (|f| f.copies = 10, "copies: must be 1 to 9"),
            (|f| f.phone = long(33), "phone: has more than 32"),
            (
                |f| f.head_signature.as_mut().unwrap().signature.clear(),
                "head_signature.signature: must be a signature of 1 to 8192 bytes",
            ),
            (
                |f| f.head_signature.as_mut().unwrap().signed_time = later(),
                "head_signature.signed_time: lies in the future",
            ),
            (
                |f| f.head_signature.as_mut().unwrap().signed_time = None,
                "head_signature.signed_time: is required",
            ),
        ],
    );
    let mut electronic = refusal_receipt();
    (electronic.recipient, electronic.head_signature) = (None, None);
    let grounds = vec![Ground::IncompletePackage, Ground::ExpiredDocuments];
    let got = facts(forms::refusal_receipt, Role::StateCorporation, &electronic);
    assert_eq!(got, ActFacts::NotAccepted { grounds });
}

#[test]
fn every_rule_of_copies_and_queries_is_held() {
    hold(
        forms::certified_copies,
        &certified_copies(),
        &["documents", "specialist_signature", "originals_returned"],
        &[(|f| f.documents[0].size_bytes = 0, "documents[0].size_bytes: must be at least 1")],
    );
    hold(
        forms::state_query,
        &state_query(),
        &["subjects", "persons", "locality", "asked_by"],
        &[
            (|f| f.subjects[1] = f.subjects[0], "subjects[1]: is stated twice"),
            (|f| f.subjects[1] = 4, "subjects[1]: is not stated"),
            (|f| f.subjects = vec![1, 2, 3, 1], "subjects: has more than 3"),
            (|f| f.persons = vec![recipient(); 31], "persons: has more than 30"),
            (|f| f.persons[0].name = None, "persons[0].name: is required"),
            (|f| f.locality = long(301), "locality: has more than 300"),
            (|f| f.subjects = vec![3], "locality: must be empty when only IDENTITY is asked"),
        ],
    );
    fn fact(form: &mut StateAnswer) -> &mut StateAddressFact {
        form.persons[0].owned_dwelling.as_mut().unwrap()
    }
    hold(
        forms::state_answer,
        &state_answer(),
        &["answered_time", "answer_number", "persons"],
        &[
            (|f| f.answered_time = later(), "answered_time: lies in the future"),
            (|f| fact(f).address = home(), "persons[0].owned_dwelling.address: must be empty"),
            (
                |f| {
                    fact(f).confirmed = true;
                    fact(f).since_date = day(2021, 9, 7);
                },
                "persons[0].owned_dwelling.since_date: lies after today",
            ),
            (
                |f| f.persons[0].identity_documents = vec![document(DocumentKind::Identity); 11],
                "persons[0].identity_documents: has more than 10",
            ),
        ],
    );
    hold(
        forms::digital_documents_query,
        &digital_documents_query(),
        &["holders", "kinds", "asked_by"],
        &[
            (|f| f.kinds = (1..=11).collect(), "kinds: has more than 10"),
            (|f| f.kinds[0] = 99, "kinds[0]: is not stated"),
            (
                |f| f.holders[0].birth_date = day(1891, 9, 5),
                "holders[0].birth_date: lies before 130 years",
            ),
        ],
    );
    hold(
        forms::digital_documents_answer,
        &digital_documents_answer(),
        &["answered_time", "holders"],
        &[
            (|f| f.holders[0].consent = 3, "holders[0].consent: is not stated"),
            (|f| f.holders[0].consented_time = None, "holders[0].consented_time: is required"),
            (|f| f.holders[1].consented_time = morning(), "holders[1].consented_time: must be em"),
            (
                |f| f.holders[1].documents = vec![document(DocumentKind::Identity)],
                "holders[1].documents: must be empty",
            ),
        ],
    );
}

#[test]
fn every_rule_of_a_hearing_is_held() {
    hold(
        forms::preliminary_notice,
        &preliminary_notice(),
        &[
            "notice_number",
            "sent_time",
            "GROUNDS_REQUIRED refusal",
            "hearing_time",
            "hearing_place",
            "channels",
            "performer",
        ],
        &[
            (|f| f.hearing_time = stamp("2021-09-06T08:00:00+06:00"), "hearing_time: lies before"),
            (|f| f.hearing_place = long(301), "hearing_place: has more than 300"),
            (|f| f.channels[1] = f.channels[0], "channels[1]: is stated twice"),
            (|f| f.channels[0] = 9, "channels[0]: is not stated"),
            (|f| f.channels = vec![1; 9], "channels: has more than 8"),
        ],
    );
    hold(
        forms::objection,
        &objection(),
        &["received_time", "text", "manner", "received_by"],
        &[
            (|f| f.received_time = later(), "received_time: lies in the future"),
            (|f| f.text = long(4001), "text: has more than 4000"),
            (|f| f.manner = 3, "manner: is not stated"),
        ],
    );
    hold(
        forms::hearing_record,
        &hearing_record(),
        &["held_time", "attendance", "recorded_by"],
        &[
            (|f| f.attendance = 3, "attendance: is not stated"),
            (|f| f.record = long(4001), "record: has more than 4000"),
        ],
    );
    hold(
        forms::hearing_postponement,
        &hearing_postponement(),
        &[
            "received_time",
            "reasons",
            "documents",
            "until_date",
            "hearing_time",
            "hearing_place",
            "received_by",
        ],
        &[
            (|f| f.until_date = day(2021, 9, 11), "hearing_time: lies before until_date"),
            (|f| f.hearing_time = morning(), "hearing_time: lies in the past"),
        ],
    );
    hold(
        forms::hearing_outcome,
        &hearing_outcome(),
        &["document_number", "decided_date", "outcome"],
        &[
            (|f| f.outcome = types::Outcome::Completed.into(), "outcome: must be INCLUSION"),
            (|f| f.outcome = types::Outcome::Refusal.into(), "GROUNDS_REQUIRED refusal: is req"),
            (|f| f.refusal = Some(refusal()), "refusal: must be empty unless"),
            (|f| f.outcome = types::Outcome::Assignment.into(), "head_signature: is required"),
        ],
    );
}

#[test]
fn every_rule_of_what_reaches_the_applicant_is_held() {
    hold(
        forms::notification,
        &notification(),
        &["sent_time", "channels", "text"],
        &[
            (|f| f.text = long(1001), "text: has more than 1000"),
            (|f| f.channels[0] = 0, "channels[0]: is not stated"),
        ],
    );
    hold(
        forms::result_publication,
        &result_publication(),
        &["shown_time", "portal_name", "document"],
        &[
            (|f| f.portal_name = long(101), "portal_name: has more than 100"),
            (|f| f.document.as_mut().unwrap().kind = 0, "document.kind: is not stated"),
        ],
    );
    hold(
        forms::kandas_certificate,
        &kandas_certificate(),
        &["certificate_number", "issued_date", "holder", "issued_by"],
        &[
            (|f| f.valid_until_date = day(2021, 9, 5), "valid_until_date: lies before issued_date"),
            (|f| f.family_members = vec![relative(); 30], "family_members: has more than 29"),
        ],
    );
    hold(
        forms::certificate_reissue,
        &certificate_reissue(),
        &["certificate_number", "requested_time", "reissued_time", "issued_by"],
        &[(|f| f.requested_time = stamp("2021-09-06T11:00:00+06:00"), "reissued_time: lies befor")],
    );
    hold(
        forms::arrival_record,
        &arrival_record(),
        &["arrival_date", "REGION_UNKNOWN region", "residence", "person_count", "recorded_by"],
        &[
            (|f| f.arrival_date = day(2021, 9, 7), "arrival_date: lies after today"),
            (|f| f.person_count = 31, "person_count: must be 1 to 30"),
            (|f| f.residence.as_mut().unwrap().country = "UZ".into(), "residence.country: must"),
        ],
    );
    hold(
        forms::service_result,
        &service_result(),
        &["service", "outcome", "result_date", "document_number", "provider_name"],
        &[
            (|f| f.service = 5, "service: is not stated"),
            (|f| f.outcome = 2, "outcome: must be COMPLETED or REFUSAL"),
            (|f| f.service_case_id = "Sample".into(), "service_case_id: is not a case_id"),
        ],
    );
}

#[test]
fn every_rule_of_what_follows_a_complaint_is_held() {
    hold(
        forms::complaint_answer,
        &complaint_answer(),
        &["answer_number", "answer_date", "outcome", "reasons", "signed_by"],
        &[
            (|f| f.outcome = types::Outcome::Refusal.into(), "outcome: must be SATISFIED or DISM"),
            (|f| f.reasons = long(4001), "reasons: has more than 4000"),
        ],
    );
    hold(
        forms::complaint_extension,
        &complaint_extension(),
        &["extended_time", "until_date", "reason", "extended_by"],
        &[(|f| f.until_date = day(2021, 9, 6), "until_date: lies before tomorrow")],
    );
    hold(
        forms::extension_notice,
        &extension_notice(),
        &["notice_number", "sent_time", "manner", "reasons", "sent_by"],
        &[(|f| f.manner = 9, "manner: is not stated")],
    );
    hold(
        forms::court_appeal,
        &court_appeal(),
        &["court_name", "filed_date", "subject"],
        &[
            (|f| f.court_name = long(301), "court_name: has more than 300"),
            (|f| f.subject = long(1001), "subject: has more than 1000"),
            (|f| f.position = vec![document(DocumentKind::Other); 2], "position: has more than 1"),
        ],
    );
}

#[test]
fn forms_give_the_core_what_happened_and_when() {
    let happened = |field, at: &str| ActFacts::Happened { field, at: at.parse().unwrap() };
    let morning = "2021-09-06T09:00:00+06:00";
    let role = Role::Akimat;
    for (got, expected) in [
        (facts(forms::objection, role, &objection()), ("objection.received_time", morning)),
        (facts(forms::hearing_record, role, &hearing_record()), ("hearing.held_time", morning)),
        (facts(forms::notification, role, &notification()), ("notification.sent_time", morning)),
        (
            facts(forms::complaint_extension, role, &complaint_extension()),
            ("extension.extended_time", morning),
        ),
        // Of a day that is over its last instant counts.
        (
            facts(forms::arrival_record, role, &arrival_record()),
            ("arrival.arrival_date", "2021-09-05T23:59:59.999+06:00"),
        ),
        (
            facts(forms::court_appeal, role, &court_appeal()),
            ("appeal.filed_date", "2021-09-03T23:59:59.999+06:00"),
        ),
    ] {
        assert_eq!(got, happened(expected.0, expected.1));
    }
    let today = ArrivalRecord { arrival_date: day(2021, 9, 6), ..arrival_record() };
    let got = facts(forms::arrival_record, role, &today);
    assert_eq!(got, ActFacts::Happened { field: "arrival.arrival_date", at: now() });
    let at = "2021-09-08T10:00:00+06:00".parse().unwrap();
    let got = facts(forms::preliminary_notice, role, &preliminary_notice());
    assert_eq!(got, ActFacts::Hearing { at });
    let until = "2021-09-10T10:00:00+06:00".parse().unwrap();
    let got = facts(forms::hearing_postponement, role, &hearing_postponement());
    assert_eq!(got, ActFacts::Postponed { until });
    let got = facts(forms::hearing_outcome, role, &hearing_outcome());
    assert_eq!(got, decided(Outcome::Inclusion, 0, &[], 0));
    let got = facts(forms::complaint_answer, role, &complaint_answer());
    assert_eq!(got, decided(Outcome::Dismissed, 0, &[], 0));
    let got = facts(forms::service_result, role, &service_result());
    assert_eq!(got, decided(Outcome::Completed, 0, &[], 0));
    let got = facts(forms::registration_entry, role, &registration_entry());
    assert_eq!(got, ActFacts::Dispatch);
}
