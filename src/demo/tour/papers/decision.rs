//! Recommendations and decisions.

use super::{Papers, common};
use crate::domain::party::Role;
use crate::rpc::proto::forms::v1 as forms;
use crate::rpc::proto::types::v1 as types;

impl Papers<'_> {
    /// What a commission advises.
    pub(crate) fn recommendation(&self) -> forms::Recommendation {
        let refuses = self.refuses();
        let minutes = forms::Minutes {
            minutes_number: self.number("Х"),
            session_date: Some(self.day()),
            video_reference: if self.edition_is("2025") {
                format!("archive/sample/{}", self.file.number)
            } else {
                String::new()
            },
        };
        forms::Recommendation {
            outcome: self.outcome().into(),
            person_count: if refuses { 0 } else { self.family.persons() },
            refusal: refuses.then(|| self.refusal()),
            reasons: if refuses { String::new() } else { "The papers agree.".to_owned() },
            issued_date: Some(self.day()),
            minutes: Some(minutes),
        }
    }

    /// The decision on inclusion.
    pub(crate) fn quota_decision(&self) -> forms::QuotaDecision {
        use forms::quota_decision::Outcome;
        let (decision_number, decided_on) = self.decided();
        // The form of refusal for kandas of 2024 has no line for the head's signature, and a
        // commission's decision is signed when the akimat sends it.
        let unsigned = self.author.role != Role::Akimat
            || self.refuses() && self.script.procedure == "kandas" && self.edition_is("2024");
        forms::QuotaDecision {
            decision_number,
            decision_date: Some(common::date(decided_on)),
            provider_name: self.provider(),
            commission_name: "Sample commission".to_owned(),
            outcome: Some(if self.refuses() {
                Outcome::Refusal(self.service_refusal())
            } else {
                Outcome::Inclusion(self.quota_inclusion())
            }),
            head_signature: (!unsigned).then(|| self.signature()),
            signed_document: None,
        }
    }

    /// The decision on the status.
    pub(crate) fn status_decision(&self) -> forms::StatusDecision {
        use forms::status_decision::Outcome;
        let (decision_number, decided_on) = self.decided();
        let assignment = || forms::StatusAssignment {
            applicant: Some(self.family.recipient(Some(self.family.address("KZ")))),
            family_members: self.family.relatives(None),
            settlement_region: self.region(),
            person_count: self.family.persons(),
            attachment_titles: Vec::new(),
        };
        forms::StatusDecision {
            decision_number,
            decision_date: Some(common::date(decided_on)),
            provider_name: self.provider(),
            outcome: Some(if self.refuses() {
                Outcome::Refusal(self.service_refusal())
            } else {
                Outcome::Assignment(assignment())
            }),
            head_signature: Some(self.signature()),
            signed_document: None,
        }
    }

    /// The decision on more time with the status.
    pub(crate) fn extension_decision(&self) -> forms::ExtensionDecision {
        use forms::extension_decision::Outcome;
        let (decision_number, decided_on) = self.decided();
        let months = i64::from(self.step.months);
        let until = decided_on.checked_add(jiff::Span::new().months(months)).unwrap_or(decided_on);
        let extension = forms::StatusExtension {
            months: self.step.months,
            until_date: Some(common::date(until)),
        };
        forms::ExtensionDecision {
            decision_number,
            decision_date: Some(common::date(decided_on)),
            provider_name: self.provider(),
            outcome: Some(if self.refuses() {
                Outcome::Refusal(self.service_refusal())
            } else {
                Outcome::Extension(extension)
            }),
            head_signature: Some(self.signature()),
            signed_document: None,
        }
    }

    /// The commission's decision before entry, in the edition of 2021.
    pub(crate) fn consent_decision(&self) -> types::ConsentDecision {
        use types::consent_decision::Outcome;
        let (decision_number, decided_on) = self.decided();
        types::ConsentDecision {
            decision_number,
            decision_date: Some(common::date(decided_on)),
            outcome: Some(if self.refuses() {
                Outcome::Refusal(self.refusal())
            } else {
                Outcome::Consent(types::Consent { person_count: self.family.persons() })
            }),
            signed_document: None,
        }
    }

    /// The commission's decision after arrival, in the edition of 2021.
    pub(crate) fn inclusion_decision(&self) -> types::InclusionDecision {
        use types::inclusion_decision::Outcome;
        let (decision_number, decided_on) = self.decided();
        types::InclusionDecision {
            decision_number,
            decision_date: Some(common::date(decided_on)),
            outcome: Some(if self.refuses() {
                Outcome::Refusal(self.refusal())
            } else {
                Outcome::Inclusion(types::Inclusion { person_count: self.family.persons() })
            }),
            signed_document: None,
        }
    }

    /// The result of one service of the "one application".
    pub(crate) fn service_result(&self) -> forms::ServiceResult {
        let name = super::in_contract("COMPOSITE_SERVICE", &self.step.service);
        let service = forms::CompositeService::from_str_name(&name).unwrap_or_default();
        let (document_number, on) = self.decided();
        forms::ServiceResult {
            service: service.into(),
            outcome: self.outcome().into(),
            result_date: Some(common::date(on)),
            document_number,
            provider_name: "Sample body".to_owned(),
            service_case_id: String::new(),
        }
    }

    fn quota_inclusion(&self) -> forms::QuotaInclusion {
        let mut family_members = self.family.relatives(None);
        // The form of 2021 for in-migrants has no column for the kinship.
        if self.script.procedure.starts_with("in-migrant") && self.edition_is("2021") {
            family_members.iter_mut().for_each(|relative| relative.kinship.clear());
        }
        forms::QuotaInclusion {
            applicant: Some(self.family.recipient(Some(self.family.address("KZ")))),
            family_members,
            person_count: self.family.persons(),
        }
    }

    fn service_refusal(&self) -> forms::ServiceRefusal {
        let filed_on = self.file.filed_on.unwrap_or_else(|| self.today());
        forms::ServiceRefusal {
            application_number: self.file.number.clone(),
            application_type: "Sample application".to_owned(),
            acceptance_date: Some(common::date(filed_on)),
            execution_date: Some(self.day()),
            recipients: self.family.recipients(),
            refusal: Some(self.refusal()),
        }
    }
}
