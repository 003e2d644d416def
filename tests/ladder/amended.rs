//! An amended calendar whose clocks cannot all be counted at once: the disk becomes full, or the bus
//! dies, between the amendment and the last clock. What follows is as if nothing had come between.

use std::sync::atomic::Ordering;

use super::*;

const DAY_OFF: (&str, &str) = ("2021-09-10,Fri,holiday,fixed,Synthetic day,", "kz-sample.1");
const DAY_ON: (&str, &str) =
    ("2021-09-11,Sat,working_weekend,fixed,Working day moved,", "kz-sample.1");

/// A bus with a term of five working days from Monday 6, at an instant.
fn waiting(now: &str) -> bus::Bus {
    let mut bus = started("2021-09-06T10:00");
    bus.submit(1).unwrap().unwrap();
    bus.takes(COMMITTEE, 1).unwrap().unwrap();
    bus.until(now);
    bus
}

/// What is said of the term when Friday 10 is off: it ends with Tuesday 14.
fn as_amended() -> Vec<String> {
    let to = "migration-committee quality-body";
    vec![
        "09-09T09:00 half K21B-03: migration-committee".to_owned(),
        format!("09-13T09:00 day-before K21B-03: {to}"),
        format!("09-14T09:00 due-morning K21B-03: {to}"),
        format!("09-15T00:00 due K21B-03: {to} mission-uz"),
        format!("09-15T09:00 overdue-1 K21B-03: {to} mission-uz"),
    ]
}

/// Whether every clock was counted before the amendment was called settled.
fn assert_settled_after_its_clocks(journal: &[(jiff::Timestamp, Event)]) {
    let moved = journal.iter().position(|(_, event)| matches!(event, Event::ClocksMoved(_)));
    let settled = journal.iter().position(|(_, event)| matches!(event, Event::CalendarSettled(_)));
    assert!(moved.is_some() && moved < settled, "{moved:?} {settled:?}");
}

#[test]
fn a_full_disk_leaves_an_amendment_unsettled_until_all_of_it_is_counted() {
    // The calendar is recorded; what it moves has no room, or the note of the end has none.
    for groups in [1, 2] {
        let mut bus = waiting("2021-09-07T10:00");
        let filling = std::sync::Arc::clone(&bus.world().fills_after);
        filling.store(groups, Ordering::Relaxed);
        let refused = bus.amend(DAY_OFF.0, DAY_OFF.1).unwrap();
        assert!(matches!(refused, Err(EngineError::DiskFull)), "{refused:?}");
        // Nothing overtakes it, not even time.
        let next = bus.next();
        bus.time("2021-09-14T12:00");
        let refused = bus.takes(COMMITTEE, 1).unwrap();
        assert!(matches!(refused, Err(EngineError::DiskFull)), "{refused:?}");
        assert_eq!(bus.next(), next);
        filling.store(u64::MAX, Ordering::Relaxed);
        bus.world().store.set_full(false);
        bus.until("2021-09-15T10:00");
        assert_eq!(bus.said(), as_amended());
        // Who asked for it is told so now.
        assert_eq!(bus.amend(DAY_OFF.0, DAY_OFF.1).unwrap().unwrap(), 0);
        assert_settled_after_its_clocks(&bus.verify().journal());
    }
}

#[test]
fn what_waits_behind_an_amendment_that_is_refused_is_refused_too() {
    let mut bus = waiting("2021-09-07T10:00");
    bus.world().fills_after.store(1, Ordering::Relaxed);
    let (amendment, next) = (bus.amendment(DAY_OFF.0, DAY_OFF.1), bus.next());
    let (case, delivery, by) = (bus.case(1), bus.last_act(1), bus.number(COMMITTEE));
    let (amended, taken) = bus
        .asked(async move |engine| {
            let amended = engine.amend_calendar(amendment);
            futures_util::join!(amended, engine.acknowledge(case, delivery, by))
        })
        .unwrap();
    assert!(matches!(amended, Err(EngineError::DiskFull)), "{amended:?}");
    assert!(matches!(taken, Err(EngineError::DiskFull)), "{taken:?}");
    assert_eq!(bus.next().0, next.0 + 1, "the calendar alone");
}

#[test]
fn a_start_with_a_full_disk_settles_an_amendment_once_there_is_room() {
    let mut bus = waiting("2021-09-07T10:00");
    bus.world().fills_after.store(1, Ordering::Relaxed);
    assert!(bus.amend(DAY_OFF.0, DAY_OFF.1).unwrap().is_err());
    let mut world = bus.dies(Left::Whole);
    world.now = at("2021-09-13T12:00");
    let mut bus = world.start_after(Some("2021-09-07T11:00")).ok().unwrap();
    bus.until("2021-09-14T12:00");
    let next = bus.next();
    bus.world().store.set_full(false);
    bus.until("2021-09-15T10:00");
    assert_eq!(bus.said(), as_amended());
    // The outage is as long as nothing could be recorded of it.
    let outages = outages(&bus.verify().journal());
    assert_eq!(outages, [(at("2021-09-07T11:00"), at("2021-09-15T10:00"))], "{next}");
}

fn outages(journal: &[(jiff::Timestamp, Event)]) -> Vec<(jiff::Timestamp, jiff::Timestamp)> {
    let outage = |event: &Event| {
        let Event::BusOutage(away) = event else { return None };
        Some((away.from, away.until))
    };
    journal.iter().filter_map(|(_, event)| outage(event)).collect()
}

#[test]
fn a_bus_that_dies_in_an_amendment_and_at_its_next_start_loses_no_outage_and_says_no_breach_twice()
{
    // Each of the amendments moves the term: forward, and back behind the present.
    for (amended_at, (line, version)) in
        [("2021-09-07T10:00", DAY_OFF), ("2021-09-13T12:00", DAY_ON)]
    {
        let mut whole: Option<Vec<(jiff::Timestamp, Event)>> = None;
        for (in_amendment, at_start) in [
            (1, None),
            (2, None),
            (1, Some(0)),
            (1, Some(1)),
            (1, Some(2)),
            (1, Some(3)),
            (2, Some(1)),
        ] {
            let mut world = waiting(amended_at).dies(Left::Whole);
            world.deaths = vec![in_amendment];
            world.now = at(amended_at);
            let mut bus = world.start().ok().unwrap();
            assert_eq!(bus.amend(line, version).err(), Some(Dead));
            let mut world = bus.dies(Left::Behind);
            world.now = at("2021-09-15T10:00");
            world.deaths.extend(at_start);
            let alive = Some(amended_at);
            let bus = match world.start_after(alive) {
                Ok(bus) => bus,
                Err(world) => world.start_after(alive).ok().unwrap(),
            };
            let what = (amended_at, in_amendment, at_start);
            let fired = bus.notices().into_iter().flat_map(|(_, _, notice)| notice.fired);
            let breaches: Vec<_> = fired.filter(|fired| fired.rung == Rung::Due).collect();
            assert_eq!(breaches.len(), 1, "{what:?}");
            let said = bus.said();
            if line == DAY_OFF.0 {
                assert_eq!(said, as_amended(), "{what:?}");
                // A week and fourteen hours of it were spent without the bus.
                let in_bus = breaches[0].attribution.unwrap().in_bus_ms;
                assert_eq!(in_bus, (7 * 24 + 14) * HOUR_MS, "{what:?}");
            }
            let journal = bus.verify().journal();
            assert_eq!(outages(&journal), [(at(amended_at), at("2021-09-15T10:00"))], "{what:?}");
            assert_settled_after_its_clocks(&journal);
            match &whole {
                None => whole = Some(journal),
                Some(whole) => assert_eq!(&journal, whole, "{what:?}"),
            }
        }
    }
}

#[test]
fn an_amendment_that_the_journal_does_not_take_is_not_laid_to_the_disk() {
    let mut bus = waiting("2021-09-07T10:00");
    let mut amendment = bus.amendment(DAY_OFF.0, DAY_OFF.1);
    // Longer than any record.
    amendment.text = "#".repeat(2 << 20);
    let refused = bus.amends(amendment).unwrap();
    assert!(matches!(refused, Err(EngineError::Fault(_))), "{refused:?}");
    assert!(bus.submit(2).unwrap().is_ok());
    bus.verify();
}
