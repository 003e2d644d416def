//! What an intake writes: registration, acceptance, refusal to accept, copies, queries and answers.

use super::{Papers, common};
use crate::rpc::proto::forms::v1 as forms;
use crate::rpc::proto::types::v1::{Document, DocumentKind};

const SERVICE: &str = "Sample: a service for kandas and in-migrants";
const CONTACT: &str = "+7 000 000 00 00";

impl Papers<'_> {
    /// The entry in the register.
    pub(crate) fn registration(&self) -> forms::RegistrationEntry {
        forms::RegistrationEntry {
            registration_number: self.number("Т"),
            registered_time: Some(self.time()),
            document_count: 3,
            accepted_by: Some(self.official("specialist")),
            stamped_copy: self.edition_is("2021"),
        }
    }

    /// The receipt at the counter of the State Corporation.
    pub(crate) fn acceptance_receipt(&self) -> forms::AcceptanceReceipt {
        forms::AcceptanceReceipt {
            receipt_number: self.number("Қ"),
            issued_time: Some(self.time()),
            service_name: SERVICE.to_owned(),
            document_titles: vec!["Identity document".to_owned()],
            employee: Some(self.official("operator of the hall")),
        }
    }

    /// The notification of acceptance of an in-migrant's application.
    pub(crate) fn acceptance_notice(&self) -> forms::AcceptanceNotice {
        let tear_off = forms::AcceptanceTearOff {
            date: Some(self.day()),
            number: self.file.number.clone(),
            applicant: Some(self.family.recipient(Some(self.family.address("KZ")))),
            contact_details: CONTACT.to_owned(),
            signed_date: Some(self.day()),
        };
        forms::AcceptanceNotice {
            notice_number: self.number("Х"),
            notice_date: Some(self.day()),
            applicant_name: Some(self.family.name(1)),
            service_name: SERVICE.to_owned(),
            region: self.region(),
            provider_name: self.provider(),
            incoming_number: self.file.number.clone(),
            incoming_date: Some(self.day()),
            document_titles: vec!["Identity document".to_owned()],
            accepted_by: Some(self.official("specialist")),
            signed_date: Some(self.day()),
            tear_off: Some(tear_off),
        }
    }

    /// The status in the personal account.
    pub(crate) fn acceptance_status(&self) -> forms::AcceptanceStatus {
        forms::AcceptanceStatus {
            shown_time: Some(self.time()),
            application_number: self.file.number.clone(),
        }
    }

    /// The receipt of a refusal to accept.
    pub(crate) fn refusal_receipt(&self) -> forms::RefusalReceipt {
        let expired = self.step.grounds.iter().any(|ground| ground == "expired-documents");
        forms::RefusalReceipt {
            legal_basis: "Law on public services, article 20, paragraph 2".to_owned(),
            department: "Sample department".to_owned(),
            address: Some(self.family.address("KZ")),
            service_name: SERVICE.to_owned(),
            grounds: self.grounds(),
            documents: vec![forms::FaultyDocument {
                title: "Identity document".to_owned(),
                expired,
            }],
            copies: 2,
            employee: Some(self.official("specialist")),
            performer: self.official("performer").name,
            phone: CONTACT.to_owned(),
            recipient: (!self.is_portal()).then(|| self.family.name(1)),
            date: Some(self.day()),
            head_signature: None,
            signed_document: None,
        }
    }

    /// The certified copies.
    pub(crate) fn certified_copies(&self) -> forms::CertifiedCopies {
        forms::CertifiedCopies {
            documents: vec![self.identity()],
            specialist_signature: Some(self.signature()),
            originals_returned: true,
            signed_document: None,
        }
    }

    /// The question to the state's information systems.
    pub(crate) fn state_query(&self) -> forms::StateQuery {
        let subjects = [
            forms::StateQuerySubject::ResidenceRegistration,
            forms::StateQuerySubject::OwnedDwelling,
            forms::StateQuerySubject::Identity,
        ];
        forms::StateQuery {
            subjects: subjects.map(i32::from).into(),
            persons: vec![self.family.recipient(None)],
            locality: "Үлгі ауылы".to_owned(),
            asked_by: Some(self.official("specialist")),
        }
    }

    /// The answer to it.
    pub(crate) fn state_answer(&self) -> forms::StateAnswer {
        let since = jiff::civil::date(2014, 5, 12);
        let registered = forms::StateAddressFact {
            confirmed: true,
            address: Some(self.family.address("KZ")),
            since_date: Some(common::date(since)),
        };
        let none = forms::StateAddressFact { confirmed: false, address: None, since_date: None };
        let person = forms::StateAnswerPerson {
            name: Some(self.family.name(1)),
            residence_registration: Some(registered),
            owned_dwelling: Some(none),
            identity_documents: vec![self.identity()],
        };
        forms::StateAnswer {
            answered_time: Some(self.time()),
            answer_number: self.number("Ж"),
            persons: vec![person],
        }
    }

    /// The question to the digital documents service.
    pub(crate) fn documents_query(&self) -> forms::DigitalDocumentsQuery {
        forms::DigitalDocumentsQuery {
            holders: vec![self.family.recipient(None)],
            kinds: vec![DocumentKind::Identity.into()],
            asked_by: Some(self.official("specialist")),
        }
    }

    /// The answer to it.
    pub(crate) fn documents_answer(&self) -> forms::DigitalDocumentsAnswer {
        let holder = forms::DigitalDocumentsOfHolder {
            name: Some(self.family.name(1)),
            consent: forms::DigitalDocumentsConsent::OneTimePassword.into(),
            consented_time: Some(self.time()),
            documents: vec![self.identity()],
        };
        forms::DigitalDocumentsAnswer { answered_time: Some(self.time()), holders: vec![holder] }
    }

    /// The line of a case in a list.
    pub(crate) fn list_entry(&self) -> forms::ListEntry {
        let asked = self.edition_is("2021") && self.script.procedure.starts_with("in-migrant");
        forms::ListEntry {
            list_number: format!("ҮЛГІ-Т-{}", self.now.as_second() % 1_000_000 / 60),
            list_date: Some(self.day()),
            person_count: self.family.persons(),
            family_members: self.family.relatives(None),
            able_bodied_count: if asked { 1 } else { 0 },
            qualifications: if asked { vec!["Sample trade".to_owned()] } else { Vec::new() },
        }
    }

    fn identity(&self) -> Document {
        self.document(DocumentKind::Identity, "Identity document")
    }
}
