//! What it takes for one calendar to follow another, and what changes then.
//!
//! The Government moves days off during the year, and Kurban Ait is announced
//! shortly before it comes. The bus then counts its open terms anew, so a
//! calendar that follows another must answer for every day the other answered
//! for, and must have a name of its own: due dates counted before keep the old
//! name and stay explicable.

use jiff::Span;
use jiff::civil::Date;
use thiserror::Error;

use super::{Calendar, CalendarVersion, Day};

/// One day that is not the same in two calendars.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DayChange<'c> {
    /// The day as it was.
    pub before: Day<'c>,
    /// The same day as it becomes.
    pub after: Day<'c>,
}

impl DayChange<'_> {
    /// The civil day.
    #[must_use]
    pub fn date(&self) -> Date {
        self.after.date
    }

    /// Whether the day begins or ceases to count in terms of working days. Only
    /// then can a due date move; other changes are of names and certainty.
    #[must_use]
    pub fn moves_terms(&self) -> bool {
        self.before.kind.is_working() != self.after.kind.is_working()
    }
}

/// Why a calendar may not take the place of another.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum AmendmentError {
    /// Both have one version, so due dates could not say which they rest on.
    #[error("the calendar in force is {version} already; give the amended one another version")]
    SameVersion {
        /// The version of both.
        version: CalendarVersion,
    },
    /// Days that the calendar in force covers would no longer be covered.
    #[error(
        "the amended calendar covers {first}..{last}, the one in force {old_first}..{old_last}; \
         cover the whole of it, for open terms are counted there"
    )]
    CoversLess {
        /// First day of the amended calendar.
        first: Date,
        /// Last day of the amended calendar.
        last: Date,
        /// First day of the calendar in force.
        old_first: Date,
        /// Last day of the calendar in force.
        old_last: Date,
    },
    /// No day and no bound of the range differs.
    #[error(
        "the calendar {version} differs from the one in force in nothing but its version; \
             change a day or leave it"
    )]
    NothingChanges {
        /// The version of the amended calendar.
        version: CalendarVersion,
    },
}

impl Calendar {
    /// The days that `self` and `after` both cover and do not tell alike, in
    /// order of date: their kind, their certainty or their name differs.
    #[must_use]
    pub fn changes<'c>(&'c self, after: &'c Self) -> Vec<DayChange<'c>> {
        let (first, last) = (self.first.max(after.first), self.last.min(after.last));
        let dates = first.series(Span::new().days(1)).take_while(|date| *date <= last);
        // Both calendars cover each of these days.
        dates
            .filter_map(|date| {
                let change =
                    DayChange { before: self.day(date).ok()?, after: after.day(date).ok()? };
                (change.before != change.after).then_some(change)
            })
            .collect()
    }

    /// Whether `after` may take the place of `self`, and the days that change.
    ///
    /// Days of the past may change as well: terms already closed are never
    /// counted again, so nothing rests on them but what is still open.
    ///
    /// # Errors
    /// Any [`AmendmentError`].
    pub fn amended_by<'c>(&'c self, after: &'c Self) -> Result<Vec<DayChange<'c>>, AmendmentError> {
        if self.version == after.version {
            return Err(AmendmentError::SameVersion { version: self.version.clone() });
        }
        if after.first > self.first || after.last < self.last {
            return Err(AmendmentError::CoversLess {
                first: after.first,
                last: after.last,
                old_first: self.first,
                old_last: self.last,
            });
        }
        let changes = self.changes(after);
        if changes.is_empty() && (self.first, self.last) == (after.first, after.last) {
            return Err(AmendmentError::NothingChanges { version: after.version.clone() });
        }
        Ok(changes)
    }

    /// The days whose certainty is [`Certainty::Estimated`](super::Certainty), in order. A count
    /// that passes one may end elsewhere once the day is announced.
    #[must_use]
    pub fn estimated_days(&self) -> &[Date] {
        &self.estimated
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::calendar::{
        CalendarBuilder, Certainty, DayKind, DayName, ListedDay, ListedKind,
    };
    use jiff::civil::date;

    type Row = (Date, ListedKind, Certainty, &'static str);

    const NEW_YEAR: Row = (date(2026, 1, 1), ListedKind::Holiday, Certainty::Fixed, "New Year");
    const KURBAN: Row = (date(2026, 5, 27), ListedKind::Holiday, Certainty::Estimated, "Kurban");

    fn calendar(version: &str, last: Date, rows: &[Row]) -> Calendar {
        let version = CalendarVersion::parse(version).unwrap();
        let mut builder = CalendarBuilder::new(version, date(2026, 1, 1), last).unwrap();
        for &(date, kind, certainty, en) in rows {
            let name = DayName { en: en.into(), kk: "".into() };
            builder.list(ListedDay { date, kind, certainty, name }).unwrap();
        }
        builder.build()
    }

    const YEAR_END: Date = date(2026, 12, 31);

    #[test]
    fn a_moved_day_changes_two_days_and_an_announced_one_only_its_certainty() {
        let before = calendar("t-1", YEAR_END, &[NEW_YEAR, KURBAN]);
        let moved = (date(2026, 5, 28), ListedKind::Holiday, Certainty::Fixed, "Kurban");
        let after = calendar("t-2", YEAR_END, &[NEW_YEAR, moved]);
        let changes = before.amended_by(&after).unwrap();
        let told: Vec<_> = changes
            .iter()
            .map(|day| (day.date(), day.before.kind, day.after.kind, day.moves_terms()))
            .collect();
        assert_eq!(
            told,
            [
                (date(2026, 5, 27), DayKind::Holiday, DayKind::Working, true),
                (date(2026, 5, 28), DayKind::Working, DayKind::Holiday, true),
            ]
        );
        assert_eq!(before.estimated_days(), [date(2026, 5, 27)]);
        assert_eq!(after.estimated_days(), []);

        let announced = (KURBAN.0, KURBAN.1, Certainty::Fixed, KURBAN.3);
        let after = calendar("t-2", YEAR_END, &[NEW_YEAR, announced]);
        let changes = before.amended_by(&after).unwrap();
        assert_eq!(changes.len(), 1);
        assert!(!changes[0].moves_terms());
        assert!(changes[0].before.is_estimated() && !changes[0].after.is_estimated());
    }

    #[test]
    fn a_longer_calendar_may_follow_without_any_changed_day() {
        let before = calendar("t-1", YEAR_END, &[NEW_YEAR]);
        let after = calendar("t-2", date(2027, 12, 31), &[NEW_YEAR]);
        assert_eq!(before.amended_by(&after), Ok(Vec::new()));
    }

    #[test]
    fn what_may_not_follow_is_refused_with_the_reason() {
        let before = calendar("t-1", YEAR_END, &[NEW_YEAR]);
        for (after, said) in [
            (calendar("t-1", YEAR_END, &[NEW_YEAR, KURBAN]), "is t-1 already"),
            (calendar("t-2", date(2026, 12, 30), &[NEW_YEAR]), "covers 2026-01-01..2026-12-30"),
            (calendar("t-2", YEAR_END, &[NEW_YEAR]), "nothing but its version"),
        ] {
            let error = before.amended_by(&after).unwrap_err().to_string();
            assert!(error.contains(said) && error.contains(';'), "{error}");
        }
    }
}
