//! The rules that fields of many messages share: text, dates, times, countries, regions.

use std::ops::RangeInclusive;

use jiff::Timestamp;
use jiff::civil::Date;

use super::fault::{Faults, Path};
use crate::domain::RequestId;
use crate::domain::ids::IdError;
use crate::domain::region::{Region, RegionError};
use crate::engine::timestamp;
use crate::rpc::proto::google::r#type::Date as DateMessage;
use crate::rpc::reason::Reason;

/// The first day that a paper of the procedure can bear: Order No. 20 is of January 2016. An
/// earlier one is a slip of the pen, such as the year 0221.
pub const FIRST_PAPER_DAY: Date = Date::constant(2016, 1, 1);

/// Whether a text may have several lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lines {
    /// A name, a title: one line.
    One,
    /// A note, reasons: line breaks are part of it.
    Many,
}

/// A day that bounds another, with the words for it. The day itself is not told, since it may come
/// from the applicant's papers.
#[derive(Debug, Clone, Copy)]
pub struct Bound {
    /// The day, itself allowed.
    pub day: Date,
    /// What it is, for example "the day of signing".
    pub name: &'static str,
}

/// A text that a person wrote. Its length is in characters; a lower bound of 0 makes it optional.
pub fn text(
    faults: &mut Faults,
    at: &Path<'_>,
    value: &str,
    length: RangeInclusive<usize>,
    lines: Lines,
) {
    let (shortest, longest) = (*length.start(), *length.end());
    if value.is_empty() {
        if shortest > 0 {
            faults.field(at, format_args!("is required: {shortest} to {longest} characters"));
        }
        return;
    }
    let mut count = 0;
    let mut control = false;
    for character in value.chars() {
        count += 1;
        let breaks_line = matches!(character, '\n' | '\r') && lines == Lines::Many;
        control |= character.is_control() && !breaks_line;
    }
    if count > longest {
        faults.field(at, format_args!("has more than {longest} characters; shorten it"));
    }
    if control {
        let allowed = match lines {
            Lines::One => "write it in one line without them",
            Lines::Many => "line breaks alone are allowed",
        };
        faults.field(at, format_args!("has control characters; {allowed}"));
    } else if value.trim().len() != value.len() {
        faults.field(at, format_args!("begins or ends with a space; remove it"));
    }
}

/// A message that must be there.
pub fn required<'m, T>(faults: &mut Faults, at: &Path<'_>, value: &'m Option<T>) -> Option<&'m T> {
    if value.is_none() {
        faults.field(at, format_args!("is required"));
    }
    value.as_ref()
}

/// A full calendar date between two days.
pub fn date(
    faults: &mut Faults,
    at: &Path<'_>,
    value: Option<&DateMessage>,
    first: Bound,
    last: Bound,
) -> Option<Date> {
    let date = any_date(faults, at, value)?;
    if date < first.day {
        faults.field(at, format_args!("lies before {}; check the date", first.name));
        return None;
    }
    if date > last.day {
        faults.field(at, format_args!("lies after {}; check the date", last.name));
        return None;
    }
    Some(date)
}

/// The day of a paper: not before the order that asks for it.
pub fn paper_date(
    faults: &mut Faults,
    at: &Path<'_>,
    value: Option<&DateMessage>,
    last: Bound,
) -> Option<Date> {
    let first = Bound { day: FIRST_PAPER_DAY, name: "the year 2016" };
    date(faults, at, value, first, last)
}

/// A full calendar date. A year alone, or a month, is none.
pub fn any_date(faults: &mut Faults, at: &Path<'_>, value: Option<&DateMessage>) -> Option<Date> {
    let Some(DateMessage { year, month, day }) = value else {
        faults.field(at, format_args!("is required"));
        return None;
    };
    let parts = (i16::try_from(*year), i8::try_from(*month), i8::try_from(*day));
    let date = match parts {
        (Ok(year @ 1..), Ok(month), Ok(day)) => Date::new(year, month, day).ok(),
        _ => None,
    };
    if date.is_none() {
        faults.field(at, format_args!("is not a calendar date; give year, month and day"));
    }
    date
}

/// An instant, in the whole milliseconds that records keep.
pub fn time(
    faults: &mut Faults,
    at: &Path<'_>,
    value: Option<&prost_types::Timestamp>,
) -> Option<Timestamp> {
    let Some(prost_types::Timestamp { seconds, nanos }) = value else {
        faults.field(at, format_args!("is required"));
        return None;
    };
    // The contract's range is that of protobuf, from the year 1 to 9999; jiff's is wider.
    let in_range = (-62_135_596_800..=253_402_214_399).contains(seconds);
    let time = Timestamp::new(*seconds, *nanos).ok();
    let time = time.filter(|_| in_range && (0..1_000_000_000).contains(nanos));
    if time.is_none() {
        faults.field(at, format_args!("is not a time: the years 1 to 9999, nanos 0 to 999999999"));
    }
    time.map(|time| timestamp(time.as_millisecond()))
}

/// A country: an ISO 3166-1 alpha-2 code in capitals.
pub fn country(faults: &mut Faults, at: &Path<'_>, value: &str) {
    if value.is_empty() {
        faults.field(at, format_args!("is required: an ISO 3166-1 alpha-2 code such as UZ"));
    } else if !is_country(value) {
        faults.field(at, format_args!("is not two capital letters of ISO 3166-1, such as UZ"));
    }
}

/// Whether a text has the form of a country code. Which codes are assigned changes, so the form
/// alone is judged.
pub fn is_country(value: &str) -> bool {
    value.len() == 2 && value.bytes().all(|byte| byte.is_ascii_uppercase())
}

/// A region of Kazakhstan.
pub fn region(faults: &mut Faults, at: &Path<'_>, value: &str) -> Option<Region> {
    match value.parse::<Region>() {
        Ok(region) => Some(region),
        Err(error) => {
            let rule = match error {
                RegionError::Form => "is not an ISO 3166-2 code in capitals, such as KZ-55",
                RegionError::Unknown { .. } => "is no region of Kazakhstan in ISO 3166-2",
            };
            faults.add(at, Reason::RegionUnknown, format_args!("{rule}"));
            None
        }
    }
}

/// The sender's id of its act.
pub fn request_id(faults: &mut Faults, at: &Path<'_>, value: &str) -> Option<RequestId> {
    match value.parse::<RequestId>() {
        Ok(id) => Some(id),
        Err(error) => {
            let rule = match error {
                IdError::NotUuid | IdError::Name { .. } => {
                    "is not a UUID: 32 hexadecimal digits, hyphens allowed"
                }
                IdError::Nil => "is the nil UUID; mint a random one for each act",
            };
            faults.add(at, Reason::RequestIdInvalid, format_args!("{rule}"));
            None
        }
    }
}

/// The consent to the processing of personal data, without which no form may be accepted
/// (002-EN A1 App. 1).
pub fn personal_data_consent(faults: &mut Faults, at: &Path<'_>, given: bool) {
    if !given {
        faults.field(
            at,
            format_args!(
                "must be true: without the consent to the processing of personal data \
                          the form may not be accepted (002-EN A1 App. 1)"
            ),
        );
    }
}

/// A value of a closed list that must be stated. `known` is none for a number that the contract
/// does not have and for its zero.
pub fn stated<T>(faults: &mut Faults, at: &Path<'_>, known: Option<T>) -> Option<T> {
    if known.is_none() {
        faults.field(at, format_args!("is not stated, or is no value of its list"));
    }
    known
}

/// A number of persons, the applicant counted.
pub fn persons(faults: &mut Faults, at: &Path<'_>, count: i32) -> Option<u16> {
    let most = super::application::MAX_PERSONS;
    let persons = u16::try_from(count).ok().filter(|count| (1..=most).contains(count));
    if persons.is_none() {
        faults.field(at, format_args!("must be 1 to {most}, the applicant counted"));
    }
    persons
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The rules broken when a check runs on the field `f`.
    fn told(check: impl FnOnce(&mut Faults, &Path<'_>)) -> Vec<String> {
        let mut faults = Faults::new();
        check(&mut faults, &Path::Root.field("f"));
        faults
            .violations()
            .iter()
            .map(|fault| format!("{}: {}", fault.reason, fault.rule))
            .collect()
    }

    #[test]
    fn text_is_held_to_length_script_and_shape() {
        let cases: &[(&str, usize, usize, Lines, &[&str])] = &[
            ("Әлия", 1, 4, Lines::One, &[]),
            ("", 0, 4, Lines::One, &[]),
            ("", 1, 4, Lines::One, &["FIELD_INVALID: is required: 1 to 4 characters"]),
            ("Әлияя", 1, 4, Lines::One, &["FIELD_INVALID: has more than 4 characters; shorten it"]),
            (" Ә", 1, 4, Lines::One, &["FIELD_INVALID: begins or ends with a space; remove it"]),
            (
                "Ә\u{a0}",
                1,
                4,
                Lines::One,
                &["FIELD_INVALID: begins or ends with a space; remove it"],
            ),
            (
                "a\tb",
                1,
                4,
                Lines::One,
                &["FIELD_INVALID: has control characters; write it in one line without them"],
            ),
            (
                "a\nb",
                1,
                4,
                Lines::One,
                &["FIELD_INVALID: has control characters; write it in one line without them"],
            ),
            ("a\r\nb", 1, 4, Lines::Many, &[]),
            (
                "a\u{0}b",
                1,
                4,
                Lines::Many,
                &["FIELD_INVALID: has control characters; line breaks alone are allowed"],
            ),
            (
                "a\u{85}bcd",
                1,
                4,
                Lines::One,
                &[
                    "FIELD_INVALID: has more than 4 characters; shorten it",
                    "FIELD_INVALID: has control characters; write it in one line without them",
                ],
            ),
        ];
        for (value, shortest, longest, lines, expected) in cases {
            let got = told(|faults, at| text(faults, at, value, *shortest..=*longest, *lines));
            assert_eq!(got, *expected, "{value:?}");
        }
    }

    #[test]
    fn a_date_is_whole_and_between_its_bounds() {
        let day = |year, month, day| DateMessage { year, month, day };
        let first = Bound { day: Date::constant(2020, 1, 1), name: "the first" };
        let last = Bound { day: Date::constant(2020, 12, 31), name: "the last" };
        let no_date = "FIELD_INVALID: is not a calendar date; give year, month and day";
        let cases = [
            (Some(day(2020, 2, 29)), None),
            (Some(day(2020, 1, 1)), None),
            (Some(day(2020, 12, 31)), None),
            (None, Some("FIELD_INVALID: is required")),
            (Some(day(2021, 2, 29)), Some(no_date)),
            (Some(day(2020, 0, 0)), Some(no_date)),
            (Some(day(2020, 5, 0)), Some(no_date)),
            (Some(day(0, 5, 1)), Some(no_date)),
            (Some(day(-5, 5, 1)), Some(no_date)),
            (Some(day(99_999, 5, 1)), Some(no_date)),
            (Some(day(2020, 300, 1)), Some(no_date)),
            (Some(day(2019, 12, 31)), Some("FIELD_INVALID: lies before the first; check the date")),
            (Some(day(2021, 1, 1)), Some("FIELD_INVALID: lies after the last; check the date")),
        ];
        for (value, expected) in cases {
            let got = told(|faults, at| {
                date(faults, at, value.as_ref(), first, last);
            });
            assert_eq!(got, expected.into_iter().collect::<Vec<_>>(), "{value:?}");
        }
    }

    #[test]
    fn a_time_is_in_range_and_in_whole_milliseconds() {
        let at = |seconds, nanos| Some(prost_types::Timestamp { seconds, nanos });
        let mut faults = Faults::new();
        let field = Path::Root.field("f");
        let read = time(&mut faults, &field, at(1_700_000_000, 123_456_789).as_ref()).unwrap();
        assert_eq!(read.as_nanosecond(), 1_700_000_000_123_000_000);
        assert!(faults.violations().is_empty());
        for value in [at(0, -1), at(0, 1_000_000_000), at(i64::MAX, 0), at(i64::MIN, 0), None] {
            assert_eq!(
                told(|faults, at| {
                    time(faults, at, value.as_ref());
                })
                .len(),
                1,
                "{value:?}"
            );
        }
    }

    #[test]
    fn countries_regions_and_request_ids_have_one_form() {
        assert_eq!(told(|faults, at| country(faults, at, "UZ")), [""; 0]);
        for value in ["", "uz", "UZB", "U", "Uz", "УЗ"] {
            assert_eq!(told(|faults, at| country(faults, at, value)).len(), 1, "{value}");
        }
        for value in ["", "KZ-07", "kz-55", "RU-55"] {
            let got = told(|faults, at| {
                region(faults, at, value);
            });
            assert!(got[0].starts_with("REGION_UNKNOWN: "), "{value}: {got:?}");
        }
        for value in ["", "1", "00000000-0000-0000-0000-000000000000"] {
            let got = told(|faults, at| {
                request_id(faults, at, value);
            });
            assert!(got[0].starts_with("REQUEST_ID_INVALID: "), "{value}: {got:?}");
        }
    }

    #[test]
    fn numbers_of_persons_are_those_of_a_family() {
        let mut faults = Faults::new();
        let field = Path::Root.field("f");
        assert_eq!(persons(&mut faults, &field, 1), Some(1));
        assert_eq!(persons(&mut faults, &field, 30), Some(30));
        for count in [0, -1, 31, i32::MAX] {
            let got = told(|faults, at| {
                persons(faults, at, count);
            });
            assert_eq!(got, ["FIELD_INVALID: must be 1 to 30, the applicant counted"], "{count}");
        }
    }
}
