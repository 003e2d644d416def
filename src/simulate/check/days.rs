//! Days counted one by one, over the lines of the calendar's file.

use std::collections::BTreeSet;

use jiff::Timestamp;
use jiff::civil::{Date, Weekday};
use jiff::tz::TimeZone;

const LINES: &str = include_str!("../../procedures/calendar-kz.csv");

/// The hour at which a working day's notices go out.
const MORNING_HOUR: i8 = 9;

/// The days that are not as their weekday says.
pub(super) struct Days {
    off: BTreeSet<Date>,
    on: BTreeSet<Date>,
}

impl Days {
    pub(super) fn new() -> Self {
        let (mut off, mut on) = (BTreeSet::new(), BTreeSet::new());
        for line in LINES.lines().filter(|line| !line.starts_with('#')) {
            let mut fields = line.split(',');
            let (Some(date), Some(_), Some(kind)) = (fields.next(), fields.next(), fields.next())
            else {
                continue;
            };
            let Ok(date) = date.parse::<Date>() else { continue };
            if kind == "working_weekend" {
                on.insert(date)
            } else {
                off.insert(date)
            };
        }
        Self { off, on }
    }

    pub(super) fn works(&self, day: Date) -> bool {
        let weekend = matches!(day.weekday(), Weekday::Saturday | Weekday::Sunday);
        self.on.contains(&day) || (!weekend && !self.off.contains(&day))
    }

    /// The next working day.
    pub(super) fn next(&self, day: Date) -> Date {
        let mut next = day.tomorrow().unwrap_or(Date::MAX);
        while !self.works(next) && next < Date::MAX {
            next = next.tomorrow().unwrap_or(Date::MAX);
        }
        next
    }

    /// The working day before.
    pub(super) fn before(&self, day: Date) -> Date {
        let mut before = day.yesterday().unwrap_or(Date::MIN);
        while !self.works(before) && before > Date::MIN {
            before = before.yesterday().unwrap_or(Date::MIN);
        }
        before
    }

    /// Working days after a day, up to and with another.
    pub(super) fn between(&self, after: Date, through: Date) -> u16 {
        let (mut day, mut count) = (after, 0);
        while day < through {
            day = day.tomorrow().unwrap_or(through);
            count += u16::from(self.works(day));
        }
        count
    }
}

/// The day that it is somewhere.
pub(super) fn day_of(zone: &TimeZone, at_ms: i64) -> Date {
    zone.to_datetime(Timestamp::from_millisecond(at_ms).unwrap_or(Timestamp::MAX)).date()
}

/// The morning of a day somewhere, Unix milliseconds.
pub(super) fn morning(zone: &TimeZone, day: Date) -> i64 {
    let at = zone.to_timestamp(day.at(MORNING_HOUR, 0, 0, 0));
    at.map_or(i64::MAX, Timestamp::as_millisecond)
}
