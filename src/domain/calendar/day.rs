//! What one civil day can be. Kept apart from the counting, because files,
//! explanations and tables name days without ever counting them.

use std::sync::Arc;

use jiff::civil::{Date, Weekday};

/// What a civil day is in the calendar.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DayKind {
    /// Monday to Friday, and nothing is listed for it.
    Working,
    /// Saturday or Sunday, and nothing is listed for it.
    Weekend,
    /// A public holiday, whatever its weekday.
    Holiday,
    /// A day off in place of a holiday that fell on a weekend.
    Observed,
    /// A working day that the Government turned into a day off.
    MovedOff,
    /// A day off that the Government turned into a working day, in exchange for
    /// a [`DayKind::MovedOff`]. Nearly always a Saturday or a Sunday; on
    /// 2020-05-11 it was a Monday that would have been an observed day off.
    WorkingWeekend,
}

impl DayKind {
    /// What a day is by its weekday alone, where nothing is listed.
    #[must_use]
    pub fn of_weekday(date: Date) -> Self {
        match date.weekday() {
            Weekday::Saturday | Weekday::Sunday => Self::Weekend,
            Weekday::Monday
            | Weekday::Tuesday
            | Weekday::Wednesday
            | Weekday::Thursday
            | Weekday::Friday => Self::Working,
        }
    }

    /// Whether the day counts in a term of working days.
    #[must_use]
    pub fn is_working(self) -> bool {
        match self {
            Self::Working | Self::WorkingWeekend => true,
            Self::Weekend | Self::Holiday | Self::Observed | Self::MovedOff => false,
        }
    }

    /// The word for a day of this kind in explanations and tables.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Working => "working day",
            Self::Weekend => "weekend",
            Self::Holiday => "holiday",
            Self::Observed => "observed day off",
            Self::MovedOff => "moved day off",
            Self::WorkingWeekend => "working weekend",
        }
    }
}

/// The kinds that have to be listed, because the weekday does not tell them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ListedKind {
    /// See [`DayKind::Holiday`].
    Holiday,
    /// See [`DayKind::Observed`].
    Observed,
    /// See [`DayKind::MovedOff`].
    MovedOff,
    /// See [`DayKind::WorkingWeekend`].
    WorkingWeekend,
}

impl From<ListedKind> for DayKind {
    fn from(kind: ListedKind) -> Self {
        match kind {
            ListedKind::Holiday => Self::Holiday,
            ListedKind::Observed => Self::Observed,
            ListedKind::MovedOff => Self::MovedOff,
            ListedKind::WorkingWeekend => Self::WorkingWeekend,
        }
    }
}

/// How sure a listed day is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Certainty {
    /// Set by law or by a decision of the Government.
    Fixed,
    /// Reckoned ahead, as the first day of Kurban Ait is until the Spiritual
    /// Administration announces it; it may prove to be a neighbouring day.
    Estimated,
}

/// The name of a listed day.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct DayName {
    /// In English; never empty in a calendar read from a file.
    pub en: Arc<str>,
    /// In Kazakh; empty where the source gives none (working weekends).
    pub kk: Arc<str>,
}

/// One day that differs from what its weekday says, or has a name.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ListedDay {
    /// The civil day in Kazakhstan.
    pub date: Date,
    /// What the day is.
    pub kind: ListedKind,
    /// How sure that is.
    pub certainty: Certainty,
    /// What it is called.
    pub name: DayName,
}

/// One covered day with what is listed for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Day<'c> {
    /// The civil day.
    pub date: Date,
    /// What it is.
    pub kind: DayKind,
    /// The listing, if there is one; `None` exactly for [`DayKind::Working`]
    /// and [`DayKind::Weekend`].
    pub listed: Option<&'c ListedDay>,
}

impl Day<'_> {
    /// Whether the day is only reckoned ahead so far.
    #[must_use]
    pub fn is_estimated(&self) -> bool {
        self.listed.is_some_and(|day| day.certainty == Certainty::Estimated)
    }
}
