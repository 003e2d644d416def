//! When a counter or a channel takes applications and gives out results, as the edition says it,
//! and from which instant a filing counts.

use jiff::Timestamp;
use jiff::civil::{Date, Time, Weekday};
use jiff::tz::TimeZone;

use super::calendar::{Calendar, CalendarError};
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
