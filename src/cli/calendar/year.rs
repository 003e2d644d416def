//! A year of a calendar as months side by side, and as data.

use anyhow::anyhow;
use jiff::Span;
use jiff::civil::Date;
use serde::Serialize;

use super::DayView;
use crate::domain::calendar::{Calendar, Day, DayKind};

/// Months beside each other; three of 28 columns fit most terminals.
const MONTHS_ABREAST: usize = 3;
const WEEK: &str = " Mo  Tu  We  Th  Fr  Sa  Su ";
const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
const LEGEND: &str = "\
* holiday   + observed day off   - moved day off   ! working weekend   ? estimated
Saturdays and Sundays without a mark are days off, all other days without a mark work. The number
beside a month counts its working days.
";

/// The covered days of one year.
pub(super) struct Year<'c> {
    calendar: &'c Calendar,
    year: i16,
    /// In order; a year at the edge of the range may lack some.
    days: Vec<Day<'c>>,
}

/// The year as data.
#[derive(Debug, Serialize)]
pub(super) struct YearView<'c> {
    calendar: &'c str,
    year: i16,
    first: String,
    last: String,
    working_days: usize,
    months: Vec<MonthView>,
    /// Days that differ from what their weekday says, or have a name.
    days: Vec<DayView<'c>>,
}

#[derive(Debug, Serialize)]
struct MonthView {
    month: usize,
    working_days: usize,
}

impl<'c> Year<'c> {
    pub(super) fn new(calendar: &'c Calendar, year: i16) -> anyhow::Result<Self> {
        let from = Date::new(year, 1, 1)?;
        let dates = from.series(Span::new().days(1)).take_while(|date| date.year() == year);
        let days: Vec<_> = dates.filter_map(|date| calendar.day(date).ok()).collect();
        if days.is_empty() {
            let (version, first, last) = (calendar.version(), calendar.first(), calendar.last());
            return Err(anyhow!(
                "--year: {year} is outside the calendar {version}, which covers {first}..{last}"
            ));
        }
        Ok(Self { calendar, year, days })
    }

    pub(super) fn view(&self) -> YearView<'c> {
        YearView {
            calendar: self.calendar.version().as_str(),
            year: self.year,
            first: self.calendar.first().to_string(),
            last: self.calendar.last().to_string(),
            working_days: working(&self.days),
            months: (1..)
                .zip(self.months())
                .map(|(month, days)| MonthView { month, working_days: working(days) })
                .collect(),
            days: self.days.iter().filter_map(DayView::new).collect(),
        }
    }

    pub(super) fn text(&self) -> String {
        let view = self.view();
        let mut text = format!(
            "{} · calendar {} · {} working days\n",
            self.year, view.calendar, view.working_days
        );
        let months: Vec<_> = MONTHS.iter().zip(self.months()).collect();
        for abreast in months.chunks(MONTHS_ABREAST) {
            let blocks: Vec<_> = abreast.iter().map(|(name, days)| block(name, days)).collect();
            let height = blocks.iter().map(Vec::len).max().unwrap_or(0);
            text.push('\n');
            for line in 0..height {
                let cells = blocks.iter().map(|block| block.get(line).map_or("", String::as_str));
                let cells: Vec<_> = cells.map(|cell| format!("{cell:<28}")).collect();
                text += cells.join("  ").trim_end();
                text.push('\n');
            }
        }
        text.push('\n');
        text += LEGEND;
        text.push('\n');
        for day in self.days.iter().filter(|day| day.listed.is_some()) {
            text += &listed(day);
        }
        text
    }

    /// The days of each month, of which any may be empty.
    fn months(&self) -> impl Iterator<Item = &[Day<'c>]> {
        (1..=12).map(|month| {
            let begin = self.days.partition_point(|day| day.date.month() < month);
            let end = self.days.partition_point(|day| day.date.month() <= month);
            &self.days[begin..end]
        })
    }
}

fn working(days: &[Day<'_>]) -> usize {
    days.iter().filter(|day| day.kind.is_working()).count()
}

/// A month in lines of 28 columns.
fn block(name: &str, days: &[Day<'_>]) -> Vec<String> {
    let count = working(days).to_string();
    let mut lines = vec![format!(" {name:<18}{count:>8} "), WEEK.to_owned()];
    let mut week = String::new();
    for day in days {
        let column = usize::from(day.date.weekday().to_monday_zero_offset().unsigned_abs());
        if column == 0 && !week.is_empty() {
            lines.push(std::mem::take(&mut week));
        }
        // Only the first covered day of a month stands off its column.
        week += &" ".repeat((column * 4).saturating_sub(week.len()));
        week += &format!("{:>3}{}", day.date.day(), mark(day));
    }
    lines.push(week);
    lines
}

fn mark(day: &Day<'_>) -> char {
    if day.is_estimated() {
        return '?';
    }
    match day.kind {
        DayKind::Working | DayKind::Weekend => ' ',
        DayKind::Holiday => '*',
        DayKind::Observed => '+',
        DayKind::MovedOff => '-',
        DayKind::WorkingWeekend => '!',
    }
}

fn listed(day: &Day<'_>) -> String {
    let Some(DayView { date, weekday, name_en, name_kk, .. }) = DayView::new(day) else {
        return String::new();
    };
    let mark = mark(day);
    let kind = day.kind.as_str();
    let estimated = if day.is_estimated() { ", estimated" } else { "" };
    let kk = if name_kk.is_empty() { String::new() } else { format!(" · {name_kk}") };
    format!("{mark} {date} {weekday}  {:<28}{name_en}{kk}\n", format!("{kind}{estimated}"))
}
