//! When the bus speaks of a running term, case by case.
//!
//! The instants in `data/ladder.csv` were worked out by hand over the calendar that the binary
//! carries; all of a row are in the zone of the party that must act. The last column says how each
//! comes about. Beside the table, the rungs of random terms are held against a walk day by day that
//! shares nothing with the code under test but the calendar's days.

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;

use jiff::civil::{Date, DateTime, Time, Weekday};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use kopir::domain::calendar::Calendar;
use kopir::domain::ladder::{Clock, Ladder, Plan, Planned, Rung, Rungs};
use kopir::domain::party::{IdentityUri, Names, Parties, Party, PartyNumber, Role, bundled_zone};
use kopir::domain::{CaseId, HopId, Roster};
use kopir::procedures::calendar::kazakhstan;
use proptest::prelude::*;

const CASES: &str = include_str!("data/ladder.csv");
const COLUMNS: &str = "case,zone,opened,due,after,office_closed,rungs,expected,why";
const ZONES: [&str; 5] =
    ["Asia/Almaty", "Europe/Moscow", "Asia/Shanghai", "Asia/Tashkent", "America/New_York"];

type Outcome<T> = Result<T, Box<dyn Error>>;

#[test]
fn every_rung_of_the_table_is_planned_for_its_instant() -> Outcome<()> {
    let calendar = kazakhstan()?;
    let mut rows = CASES.lines();
    assert_eq!(rows.next(), Some(COLUMNS));
    let mut told = 0;
    for row in rows {
        let fields: Vec<&str> = row.splitn(9, ',').collect();
        let &[name, zone, opened, due, after, closed, rungs, expected, _why] = &fields[..] else {
            return Err(format!("{} fields in {row}", fields.len()).into());
        };
        let place = Place::in_zone(zone)?;
        let at = |text: &str| Ok::<_, Box<dyn Error>>(text.parse::<DateTime>()?);
        let clock = place.clock(place.at(at(opened)?), place.at(at(due)?));
        let ladder = ladder(&place, rungs, closed)?;
        let plan = Plan { ladder: &ladder, calendar: &calendar, roster: &place.roster };
        let mut last = if after.is_empty() { clock.opened_at } else { place.at(at(after)?) };
        for expected in expected.split(';') {
            let planned = plan.next(&clock, last);
            let said = planned.map_or("end".to_owned(), |planned| place.say(planned));
            assert_eq!(said, expected, "{name}");
            last = planned.map_or(last, |planned| planned.at);
            told += 1;
        }
    }
    assert!(told > 100, "{told}");
    Ok(())
}

fn ladder(place: &Place, rungs: &str, closed: &str) -> Outcome<Ladder> {
    let usual = match rungs {
        "usual" => Rungs::USUAL,
        "none" => Rungs::default(),
        chosen => chosen.split(' ').map(str::parse).collect::<Result<Rungs, _>>()?,
    };
    let days = closed.split_whitespace().map(str::parse).collect::<Result<BTreeSet<Date>, _>>()?;
    let duty = place.roster.id(DUTY).ok_or("no duty-holder")?.clone();
    let days_off = BTreeMap::from([(duty, days)]);
    Ok(Ladder { usual, days_off, ..Ladder::default() })
}

fn hop() -> HopId {
    "SAMPLE-1".parse().unwrap_or_else(|_| unreachable!("a hop id"))
}

const DUTY: PartyNumber = PartyNumber(1);

/// Where a duty-holder sits.
struct Place {
    zone: TimeZone,
    roster: Roster,
}

impl Place {
    fn in_zone(zone: &str) -> Outcome<Self> {
        let party = |id: &str, role, zone: &str| -> Outcome<Party> {
            let own = id.parse()?;
            Ok(Party {
                identities: vec![IdentityUri::of(&own)],
                certificates: Vec::new(),
                bins: Vec::new(),
                names: Names { kk: id.to_owned(), ru: id.to_owned(), en: id.to_owned() },
                id: own,
                role,
                region: None,
                zone: bundled_zone(zone)?,
                supervisor: None,
                acts_for: Vec::new(),
            })
        };
        let body = party("migration-committee", Role::MigrationBody, "Asia/Almaty")?;
        let duty = party("duty-holder", Role::ForeignMission, zone)?;
        let zone = duty.zone.clone();
        let mut roster = Roster::new(Parties::new(vec![body, duty])?, []);
        // By id, so that the duty-holder has the first number.
        roster.missing().into_iter().for_each(|party| roster.enrol(party));
        Ok(Self { zone, roster })
    }

    fn at(&self, civil: DateTime) -> Timestamp {
        self.zone.to_timestamp(civil).unwrap_or(Timestamp::MAX)
    }

    fn civil(&self, at: Timestamp) -> DateTime {
        self.zone.to_datetime(at)
    }

    fn clock(&self, opened_at: Timestamp, due_at: Timestamp) -> Clock {
        let case = CaseId([1; 16]);
        Clock { case, place: 0, hop: hop(), opened_at, due_at, duty: DUTY, carried: false }
    }

    fn say(&self, planned: Planned) -> String {
        let Planned { at, rung, days } = planned;
        let days = if days > 0 { format!("-{days}") } else { String::new() };
        format!("{rung}{days} {}", self.civil(at).strftime("%Y-%m-%dT%H:%M"))
    }
}

/// A term as it may run anywhere, with an office that is closed now and then.
#[derive(Debug, Clone)]
struct Term {
    zone: &'static str,
    opened_min: i64,
    length_min: i64,
    /// Days after the opening.
    closed: BTreeSet<i64>,
    rungs: Rungs,
    morning: Time,
}

fn any_term() -> impl Strategy<Value = Term> {
    // From the first day of the calendar until some days after its last.
    let opened_min = prop_oneof![
        4 => 24_191_000..32_078_000_i64,
        1 => 32_070_000..32_081_000_i64,
        1 => 24_190_600..24_191_000_i64,
    ];
    // Ends at midnight somewhere, or at any minute.
    let length_min = prop_oneof![1 => 1..60_000_i64, 2 => (1..40_i64).prop_map(|days| days * 1440)];
    let closed = prop::collection::btree_set(0..45_i64, 0..8);
    let chosen = prop::sample::subsequence(Rung::ALL.to_vec(), 0..=Rung::ALL.len());
    let rungs = prop_oneof![Just(Rungs::USUAL), chosen.prop_map(|all| all.into_iter().collect())];
    let morning =
        prop_oneof![3 => Just(9), 1 => 0..24_i8].prop_map(|hour| Time::constant(hour, 0, 0, 0));
    (prop::sample::select(&ZONES[..]), opened_min, length_min, closed, rungs, morning).prop_map(
        |(zone, opened_min, length_min, closed, rungs, morning)| Term {
            zone,
            opened_min,
            length_min,
            closed,
            rungs,
            morning,
        },
    )
}

impl Term {
    fn ladder(&self, place: &Place) -> Ladder {
        let opened = place.civil(self.opened_at()).date();
        let day = |days: &i64| opened.saturating_add(days.days());
        let duty = place.roster.id(DUTY).into_iter().cloned();
        let days_off = duty.map(|duty| (duty, self.closed.iter().map(day).collect())).collect();
        let (usual, morning) = (self.rungs, self.morning);
        Ladder { usual, morning, days_off, ..Ladder::default() }
    }

    fn opened_at(&self) -> Timestamp {
        Timestamp::from_second(self.opened_min * 60).unwrap_or(Timestamp::MIN)
    }

    fn due_at(&self) -> Timestamp {
        Timestamp::from_second((self.opened_min + self.length_min) * 60).unwrap_or(Timestamp::MAX)
    }
}

/// Every rung of a clock until some weeks after its end, found by walking from day to day.
fn walked(place: &Place, ladder: &Ladder, calendar: &Calendar, clock: &Clock) -> Vec<Planned> {
    let morning = |day: Date| place.at(DateTime::from_parts(day, ladder.morning));
    let is_working = |day: &Date| {
        let in_week = !matches!(day.weekday(), Weekday::Saturday | Weekday::Sunday);
        calendar.is_working(*day).unwrap_or(in_week)
    };
    let opened = place.civil(clock.opened_at).date();
    let first = opened.saturating_sub(30.days());
    let days: Vec<Date> = first.series(1.day()).take(150).collect();
    let last = days.iter().filter(|day| morning(**day) < clock.due_at).max();
    let last = *last.unwrap_or(&first);
    let working: Vec<Date> = days.iter().copied().filter(is_working).collect();
    let of_term: Vec<_> = working.iter().filter(|day| **day > opened && **day <= last).collect();
    let eve = working.iter().filter(|day| **day < last).max();
    let half = of_term.get(of_term.len().div_ceil(2).wrapping_sub(1)).map(|day| **day);
    let until = working.iter().filter(|day| **day <= last).max();
    let off = ladder.days_off.values().next();
    let is_open = |day: &&Date| !off.is_some_and(|off| off.contains(day));
    let open = working.iter().filter(|day| **day <= last).filter(is_open).max();
    let rungs = ladder.rungs(hop());
    let mut planned: Vec<Planned> = Vec::new();
    let mut plan = |at, rung, days| {
        let is_there = planned.iter().any(|other| other.at == at);
        if !is_there && (rungs.has(rung) || rung == Rung::Infeasible) {
            planned.push(Planned { at, rung, days });
        }
    };
    plan(clock.due_at, Rung::Due, 0);
    if let Some(open) = open.filter(|open| Some(*open) < until) {
        plan(morning(*open), Rung::Infeasible, 0);
    }
    if let Some(half) = half.filter(|half| eve.is_none_or(|eve| half < eve)) {
        plan(morning(half), Rung::Half, 0);
    }
    if let Some(eve) = eve {
        plan(morning(*eve), Rung::DayBefore, 0);
    }
    plan(morning(last), Rung::DueMorning, 0);
    for (days, day) in (1..).zip(working.iter().filter(|day| **day > last)) {
        plan(morning(*day), Rung::Overdue, days);
    }
    planned.sort_by_key(|planned| planned.at);
    planned
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn rungs_are_those_of_a_walk_from_day_to_day(term in any_term(), since in 0..80_000_i64) {
        let (place, calendar) = (Place::in_zone(term.zone).unwrap(), kazakhstan().unwrap());
        let ladder = term.ladder(&place);
        let clock = place.clock(term.opened_at(), term.due_at());
        let plan = Plan { ladder: &ladder, calendar: &calendar, roster: &place.roster };
        let since = clock.opened_at + since.minutes();
        for from in [clock.opened_at, since] {
            let mut after = from;
            for expected in walked(&place, &ladder, &calendar, &clock) {
                if expected.at <= from {
                    continue;
                }
                let next = plan.next(&clock, after);
                prop_assert_eq!(next, Some(expected), "after {}", after);
                // Asked anywhere before it, the same is next.
                let just_before = expected.at - 1.millisecond();
                prop_assert_eq!(plan.next(&clock, after.max(just_before)), Some(expected));
                after = expected.at;
            }
        }
    }

    #[test]
    fn a_term_has_one_breach_and_its_warnings_rise_towards_it(term in any_term()) {
        let (place, calendar) = (Place::in_zone(term.zone).unwrap(), kazakhstan().unwrap());
        let ladder = term.ladder(&place);
        let clock = place.clock(term.opened_at(), term.due_at());
        let plan = Plan { ladder: &ladder, calendar: &calendar, roster: &place.roster };
        let mut after = clock.opened_at;
        let mut said = Vec::new();
        while said.len() < 30 && let Some(next) = plan.next(&clock, after) {
            prop_assert!(next.at > after, "{:?} after {}", next, after);
            after = next.at;
            said.push(next);
        }
        let due: Vec<_> = said.iter().filter(|each| each.rung == Rung::Due).collect();
        prop_assert_eq!(due.len(), 1);
        prop_assert_eq!(due[0].at, clock.due_at);
        for each in &said {
            let is_overdue = each.rung == Rung::Overdue;
            prop_assert_eq!(each.at > clock.due_at, is_overdue, "{:?}", each);
            prop_assert_eq!(each.days > 0, is_overdue, "{:?}", each);
        }
        let order = [Rung::Half, Rung::DayBefore, Rung::DueMorning, Rung::Due, Rung::Overdue];
        let grave = |each: &Planned| order.iter().position(|rung| *rung == each.rung);
        let usual: Vec<_> = said.iter().filter_map(grave).collect();
        prop_assert!(usual.is_sorted(), "{:?}", said);
        let once = usual.iter().filter(|at| **at < 4).collect::<BTreeSet<_>>();
        prop_assert_eq!(once.len(), usual.iter().filter(|at| **at < 4).count(), "{:?}", said);
        let days: Vec<_> = said.iter().map(|each| each.days).filter(|days| *days > 0).collect();
        // The first is not said where the term ends at its very instant: the breach is.
        let first = days.first().copied().unwrap_or(1);
        prop_assert!(days.iter().copied().eq((first..).take(days.len())), "{:?}", days);
        let is_at_due = place.civil(clock.due_at).time() == ladder.morning;
        prop_assert!(first == 1 || first == 2 && is_at_due, "{:?}", days);
    }
}
