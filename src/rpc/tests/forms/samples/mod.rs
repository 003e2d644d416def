//! A form without fault of each kind, as it could be filed at [`now`](crate::rpc::tests::samples::now).
//! All persons are visibly synthetic.

mod acts;
mod openings;

pub(crate) use acts::*;
pub(crate) use openings::*;

use bytes::Bytes;

use crate::rpc::proto::forms::v1::*;
use crate::rpc::proto::types::v1::{Address, ElectronicSignature, Person, Refusal, RefusalGround};
use crate::rpc::tests::samples::{day, name, official, stamp};

const NUMBER: &str = "N 01-02/3";
const BODY: &str = "Үлгі әкімдігі";

fn number() -> String {
    NUMBER.to_owned()
}

fn body() -> String {
    BODY.to_owned()
}

fn words() -> String {
    "Үлгі сөздер.\nОбразец текста.".to_owned()
}

pub(crate) fn morning() -> Option<prost_types::Timestamp> {
    stamp("2021-09-06T09:00:00+06:00")
}

pub(crate) fn home() -> Option<Address> {
    Some(Address {
        country: "KZ".to_owned(),
        text: "Үлгі көшесі 1".to_owned(),
        postal_code: "140000".to_owned(),
    })
}

pub(crate) fn signature() -> ElectronicSignature {
    ElectronicSignature {
        signer: official(),
        signed_time: morning(),
        signature: Bytes::from_static(&[1; 64]),
    }
}

pub(crate) fn person() -> Person {
    Person {
        name: name("Тестов"),
        birth_date: day(1980, 1, 31),
        citizenship_country: "UZ".to_owned(),
    }
}

pub(crate) fn recipient() -> Recipient {
    Recipient {
        name: name("Тестов"),
        birth_date: day(1980, 1, 31),
        residence: home(),
        kinship: String::new(),
    }
}

pub(crate) fn relative() -> Relative {
    Relative {
        name: name("Тестова"),
        kinship: "қызы".to_owned(),
        birth_date: day(2010, 2, 28),
        residence: None,
    }
}

pub(crate) fn refusal() -> Refusal {
    Refusal { grounds: vec![RefusalGround::UnreliableData.into()], reasons: words() }
}
