//! What holds for every due date, whatever the calendar: over the calendar that the binary
//! carries and over amended ones, in which days are moved, taken away and added at random.
//!
//! The counter that judges walks day by day over a plain table of weekdays and listed days. It
//! shares nothing with the code under test but the types of the question.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on fails here")]

use std::collections::BTreeMap;
use std::sync::LazyLock;

use jiff::civil::{Date, Weekday, date};
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp};
use kopir::domain::calendar::{
    Calendar, CalendarBuilder, CalendarVersion, Certainty, DayName, ListedDay, ListedKind,
};
use kopir::domain::term::{
    CalendarDays, CountMode, Counting, Due, Term, WorkingDays, bundled_zone, due, explain,
};
use kopir::procedures::calendar::{kazakhstan, parse, write};
use proptest::prelude::*;

const ZONES: [&str; 5] =
    ["Asia/Almaty", "Asia/Tashkent", "Europe/Berlin", "America/New_York", "Asia/Ulaanbaatar"];
/// The longest term of the acts is 94 working days; this is well beyond.
const DAYS_MAX: u16 = 130;
/// The last start whose longest term still ends inside the calendar.
const LAST_START: Date = date(2030, 5, 1);

static CARRIED: LazyLock<Calendar> =
    LazyLock::new(|| kazakhstan().expect("the carried calendar is good"));

/// The days that differ from their weekday, and nothing else.
type Table = BTreeMap<Date, ListedDay>;

fn table(calendar: &Calendar) -> Table {
    calendar.listed().iter().map(|day| (day.date, day.clone())).collect()
}

fn calendar(table: &Table) -> Calendar {
    let version = CalendarVersion::parse("amended-1").unwrap();
    let mut builder = CalendarBuilder::new(version, CARRIED.first(), CARRIED.last()).unwrap();
    table.values().for_each(|day| builder.list(day.clone()).unwrap());
    builder.build()
}

/// One change of an amendment.
#[derive(Debug, Clone, Copy)]
enum Change {
    List(Date, ListedKind, Certainty),
    TakeOut(prop::sample::Index),
}

fn change() -> impl Strategy<Value = Change> {
    use ListedKind as K;
    let kind = prop::sample::select(vec![K::Holiday, K::Observed, K::MovedOff, K::WorkingWeekend]);
    let certainty = prop::sample::select(vec![Certainty::Fixed, Certainty::Estimated]);
    let listed = (day(date(2030, 12, 31)), kind, certainty);
    prop_oneof![
        3 => listed.prop_map(|(date, kind, certainty)| Change::List(date, kind, certainty)),
        1 => any::<prop::sample::Index>().prop_map(Change::TakeOut),
    ]
}

/// The carried calendar, or one amended in up to two hundred days.
fn any_table() -> impl Strategy<Value = Table> {
    let amended = prop::collection::vec(change(), 0..200).prop_map(|changes| {
        let mut table = table(&CARRIED);
        for change in changes {
            match change {
                Change::List(date, kind, certainty) => {
                    let name = DayName { en: "Amended".into(), kk: "".into() };
                    table.insert(date, ListedDay { date, kind, certainty, name });
                }
                Change::TakeOut(at) => {
                    let date = table.keys().nth(at.index(table.len())).copied();
                    date.and_then(|date| table.remove(&date));
                }
            }
        }
        table
    });
    prop_oneof![1 => Just(table(&CARRIED)), 3 => amended]
}

fn day(last: Date) -> impl Strategy<Value = Date> {
    let first = CARRIED.first();
    let days = first.until(last).unwrap().get_days();
    (0..=days).prop_map(move |days| first.checked_add(Span::new().days(days)).unwrap())
}

fn zone() -> impl Strategy<Value = TimeZone> {
    prop::sample::select(ZONES.to_vec()).prop_map(|name| bundled_zone(name).unwrap())
}

/// An instant of that day in the zone, at any time of it.
fn instant(day: Date, second: i32, zone: &TimeZone) -> Timestamp {
    let noon = day.at(12, 0, 0, 0).to_zoned(zone.clone()).unwrap();
    let begin = noon.start_of_day().unwrap();
    begin.checked_add(Span::new().seconds(second)).unwrap().timestamp()
}

/// Seconds that lie in every day, also where clocks go forward.
fn second() -> impl Strategy<Value = i32> {
    prop_oneof![Just(0), Just(82_799), 0..82_800]
}

fn works(table: &Table, day: Date) -> bool {
    match table.get(&day).map(|listed| listed.kind) {
        Some(ListedKind::WorkingWeekend) => true,
        Some(ListedKind::Holiday | ListedKind::Observed | ListedKind::MovedOff) => false,
        None => !matches!(day.weekday(), Weekday::Saturday | Weekday::Sunday),
    }
}

/// The last day of a term of `n` working days, walked; and whether an estimated day was passed.
fn walked(table: &Table, event: Date, n: u16, strict: bool) -> (Date, bool) {
    let mut left = n;
    let mut day = event;
    let mut estimated = false;
    let mut look = |day: Date| {
        estimated |= table.get(&day).is_some_and(|day| day.certainty == Certainty::Estimated);
        works(table, day)
    };
    if strict && look(day) {
        left = left.saturating_sub(1);
        if left == 0 {
            return (day, estimated);
        }
    }
    while left > 0 {
        day = day.tomorrow().unwrap();
        left -= u16::from(look(day));
    }
    (day, estimated)
}

fn ask(
    term: Term,
    count: CountMode,
    counting: Counting,
    opened: Timestamp,
    zone: &TimeZone,
    calendar: &Calendar,
    service_due: Option<Date>,
) -> Due {
    let due = due(term, count, counting, opened, zone, calendar, service_due).unwrap().unwrap();
    // The end of the day is the first instant of the next one there, and no earlier one.
    let end = due.instant.to_zoned(zone.clone());
    assert_eq!(end.date(), due.date.tomorrow().unwrap());
    let before = (due.instant - Span::new().nanoseconds(1)).to_zoned(zone.clone());
    assert_eq!(before.date(), due.date);
    assert_eq!(due.calendar, *calendar.version());
    let told = explain(term, count, counting, opened, zone, calendar, service_due);
    assert_eq!(told.unwrap().unwrap().due, due);
    due
}

const LAW: Counting = Counting { strict_from: false, roll_over: false };
const STRICT: Counting = Counting { strict_from: true, roll_over: false };

fn working(n: u16) -> Term {
    Term::WorkingDays(WorkingDays(n))
}

proptest! {
    #[test]
    fn a_term_of_working_days_ends_where_a_walk_ends_and_never_on_a_day_off(
        table in any_table(),
        event in day(LAST_START),
        second in second(),
        n in 1..DAYS_MAX,
        zone in zone(),
    ) {
        let calendar = calendar(&table);
        let opened = instant(event, second, &zone);
        for (count, counting, strict) in [
            (CountMode::From, LAW, false),
            (CountMode::After, LAW, false),
            (CountMode::Moment, STRICT, false),
            (CountMode::NotStated, STRICT, false),
            (CountMode::From, STRICT, true),
        ] {
            let due = ask(working(n), count, counting, opened, &zone, &calendar, None);
            let (end, estimated) = walked(&table, event, n, strict);
            prop_assert_eq!(due.date, end);
            prop_assert_eq!(due.estimated, estimated);
            prop_assert!(works(&table, due.date));
        }
    }

    #[test]
    fn a_later_start_or_a_longer_term_never_ends_earlier(
        table in any_table(),
        starts in (day(LAST_START), day(LAST_START)),
        seconds in (second(), second()),
        terms in (1..DAYS_MAX, 1..DAYS_MAX),
        strict_from in any::<bool>(),
        zone in zone(),
    ) {
        let calendar = calendar(&table);
        let counting = Counting { strict_from, roll_over: false };
        let mut opened = [instant(starts.0, seconds.0, &zone), instant(starts.1, seconds.1, &zone)];
        let mut terms = [terms.0, terms.1];
        opened.sort_unstable();
        terms.sort_unstable();
        let ends = |n, opened| {
            [working(n), Term::CalendarDays(CalendarDays(n))]
                .map(|term| ask(term, CountMode::From, counting, opened, &zone, &calendar, None))
        };
        for (earlier, later) in [
            (ends(terms[0], opened[0]), ends(terms[0], opened[1])),
            (ends(terms[0], opened[0]), ends(terms[1], opened[0])),
        ] {
            for (earlier, later) in earlier.iter().zip(&later) {
                prop_assert!(earlier.instant <= later.instant, "{earlier:?} {later:?}");
            }
        }
        let month = |opened| {
            ask(Term::MonthEnd, CountMode::None, counting, opened, &zone, &calendar, None)
        };
        prop_assert!(month(opened[0]).instant <= month(opened[1]).instant);
    }

    #[test]
    fn what_the_calendar_has_no_say_in_ends_by_the_date_alone(
        table in any_table(),
        event in day(LAST_START),
        second in second(),
        n in 1..DAYS_MAX,
        zone in zone(),
    ) {
        let calendar = calendar(&table);
        let opened = instant(event, second, &zone);
        let ask = |term, count, counting| ask(term, count, counting, opened, &zone, &calendar, None);
        let same = ask(Term::SameDay, CountMode::On, LAW);
        prop_assert_eq!((same.date, same.estimated), (event, false));

        let month = ask(Term::MonthEnd, CountMode::None, LAW);
        let mut end = event;
        let next_month = event.month() % 12 + 1;
        while end.month() != next_month || end.tomorrow().unwrap().month() == next_month {
            end = end.tomorrow().unwrap();
        }
        prop_assert_eq!((month.date, month.estimated), (end, false));

        let days = Term::CalendarDays(CalendarDays(n));
        let mut end = event;
        (0..n).for_each(|_| end = end.tomorrow().unwrap());
        prop_assert_eq!(ask(days, CountMode::After, LAW).date, end);
        prop_assert_eq!(ask(days, CountMode::From, STRICT).date, end.yesterday().unwrap());

        let rolled = ask(days, CountMode::After, Counting { strict_from: false, roll_over: true });
        while !works(&table, end) {
            end = end.tomorrow().unwrap();
        }
        prop_assert_eq!(rolled.date, end);
    }

    #[test]
    fn before_the_service_end_is_the_last_working_day_up_to_then(
        table in any_table(),
        event in day(LAST_START),
        service_due in day(LAST_START),
        n in 1..30_u16,
        zone in zone(),
    ) {
        prop_assume!(service_due >= date(2017, 1, 1));
        let calendar = calendar(&table);
        let term = Term::BeforeServiceEnd(CalendarDays(n));
        let opened = instant(event, 0, &zone);
        let due = ask(term, CountMode::Before, LAW, opened, &zone, &calendar, Some(service_due));
        let mut end = service_due;
        (0..n).for_each(|_| end = end.yesterday().unwrap());
        let mut estimated = false;
        loop {
            estimated |= table.get(&end).is_some_and(|day| day.certainty == Certainty::Estimated);
            if works(&table, end) {
                break;
            }
            end = end.yesterday().unwrap();
        }
        prop_assert_eq!((due.date, due.estimated), (end, estimated));
    }

    #[test]
    fn an_amendment_lists_exactly_the_days_that_differ_and_moves_no_end_before_them(
        table in any_table(),
        event in day(LAST_START),
        n in 1..DAYS_MAX,
    ) {
        let amended = calendar(&table);
        let changes = CARRIED.changes(&amended);
        let before = self::table(&CARRIED);
        let mut differ: Vec<Date> = before.keys().chain(table.keys()).copied().collect();
        differ.sort_unstable();
        differ.dedup();
        differ.retain(|date| before.get(date) != table.get(date));
        prop_assert_eq!(changes.iter().map(|change| change.date()).collect::<Vec<_>>(), differ);
        for change in &changes {
            let moves = works(&before, change.date()) != works(&table, change.date());
            prop_assert_eq!(change.moves_terms(), moves);
        }
        // A term that has ended before the first day that moves ends there in both.
        let zone = bundled_zone("Asia/Almaty").unwrap();
        let opened = instant(event, 0, &zone);
        let ends = [&*CARRIED, &amended]
            .map(|calendar| ask(working(n), CountMode::From, LAW, opened, &zone, calendar, None));
        let moved = changes.iter().filter(|change| change.moves_terms());
        let first = moved.map(|change| change.date()).find(|date| *date > event);
        if first.is_none_or(|first| ends[0].date < first) {
            prop_assert_eq!(ends[0].instant, ends[1].instant);
        }
    }

    #[test]
    fn an_amended_calendar_is_read_back_as_it_was_written(table in any_table()) {
        let calendar = calendar(&table);
        prop_assert_eq!(parse(&write(&calendar).unwrap()).unwrap(), calendar);
    }
}

/// Every start of the fifteen years, with the terms that the acts use.
#[test]
fn every_day_of_the_carried_calendar_counts_like_a_walk() {
    let (table, zone) = (table(&CARRIED), bundled_zone("Asia/Almaty").unwrap());
    let mut event = CARRIED.first();
    let mut last: BTreeMap<u16, Timestamp> = BTreeMap::new();
    while event < LAST_START {
        let opened = instant(event, 0, &zone);
        for n in [1, 2, 3, 5, 7, 10, 15, 20, 30, 94] {
            let due = due(working(n), CountMode::From, LAW, opened, &zone, &CARRIED, None);
            let due = due.unwrap().unwrap();
            assert_eq!((due.date, due.estimated), walked(&table, event, n, false), "{event} + {n}");
            assert!(works(&table, due.date));
            let before = last.insert(n, due.instant);
            assert!(before.is_none_or(|before| before <= due.instant));
        }
        event = event.tomorrow().unwrap();
    }
}
