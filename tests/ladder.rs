//! The ladder in the engine: what is said of running terms, to whom, in which order, and that
//! nothing of it is lost or said twice when the bus is down, dies, or cannot write.
//!
//! Days are those of September 2021, whose sixth is a Monday; times are those of Almaty.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on fails here")]

#[path = "ladder/amended.rs"]
mod amended;
#[path = "ladder/bus.rs"]
mod bus;
#[path = "ladder/down.rs"]
mod down;
#[path = "ladder/held.rs"]
mod held;
#[path = "ladder/life.rs"]
mod life;

use std::collections::BTreeSet;

use bus::{AKIMAT, COMMISSION, COMMITTEE, Dead, Left, MISSION, World, almaty, at};
use kopir::domain::ladder::{Attribution, Impediment, Rung, Rungs};
use kopir::domain::{Act, ActFacts, Event, Sequence};
use kopir::engine::EngineError;
use kopir::journal::FailedGroup;

fn started(now: &str) -> bus::Bus {
    World::new(now).start().ok().unwrap()
}

const HOUR_MS: u64 = 3_600_000;

#[test]
fn every_rung_is_said_once_in_due_order_to_those_whom_it_concerns() {
    let mut bus = started("2021-09-06T10:00");
    bus.submit(1).unwrap().unwrap();
    // Two hours at a time, as a bus would that looks seldom.
    for day in 6..=15 {
        for hour in (0..24).step_by(2) {
            if day > 6 || hour >= 10 {
                bus.until(&format!("2021-09-{day:02}T{hour:02}:00"));
            }
        }
    }
    // The mission's five working days end with Monday 13 in Tashkent. The text states no term, so
    // that the quality body is told only as the one above the committee.
    let expected = [
        "09-09T09:00 half K21B-02 to take: migration-committee",
        "09-10T09:00 day-before K21B-02 to take: migration-committee quality-body",
        "09-13T09:00 due-morning K21B-02 to take: migration-committee quality-body",
        "09-14T01:00 due K21B-02 to take: migration-committee quality-body mission-uz",
        "09-14T09:00 overdue-1 K21B-02 to take: migration-committee quality-body mission-uz",
        "09-15T09:00 overdue-2 K21B-02 to take: migration-committee quality-body mission-uz",
    ];
    assert_eq!(bus.said(), expected);
    for (_, recorded, notice) in bus.notices() {
        let late_ms = recorded.as_millisecond() - notice.planned_at.as_millisecond();
        assert!((0..7_200_000).contains(&late_ms), "{notice:?}");
        assert_eq!(notice.outage, None);
        assert_eq!(notice.channels, []);
    }
    // The receipt closes it two working days late, and opens the committee's own term, which the
    // next hop's sender, the mission, is told of as well when it runs out.
    let next = bus.next();
    bus.takes(COMMITTEE, 1).unwrap().unwrap();
    let expected = [
        "09-15T22:00 late-discharge-2 K21B-02 to take: migration-committee quality-body mission-uz",
    ];
    assert_eq!(bus.said_since(next), expected);
    let next = bus.next();
    bus.until("2021-09-24T12:00");
    let expected = [
        "09-20T09:00 half K21B-03: migration-committee",
        "09-21T09:00 day-before K21B-03: migration-committee quality-body",
        "09-22T09:00 due-morning K21B-03: migration-committee quality-body",
        "09-23T00:00 due K21B-03: migration-committee quality-body mission-uz",
        "09-23T09:00 overdue-1 K21B-03: migration-committee quality-body mission-uz",
        "09-24T09:00 overdue-2 K21B-03: migration-committee quality-body mission-uz",
    ];
    assert_eq!(bus.said_since(next), expected);
    bus.verify();
}

#[test]
fn what_is_done_in_time_is_not_spoken_of_any_more() {
    let mut bus = started("2021-09-06T10:00");
    bus.submit(1).unwrap().unwrap();
    bus.time("2021-09-09T08:59");
    bus.takes(COMMITTEE, 1).unwrap().unwrap();
    bus.time("2021-09-13T08:00");
    bus.acts(COMMITTEE, 1, Act::ForwardApplication, ActFacts::Dispatch).unwrap().unwrap();
    // What is left of the committee's term are the rungs of the akimat that is to take it.
    bus.until("2021-09-15T12:00");
    let expected = [
        "09-14T09:00 half K21B-03 to take: akimat-kz-55",
        "09-15T09:00 day-before K21B-03 to take: akimat-kz-55 migration-committee",
    ];
    assert_eq!(bus.said(), expected);
    bus.takes(AKIMAT, 1).unwrap().unwrap();
    bus.until("2021-09-16T12:00");
    assert_eq!(bus.said(), expected);
    bus.verify();
}

#[test]
fn a_breach_of_the_law_is_told_to_the_body_that_controls_quality() {
    let mut bus = started("2021-09-06T10:00");
    bus.submit(1).unwrap().unwrap();
    bus.takes(COMMITTEE, 1).unwrap().unwrap();
    bus.acts(COMMITTEE, 1, Act::ForwardApplication, ActFacts::Dispatch).unwrap().unwrap();
    bus.takes(AKIMAT, 1).unwrap().unwrap();
    bus.acts(AKIMAT, 1, Act::ReferToCommission, ActFacts::Dispatch).unwrap().unwrap();
    let next = bus.next();
    bus.until("2021-09-10T08:00");
    let expected = [
        "09-08T09:00 day-before K21B-04 to take: commission-kz-55 akimat-kz-55",
        "09-09T09:00 due-morning K21B-04 to take: commission-kz-55 akimat-kz-55",
        "09-10T00:00 due K21B-04 to take: commission-kz-55 akimat-kz-55 quality-body",
    ];
    assert_eq!(bus.said_since(next), expected);
    bus.verify();
}

#[test]
fn a_breach_stands_before_the_late_act_in_the_journal() {
    let mut bus = started("2021-09-06T10:00");
    bus.submit(1).unwrap().unwrap();
    bus.takes(COMMITTEE, 1).unwrap().unwrap();
    // Nobody asked the bus for anything between; the act itself is the first thing it sees.
    bus.time("2021-09-14T12:00");
    let next = bus.next();
    let act = bus.acts(COMMITTEE, 1, Act::ForwardApplication, ActFacts::Dispatch).unwrap().unwrap();
    let expected = [
        "09-09T09:00 half K21B-03: migration-committee",
        "09-10T09:00 day-before K21B-03: migration-committee quality-body",
        "09-13T09:00 due-morning K21B-03: migration-committee quality-body",
        "09-14T00:00 due K21B-03: migration-committee quality-body mission-uz",
        "09-14T09:00 overdue-1 K21B-03: migration-committee quality-body mission-uz",
        "09-14T12:00 late-discharge-1 K21B-03: migration-committee quality-body mission-uz",
    ];
    assert_eq!(bus.said_since(next), expected);
    let places: Vec<_> = bus.notices().into_iter().map(|(sequence, ..)| sequence).collect();
    assert_eq!(places.iter().filter(|place| **place < act).count(), 5);
    // It names its rule by itself; a court needs no build of that time.
    let fired = bus.notices().into_iter().flat_map(|(_, _, notice)| notice.fired);
    let clauses = fired.filter_map(|fired| Some((fired.rung, fired.clause?)));
    let clauses: Vec<_> = clauses
        .map(|(rung, clause)| format!("{rung:?} {} {}", clause.procedure, clause.citation))
        .collect();
    assert_eq!(clauses, ["Due kandas-mission/2021 002-EN A1 ¶12"]);
    assert_eq!(places.last(), Some(&Sequence(act.0 + 1)), "the discharge follows the act");
    // The receiver's ladder goes on: what was sent late is to be taken.
    let next = bus.next();
    bus.until("2021-09-16T12:00");
    let expected = [
        "09-15T09:00 overdue-2 K21B-03 to take: akimat-kz-55 migration-committee",
        "09-16T09:00 overdue-3 K21B-03 to take: akimat-kz-55 migration-committee",
    ];
    assert_eq!(bus.said_since(next), expected, "the breach itself is not said again");
    // It was closed when it was sent.
    let next = bus.next();
    bus.takes(AKIMAT, 1).unwrap().unwrap();
    assert_eq!(bus.said_since(next), [""; 0]);
    bus.verify();
}

#[test]
fn rungs_of_one_instant_are_one_record_and_tell_each_party_what_concerns_it() {
    let mut bus = started("2021-09-06T10:00");
    for n in 1..=3 {
        bus.submit(n).unwrap().unwrap();
    }
    bus.takes(COMMITTEE, 2).unwrap().unwrap();
    bus.acts(COMMITTEE, 2, Act::ForwardApplication, ActFacts::Dispatch).unwrap().unwrap();
    bus.until("2021-09-09T09:00");
    let notices = bus.notices();
    let [(sequence, _, notice)] = &notices[..] else { panic!("{notices:?}") };
    assert_eq!(notice.fired.len(), 3);
    let (committee, akimat) = (bus.number(COMMITTEE), bus.number(AKIMAT));
    assert_eq!(notice.concerning(committee).count(), 2);
    assert_eq!(notice.concerning(akimat).count(), 1);
    bus.fold();
    for party in [committee, akimat] {
        let inbox = bus.engine().index().deliveries(party, None, 100).unwrap();
        let places = inbox.iter().map(|delivery| delivery.key.sequence);
        assert_eq!(places.filter(|place| place == sequence).count(), 1, "once in each inbox");
    }
    bus.verify();
}

#[test]
fn chosen_rungs_of_a_hop_are_said_and_the_opening_where_it_is_asked_for() {
    let mut world = World::new("2021-09-06T10:00");
    world.ladder.of_hops.insert("K21B-02".parse().unwrap(), Rungs::default());
    world.ladder.of_hops.insert("K21B-03".parse().unwrap(), Rungs::of(&[Rung::Opening]));
    let mut bus = world.start().ok().unwrap();
    bus.submit(1).unwrap().unwrap();
    bus.until("2021-09-20T10:00");
    bus.takes(COMMITTEE, 1).unwrap().unwrap();
    bus.until("2021-09-29T10:00");
    let to = "migration-committee quality-body mission-uz";
    let expected = [
        format!("09-14T01:00 due K21B-02 to take: {to}"),
        format!("09-20T10:00 late-discharge-5 K21B-02 to take: {to}"),
        "09-20T10:00 opening K21B-03: migration-committee".to_owned(),
        format!("09-28T00:00 due K21B-03: {to}"),
    ];
    let mut said = bus.said();
    // Both of the receipt are one record.
    said[1..3].sort();
    assert_eq!(said, expected);
    bus.verify();
}

#[test]
fn an_office_that_is_closed_at_the_end_of_a_term_is_warned_of() {
    let mut world = World::new("2021-09-06T10:00");
    let days = |days: &[i8]| days.iter().map(|day| jiff::civil::date(2021, 9, *day)).collect();
    world.ladder.days_off.insert(COMMITTEE.parse().unwrap(), days(&[10, 13]));
    world.ladder.days_off.insert(AKIMAT.parse().unwrap(), days(&[8, 9, 10, 13]));
    let mut bus = world.start().ok().unwrap();
    bus.submit(1).unwrap().unwrap();
    bus.until("2021-09-09T12:00");
    let to = "migration-committee quality-body mission-uz";
    assert_eq!(bus.said(), [format!("09-09T09:00 infeasible K21B-02 to take: {to}")]);
    bus.takes(COMMITTEE, 1).unwrap().unwrap();
    // Sent to an akimat that is closed until its end: told at once.
    bus.time("2021-09-09T12:30");
    bus.submit(2).unwrap().unwrap();
    bus.takes(COMMITTEE, 2).unwrap().unwrap();
    let (_, _, last) = bus.notices().pop().unwrap();
    assert_eq!(last.fired[0].impediment, Some(Impediment::OfficeClosed));
    bus.verify();
}

/// Its system is away, which is told first; then the office closes.
#[test]
fn an_office_that_was_warned_of_is_not_warned_of_again_when_it_closes() {
    for restarts in [false, true] {
        let mut world = World::new("2021-09-06T10:00");
        let closed = [10, 13].map(|day| jiff::civil::date(2021, 9, day));
        world.ladder.days_off.insert(COMMITTEE.parse().unwrap(), closed.into());
        let mut bus = world.start().ok().unwrap();
        bus.submit(1).unwrap().unwrap();
        bus.time("2021-09-08T12:00");
        bus.warn(COMMITTEE, 1, Impediment::Unreachable).unwrap();
        let to = "migration-committee quality-body mission-uz";
        let expected = [format!("09-08T12:00 infeasible K21B-02 to take: {to}")];
        assert_eq!(bus.said(), expected);
        if restarts {
            bus = bus.dies(Left::Behind).start().ok().unwrap();
        }
        bus.until("2021-09-09T12:00");
        assert_eq!(bus.said(), expected);
        bus.until("2021-09-10T12:00");
        assert_eq!(bus.said().len(), 2, "the ladder goes on");
        bus.verify();
    }
}
