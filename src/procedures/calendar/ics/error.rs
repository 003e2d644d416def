//! Why an iCalendar file is refused.

use jiff::civil::Date;
use thiserror::Error;

use super::{BYTES_MAX, EVENTS_MAX};
use crate::domain::calendar::CalendarError;

/// Why an iCalendar file was refused. Each message names the line, the rule and
/// the remedy, unless the rule is of the whole file.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum IcsError {
    /// The file is longer than [`BYTES_MAX`].
    #[error("the file has more than {BYTES_MAX} bytes; take the events of the years in question")]
    TooLarge,
    /// The file has more than [`EVENTS_MAX`] events.
    #[error(
        "line {line}, BEGIN: more than {EVENTS_MAX} events; take those of the years in question"
    )]
    TooManyEvents {
        /// Where the first event too many begins.
        line: usize,
    },
    /// The file has no event at all.
    #[error("the file has no VEVENT; give at least one day as an event")]
    NoEvents,
    /// A line is not UTF-8.
    #[error("line {line}: the text is not UTF-8; convert the file")]
    NotUtf8 {
        /// The line.
        line: usize,
    },
    /// A line has no name, or a parameter no value.
    #[error("line {line}: {found:?} is not `NAME;PARAMETER=VALUE:VALUE`; correct the line")]
    Syntax {
        /// The line.
        line: usize,
        /// What stands there.
        found: String,
    },
    /// Components do not begin and end in pairs, or not within one calendar.
    #[error("line {line}: {found:?} stands where {wanted} should; correct the file")]
    Structure {
        /// The line, or the one after the last.
        line: usize,
        /// What stands there.
        found: String,
        /// What should.
        wanted: String,
    },
    /// An event lacks a property it must have.
    #[error("line {line}, {property}: the event that begins here has none; write {remedy}")]
    Missing {
        /// Where the event begins.
        line: usize,
        /// The property.
        property: &'static str,
        /// What to write.
        remedy: &'static str,
    },
    /// An event has two properties of which there may be one.
    #[error("line {line}, {property}: the event has another; keep one")]
    Twice {
        /// Where the second stands.
        line: usize,
        /// The property.
        property: &'static str,
    },
    /// A property does not hold one of the values it may hold.
    #[error("line {line}, {property}: {found:?} is not allowed; write {allowed}")]
    Value {
        /// The line.
        line: usize,
        /// The property.
        property: &'static str,
        /// What stands there.
        found: String,
        /// What may stand there.
        allowed: &'static str,
    },
    /// An event has a time of day, but a day works or not as a whole.
    #[error(
        "line {line}, {property}: {found:?} is not a whole day; \
         write {property};VALUE=DATE:20260527"
    )]
    Timed {
        /// The line.
        line: usize,
        /// The property.
        property: &'static str,
        /// What stands there.
        found: String,
    },
    /// An event repeats by a rule.
    #[error(
        "line {line}, {property}: a repeated event is not taken, for days are set year by year; \
         give each day as an event of its own"
    )]
    Recurrence {
        /// The line.
        line: usize,
        /// The property.
        property: &'static str,
    },
    /// An event ends before it begins, or lasts too long.
    #[error(
        "line {line}, {property}: the event lasts from {first} up to, but not on, {end}; give it 1 to 31 days"
    )]
    Length {
        /// The line.
        line: usize,
        /// The property that ends the event.
        property: &'static str,
        /// Its first day.
        first: Date,
        /// The day after its last.
        end: Date,
    },
    /// Two events speak of one day, alike or, worse, not.
    #[error(
        "line {line}, DTSTART: {date} is {now} here and {before} on line {before_line}; keep one event for a day"
    )]
    Repeated {
        /// Where the second event's first day stands.
        line: usize,
        /// The day.
        date: Date,
        /// What it is by the second event.
        now: &'static str,
        /// What it is by the first.
        before: &'static str,
        /// Where the first event's first day stands.
        before_line: usize,
    },
    /// A day is to be taken out that the calendar does not list.
    #[error(
        "line {line}, STATUS: {date} is CANCELLED, but nothing is listed for it; drop the event"
    )]
    NotListed {
        /// The line.
        line: usize,
        /// The day.
        date: Date,
    },
    /// A rule of the calendar itself is broken: a day outside its range.
    #[error("line {line}, DTSTART: {rule}")]
    Rule {
        /// The line.
        line: usize,
        /// The rule with its remedy.
        #[source]
        rule: CalendarError,
    },
}
