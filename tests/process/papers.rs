//! The papers that the parties of a test send: complete by the contract, of a kilobyte or so, and
//! about persons who visibly do not exist.

use jiff::Timestamp;
use jiff::civil::Date as Day;
use jiff::tz::TimeZone;
use kopir::rpc::proto::google::r#type::Date;
use kopir::rpc::proto::inbox::v1::Delivery;
use kopir::rpc::proto::types::v1::{
    Address, Application, ApplicationScope, ArrivalApplication, Consent, ConsentDecision, Dispatch,
    Document, DocumentKind, FamilyMember, HandOver, HandOverManner, HandOverRecipient, Inclusion,
    InclusionDecision, Kinship, Official, Person, PersonName, Refusal, RefusalGround,
    consent_decision, inclusion_decision,
};

/// When the sandbox of these tests begins: a Monday morning in Almaty.
pub const SANDBOX_START: &str = "2023-01-09T09:00:00+06:00";

/// When every application of these tests was filed: the Friday before.
const FILED_SECONDS: i64 = 1_672_992_000;
const SIGNED: Date = Date { year: 2023, month: 1, day: 5 };

/// An application of a family of `persons`, for a region.
pub fn application(region: &str, persons: u16) -> Application {
    let family = (1..persons).map(|number| FamilyMember {
        name: Some(name(&format!("Сынақ-{number}"))),
        birth_date: Some(Date { year: 2000 + i32::from(number), month: 5, day: 17 }),
        kinship: Kinship::Child.into(),
    });
    let scope = match persons {
        1 => ApplicationScope::Applicant,
        _ => ApplicationScope::ApplicantAndFamily,
    };
    Application {
        region: region.into(),
        scope: scope.into(),
        applicant: Some(Person {
            name: Some(name("Сынақ")),
            birth_date: Some(Date { year: 1975, month: 3, day: 22 }),
            citizenship_country: "UZ".into(),
        }),
        residence: Some(address("UZ", "Synthetic street 1, Example")),
        family_members: family.collect(),
        documents: vec![
            document(DocumentKind::Identity, "Synthetic identity document"),
            document(DocumentKind::Education, "Synthetic copy of a diploma"),
            document(DocumentKind::Experience, "Synthetic proof of work experience"),
        ],
        personal_data_consent: true,
        signed_date: Some(SIGNED),
        filed_time: Some(prost_types::Timestamp { seconds: FILED_SECONDS, nanos: 0 }),
        accepted_by: Some(official()),
    }
}

/// The persons of an application, the applicant counted.
pub fn persons(application: &Application) -> i32 {
    1 + i32::try_from(application.family_members.len()).expect("at most 29 members")
}

/// A cover with an outgoing number.
pub fn cover(number: &str) -> Dispatch {
    Dispatch {
        outgoing_number: number.into(),
        outgoing_date: Some(SIGNED),
        note: "Synthetic note".into(),
    }
}

/// A commission's decision on the application of a delivery, on the day it took it.
pub fn consent_decision(
    delivery: &Delivery,
    received: prost_types::Timestamp,
    refuse: bool,
) -> ConsentDecision {
    let outcome = if refuse {
        consent_decision::Outcome::Refusal(refusal())
    } else {
        let application = delivery.application.as_ref().expect("hop K21B-04 carries it");
        let person_count = persons(application);
        consent_decision::Outcome::Consent(Consent { person_count })
    };
    ConsentDecision {
        decision_number: "SYN-1".into(),
        decision_date: Some(day_in_almaty(received)),
        outcome: Some(outcome),
        signed_document: None,
    }
}

/// The persons whom a decision consents to; none after a refusal.
pub fn consented(decision: &ConsentDecision) -> Option<i32> {
    match decision.outcome.as_ref()? {
        consent_decision::Outcome::Consent(consent) => Some(consent.person_count),
        consent_decision::Outcome::Refusal(_) => None,
    }
}

/// A commission's decision on a family that has arrived.
pub fn inclusion_decision(
    delivery: &Delivery,
    received: prost_types::Timestamp,
    refuse: bool,
) -> InclusionDecision {
    let outcome = if refuse {
        inclusion_decision::Outcome::Refusal(refusal())
    } else {
        let arrival = delivery.arrival_application.as_ref().expect("hop K21B-10 carries it");
        let person_count = arrival.person_count;
        inclusion_decision::Outcome::Inclusion(Inclusion { person_count })
    };
    InclusionDecision {
        decision_number: "SYN-2".into(),
        decision_date: Some(day_in_almaty(received)),
        outcome: Some(outcome),
        signed_document: None,
    }
}

/// A decision given to the applicant at this time.
pub fn hand_over(at: prost_types::Timestamp) -> HandOver {
    HandOver {
        handed_over_time: Some(at),
        manner: HandOverManner::InPerson.into(),
        recipient: HandOverRecipient::Applicant.into(),
        representative_name: None,
        representative_authority: String::new(),
        handed_over_by: Some(official()),
        head_signature: None,
    }
}

/// The application after arrival of a family that has the decision in hand.
pub fn arrival(
    region: &str,
    decision: &ConsentDecision,
    filed: prost_types::Timestamp,
) -> ArrivalApplication {
    let today = day_in_almaty(filed);
    ArrivalApplication {
        region: region.into(),
        consent_decision_number: decision.decision_number.clone(),
        consent_decision_date: decision.decision_date,
        kandas_certificate_number: "SYN-3".into(),
        kandas_certificate_date: Some(today),
        arrival_date: Some(today),
        residence: Some(address("KZ", "Synthetic avenue 2, Example")),
        person_count: consented(decision).expect("only those with a consent arrive"),
        documents: vec![document(DocumentKind::ConsentDecision, "Synthetic copy of the decision")],
        personal_data_consent: true,
        signed_date: Some(today),
        filed_time: Some(filed),
        accepted_by: Some(official()),
    }
}

/// All parties of these tests live by the time of Almaty.
fn day_in_almaty(at: prost_types::Timestamp) -> Date {
    let instant = Timestamp::new(at.seconds, at.nanos).expect("a time of the bus");
    let day: Day = TimeZone::get("Asia/Almaty").expect("bundled").to_datetime(instant).date();
    Date { year: day.year().into(), month: day.month().into(), day: day.day().into() }
}

fn refusal() -> Refusal {
    Refusal {
        grounds: vec![RefusalGround::NoRegionalQuota.into()],
        reasons: "Synthetic reason: the quota of the year is used up.".into(),
    }
}

fn name(given: &str) -> PersonName {
    PersonName {
        surname: "Үлгіев".into(), given_name: given.into(), patronymic: String::new()
    }
}

fn official() -> Official {
    Official { name: Some(name("Лауазым")), position: "Synthetic official".into() }
}

fn address(country: &str, text: &str) -> Address {
    Address { country: country.into(), text: text.into(), postal_code: "000000".into() }
}

fn document(kind: DocumentKind, title: &str) -> Document {
    Document {
        kind: kind.into(),
        title: title.into(),
        number: "SYN 0000000".into(),
        content_sha256: vec![0x5a; 32].into(),
        size_bytes: 4096,
        media_type: "application/pdf".into(),
    }
}
