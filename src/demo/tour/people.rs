//! The people of the tours: made up, and visibly so.

use jiff::civil::{Date, date};

use crate::demo::papers;
use crate::demo::words::Script;
use crate::rpc::proto::forms::v1 as forms;
use crate::rpc::proto::types::v1 as types;

/// A family, which stays the same people in every chapter.
#[derive(Debug, Clone)]
pub(super) struct Family {
    number: usize,
    script: Script,
    persons: usize,
}

impl Family {
    /// The family of a number, with so many persons.
    pub(super) fn new(number: usize, persons: usize) -> Self {
        let script = Script::ALL[number % Script::ALL.len()];
        Self { number, script, persons: persons.max(1) }
    }

    /// How many they are, the applicant counted.
    pub(super) fn persons(&self) -> i32 {
        i32::try_from(self.persons).unwrap_or(i32::MAX)
    }

    /// Surname and given name of the applicant.
    pub(super) fn title(&self) -> String {
        let types::PersonName { surname, given_name, .. } = self.name(1);
        format!("{surname} {given_name}")
    }

    /// The name of a member, the applicant being the first.
    pub(super) fn name(&self, place: usize) -> types::PersonName {
        types::PersonName {
            surname: self.script.surname(self.number, self.number),
            given_name: self.script.given_name(place),
            patronymic: self.script.patronymic(),
        }
    }

    /// The day of birth of a member.
    pub(super) fn born_on(&self, place: usize) -> Date {
        let month = i8::try_from(self.number % 12).unwrap_or(0) + 1;
        let year = if place <= 2 { 1985 } else { 2012 };
        date(year, month, i8::try_from(place % 28).unwrap_or(0) + 1)
    }

    /// The applicant as the applications of kandas name one.
    pub(super) fn applicant(&self, country: &str) -> types::Person {
        types::Person {
            name: Some(self.name(1)),
            birth_date: Some(papers::date(self.born_on(1))),
            citizenship_country: country.to_owned(),
        }
    }

    /// The family as the applications of kandas name it.
    pub(super) fn members(&self) -> Vec<types::FamilyMember> {
        let member = |place| types::FamilyMember {
            name: Some(self.name(place)),
            birth_date: Some(papers::date(self.born_on(place))),
            kinship: if place == 2 { types::Kinship::Spouse } else { types::Kinship::Child }.into(),
        };
        (2..=self.persons).map(member).collect()
    }

    /// The applicant as decisions and queries name one.
    pub(super) fn recipient(&self, residence: Option<types::Address>) -> forms::Recipient {
        forms::Recipient {
            name: Some(self.name(1)),
            birth_date: Some(papers::date(self.born_on(1))),
            residence,
            kinship: String::new(),
        }
    }

    /// Everybody, as a refusal names its recipients.
    pub(super) fn recipients(&self) -> Vec<forms::Recipient> {
        let member = |place| forms::Recipient {
            name: Some(self.name(place)),
            birth_date: Some(papers::date(self.born_on(place))),
            residence: None,
            kinship: kinship(place).to_owned(),
        };
        (1..=self.persons).map(member).collect()
    }

    /// The family as lists and decisions name it.
    pub(super) fn relatives(&self, residence: Option<types::Address>) -> Vec<forms::Relative> {
        let relative = |place| forms::Relative {
            name: Some(self.name(place)),
            kinship: kinship(place).to_owned(),
            birth_date: Some(papers::date(self.born_on(place))),
            residence: residence.clone(),
        };
        (2..=self.persons).map(relative).collect()
    }

    /// Where they live.
    pub(super) fn address(&self, country: &str) -> types::Address {
        types::Address {
            country: country.to_owned(),
            text: self.script.address(self.number),
            postal_code: String::new(),
        }
    }
}

fn kinship(place: usize) -> &'static str {
    match place {
        1 => "",
        2 => "жұбайы",
        _ => "баласы",
    }
}
