//! The applications that are sent: forms of an invented family, one kibibyte each.

use jiff::Timestamp;
use jiff::civil::Date;

use super::site::REGIONS;
use crate::rpc::proto::google::r#type::Date as DateMessage;
use crate::rpc::proto::types::v1::{
    Address, Application, ApplicationScope, Document, DocumentKind, FamilyMember, Kinship,
    Official, Person, PersonName,
};

/// Brings the encoded request to one kibibyte.
const ADDRESS: &str = "sample district, sample street 1; what follows is filler that brings the whole form \
    to one kibibyte, the size at which queues are usually measured, so that their rates \
    can be set beside the bus's filler filler filler filler filler filler filler filler \
    filler filler filler filler filler filler filler filler filler fi";

/// How many days back the applications were filed, in turn: their due times then differ, as they
/// do in life, and the queue has an order to keep.
const FILED_DAYS_BACK: u64 = 4;
const DAY_SECONDS: i64 = 86_400;

/// Makes requests, each by its number.
#[derive(Debug, Clone)]
pub(super) struct Applications {
    template: Application,
    /// Seconds since 1970 of the latest filing.
    filed_seconds: i64,
    /// Sets the ids of this run apart from those of any other.
    run: u64,
}

impl Applications {
    /// Applications of a run, the latest filed an hour before `now`.
    pub(super) fn new(now: Timestamp, run: u64) -> Self {
        let filed_seconds = now.as_second() - 3_600;
        let template = template(signed_before(filed_seconds));
        Self { template, filed_seconds, run }
    }

    /// The request id of a number. Ids are scattered like random ones, since ids in a row would
    /// be kinder to the index than real ones; the number can be read back from the id.
    pub(super) fn request_id(&self, number: u64) -> String {
        let scattered = scatter(self.run.wrapping_add(number));
        uuid::Uuid::from_u64_pair(scattered, number).to_string()
    }

    /// The number of a request id.
    pub(super) fn number(request_id: &str) -> Option<u64> {
        uuid::Uuid::parse_str(request_id).ok().map(|id| id.as_u64_pair().1)
    }

    /// The application of a number.
    pub(super) fn application(&self, number: u64) -> Application {
        let days_back = i64::try_from(number % FILED_DAYS_BACK).unwrap_or_default();
        let seconds = self.filed_seconds - days_back * DAY_SECONDS;
        let mut application = self.template.clone();
        let region = usize::try_from(number).unwrap_or_default() % REGIONS.len();
        application.region = REGIONS[region].to_owned();
        application.filed_time = Some(prost_types::Timestamp { seconds, nanos: 0 });
        if let Some(identity) = application.documents.first_mut() {
            identity.number = format!("SAMPLE {number:010}");
        }
        application
    }

    /// The number of an application that was delivered.
    pub(super) fn number_of(application: &Application) -> Option<u64> {
        application.documents.first()?.number.strip_prefix("SAMPLE ")?.parse().ok()
    }
}

/// SplitMix64's output function: a bijection, so that no two numbers meet.
fn scatter(number: u64) -> u64 {
    let mut bits = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}

/// A day on which every application of the run could have been signed, in any time zone.
fn signed_before(filed_seconds: i64) -> DateMessage {
    let days = i64::try_from(FILED_DAYS_BACK).unwrap_or_default() + 2;
    let earlier = Timestamp::from_second(filed_seconds - days * DAY_SECONDS);
    let day = earlier.unwrap_or(Timestamp::UNIX_EPOCH).to_zoned(jiff::tz::TimeZone::UTC).date();
    message(day)
}

fn template(signed: DateMessage) -> Application {
    Application {
        region: String::new(),
        scope: ApplicationScope::ApplicantAndFamily.into(),
        applicant: Some(Person {
            name: name("Өтініші"),
            birth_date: Some(day(1980, 5, 17)),
            citizenship_country: "UZ".to_owned(),
        }),
        residence: Some(Address {
            country: "UZ".to_owned(),
            text: ADDRESS.to_owned(),
            postal_code: "000000".to_owned(),
        }),
        family_members: vec![
            member("Жұбайы", Kinship::Spouse, day(1982, 11, 3)),
            member("Баласы", Kinship::Child, day(2010, 2, 28)),
            member("Анасы", Kinship::Parent, day(1951, 1, 9)),
        ],
        documents: vec![
            document(DocumentKind::Identity, "Passport, sample"),
            document(DocumentKind::MarriageCertificate, "Certificate of marriage, sample"),
            document(DocumentKind::Education, "Diploma, sample"),
        ],
        personal_data_consent: true,
        signed_date: Some(signed),
        filed_time: None,
        accepted_by: Some(Official {
            name: name("Қызметкер"),
            position: "Consular officer, sample".to_owned(),
        }),
    }
}

fn name(given: &str) -> Option<PersonName> {
    Some(PersonName {
        surname: "Үлгіев".to_owned(),
        given_name: given.to_owned(),
        patronymic: "Үлгіұлы".to_owned(),
    })
}

fn member(given: &str, kinship: Kinship, birth_date: DateMessage) -> FamilyMember {
    FamilyMember { name: name(given), birth_date: Some(birth_date), kinship: kinship.into() }
}

fn document(kind: DocumentKind, title: &str) -> Document {
    Document {
        kind: kind.into(),
        title: title.to_owned(),
        number: "SAMPLE 0000000000".to_owned(),
        content_sha256: vec![0x5a; 32].into(),
        size_bytes: 123_456,
        media_type: "application/pdf".to_owned(),
    }
}

fn day(year: i16, month: i8, day: i8) -> DateMessage {
    DateMessage { year: year.into(), month: month.into(), day: day.into() }
}

fn message(date: Date) -> DateMessage {
    day(date.year(), date.month(), date.day())
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use prost::Message;

    use super::*;
    use crate::rpc::proto::mission::v1::SubmitApplicationRequest;

    fn applications() -> Applications {
        Applications::new("2026-03-02T09:00:00Z".parse().unwrap(), 77)
    }

    #[test]
    fn a_request_has_one_kibibyte() {
        let all = applications();
        for number in [0, 9, 999_999] {
            let request = SubmitApplicationRequest {
                request_id: all.request_id(number),
                application: Some(all.application(number)),
            };
            let bytes = request.encoded_len();
            assert!((1_020..=1_028).contains(&bytes), "{bytes} bytes");
        }
    }

    #[test]
    fn ids_differ_and_lead_back_to_their_numbers() {
        let (all, other) = (applications(), Applications::new(Timestamp::UNIX_EPOCH, 1 << 40));
        let mut seen = HashSet::new();
        for number in 0..2_000 {
            for of in [&all, &other] {
                let id = of.request_id(number);
                assert_eq!(Applications::number(&id), Some(number));
                assert!(seen.insert(id));
            }
        }
    }

    #[test]
    fn a_delivered_application_leads_back_to_its_number() {
        let all = applications();
        assert_eq!(Applications::number_of(&all.application(31_337)), Some(31_337));
        assert_eq!(Applications::number_of(&Application::default()), None);
    }
}
