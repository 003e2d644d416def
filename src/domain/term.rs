//! The terms of the law and the arithmetic of a due date.
//!
//! A hop's term is data; this module is the one place that turns it into a day
//! and an instant, and that says in words how. The event's day never counts
//! (002-EN A1 ¶9, "the day of receipt of documents is not included"), a due day
//! ends at 24:00 where the acting party sits, and working days follow the
//! calendar of Kazakhstan whatever the party's own country celebrates.
//!
//! Pure: the instant of the event, the zone and the calendar are handed in.

use std::fmt;
use std::ops::RangeInclusive;

use jiff::civil::{Date, DateTime, Time};
use jiff::tz::{TimeZone, TimeZoneDatabase};
use jiff::{Span, Timestamp};
use thiserror::Error;

pub use super::calendar::WorkingDays;
use super::calendar::{
    Calendar, CalendarError, CalendarVersion, Certainty, DayKind, DayName, ListedDay,
};

/// A number of calendar days: weekends and holidays count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CalendarDays(pub u16);

impl fmt::Display for CalendarDays {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plural = if self.0 == 1 { "" } else { "s" };
        write!(f, "{} calendar day{plural}", self.0)
    }
}

/// How long a hop may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Term {
    /// The law sets no term; the hop has no due date and cannot be breached.
    None,
    /// So many working days, as for most hops (002-EN A1 ¶12).
    WorkingDays(WorkingDays),
    /// So many calendar days (002-EN A1 ¶18 and ¶23).
    CalendarDays(CalendarDays),
    /// The day of the event itself, even a day off (002-EN A1 ¶5).
    SameDay,
    /// The last day of the month after the month of the event (002-EN A2 ¶6).
    /// It stays there on a day off: the list is to be sent earlier then.
    MonthEnd,
    /// So many calendar days before the service is due, moved back to the last
    /// working day where that is a day off (002-EN A1 ¶9).
    BeforeServiceEnd(CalendarDays),
}

impl Term {
    /// Whether the law's words of counting can belong to such a term. A
    /// procedure file that pairs others carries a mistake.
    #[must_use]
    pub fn accepts(self, count: CountMode) -> bool {
        use CountMode as C;
        match self {
            Self::None => matches!(count, C::None | C::NotStated),
            Self::WorkingDays(_) | Self::CalendarDays(_) => {
                matches!(count, C::From | C::After | C::Moment | C::NotStated)
            }
            Self::SameDay => count == C::On,
            Self::MonthEnd => count == C::None,
            Self::BeforeServiceEnd(_) => count == C::Before,
        }
    }
}

/// From when the law counts, in its own words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CountMode {
    /// "from the date of"; see [`Counting::strict_from`].
    From,
    /// "after".
    After,
    /// "on the day of".
    On,
    /// "from the moment of"; counted in whole days like [`Self::After`].
    Moment,
    /// "before the end of", only with [`Term::BeforeServiceEnd`].
    Before,
    /// A term without a starting event (002-EN A1 ¶16 and ¶21): it runs from
    /// the receipt by the sender, or from the sender's own act, like
    /// [`Self::After`].
    NotStated,
    /// Nothing is counted from an event.
    None,
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

/// Where a term comes from. A breach of an assumed term is a missed internal
/// target and is never reported as a breach of law.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Source {
    /// The text of the law sets it.
    Statutory,
    /// The law is silent and the operator chose it (002-EN A1 ¶11).
    Assumed,
}

/// Readings of the law that the operator may choose where its text is open.
/// The default is the reading the bus proposes for both.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Counting {
    /// With [`CountMode::From`] the event's day is the first day of the term.
    pub strict_from: bool,
    /// A term in calendar days that ends on a day off ends on the next working
    /// day. Off by default, the stricter reading for the party that must act.
    pub roll_over: bool,
}

/// When a hop must be done.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Due {
    /// The last civil day of the term in the acting party's zone.
    pub date: Date,
    /// The end of that day, 24:00: the first instant that is too late.
    pub instant: Timestamp,
    /// The calendar revision it was counted on.
    pub calendar: CalendarVersion,
    /// The count passed a day that is only estimated, so the date may move when
    /// that day is announced.
    pub estimated: bool,
}

/// A due date with the account of how it came about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explanation {
    /// The same due date that [`due`] gives.
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

/// Why a term could not be counted.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum TermError {
    /// The calendar does not cover the span.
    #[error(transparent)]
    Calendar(#[from] CalendarError),
    /// [`Term::accepts`] refuses the pair: the procedure's data is wrong.
    #[error("a term of {term:?} cannot be counted {count:?}; correct the procedure's data")]
    CountMismatch {
        /// The term.
        term: Term,
        /// The count it was paired with.
        count: CountMode,
    },
    /// [`Term::BeforeServiceEnd`] without the day the service is due.
    #[error("a term before the end of the service needs the day the service is due")]
    ServiceDueMissing,
    /// The due day or instant is beyond what the calendar arithmetic can hold.
    #[error("a term counted from {from} ends beyond the range of dates")]
    BeyondTime {
        /// The civil day of the event or of the service's end.
        from: Date,
    },
    /// The zone's name is not in the bundled database.
    #[error("no time zone {name:?} in the bundled database; write one such as Asia/Almaty")]
    ZoneUnknown {
        /// The name asked for.
        name: String,
    },
}

/// Finds a time zone by its IANA name in the database bundled into the binary.
/// The system's own database and the environment are never read: two nodes, or
/// a replay years later, must end a day at the same instant.
///
/// # Errors
/// [`TermError::ZoneUnknown`].
pub fn bundled_zone(name: &str) -> Result<TimeZone, TermError> {
    let found = TimeZoneDatabase::bundled().get(name).ok();
    found
        .filter(|zone| !zone.is_unknown())
        .ok_or_else(|| TermError::ZoneUnknown { name: name.into() })
}

/// When a hop is due whose event happened at `opened`; `None` for a hop without
/// a term.
///
/// `zone` is the acting party's. `service_due` is the due day of the case's
/// service clock, read only by [`Term::BeforeServiceEnd`]; if that day was
/// itself estimated, the caller knows it, this answer does not.
///
/// # Errors
/// Any [`TermError`] but [`TermError::ZoneUnknown`].
pub fn due(
    term: Term,
    count: CountMode,
    counting: Counting,
    opened: Timestamp,
    zone: &TimeZone,
    calendar: &Calendar,
    service_due: Option<Date>,
) -> Result<Option<Due>, TermError> {
    let event = zone.to_datetime(opened).date();
    let course = course(term, count, counting, event, calendar, service_due)?;
    course
        .map(|course| ends(&course, zone, calendar))
        .transpose()
}

/// [`due`] with the rule in words and the days off that were passed over.
///
/// # Errors
/// As [`due`].
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

/// Where a term runs on the calendar, before its end becomes an instant.
struct Course {
    /// The last day of the term.
    date: Date,
    /// The days whose working or not decided the end; `None` where the calendar
    /// had no say.
    consulted: Option<RangeInclusive<Date>>,
}

fn course(
    term: Term,
    count: CountMode,
    counting: Counting,
    event: Date,
    calendar: &Calendar,
    service_due: Option<Date>,
) -> Result<Option<Course>, TermError> {
    if !term.accepts(count) {
        return Err(TermError::CountMismatch { term, count });
    }
    let strict = counting.strict_from && count == CountMode::From;
    let fixed = |date| Course {
        date,
        consulted: None,
    };
    Ok(Some(match term {
        Term::None => return Ok(None),
        Term::WorkingDays(n) => working_days(n, strict, event, calendar)?,
        Term::CalendarDays(n) => {
            let end = calendar_days(n, strict, event)?;
            if counting.roll_over {
                let date = calendar.next_working_day_on_or_after(end)?;
                let consulted = Some(end..=date);
                Course { date, consulted }
            } else {
                fixed(end)
            }
        }
        Term::SameDay => fixed(event),
        Term::MonthEnd => {
            let next_month = event.first_of_month().checked_add(Span::new().months(1));
            let next_month = next_month.map_err(|_| TermError::BeyondTime { from: event })?;
            fixed(next_month.last_of_month())
        }
        Term::BeforeServiceEnd(n) => before_service_end(
            n,
            service_due.ok_or(TermError::ServiceDueMissing)?,
            calendar,
        )?,
    }))
}

fn working_days(
    n: WorkingDays,
    strict: bool,
    event: Date,
    calendar: &Calendar,
) -> Result<Course, TermError> {
    // A working day of the event counts as the first when the day is counted at
    // all; a day off never counts, so there both readings agree.
    let first_counts = strict && calendar.is_working(event)?;
    let n = WorkingDays(n.0.saturating_sub(u16::from(first_counts)));
    let date = calendar.add_working_days(event, n)?;
    let first = if strict || n.0 == 0 {
        event
    } else {
        tomorrow(event)?
    };
    let consulted = Some(first..=date);
    Ok(Course { date, consulted })
}

fn calendar_days(n: CalendarDays, strict: bool, event: Date) -> Result<Date, TermError> {
    let days = n.0.saturating_sub(u16::from(strict));
    event
        .checked_add(Span::new().days(days))
        .map_err(|_| TermError::BeyondTime { from: event })
}

fn before_service_end(
    n: CalendarDays,
    service_due: Date,
    calendar: &Calendar,
) -> Result<Course, TermError> {
    let end = service_due
        .checked_sub(Span::new().days(n.0))
        .map_err(|_| TermError::BeyondTime { from: service_due })?;
    let date = calendar.previous_working_day_on_or_before(end)?;
    let consulted = Some(date..=end);
    Ok(Course { date, consulted })
}

/// Turns the last day into the instant 24:00, which is the first instant of the
/// next civil day. Where clocks change at midnight the zone decides which
/// instant that is, so a day is never cut short nor prolonged.
fn ends(course: &Course, zone: &TimeZone, calendar: &Calendar) -> Result<Due, TermError> {
    let midnight = DateTime::from_parts(tomorrow(course.date)?, Time::midnight());
    let instant = zone
        .to_timestamp(midnight)
        .map_err(|_| TermError::BeyondTime { from: course.date })?;
    let consulted = course.consulted.as_ref();
    Ok(Due {
        date: course.date,
        instant,
        calendar: calendar.version().clone(),
        estimated: consulted.is_some_and(|days| calendar.has_estimated(*days.start(), *days.end())),
    })
}

fn tomorrow(date: Date) -> Result<Date, TermError> {
    date.tomorrow()
        .map_err(|_| TermError::BeyondTime { from: date })
}

fn skipped(course: &Course, calendar: &Calendar) -> Result<Vec<SkippedDay>, TermError> {
    let Some(days) = &course.consulted else {
        return Ok(Vec::new());
    };
    let mut skipped = Vec::new();
    let dates = days.start().series(Span::new().days(1));
    for date in dates.take_while(|date| date <= days.end()) {
        let day = calendar.day(date)?;
        let name = |listed: Option<&ListedDay>| {
            listed.map_or_else(
                || DayName {
                    en: "".into(),
                    kk: "".into(),
                },
                |listed| listed.name.clone(),
            )
        };
        let why = match day.kind {
            DayKind::Working | DayKind::WorkingWeekend => continue,
            DayKind::Weekend => SkipReason::Weekend,
            DayKind::Holiday => SkipReason::Holiday(name(day.listed)),
            DayKind::Observed => SkipReason::Observed(name(day.listed)),
            DayKind::MovedOff => SkipReason::MovedOff(name(day.listed)),
        };
        let certainty = day.listed.map_or(Certainty::Fixed, |day| day.certainty);
        skipped.push(SkippedDay {
            date,
            why,
            certainty,
        });
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
            let not = if strict { "" } else { "not " };
            let end = if counting.roll_over {
                "an end on a day off moves to the next working day"
            } else {
                "an end on a day off stays there"
            };
            format!("{n} {from}; the event's day is {not}counted; {end}")
        }
        Term::SameDay => from.into(),
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
