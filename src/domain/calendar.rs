//! The working-day calendar: which civil days the State works on, and how to
//! count them.
//!
//! Most terms of the procedures run in working days, and a calendar decides
//! whether a party is late. So a calendar is a checked value with a version:
//! every due date names the version it was counted on, and a day outside the
//! covered range is an error, never a guess. Counting is two array reads,
//! because a bus that comes back after an outage recounts every open term.
//!
//! The module knows civil days only: no clock, no zone, no file format.

use std::fmt;
use std::sync::Arc;

use jiff::Span;
use jiff::civil::Date;
use thiserror::Error;

pub use self::amendment::{AmendmentError, DayChange};
pub use self::day::{Certainty, Day, DayKind, DayName, ListedDay, ListedKind};

mod amendment;
mod day;

/// A number of working days: never mixed with [`CalendarDays`], which run
/// through weekends.
///
/// [`CalendarDays`]: super::term::CalendarDays
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WorkingDays(pub u16);

impl fmt::Display for WorkingDays {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plural = if self.0 == 1 { "" } else { "s" };
        write!(f, "{} working day{plural}", self.0)
    }
}

/// The name of one revision of a calendar, such as `kz-2026.1`. It is kept with
/// every due date, because the Government moves days off during the year and
/// the same term counted on another revision can end elsewhere.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CalendarVersion(Arc<str>);

impl CalendarVersion {
    /// The longest version in bytes.
    pub const MAX_LEN: usize = 32;

    /// Reads a version: 1 to [`Self::MAX_LEN`] of `a-z`, `0-9`, `-` and `.`.
    ///
    /// # Errors
    /// [`CalendarError::VersionInvalid`] for anything else.
    pub fn parse(text: &str) -> Result<Self, CalendarError> {
        let allowed = |b: u8| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.');
        if text.is_empty() || text.len() > Self::MAX_LEN || !text.bytes().all(allowed) {
            return Err(CalendarError::VersionInvalid);
        }
        Ok(Self(text.into()))
    }

    /// The version as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for CalendarVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Why a calendar could not be built, or could not answer.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum CalendarError {
    /// The day lies outside the covered range. A newer calendar may cover it.
    #[error("{date} is outside the calendar, which covers {first}..{last}")]
    OutOfRange {
        /// The day asked for.
        date: Date,
        /// First covered day.
        first: Date,
        /// Last covered day.
        last: Date,
    },
    /// Counting from a covered day ran past the end of the covered range.
    #[error("{days} after {from} end outside the calendar, which covers {first}..{last}")]
    RunsOut {
        /// Where counting began.
        from: Date,
        /// How much was to be counted.
        days: WorkingDays,
        /// First covered day.
        first: Date,
        /// Last covered day.
        last: Date,
    },
    /// No working day is left between the day and the edge of the range.
    #[error("no working day beside {date} inside the calendar, which covers {first}..{last}")]
    NoWorkingDay {
        /// The day asked for.
        date: Date,
        /// First covered day.
        first: Date,
        /// Last covered day.
        last: Date,
    },
    /// The version has a form that [`CalendarVersion::parse`] refuses.
    #[error("a calendar version is 1 to 32 of a-z, 0-9, '-' and '.'; write one such as kz-2026.1")]
    VersionInvalid,
    /// The range is empty or longer than a calendar can hold.
    #[error("{first}..{last} is not a range of 1 to 65535 days; put the earlier day first")]
    RangeInvalid {
        /// First day of the refused range.
        first: Date,
        /// Last day of the refused range.
        last: Date,
    },
    /// A listed day is outside the range that the calendar claims to cover.
    #[error(
        "{date} is listed, but the calendar covers {first}..{last}; widen the range or drop it"
    )]
    ListedOutside {
        /// The listed day.
        date: Date,
        /// First covered day.
        first: Date,
        /// Last covered day.
        last: Date,
    },
    /// A day is listed twice with the same effect.
    #[error("{date} is listed twice; keep one row for a day")]
    ListedTwice {
        /// The listed day.
        date: Date,
    },
    /// A day is listed both as a working day and as a day off.
    #[error("{date} is listed as working and as off; keep the row that is in force")]
    Contradiction {
        /// The listed day.
        date: Date,
    },
    /// A day is listed after a later one.
    #[error("{date} is listed after {after}; put the days in order")]
    Unordered {
        /// The listed day.
        date: Date,
        /// The later day listed before it.
        after: Date,
    },
}

/// Collects listed days in order, refusing each bad one as it comes so that a
/// reader of a file can name the line.
#[derive(Debug)]
pub struct CalendarBuilder {
    version: CalendarVersion,
    first: Date,
    last: Date,
    listed: Vec<ListedDay>,
}

impl CalendarBuilder {
    /// Begins a calendar for `first..=last`.
    ///
    /// # Errors
    /// [`CalendarError::RangeInvalid`] unless the range has 1 to 65535 days.
    pub fn new(version: CalendarVersion, first: Date, last: Date) -> Result<Self, CalendarError> {
        let days = days_from(first, last);
        if !(0..i64::from(u16::MAX)).contains(&days) {
            return Err(CalendarError::RangeInvalid { first, last });
        }
        let listed = Vec::new();
        Ok(Self { version, first, last, listed })
    }

    /// Adds the next listed day.
    ///
    /// # Errors
    /// [`CalendarError::ListedOutside`], [`CalendarError::ListedTwice`],
    /// [`CalendarError::Contradiction`] or [`CalendarError::Unordered`]; the
    /// builder is then as before.
    pub fn list(&mut self, day: ListedDay) -> Result<(), CalendarError> {
        let (date, first, last) = (day.date, self.first, self.last);
        if !(first..=last).contains(&date) {
            return Err(CalendarError::ListedOutside { date, first, last });
        }
        // A repeated day is reported as such even when it is also out of place,
        // because the repetition is the mistake to mend.
        let same = self.listed.binary_search_by_key(&date, |d| d.date);
        if let Ok(at) = same {
            let works = |kind: ListedKind| DayKind::from(kind).is_working();
            return Err(if works(self.listed[at].kind) == works(day.kind) {
                CalendarError::ListedTwice { date }
            } else {
                CalendarError::Contradiction { date }
            });
        }
        if let Some(before) = self.listed.last()
            && before.date > date
        {
            let after = before.date;
            return Err(CalendarError::Unordered { date, after });
        }
        self.listed.push(day);
        Ok(())
    }

    /// Ranks the days. Nothing can fail here: every row was checked.
    #[must_use]
    pub fn build(self) -> Calendar {
        let covered = self.first.series(Span::new().days(1));
        let mut listed = self.listed.iter().peekable();
        let mut kinds = Vec::new();
        let mut working = Vec::new();
        let mut working_through = Vec::new();
        // The length of the range fits u16, so the number of working days does.
        let mut rank: u16 = 0;
        for date in covered.take_while(|date| *date <= self.last) {
            let kind = match listed.next_if(|day| day.date == date) {
                Some(day) => day.kind.into(),
                None => DayKind::of_weekday(date),
            };
            if kind.is_working() {
                rank += 1;
                working.push(date);
            }
            kinds.push(kind);
            working_through.push(rank);
        }
        let estimated = self.listed.iter();
        let estimated = estimated.filter(|day| day.certainty == Certainty::Estimated);
        Calendar {
            version: self.version,
            first: self.first,
            last: self.last,
            kinds: kinds.into(),
            working: working.into(),
            working_through: working_through.into(),
            estimated: estimated.map(|day| day.date).collect(),
            listed: self.listed.into(),
        }
    }
}

/// A checked working-day calendar over a closed range of civil days.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Calendar {
    version: CalendarVersion,
    first: Date,
    last: Date,
    /// One per covered day, in order.
    kinds: Box<[DayKind]>,
    /// Every working day, in order.
    working: Box<[Date]>,
    /// For each covered day the number of working days up to and with it. Hence
    /// `working[working_through[i]]` is the first working day after day `i`.
    working_through: Box<[u16]>,
    /// The days whose certainty is [`Certainty::Estimated`], in order.
    estimated: Box<[Date]>,
    /// In order of date, no date twice, all inside the range.
    listed: Box<[ListedDay]>,
}

impl Calendar {
    /// The revision of this calendar.
    #[must_use]
    pub fn version(&self) -> &CalendarVersion {
        &self.version
    }

    /// The first covered day.
    #[must_use]
    pub fn first(&self) -> Date {
        self.first
    }

    /// The last covered day.
    #[must_use]
    pub fn last(&self) -> Date {
        self.last
    }

    /// The listed days in order of date.
    #[must_use]
    pub fn listed(&self) -> &[ListedDay] {
        &self.listed
    }

    /// What `date` is, with its name where it has one.
    ///
    /// # Errors
    /// [`CalendarError::OutOfRange`].
    pub fn day(&self, date: Date) -> Result<Day<'_>, CalendarError> {
        let kind = self.kinds[self.index(date)?];
        let at = self.listed.binary_search_by_key(&date, |d| d.date).ok();
        let listed = at.map(|at| &self.listed[at]);
        Ok(Day { date, kind, listed })
    }

    /// Whether `date` counts in a term of working days.
    ///
    /// # Errors
    /// [`CalendarError::OutOfRange`].
    pub fn is_working(&self, date: Date) -> Result<bool, CalendarError> {
        Ok(self.kinds[self.index(date)?].is_working())
    }

    /// The `n`-th working day after `from`; `from` itself is not counted,
    /// whether it works or not. With `n` = 0 it is the first working day on or
    /// after `from`, so the answer is always a working day and never falls as
    /// `from` or `n` grows. Constant time.
    ///
    /// # Errors
    /// [`CalendarError::OutOfRange`] for `from`, [`CalendarError::RunsOut`]
    /// where the count leaves the covered range.
    pub fn add_working_days(&self, from: Date, n: WorkingDays) -> Result<Date, CalendarError> {
        if n.0 == 0 {
            return self.next_working_day_on_or_after(from);
        }
        let passed = usize::from(self.working_through[self.index(from)?]);
        let nth = self.working.get(passed + usize::from(n.0) - 1);
        nth.copied().ok_or(CalendarError::RunsOut {
            from,
            days: n,
            first: self.first,
            last: self.last,
        })
    }

    /// How many working days lie after `after`, up to and with `through`; zero
    /// where `through` is not later. The inverse of
    /// [`Self::add_working_days`]. Constant time.
    ///
    /// # Errors
    /// [`CalendarError::OutOfRange`] for either day.
    pub fn working_days_between(
        &self,
        after: Date,
        through: Date,
    ) -> Result<WorkingDays, CalendarError> {
        let before = self.working_through[self.index(after)?];
        let upto = self.working_through[self.index(through)?];
        Ok(WorkingDays(upto.saturating_sub(before)))
    }

    /// `date` itself if it is a working day, else the first one after it.
    ///
    /// # Errors
    /// [`CalendarError::OutOfRange`]; [`CalendarError::NoWorkingDay`] at the
    /// end of the covered range.
    pub fn next_working_day_on_or_after(&self, date: Date) -> Result<Date, CalendarError> {
        let index = self.index(date)?;
        if self.kinds[index].is_working() {
            return Ok(date);
        }
        let next = self.working.get(usize::from(self.working_through[index]));
        next.copied().ok_or_else(|| self.no_working_day(date))
    }

    /// `date` itself if it is a working day, else the last one before it.
    ///
    /// # Errors
    /// [`CalendarError::OutOfRange`]; [`CalendarError::NoWorkingDay`] at the
    /// beginning of the covered range.
    pub fn previous_working_day_on_or_before(&self, date: Date) -> Result<Date, CalendarError> {
        let passed = usize::from(self.working_through[self.index(date)?]);
        let last = passed.checked_sub(1).map(|at| self.working[at]);
        last.ok_or_else(|| self.no_working_day(date))
    }

    /// Whether an estimated day lies in `first..=last`. A count over such a
    /// span may change once the day is announced.
    #[must_use]
    pub fn has_estimated(&self, first: Date, last: Date) -> bool {
        let at = self.estimated.partition_point(|day| *day < first);
        self.estimated.get(at).is_some_and(|day| *day <= last)
    }

    fn index(&self, date: Date) -> Result<usize, CalendarError> {
        let at = usize::try_from(days_from(self.first, date)).ok();
        let covered = at.filter(|at| *at < self.kinds.len());
        covered.ok_or(CalendarError::OutOfRange { date, first: self.first, last: self.last })
    }

    fn no_working_day(&self, date: Date) -> CalendarError {
        let (first, last) = (self.first, self.last);
        CalendarError::NoWorkingDay { date, first, last }
    }
}

/// Days from `first` to `date`, negative if `date` is earlier. Civil days have
/// no clock changes, so the division leaves nothing over.
fn days_from(first: Date, date: Date) -> i64 {
    date.duration_since(first).as_hours() / 24
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;
    use proptest::prelude::*;

    const DAYS: i32 = 400;

    fn begin() -> Date {
        date(2024, 12, 1)
    }

    fn day_after(days: i32) -> Date {
        begin().checked_add(Span::new().days(days)).unwrap()
    }

    fn listed(date: Date, kind: ListedKind) -> ListedDay {
        let (en, kk) = (Arc::from("Synthetic day"), Arc::from(""));
        ListedDay { date, kind, certainty: Certainty::Fixed, name: DayName { en, kk } }
    }

    fn builder() -> CalendarBuilder {
        let version = CalendarVersion::parse("test-1").unwrap();
        CalendarBuilder::new(version, begin(), day_after(DAYS - 1)).unwrap()
    }

    fn calendar(days: impl IntoIterator<Item = (i32, ListedKind)>) -> Calendar {
        let mut builder = builder();
        for (at, kind) in days {
            builder.list(listed(day_after(at), kind)).unwrap();
        }
        builder.build()
    }

    fn any_kind() -> impl Strategy<Value = ListedKind> {
        prop_oneof![
            Just(ListedKind::Holiday),
            Just(ListedKind::Observed),
            Just(ListedKind::MovedOff),
            Just(ListedKind::WorkingWeekend),
        ]
    }

    fn any_days() -> impl Strategy<Value = std::collections::BTreeMap<i32, ListedKind>> {
        prop::collection::btree_map(0..DAYS, any_kind(), 0..60)
    }

    fn works(days: &std::collections::BTreeMap<i32, ListedKind>, at: i32) -> bool {
        match days.get(&at) {
            Some(kind) => *kind == ListedKind::WorkingWeekend,
            // The first day of the test range is a Sunday.
            None => !matches!(at % 7, 0 | 6),
        }
    }

    /// The n-th working day after `from` by walking day by day.
    fn walk(days: &std::collections::BTreeMap<i32, ListedKind>, from: i32, n: u16) -> Option<Date> {
        let mut working = (from + 1..DAYS).filter(|at| works(days, *at));
        working.nth(usize::from(n) - 1).map(day_after)
    }

    proptest! {
        #[test]
        fn counting_equals_a_walk_day_by_day(days in any_days(), from in 0..DAYS, n in 1u16..320) {
            let calendar = calendar(days.clone());
            let got = calendar.add_working_days(day_after(from), WorkingDays(n));
            prop_assert_eq!(got.clone().ok(), walk(&days, from, n));
            if let Ok(end) = got {
                prop_assert!(calendar.is_working(end).unwrap());
                let back = calendar.working_days_between(day_after(from), end);
                prop_assert_eq!(back, Ok(WorkingDays(n)));
            }
        }

        #[test]
        fn counting_never_falls_as_start_or_length_grows(
            days in any_days(), from in 0..DAYS - 1, n in 0u16..200,
        ) {
            let calendar = calendar(days);
            let add = |from, n| calendar.add_working_days(day_after(from), WorkingDays(n));
            if let (Ok(end), Ok(later)) = (add(from, n), add(from + 1, n)) {
                prop_assert!(end <= later);
            }
            if let (Ok(end), Ok(longer)) = (add(from, n), add(from, n + 1)) {
                prop_assert!(end <= longer);
                prop_assert!(n == 0 || end < longer);
            }
        }

        #[test]
        fn the_nearest_working_days_enclose_only_days_off(days in any_days(), at in 0..DAYS) {
            let calendar = calendar(days.clone());
            let next = (at..DAYS).find(|at| works(&days, *at)).map(day_after);
            let back = (0..=at).rfind(|at| works(&days, *at)).map(day_after);
            let day = day_after(at);
            prop_assert_eq!(calendar.next_working_day_on_or_after(day).ok(), next);
            prop_assert_eq!(calendar.previous_working_day_on_or_before(day).ok(), back);
            prop_assert_eq!(calendar.is_working(day), Ok(works(&days, at)));
        }
    }

    #[test]
    fn a_day_outside_names_the_covered_range() {
        let calendar = calendar([]);
        let (first, last) = (calendar.first(), calendar.last());
        for date in [date(2024, 11, 30), date(2026, 1, 5), Date::MIN, Date::MAX] {
            let error = CalendarError::OutOfRange { date, first, last };
            assert_eq!(calendar.is_working(date), Err(error.clone()));
            assert_eq!(calendar.day(date), Err(error.clone()));
            let count = calendar.add_working_days(date, WorkingDays(1));
            assert_eq!(count, Err(error.clone()));
            let between = calendar.working_days_between(first, date);
            assert_eq!(between, Err(error.clone()));
            let said = error.to_string();
            assert!(said.contains("2024-12-01..2026-01-04"), "{said}");
        }
    }

    #[test]
    fn a_count_past_the_end_names_its_start_and_length() {
        let calendar = calendar([]);
        let (from, days) = (date(2026, 1, 1), WorkingDays(2));
        let error =
            CalendarError::RunsOut { from, days, first: calendar.first(), last: calendar.last() };
        assert_eq!(calendar.add_working_days(from, days), Err(error));
        let longest = calendar.add_working_days(from, WorkingDays(u16::MAX));
        assert!(matches!(longest, Err(CalendarError::RunsOut { .. })));
    }

    #[test]
    fn the_edges_of_the_range_have_no_working_day_beyond() {
        // The range begins on a Sunday and ends on one.
        let calendar = calendar([]);
        let before = calendar.previous_working_day_on_or_before(calendar.first());
        assert!(matches!(before, Err(CalendarError::NoWorkingDay { .. })));
        let after = calendar.next_working_day_on_or_after(calendar.last());
        assert!(matches!(after, Err(CalendarError::NoWorkingDay { .. })));
    }

    #[test]
    fn a_listed_day_keeps_its_name_and_kind() {
        let calendar = calendar([(3, ListedKind::Observed), (6, ListedKind::WorkingWeekend)]);
        let day = calendar.day(day_after(3)).unwrap();
        assert_eq!(day.kind, DayKind::Observed);
        let name = day.listed.map(|listed| &*listed.name.en);
        assert_eq!(name, Some("Synthetic day"));
        let saturday = calendar.day(day_after(6)).unwrap();
        assert_eq!(saturday.kind, DayKind::WorkingWeekend);
        assert_eq!(calendar.day(day_after(4)).unwrap().listed, None);
        assert_eq!(calendar.listed().len(), 2);
    }

    #[test]
    fn a_repeated_day_is_refused() {
        let mut builder = builder();
        let date = day_after(9);
        builder.list(listed(date, ListedKind::Holiday)).unwrap();
        let twice = builder.list(listed(date, ListedKind::Observed));
        assert_eq!(twice, Err(CalendarError::ListedTwice { date }));
        let both = builder.list(listed(date, ListedKind::WorkingWeekend));
        assert_eq!(both, Err(CalendarError::Contradiction { date }));
    }

    #[test]
    fn a_day_out_of_order_or_range_is_refused() {
        let mut builder = builder();
        let after = day_after(9);
        builder.list(listed(after, ListedKind::Holiday)).unwrap();
        let date = day_after(8);
        let unordered = builder.list(listed(date, ListedKind::Holiday));
        assert_eq!(unordered, Err(CalendarError::Unordered { date, after }));
        let outside = builder.list(listed(day_after(DAYS), ListedKind::Holiday));
        assert!(matches!(outside, Err(CalendarError::ListedOutside { .. })));
    }

    #[test]
    fn an_empty_or_endless_range_is_refused() {
        let version = CalendarVersion::parse("test-1").unwrap();
        let new = |first, last| CalendarBuilder::new(version.clone(), first, last).map(|_| ());
        let (first, last) = (date(2025, 1, 2), date(2025, 1, 1));
        assert_eq!(new(first, last), Err(CalendarError::RangeInvalid { first, last }));
        assert!(new(date(2025, 1, 1), date(2300, 1, 1)).is_err());
        assert_eq!(new(first, first), Ok(()));
    }

    #[test]
    fn a_version_is_short_and_plain() {
        assert_eq!(CalendarVersion::parse("kz-2026.1").unwrap().as_str(), "kz-2026.1");
        for text in ["", "KZ-2026", "kz 2026", "kz/2026", &"a".repeat(33)] {
            let error = Err(CalendarError::VersionInvalid);
            assert_eq!(CalendarVersion::parse(text), error, "{text:?}");
        }
    }

    #[test]
    fn an_estimate_is_seen_at_both_edges_of_a_span() {
        let mut builder = builder();
        let mut day = listed(day_after(20), ListedKind::Holiday);
        day.certainty = Certainty::Estimated;
        builder.list(day).unwrap();
        let calendar = builder.build();
        let seen = |a, b| calendar.has_estimated(day_after(a), day_after(b));
        assert!(seen(20, 25) && seen(10, 20) && seen(20, 20));
        assert!(!seen(10, 19) && !seen(21, 40));
    }
}
