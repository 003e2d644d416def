//! What moves a ladder beside time: an amended calendar, a clock that was set, warnings, and the
//! parties that take their notices.

use super::*;

#[test]
fn an_amended_calendar_moves_the_rungs_that_lie_ahead() {
    let mut bus = started("2021-09-06T10:00");
    bus.submit(1).unwrap().unwrap();
    bus.takes(COMMITTEE, 1).unwrap().unwrap();
    bus.time("2021-09-07T10:00");
    // Friday 10 is off: five working days from Monday 6 end with Tuesday 14.
    let clocks = bus.amend("2021-09-10,Fri,holiday,fixed,Synthetic day,", "kz-sample.1").unwrap();
    assert!(clocks.unwrap() > 0);
    bus.until("2021-09-16T12:00");
    let to = "migration-committee quality-body";
    let expected = [
        "09-09T09:00 half K21B-03: migration-committee".to_owned(),
        format!("09-13T09:00 day-before K21B-03: {to}"),
        format!("09-14T09:00 due-morning K21B-03: {to}"),
        format!("09-15T00:00 due K21B-03: {to} mission-uz"),
        format!("09-15T09:00 overdue-1 K21B-03: {to} mission-uz"),
        format!("09-16T09:00 overdue-2 K21B-03: {to} mission-uz"),
    ];
    assert_eq!(bus.said(), expected);
    bus.verify();
}

#[test]
fn an_amendment_that_ends_a_term_at_once_is_a_breach_at_once() {
    let mut bus = started("2021-09-06T10:00");
    bus.submit(1).unwrap().unwrap();
    bus.takes(COMMITTEE, 1).unwrap().unwrap();
    // Known only on Monday 13: Saturday 11 was a working day, so that the term ended with it.
    bus.until("2021-09-13T12:00");
    let next = bus.next();
    bus.amend("2021-09-11,Sat,working_weekend,fixed,Working day moved,", "kz-sample.1")
        .unwrap()
        .unwrap();
    let to = "migration-committee quality-body mission-uz";
    assert_eq!(bus.said_since(next), [format!("09-13T12:00 due K21B-03: {to}")]);
    let breach = bus.notices().pop().unwrap().2.fired.pop().unwrap();
    assert_eq!(breach.due_at, at("2021-09-12T00:00"));
    // Neither a later turn nor another start says it again.
    let next = bus.next();
    bus.until("2021-09-13T18:00");
    let bus = bus.dies(Left::Behind).start().ok().unwrap();
    assert_eq!(bus.said_since(next), [""; 0]);
    bus.verify();
}

#[test]
fn a_clock_set_back_says_nothing_early_and_nothing_twice() {
    let mut bus = started("2021-09-06T10:00");
    bus.submit(1).unwrap().unwrap();
    bus.until("2021-09-10T12:00");
    let before = bus.said();
    assert_eq!(before.len(), 2);
    bus.turn_the_clock_to("2021-09-07T10:00");
    bus.sweep().unwrap();
    bus.submit(2).unwrap().unwrap();
    assert_eq!(bus.said(), before);
    // It goes on where it was: at the last record's time, until the clock is there again.
    let (last, earlier) = (bus.recorded().pop().unwrap(), at("2021-09-10T12:00"));
    assert_eq!(last.at, earlier);
    // The same over a start.
    let mut world = bus.dies(Left::Nothing);
    world.now = at("2021-09-08T10:00");
    let mut bus = world.start_after(Some("2021-09-10T12:00")).ok().unwrap();
    assert_eq!(bus.said(), before);
    bus.until("2021-09-13T09:00");
    let expected = "09-13T09:00 due-morning K21B-02 to take: migration-committee quality-body";
    assert_eq!(bus.said()[2..], [expected]);
    bus.verify();
}

#[test]
fn a_clock_two_years_ahead_says_everything_once_and_in_order() {
    let mut bus = started("2021-09-06T10:00");
    bus.submit(1).unwrap().unwrap();
    bus.until("2023-09-06T10:00");
    let said = bus.said();
    assert!(said.len() > 450, "{}", said.len());
    assert!(said.last().unwrap().contains("overdue-"));
    let next = bus.next();
    bus.turn_the_clock_to("2021-09-06T11:00");
    bus.sweep().unwrap();
    assert_eq!(bus.next(), next);
    bus.verify();
}

#[test]
fn a_warning_goes_out_at_once_and_once_for_its_due_instant() {
    let mut bus = started("2021-09-06T10:00");
    bus.submit(1).unwrap().unwrap();
    bus.time("2021-09-06T14:00");
    bus.warn(COMMITTEE, 1, Impediment::Backlog).unwrap();
    let to = "migration-committee quality-body mission-uz";
    let expected = [format!("09-06T14:00 infeasible K21B-02 to take: {to}")];
    assert_eq!(bus.said(), expected);
    let fired = bus.notices().pop().unwrap().2.fired.pop().unwrap();
    assert_eq!(fired.impediment, Some(Impediment::Backlog));
    // Not again, whatever the reason, nor after another start.
    bus.warn(COMMITTEE, 1, Impediment::Unreachable).unwrap();
    let mut bus = bus.dies(Left::Behind).start().ok().unwrap();
    bus.warn(COMMITTEE, 1, Impediment::Unreachable).unwrap();
    assert_eq!(bus.said(), expected);
    // Nor of whom it does not concern.
    bus.warn(AKIMAT, 1, Impediment::Unreachable).unwrap();
    assert_eq!(bus.said(), expected);
    // Not of what has run out, nor of what has arrived.
    bus.until("2021-09-15T12:00");
    let before = bus.said().len();
    bus.warn(COMMITTEE, 1, Impediment::Unreachable).unwrap();
    bus.takes(COMMITTEE, 1).unwrap().unwrap();
    bus.warn(COMMITTEE, 1, Impediment::Unreachable).unwrap();
    assert_eq!(bus.said().len(), before + 1, "the late discharge alone");
    bus.verify();
}

/// A bus that has said half of a term to the committee, at this place.
fn with_notice() -> (bus::Bus, Sequence) {
    let mut bus = started("2021-09-06T10:00");
    bus.submit(1).unwrap().unwrap();
    bus.until("2021-09-10T10:00");
    let (notice, ..) = bus.notices().pop().unwrap();
    bus.fold();
    (bus, notice)
}

#[test]
fn a_notice_is_taken_once_by_each_party_it_tells() {
    let (mut bus, notice) = with_notice();
    let waits = |bus: &bus::Bus, party: &str| {
        bus.fold();
        let inbox = bus.engine().index().deliveries(bus.number(party), None, 100).unwrap();
        inbox.iter().any(|delivery| delivery.key.sequence == notice)
    };
    assert!(waits(&bus, COMMITTEE) && waits(&bus, "quality-body") && !waits(&bus, MISSION));
    let next = bus.next();
    let first = bus.takes_notice(COMMITTEE, notice).unwrap().unwrap();
    assert_eq!(first.sequence, next);
    assert!(!waits(&bus, COMMITTEE) && waits(&bus, "quality-body"));
    // Again, at once and later, it is the same receipt.
    for _ in 0..2 {
        let again = bus.takes_notice(COMMITTEE, notice).unwrap().unwrap();
        assert_eq!((again.sequence, again.at, again.hash), (first.sequence, first.at, first.hash));
        bus.fold();
    }
    assert_eq!(bus.next().0, next.0 + 1);
    let mut bus = bus.dies(Left::Nothing).start().ok().unwrap();
    let again = bus.takes_notice(COMMITTEE, notice).unwrap().unwrap();
    assert_eq!(again.sequence, first.sequence);
    // The other party's is its own; a third has none, and an act is no notice.
    let other = bus.takes_notice("quality-body", notice).unwrap().unwrap();
    assert_eq!(other.sequence.0, first.sequence.0 + 1);
    assert!(bus.takes_notice(MISSION, notice).unwrap().is_err());
    let act = bus.last_act(1);
    assert!(bus.takes_notice(COMMITTEE, act).unwrap().is_err());
    assert!(bus.takes_notice(COMMITTEE, Sequence(9_999)).unwrap().is_err());
    bus.verify();
}

#[test]
fn two_receipts_of_one_notice_in_one_turn_are_one_record() {
    let (mut bus, notice) = with_notice();
    let next = bus.next();
    let both = bus.take_notice_twice(COMMITTEE, notice).unwrap();
    assert_eq!(both[0].as_ref().unwrap().sequence, next);
    assert_eq!(both[1].as_ref().unwrap().sequence, next);
    assert_eq!(bus.next().0, next.0 + 1);
    bus.verify();
}

#[test]
fn a_repeated_receipt_of_a_system_that_acts_for_another_takes_no_notice_of_the_other() {
    let mut world = World::new("2021-09-06T10:00");
    // The akimat's system reads for its commission, which has none.
    let mut members: Vec<_> = world.parties.iter().cloned().collect();
    for party in &mut members {
        if party.id.as_str() == AKIMAT {
            party.acts_for.push(COMMISSION.parse().unwrap());
        }
        if party.id.as_str() == COMMISSION {
            party.identities.clear();
        }
    }
    world.parties = kopir::domain::party::Parties::new(members).unwrap();
    let mut bus = world.start().ok().unwrap();
    bus.submit(1).unwrap().unwrap();
    bus.takes(COMMITTEE, 1).unwrap().unwrap();
    bus.acts(COMMITTEE, 1, Act::ForwardApplication, ActFacts::Dispatch).unwrap().unwrap();
    bus.takes(AKIMAT, 1).unwrap().unwrap();
    bus.acts(AKIMAT, 1, Act::ReferToCommission, ActFacts::Dispatch).unwrap().unwrap();
    bus.until("2021-09-08T12:00");
    let expected = "09-08T09:00 day-before K21B-04 to take: commission-kz-55 akimat-kz-55";
    assert_eq!(bus.said(), [expected]);
    let (notice, ..) = bus.notices().pop().unwrap();
    bus.fold();
    let own = bus.takes_notice(AKIMAT, notice).unwrap().unwrap();
    assert_eq!(own.party, bus.number(AKIMAT));
    // Its answer was lost: asked again, it is the same, before the index has it and after.
    for _ in 0..2 {
        let again = bus.takes_notice(AKIMAT, notice).unwrap().unwrap();
        assert_eq!((again.party, again.sequence), (own.party, own.sequence));
        bus.fold();
    }
    let other = bus.takes_notice(COMMISSION, notice).unwrap().unwrap();
    assert_eq!(other.party, bus.number(COMMISSION));
    assert_eq!(other.sequence.0, own.sequence.0 + 1);
    bus.fold();
    for party in [AKIMAT, COMMISSION] {
        let inbox = bus.engine().index().deliveries(bus.number(party), None, 100).unwrap();
        assert!(inbox.iter().all(|delivery| delivery.key.sequence != notice), "{party}");
    }
    // Both are taken: a repeat tells of its own.
    let again = bus.takes_notice(AKIMAT, notice).unwrap().unwrap();
    assert_eq!(again.sequence, own.sequence);
    bus.verify();
}

#[test]
fn ways_beside_the_inbox_wait_until_they_are_sent_or_given_up() {
    use kopir::domain::ladder::{Channel, NoticeSent, Sent};
    use kopir::index::Outgoing;
    let mut world = World::new("2021-09-06T10:00");
    let wants = vec![(Channel::Email, Rungs::ALL), (Channel::Webhook, Rungs::of(&[Rung::Due]))];
    world.ladder.channels.insert(COMMITTEE.parse().unwrap(), wants);
    let mut bus = world.start().ok().unwrap();
    bus.submit(1).unwrap().unwrap();
    bus.until("2021-09-09T10:00");
    bus.fold();
    let (notice, _, half) = bus.notices().pop().unwrap();
    let party = bus.number(COMMITTEE);
    assert_eq!(half.channels, [(party, Channel::Email)]);
    let letter = Outgoing { notice, party, channel: Channel::Email };
    let waiting = |bus: &bus::Bus| bus.engine().index().outgoing(None, 10).unwrap();
    assert_eq!(waiting(&bus), [letter]);
    let sent = NoticeSent { notice, party, channel: Channel::Email, outcome: Sent::Taken };
    assert!(bus.sent(sent).unwrap().is_ok());
    // A second time changes nothing, before the index has it and after.
    assert!(bus.sent(sent).unwrap().is_err());
    bus.fold();
    assert!(bus.sent(sent).unwrap().is_err());
    assert_eq!(waiting(&bus), []);
    let mut bus = bus.dies(Left::Nothing).start().ok().unwrap();
    bus.until("2021-09-14T02:00");
    bus.fold();
    let ways: Vec<_> = waiting(&bus).into_iter().map(|each| each.channel).collect();
    let (letter, call) = (Channel::Email, Channel::Webhook);
    assert_eq!(ways, [letter, letter, letter, call], "day before, due morning, the breach");
    let breach = waiting(&bus)[3];
    let given_up = NoticeSent {
        notice: breach.notice,
        party: breach.party,
        channel: breach.channel,
        outcome: Sent::GivenUp,
    };
    bus.sent(given_up).unwrap().unwrap();
    bus.fold();
    assert_eq!(waiting(&bus).len(), 3);
    bus.verify();
}
