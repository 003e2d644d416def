//! Notices, certificates, complaints, and what concerns no single applicant.

use super::{Papers, common};
use crate::rpc::proto::forms::v1 as forms;
use crate::rpc::proto::types::v1::{self as types, DocumentKind};

const REASONS: &str = "Made-up reasons: papers of another body are awaited.";

impl Papers<'_> {
    /// A notification in free form.
    pub(crate) fn notification(&self) -> forms::Notification {
        forms::Notification {
            sent_time: Some(self.time()),
            channels: vec![forms::NoticeChannel::Sms.into()],
            text: "Your application goes on. A made-up notice.".to_owned(),
            documents: Vec::new(),
            sent_by: Some(self.official("specialist")),
        }
    }

    /// The result in the personal account.
    pub(crate) fn publication(&self) -> forms::ResultPublication {
        forms::ResultPublication {
            shown_time: Some(self.time()),
            portal_name: "migration.example".to_owned(),
            document: Some(self.document(DocumentKind::Result, "Result")),
            signature: Some(self.signature()),
            signed_document: None,
        }
    }

    /// The kandas certificate.
    pub(crate) fn certificate(&self) -> forms::KandasCertificate {
        forms::KandasCertificate {
            certificate_number: format!("{}-Қ", self.file.number),
            issued_date: Some(self.day()),
            holder: Some(self.family.recipient(Some(self.family.address("KZ")))),
            family_members: self.family.relatives(None),
            valid_until_date: None,
            issued_by: Some(self.official("specialist of the akimat")),
        }
    }

    /// The same certificate once more.
    pub(crate) fn certificate_reissue(&self) -> forms::CertificateReissue {
        forms::CertificateReissue {
            certificate_number: format!("{}-Қ", self.file.number),
            requested_time: Some(self.time()),
            reissued_time: Some(self.time()),
            issued_by: Some(self.official("operator of the hall")),
        }
    }

    /// The arrival, on which the status takes effect.
    pub(crate) fn arrival_record(&self) -> forms::ArrivalRecord {
        forms::ArrivalRecord {
            arrival_date: Some(self.day()),
            region: self.region(),
            residence: Some(self.family.address("KZ")),
            person_count: self.family.persons(),
            recorded_by: Some(self.official("specialist of the akimat")),
        }
    }

    /// A complaint.
    pub(crate) fn complaint(&self) -> forms::Complaint {
        let basis = match self.chapter.basis.as_str() {
            "provider-act" => forms::ComplaintBasis::ProviderAct,
            "akimat-act" => forms::ComplaintBasis::AkimatAct,
            _ => forms::ComplaintBasis::Ordinary,
        };
        let against = super::in_contract("PARTY_ROLE", &self.step.against);
        let against = types::PartyRole::from_str_name(&against).unwrap_or_default();
        let of_state = against == types::PartyRole::MigrationBody;
        forms::Complaint {
            registration_number: self.file.number.clone(),
            registered_time: Some(self.time()),
            manner: forms::FilingManner::Electronic.into(),
            complainant: Some(self.family.recipient(Some(self.family.address("KZ")))),
            contact_details: "+7 000 000 00 00".to_owned(),
            against: against.into(),
            basis: basis.into(),
            region: if of_state { String::new() } else { self.region() },
            about_case_id: String::new(),
            decision_number: "ҮЛГІ-0/1".to_owned(),
            text: "A made-up complaint about a decision.".to_owned(),
            documents: Vec::new(),
            registered_by: Some(self.official("specialist")),
        }
    }

    /// The answer to it.
    pub(crate) fn complaint_answer(&self) -> forms::ComplaintAnswer {
        let (answer_number, on) = self.decided();
        forms::ComplaintAnswer {
            answer_number,
            answer_date: Some(common::date(on)),
            outcome: self.outcome().into(),
            reasons: "Made-up reasons of the answer.".to_owned(),
            signed_by: Some(self.official("head of the body")),
        }
    }

    /// More time for the answer.
    pub(crate) fn complaint_extension(&self) -> forms::ComplaintExtension {
        let until = self.zone.to_datetime(self.ahead).date();
        forms::ComplaintExtension {
            extended_time: Some(self.time()),
            until_date: Some(common::date(until)),
            reason: REASONS.to_owned(),
            extended_by: Some(self.official("head of the body")),
        }
    }

    /// The notice of it.
    pub(crate) fn extension_notice(&self) -> forms::ExtensionNotice {
        forms::ExtensionNotice {
            notice_number: self.number("Х"),
            sent_time: Some(self.time()),
            manner: forms::FilingManner::Electronic.into(),
            reasons: REASONS.to_owned(),
            sent_by: Some(self.official("specialist")),
        }
    }

    /// The complainant has gone to court.
    pub(crate) fn court_appeal(&self) -> forms::CourtAppeal {
        forms::CourtAppeal {
            court_name: "Sample administrative court".to_owned(),
            court_case_number: String::new(),
            filed_date: Some(self.day()),
            subject: "A made-up subject.".to_owned(),
            position: Vec::new(),
        }
    }

    /// A change of the requirements.
    pub(crate) fn change_notice(&self) -> forms::ChangeNotice {
        forms::ChangeNotice {
            act_title: "A made-up order on amendments".to_owned(),
            act_number: self.number("Б"),
            approved_date: Some(self.day()),
            effective_date: None,
            description: "A made-up change of the package of documents.".to_owned(),
            documents: Vec::new(),
        }
    }

    /// A proposal of Astana.
    pub(crate) fn proposal(&self) -> forms::Proposal {
        use forms::proposal::Subject;
        let year = i32::from(self.today().year()) + 1;
        let change = forms::QuotaChange {
            direction: forms::ChangeDirection::Increase.into(),
            person_count: 100,
            period: forms::ProposalPeriod::ComingYear.into(),
            first_year: year,
            last_year: year,
        };
        let change = Some(change);
        let subject = match self.chapter.basis.as_str() {
            "settlement-territory" => Subject::Territory(forms::TerritoryProposal { assign: true }),
            "foreign-labour-quota" => {
                let compatriot_count = 40;
                Subject::ForeignLabour(forms::ForeignLabourProposal { change, compatriot_count })
            }
            "regional-quota" => {
                let category = types::QuotaCategory::Kandas.into();
                Subject::RegionalQuota(forms::RegionalQuotaProposal { category, change })
            }
            _ => Subject::LabourImmigrants(forms::LabourImmigrantProposal { change }),
        };
        forms::Proposal {
            proposal_number: self.number("Ұ"),
            proposal_date: Some(self.day()),
            reasons: "Made-up reasons of the proposal.".to_owned(),
            subject: Some(subject),
            signed_by: Some(self.official("head of the department")),
        }
    }

    /// The list of settlements.
    pub(crate) fn settlement_list(&self) -> forms::SettlementList {
        forms::SettlementList {
            list_number: self.number("Т"),
            list_date: Some(self.day()),
            settlements: vec![forms::Settlement {
                name: "Үлгі ауылы".to_owned(),
                region: self.region(),
                note: "Made up.".to_owned(),
            }],
            documents: Vec::new(),
        }
    }
}
