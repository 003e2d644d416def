//! When a counter or a channel takes applications and gives out results, as the edition says it,
//! and from which instant a filing counts.

use std::collections::BTreeSet;

use jiff::Timestamp;
use jiff::civil::{Date, DateTime, Time, Weekday};
use jiff::tz::TimeZone;

use super::calendar::{Calendar, CalendarError, DayKind};
use super::party::Role;

/// What is done in these hours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Purpose {
    /// Everything.
    All,
    /// Applications are taken.
    Applications,
    /// Results are given out.
    Results,
}

/// The hours of one channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hours {
    /// The channel.
    pub role: Role,
    /// What for.
    pub purpose: Purpose,
    /// The days of the week, from Monday.
    pub days: [bool; 7],
    /// The spans of a day, in order; none means around the clock, every day.
    pub open: Vec<(Time, Time)>,
    /// The paragraph.
    pub citation: String,
}

impl Hours {
    /// Whether the channel never closes.
    pub fn is_around_the_clock(&self) -> bool {
        self.open.is_empty()
    }

    /// Whether a day of the week is one of its days.
    pub fn on(&self, day: Weekday) -> bool {
        let at = usize::try_from(day.to_monday_zero_offset()).unwrap_or_default();
        self.days.get(at).copied().unwrap_or_default()
    }

    /// Whether it is open at a local time of a day of the week.
    pub fn is_open(&self, day: Weekday, at: Time) -> bool {
        self.is_around_the_clock()
            || self.on(day) && self.open.iter().any(|(from, to)| *from <= at && at < *to)
    }

    /// Its days, as files write them: `mon-fri`.
    pub fn days_in_words(&self) -> String {
        const NAMES: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
        let mut runs: Vec<(usize, usize)> = Vec::new();
        for at in (0..7).filter(|at| self.days[*at]) {
            match runs.last_mut() {
                Some((_, last)) if *last + 1 == at => *last = at,
                Some(_) | None => runs.push((at, at)),
            }
        }
        let words = runs.iter().map(|(first, last)| match last - first {
            0 => NAMES[*first].to_owned(),
            _ => format!("{}-{}", NAMES[*first], NAMES[*last]),
        });
        words.collect::<Vec<_>>().join(",")
    }

    /// Its spans, as files write them: `09:00-13:00,14:30-17:30`.
    pub fn open_in_words(&self) -> String {
        if self.is_around_the_clock() {
            return "around-the-clock".to_owned();
        }
        let words = self.open.iter().map(|(from, to)| {
            format!("{:02}:{:02}-{:02}:{:02}", from.hour(), from.minute(), to.hour(), to.minute())
        });
        words.collect::<Vec<_>>().join(",")
    }

    fn closes(&self) -> Option<Time> {
        self.open.iter().map(|(_, to)| *to).max()
    }
}

/// How far ahead an opening is looked for, in days; the longest holidays are shorter.
const MAX_DAYS_AHEAD: u16 = 60;

/// When one office receives people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reception {
    /// Its hours: its own, or those of the edition for its role.
    pub hours: Vec<Hours>,
    /// Days on which it is closed beside the holidays of Kazakhstan, such as those of a mission's
    /// host country, which the acts do not name.
    pub days_off: BTreeSet<Date>,
}

/// A span in which an office is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Opening {
    /// The day.
    pub date: Date,
    /// From when; the moment asked about where it is open then.
    pub from: Time,
    /// Until when; none around the clock.
    pub to: Option<Time>,
}

impl Reception {
    /// The span in which the office is open at a local time, or the next one in which it is. None
    /// where it has no such hours, or none for two months.
    ///
    /// # Errors
    /// A [`CalendarError`] beyond the calendar.
    pub fn next(
        &self,
        purpose: Purpose,
        at: DateTime,
        calendar: &Calendar,
    ) -> Result<Option<Opening>, CalendarError> {
        let serves = |hours: &&Hours| hours.purpose == Purpose::All || hours.purpose == purpose;
        let hours: Vec<&Hours> = self.hours.iter().filter(serves).collect();
        if hours.iter().any(|hours| hours.is_around_the_clock()) {
            return Ok(Some(Opening { date: at.date(), from: at.time(), to: None }));
        }
        let mut date = at.date();
        for _ in 0..=MAX_DAYS_AHEAD {
            let earliest = if date == at.date() { at.time() } else { Time::midnight() };
            let mut spans = Vec::new();
            for hours in &hours {
                if self.is_open_on(hours, date, calendar)? {
                    spans.extend(hours.open.iter().filter(|(_, to)| *to > earliest).copied());
                }
            }
            if let Some((from, to)) = spans.into_iter().min() {
                return Ok(Some(Opening { date, from: from.max(earliest), to: Some(to) }));
            }
            date = date.tomorrow().unwrap_or(Date::MAX);
        }
        Ok(None)
    }

    /// Holidays and moved days off close every counter. A weekend does unless the office has hours
    /// on it, as the State Corporation on Saturdays; a weekend that is worked in exchange is an
    /// ordinary day.
    fn is_open_on(
        &self,
        hours: &Hours,
        date: Date,
        calendar: &Calendar,
    ) -> Result<bool, CalendarError> {
        if self.days_off.contains(&date) {
            return Ok(false);
        }
        Ok(match calendar.day(date)?.kind {
            DayKind::Working | DayKind::Weekend => hours.on(date.weekday()),
            DayKind::WorkingWeekend => hours.days.contains(&true),
            DayKind::Holiday | DayKind::Observed | DayKind::MovedOff => false,
        })
    }
}

/// From when a filing counts. What comes through a channel that never closes after the provider's
/// hours or on a day off counts as come on the next working day (2021 standard; A-26 takes it for
/// every edition). What comes to a counter counts when it comes.
///
/// # Errors
/// A [`CalendarError`] beyond the calendar.
pub fn counts_from(
    filed_at: Timestamp,
    channel: Role,
    provider: Role,
    hours: &[Hours],
    zone: &TimeZone,
    calendar: &Calendar,
) -> Result<Timestamp, CalendarError> {
    let around_the_clock =
        hours.iter().any(|hours| hours.role == channel && hours.is_around_the_clock());
    if !around_the_clock {
        return Ok(filed_at);
    }
    let local = zone.to_datetime(filed_at);
    let closes = hours
        .iter()
        .filter(|hours| hours.role == provider && hours.purpose != Purpose::Results)
        .filter_map(Hours::closes)
        .max();
    let after_hours = closes.is_some_and(|closes| local.time() >= closes);
    let today = local.date();
    if calendar.is_working(today)? && !after_hours {
        return Ok(filed_at);
    }
    let tomorrow = today.tomorrow().unwrap_or(Date::MAX);
    let day = calendar.next_working_day_on_or_after(tomorrow)?;
    let midnight = zone.to_timestamp(day.to_datetime(Time::midnight()));
    Ok(midnight.unwrap_or(filed_at))
}

/// The days of the week of a text such as `mon-fri` or `mon,tue,thu,fri`, from Monday.
pub fn weekdays(text: &str) -> Option<[bool; 7]> {
    const NAMES: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
    let at = |name: &str| NAMES.iter().position(|each| *each == name.trim());
    let mut days = [false; 7];
    for part in text.split(',') {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (first, last) = (at(first)?, at(last)?);
        days.get_mut(first..=last)?.fill(true);
    }
    Some(days)
}

/// The spans of a text such as `09:00-13:00,14:30-17:30`; none of them for `around-the-clock`.
pub fn spans(text: &str) -> Option<Vec<(Time, Time)>> {
    match text {
        "around-the-clock" => Some(Vec::new()),
        spans => spans.split(',').map(span).collect(),
    }
}

fn span(text: &str) -> Option<(Time, Time)> {
    let (from, to) = text.trim().split_once('-')?;
    let (from, to): (Time, Time) = (from.parse().ok()?, to.parse().ok()?);
    (from < to).then_some((from, to))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::calendar::{
        CalendarBuilder, CalendarVersion, Certainty, DayName, ListedDay, ListedKind,
    };
    use crate::domain::term::bundled_zone;
    use jiff::civil::date;

    fn at(hour: i8, minute: i8) -> Time {
        Time::constant(hour, minute, 0, 0)
    }

    fn hours(role: Role, purpose: Purpose, open: Vec<(Time, Time)>) -> Hours {
        let days = [true, true, true, true, true, false, false];
        Hours { role, purpose, days, open, citation: "a sample".to_owned() }
    }

    /// The portal never closes; the State Corporation is a counter; the akimat takes applications
    /// until 17:30 and gives out results until 20:00.
    fn edition() -> Vec<Hours> {
        vec![
            hours(Role::EgovPortal, Purpose::All, Vec::new()),
            hours(Role::StateCorporation, Purpose::All, vec![(at(9, 0), at(20, 0))]),
            hours(
                Role::Akimat,
                Purpose::Applications,
                vec![(at(9, 0), at(13, 0)), (at(14, 30), at(17, 30))],
            ),
            hours(Role::Akimat, Purpose::Results, vec![(at(9, 0), at(20, 0))]),
        ]
    }

    /// March 2026, with a Saturday at work and a Monday off.
    fn calendar() -> Calendar {
        let version = CalendarVersion::parse("test-1").unwrap();
        let days = (date(2026, 3, 1), date(2026, 3, 31));
        let mut builder = CalendarBuilder::new(version, days.0, days.1).unwrap();
        for (date, kind) in [
            (date(2026, 3, 9), ListedKind::Holiday),
            (date(2026, 3, 14), ListedKind::WorkingWeekend),
        ] {
            let name = DayName { en: "a sample day".into(), kk: "үлгі".into() };
            builder.list(ListedDay { date, kind, certainty: Certainty::Fixed, name }).unwrap();
        }
        builder.build()
    }

    fn counted(filed_at: &str, channel: Role) -> String {
        let zone = bundled_zone("Asia/Almaty").unwrap();
        let filed_at: Timestamp = filed_at.parse().unwrap();
        let (hours, calendar) = (edition(), calendar());
        let counts = counts_from(filed_at, channel, Role::Akimat, &hours, &zone, &calendar);
        zone.to_datetime(counts.unwrap()).to_string()
    }

    #[test]
    fn what_a_portal_takes_in_working_time_counts_when_it_comes() {
        let portal = |filed_at| counted(filed_at, Role::EgovPortal);
        assert_eq!(portal("2026-03-04T11:00:00+05:00"), "2026-03-04T11:00:00");
        // In the break at noon, and before the office opens: it is that day's all the same.
        assert_eq!(portal("2026-03-04T13:30:00+05:00"), "2026-03-04T13:30:00");
        assert_eq!(portal("2026-03-04T03:00:00+05:00"), "2026-03-04T03:00:00");
        assert_eq!(portal("2026-03-04T17:29:59+05:00"), "2026-03-04T17:29:59");
        // A Saturday at work is a working day.
        assert_eq!(portal("2026-03-14T10:00:00+05:00"), "2026-03-14T10:00:00");
    }

    #[test]
    fn what_a_portal_takes_later_counts_from_the_next_working_day() {
        let portal = |filed_at| counted(filed_at, Role::EgovPortal);
        // The hours of applications end it, not those in which results are given out.
        assert_eq!(portal("2026-03-04T17:30:00+05:00"), "2026-03-05T00:00:00");
        assert_eq!(portal("2026-03-04T23:59:59+05:00"), "2026-03-05T00:00:00");
        // Friday evening, Saturday, Sunday: the Monday after them is a holiday.
        assert_eq!(portal("2026-03-06T18:00:00+05:00"), "2026-03-10T00:00:00");
        assert_eq!(portal("2026-03-07T10:00:00+05:00"), "2026-03-10T00:00:00");
        assert_eq!(portal("2026-03-08T10:00:00+05:00"), "2026-03-10T00:00:00");
        // Friday evening before a Saturday at work.
        assert_eq!(portal("2026-03-13T18:00:00+05:00"), "2026-03-14T00:00:00");
    }

    #[test]
    fn what_a_counter_takes_counts_when_it_comes() {
        for channel in [Role::StateCorporation, Role::Akimat, Role::ForeignMission] {
            assert_eq!(counted("2026-03-04T19:00:00+05:00", channel), "2026-03-04T19:00:00");
            assert_eq!(counted("2026-03-07T10:00:00+05:00", channel), "2026-03-07T10:00:00");
        }
    }

    #[test]
    fn a_filing_at_the_end_of_the_calendar_is_refused_rather_than_guessed() {
        let zone = bundled_zone("Asia/Almaty").unwrap();
        let filed_at: Timestamp = "2026-03-31T18:00:00+05:00".parse().unwrap();
        let (hours, calendar) = (edition(), calendar());
        let counts =
            counts_from(filed_at, Role::EgovPortal, Role::Akimat, &hours, &zone, &calendar);
        assert!(counts.is_err(), "{counts:?}");
    }

    #[test]
    fn a_channel_is_open_in_its_spans_on_its_days() {
        let edition = edition();
        let (portal, akimat) = (&edition[0], &edition[2]);
        assert!(portal.is_around_the_clock() && portal.is_open(Weekday::Sunday, at(3, 0)));
        for (day, time, open) in [
            (Weekday::Monday, at(9, 0), true),
            (Weekday::Monday, at(8, 59), false),
            (Weekday::Friday, at(12, 59), true),
            (Weekday::Friday, at(13, 0), false),
            (Weekday::Friday, at(17, 30), false),
            (Weekday::Saturday, at(10, 0), false),
        ] {
            assert_eq!(akimat.is_open(day, time), open, "{day:?} {time}");
        }
        assert_eq!(akimat.days_in_words(), "mon-fri");
        assert_eq!(akimat.open_in_words(), "09:00-13:00,14:30-17:30");
        assert_eq!(portal.open_in_words(), "around-the-clock");
        let days = [true, false, true, true, false, false, true];
        assert_eq!(Hours { days, ..akimat.clone() }.days_in_words(), "mon,wed-thu,sun");
    }

    #[test]
    fn days_and_spans_that_are_none_are_refused() {
        assert_eq!(weekdays("mon-tue,fri"), Some([true, true, false, false, true, false, false]));
        for text in ["", "fri-mon", "someday", "mon-"] {
            assert_eq!(weekdays(text), None, "{text:?}");
        }
        assert_eq!(spans("around-the-clock"), Some(Vec::new()));
        for text in ["", "9", "09:00", "17:00-09:00", "25:00-26:00"] {
            assert_eq!(spans(text), None, "{text:?}");
        }
    }
}
