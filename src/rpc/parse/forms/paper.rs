//! What the forms share: the numbers, days and times of papers, the people on them, the documents
//! that go with them, grounds and reasons.

use std::ops::RangeInclusive;

use jiff::Timestamp;
use jiff::civil::{Date, Time};

use crate::domain::region::Region;
use crate::domain::{CaseId, IdentityHash};
use crate::rpc::parse::Asked;
use crate::rpc::parse::application::{self, MAX_DOCUMENTS, MAX_FAMILY_MEMBERS};
use crate::rpc::parse::fault::{Faults, Path};
use crate::rpc::parse::person::{self, Signed};
use crate::rpc::parse::rule::{self, Bound, FIRST_PAPER_DAY, Lines};
pub use crate::rpc::parse::signature::document as signed_document;
use crate::rpc::proto::forms::v1::{Recipient, Relative};
use crate::rpc::proto::google::r#type::Date as DateMessage;
use crate::rpc::proto::types::v1::{Address, Document, DocumentKind, ElectronicSignature};

/// How far a sender's clock may be ahead of the bus's.
const CLOCK_SKEW_SECONDS: i64 = 300;

/// The days that a paper can bear, whatever else it says: those of the calendar.
pub(super) const ANY_DAY: (Bound, Bound) = (
    Bound { day: Date::constant(1, 1, 1), name: "the year 1" },
    Bound { day: Date::constant(9999, 12, 31), name: "the year 9999" },
);

/// Whether a form has a line for something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Line {
    /// It has, and it is filled in.
    Required,
    /// It may be filled in.
    Optional,
    /// The form has none.
    Absent,
}

/// The number of a paper.
pub(super) fn number(faults: &mut Faults, at: &Path<'_>, value: &str) {
    rule::text(faults, at, value, 1..=64, Lines::One);
}

/// The name of a body or a service, a place, an address where one can be reached.
pub(super) fn wording(faults: &mut Faults, at: &Path<'_>, value: &str) {
    rule::text(faults, at, value, 1..=300, Lines::One);
}

/// Reasons, or what was said.
pub(super) fn prose(faults: &mut Faults, at: &Path<'_>, value: &str) {
    rule::text(faults, at, value, 1..=4000, Lines::Many);
}

/// The bound of what has happened already.
pub(super) fn today(asked: Asked<'_>) -> Bound {
    Bound { day: asked.day(asked.now), name: "today" }
}

/// The day of a paper that was written already.
pub(super) fn day(
    faults: &mut Faults,
    at: &Path<'_>,
    value: Option<&DateMessage>,
    asked: Asked<'_>,
) -> Option<Date> {
    rule::paper_date(faults, at, value, today(asked))
}

/// A day that may lie ahead.
pub(super) fn day_ahead(
    faults: &mut Faults,
    at: &Path<'_>,
    value: Option<&DateMessage>,
) -> Option<Date> {
    rule::paper_date(faults, at, value, ANY_DAY.1)
}

/// A day of somebody's life that is not before any paper: up to the bound.
pub(super) fn past_day(
    faults: &mut Faults,
    at: &Path<'_>,
    value: Option<&DateMessage>,
    last: Bound,
) -> Option<Date> {
    rule::date(faults, at, value, ANY_DAY.0, last)
}

/// When something happened that was told to the bus afterwards.
pub(super) fn time(
    faults: &mut Faults,
    at: &Path<'_>,
    value: Option<&prost_types::Timestamp>,
    asked: Asked<'_>,
) -> Option<Timestamp> {
    let time = time_ahead(faults, at, value, asked)?;
    if time.as_second() > asked.now.as_second().saturating_add(CLOCK_SKEW_SECONDS) {
        faults.field(at, format_args!("lies in the future; give the time at which it happened"));
        return None;
    }
    Some(time)
}

/// A time that may lie ahead.
pub(super) fn time_ahead(
    faults: &mut Faults,
    at: &Path<'_>,
    value: Option<&prost_types::Timestamp>,
    asked: Asked<'_>,
) -> Option<Timestamp> {
    let time = rule::time(faults, at, value)?;
    if asked.day(time) < FIRST_PAPER_DAY {
        faults.field(at, format_args!("lies before the year 2016; check the time"));
        return None;
    }
    Some(time)
}

/// The instant of something of which the paper states the day alone: that day's last one, or now
/// on the day itself, so that it is never before the act that it follows.
pub(super) fn end_of(day: Date, asked: Asked<'_>) -> Timestamp {
    let last = Time::constant(23, 59, 59, 999_000_000);
    let last = asked.zone.to_timestamp(day.to_datetime(last));
    last.map_or(asked.now, |last| last.min(asked.now))
}

/// A number within bounds.
pub(super) fn count(
    faults: &mut Faults,
    at: &Path<'_>,
    value: i32,
    bounds: RangeInclusive<i32>,
) -> Option<i32> {
    if bounds.contains(&value) {
        return Some(value);
    }
    let (least, most) = (bounds.start(), bounds.end());
    faults.field(at, format_args!("must be {least} to {most}"));
    None
}

/// How many items a list has. A list over its limit is not read.
pub(super) fn length<T>(
    faults: &mut Faults,
    at: &Path<'_>,
    items: &[T],
    bounds: RangeInclusive<usize>,
) -> bool {
    let (least, most) = (*bounds.start(), *bounds.end());
    if items.len() < least {
        faults.field(at, format_args!("is required: {least} to {most} items"));
    } else if items.len() > most {
        faults.field(at, format_args!("has more than {most} items"));
    }
    items.len() <= most
}

/// The value of a number in the contract, unless it is the zero that states nothing.
pub(super) fn known<T: TryFrom<i32> + Default + PartialEq>(number: i32) -> Option<T> {
    T::try_from(number).ok().filter(|value| *value != T::default())
}

/// A value of a closed list that must be stated.
pub(super) fn stated<T: TryFrom<i32> + Default + PartialEq>(
    faults: &mut Faults,
    at: &Path<'_>,
    number: i32,
) -> Option<T> {
    rule::stated(faults, at, known(number))
}

/// A value of a closed list that may be left open.
pub(super) fn stated_if_any<T: TryFrom<i32> + Default + PartialEq>(
    faults: &mut Faults,
    at: &Path<'_>,
    number: i32,
) -> Option<T> {
    if number == 0 { None } else { stated(faults, at, number) }
}

/// Values of a closed list, each at most once.
pub(super) fn each_once<T: TryFrom<i32> + Default + PartialEq>(
    faults: &mut Faults,
    at: &Path<'_>,
    numbers: &[i32],
    bounds: RangeInclusive<usize>,
) -> Vec<T> {
    let mut values: Vec<T> = Vec::new();
    if !length(faults, at, numbers, bounds) {
        return values;
    }
    for (place, number) in numbers.iter().enumerate() {
        let at = at.item(place);
        match stated(faults, &at, *number) {
            Some(value) if values.contains(&value) => {
                faults.field(&at, format_args!("is stated twice"));
            }
            Some(value) => values.push(value),
            None => {}
        }
    }
    values
}

/// Titles, each of 1 to 200 characters.
pub(super) fn titles(
    faults: &mut Faults,
    at: &Path<'_>,
    titles: &[String],
    bounds: RangeInclusive<usize>,
) {
    if length(faults, at, titles, bounds) {
        for (place, title) in titles.iter().enumerate() {
            rule::text(faults, &at.item(place), title, 1..=200, Lines::One);
        }
    }
}

/// Documents described, at most as many as one form takes.
pub(super) fn documents(faults: &mut Faults, at: &Path<'_>, documents: &[Document], least: usize) {
    documents_up_to(faults, at, documents, least..=MAX_DOCUMENTS);
}

/// Documents described.
pub(super) fn documents_up_to(
    faults: &mut Faults,
    at: &Path<'_>,
    documents: &[Document],
    bounds: RangeInclusive<usize>,
) {
    if length(faults, at, documents, bounds) {
        for (place, document) in documents.iter().enumerate() {
            application::document(faults, &at.item(place), document);
        }
    }
}

/// A kind that must be among the documents.
pub(super) fn needs(
    faults: &mut Faults,
    at: &Path<'_>,
    documents: &[Document],
    kind: DocumentKind,
) {
    let is_there = documents.iter().any(|document| document.kind == kind as i32);
    if !is_there && documents.len() <= MAX_DOCUMENTS {
        let kind = kind.as_str_name();
        faults.field(at, format_args!("needs a document of kind {kind}"));
    }
}

/// An electronic signature: for its form, and that it was not given ahead.
pub(super) fn signature(
    faults: &mut Faults,
    at: &Path<'_>,
    value: &ElectronicSignature,
    asked: Asked<'_>,
) {
    person::signature(faults, at, value);
    // A time that is none has its fault from there; this one judges when it was.
    let is_time = rule::time(&mut Faults::new(), at, value.signed_time.as_ref()).is_some();
    if is_time {
        time(faults, &at.field("signed_time"), value.signed_time.as_ref(), asked);
    }
}

/// An electronic signature that must be there.
pub(super) fn signed(
    faults: &mut Faults,
    at: &Path<'_>,
    value: &Option<ElectronicSignature>,
    asked: Asked<'_>,
) {
    if let Some(value) = rule::required(faults, at, value) {
        signature(faults, at, value, asked);
    }
}

/// An address, where the form has a line for it.
pub(super) fn address(faults: &mut Faults, at: &Path<'_>, value: &Option<Address>, line: Line) {
    match line {
        Line::Required => {
            person::address(faults, at, value);
        }
        Line::Optional => {
            if value.is_some() {
                person::address(faults, at, value);
            }
        }
        Line::Absent => {
            if value.is_some() {
                faults.field(at, format_args!("must be empty: the form has no line for it"));
            }
        }
    }
}

/// A degree of kinship in words, where the form has a line for it.
pub(super) fn kinship(faults: &mut Faults, at: &Path<'_>, value: &str, line: Line) {
    match line {
        Line::Required => rule::text(faults, at, value, 1..=100, Lines::One),
        Line::Optional => rule::text(faults, at, value, 0..=100, Lines::One),
        Line::Absent => {
            if !value.is_empty() {
                faults.field(at, format_args!("must be empty: the form has no line for it"));
            }
        }
    }
}

/// The person for whom the service is, on a paper of that day.
pub(super) fn recipient(
    faults: &mut Faults,
    at: &Path<'_>,
    value: &Recipient,
    paper: Date,
    (home, degree): (Line, Line),
) {
    let Recipient { name, birth_date, residence, kinship: kin } = value;
    person::name(faults, &at.field("name"), name);
    person::birth(faults, &at.field("birth_date"), birth_date.as_ref(), Signed(paper));
    address(faults, &at.field("residence"), residence, home);
    kinship(faults, &at.field("kinship"), kin, degree);
}

/// A recipient who must be there, and is the applicant.
pub(super) fn applicant(
    faults: &mut Faults,
    at: &Path<'_>,
    value: &Option<Recipient>,
    paper: Date,
    home: Line,
) {
    if let Some(value) = rule::required(faults, at, value) {
        recipient(faults, at, value, paper, (home, Line::Absent));
    }
}

/// The hash by which a recipient is told again.
pub(super) fn told_again(value: Option<&Recipient>, asked: Asked<'_>) -> Option<IdentityHash> {
    let value = value?;
    person::told_again(value.name.as_ref(), value.birth_date.as_ref(), asked)
}

/// A member of the family, on a paper of that day.
pub(super) fn relative(
    faults: &mut Faults,
    at: &Path<'_>,
    value: &Relative,
    paper: Date,
    (home, degree): (Line, Line),
) {
    let Relative { name, kinship: kin, birth_date, residence } = value;
    person::name(faults, &at.field("name"), name);
    kinship(faults, &at.field("kinship"), kin, degree);
    person::birth(faults, &at.field("birth_date"), birth_date.as_ref(), Signed(paper));
    address(faults, &at.field("residence"), residence, home);
}

/// The family on a paper about a case: at most as many as one application holds.
pub(super) fn relatives(
    faults: &mut Faults,
    at: &Path<'_>,
    members: &[Relative],
    paper: Date,
    degree: Line,
) {
    if length(faults, at, members, 0..=MAX_FAMILY_MEMBERS) {
        for (place, member) in members.iter().enumerate() {
            relative(faults, &at.item(place), member, paper, (Line::Absent, degree));
        }
    }
}

/// The number of persons beside a family: the members and the applicant.
pub(super) fn persons_with(
    faults: &mut Faults,
    at: &Path<'_>,
    count: i32,
    members: &[Relative],
) -> Option<u16> {
    let persons = rule::persons(faults, at, count)?;
    if members.len() <= MAX_FAMILY_MEMBERS && persons != application::with_applicant(members) {
        faults.field(at, format_args!("must be one more than the members of the family named"));
        return None;
    }
    Some(persons)
}

/// A case of this bus, where one is named.
pub(super) fn named_case(faults: &mut Faults, at: &Path<'_>, value: &str) -> Option<CaseId> {
    if value.is_empty() {
        return None;
    }
    let case = value.parse().ok();
    if case.is_none() {
        faults.field(at, format_args!("is not a case_id as a receipt names it"));
    }
    case
}

/// The seat of the authorised body: Astana. It stands where a matter concerns the whole country.
pub(super) fn capital() -> Option<Region> {
    Region::from_number(71)
}
