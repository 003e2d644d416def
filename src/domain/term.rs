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

pub use self::explain::{Explanation, SkipReason, SkippedDay, explain};
pub use super::calendar::WorkingDays;
use super::calendar::{Calendar, CalendarError, CalendarVersion};

mod explain;

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
    /// The day of the event, or the next working day where that is a day off: an office registers
    /// what came on a Saturday when it opens again.
    SameWorkingDay,
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
            Self::SameDay | Self::SameWorkingDay => count == C::On,
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
    course.map(|course| ends(&course, zone, calendar)).transpose()
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
    let fixed = |date| Course { date, consulted: None };
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
        Term::SameWorkingDay => {
            let date = calendar.next_working_day_on_or_after(event)?;
            Course { date, consulted: Some(event..=date) }
        }
        Term::MonthEnd => {
            let next_month = event.first_of_month().checked_add(Span::new().months(1));
            let next_month = next_month.map_err(|_| TermError::BeyondTime { from: event })?;
            fixed(next_month.last_of_month())
        }
        Term::BeforeServiceEnd(n) => {
            before_service_end(n, service_due.ok_or(TermError::ServiceDueMissing)?, calendar)?
        }
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
    let first = if strict || n.0 == 0 { event } else { tomorrow(event)? };
    let consulted = Some(first..=date);
    Ok(Course { date, consulted })
}

fn calendar_days(n: CalendarDays, strict: bool, event: Date) -> Result<Date, TermError> {
    let days = n.0.saturating_sub(u16::from(strict));
    event.checked_add(Span::new().days(days)).map_err(|_| TermError::BeyondTime { from: event })
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
    let instant =
        zone.to_timestamp(midnight).map_err(|_| TermError::BeyondTime { from: course.date })?;
    let consulted = course.consulted.as_ref();
    Ok(Due {
        date: course.date,
        instant,
        calendar: calendar.version().clone(),
        estimated: consulted.is_some_and(|days| calendar.has_estimated(*days.start(), *days.end())),
    })
}

fn tomorrow(date: Date) -> Result<Date, TermError> {
    date.tomorrow().map_err(|_| TermError::BeyondTime { from: date })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::calendar::{CalendarBuilder, Certainty, DayName, ListedDay, ListedKind};
    use jiff::civil::date;
    use proptest::prelude::*;

    const ALMATY: &str = "Asia/Almaty";

    /// The autumn and winter of 2025 with a holiday, an observed day, a moved
    /// day and its working Saturday, and an estimated day, all synthetic.
    fn calendar() -> Calendar {
        use ListedKind as K;
        let version = CalendarVersion::parse("test-1").unwrap();
        let (first, last) = (date(2025, 8, 1), date(2026, 8, 31));
        let mut builder = CalendarBuilder::new(version, first, last).unwrap();
        for (date, kind, certainty) in [
            (date(2025, 10, 4), K::WorkingWeekend, Certainty::Fixed),
            (date(2025, 10, 6), K::MovedOff, Certainty::Fixed),
            (date(2025, 10, 25), K::Holiday, Certainty::Fixed),
            (date(2025, 10, 27), K::Observed, Certainty::Fixed),
            (date(2025, 12, 16), K::Holiday, Certainty::Fixed),
            (date(2026, 5, 27), K::Holiday, Certainty::Estimated),
        ] {
            let (en, kk) = (format!("{kind:?} {date}").into(), "".into());
            let name = DayName { en, kk };
            let day = ListedDay { date, kind, certainty, name };
            builder.list(day).unwrap();
        }
        builder.build()
    }

    fn working(n: u16) -> Term {
        Term::WorkingDays(WorkingDays(n))
    }

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn explained(term: Term, count: CountMode, counting: Counting, opened: &str) -> Explanation {
        let (zone, calendar) = (bundled_zone(ALMATY).unwrap(), calendar());
        let service_due = Some(date(2025, 10, 28));
        let opened = at(opened);
        let got = explain(term, count, counting, opened, &zone, &calendar, service_due);
        let due = due(term, count, counting, opened, &zone, &calendar, service_due);
        let explanation = got.unwrap().unwrap();
        assert_eq!(due, Ok(Some(explanation.due.clone())));
        explanation
    }

    #[test]
    fn the_rule_and_each_skipped_day_are_told() {
        let opened = "2025-10-03T10:00:00+05:00";
        let told = explained(working(2), CountMode::From, Counting::default(), opened);
        assert_eq!(
            told.rule,
            "2 working days from the day of the event; the event's day is not counted; \
             the day ends at 24:00 in Asia/Almaty"
        );
        assert_eq!(told.due.date, date(2025, 10, 7));
        assert_eq!(told.due.instant, at("2025-10-08T00:00:00+05:00"));
        assert_eq!(told.due.calendar.as_str(), "test-1");
        let skipped: Vec<String> =
            told.skipped.iter().map(|day| format!("{} {}", day.date, day.why)).collect();
        assert_eq!(
            skipped,
            ["2025-10-05 weekend", "2025-10-06 moved day off: MovedOff 2025-10-06"]
        );
    }

    #[test]
    fn a_holiday_on_a_weekend_is_told_as_the_holiday() {
        let opened = "2025-10-24T10:00:00+05:00";
        let told = explained(working(1), CountMode::After, Counting::default(), opened);
        let why: Vec<String> = told.skipped.iter().map(|day| day.why.to_string()).collect();
        assert_eq!(
            why,
            ["holiday: Holiday 2025-10-25", "weekend", "observed day off: Observed 2025-10-27"]
        );
    }

    #[test]
    fn each_kind_of_term_has_its_words() {
        use CountMode as C;
        let days = |n| Term::CalendarDays(CalendarDays(n));
        let strict = Counting { strict_from: true, roll_over: true };
        for (term, count, counting, words) in [
            (
                working(1),
                C::From,
                strict,
                "1 working day from the day of the event; the event's day is counted if",
            ),
            (working(3), C::NotStated, strict, "3 working days from a start the law does not name"),
            (
                working(3),
                C::Moment,
                strict,
                "3 working days from the moment of the event, in whole days; the event's day is not",
            ),
            (
                days(30),
                C::From,
                Counting::default(),
                "30 calendar days from the day of the event; the event's day is not counted; an end on a day off stays there;",
            ),
            (
                days(1),
                C::From,
                strict,
                "1 calendar day from the day of the event; the event's day is counted; an end on a day off moves to the next",
            ),
            (Term::SameDay, C::On, strict, "on the day of the event; the day ends"),
            (Term::MonthEnd, C::None, strict, "by the last day of the month after"),
            (
                Term::BeforeServiceEnd(CalendarDays(1)),
                C::Before,
                strict,
                "1 calendar day before the service is due; a day off moves back",
            ),
        ] {
            let told = explained(term, count, counting, "2025-10-02T10:00:00+05:00");
            assert!(told.rule.starts_with(words), "{}", told.rule);
            assert!(told.rule.ends_with("24:00 in Asia/Almaty"), "{}", told.rule);
        }
    }

    #[test]
    fn the_day_before_the_service_end_goes_back_over_days_off() {
        let term = Term::BeforeServiceEnd(CalendarDays(1));
        let opened = "2025-10-02T10:00:00+05:00";
        let told = explained(term, CountMode::Before, Counting::default(), opened);
        assert_eq!(told.due.date, date(2025, 10, 24));
        let dates: Vec<i8> = told.skipped.iter().map(|day| day.date.day()).collect();
        assert_eq!(dates, [25, 26, 27]);
    }

    #[test]
    fn calendar_days_and_month_ends_skip_nothing() {
        let opened = "2025-09-25T10:00:00+05:00";
        let term = Term::CalendarDays(CalendarDays(30));
        let told = explained(term, CountMode::From, Counting::default(), opened);
        assert_eq!(told.due.date, date(2025, 10, 25));
        assert_eq!(told.skipped, []);
        let told = explained(Term::MonthEnd, CountMode::None, Counting::default(), opened);
        assert_eq!(told.due.date, date(2025, 10, 31));
        assert_eq!(told.skipped, []);
    }

    #[test]
    fn an_estimated_day_marks_only_the_spans_that_pass_it() {
        let opened = "2026-05-25T10:00:00+05:00";
        let plain = Counting::default();
        let passed = explained(working(2), CountMode::From, plain, opened);
        assert!(passed.due.estimated);
        assert_eq!(passed.skipped[0].certainty, Certainty::Estimated);
        assert!(!explained(working(1), CountMode::From, plain, opened).due.estimated);
        let days = Term::CalendarDays(CalendarDays(2));
        assert!(!explained(days, CountMode::From, plain, opened).due.estimated);
        let rolled = Counting { roll_over: true, ..plain };
        assert!(explained(days, CountMode::From, rolled, opened).due.estimated);
    }

    #[test]
    fn a_hop_without_a_term_has_no_due_date() {
        let (zone, calendar) = (bundled_zone(ALMATY).unwrap(), calendar());
        for count in [CountMode::None, CountMode::NotStated] {
            let opened = at("1990-01-01T00:00:00Z");
            let plain = Counting::default();
            let due = due(Term::None, count, plain, opened, &zone, &calendar, None);
            assert_eq!(due, Ok(None));
            let told = explain(Term::None, count, plain, opened, &zone, &calendar, None);
            assert_eq!(told, Ok(None));
        }
    }

    #[test]
    fn a_count_that_does_not_fit_the_term_is_refused() {
        let (zone, calendar) = (bundled_zone(ALMATY).unwrap(), calendar());
        let opened = at("2025-10-02T10:00:00Z");
        let before = Term::BeforeServiceEnd(CalendarDays(1));
        for (term, count) in [
            (Term::None, CountMode::From),
            (working(1), CountMode::On),
            (Term::CalendarDays(CalendarDays(1)), CountMode::Before),
            (Term::SameDay, CountMode::From),
            (Term::MonthEnd, CountMode::After),
            (before, CountMode::None),
        ] {
            let plain = Counting::default();
            let due = due(term, count, plain, opened, &zone, &calendar, None);
            assert_eq!(due, Err(TermError::CountMismatch { term, count }));
        }
        let missing =
            due(before, CountMode::Before, Counting::default(), opened, &zone, &calendar, None);
        assert_eq!(missing, Err(TermError::ServiceDueMissing));
    }

    #[test]
    fn an_event_outside_the_calendar_is_an_error_not_a_guess() {
        let (zone, calendar) = (bundled_zone(ALMATY).unwrap(), calendar());
        let ask = |term, opened: &str| {
            due(term, CountMode::From, Counting::default(), at(opened), &zone, &calendar, None)
        };
        let early = ask(working(1), "2025-07-01T10:00:00Z");
        assert!(matches!(early, Err(TermError::Calendar(CalendarError::OutOfRange { .. }))));
        let late = ask(working(100), "2026-08-01T10:00:00Z");
        assert!(matches!(late, Err(TermError::Calendar(CalendarError::RunsOut { .. }))));
        // Calendar days need no calendar, so they are counted anywhere.
        let days = ask(Term::CalendarDays(CalendarDays(1)), "1999-12-31T10:00:00Z");
        assert_eq!(days.unwrap().unwrap().date, date(2000, 1, 1));
        let beyond = ask(Term::CalendarDays(CalendarDays(u16::MAX)), "9990-01-01T00:00:00Z");
        assert!(matches!(beyond, Err(TermError::BeyondTime { .. })));
    }

    #[test]
    fn a_zone_comes_from_the_bundle_or_is_refused() {
        assert_eq!(bundled_zone("asia/almaty").unwrap().iana_name(), Some(ALMATY));
        for name in ["", "Asia/Nowhere", "Etc/Unknown", "../../etc/passwd", "+05:00"] {
            let refused = bundled_zone(name).unwrap_err();
            assert_eq!(refused, TermError::ZoneUnknown { name: name.into() });
        }
    }

    #[test]
    fn a_day_that_loses_its_midnight_ends_at_its_last_instant() {
        // Beirut moved its clocks from 00:00 to 01:00 on 2025-03-30.
        let zone = bundled_zone("Asia/Beirut").unwrap();
        let opened = at("2025-03-29T12:00:00Z");
        let plain = Counting::default();
        let due = due(Term::SameDay, CountMode::On, plain, opened, &zone, &calendar(), None);
        assert_eq!(due.unwrap().unwrap().instant, at("2025-03-29T22:00:00Z"));
    }

    const ZONES: [&str; 6] = [
        ALMATY,
        "Asia/Tashkent",
        "Asia/Shanghai",
        "Asia/Ashgabat",
        "Asia/Ulaanbaatar",
        "Europe/Moscow",
    ];

    /// Seconds of 2025-08-02 to 2026-05-20, well inside the test calendar.
    const OPENED: std::ops::Range<i64> = 1_754_092_800..1_779_235_200;

    fn ask(term: Term, counting: Counting, opened: i64, zone: &TimeZone, on: &Calendar) -> Due {
        let opened = Timestamp::from_second(opened).unwrap();
        let due = due(term, CountMode::From, counting, opened, zone, on, None);
        due.unwrap().unwrap()
    }

    proptest! {
        #[test]
        fn a_working_day_term_ends_on_a_working_day_after_a_walk(
            opened in OPENED, n in 1u16..60, zone in prop::sample::select(&ZONES[..]), strict_from: bool,
        ) {
            let (zone, calendar) = (bundled_zone(zone).unwrap(), calendar());
            let counting = Counting { strict_from, roll_over: false };
            let due = ask(working(n), counting, opened, &zone, &calendar);
            prop_assert!(calendar.is_working(due.date).unwrap());
            let event = zone.to_datetime(Timestamp::from_second(opened).unwrap()).date();
            let (mut day, mut left) = (event, n);
            let mut counts = strict_from;
            loop {
                left -= u16::from(counts && calendar.is_working(day).unwrap());
                if left == 0 {
                    break;
                }
                counts = true;
                day = day.tomorrow().unwrap();
            }
            prop_assert_eq!(due.date, day);
            let last = zone.to_datetime(due.instant - Span::new().nanoseconds(1));
            prop_assert_eq!(last.date(), due.date);
            prop_assert!(zone.to_datetime(due.instant).date() > due.date);
        }

        #[test]
        fn a_due_instant_never_falls_as_the_event_or_the_term_grows(
            opened in OPENED, later in 0i64..2_000_000, n in 0u16..30, more in 0u16..10,
            zone in prop::sample::select(&ZONES[..]), strict_from: bool, roll_over: bool, working_days: bool,
        ) {
            let (zone, calendar) = (bundled_zone(zone).unwrap(), calendar());
            let counting = Counting { strict_from, roll_over };
            let term = |n| if working_days { working(n) } else { Term::CalendarDays(CalendarDays(n)) };
            let first = ask(term(n), counting, opened, &zone, &calendar);
            let second = ask(term(n + more), counting, opened + later, &zone, &calendar);
            prop_assert!(first.instant <= second.instant);
            prop_assert!(first.instant.as_second() > opened);
        }

        #[test]
        fn an_explanation_accounts_for_every_day_of_the_span(opened in OPENED, n in 1u16..60) {
            let (zone, calendar) = (bundled_zone(ALMATY).unwrap(), calendar());
            let opened = Timestamp::from_second(opened).unwrap();
            let plain = Counting::default();
            let told = explain(working(n), CountMode::From, plain, opened, &zone, &calendar, None);
            let told = told.unwrap().unwrap();
            let event = zone.to_datetime(opened).date();
            let span = told.due.date.duration_since(event).as_hours() / 24;
            prop_assert_eq!(i64::from(n) + told.skipped.len() as i64, span);
            for day in told.skipped {
                prop_assert!(!calendar.is_working(day.date).unwrap());
            }
        }
    }
}
