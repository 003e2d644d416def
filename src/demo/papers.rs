//! The papers that parties write: applications, covers, decisions, records of handing over.

use jiff::Timestamp;
use jiff::civil::Date;

use super::chance::Chance;
use super::family::{Family, Kin, Member};
use super::words::Script;
use crate::rpc::proto::google;
use crate::rpc::proto::types::v1 as types;

/// The application of a family as its mission accepted it.
pub(super) fn application(family: &Family) -> types::Application {
    let (applicant, others) = match family.members.split_first() {
        Some((applicant, others)) => (Some(applicant), others),
        None => (None, family.members.as_slice()),
    };
    let scope = if others.is_empty() {
        types::ApplicationScope::Applicant
    } else {
        types::ApplicationScope::ApplicantAndFamily
    };
    let mut documents = vec![identity(family)];
    if others.iter().any(|member| member.kin == Kin::Spouse) {
        let kind = types::DocumentKind::MarriageCertificate;
        documents.push(document(kind, &format!("Marriage certificate {}", family.file), ""));
    }
    types::Application {
        region: family.region.code().to_owned(),
        scope: scope.into(),
        applicant: applicant.map(|applicant| types::Person {
            name: Some(name(family, applicant)),
            birth_date: Some(date(applicant.born_on)),
            citizenship_country: family.country.to_owned(),
        }),
        residence: Some(types::Address {
            country: family.country.to_owned(),
            text: family.script.address(family.members.len()),
            postal_code: String::new(),
        }),
        family_members: others.iter().map(|member| relative(family, member)).collect(),
        documents,
        personal_data_consent: true,
        signed_date: Some(date(family.filed_on)),
        filed_time: Some(timestamp(family.filed_at)),
        accepted_by: Some(official(family.script, "consular officer")),
    }
}

/// Whether an application shows papers that do not agree: its identity document carries another
/// number than the one the application names.
pub(super) fn doubtful(application: &types::Application) -> bool {
    application.documents.iter().any(|document| !document.title.ends_with(&document.number))
}

/// The number of a family's file, which stands on its identity document.
pub(super) fn file_of(application: &types::Application) -> Option<&str> {
    let identity = i32::from(types::DocumentKind::Identity);
    let document = application.documents.iter().find(|document| document.kind == identity)?;
    Some(&document.number)
}

/// Persons of an application, the applicant counted.
pub(super) fn persons(application: &types::Application) -> i32 {
    1 + i32::try_from(application.family_members.len()).unwrap_or(i32::MAX - 1)
}

/// The cover of an outgoing letter.
pub(super) fn cover(file: &str, hop: &str, on: Date) -> types::Dispatch {
    types::Dispatch {
        outgoing_number: format!("{file}/{hop}"),
        outgoing_date: Some(date(on)),
        note: String::new(),
    }
}

/// A refusal on these grounds, with the reasons that the applicant will read.
pub(super) fn refusal(grounds: &[types::RefusalGround]) -> types::Refusal {
    let reasons = grounds.iter().filter_map(|ground| match ground {
        types::RefusalGround::UnreliableData => Some(
            "The identity document attached carries another number than the one stated in the \
             application.",
        ),
        types::RefusalGround::NoRegionalQuota => {
            Some("The places of the regional quota are taken by families who filed earlier.")
        }
        // Grounds of other editions.
        types::RefusalGround::ConditionsNotMet
        | types::RefusalGround::CompromisingInformation
        | types::RefusalGround::NoDataConsent
        | types::RefusalGround::UnitRefused
        | types::RefusalGround::AlreadyIncluded
        | types::RefusalGround::PublicServicesLaw
        | types::RefusalGround::IncompletePackage
        | types::RefusalGround::ExpiredDocuments
        | types::RefusalGround::Unspecified => None,
    });
    types::Refusal {
        grounds: grounds.iter().map(|&ground| ground.into()).collect(),
        reasons: reasons.collect::<Vec<_>>().join("\n"),
    }
}

/// The record that a decision was handed over to the applicant at the counter.
pub(super) fn hand_over(at: Timestamp, position: &str) -> types::HandOver {
    types::HandOver {
        handed_over_time: Some(timestamp(at)),
        manner: types::HandOverManner::InPerson.into(),
        recipient: types::HandOverRecipient::Applicant.into(),
        representative_name: None,
        representative_authority: String::new(),
        handed_over_by: Some(official(Script::Kazakh, position)),
        head_signature: None,
    }
}

/// What a family brings to the akimat after its arrival.
#[derive(Debug, Clone)]
pub(super) struct ArrivalPapers {
    /// The number of the family's file.
    pub(super) file: String,
    /// The region of the consent.
    pub(super) region: String,
    /// The decision on consent, as handed over by the mission.
    pub(super) consent: types::ConsentDecision,
    /// How many persons have arrived.
    pub(super) persons: i32,
}

/// The application of a family that has arrived and has its kandas certificate, filed at `at`.
pub(super) fn arrival(
    papers: &ArrivalPapers,
    at: Timestamp,
    on: Date,
) -> types::ArrivalApplication {
    let ArrivalPapers { file, region, consent, persons } = papers;
    let copy = types::DocumentKind::ConsentDecision;
    let title = format!("Decision on consent {}", consent.decision_number);
    types::ArrivalApplication {
        region: region.clone(),
        consent_decision_number: consent.decision_number.clone(),
        consent_decision_date: consent.decision_date,
        kandas_certificate_number: format!("{file}-Қ"),
        kandas_certificate_date: Some(date(on)),
        arrival_date: Some(date(on)),
        residence: Some(types::Address {
            country: "KZ".to_owned(),
            text: Script::Kazakh.address(1),
            postal_code: String::new(),
        }),
        person_count: *persons,
        documents: vec![document(copy, &title, &consent.decision_number)],
        personal_data_consent: true,
        signed_date: Some(date(on)),
        filed_time: Some(timestamp(at)),
        accepted_by: Some(official(Script::Kazakh, "specialist of the akimat")),
    }
}

/// An instant as messages carry it.
pub(super) fn timestamp(at: Timestamp) -> prost_types::Timestamp {
    prost_types::Timestamp { seconds: at.as_second(), nanos: at.subsec_nanosecond() }
}

/// An instant of a message.
pub(super) fn instant(at: &prost_types::Timestamp) -> Option<Timestamp> {
    Timestamp::new(at.seconds, at.nanos).ok()
}

/// A day as messages carry it.
pub(super) fn date(on: Date) -> google::r#type::Date {
    google::r#type::Date {
        year: i32::from(on.year()),
        month: i32::from(on.month()),
        day: i32::from(on.day()),
    }
}

/// A day of a message.
pub(super) fn day(on: &google::r#type::Date) -> Option<Date> {
    let (year, month, day) = (on.year.try_into(), on.month.try_into(), on.day.try_into());
    Date::new(year.ok()?, month.ok()?, day.ok()?).ok()
}

fn name(family: &Family, member: &Member) -> types::PersonName {
    types::PersonName {
        surname: family.surname.clone(),
        given_name: member.given_name.clone(),
        patronymic: family.script.patronymic(),
    }
}

fn relative(family: &Family, member: &Member) -> types::FamilyMember {
    let kinship = match member.kin {
        Kin::Applicant => types::Kinship::Unspecified,
        Kin::Spouse => types::Kinship::Spouse,
        Kin::Child => types::Kinship::Child,
        Kin::Parent => types::Kinship::Parent,
    };
    types::FamilyMember {
        name: Some(name(family, member)),
        birth_date: Some(date(member.born_on)),
        kinship: kinship.into(),
    }
}

/// An official of a made-up name.
pub(super) fn official(script: Script, position: &str) -> types::Official {
    types::Official {
        name: Some(types::PersonName {
            surname: script.surname(0, 1),
            given_name: script.given_name(1),
            patronymic: script.patronymic(),
        }),
        position: position.to_owned(),
    }
}

fn identity(family: &Family) -> types::Document {
    let shown = if family.papers_agree { &family.file } else { "ҮЛГІ-X" };
    let title = format!("Identity document {shown}");
    document(types::DocumentKind::Identity, &title, &family.file)
}

/// The description of a scan that does not exist: its fingerprint is drawn from its title.
pub(super) fn document(kind: types::DocumentKind, title: &str, number: &str) -> types::Document {
    let mut chance = Chance::about(0, title);
    let digest: Vec<u8> = (0..4).flat_map(|_| chance.next().to_be_bytes()).collect();
    types::Document {
        kind: kind.into(),
        title: title.to_owned(),
        number: number.to_owned(),
        content_sha256: digest.into(),
        size_bytes: i64::from(chance.within(1000..=30_000)),
        media_type: "application/pdf".to_owned(),
    }
}
