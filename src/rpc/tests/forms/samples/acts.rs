//! Forms of acts inside a case.

use super::*;
use crate::rpc::proto::types::v1::{DocumentKind, Outcome};
use crate::rpc::tests::samples::document;

pub(crate) fn registration_entry() -> RegistrationEntry {
    RegistrationEntry {
        registration_number: number(),
        registered_time: morning(),
        document_count: 4,
        accepted_by: official(),
        stamped_copy: true,
    }
}

pub(crate) fn acceptance_receipt() -> AcceptanceReceipt {
    AcceptanceReceipt {
        receipt_number: number(),
        issued_time: morning(),
        service_name: body(),
        document_titles: vec!["Sample document".to_owned()],
        employee: official(),
    }
}

pub(crate) fn acceptance_notice() -> AcceptanceNotice {
    AcceptanceNotice {
        notice_number: number(),
        notice_date: day(2021, 9, 6),
        applicant_name: name("Тестов"),
        service_name: body(),
        region: "KZ-55".to_owned(),
        provider_name: body(),
        incoming_number: number(),
        incoming_date: day(2021, 9, 6),
        document_titles: vec!["Sample document".to_owned()],
        accepted_by: official(),
        signed_date: day(2021, 9, 6),
        tear_off: Some(AcceptanceTearOff {
            date: day(2021, 9, 6),
            number: number(),
            applicant: Some(recipient()),
            contact_details: "+7 000 000 00 00".to_owned(),
            signed_date: day(2021, 9, 6),
        }),
    }
}

pub(crate) fn acceptance_status() -> AcceptanceStatus {
    AcceptanceStatus { shown_time: morning(), application_number: number() }
}

pub(crate) fn refusal_receipt() -> RefusalReceipt {
    RefusalReceipt {
        legal_basis: "art. 20 ¶2".to_owned(),
        department: "1".to_owned(),
        address: home(),
        service_name: body(),
        grounds: vec![
            RefusalGround::IncompletePackage.into(),
            RefusalGround::ExpiredDocuments.into(),
        ],
        documents: vec![FaultyDocument { title: "Sample document".to_owned(), expired: true }],
        copies: 2,
        employee: official(),
        performer: name("Үлгиева"),
        phone: "+7 000 000 00 00".to_owned(),
        recipient: name("Тестов"),
        date: day(2021, 9, 6),
        head_signature: Some(signature()),
        signed_document: None,
    }
}

pub(crate) fn certified_copies() -> CertifiedCopies {
    CertifiedCopies {
        documents: vec![document(DocumentKind::Identity)],
        specialist_signature: Some(signature()),
        originals_returned: true,
        signed_document: None,
    }
}

pub(crate) fn state_query() -> StateQuery {
    StateQuery {
        subjects: vec![StateQuerySubject::OwnedDwelling.into(), StateQuerySubject::Identity.into()],
        persons: vec![recipient()],
        locality: body(),
        asked_by: official(),
    }
}

pub(crate) fn state_answer() -> StateAnswer {
    StateAnswer {
        answered_time: morning(),
        answer_number: number(),
        persons: vec![StateAnswerPerson {
            name: name("Тестов"),
            residence_registration: Some(StateAddressFact {
                confirmed: true,
                address: home(),
                since_date: day(2001, 1, 1),
            }),
            owned_dwelling: Some(StateAddressFact {
                confirmed: false,
                address: None,
                since_date: None,
            }),
            identity_documents: vec![document(DocumentKind::Identity)],
        }],
    }
}

pub(crate) fn digital_documents_query() -> DigitalDocumentsQuery {
    DigitalDocumentsQuery {
        holders: vec![recipient()],
        kinds: vec![DocumentKind::Identity.into()],
        asked_by: official(),
    }
}

pub(crate) fn digital_documents_answer() -> DigitalDocumentsAnswer {
    DigitalDocumentsAnswer {
        answered_time: morning(),
        holders: vec![
            DigitalDocumentsOfHolder {
                name: name("Тестов"),
                consent: DigitalDocumentsConsent::SmsReply.into(),
                consented_time: morning(),
                documents: vec![document(DocumentKind::Identity)],
            },
            DigitalDocumentsOfHolder {
                name: name("Тестова"),
                consent: 0,
                consented_time: None,
                documents: vec![],
            },
        ],
    }
}

pub(crate) fn list_entry() -> ListEntry {
    ListEntry {
        list_number: number(),
        list_date: day(2021, 9, 6),
        person_count: 2,
        family_members: vec![relative()],
        able_bodied_count: 1,
        qualifications: vec!["Sample qualification".to_owned()],
    }
}

pub(crate) fn recommendation() -> Recommendation {
    Recommendation {
        outcome: Outcome::Inclusion.into(),
        person_count: 2,
        refusal: None,
        reasons: words(),
        issued_date: day(2021, 9, 6),
        minutes: Some(Minutes {
            minutes_number: number(),
            session_date: day(2021, 9, 6),
            video_reference: String::new(),
        }),
    }
}

pub(crate) fn service_refusal() -> ServiceRefusal {
    let alone = Recipient { residence: None, ..recipient() };
    let kin = Recipient { kinship: "қызы".to_owned(), ..alone.clone() };
    ServiceRefusal {
        application_number: number(),
        application_type: "Sample".to_owned(),
        acceptance_date: day(2021, 9, 3),
        execution_date: day(2021, 9, 6),
        recipients: vec![alone, kin],
        refusal: Some(refusal()),
    }
}

pub(crate) fn quota_decision() -> QuotaDecision {
    QuotaDecision {
        decision_number: number(),
        decision_date: day(2021, 9, 6),
        provider_name: body(),
        commission_name: body(),
        outcome: Some(quota_decision::Outcome::Inclusion(QuotaInclusion {
            applicant: Some(recipient()),
            family_members: vec![relative()],
            person_count: 2,
        })),
        head_signature: Some(signature()),
        signed_document: None,
    }
}

pub(crate) fn status_decision() -> StatusDecision {
    StatusDecision {
        decision_number: number(),
        decision_date: day(2021, 9, 6),
        provider_name: body(),
        outcome: Some(status_decision::Outcome::Assignment(StatusAssignment {
            applicant: Some(recipient()),
            family_members: vec![relative()],
            settlement_region: "KZ-55".to_owned(),
            person_count: 2,
            attachment_titles: vec!["Sample".to_owned()],
        })),
        head_signature: Some(signature()),
        signed_document: None,
    }
}

pub(crate) fn extension_decision() -> ExtensionDecision {
    ExtensionDecision {
        decision_number: number(),
        decision_date: day(2021, 9, 6),
        provider_name: body(),
        outcome: Some(extension_decision::Outcome::Extension(StatusExtension {
            months: 6,
            until_date: day(2022, 3, 6),
        })),
        head_signature: Some(signature()),
        signed_document: None,
    }
}

pub(crate) fn preliminary_notice() -> PreliminaryNotice {
    PreliminaryNotice {
        notice_number: number(),
        sent_time: morning(),
        refusal: Some(refusal()),
        hearing_time: stamp("2021-09-08T10:00:00+06:00"),
        hearing_place: body(),
        channels: vec![NoticeChannel::Portal.into(), NoticeChannel::Sms.into()],
        performer: official(),
    }
}

pub(crate) fn objection() -> Objection {
    Objection {
        received_time: morning(),
        text: words(),
        documents: vec![document(DocumentKind::Other)],
        manner: FilingManner::Paper.into(),
        received_by: official(),
    }
}

pub(crate) fn hearing_record() -> HearingRecord {
    HearingRecord {
        held_time: morning(),
        attendance: HearingAttendance::Attended.into(),
        record: words(),
        recorded_by: official(),
    }
}

pub(crate) fn hearing_postponement() -> HearingPostponement {
    HearingPostponement {
        received_time: morning(),
        reasons: words(),
        documents: vec![document(DocumentKind::AbsenceReason)],
        until_date: day(2021, 9, 10),
        hearing_time: stamp("2021-09-10T10:00:00+06:00"),
        hearing_place: body(),
        received_by: official(),
    }
}

pub(crate) fn hearing_outcome() -> HearingOutcome {
    HearingOutcome {
        document_number: number(),
        decided_date: day(2021, 9, 6),
        outcome: Outcome::Inclusion.into(),
        refusal: None,
        head_signature: None,
        signed_document: None,
    }
}

pub(crate) fn notification() -> Notification {
    Notification {
        sent_time: morning(),
        channels: vec![NoticeChannel::Email.into()],
        text: words(),
        documents: vec![document(DocumentKind::Result)],
        sent_by: official(),
    }
}

pub(crate) fn result_publication() -> ResultPublication {
    ResultPublication {
        shown_time: morning(),
        portal_name: body(),
        document: Some(document(DocumentKind::Result)),
        signature: Some(signature()),
        signed_document: None,
    }
}

pub(crate) fn kandas_certificate() -> KandasCertificate {
    KandasCertificate {
        certificate_number: number(),
        issued_date: day(2021, 9, 6),
        holder: Some(recipient()),
        family_members: vec![relative()],
        valid_until_date: day(2022, 9, 6),
        issued_by: official(),
    }
}

pub(crate) fn certificate_reissue() -> CertificateReissue {
    CertificateReissue {
        certificate_number: number(),
        requested_time: morning(),
        reissued_time: stamp("2021-09-06T10:00:00+06:00"),
        issued_by: official(),
    }
}

pub(crate) fn arrival_record() -> ArrivalRecord {
    ArrivalRecord {
        arrival_date: day(2021, 9, 5),
        region: "KZ-55".to_owned(),
        residence: home(),
        person_count: 2,
        recorded_by: official(),
    }
}

pub(crate) fn service_result() -> ServiceResult {
    ServiceResult {
        service: CompositeService::Status.into(),
        outcome: Outcome::Completed.into(),
        result_date: day(2021, 9, 6),
        document_number: number(),
        provider_name: body(),
        service_case_id: "0193a0de-77aa-8bbb-8ccc-0123456789ab".to_owned(),
    }
}

pub(crate) fn complaint_answer() -> ComplaintAnswer {
    ComplaintAnswer {
        answer_number: number(),
        answer_date: day(2021, 9, 6),
        outcome: Outcome::Dismissed.into(),
        reasons: words(),
        signed_by: official(),
    }
}

pub(crate) fn complaint_extension() -> ComplaintExtension {
    ComplaintExtension {
        extended_time: morning(),
        until_date: day(2021, 9, 20),
        reason: words(),
        extended_by: official(),
    }
}

pub(crate) fn extension_notice() -> ExtensionNotice {
    ExtensionNotice {
        notice_number: number(),
        sent_time: morning(),
        manner: FilingManner::Electronic.into(),
        reasons: words(),
        sent_by: official(),
    }
}

pub(crate) fn court_appeal() -> CourtAppeal {
    CourtAppeal {
        court_name: body(),
        court_case_number: number(),
        filed_date: day(2021, 9, 3),
        subject: words(),
        position: vec![document(DocumentKind::Other)],
    }
}
