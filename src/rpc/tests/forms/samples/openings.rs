//! Forms that open a case.

use super::*;
use crate::rpc::proto::types::v1::{ApplicationScope, DocumentKind, PartyRole, QuotaCategory};
use crate::rpc::tests::samples::{document, member};

pub(crate) fn kandas_application() -> KandasApplication {
    KandasApplication {
        region: "KZ-55".to_owned(),
        provider_name: body(),
        scope: ApplicationScope::ApplicantAndFamily.into(),
        applicant: Some(person()),
        residence: home(),
        family_members: vec![member(), member()],
        documents: vec![document(DocumentKind::Identity)],
        personal_data_consent: true,
        signed_date: day(2021, 9, 3),
        filed_time: stamp("2021-09-03T10:00:00+06:00"),
        accepted_by: official(),
        group: KandasGroup::Unspecified.into(),
    }
}

pub(crate) fn in_migrant_application() -> InMigrantApplication {
    InMigrantApplication {
        region: "KZ-55".to_owned(),
        departure_region: "KZ-61".to_owned(),
        provider_name: body(),
        basis: InMigrantBasis::Ordinary.into(),
        scope: ApplicationScope::ApplicantAndFamily.into(),
        applicant: Some(recipient()),
        employment_category: EmploymentCategory::Unspecified.into(),
        family_members: vec![relative()],
        documents: vec![document(DocumentKind::Identity)],
        personal_data_consent: true,
        signed_date: day(2021, 9, 3),
        filed_time: stamp("2021-09-03T10:00:00+06:00"),
        accepted_by: official(),
        registered_since_date: day(1999, 5, 1),
        arrived_or_graduated_date: None,
    }
}

pub(crate) fn status_application() -> StatusApplication {
    StatusApplication {
        region: "KZ-55".to_owned(),
        subtype: StatusSubtype::General.into(),
        applicant: Some(person()),
        residence: home(),
        family_members: vec![member()],
        documents: vec![
            document(DocumentKind::Autobiography),
            document(DocumentKind::Identity),
            document(DocumentKind::NotarisedTranslation),
            document(DocumentKind::NationalityProof),
        ],
        personal_data_consent: true,
        signed_date: day(2021, 9, 3),
        filed_time: stamp("2021-09-03T10:00:00+06:00"),
        accepted_by: official(),
    }
}

pub(crate) fn extension_application() -> ExtensionApplication {
    ExtensionApplication {
        region: "KZ-55".to_owned(),
        applicant: Some(person()),
        residence: home(),
        kandas_certificate_number: number(),
        kandas_certificate_date: day(2020, 9, 3),
        months: 6,
        documents: vec![],
        personal_data_consent: true,
        signed_date: day(2021, 9, 3),
        filed_time: stamp("2021-09-03T10:00:00+06:00"),
        accepted_by: official(),
    }
}

pub(crate) fn complaint() -> Complaint {
    Complaint {
        registration_number: number(),
        registered_time: morning(),
        manner: FilingManner::Electronic.into(),
        complainant: Some(recipient()),
        contact_details: "+7 000 000 00 00".to_owned(),
        against: PartyRole::Akimat.into(),
        basis: ComplaintBasis::ProviderAct.into(),
        region: "KZ-55".to_owned(),
        about_case_id: "0193a0de-77aa-8bbb-8ccc-0123456789ab".to_owned(),
        decision_number: number(),
        text: words(),
        documents: vec![],
        registered_by: official(),
    }
}

pub(crate) fn change_notice() -> ChangeNotice {
    ChangeNotice {
        act_title: body(),
        act_number: number(),
        approved_date: day(2021, 9, 3),
        effective_date: day(2021, 10, 1),
        description: words(),
        documents: vec![document(DocumentKind::Other)],
    }
}

pub(crate) fn quota_change() -> QuotaChange {
    QuotaChange {
        direction: ChangeDirection::Increase.into(),
        person_count: 100,
        period: ProposalPeriod::MediumTerm.into(),
        first_year: 2022,
        last_year: 2024,
    }
}

pub(crate) fn proposal() -> Proposal {
    Proposal {
        proposal_number: number(),
        proposal_date: day(2021, 9, 3),
        reasons: words(),
        subject: Some(proposal::Subject::ForeignLabour(ForeignLabourProposal {
            change: Some(quota_change()),
            compatriot_count: 100,
        })),
        signed_by: official(),
    }
}

pub(crate) fn regional_proposal() -> Proposal {
    let subject = RegionalQuotaProposal {
        category: QuotaCategory::InMigrant.into(),
        change: Some(quota_change()),
    };
    Proposal { subject: Some(proposal::Subject::RegionalQuota(subject)), ..proposal() }
}

pub(crate) fn settlement_list() -> SettlementList {
    SettlementList {
        list_number: number(),
        list_date: day(2021, 9, 3),
        settlements: vec![Settlement {
            name: "Үлгі".to_owned(),
            region: "KZ-71".to_owned(),
            note: words(),
        }],
        documents: vec![],
    }
}
