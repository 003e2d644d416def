//! Takes days over from an iCalendar file (RFC 5545), in which governments and
//! offices publish their holidays, onto a calendar that is already known.
//!
//! Each `VEVENT` says what one day, or each of some days in a row, becomes;
//! days without an event stay as they are.
//!
//! | iCalendar | calendar |
//! |---|---|
//! | `DTSTART;VALUE=DATE:20260527` | the first day |
//! | `DTEND;VALUE=DATE` (not included) or `DURATION:P2D` | the last day; without either, the first |
//! | `CATEGORIES` | the kind: `HOLIDAY`, `OBSERVED`, `DAY-OFF-MOVED` or `WORKING-WEEKEND` |
//! | `STATUS:TENTATIVE` | estimated; `CONFIRMED` or none, fixed |
//! | `STATUS:CANCELLED` | what is listed for these days is taken out |
//! | `SUMMARY` | the name in English; commas become semicolons, rows hold none |
//! | `X-KOPIR-NAME-KK` | the name in Kazakh; without it that of the same day under the same name stays |
//!
//! Whatever else an event says is passed over, and so are other components. A
//! time of day, a recurrence or a kind that is not one of the four is refused:
//! a calendar decides who is late, so nothing in it is guessed. The crates for
//! iCalendar forget on which line a property stood, which is what an operator
//! needs, and bring a second library of dates; the little that is read here is
//! read by `lines`.

use std::collections::BTreeMap;

use jiff::Span;
use jiff::civil::Date;

use self::event::Event;
use self::lines::ContentLine;
use super::{Field, kind_of, name_rule, shown};
use crate::domain::calendar::{
    Calendar, CalendarBuilder, CalendarError, CalendarVersion, Certainty, DayKind, DayName,
    ListedDay, ListedKind,
};

pub use self::error::IcsError;

mod error;
mod event;
mod lines;

/// The longest file in bytes.
pub const BYTES_MAX: u64 = 1 << 20;
/// The most events of a file.
pub const EVENTS_MAX: usize = 2_000;
/// The most days of an event; the longest holidays of the carried calendar
/// last five.
const EVENT_DAYS_MAX: i32 = 31;

const KINDS: &str = "HOLIDAY, OBSERVED, DAY-OFF-MOVED or WORKING-WEEKEND";
const KIND_REMEDY: &str = "CATEGORIES:HOLIDAY, OBSERVED, DAY-OFF-MOVED or WORKING-WEEKEND, \
                           or say with --kind what all such events are";
const RECURRENCE: [&str; 5] = ["RRULE", "RDATE", "EXDATE", "EXRULE", "RECURRENCE-ID"];

/// The calendar `base` with what the file says of its days, as `version`.
///
/// `default_kind` is the kind of events without `CATEGORIES`, for a file whose
/// events are all of one kind; without it such an event is refused.
///
/// # Errors
/// [`IcsError`] for the first thing that breaks a rule.
pub fn import(
    bytes: &[u8],
    base: &Calendar,
    version: CalendarVersion,
    default_kind: Option<ListedKind>,
) -> Result<Calendar, IcsError> {
    if u64::try_from(bytes.len()).is_ok_and(|len| len > BYTES_MAX) {
        return Err(IcsError::TooLarge);
    }
    let events = event::read(bytes)?;
    if events.is_empty() {
        return Err(IcsError::NoEvents);
    }
    let mut said: BTreeMap<Date, Said> = BTreeMap::new();
    for event in &events {
        let notice = notice(event, base, default_kind)?;
        for date in notice.days() {
            let day = notice.on(date, base)?;
            if let Some(before) = said.get(&date) {
                return Err(day.beside(before, date));
            }
            said.insert(date, day);
        }
    }
    amended(base, version, said)
}

/// What the file says of one day, and on which line.
struct Said {
    line: usize,
    /// `None` if what is listed is to be taken out.
    day: Option<ListedDay>,
}

impl Said {
    fn word(&self) -> &'static str {
        self.day.as_ref().map_or("CANCELLED", |day| DayKind::from(day.kind).as_str())
    }

    fn beside(&self, before: &Self, date: Date) -> IcsError {
        let (now, before_line) = (self.word(), before.line);
        IcsError::Repeated { line: self.line, date, now, before: before.word(), before_line }
    }
}

fn amended(
    base: &Calendar,
    version: CalendarVersion,
    said: BTreeMap<Date, Said>,
) -> Result<Calendar, IcsError> {
    // The range and the order hold already; a line is kept for an error that
    // cannot come.
    let rule = |line| move |rule| IcsError::Rule { line, rule };
    let mut listed: BTreeMap<Date, (usize, ListedDay)> =
        base.listed().iter().map(|day| (day.date, (1, day.clone()))).collect();
    for (date, Said { line, day }) in said {
        match day {
            Some(day) => listed.insert(date, (line, day)),
            None => listed.remove(&date),
        };
    }
    let mut builder = CalendarBuilder::new(version, base.first(), base.last()).map_err(rule(1))?;
    for (line, day) in listed.into_values() {
        builder.list(day).map_err(rule(line))?;
    }
    Ok(builder.build())
}

/// What one event says of its days.
struct Notice {
    line: usize,
    first: Date,
    /// The day after the last.
    end: Date,
    /// `None` if what is listed is to be taken out.
    listing: Option<Listing>,
}

struct Listing {
    kind: ListedKind,
    certainty: Certainty,
    en: String,
    kk: Option<String>,
}

impl Notice {
    fn days(&self) -> impl Iterator<Item = Date> {
        let end = self.end;
        self.first.series(Span::new().days(1)).take_while(move |date| *date < end)
    }

    fn on(&self, date: Date, base: &Calendar) -> Result<Said, IcsError> {
        let line = self.line;
        let listed = match base.day(date) {
            Ok(day) => day.listed,
            Err(_) => {
                let (first, last) = (base.first(), base.last());
                let rule = CalendarError::ListedOutside { date, first, last };
                return Err(IcsError::Rule { line, rule });
            }
        };
        let Some(Listing { kind, certainty, en, kk }) = &self.listing else {
            return match listed {
                Some(_) => Ok(Said { line, day: None }),
                None => Err(IcsError::NotListed { line, date }),
            };
        };
        let known = listed.filter(|day| *day.name.en == **en).map(|day| day.name.kk.clone());
        let kk = kk.as_deref().map(Into::into).or(known).unwrap_or_else(|| "".into());
        let name = DayName { en: en.as_str().into(), kk };
        let (kind, certainty) = (*kind, *certainty);
        Ok(Said { line, day: Some(ListedDay { date, kind, certainty, name }) })
    }
}

fn notice(
    event: &Event,
    base: &Calendar,
    default_kind: Option<ListedKind>,
) -> Result<Notice, IcsError> {
    for property in RECURRENCE {
        if let Some(found) = event.all(property).next() {
            return Err(IcsError::Recurrence { line: found.line, property });
        }
    }
    let remedy = "DTSTART;VALUE=DATE:20260527";
    let Some(start) = event.one("DTSTART")? else {
        return Err(IcsError::Missing { line: event.line, property: "DTSTART", remedy });
    };
    let first = whole_day(start, "DTSTART")?;
    let end = end(event, first)?;
    // Told at once, before a year far away is counted through.
    if !(base.first()..=base.last()).contains(&first) {
        let rule =
            CalendarError::ListedOutside { date: first, first: base.first(), last: base.last() };
        return Err(IcsError::Rule { line: start.line, rule });
    }
    let listing = match certainty(event)? {
        Some(certainty) => Some(Listing {
            kind: kind(event, default_kind)?,
            certainty,
            en: english_name(event)?,
            kk: kazakh_name(event)?,
        }),
        None => None,
    };
    Ok(Notice { line: start.line, first, end, listing })
}

/// Reads `20260527`, which must not have a time.
fn whole_day(content: &ContentLine, property: &'static str) -> Result<Date, IcsError> {
    let ContentLine { line, value, .. } = content;
    let is_date =
        content.parameter("VALUE").is_some_and(|value| value.eq_ignore_ascii_case("DATE"));
    let found = shown(value);
    if !is_date || value.contains('T') {
        return Err(IcsError::Timed { line: *line, property, found });
    }
    let digits = value.len() == 8 && value.bytes().all(|byte| byte.is_ascii_digit());
    let date = digits.then(|| value.parse::<Date>().ok()).flatten();
    let allowed = "a day such as 20260527";
    date.ok_or(IcsError::Value { line: *line, property, found, allowed })
}

/// The day after the last of the event.
fn end(event: &Event, first: Date) -> Result<Date, IcsError> {
    let (line, property, end) = match (event.one("DTEND")?, event.one("DURATION")?) {
        (Some(end), None) => (end.line, "DTEND", whole_day(end, "DTEND")?),
        (None, Some(duration)) => {
            let ContentLine { line, value, .. } = duration;
            let days = whole_days(value)
                .and_then(|days| first.checked_add(Span::new().try_days(days).ok()?).ok());
            let allowed = "whole days such as P2D";
            let found = shown(value);
            let property = "DURATION";
            let refused = IcsError::Value { line: *line, property, found, allowed };
            (*line, property, days.ok_or(refused)?)
        }
        (None, None) => (event.line, "DTSTART", first.saturating_add(Span::new().days(1))),
        (Some(_), Some(duration)) => {
            return Err(IcsError::Twice { line: duration.line, property: "DURATION" });
        }
    };
    let longest = first.saturating_add(Span::new().days(EVENT_DAYS_MAX));
    if end <= first || end > longest {
        return Err(IcsError::Length { line, property, first, end });
    }
    Ok(end)
}

/// Reads `P2D` or `P1W`.
fn whole_days(text: &str) -> Option<u16> {
    let text = text.strip_prefix('+').unwrap_or(text).strip_prefix('P')?;
    let (number, days) = match text.strip_suffix('W') {
        Some(weeks) => (weeks, 7),
        None => (text.strip_suffix('D')?, 1),
    };
    number.parse::<u16>().ok()?.checked_mul(days)
}

/// `None` for a cancelled event.
fn certainty(event: &Event) -> Result<Option<Certainty>, IcsError> {
    let Some(ContentLine { line, value, .. }) = event.one("STATUS")? else {
        return Ok(Some(Certainty::Fixed));
    };
    match value.trim().to_ascii_uppercase().as_str() {
        "CONFIRMED" => Ok(Some(Certainty::Fixed)),
        "TENTATIVE" => Ok(Some(Certainty::Estimated)),
        "CANCELLED" => Ok(None),
        _ => Err(IcsError::Value {
            line: *line,
            property: "STATUS",
            found: shown(value),
            allowed: "CONFIRMED, TENTATIVE for an estimated day, or CANCELLED to take one out",
        }),
    }
}

fn kind(event: &Event, default_kind: Option<ListedKind>) -> Result<ListedKind, IcsError> {
    let property = "CATEGORIES";
    let mut kind = None;
    for content in event.all(property) {
        let line = content.line;
        for word in content.value.split(',') {
            let canonical = word.trim().to_ascii_lowercase().replace(['-', ' '], "_");
            let Some(found) = kind_of(&canonical) else {
                let found = shown(word);
                return Err(IcsError::Value { line, property, found, allowed: KINDS });
            };
            if kind.replace(found).is_some() {
                return Err(IcsError::Twice { line, property });
            }
        }
    }
    let remedy = KIND_REMEDY;
    kind.or(default_kind).ok_or(IcsError::Missing { line: event.line, property, remedy })
}

fn english_name(event: &Event) -> Result<String, IcsError> {
    let property = "SUMMARY";
    let Some(summary) = event.one(property)? else {
        let remedy = "the day's name in English";
        return Err(IcsError::Missing { line: event.line, property, remedy });
    };
    let language = summary.parameter("LANGUAGE").map(str::to_ascii_lowercase);
    if let Some(other) = language.filter(|found| !found.starts_with("en")) {
        return Err(IcsError::Value {
            line: summary.line,
            property,
            found: shown(&format!("LANGUAGE={other}")),
            allowed: "the name in English, and the Kazakh one as X-KOPIR-NAME-KK",
        });
    }
    name(summary, property, Field::NameEn)
}

fn kazakh_name(event: &Event) -> Result<Option<String>, IcsError> {
    let property = "X-KOPIR-NAME-KK";
    event.one(property)?.map(|found| name(found, property, Field::NameKk)).transpose()
}

fn name(content: &ContentLine, property: &'static str, field: Field) -> Result<String, IcsError> {
    let text = content.text().trim().replace(',', ";");
    match name_rule(field, &text) {
        Some(allowed) => {
            let found = shown(&text);
            Err(IcsError::Value { line: content.line, property, found, allowed })
        }
        None => Ok(text),
    }
}

#[cfg(test)]
mod tests;
