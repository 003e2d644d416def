//! What families and officials of the tests write. Every name is visibly invented, and each
//! surname holds [`SURNAME`], so that a leak of personal data can be searched for.

use jiff::Timestamp;
use kopir::rpc::proto::google::r#type::Date;
use kopir::rpc::proto::types::v1::{
    Address, Application, ApplicationScope, ArrivalApplication, Consent, ConsentDecision, Dispatch,
    Document, DocumentKind, FamilyMember, HandOver, HandOverManner, HandOverRecipient, Inclusion,
    InclusionDecision, Kinship, Official, Person, PersonName, Refusal, RefusalGround,
    consent_decision, inclusion_decision,
};

use super::REGION;

/// What every surname of a sample holds.
pub const SURNAME: &str = "Үлгібаева";
/// What every given name of a sample holds.
pub const GIVEN_NAME: &str = "Сынақгүл";
/// What every address of a sample holds.
pub const STREET: &str = "Үлгі көшесі";

/// An instant as the contract has it.
pub fn instant(at: &str) -> prost_types::Timestamp {
    stamp(at.parse().unwrap())
}

/// The same of a parsed time.
pub fn stamp(at: Timestamp) -> prost_types::Timestamp {
    prost_types::Timestamp { seconds: at.as_second(), nanos: at.subsec_nanosecond() }
}

/// The other way round.
pub fn timestamp(at: &prost_types::Timestamp) -> Timestamp {
    Timestamp::new(at.seconds, at.nanos).unwrap()
}

/// A day, `2023-02-01`.
pub fn date(text: &str) -> Date {
    let day: jiff::civil::Date = text.parse().unwrap();
    Date { year: day.year().into(), month: day.month().into(), day: day.day().into() }
}

pub fn name() -> PersonName {
    PersonName {
        surname: SURNAME.into(),
        given_name: GIVEN_NAME.into(),
        patronymic: "Мысалқызы".into(),
    }
}

pub fn official(position: &str) -> Official {
    // In Latin script, without a patronymic.
    let name = PersonName {
        surname: format!("Sample-{SURNAME}"),
        given_name: "Official".into(),
        patronymic: String::new(),
    };
    Official { name: Some(name), position: position.into() }
}

pub fn member(birth_date: &str, kinship: Kinship) -> FamilyMember {
    FamilyMember { name: Some(name()), birth_date: Some(date(birth_date)), kinship: kinship.into() }
}

pub fn document(kind: DocumentKind, title: &str) -> Document {
    Document {
        kind: kind.into(),
        title: title.into(),
        number: "SAMPLE 000001".into(),
        content_sha256: vec![0x5a; 32].into(),
        size_bytes: 150_000,
        media_type: "application/pdf".into(),
    }
}

/// A family of three, filed at `filed`, for [`REGION`].
pub fn application(filed: &str) -> Application {
    Application {
        region: REGION.into(),
        scope: ApplicationScope::ApplicantAndFamily.into(),
        applicant: Some(Person {
            name: Some(name()),
            birth_date: Some(date("1984-06-15")),
            citizenship_country: "UZ".into(),
        }),
        residence: Some(Address {
            country: "UZ".into(),
            text: format!("Tashkent, {STREET}, 7"),
            postal_code: "100000".into(),
        }),
        family_members: vec![
            member("1986-02-28", Kinship::Spouse),
            member("2012-02-29", Kinship::Child),
        ],
        documents: vec![
            document(DocumentKind::Identity, "Паспорт (үлгі)"),
            document(DocumentKind::MarriageCertificate, "Неке туралы куәлік (үлгі)"),
        ],
        personal_data_consent: true,
        signed_date: Some(date(&filed[..10])),
        filed_time: Some(instant(filed)),
        accepted_by: Some(official("Консул (үлгі)")),
    }
}

/// The same family for another region.
pub fn application_to(region: &str, filed: &str) -> Application {
    Application { region: region.into(), ..application(filed) }
}

/// A family of so many persons, the applicant counted.
pub fn application_of(persons: usize, filed: &str) -> Application {
    Application {
        family_members: vec![member("2001-01-31", Kinship::Sibling); persons - 1],
        ..application(filed)
    }
}

pub fn dispatch(outgoing_number: &str) -> Dispatch {
    Dispatch {
        outgoing_number: outgoing_number.into(),
        outgoing_date: Some(date("2023-01-31")),
        note: "Қағаз данасы қоса беріледі.\nSecond line.".into(),
    }
}

pub fn consent(day: &str, person_count: i32) -> ConsentDecision {
    ConsentDecision {
        decision_number: "55-K/12".into(),
        decision_date: Some(date(day)),
        outcome: Some(consent_decision::Outcome::Consent(Consent { person_count })),
        signed_document: None,
    }
}

pub fn refusal() -> Refusal {
    Refusal {
        grounds: vec![RefusalGround::NoRegionalQuota.into()],
        reasons: "Өңірлік квота жоқ.\nThe region has no quota (sample).".into(),
    }
}

pub fn consent_refused(day: &str) -> ConsentDecision {
    ConsentDecision {
        outcome: Some(consent_decision::Outcome::Refusal(refusal())),
        ..consent(day, 0)
    }
}

pub fn inclusion(day: &str, person_count: i32) -> InclusionDecision {
    InclusionDecision {
        decision_number: "55-E/34".into(),
        decision_date: Some(date(day)),
        outcome: Some(inclusion_decision::Outcome::Inclusion(Inclusion { person_count })),
        signed_document: None,
    }
}

pub fn inclusion_refused(day: &str) -> InclusionDecision {
    InclusionDecision {
        outcome: Some(inclusion_decision::Outcome::Refusal(Refusal {
            grounds: vec![
                RefusalGround::UnreliableData.into(),
                RefusalGround::NoRegionalQuota.into(),
            ],
            ..refusal()
        })),
        ..inclusion(day, 0)
    }
}

/// To the applicant in person.
pub fn hand_over(at: &str) -> HandOver {
    HandOver {
        handed_over_time: Some(instant(at)),
        manner: HandOverManner::InPerson.into(),
        recipient: HandOverRecipient::Applicant.into(),
        representative_name: None,
        representative_authority: String::new(),
        handed_over_by: Some(official("Маман (үлгі)")),
        head_signature: None,
    }
}

/// The family after arrival; `consented` is the day of the decision on consent.
pub fn arrival(filed: &str, consented: &str, person_count: i32) -> ArrivalApplication {
    ArrivalApplication {
        region: REGION.into(),
        consent_decision_number: "55-K/12".into(),
        consent_decision_date: Some(date(consented)),
        kandas_certificate_number: "SAMPLE 007".into(),
        kandas_certificate_date: Some(date(&filed[..10])),
        arrival_date: Some(date(&filed[..10])),
        residence: Some(Address {
            country: "KZ".into(),
            text: format!("Павлодар, {STREET}, 9"),
            postal_code: String::new(),
        }),
        person_count,
        documents: vec![
            document(DocumentKind::Identity, "Паспорт (үлгі)"),
            document(DocumentKind::ConsentDecision, "Келісім туралы шешім (үлгі)"),
        ],
        personal_data_consent: true,
        signed_date: Some(date(&filed[..10])),
        filed_time: Some(instant(filed)),
        accepted_by: Some(official("Маман (үлгі)")),
    }
}
