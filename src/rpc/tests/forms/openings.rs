//! The forms that open a case.

use super::samples::*;
use super::*;
use crate::domain::{Basis, ProcedureKey};
use crate::procedures::people::{People, Relatives};
use crate::rpc::parse::forms::{self, OpeningFacts};
use crate::rpc::proto::forms::v1::*;
use crate::rpc::proto::types::v1::{DocumentKind, Kinship, PartyRole};
use crate::rpc::tests::samples::{day, document, member, stamp};

fn key(text: &str) -> ProcedureKey {
    let (procedure, edition) = text.split_once('/').unwrap();
    ProcedureKey { procedure: procedure.parse().unwrap(), edition: edition.parse().unwrap() }
}

#[test]
fn every_rule_of_a_kandas_application_is_held() {
    hold(
        forms::kandas_application,
        &kandas_application(),
        &[
            "filed_time",
            "signed_date",
            "REGION_UNKNOWN region",
            "provider_name",
            "applicant",
            "residence",
            "scope",
            "documents",
            "personal_data_consent",
            "accepted_by",
        ],
        &[
            (|f| f.region = "KZ-99".into(), "REGION_UNKNOWN region: is no region"),
            (|f| f.provider_name = long(301), "provider_name: has more than 300 characters"),
            (|f| f.scope = 7, "scope: is not stated"),
            (|f| f.scope = 1, "family_members: must be empty"),
            (|f| f.family_members.clear(), "family_members: is required when"),
            (
                |f| f.family_members = vec![member(); 30],
                "FAMILY_TOO_LARGE family_members: has more than 29",
            ),
            (|f| f.family_members[1].kinship = 0, "family_members[1].kinship: is not stated"),
            (
                |f| f.applicant.as_mut().unwrap().citizenship_country = "KZ".into(),
                "applicant.citizenship_country: is KZ",
            ),
            (|f| f.residence.as_mut().unwrap().country = "Kz".into(), "residence.country: is not"),
            (|f| f.documents[0].kind = 4, "documents: needs a document of kind DOCUMENT_KIND_IDEN"),
            (
                |f| f.documents = vec![document(DocumentKind::Identity); 51],
                "documents: has more than 50 items",
            ),
            (|f| f.documents[0].content_sha256.truncate(31), "documents[0].content_sha256: must"),
            (|f| f.personal_data_consent = false, "personal_data_consent: must be true"),
            (|f| f.signed_date = day(2021, 9, 4), "signed_date: lies after the day of filed_time"),
            (|f| f.filed_time = stamp("2015-12-31T12:00:00Z"), "filed_time: lies before the year"),
            (|f| f.group = 9, "group: is not stated"),
        ],
    );
}

#[test]
fn every_rule_of_an_in_migrants_application_is_held() {
    hold(
        forms::in_migrant_application,
        &in_migrant_application(),
        &[
            "filed_time",
            "signed_date",
            "REGION_UNKNOWN region",
            "basis",
            "provider_name",
            "applicant",
            "scope",
            "documents",
            "personal_data_consent",
            "accepted_by",
        ],
        &[
            (|f| f.basis = 4, "basis: is not stated"),
            (|f| f.departure_region.clear(), "REGION_UNKNOWN departure_region: is not an ISO"),
            (|f| f.basis = 2, "departure_region: must be empty unless basis is ORDINARY"),
            (
                |f| {
                    f.basis = 3;
                    f.departure_region.clear();
                },
                "documents: needs a document of kind DOCUMENT_KIND_STUDY_CERTIFICATE",
            ),
            (
                |f| f.applicant.as_mut().unwrap().residence = None,
                "applicant.residence: is required",
            ),
            (
                |f| f.applicant.as_mut().unwrap().kinship = "Sample".into(),
                "applicant.kinship: must be empty",
            ),
            (|f| f.employment_category = 10, "employment_category: is not stated"),
            (|f| f.family_members[0].kinship.clear(), "family_members[0].kinship: is required"),
            (|f| f.family_members[0].kinship = long(101), "family_members[0].kinship: has more"),
            (
                |f| f.family_members[0].birth_date = day(2021, 9, 4),
                "family_members[0].birth_date: lies after the day of signing",
            ),
            (
                |f| f.family_members = vec![relative(); 30],
                "FAMILY_TOO_LARGE family_members: has more than 29",
            ),
            (
                |f| f.registered_since_date = day(2021, 9, 4),
                "registered_since_date: lies after the day of filed_time",
            ),
            (
                |f| f.arrived_or_graduated_date = day(2021, 9, 31),
                "arrived_or_graduated_date: is not a calendar date",
            ),
        ],
    );
}

#[test]
fn every_rule_of_the_status_applications_is_held() {
    hold(
        forms::status_application,
        &status_application(),
        &[
            "filed_time",
            "signed_date",
            "REGION_UNKNOWN region",
            "subtype",
            "applicant",
            "residence",
            "documents",
            "documents",
            "documents",
            "documents",
            "personal_data_consent",
            "accepted_by",
        ],
        &[
            (|f| f.subtype = 3, "subtype: is not stated"),
            (
                |f| f.family_members = vec![member(); 30],
                "FAMILY_TOO_LARGE family_members: has more than 29",
            ),
            (
                |f| drop(f.documents.remove(0)),
                "documents: needs a document of kind DOCUMENT_KIND_AUTOBIOGRAPHY",
            ),
            (
                |f| drop(f.documents.remove(2)),
                "documents: needs a document of kind DOCUMENT_KIND_NOTARISED_TRANSLATION",
            ),
            (
                |f| drop(f.documents.pop()),
                "documents: needs a document of kind DOCUMENT_KIND_NATIONALITY_PROOF",
            ),
        ],
    );
    let mut recommended = status_application();
    recommended.documents[3] = document(DocumentKind::NationalityRecommendation);
    facts(forms::status_application, Role::Akimat, &recommended);
    hold(
        forms::extension_application,
        &extension_application(),
        &[
            "filed_time",
            "signed_date",
            "REGION_UNKNOWN region",
            "applicant",
            "residence",
            "kandas_certificate_number",
            "kandas_certificate_date",
            "months",
            "personal_data_consent",
            "accepted_by",
        ],
        &[
            (|f| f.kandas_certificate_number = long(65), "kandas_certificate_number: has more"),
            (|f| f.kandas_certificate_date = day(2021, 9, 4), "kandas_certificate_date: lies aft"),
            (|f| f.months = 7, "months: must be 1 to 6"),
            (
                |f| f.documents = vec![document(DocumentKind::Other); 51],
                "documents: has more than 50 items",
            ),
        ],
    );
}

#[test]
fn a_portal_names_no_official_and_everybody_else_does() {
    let mut form = kandas_application();
    for role in [Role::MigrationPortal, Role::EgovPortal, Role::MobileApp] {
        form.accepted_by = kandas_application().accepted_by;
        let (_, faults) = told(forms::kandas_application, role, &form);
        assert_eq!(faults, ["accepted_by: must be empty: a portal took the application in"]);
        form.accepted_by = None;
        facts(forms::kandas_application, role, &form);
    }
    let (_, faults) = told(forms::kandas_application, Role::StateCorporation, &form);
    assert_eq!(faults, ["accepted_by: is required"]);
}

#[test]
fn each_form_opens_the_case_of_its_procedure() {
    let opened = |facts: OpeningFacts| {
        let OpeningFacts { procedure, own_procedure, basis, region, departure, persons, .. } =
            facts;
        let departure = departure.map(|region| region.code());
        (procedure, own_procedure, basis, region.code(), departure, persons)
    };
    let kandas = kandas_application();
    let one = facts(forms::kandas_application, Role::Akimat, &kandas);
    assert!(one.applicant.is_some());
    assert_eq!(opened(one), ("kandas", None, Basis::Ordinary, "KZ-55", None, 3));
    let composite = facts(forms::one_application, Role::StateCorporation, &kandas);
    assert_eq!(opened(composite), ("one-application", None, Basis::Ordinary, "KZ-55", None, 3));

    let ordinary = in_migrant_application();
    let coming = facts(forms::in_migrant_application, Role::Akimat, &ordinary);
    let from = Some("KZ-61");
    assert_eq!(opened(coming), ("in-migrant", None, Basis::Ordinary, "KZ-55", from, 2));

    let mut status = status_application();
    status.subtype = StatusSubtype::OnConsent.into();
    let on_consent = facts(forms::status_application, Role::ForeignMission, &status);
    let expected = ("kandas-status-mission", None, Basis::Ordinary, "KZ-55", None, 2);
    assert_eq!(opened(on_consent), expected);
    let longer = facts(forms::extension_application, Role::Akimat, &extension_application());
    let expected = ("kandas-status-extension", None, Basis::Ordinary, "KZ-55", None, 1);
    assert_eq!(opened(longer), expected);

    let about = facts(forms::complaint, Role::Akimat, &complaint());
    assert!(about.concerns.is_some() && about.applicant.is_none());
    assert_eq!(opened(about), ("appeal", None, Basis::ProviderAct, "KZ-55", None, 1));
    let change = facts(forms::change_notice, Role::MigrationBody, &change_notice());
    assert_eq!(change.filed_at, "2021-09-03T23:59:59.999+06:00".parse().unwrap());
    assert_eq!(opened(change), ("change-notice", None, Basis::Ordinary, "KZ-71", None, 0));
    let astana = facts(forms::proposal, Role::Akimat, &regional_proposal());
    assert_eq!(opened(astana), ("astana-migration", None, Basis::RegionalQuota, "KZ-71", None, 0));
    let list = facts(forms::settlement_list, Role::Akimat, &settlement_list());
    assert_eq!(opened(list), ("astana-migration", None, Basis::SettlementList, "KZ-71", None, 0));
}

#[test]
fn a_self_arrived_in_migrant_has_a_procedure_of_its_own_in_2021_alone() {
    let mut form = in_migrant_application();
    form.basis = InMigrantBasis::SelfArrived.into();
    form.departure_region.clear();
    let opened = facts(forms::in_migrant_application, Role::EmploymentCentre, &form);
    assert_eq!(opened.basis, Basis::SelfArrived);
    for (edition, expected) in [
        (Some("2021"), Some("in-migrant-self-arrived/2021")),
        (Some("2024"), Some("in-migrant/2024")),
        (Some("1999"), None),
        // No day of publication is configured here, so the newest applies.
        (None, Some("in-migrant/2024")),
    ] {
        let edition = edition.map(|edition| edition.parse().unwrap());
        let found = asking(Role::Akimat, |asked| opened.key(asked, edition.as_ref()));
        assert_eq!(found, expected.map(key));
    }
}

#[test]
fn lines_that_one_edition_has_are_asked_for_there_and_nowhere_else() {
    let told = |run: &dyn Fn(&mut Faults)| {
        let mut faults = Faults::new();
        run(&mut faults);
        faults.violations().iter().map(|one| one.field.clone()).collect::<Vec<_>>()
    };
    let (old, new) = (key("kandas/2021"), key("kandas/2024"));
    let mut form = kandas_application();
    let held = |form: &KandasApplication, key: &ProcedureKey| {
        told(&|faults| forms::kandas_application_in(faults, &Path::Root, form, key))
    };
    assert_eq!(held(&form, &old), [""; 0]);
    assert_eq!(held(&form, &new), ["group"]);
    form.group = KandasGroup::LivingInKazakhstan.into();
    assert_eq!(held(&form, &old), ["group"]);
    assert_eq!(held(&form, &new), [""; 0]);

    let (old, new) = (key("in-migrant/2021"), key("in-migrant/2024"));
    let mut form = in_migrant_application();
    let held = |form: &InMigrantApplication, key: &ProcedureKey| {
        told(&|faults| forms::in_migrant_application_in(faults, &Path::Root, form, key))
    };
    assert_eq!(held(&form, &old), [""; 0]);
    assert_eq!(held(&form, &new), ["employment_category", "family_members[0].residence"]);
    form.employment_category = EmploymentCategory::Farm.into();
    form.family_members[0].residence = home();
    assert_eq!(held(&form, &old), ["employment_category", "family_members[0].residence"]);
    assert_eq!(held(&form, &new), [""; 0]);
}

/// The contract's list of kinship is what the forms of kandas allow, so that a stated value is an
/// allowed one; the forms of in-migrants take words.
#[test]
fn the_kinship_of_the_contract_is_that_of_the_editions() {
    let people = People::load().unwrap();
    for edition in ["kandas/2021", "kandas-mission/2021", "kandas/2024"] {
        let rule = people.family_rule(&key(edition)).unwrap();
        let Relatives::Listed(listed) = &rule.relatives else { panic!("{edition} lists none") };
        let names = listed.iter().map(|one| one.name().to_uppercase());
        let names: Vec<_> = names.map(|name| format!("KINSHIP_{name}")).collect();
        let stated = (1..).map_while(|number| Kinship::try_from(number).ok());
        assert_eq!(names, stated.map(|one| one.as_str_name()).collect::<Vec<_>>());
    }
    for edition in ["in-migrant/2021", "in-migrant-self-arrived/2021", "in-migrant/2024"] {
        assert_eq!(people.family_rule(&key(edition)).unwrap().relatives, Relatives::Any);
    }
}

#[test]
fn every_rule_of_a_complaint_is_held() {
    hold(
        forms::complaint,
        &complaint(),
        &[
            "registration_number",
            "registered_time",
            "manner",
            "complainant",
            "contact_details",
            "against",
            "basis",
            "text",
            "registered_by",
        ],
        &[
            (|f| f.registration_number = long(65), "registration_number: has more than 64"),
            (
                |f| f.registered_time = stamp("2021-09-06T12:05:01+06:00"),
                "registered_time: lies in the future",
            ),
            (|f| f.manner = 3, "manner: is not stated"),
            (|f| f.contact_details = long(301), "contact_details: has more than 300"),
            (|f| f.against = PartyRole::Commission.into(), "against: must be AKIMAT or MIGRATION"),
            (
                |f| f.against = PartyRole::MigrationBody.into(),
                "WRONG_COMPLAINT_LEVEL against: is another body",
            ),
            (|f| f.basis = 0, "basis: is not stated"),
            (|f| f.region.clear(), "REGION_UNKNOWN region: is not an ISO"),
            (|f| f.about_case_id = "Sample".into(), "about_case_id: is not a case_id"),
            (|f| f.decision_number = long(65), "decision_number: has more than 64"),
            (|f| f.text = long(4001), "text: has more than 4000"),
            (
                |f| f.documents = vec![document(DocumentKind::Other); 51],
                "documents: has more than 50 items",
            ),
        ],
    );
    let mut form = complaint();
    form.against = PartyRole::MigrationBody.into();
    let (_, faults) = told(forms::complaint, Role::QualityBody, &form);
    assert_eq!(faults, ["region: must be empty when against is MIGRATION_BODY"]);
    form.region.clear();
    let opened = facts(forms::complaint, Role::MigrationBody, &form);
    assert_eq!(opened.region.code(), "KZ-71");
}

#[test]
fn every_rule_of_papers_between_bodies_is_held() {
    hold(
        forms::change_notice,
        &change_notice(),
        &["act_title", "act_number", "approved_date", "description"],
        &[
            (|f| f.act_title = long(301), "act_title: has more than 300"),
            (|f| f.act_number = long(65), "act_number: has more than 64"),
            (|f| f.approved_date = day(2021, 9, 7), "approved_date: lies after today"),
            (|f| f.effective_date = day(2015, 9, 7), "effective_date: lies before the year 2016"),
            (|f| f.description = long(4001), "description: has more than 4000"),
        ],
    );
    fn change(form: &mut Proposal) -> &mut QuotaChange {
        let Some(proposal::Subject::ForeignLabour(labour)) = &mut form.subject else {
            panic!("the sample proposes otherwise")
        };
        labour.change.as_mut().unwrap()
    }
    hold(
        forms::proposal,
        &proposal(),
        &["proposal_number", "proposal_date", "reasons", "signed_by", "territory"],
        &[
            (|f| f.proposal_number = long(65), "proposal_number: has more than 64"),
            (|f| f.reasons = long(4001), "reasons: has more than 4000"),
            (|f| change(f).direction = 3, "foreign_labour.change.direction: is not stated"),
            (
                |f| change(f).person_count = 1_000_001,
                "foreign_labour.change.person_count: must be 1 to 1000000",
            ),
            (|f| change(f).person_count = 99, "foreign_labour.compatriot_count: must be 0 to 99"),
            (|f| change(f).period = 0, "foreign_labour.change.period: is not stated"),
            (|f| change(f).period = 1, "foreign_labour.change.last_year: must be first_year"),
            (|f| change(f).first_year = 2015, "foreign_labour.change.first_year: must be 2016"),
            (|f| change(f).last_year = 2022, "foreign_labour.change.last_year: must lie after"),
            (|f| change(f).last_year = 2101, "foreign_labour.change.last_year: must be 2016"),
        ],
    );
    hold(
        forms::settlement_list,
        &settlement_list(),
        &["list_number", "list_date", "settlements"],
        &[
            (|f| f.settlements[0].name = long(201), "settlements[0].name: has more than 200"),
            (|f| f.settlements[0].region.clear(), "REGION_UNKNOWN settlements[0].region: is not"),
            (|f| f.settlements[0].note = long(1001), "settlements[0].note: has more than 1000"),
            (
                |f| f.settlements = vec![f.settlements[0].clone(); 2001],
                "settlements: has more than 2000 items",
            ),
        ],
    );
}
