//! Messages without fault, and the parties that send them. All persons are visibly synthetic.

use std::path::Path;

use bytes::Bytes;
use jiff::Timestamp;

use crate::domain::party::{CertificateHash, Parties, PartyNumber};
use crate::domain::{PartyEnrolled, Roster};
use crate::rpc::Caller;
use crate::rpc::proto::google::r#type::Date;
use crate::rpc::proto::types::v1::*;
use crate::trust::registry;

const PARTIES: &str = r#"
version = 1

[[party]]
id = "committee"
role = "migration-body"
zone = "Asia/Almaty"
names = { kk = "Комитет", ru = "Комитет", en = "Committee" }

[[party]]
id = "mission-uz"
role = "foreign-mission"
zone = "Asia/Tashkent"
names = { kk = "Елшілік", ru = "Посольство", en = "Embassy" }

[[party]]
id = "mission-mn"
role = "foreign-mission"
zone = "Asia/Ulaanbaatar"
names = { kk = "Елшілік", ru = "Посольство", en = "Embassy" }

[[party]]
id = "akimat-kz-55"
role = "akimat"
region = "KZ-55"
zone = "Asia/Almaty"
names = { kk = "Әкімдік", ru = "Акимат", en = "Akimat" }
acts_for = ["commission-kz-55"]

[[party]]
id = "commission-kz-55"
role = "commission"
region = "KZ-55"
zone = "Asia/Almaty"
names = { kk = "Комиссия", ru = "Комиссия", en = "Commission" }
identities = []

[[party]]
id = "operator"
role = "operator"
zone = "Asia/Almaty"
names = { kk = "Оператор", ru = "Оператор", en = "Operator" }
"#;

/// One party more of every other role.
const OTHERS: &[(&str, &str, &str)] = &[
    ("akimat-kz-11", "akimat", "KZ-11"),
    ("commission-kz-11", "commission", "KZ-11"),
    ("employment-commission-kz-55", "employment-commission", "KZ-55"),
    ("state-corporation", "state-corporation", ""),
    ("employment-centre-kz-55", "employment-centre", "KZ-55"),
    ("career-centre-kz-55", "career-centre", "KZ-55"),
    ("mobility-centre-kz-55", "labour-mobility-centre", "KZ-55"),
    ("migration-portal", "migration-portal", ""),
    ("egov-portal", "egov-portal", ""),
    ("mobile-app", "mobile-app", ""),
    ("ais-kandas", "ais-kandas", ""),
    ("ais-labour-market", "ais-labour-market", ""),
    ("egov-gateway", "egov-gateway", ""),
    ("digital-documents", "digital-documents", ""),
    ("monitoring-system", "monitoring-system", ""),
    ("labour-exchange", "labour-exchange", ""),
    ("rural-akimat-kz-55", "rural-akimat", "KZ-55"),
    ("quality-body", "quality-body", ""),
    ("adaptation-centre-kz-55", "adaptation-centre", "KZ-55"),
    ("front-office-kz-11", "front-office", "KZ-11"),
    ("contact-centre", "contact-centre", ""),
];

/// A registry with every role.
pub(crate) fn all_parties() -> Parties {
    let mut text = PARTIES.to_owned();
    for (id, role, region) in OTHERS {
        text += &format!("\n[[party]]\nid = \"{id}\"\nrole = \"{role}\"\nzone = \"Asia/Almaty\"\n");
        if !region.is_empty() {
            text += &format!("region = \"{region}\"\n");
        }
        text += "names = { kk = \"Үлгі\", ru = \"Пример\", en = \"Sample\" }\n";
    }
    registry::parse(Path::new("parties.toml"), &text).unwrap()
}

pub(crate) fn parties() -> Parties {
    registry::parse(Path::new("parties.toml"), PARTIES).unwrap()
}

/// The parties, enrolled in the order of their ids.
pub(crate) fn roster() -> Roster {
    let parties = parties();
    let numbered: Vec<_> = parties
        .iter()
        .zip(1..)
        .map(|(party, number)| PartyEnrolled {
            number: PartyNumber(number),
            party: party.id.clone(),
        })
        .collect();
    Roster::new(parties, numbered)
}

pub(crate) fn caller(roster: &Roster, id: &str) -> Caller {
    let party = roster.parties().get(&id.parse().unwrap()).unwrap();
    let certificate = CertificateHash([0xce; 32]);
    Caller::new(party, roster.number(&party.id).unwrap(), roster.parties(), certificate)
}

/// Monday, 6 September 2021, noon in Almaty.
pub(crate) fn now() -> Timestamp {
    "2021-09-06T12:00:00+06:00".parse().unwrap()
}

pub(crate) fn stamp(text: &str) -> Option<prost_types::Timestamp> {
    let at: Timestamp = text.parse().unwrap();
    let (seconds, nanos) = (at.as_second(), at.subsec_nanosecond());
    Some(prost_types::Timestamp { seconds, nanos })
}

pub(crate) fn day(year: i32, month: i32, day: i32) -> Option<Date> {
    Some(Date { year, month, day })
}

pub(crate) fn name(surname: &str) -> Option<PersonName> {
    Some(PersonName {
        surname: surname.to_owned(),
        given_name: "Үлгі".to_owned(),
        patronymic: String::new(),
    })
}

pub(crate) fn official() -> Option<Official> {
    Some(Official { name: name("Үлгиева"), position: "консул".to_owned() })
}

pub(crate) fn member() -> FamilyMember {
    FamilyMember {
        name: name("Тестова"),
        birth_date: day(2010, 2, 28),
        kinship: Kinship::Child.into(),
    }
}

pub(crate) fn document(kind: DocumentKind) -> Document {
    Document {
        kind: kind.into(),
        title: "Sample document".to_owned(),
        number: "N 000000".to_owned(),
        content_sha256: Bytes::from_static(&[7; 32]),
        size_bytes: 1,
        media_type: "application/pdf".to_owned(),
    }
}

pub(crate) fn application() -> Application {
    Application {
        region: "KZ-55".to_owned(),
        scope: ApplicationScope::ApplicantAndFamily.into(),
        applicant: Some(Person {
            name: name("Тестов"),
            birth_date: day(1980, 1, 31),
            citizenship_country: "UZ".to_owned(),
        }),
        residence: Some(Address {
            country: "UZ".to_owned(),
            text: "Sample street 1".to_owned(),
            postal_code: String::new(),
        }),
        family_members: vec![member(), member()],
        documents: vec![document(DocumentKind::Identity)],
        personal_data_consent: true,
        signed_date: day(2021, 9, 3),
        filed_time: stamp("2021-09-03T10:00:00+05:00"),
        accepted_by: official(),
    }
}

pub(crate) fn arrival() -> ArrivalApplication {
    ArrivalApplication {
        region: "KZ-55".to_owned(),
        consent_decision_number: "12".to_owned(),
        consent_decision_date: day(2021, 9, 6),
        kandas_certificate_number: "K 0001".to_owned(),
        kandas_certificate_date: day(2021, 9, 6),
        arrival_date: day(2021, 9, 6),
        residence: Some(Address {
            country: "KZ".to_owned(),
            text: "Үлгі көшесі 1".to_owned(),
            postal_code: "140000".to_owned(),
        }),
        person_count: 3,
        documents: vec![document(DocumentKind::ConsentDecision)],
        personal_data_consent: true,
        signed_date: day(2021, 9, 6),
        filed_time: stamp("2021-09-06T12:00:00+06:00"),
        accepted_by: official(),
    }
}

pub(crate) fn cover() -> Dispatch {
    Dispatch {
        outgoing_number: "01-02/3".to_owned(),
        outgoing_date: day(2021, 9, 6),
        note: "two\nlines".to_owned(),
    }
}

pub(crate) fn hand_over() -> HandOver {
    HandOver {
        handed_over_time: stamp("2021-09-06T12:00:00+06:00"),
        manner: HandOverManner::InPerson.into(),
        recipient: HandOverRecipient::Applicant.into(),
        representative_name: None,
        representative_authority: String::new(),
        handed_over_by: official(),
        head_signature: None,
    }
}

pub(crate) fn consent(person_count: i32) -> ConsentDecision {
    ConsentDecision {
        decision_number: "12".to_owned(),
        decision_date: day(2021, 9, 6),
        outcome: Some(consent_decision::Outcome::Consent(Consent { person_count })),
        signed_document: None,
    }
}

pub(crate) fn refusal() -> Refusal {
    Refusal {
        grounds: vec![RefusalGround::NoRegionalQuota.into()],
        reasons: "There is no quota.\nSample text.".to_owned(),
    }
}

pub(crate) fn inclusion(person_count: i32) -> InclusionDecision {
    InclusionDecision {
        decision_number: "13".to_owned(),
        decision_date: day(2021, 9, 6),
        outcome: Some(inclusion_decision::Outcome::Inclusion(Inclusion { person_count })),
        signed_document: None,
    }
}

/// The n-th request id.
pub(crate) fn request_id(n: u32) -> String {
    format!("5a5a5a5a-0000-4000-8000-{n:012}")
}
