//! The two applications: before entry, and after arrival.

use jiff::Timestamp;
use jiff::civil::Date;

use super::Asked;
use super::fault::{Faults, Path};
use super::person::{self, Signed};
use super::rule::{self, Bound, FIRST_PAPER_DAY, Lines};
use crate::domain::IdentityHash;
use crate::domain::region::Region;
use crate::rpc::proto::types::v1::{
    Application, ApplicationScope, ArrivalApplication, Document, DocumentKind,
};
use crate::rpc::reason::Reason;

/// The most persons in one application, the applicant counted.
pub const MAX_PERSONS: u16 = 30;

/// The most members of a family, the applicant not counted.
pub(super) const MAX_FAMILY_MEMBERS: usize = MAX_PERSONS as usize - 1;

/// The most documents of one application, and of any other form.
pub(super) const MAX_DOCUMENTS: usize = 50;

/// What the core needs of an application before entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ApplicationFacts {
    /// The intended region.
    pub region: Region,
    /// Applicant and family, in persons.
    pub persons: u16,
    /// When the mission received it.
    pub filed_at: Timestamp,
    /// The applicant by a keyed hash.
    pub applicant: IdentityHash,
}

/// What the core needs of an application after arrival.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ArrivalFacts {
    /// The region of residence.
    pub region: Region,
    /// The day of the consent.
    pub consented_on: Date,
    /// The persons who arrived.
    pub persons: u16,
    /// When the akimat received it.
    pub filed_at: Timestamp,
}

/// Checks an application before entry (002-EN A1 App. 1).
pub fn application(
    faults: &mut Faults,
    at: &Path<'_>,
    value: &Application,
    asked: Asked<'_>,
) -> Option<ApplicationFacts> {
    let Application {
        region,
        scope,
        applicant,
        residence,
        family_members,
        documents: attached,
        personal_data_consent,
        signed_date,
        filed_time,
        accepted_by,
    } = value;
    let filed_at = filed(faults, &at.field("filed_time"), filed_time.as_ref(), asked);
    let filed_on = filing_day(filed_at, asked);
    let signed = rule::paper_date(faults, &at.field("signed_date"), signed_date.as_ref(), filed_on);
    let signed = Signed(signed.unwrap_or(filed_on.day));
    let region = rule::region(faults, &at.field("region"), region);
    person::applicant(faults, &at.field("applicant"), applicant, signed);
    person::address(faults, &at.field("residence"), residence);
    family(faults, at, *scope, family_members, |faults, at, member| {
        person::family_member(faults, at, member, signed);
    });
    documents(faults, &at.field("documents"), attached, DocumentKind::Identity);
    let consent = at.field("personal_data_consent");
    rule::personal_data_consent(faults, &consent, *personal_data_consent);
    person::official(faults, &at.field("accepted_by"), accepted_by);
    let persons = with_applicant(family_members);
    let person = applicant.as_ref()?;
    let applicant = person::told_again(person.name.as_ref(), person.birth_date.as_ref(), asked)?;
    Some(ApplicationFacts { region: region?, persons, filed_at: filed_at?, applicant })
}

/// Checks an application after arrival (002-EN A1 ¶¶19-20).
pub fn arrival(
    faults: &mut Faults,
    at: &Path<'_>,
    value: &ArrivalApplication,
    asked: Asked<'_>,
) -> Option<ArrivalFacts> {
    let ArrivalApplication {
        region,
        consent_decision_number,
        consent_decision_date,
        kandas_certificate_number,
        kandas_certificate_date,
        arrival_date,
        residence,
        person_count,
        documents: attached,
        personal_data_consent,
        signed_date,
        filed_time,
        accepted_by,
    } = value;
    let filed_at = filed(faults, &at.field("filed_time"), filed_time.as_ref(), asked);
    let filed_on = filing_day(filed_at, asked);
    let region = rule::region(faults, &at.field("region"), region);
    let number = at.field("consent_decision_number");
    rule::text(faults, &number, consent_decision_number, 1..=64, Lines::One);
    let consented = at.field("consent_decision_date");
    let consented_on =
        rule::paper_date(faults, &consented, consent_decision_date.as_ref(), filed_on);
    let number = at.field("kandas_certificate_number");
    rule::text(faults, &number, kandas_certificate_number, 1..=64, Lines::One);
    let certified = at.field("kandas_certificate_date");
    rule::paper_date(faults, &certified, kandas_certificate_date.as_ref(), filed_on);
    rule::paper_date(faults, &at.field("arrival_date"), arrival_date.as_ref(), filed_on);
    let home = at.field("residence");
    let address = person::address(faults, &home, residence);
    if address.is_some_and(|home| rule::is_country(&home.country) && home.country != "KZ") {
        let country = home.field("country");
        faults.field(&country, format_args!("must be KZ: the family lives in Kazakhstan now"));
    }
    let persons = rule::persons(faults, &at.field("person_count"), *person_count);
    documents(faults, &at.field("documents"), attached, DocumentKind::ConsentDecision);
    let consent = at.field("personal_data_consent");
    rule::personal_data_consent(faults, &consent, *personal_data_consent);
    rule::paper_date(faults, &at.field("signed_date"), signed_date.as_ref(), filed_on);
    person::official(faults, &at.field("accepted_by"), accepted_by);
    Some(ArrivalFacts {
        region: region?,
        consented_on: consented_on?,
        persons: persons?,
        filed_at: filed_at?,
    })
}

/// The persons of an application.
pub(super) fn with_applicant<M>(family: &[M]) -> u16 {
    u16::try_from(family.len()).unwrap_or(u16::MAX).saturating_add(1)
}

/// The instant of filing. That it is not in the future is judged where the bus takes the act.
pub(super) fn filed(
    faults: &mut Faults,
    at: &Path<'_>,
    value: Option<&prost_types::Timestamp>,
    asked: Asked<'_>,
) -> Option<Timestamp> {
    let filed_at = rule::time(faults, at, value)?;
    if asked.day(filed_at) < FIRST_PAPER_DAY {
        faults.field(at, format_args!("lies before the year 2016; check the time"));
        return None;
    }
    Some(filed_at)
}

/// The last day that a paper of the application can bear.
pub(super) fn filing_day(filed_at: Option<Timestamp>, asked: Asked<'_>) -> Bound {
    match filed_at {
        Some(filed_at) => Bound { day: asked.day(filed_at), name: "the day of filed_time" },
        None => Bound { day: asked.day(asked.now), name: "today" },
    }
}

/// The family as the form's scope asks for it; `member` checks one of them.
pub(super) fn family<M>(
    faults: &mut Faults,
    at: &Path<'_>,
    scope: i32,
    members: &[M],
    member: impl FnMut(&mut Faults, &Path<'_>, &M),
) {
    let known = ApplicationScope::try_from(scope).ok();
    let known = known.filter(|known| *known != ApplicationScope::Unspecified);
    let scope = rule::stated(faults, &at.field("scope"), known);
    let at = at.field("family_members");
    if !each_member(faults, &at, members, member) {
        return;
    }
    if scope == Some(ApplicationScope::Applicant) && !members.is_empty() {
        faults.field(&at, format_args!("must be empty when scope is APPLICANT"));
    }
    if scope == Some(ApplicationScope::ApplicantAndFamily) && members.is_empty() {
        faults.field(&at, format_args!("is required when scope is APPLICANT_AND_FAMILY"));
    }
}

/// The members of a family, unless they are more than one application holds.
pub(super) fn each_member<M>(
    faults: &mut Faults,
    at: &Path<'_>,
    members: &[M],
    mut member: impl FnMut(&mut Faults, &Path<'_>, &M),
) -> bool {
    if members.len() > MAX_FAMILY_MEMBERS {
        faults.add(
            at,
            Reason::FamilyTooLarge,
            format_args!(
                "has more than {MAX_FAMILY_MEMBERS} members; with the applicant one application \
                 holds {MAX_PERSONS} persons"
            ),
        );
        return false;
    }
    for (place, one) in members.iter().enumerate() {
        member(faults, &at.item(place), one);
    }
    true
}

fn documents(faults: &mut Faults, at: &Path<'_>, attached: &[Document], needed: DocumentKind) {
    if attached.len() > MAX_DOCUMENTS {
        faults.field(at, format_args!("has more than {MAX_DOCUMENTS} documents"));
        return;
    }
    for (place, one) in attached.iter().enumerate() {
        document(faults, &at.item(place), one);
    }
    if !attached.iter().any(|document| document.kind == needed as i32) {
        let kind = needed.as_str_name();
        faults.field(at, format_args!("needs a document of kind {kind}"));
    }
}

pub(super) fn document(faults: &mut Faults, at: &Path<'_>, value: &Document) {
    let Document { kind, title, number, content_sha256, size_bytes, media_type } = value;
    let known = DocumentKind::try_from(*kind).ok();
    let known = known.filter(|known| *known != DocumentKind::Unspecified);
    rule::stated(faults, &at.field("kind"), known);
    rule::text(faults, &at.field("title"), title, 1..=200, Lines::One);
    rule::text(faults, &at.field("number"), number, 0..=64, Lines::One);
    if content_sha256.len() != 32 {
        let at = at.field("content_sha256");
        faults.field(&at, format_args!("must be the SHA-256 of the content: exactly 32 bytes"));
    }
    if *size_bytes < 1 {
        faults.field(&at.field("size_bytes"), format_args!("must be at least 1"));
    }
    rule::text(faults, &at.field("media_type"), media_type, 1..=100, Lines::One);
}
