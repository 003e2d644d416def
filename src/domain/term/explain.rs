//! A due date told in words: the rule that was applied and the days off that
//! were passed over. A party that is told it is late must be able to recount.

use std::fmt;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp};

use super::{CountMode, Counting, Course, Due, Term, TermError, course, ends};
use crate::domain::calendar::{Calendar, Certainty, DayName, ListedKind};

/// A due date with the account of how it came about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explanation {
    /// The same due date that [`due`](super::due) gives.
    pub due: Due,
    /// The rule in plain English.
    pub rule: String,
    /// The days off that the count passed over, in order of date.
    pub skipped: Vec<SkippedDay>,
}

/// A day off that a count passed over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SkippedDay {
    /// The day.
    pub date: Date,
    /// Why it did not count.
    pub why: SkipReason,
    /// Whether that is certain yet.
    pub certainty: Certainty,
}

/// Why a day did not count.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SkipReason {
    /// A Saturday or Sunday.
    Weekend,
    /// A public holiday of this name.
    Holiday(DayName),
    /// A day off in place of this holiday, which fell on a weekend.
    Observed(DayName),
    /// A working day that the Government turned into a day off.
    MovedOff(DayName),
}

impl fmt::Display for SkipReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Weekend => f.write_str("weekend"),
            Self::Holiday(name) => write!(f, "holiday: {}", name.en),
            Self::Observed(name) => write!(f, "observed day off: {}", name.en),
            Self::MovedOff(name) => write!(f, "moved day off: {}", name.en),
        }
    }
}

/// [`due`](super::due) with the rule in words and the days off that were passed over.
///
/// # Errors
/// As [`due`](super::due).
pub fn explain(
    term: Term,
    count: CountMode,
    counting: Counting,
    opened: Timestamp,
    zone: &TimeZone,
    calendar: &Calendar,
    service_due: Option<Date>,
) -> Result<Option<Explanation>, TermError> {
    let event = zone.to_datetime(opened).date();
    let Some(course) = course(term, count, counting, event, calendar, service_due)? else {
        return Ok(None);
    };
    Ok(Some(Explanation {
        due: ends(&course, zone, calendar)?,
        rule: rule(term, count, counting, zone),
        skipped: skipped(&course, calendar)?,
    }))
}

fn skipped(course: &Course, calendar: &Calendar) -> Result<Vec<SkippedDay>, TermError> {
    let Some(days) = &course.consulted else {
        return Ok(Vec::new());
    };
    let mut skipped = Vec::new();
    let dates = days.start().series(Span::new().days(1));
    for date in dates.take_while(|date| date <= days.end()) {
        let listed = calendar.day(date)?.listed;
        let why = match listed.map(|day| (day.kind, &day.name)) {
            None if calendar.is_working(date)? => continue,
            None => SkipReason::Weekend,
            Some((ListedKind::WorkingWeekend, _)) => continue,
            Some((ListedKind::Holiday, name)) => SkipReason::Holiday(name.clone()),
            Some((ListedKind::Observed, name)) => SkipReason::Observed(name.clone()),
            Some((ListedKind::MovedOff, name)) => SkipReason::MovedOff(name.clone()),
        };
        let certainty = listed.map_or(Certainty::Fixed, |day| day.certainty);
        skipped.push(SkippedDay { date, why, certainty });
    }
    Ok(skipped)
}

fn rule(term: Term, count: CountMode, counting: Counting, zone: &TimeZone) -> String {
    let strict = counting.strict_from && count == CountMode::From;
    let from = count.words();
    let counted = match term {
        Term::None => return "no term is set".into(),
        Term::WorkingDays(n) if strict => {
            format!("{n} {from}; the event's day is counted if it is a working day")
        }
        Term::WorkingDays(n) => format!("{n} {from}; the event's day is not counted"),
        Term::CalendarDays(n) => {
            let counted = if strict { "counted" } else { "not counted" };
            let end = if counting.roll_over {
                "an end on a day off moves to the next working day"
            } else {
                "an end on a day off stays there"
            };
            format!("{n} {from}; the event's day is {counted}; {end}")
        }
        Term::SameDay => from.into(),
        Term::SameWorkingDay => format!("{from}; a day off moves to the next working day"),
        Term::MonthEnd => {
            "by the last day of the month after the month of the event; an end on a day off stays there"
                .into()
        }
        Term::BeforeServiceEnd(n) => {
            format!("{n} {from}; a day off moves back to the last working day before it")
        }
    };
    let place = zone.iana_name().unwrap_or("the acting party's time zone");
    format!("{counted}; the day ends at 24:00 in {place}")
}

impl CountMode {
    /// The words of an explanation.
    fn words(self) -> &'static str {
        match self {
            Self::From => "from the day of the event",
            Self::After => "after the day of the event",
            Self::On => "on the day of the event",
            Self::Moment => "from the moment of the event, in whole days",
            Self::Before => "before the service is due",
            Self::NotStated => "from a start the law does not name, taken as the day of the event",
            Self::None => "by the calendar alone",
        }
    }
}
