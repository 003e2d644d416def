//! Applications.

use super::{Papers, common};
use crate::rpc::proto::forms::v1 as forms;
use crate::rpc::proto::types::v1 as types;
use crate::rpc::proto::types::v1::DocumentKind;

/// The country from which the families come.
const ABROAD: &str = "MN";

impl Papers<'_> {
    /// Of a kandas for the quota, and of the "one application".
    pub(crate) fn kandas_application(&self) -> forms::KandasApplication {
        let group = if self.edition_is("2024") {
            forms::KandasGroup::NotEarlierIncluded
        } else {
            forms::KandasGroup::Unspecified
        };
        forms::KandasApplication {
            region: self.region(),
            provider_name: self.provider(),
            scope: self.scope().into(),
            applicant: Some(self.family.applicant(ABROAD)),
            residence: Some(self.family.address("KZ")),
            family_members: self.family.members(),
            documents: vec![self.document(DocumentKind::Identity, "Identity document")],
            personal_data_consent: true,
            signed_date: Some(self.day()),
            filed_time: Some(self.time()),
            accepted_by: self.acceptor(),
            group: group.into(),
        }
    }

    /// Of an in-migrant for the quota.
    pub(crate) fn in_migrant_application(&self) -> forms::InMigrantApplication {
        let basis = match self.chapter.basis.as_str() {
            "self-arrived" => forms::InMigrantBasis::SelfArrived,
            "graduate" => forms::InMigrantBasis::Graduate,
            _ => forms::InMigrantBasis::Ordinary,
        };
        let mut documents = vec![self.document(DocumentKind::Identity, "Identity document")];
        if basis == forms::InMigrantBasis::Graduate {
            documents.push(self.document(DocumentKind::StudyCertificate, "Certificate of studies"));
        }
        let address = self.family.address("KZ");
        let is_2024 = self.edition_is("2024");
        let category = if is_2024 {
            forms::EmploymentCategory::Employee
        } else {
            forms::EmploymentCategory::Unspecified
        };
        let ordinary = basis == forms::InMigrantBasis::Ordinary;
        let months_ago = |months: i32| {
            let today = self.today();
            let day = today.checked_sub(jiff::Span::new().months(months)).unwrap_or(today);
            Some(common::date(day))
        };
        forms::InMigrantApplication {
            region: self.region(),
            departure_region: self.chapter.departure.clone().unwrap_or_default(),
            provider_name: self.provider(),
            basis: basis.into(),
            scope: self.scope().into(),
            applicant: Some(self.family.recipient(Some(address.clone()))),
            employment_category: category.into(),
            family_members: self.family.relatives(is_2024.then_some(address)),
            documents,
            personal_data_consent: true,
            signed_date: Some(self.day()),
            filed_time: Some(self.time()),
            accepted_by: self.acceptor(),
            registered_since_date: if ordinary { months_ago(40) } else { None },
            arrived_or_graduated_date: if ordinary { None } else { months_ago(2) },
        }
    }

    /// For the status.
    pub(crate) fn status_application(&self) -> forms::StatusApplication {
        let subtype = if self.script.procedure == "kandas-status-mission" {
            forms::StatusSubtype::OnConsent
        } else {
            forms::StatusSubtype::General
        };
        let documents = [
            (DocumentKind::Autobiography, "Autobiography"),
            (DocumentKind::Identity, "Identity document"),
            (DocumentKind::NotarisedTranslation, "Notarised translation"),
            (DocumentKind::NationalityProof, "Proof of nationality"),
        ];
        forms::StatusApplication {
            region: self.region(),
            subtype: subtype.into(),
            applicant: Some(self.family.applicant(ABROAD)),
            residence: Some(self.family.address(ABROAD)),
            family_members: self.family.members(),
            documents: documents.map(|(kind, title)| self.document(kind, title)).into(),
            personal_data_consent: true,
            signed_date: Some(self.day()),
            filed_time: Some(self.time()),
            accepted_by: self.acceptor(),
        }
    }

    /// For more time with the status.
    pub(crate) fn extension_application(&self) -> forms::ExtensionApplication {
        let today = self.today();
        let issued = today.checked_sub(jiff::Span::new().months(11)).unwrap_or(today);
        let certificate = format!("{}-Қ", self.family.name(1).surname);
        forms::ExtensionApplication {
            region: self.region(),
            applicant: Some(self.family.applicant(ABROAD)),
            residence: Some(self.family.address("KZ")),
            kandas_certificate_number: certificate,
            kandas_certificate_date: Some(common::date(issued)),
            months: self.step.months,
            documents: Vec::new(),
            personal_data_consent: true,
            signed_date: Some(self.day()),
            filed_time: Some(self.time()),
            accepted_by: Some(self.official("specialist")),
        }
    }

    /// Through a mission, in the edition of 2021.
    pub(crate) fn application(&self) -> types::Application {
        types::Application {
            region: self.region(),
            scope: self.scope().into(),
            applicant: Some(self.family.applicant(ABROAD)),
            residence: Some(self.family.address(ABROAD)),
            family_members: self.family.members(),
            documents: vec![self.document(DocumentKind::Identity, "Identity document")],
            personal_data_consent: true,
            signed_date: Some(self.day()),
            filed_time: Some(self.time()),
            accepted_by: Some(self.official("consular officer")),
        }
    }

    /// After arrival, in the edition of 2021.
    pub(crate) fn arrival_application(&self) -> types::ArrivalApplication {
        let (number, decided_on) =
            self.file.decided.clone().unwrap_or_else(|| (self.file.number.clone(), self.today()));
        types::ArrivalApplication {
            region: self.region(),
            consent_decision_number: number,
            consent_decision_date: Some(common::date(decided_on)),
            kandas_certificate_number: format!("{}-Қ", self.file.number),
            kandas_certificate_date: Some(self.day()),
            arrival_date: Some(self.day()),
            residence: Some(self.family.address("KZ")),
            person_count: self.family.persons(),
            documents: vec![self.document(DocumentKind::ConsentDecision, "Decision on consent")],
            personal_data_consent: true,
            signed_date: Some(self.day()),
            filed_time: Some(self.time()),
            accepted_by: Some(self.official("specialist of the akimat")),
        }
    }

    fn scope(&self) -> types::ApplicationScope {
        if self.family.persons() == 1 {
            types::ApplicationScope::Applicant
        } else {
            types::ApplicationScope::ApplicantAndFamily
        }
    }
}
