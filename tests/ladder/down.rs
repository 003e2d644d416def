//! The bus down over a weekend, a holiday and a due instant; dying at any group; unable to write.

use super::*;

/// A week of four cases in all kinds of states, each step of which can be asked for again.
#[derive(Debug, Clone, Copy)]
enum Step {
    Time(&'static str),
    Submit(u8),
    Takes(&'static str, u8),
    Sends(&'static str, u8, Act),
    /// A decision of so many days ago.
    Decides(u8, i8),
    Warn(u8),
    Amend,
}

const WEEK: &[Step] = &[
    Step::Submit(1),
    Step::Submit(2),
    Step::Takes(COMMITTEE, 1),
    Step::Time("2021-09-07T15:00"),
    Step::Submit(3),
    Step::Sends(COMMITTEE, 1, Act::ForwardApplication),
    Step::Takes(AKIMAT, 1),
    Step::Sends(AKIMAT, 1, Act::ReferToCommission),
    Step::Takes(COMMISSION, 1),
    // Half of the second case's term; the others' follow within the day.
    Step::Time("2021-09-09T09:00"),
    Step::Warn(2),
    Step::Takes(COMMITTEE, 3),
    Step::Time("2021-09-13T12:00"),
    Step::Submit(4),
    Step::Amend,
    Step::Sends(COMMITTEE, 3, Act::ForwardApplication),
    // The second case's term has run out; the first thing that is asked is what ends it.
    Step::Time("2021-09-15T10:00"),
    Step::Takes(COMMITTEE, 2),
    Step::Time("2021-09-20T14:00"),
    Step::Takes(AKIMAT, 3),
    // A decision of a week ago: the akimat's three days to send it were over before it was told.
    Step::Decides(1, 13),
    Step::Time("2021-09-30T18:00"),
    Step::Sends(AKIMAT, 1, Act::SendConsentDecision),
];

fn play(bus: &mut bus::Bus, step: Step) -> Result<(), Dead> {
    match step {
        Step::Time(now) => {
            bus.time(now);
            bus.sweep()
        }
        Step::Submit(n) => bus.submit(n).map(|answer| assert!(answer.is_ok(), "{answer:?}")),
        Step::Takes(by, n) => bus.takes(by, n).map(|answer| assert!(answer.is_ok(), "{answer:?}")),
        Step::Sends(by, n, act) => bus
            .acts(by, n, act, ActFacts::Dispatch)
            .map(|answer| assert!(answer.is_ok(), "{answer:?}")),
        Step::Decides(n, day) => {
            let facts = bus::consent(jiff::civil::date(2021, 9, day));
            let decided = bus.acts(COMMISSION, n, Act::RecordConsentDecision, facts)?;
            assert!(decided.is_ok(), "{decided:?}");
            Ok(())
        }
        Step::Warn(n) => bus.warn(COMMITTEE, n, Impediment::Unreachable),
        Step::Amend => {
            let day = "2021-09-22,Wed,holiday,fixed,Synthetic day,";
            bus.amend(day, "kz-sample.1").map(|answer| assert!(answer.is_ok(), "{answer:?}"))
        }
    }
}

/// Plays the week; whenever the bus dies, it is started again at the same instant and the step
/// that it died at is asked for once more. The journal, and how often it died.
fn played(mut world: World, left: Left) -> (World, usize) {
    let mut died = 0;
    let mut at = 0;
    loop {
        let mut bus = match world.start() {
            Ok(bus) => bus,
            Err(again) => {
                world = *again;
                died += 1;
                continue;
            }
        };
        loop {
            let Some(step) = WEEK.get(at) else { return (bus.verify(), died) };
            if play(&mut bus, *step).is_err() {
                break;
            }
            at += 1;
        }
        died += 1;
        world = bus.dies(left);
    }
}

#[test]
fn a_bus_that_dies_at_any_group_says_the_same_as_one_that_never_does() {
    let (world, died) = played(World::new("2021-09-06T10:00"), Left::Whole);
    assert_eq!(died, 0);
    let expected = world.journal();
    let said = expected.iter().filter(|(_, event)| matches!(event, Event::Notice(_))).count();
    assert!(said > 20, "{said}");
    // At each group; or at each, and then at the first ones that its next starts have to write.
    let all = [
        (FailedGroup::Lost, Left::Whole, false),
        (FailedGroup::Kept, Left::Behind, true),
        (FailedGroup::Lost, Left::Nothing, true),
        (FailedGroup::Kept, Left::Nothing, false),
    ];
    let mut deaths = 0;
    for (after, turn) in (0_u64..).zip((0..all.len()).cycle()) {
        let ways = if at_length() { &all[..] } else { &all[turn..=turn] };
        let before = deaths;
        for (kept, left, again) in ways.iter().copied() {
            let mut world = World::new("2021-09-06T10:00");
            world.kept = kept;
            world.deaths = if again { vec![after, 0, 1] } else { vec![after] };
            let (world, died) = played(world, left);
            deaths += died;
            let (journal, what) = (world.journal(), (after, kept, left));
            for (sequence, (record, expected)) in (1..).zip(journal.iter().zip(&expected)) {
                assert_eq!(record, expected, "record {sequence} after a death: {what:?}");
            }
            assert_eq!(journal.len(), expected.len(), "{what:?}");
        }
        if deaths == before {
            // So many groups are not written at all.
            assert!(after > 20, "{after}");
            break;
        }
    }
}

fn at_length() -> bool {
    std::env::var_os("KOPIR_LADDER_DEATHS").is_some()
}

#[test]
fn what_fell_due_while_the_bus_was_down_is_said_in_due_order_before_the_first_new_act() {
    // Constitution Day is Monday 30 August. The bus goes down on Thursday 26 in the evening and is
    // back on Thursday 2 September at noon.
    let mut bus = started("2021-08-23T10:00");
    bus.submit(1).unwrap().unwrap();
    bus.time("2021-08-24T10:00");
    bus.submit(2).unwrap().unwrap();
    bus.takes(COMMITTEE, 2).unwrap().unwrap();
    bus.until("2021-08-26T20:00");
    assert_eq!(bus.said(), ["08-26T09:00 half K21B-02 to take: migration-committee"]);
    let next = bus.next();
    let mut world = bus.dies(Left::Behind);
    world.now = at("2021-09-02T12:00");
    let mut bus = world.start_after(Some("2021-08-26T20:00")).ok().unwrap();
    let to = "migration-committee quality-body mission-uz";
    let expected = [
        // Of the committee's five days from Tuesday 24: 25 to 27, Tuesday 31, Wednesday 1.
        "08-27T09:00 day-before K21B-02 to take: migration-committee quality-body".to_owned(),
        "08-27T09:00 half K21B-03: migration-committee".to_owned(),
        "08-31T09:00 day-before K21B-03: migration-committee quality-body".to_owned(),
        "08-31T09:00 due-morning K21B-02 to take: migration-committee quality-body".to_owned(),
        format!("09-01T01:00 due K21B-02 to take: {to}"),
        "09-01T09:00 due-morning K21B-03: migration-committee quality-body".to_owned(),
        format!("09-01T09:00 overdue-1 K21B-02 to take: {to}"),
        format!("09-02T00:00 due K21B-03: {to}"),
        format!("09-02T09:00 overdue-1 K21B-03: {to}"),
        format!("09-02T09:00 overdue-2 K21B-02 to take: {to}"),
    ];
    let mut said = bus.said_since(next);
    // Rungs of one instant are one record, in no order of the law.
    said.sort();
    assert_eq!(said, expected);
    // The outage is the first record, and the reason of all of them.
    let outage = bus.recorded().into_iter().nth(next.0 as usize - 1).unwrap();
    let Event::BusOutage(away) = outage.event else { panic!("{outage:?}") };
    let span = (at("2021-08-26T20:00"), at("2021-09-02T12:00"));
    assert_eq!((away.from, away.until), span);
    let late: Vec<_> = bus.notices().into_iter().filter(|(place, ..)| *place > next).collect();
    let planned: Vec<_> = late.iter().map(|(_, _, notice)| almaty(notice.planned_at)).collect();
    assert!(planned.is_sorted_by(|one, other| one < other), "{planned:?}");
    for (_, recorded, notice) in &late {
        assert_eq!(*recorded, at("2021-09-02T12:00"));
        assert_eq!(notice.outage, Some(next), "{notice:?}");
    }
    // The breach tells how much of the time the bus was away.
    let fired = late.iter().flat_map(|(_, _, notice)| &notice.fired);
    let breaches: Vec<_> = fired.filter(|fired| fired.rung == Rung::Due).collect();
    let hours = |attribution: Attribution| {
        let Attribution { with_party_ms, in_bus_ms, awaiting_ms } = attribution;
        [with_party_ms, in_bus_ms, awaiting_ms].map(|ms| ms / HOUR_MS)
    };
    let attributions: Vec<_> = breaches.iter().filter_map(|breach| breach.attribution).collect();
    // From Thursday 26 at 20:00 to Wednesday 1 at 01:00, and to Thursday 2 at 00:00.
    let whole = [8 * 24 + 15, 8 * 24 + 14];
    let expected = [[0, 125, whole[0] - 125], [whole[1] - 148, 148, 0]];
    assert_eq!(attributions.into_iter().map(hours).collect::<Vec<_>>(), expected);
    // And only now something new.
    let act = bus.acts(COMMITTEE, 2, Act::ForwardApplication, ActFacts::Dispatch).unwrap().unwrap();
    assert!(late.iter().all(|(place, ..)| *place < act));
    // What is late from now on is not for the outage.
    let next = bus.next();
    bus.until("2021-09-03T10:00");
    let after = bus.notices().into_iter().filter(|(place, ..)| *place >= next);
    assert!(after.map(|(_, _, notice)| notice.outage).all(|outage| outage.is_none()));
    bus.verify();
}

#[test]
fn an_outage_with_nothing_due_is_recorded_and_a_short_pause_is_none() {
    let mut bus = started("2021-09-06T10:00");
    bus.submit(1).unwrap().unwrap();
    let next = bus.next();
    let mut world = bus.dies(Left::Whole);
    world.now = at("2021-09-06T10:01");
    let bus = world.start_after(Some("2021-09-06T10:01")).ok().unwrap();
    assert_eq!(bus.next(), next, "it was there all along");
    let mut world = bus.dies(Left::Whole);
    world.now = at("2021-09-06T23:00");
    let bus = world.start_after(Some("2021-09-06T10:02")).ok().unwrap();
    assert_eq!(bus.next().0, next.0 + 1);
    let outage = bus.recorded().pop().unwrap().event;
    assert!(matches!(outage, Event::BusOutage(away) if away.from == at("2021-09-06T10:02")));
    assert_eq!(bus.said(), [""; 0]);
    // Without a sign of life nobody knows how long it was away, and nothing is claimed.
    let mut world = bus.dies(Left::Nothing);
    world.now = at("2021-09-09T12:00");
    let bus = world.start().ok().unwrap();
    let (_, _, notice) = bus.notices().pop().unwrap();
    assert_eq!((almaty(notice.planned_at).as_str(), notice.outage), ("09-09T09:00", None));
    bus.verify();
}

#[test]
fn a_full_disk_keeps_the_ladder_where_it_was_and_it_is_said_later() {
    let mut bus = started("2021-09-06T10:00");
    bus.submit(1).unwrap().unwrap();
    bus.submit(2).unwrap().unwrap();
    bus.until("2021-09-09T10:00");
    let (before, next) = (bus.said(), bus.next());
    bus.world().store.set_full(true);
    for now in ["2021-09-10T10:00", "2021-09-13T10:00", "2021-09-14T02:00"] {
        bus.time(now);
        assert_eq!(bus.sweep(), Ok(()), "a full disk is no death");
        // Nothing overtakes what cannot be said, not even what needs no room of its own.
        let refused = bus.takes(COMMITTEE, 1).unwrap();
        assert!(matches!(refused, Err(EngineError::DiskFull)), "{refused:?}");
        let refused = bus.submit(3).unwrap();
        assert!(matches!(refused, Err(EngineError::DiskFull)), "{refused:?}");
        assert_eq!((bus.said(), bus.next()), (before.clone(), next));
    }
    bus.world().store.set_full(false);
    let taken = bus.takes(COMMITTEE, 1).unwrap().unwrap();
    let said: Vec<_> = bus.notices().into_iter().filter(|(place, ..)| *place >= next).collect();
    let planned: Vec<_> = said.iter().map(|(_, _, notice)| almaty(notice.planned_at)).collect();
    let expected = ["09-10T09:00", "09-13T09:00", "09-14T01:00", "09-14T02:00"];
    assert_eq!(planned, expected);
    assert!(said[..3].iter().all(|(place, ..)| *place < taken));
    for (_, _, notice) in &said[..3] {
        assert_eq!(notice.fired.len(), 2, "both cases");
    }
    assert_eq!(said[3].2.fired[0].rung, Rung::LateDischarge);
    bus.verify();
}

#[test]
fn a_disk_that_is_full_at_the_start_loses_neither_rung_nor_outage_and_doubles_none() {
    // The half of both cases was to be said; one was.
    let mut bus = started("2021-09-06T10:00");
    bus.submit(1).unwrap().unwrap();
    bus.submit(2).unwrap().unwrap();
    bus.until("2021-09-09T10:00");
    let mut left = bus.verify().journal();
    let Some((_, Event::Notice(notice))) = left.last_mut() else { panic!("{left:?}") };
    let rest = notice.fired.split_off(1);
    let mut world = World::of_journal(&left);
    world.now = at("2021-09-09T12:00");
    world.store.set_full(true);
    let mut bus = world.start_after(Some("2021-09-09T10:30")).ok().unwrap();
    let next = bus.next();
    bus.until("2021-09-10T12:00");
    assert_eq!(bus.next(), next);
    bus.world().store.set_full(false);
    bus.until("2021-09-10T13:00");
    let said: Vec<_> = bus.notices().into_iter().filter(|(place, ..)| *place >= next).collect();
    let fired: Vec<_> = said.iter().map(|(_, _, notice)| notice.fired.len()).collect();
    assert_eq!(fired, [1, 2], "{said:?}");
    assert_eq!(said[0].2.fired, rest);
    let outage = |recorded: kopir::engine::Recorded| {
        let Event::BusOutage(away) = recorded.event else { return None };
        Some((away.from, away.until))
    };
    let outages: Vec<_> = bus.recorded().into_iter().filter_map(outage).collect();
    assert_eq!(outages, [(at("2021-09-09T10:30"), at("2021-09-10T13:00"))]);
    bus.verify();
}

#[test]
fn a_full_disk_that_refuses_an_act_leaves_its_clocks_out_of_the_ladder() {
    let mut bus = started("2021-09-06T10:00");
    bus.submit(1).unwrap().unwrap();
    bus.world().store.set_full(true);
    assert!(bus.submit(2).unwrap().is_err());
    assert!(bus.takes(COMMITTEE, 1).unwrap().is_err());
    bus.world().store.set_full(false);
    bus.until("2021-09-09T10:00");
    assert_eq!(bus.said(), ["09-09T09:00 half K21B-02 to take: migration-committee"]);
    bus.verify();
}

#[test]
fn half_of_the_rungs_of_an_instant_durable_are_half_left_to_say() {
    // What a bus leaves that died between two groups of one instant, whose rungs filled more than
    // one: the journal up to the first of them.
    let mut bus = started("2021-09-06T10:00");
    for n in 1..=4 {
        bus.submit(n).unwrap().unwrap();
    }
    bus.until("2021-09-14T02:00");
    let world = bus.verify();
    let whole = world.journal();
    let is_cut = |event: &Event| matches!(event, Event::Notice(notice) if notice.fired.len() == 4);
    let cuts: Vec<_> = (0..whole.len()).filter(|at| is_cut(&whole[*at].1)).collect();
    assert_eq!(cuts.len(), 4);
    for cut in cuts {
        let mut left: Vec<_> = whole[..=cut].to_vec();
        let Event::Notice(notice) = &mut left[cut].1 else { unreachable!() };
        let rest = notice.fired.split_off(2);
        let mut again = World::of_journal(&left);
        again.now = at("2021-09-14T02:00");
        let bus = again.start().ok().unwrap();
        let (_, _, first) = bus.notices().into_iter().nth(cuts_before(&left)).unwrap();
        assert_eq!(first.fired, rest, "what was left of the instant, and nothing else of it");
        let all: BTreeSet<_> = bus.said().into_iter().collect();
        let expected = whole.iter().filter_map(|(_, event)| {
            let Event::Notice(notice) = event else { return None };
            Some(notice.fired.len())
        });
        let said: usize = bus.notices().iter().map(|(_, _, notice)| notice.fired.len()).sum();
        assert_eq!(said, expected.sum::<usize>(), "{all:?}");
        bus.verify();
    }
}

/// The notices of a journal.
fn cuts_before(journal: &[(jiff::Timestamp, Event)]) -> usize {
    journal.iter().filter(|(_, event)| matches!(event, Event::Notice(_))).count()
}

#[test]
fn a_clock_that_began_after_its_due_instant_is_breached_at_once_and_once() {
    let mut bus = started("2021-09-06T10:00");
    for step in &WEEK[..9] {
        play(&mut bus, if let Step::Submit(2 | 3) = step { Step::Submit(4) } else { *step })
            .unwrap();
    }
    bus.until("2021-09-20T14:00");
    let next = bus.next();
    // Decided on Monday 13: the akimat's three days to send it ended with Thursday 16.
    play(&mut bus, Step::Decides(1, 13)).unwrap();
    let said = bus.said_since(next);
    let breach =
        "09-20T14:00 due K21B-06: akimat-kz-55 migration-committee commission-kz-55 quality-body";
    assert!(said.iter().any(|line| line == breach), "{said:?}");
    let records = bus.recorded();
    let Event::Act(_) = records[next.0 as usize - 1].event else { panic!("{records:?}") };
    let (place, _, notice) = bus.notices().pop().unwrap();
    assert_eq!(place.0, next.0 + 1, "in the group that began it");
    let breach = notice.fired.iter().find(|fired| fired.rung == Rung::Due).unwrap();
    assert_eq!(breach.due_at, at("2021-09-17T00:00"));
    // Its overdue days begin with the next one, and a start says none of those that lie behind.
    let next = bus.next();
    let mut world = bus.dies(Left::Nothing);
    world.now = at("2021-09-21T12:00");
    let bus = world.start().ok().unwrap();
    let of_it = |line: &String| line.contains("K21B-06");
    let said: Vec<_> = bus.said_since(next).into_iter().filter(of_it).collect();
    let to = "akimat-kz-55 migration-committee commission-kz-55";
    assert_eq!(said, [format!("09-21T09:00 overdue-3 K21B-06: {to}")]);
    bus.verify();
}

#[test]
fn a_bus_that_dies_after_enrolling_a_party_tells_of_the_outage_at_its_next_start() {
    let mut world = World::new("2021-09-06T10:00");
    let all = world.parties.clone();
    let fewer: Vec<_> =
        all.iter().filter(|party| party.id.as_str() != "labour-exchange").cloned().collect();
    world.parties = kopir::domain::party::Parties::new(fewer).unwrap();
    let mut bus = world.start().ok().unwrap();
    bus.submit(1).unwrap().unwrap();
    let mut world = bus.dies(Left::Whole);
    world.parties = all;
    world.now = at("2021-09-14T02:00");
    // The party is enrolled, and nothing else.
    world.deaths = vec![1];
    let mut world = *world.start_after(Some("2021-09-06T10:00")).err().unwrap();
    assert!(matches!(world.journal().last(), Some((_, Event::PartyEnrolled(_)))));
    world.now = at("2021-09-14T03:00");
    let bus = world.start_after(Some("2021-09-06T10:00")).ok().unwrap();
    let fired = bus.notices().into_iter().flat_map(|(_, _, notice)| notice.fired);
    let breach = fired.into_iter().find(|fired| fired.rung == Rung::Due).unwrap();
    assert_eq!(breach.attribution.unwrap().in_bus_ms, (7 * 24 + 15) * HOUR_MS);
    let is_outage = |event: &Event| matches!(event, Event::BusOutage(away) if away.from == at("2021-09-06T10:00"));
    assert_eq!(bus.recorded().iter().filter(|each| is_outage(&each.event)).count(), 1);
    bus.verify();
}

#[test]
fn what_is_said_late_does_not_take_the_ladder_back() {
    let mut bus = started("2021-09-06T10:00");
    bus.submit(1).unwrap().unwrap();
    bus.until("2021-09-13T12:00");
    let mut journal = bus.verify().journal();
    // A rung of an earlier instant, said after the others.
    let is_half = |event: &Event| matches!(event, Event::Notice(notice) if notice.fired[0].rung == Rung::Half);
    let (_, half) = journal.iter().find(|(_, event)| is_half(event)).unwrap().clone();
    let last = journal.last().unwrap().0;
    journal.push((last, half));
    let mut world = World::of_journal(&journal);
    world.now = at("2021-09-13T12:00");
    let bus = world.start().ok().unwrap();
    let swept = bus.engine().index().swept().unwrap();
    assert_eq!(swept, Some(at("2021-09-13T09:00").as_millisecond()));
}
