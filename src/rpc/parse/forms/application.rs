//! The applications: of a kandas and of an in-migrant for the quota, for the status, for its
//! extension.

use jiff::Timestamp;

use super::OpeningFacts;
use super::paper::{self, Line};
use crate::domain::party::Role;
use crate::domain::region::Region;
use crate::domain::{Basis, Edition, IdentityHash, ProcedureKey};
use crate::rpc::parse::Asked;
use crate::rpc::parse::application::{self, with_applicant};
use crate::rpc::parse::fault::{Faults, Path};
use crate::rpc::parse::person::{self, Signed};
use crate::rpc::parse::rule::{self, Bound};
use crate::rpc::proto::forms::v1 as forms;
use crate::rpc::proto::forms::v1::{
    EmploymentCategory, InMigrantBasis, KandasGroup, Recipient, Relative, StatusSubtype,
};
use crate::rpc::proto::google::r#type::Date as DateMessage;
use crate::rpc::proto::types::v1::{Document, DocumentKind, Official};

/// The most months by which the status is extended (004 ¶19).
const MAX_MONTHS: i32 = 6;

/// The edition whose forms ask for the group of a kandas, and for the employment category and the
/// family's addresses of an in-migrant.
const FORMS_OF_2024: &str = "2024";

/// Checks an application of a kandas in the country (002-EN A1 App. 1; 002-KK App. 1).
pub fn kandas_application(
    faults: &mut Faults,
    at: &Path<'_>,
    value: &forms::KandasApplication,
    asked: Asked<'_>,
) -> Option<OpeningFacts> {
    kandas("kandas", faults, at, value, asked)
}

/// Checks an application for the composite service, which is made on the same form
/// (002-EN A1 ¶9).
pub fn one_application(
    faults: &mut Faults,
    at: &Path<'_>,
    value: &forms::KandasApplication,
    asked: Asked<'_>,
) -> Option<OpeningFacts> {
    kandas("one-application", faults, at, value, asked)
}

fn kandas(
    procedure: &'static str,
    faults: &mut Faults,
    at: &Path<'_>,
    value: &forms::KandasApplication,
    asked: Asked<'_>,
) -> Option<OpeningFacts> {
    let forms::KandasApplication {
        region,
        provider_name,
        scope,
        applicant,
        residence,
        family_members,
        documents,
        personal_data_consent,
        signed_date,
        filed_time,
        accepted_by,
        group,
    } = value;
    let filing = Filing::of(faults, at, filed_time.as_ref(), signed_date.as_ref(), asked);
    let region = rule::region(faults, &at.field("region"), region);
    paper::wording(faults, &at.field("provider_name"), provider_name);
    person::applicant(faults, &at.field("applicant"), applicant, filing.signed);
    person::address(faults, &at.field("residence"), residence);
    application::family(faults, at, *scope, family_members, |faults, at, member| {
        person::family_member(faults, at, member, filing.signed);
    });
    attached(faults, &at.field("documents"), documents, &[DocumentKind::Identity]);
    consent(faults, at, *personal_data_consent);
    accepted(faults, at, accepted_by, asked);
    paper::stated_if_any::<KandasGroup>(faults, &at.field("group"), *group);
    let person = applicant.as_ref()?;
    let hash = person::told_again(person.name.as_ref(), person.birth_date.as_ref(), asked)?;
    Some(of_one_region(procedure, region?, with_applicant(family_members), hash, filing.filed_at?))
}

/// Holds an application of a kandas against the edition of its case: the group is a line of the
/// form of 2024 alone (002-KK ¶3).
pub fn kandas_application_in(
    faults: &mut Faults,
    at: &Path<'_>,
    value: &forms::KandasApplication,
    key: &ProcedureKey,
) {
    line(faults, &at.field("group"), value.group, &key.edition);
}

/// Checks an application of an in-migrant (002-EN A2 App. 1; 002-KK App. 6).
pub fn in_migrant_application(
    faults: &mut Faults,
    at: &Path<'_>,
    value: &forms::InMigrantApplication,
    asked: Asked<'_>,
) -> Option<OpeningFacts> {
    let forms::InMigrantApplication {
        region,
        departure_region,
        provider_name,
        basis,
        scope,
        applicant,
        employment_category,
        family_members,
        documents,
        personal_data_consent,
        signed_date,
        filed_time,
        accepted_by,
        registered_since_date,
        arrived_or_graduated_date,
    } = value;
    let filing = Filing::of(faults, at, filed_time.as_ref(), signed_date.as_ref(), asked);
    let region = rule::region(faults, &at.field("region"), region);
    let basis = in_migrant_basis(faults, &at.field("basis"), *basis);
    let departure = departed(faults, &at.field("departure_region"), departure_region, basis);
    paper::wording(faults, &at.field("provider_name"), provider_name);
    let signed = filing.signed.0;
    paper::applicant(faults, &at.field("applicant"), applicant, signed, Line::Required);
    let category = at.field("employment_category");
    paper::stated_if_any::<EmploymentCategory>(faults, &category, *employment_category);
    application::family(faults, at, *scope, family_members, |faults, at, member: &Relative| {
        // Whether the form has a line for the address depends on the edition.
        paper::relative(faults, at, member, signed, (Line::Optional, Line::Required));
    });
    let kinds: &[DocumentKind] = if basis == Some(Basis::Graduate) {
        &[DocumentKind::Identity, DocumentKind::StudyCertificate]
    } else {
        &[DocumentKind::Identity]
    };
    attached(faults, &at.field("documents"), documents, kinds);
    consent(faults, at, *personal_data_consent);
    accepted(faults, at, accepted_by, asked);
    let dates = [
        ("registered_since_date", registered_since_date),
        ("arrived_or_graduated_date", arrived_or_graduated_date),
    ];
    for (name, date) in dates {
        if date.is_some() {
            paper::past_day(faults, &at.field(name), date.as_ref(), filing.last_day);
        }
    }
    let applicant: Option<&Recipient> = applicant.as_ref();
    let basis = basis?;
    Some(OpeningFacts {
        procedure: "in-migrant",
        own_procedure: (basis != Basis::Ordinary).then_some("in-migrant-self-arrived"),
        basis,
        region: region?,
        departure: departure?,
        persons: with_applicant(family_members),
        applicant: Some(paper::told_again(applicant, asked)?),
        concerns: None,
        filed_at: filing.filed_at?,
    })
}

/// Holds an application of an in-migrant against the edition of its case: the employment category
/// and the addresses of the family are lines of the form of 2024 alone (002-KK App. 6).
pub fn in_migrant_application_in(
    faults: &mut Faults,
    at: &Path<'_>,
    value: &forms::InMigrantApplication,
    key: &ProcedureKey,
) {
    line(faults, &at.field("employment_category"), value.employment_category, &key.edition);
    let members = at.field("family_members");
    for (place, member) in value.family_members.iter().enumerate() {
        let at = members.item(place);
        let at = at.field("residence");
        match (&member.residence, is_of_2024(&key.edition)) {
            (None, true) => faults.field(&at, format_args!("is required in the edition of 2024")),
            (Some(_), false) => {
                faults.field(&at, format_args!("must be empty: the form has no line for it"));
            }
            (None, false) | (Some(_), true) => {}
        }
    }
}

/// Checks an application for the kandas status (004 ¶3).
pub fn status_application(
    faults: &mut Faults,
    at: &Path<'_>,
    value: &forms::StatusApplication,
    asked: Asked<'_>,
) -> Option<OpeningFacts> {
    let forms::StatusApplication {
        region,
        subtype,
        applicant,
        residence,
        family_members,
        documents,
        personal_data_consent,
        signed_date,
        filed_time,
        accepted_by,
    } = value;
    let filing = Filing::of(faults, at, filed_time.as_ref(), signed_date.as_ref(), asked);
    let region = rule::region(faults, &at.field("region"), region);
    let subtype = paper::stated(faults, &at.field("subtype"), *subtype);
    person::applicant(faults, &at.field("applicant"), applicant, filing.signed);
    person::address(faults, &at.field("residence"), residence);
    let members = at.field("family_members");
    application::each_member(faults, &members, family_members, |faults, at, member| {
        person::family_member(faults, at, member, filing.signed);
    });
    let recommended = DocumentKind::NationalityRecommendation as i32;
    let mut kinds = vec![
        DocumentKind::Autobiography,
        DocumentKind::Identity,
        DocumentKind::NotarisedTranslation,
    ];
    if !documents.iter().any(|document| document.kind == recommended) {
        kinds.push(DocumentKind::NationalityProof);
    }
    attached(faults, &at.field("documents"), documents, &kinds);
    consent(faults, at, *personal_data_consent);
    accepted(faults, at, accepted_by, asked);
    let procedure = match subtype? {
        StatusSubtype::Unspecified => return None,
        StatusSubtype::General => "kandas-status",
        StatusSubtype::OnConsent => "kandas-status-mission",
    };
    let person = applicant.as_ref()?;
    let hash = person::told_again(person.name.as_ref(), person.birth_date.as_ref(), asked)?;
    Some(of_one_region(procedure, region?, with_applicant(family_members), hash, filing.filed_at?))
}

/// Checks an application for extension of the status (004 ¶19).
pub fn extension_application(
    faults: &mut Faults,
    at: &Path<'_>,
    value: &forms::ExtensionApplication,
    asked: Asked<'_>,
) -> Option<OpeningFacts> {
    let forms::ExtensionApplication {
        region,
        applicant,
        residence,
        kandas_certificate_number,
        kandas_certificate_date,
        months,
        documents,
        personal_data_consent,
        signed_date,
        filed_time,
        accepted_by,
    } = value;
    let filing = Filing::of(faults, at, filed_time.as_ref(), signed_date.as_ref(), asked);
    let region = rule::region(faults, &at.field("region"), region);
    person::applicant(faults, &at.field("applicant"), applicant, filing.signed);
    person::address(faults, &at.field("residence"), residence);
    paper::number(faults, &at.field("kandas_certificate_number"), kandas_certificate_number);
    let certified = at.field("kandas_certificate_date");
    rule::paper_date(faults, &certified, kandas_certificate_date.as_ref(), filing.last_day);
    paper::count(faults, &at.field("months"), *months, 1..=MAX_MONTHS);
    attached(faults, &at.field("documents"), documents, &[]);
    consent(faults, at, *personal_data_consent);
    person::official(faults, &at.field("accepted_by"), accepted_by);
    let person = applicant.as_ref()?;
    let hash = person::told_again(person.name.as_ref(), person.birth_date.as_ref(), asked)?;
    Some(of_one_region("kandas-status-extension", region?, 1, hash, filing.filed_at?))
}

/// What the core needs of an application that knows one region and one basis.
fn of_one_region(
    procedure: &'static str,
    region: Region,
    persons: u16,
    applicant: IdentityHash,
    filed_at: Timestamp,
) -> OpeningFacts {
    OpeningFacts {
        procedure,
        own_procedure: None,
        basis: Basis::Ordinary,
        region,
        departure: None,
        persons,
        applicant: Some(applicant),
        concerns: None,
        filed_at,
    }
}

/// When an application was filed and signed.
#[derive(Clone, Copy)]
struct Filing {
    filed_at: Option<Timestamp>,
    /// The last day that its papers can bear.
    last_day: Bound,
    /// The day of signing, or the last that it can be.
    signed: Signed,
}

impl Filing {
    fn of(
        faults: &mut Faults,
        at: &Path<'_>,
        filed_time: Option<&prost_types::Timestamp>,
        signed_date: Option<&DateMessage>,
        asked: Asked<'_>,
    ) -> Self {
        let filed_at = application::filed(faults, &at.field("filed_time"), filed_time, asked);
        let last_day = application::filing_day(filed_at, asked);
        let signed = rule::paper_date(faults, &at.field("signed_date"), signed_date, last_day);
        Self { filed_at, last_day, signed: Signed(signed.unwrap_or(last_day.day)) }
    }
}

/// On what ground an in-migrant comes.
fn in_migrant_basis(faults: &mut Faults, at: &Path<'_>, number: i32) -> Option<Basis> {
    match paper::stated(faults, at, number)? {
        InMigrantBasis::Unspecified => None,
        InMigrantBasis::Ordinary => Some(Basis::Ordinary),
        InMigrantBasis::SelfArrived => Some(Basis::SelfArrived),
        InMigrantBasis::Graduate => Some(Basis::Graduate),
    }
}

/// The region of departure: of those who come from one, and of nobody else.
fn departed(
    faults: &mut Faults,
    at: &Path<'_>,
    value: &str,
    basis: Option<Basis>,
) -> Option<Option<Region>> {
    match (basis?, value) {
        (Basis::Ordinary, value) => rule::region(faults, at, value).map(Some),
        (_, "") => Some(None),
        _ => {
            faults.field(at, format_args!("must be empty unless basis is ORDINARY"));
            None
        }
    }
}

/// The documents of an application, among them those of the kinds that it needs.
fn attached(faults: &mut Faults, at: &Path<'_>, documents: &[Document], kinds: &[DocumentKind]) {
    paper::documents(faults, at, documents, 0);
    for kind in kinds {
        paper::needs(faults, at, documents, *kind);
    }
}

fn consent(faults: &mut Faults, at: &Path<'_>, given: bool) {
    rule::personal_data_consent(faults, &at.field("personal_data_consent"), given);
}

/// The official who took the application in: none where it was a portal or the mobile application.
fn accepted(faults: &mut Faults, at: &Path<'_>, value: &Option<Official>, asked: Asked<'_>) {
    let portals = [Role::MigrationPortal, Role::EgovPortal, Role::MobileApp];
    let at = at.field("accepted_by");
    if !portals.contains(&asked.caller.role) {
        person::official(faults, &at, value);
    } else if value.is_some() {
        faults.field(&at, format_args!("must be empty: a portal took the application in"));
    }
}

/// A choice for which the form of 2024 alone has a line.
fn line(faults: &mut Faults, at: &Path<'_>, number: i32, edition: &Edition) {
    match (number, is_of_2024(edition)) {
        (0, true) => faults.field(at, format_args!("is required in the edition of 2024")),
        (1.., false) => {
            faults.field(at, format_args!("must be unspecified: the form has no line for it"));
        }
        (_, _) => {}
    }
}

fn is_of_2024(edition: &Edition) -> bool {
    edition.as_str() == FORMS_OF_2024
}
