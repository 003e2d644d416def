//! Reads a working-day calendar from its file, and writes one.
//!
//! The calendar is data, because the Government decides days off every year
//! and a release must not be needed to read them. A calendar decides who is
//! late, so the file is refused whole at its first doubtful row, with the line,
//! the field, the rule and what to do.
//!
//! The format, one row a day after the head:
//!
//! ```text
//! # format: kopir-calendar/1
//! # calendar: kz-2026.1
//! # covers: 2016-01-01..2030-12-31
//! date,weekday,kind,certainty,name_en,name_kk
//! 2025-01-03,Fri,day_off_moved,fixed,Day off (moved from 2025-01-05),...
//! ```
//!
//! Further lines that begin with `#` are comments. The weekday is redundant on
//! purpose: it catches a date with a slip of a digit. Fields hold no commas.
//!
//! [`ics`] takes days over from an iCalendar file.

use std::fmt;

use jiff::civil::{Date, Weekday};
use thiserror::Error;

use crate::domain::calendar::{
    Calendar, CalendarBuilder, CalendarError, CalendarVersion, Certainty, DayName, ListedDay,
    ListedKind,
};

pub use self::write::write;

pub mod ics;
mod write;

/// The longest file in bytes, thirty times that of the carried calendar.
pub const FILE_BYTES_MAX: u64 = 1 << 20;

const KAZAKHSTAN: &str = include_str!("calendar-kz.csv");
const FORMAT: &str = "kopir-calendar/1";
const COLUMNS: &str = "date,weekday,kind,certainty,name_en,name_kk";
/// The longest name in bytes: it is shown in tables and stored with due dates.
const NAME_MAX: usize = 200;

/// A place in the file: a line of its head or a column of its rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Field {
    /// The first line, `# format: ...`.
    Format,
    /// The second line, `# calendar: ...`.
    Calendar,
    /// The third line, `# covers: ...`.
    Covers,
    /// The line that names the columns.
    Columns,
    /// The whole row.
    Row,
    /// Column 1.
    Date,
    /// Column 2.
    Weekday,
    /// Column 3.
    Kind,
    /// Column 4.
    Certainty,
    /// Column 5.
    NameEn,
    /// Column 6.
    NameKk,
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Format => "format",
            Self::Calendar => "calendar",
            Self::Covers => "covers",
            Self::Columns => "columns",
            Self::Row => "row",
            Self::Date => "date",
            Self::Weekday => "weekday",
            Self::Kind => "kind",
            Self::Certainty => "certainty",
            Self::NameEn => "name_en",
            Self::NameKk => "name_kk",
        })
    }
}

/// Why a calendar file was refused. Every message names the line (counted from
/// one), the field, the rule and the remedy. Reading again helps only after the
/// file is mended.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum CalendarFileError {
    /// A line of the head is missing or stands elsewhere.
    #[error("line {line}, {field}: the head is incomplete; write `{wanted}` on this line")]
    Head {
        /// Where it should stand.
        line: usize,
        /// Which one.
        field: Field,
        /// The line as it should look.
        wanted: &'static str,
    },
    /// The file is of another format version.
    #[error("line {line}, format: {found:?} is not `kopir-calendar/1`; convert the file")]
    Format {
        /// The line.
        line: usize,
        /// The format named there.
        found: String,
    },
    /// A field does not hold one of the values it may hold.
    #[error("line {line}, {field}: {found:?} is not allowed; write {allowed}")]
    Value {
        /// The line.
        line: usize,
        /// The field.
        field: Field,
        /// What stands there.
        found: String,
        /// What may stand there.
        allowed: &'static str,
    },
    /// A row has too few or too many fields.
    #[error(
        "line {line}, row: {found} fields instead of 6; give one row of `{COLUMNS}`, no commas inside"
    )]
    Fields {
        /// The line.
        line: usize,
        /// How many were found.
        found: usize,
    },
    /// The weekday is not that of the date.
    #[error(
        "line {line}, weekday: {date} is a {actual}, not {found:?}; correct the date or the weekday"
    )]
    Weekday {
        /// The line.
        line: usize,
        /// The date in the row.
        date: Date,
        /// Its weekday.
        actual: &'static str,
        /// What the row says.
        found: String,
    },
    /// A rule of the calendar itself is broken: an outside, repeated,
    /// contradictory or unordered day, a bad version or range.
    #[error("line {line}, {field}: {rule}")]
    Rule {
        /// The line.
        line: usize,
        /// The field.
        field: Field,
        /// The rule with its remedy.
        #[source]
        rule: CalendarError,
    },
}

/// The calendar of Kazakhstan that this binary carries.
///
/// # Errors
/// As [`parse`]; a test holds the carried file to be good, so an error means a
/// damaged build.
pub fn kazakhstan() -> Result<Calendar, CalendarFileError> {
    parse(KAZAKHSTAN)
}

/// Reads a calendar from the text of a file, for an operator who gives a newer
/// one than the binary carries.
///
/// # Errors
/// [`CalendarFileError`] for the first line that breaks a rule.
pub fn parse(text: &str) -> Result<Calendar, CalendarFileError> {
    let mut lines = (1..).zip(text.lines());
    let mut calendar = head(&mut lines)?;
    let mut rows = lines.filter(|(_, text)| !text.starts_with('#'));
    let columns = rows.next();
    if columns.is_none_or(|(_, text)| text != COLUMNS) {
        return Err(CalendarFileError::Head {
            line: columns.map_or(4, |(line, _)| line),
            field: Field::Columns,
            wanted: COLUMNS,
        });
    }
    for (line, text) in rows {
        let field = Field::Date;
        let day = row(line, text)?;
        calendar.list(day).map_err(|rule| CalendarFileError::Rule { line, field, rule })?;
    }
    Ok(calendar.build())
}

fn head<'t>(
    lines: &mut impl Iterator<Item = (usize, &'t str)>,
) -> Result<CalendarBuilder, CalendarFileError> {
    let mut value = |line, field, wanted, key| {
        let found = lines.next().and_then(|(_, text)| text.strip_prefix(key));
        found.ok_or(CalendarFileError::Head { line, field, wanted })
    };
    let format = value(1, Field::Format, "# format: kopir-calendar/1", "# format: ")?;
    if format != FORMAT {
        let found = shown(format);
        return Err(CalendarFileError::Format { line: 1, found });
    }
    let version = value(2, Field::Calendar, "# calendar: kz-2026.1", "# calendar: ")?;
    let version = CalendarVersion::parse(version).map_err(|rule| CalendarFileError::Rule {
        line: 2,
        field: Field::Calendar,
        rule,
    })?;
    let wanted = "# covers: 2016-01-01..2030-12-31";
    let covers = value(3, Field::Covers, wanted, "# covers: ")?;
    let (line, field) = (3, Field::Covers);
    let range = covers.split_once("..");
    let Some((first, last)) = range.and_then(|(a, b)| Some((civil_day(a)?, civil_day(b)?))) else {
        let allowed = "two days such as 2016-01-01..2030-12-31";
        return Err(not_allowed(line, field, covers, allowed));
    };
    CalendarBuilder::new(version, first, last).map_err(|rule| CalendarFileError::Rule {
        line,
        field,
        rule,
    })
}

fn row(line: usize, text: &str) -> Result<ListedDay, CalendarFileError> {
    let fields: Vec<&str> = text.split(',').collect();
    let &[date, weekday, kind, certainty, en, kk] = fields.as_slice() else {
        let found = fields.len();
        return Err(CalendarFileError::Fields { line, found });
    };
    let Some(date) = civil_day(date) else {
        let allowed = "a day such as 2025-01-03";
        return Err(not_allowed(line, Field::Date, date, allowed));
    };
    let actual = weekday_word(date.weekday());
    if weekday != actual {
        return Err(CalendarFileError::Weekday { line, date, actual, found: shown(weekday) });
    }
    let Some(kind) = kind_of(kind) else {
        return Err(not_allowed(line, Field::Kind, kind, KINDS));
    };
    let certainty = match certainty {
        "fixed" => Certainty::Fixed,
        "estimated" => Certainty::Estimated,
        other => {
            let allowed = "fixed or estimated";
            return Err(not_allowed(line, Field::Certainty, other, allowed));
        }
    };
    let name = DayName {
        en: name(line, Field::NameEn, en)?.into(),
        kk: name(line, Field::NameKk, kk)?.into(),
    };
    Ok(ListedDay { date, kind, certainty, name })
}

const KINDS: &str = "holiday, observed, day_off_moved or working_weekend";

fn kind_of(word: &str) -> Option<ListedKind> {
    use ListedKind as K;
    let kinds = [K::Holiday, K::Observed, K::MovedOff, K::WorkingWeekend];
    kinds.into_iter().find(|kind| kind_word(*kind) == word)
}

/// The word of the format for a kind.
#[must_use]
pub fn kind_word(kind: ListedKind) -> &'static str {
    match kind {
        ListedKind::Holiday => "holiday",
        ListedKind::Observed => "observed",
        ListedKind::MovedOff => "day_off_moved",
        ListedKind::WorkingWeekend => "working_weekend",
    }
}

/// The word of the format for a certainty.
#[must_use]
pub fn certainty_word(certainty: Certainty) -> &'static str {
    match certainty {
        Certainty::Fixed => "fixed",
        Certainty::Estimated => "estimated",
    }
}

fn name(line: usize, field: Field, text: &str) -> Result<&str, CalendarFileError> {
    match name_rule(field, text) {
        Some(allowed) => Err(not_allowed(line, field, text, allowed)),
        None => Ok(text),
    }
}

/// What a name should be that may not stand in a row.
fn name_rule(field: Field, text: &str) -> Option<&'static str> {
    if field == Field::NameEn && text.is_empty() {
        return Some("the day's name in English");
    }
    let foreign = |c: char| c.is_control() || c == ',';
    (text.len() > NAME_MAX || text.contains(foreign) || text.trim() != text)
        .then_some("up to 200 bytes without commas, control characters or outer spaces")
}

/// Reads `YYYY-MM-DD` and nothing else: the library's reader also takes a time
/// after the date, or a sign before the year.
fn civil_day(text: &str) -> Option<Date> {
    let date: Date = text.parse().ok()?;
    (date.to_string() == text).then_some(date)
}

/// The word of the format for a weekday.
#[must_use]
pub fn weekday_word(weekday: Weekday) -> &'static str {
    match weekday {
        Weekday::Monday => "Mon",
        Weekday::Tuesday => "Tue",
        Weekday::Wednesday => "Wed",
        Weekday::Thursday => "Thu",
        Weekday::Friday => "Fri",
        Weekday::Saturday => "Sat",
        Weekday::Sunday => "Sun",
    }
}

fn not_allowed(line: usize, field: Field, found: &str, allowed: &'static str) -> CalendarFileError {
    CalendarFileError::Value { line, field, found: shown(found), allowed }
}

/// The beginning of a wrong value: enough to find it, not a whole binary file.
fn shown(found: &str) -> String {
    found.chars().take(40).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::calendar::{DayKind, WorkingDays};
    use jiff::civil::date;

    const HEAD: &str = "# format: kopir-calendar/1\n# calendar: t-1\n\
                        # covers: 2025-01-01..2025-12-31\n# a comment\n";

    fn with(rows: &str) -> Result<Calendar, CalendarFileError> {
        parse(&format!("{HEAD}{COLUMNS}\n{rows}"))
    }

    /// The message of a refusal, which must name the line and the field.
    fn refused(rows: &str, line: usize, field: &str) -> String {
        let said = with(rows).unwrap_err().to_string();
        let place = format!("line {line}, {field}: ");
        assert!(said.starts_with(&place), "{said}");
        assert!(said.contains(';'), "no remedy: {said}");
        said
    }

    #[test]
    fn the_carried_calendar_is_whole() {
        let calendar = kazakhstan().unwrap();
        assert_eq!(calendar.version().as_str(), "kz-2026.1");
        assert_eq!(calendar.first(), date(2016, 1, 1));
        assert_eq!(calendar.last(), date(2030, 12, 31));
        assert_eq!(calendar.listed().len(), 320);
    }

    #[test]
    fn every_day_off_moved_is_worked_off_in_the_same_year() {
        let calendar = kazakhstan().unwrap();
        for year in 2016..=2030 {
            let count = |kind| {
                let listed = calendar.listed().iter();
                listed.filter(|d| d.date.year() == year && d.kind == kind).count()
            };
            let (off, on) = (ListedKind::MovedOff, ListedKind::WorkingWeekend);
            assert_eq!(count(off), count(on), "{year}");
        }
    }

    #[test]
    fn the_carried_calendar_counts_like_a_walk_from_every_day() {
        let calendar = kazakhstan().unwrap();
        let listed: std::collections::HashMap<Date, ListedKind> =
            calendar.listed().iter().map(|d| (d.date, d.kind)).collect();
        let works = |day: Date| match listed.get(&day) {
            Some(kind) => *kind == ListedKind::WorkingWeekend,
            None => !matches!(day.weekday(), Weekday::Saturday | Weekday::Sunday),
        };
        let mut from = calendar.first();
        while from < date(2030, 11, 1) {
            let (mut day, mut n) = (from, 0);
            while n < 31 {
                day = day.tomorrow().unwrap();
                if works(day) {
                    n += 1;
                    assert_eq!(calendar.add_working_days(from, WorkingDays(n)), Ok(day));
                }
            }
            from = from.tomorrow().unwrap();
        }
    }

    #[test]
    fn kurban_ait_ahead_is_an_estimate() {
        let calendar = kazakhstan().unwrap();
        let estimated = calendar.listed().iter();
        let estimated = estimated.filter(|d| d.certainty == Certainty::Estimated);
        let years: Vec<i16> = estimated.map(|d| d.date.year()).collect();
        assert_eq!(years, [2026, 2027, 2028, 2029, 2030]);
    }

    #[test]
    fn a_working_monday_may_be_listed() {
        let calendar = kazakhstan().unwrap();
        let day = calendar.day(date(2020, 5, 11)).unwrap();
        assert_eq!(day.kind, DayKind::WorkingWeekend);
    }

    #[test]
    fn comments_and_windows_line_ends_are_taken() {
        let text = format!("{HEAD}{COLUMNS}\n# note\n2025-01-01,Wed,holiday,fixed,A,\n");
        let calendar = parse(&text.replace('\n', "\r\n")).unwrap();
        assert_eq!(calendar.listed().len(), 1);
    }

    #[test]
    fn a_day_both_working_and_off_is_refused() {
        let rows = "2025-01-04,Sat,holiday,fixed,A,\n2025-01-04,Sat,working_weekend,fixed,B,\n";
        let said = refused(rows, 7, "date");
        assert!(said.contains("working and as off"), "{said}");
    }

    #[test]
    fn a_duplicate_is_refused() {
        let rows = "2025-01-01,Wed,holiday,fixed,A,\n2025-01-01,Wed,observed,fixed,B,\n";
        assert!(refused(rows, 7, "date").contains("listed twice"));
    }

    #[test]
    fn an_unordered_day_is_refused() {
        let rows = "2025-01-02,Thu,holiday,fixed,A,\n2025-01-01,Wed,holiday,fixed,B,\n";
        assert!(refused(rows, 7, "date").contains("listed after 2025-01-02"));
    }

    #[test]
    fn a_day_outside_the_range_is_refused() {
        let said = refused("2026-01-01,Thu,holiday,fixed,A,\n", 6, "date");
        assert!(said.contains("2025-01-01..2025-12-31"), "{said}");
    }

    #[test]
    fn a_wrong_field_is_refused_by_name() {
        let long = format!("2025-01-01,Wed,holiday,fixed,{},\n", "n".repeat(201));
        for (row, field) in [
            ("2025-01-01,Wed,festival,fixed,A,\n", "kind"),
            ("2025-01-01,Wed,Holiday,fixed,A,\n", "kind"),
            ("2025-01-01,Wed,holiday,likely,A,\n", "certainty"),
            ("2025-01-01,Thu,holiday,fixed,A,\n", "weekday"),
            ("2025-02-30,Sun,holiday,fixed,A,\n", "date"),
            ("2025-01-01T00:00,Wed,holiday,fixed,A,\n", "date"),
            ("2025-1-1,Wed,holiday,fixed,A,\n", "date"),
            ("2025-01-01,Wed,holiday,fixed,,\n", "name_en"),
            ("2025-01-01,Wed,holiday,fixed,A\u{7},\n", "name_en"),
            ("2025-01-01,Wed,holiday,fixed,A, B\n", "name_kk"),
            (&long, "name_en"),
            ("2025-01-01,Wed,holiday,fixed,A,B,C\n", "row"),
            ("2025-01-01,Wed,holiday\n", "row"),
            ("\n", "row"),
        ] {
            refused(row, 6, field);
        }
    }

    #[test]
    fn a_head_with_a_missing_or_wrong_line_is_refused() {
        let good = format!("{HEAD}{COLUMNS}\n");
        for (from, to, place) in [
            ("# format: kopir-calendar/1\n", "", "line 1, format: "),
            ("calendar/1", "calendar/2", "line 1, format: "),
            ("# calendar: t-1\n", "", "line 2, calendar: "),
            ("t-1", "T 1", "line 2, calendar: "),
            ("# covers:", "# range:", "line 3, covers: "),
            ("01..2025", "01 to 2025", "line 3, covers: "),
            ("2025-12-31", "2024-12-31", "line 3, covers: "),
            ("date,weekday", "weekday,date", "line 5, columns: "),
            (&format!("{COLUMNS}\n"), "", "line 4, columns: "),
        ] {
            let text = good.replacen(from, to, 1);
            assert_ne!(text, good);
            let said = parse(&text).unwrap_err().to_string();
            assert!(said.starts_with(place), "{said}");
        }
        assert!(parse("").is_err());
    }

    #[test]
    fn a_long_wrong_value_is_shown_short() {
        let said = refused(&format!("{},Wed,holiday,fixed,A,\n", "9".repeat(9000)), 6, "date");
        assert!(said.len() < 200, "{said}");
    }
}
