//! The due dates of the law, case by case.
//!
//! The dates in `data/deadlines.csv` were worked out by hand, its instants with
//! another time zone library, and both were checked by a count day by day that
//! shares nothing with the code under test. The last column says how each case
//! comes about. The cases speak of the calendar of Kazakhstan that the binary
//! carries, in its version `kz-2026.1`.

use std::error::Error;

use jiff::Timestamp;
use jiff::civil::Date;
use kopir::domain::calendar::Calendar;
use kopir::domain::term::{
    CalendarDays, CountMode, Counting, Due, Explanation, Term, WorkingDays, bundled_zone, due,
    explain,
};
use kopir::procedures::calendar::kazakhstan;

const CASES: &str = include_str!("data/deadlines.csv");
const COLUMNS: &str =
    "case,n,unit,count,zone,from,options,service_due,due_date,due_time,certainty,why";

type Outcome<T> = Result<T, Box<dyn Error>>;

/// One row: the question and the expected answer.
struct Case {
    name: &'static str,
    term: Term,
    count: CountMode,
    counting: Counting,
    zone: &'static str,
    opened: Timestamp,
    service_due: Option<Date>,
    date: Date,
    instant: Timestamp,
    estimated: bool,
}

fn cases() -> Outcome<Vec<Case>> {
    let mut rows = CASES.lines();
    if rows.next() != Some(COLUMNS) {
        return Err("the columns of the table have changed".into());
    }
    rows.map(case).collect()
}

fn case(row: &'static str) -> Outcome<Case> {
    let fields: Vec<&str> = row.split(',').collect();
    let &[name, n, unit, count, zone, from, options, service_due, date, instant, certainty, _why] =
        fields.as_slice()
    else {
        return Err(format!("{} fields in {row}", fields.len()).into());
    };
    let mut counting = Counting::default();
    for option in options.split_whitespace() {
        match option {
            "strict_from" => counting.strict_from = true,
            "roll_over" => counting.roll_over = true,
            other => return Err(format!("{name}: option {other}").into()),
        }
    }
    Ok(Case {
        name,
        term: term(n, unit)?,
        count: count_mode(count)?,
        counting,
        zone,
        opened: from.parse()?,
        service_due: match service_due {
            "" => None,
            day => Some(day.parse()?),
        },
        date: date.parse()?,
        instant: instant.parse()?,
        estimated: match certainty {
            "certain" => false,
            "estimated" => true,
            other => return Err(format!("{name}: certainty {other}").into()),
        },
    })
}

fn term(n: &str, unit: &str) -> Outcome<Term> {
    Ok(match unit {
        "WD" => Term::WorkingDays(WorkingDays(n.parse()?)),
        "CD" => Term::CalendarDays(CalendarDays(n.parse()?)),
        "B1" => Term::BeforeServiceEnd(CalendarDays(n.parse()?)),
        "SAME" => Term::SameDay,
        "MONTHEND" => Term::MonthEnd,
        other => return Err(format!("unit {other}").into()),
    })
}

fn count_mode(count: &str) -> Outcome<CountMode> {
    Ok(match count {
        "FROM" => CountMode::From,
        "AFTER" => CountMode::After,
        "ON" => CountMode::On,
        "MOMENT" => CountMode::Moment,
        "BEFORE" => CountMode::Before,
        "NOTSTATED" => CountMode::NotStated,
        "NONE" => CountMode::None,
        other => return Err(format!("count {other}").into()),
    })
}

fn answer(case: &Case, calendar: &Calendar) -> Outcome<Due> {
    let zone = bundled_zone(case.zone)?;
    let due =
        due(case.term, case.count, case.counting, case.opened, &zone, calendar, case.service_due)?;
    due.ok_or_else(|| format!("{} has no due date", case.name).into())
}

fn explanation(case: &Case, calendar: &Calendar) -> Outcome<Explanation> {
    let zone = bundled_zone(case.zone)?;
    let told = explain(
        case.term,
        case.count,
        case.counting,
        case.opened,
        &zone,
        calendar,
        case.service_due,
    )?;
    told.ok_or_else(|| format!("{} has no due date", case.name).into())
}

fn named<'c>(cases: &'c [Case], name: &str) -> Outcome<&'c Case> {
    let found = cases.iter().find(|case| case.name == name);
    found.ok_or_else(|| format!("no case {name}").into())
}

#[test]
fn every_case_is_due_on_its_day_and_instant() -> Outcome<()> {
    let calendar = kazakhstan()?;
    let mut wrong = Vec::new();
    let mut ran = 0;
    for case in cases()? {
        let due = answer(&case, &calendar)?;
        let got = (due.date, due.instant, due.estimated);
        let wanted = (case.date, case.instant, case.estimated);
        if got != wanted {
            wrong.push(format!("{}: {got:?} instead of {wanted:?}", case.name));
        }
        assert_eq!(due.calendar.as_str(), "kz-2026.1");
        assert_eq!(explanation(&case, &calendar)?.due, due, "{}", case.name);
        ran += 1;
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(ran >= 60, "only {ran} cases ran");
    Ok(())
}

#[test]
fn the_table_covers_each_year_zone_and_kind_of_term() -> Outcome<()> {
    let cases = cases()?;
    for year in 2021..=2026 {
        let of_year = cases.iter().filter(|case| case.date.year() == year);
        assert!(of_year.count() >= 8, "{year}");
    }
    for zone in [
        "Asia/Almaty",
        "Asia/Tashkent",
        "Asia/Shanghai",
        "Asia/Ashgabat",
        "Asia/Ulaanbaatar",
        "Europe/Moscow",
    ] {
        assert!(cases.iter().filter(|case| case.zone == zone).count() >= 3);
    }
    for hop in ["02", "03", "04", "05", "06", "07", "08", "10", "11", "12"] {
        let start = format!("k21b_{hop}_");
        assert!(cases.iter().any(|case| case.name.starts_with(&start)));
    }
    let mut names: Vec<&str> = cases.iter().map(|case| case.name).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), cases.len(), "two cases share a name");
    Ok(())
}

#[test]
fn the_skipped_days_of_a_case_say_why() -> Outcome<()> {
    let (calendar, cases) = (kazakhstan()?, cases()?);
    for (name, wanted) in [
        ("k21b_04_akimat_to_commission", &[][..]),
        ("k21b_08_mission_to_applicant", &[]),
        (
            "nauryz_2021_observed_wednesday",
            &[
                "2021-03-20 weekend",
                "2021-03-21 holiday: Nowruz Holiday",
                "2021-03-22 holiday: Nowruz Holiday",
                "2021-03-23 holiday: Nowruz Holiday",
                "2021-03-24 observed day off: Nowruz Holiday (observed)",
            ],
        ),
        (
            "new_year_2025_working_sunday",
            &[
                "2025-01-01 holiday: New Year's Day",
                "2025-01-02 holiday: New Year's Day",
                "2025-01-03 moved day off: Day off (moved from 2025-01-05)",
                "2025-01-04 weekend",
                "2025-01-07 holiday: Orthodox Christmas",
            ],
        ),
        ("kurban_ait_2026_estimated", &["2026-05-27 holiday: Eid al-Adha (estimated)"]),
        (
            "thirty_days_end_on_sunday_rolled",
            &[
                "2022-05-08 weekend",
                "2022-05-09 holiday: Victory Day",
                "2022-05-10 observed day off: Defender of the Fatherland Day (observed)",
            ],
        ),
        ("k24_day_before_is_sunday", &["2024-09-21 weekend", "2024-09-22 weekend"]),
    ] {
        let told = explanation(named(&cases, name)?, &calendar)?;
        let said = told.skipped.iter();
        let said: Vec<String> = said.map(|day| format!("{} {}", day.date, day.why)).collect();
        assert_eq!(said, wanted, "{name}");
    }
    Ok(())
}
