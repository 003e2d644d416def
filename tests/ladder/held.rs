//! The ladder of what is held: it runs on, over a stop of the bus and over an amended calendar, and
//! goes with the delivery to whom it is redirected.

use kopir::domain::{HeldBy, HeldReason, Hold, RequestId, Resolution, ResolveHeld, Sequence};
use kopir::engine::HeldTaken;

use super::*;

const OTHER_AKIMAT: &str = "akimat-kz-11";

impl bus::Bus {
    /// A party's system rejects what was sent last in a case.
    fn rejects(&mut self, by: &str, n: u8) -> Result<Result<HeldTaken, EngineError>, Dead> {
        let (case, delivery, by) = (self.case(n), self.last_act(n), self.number(by));
        let by = HeldBy::Receiver(by);
        let asked = Hold { case, delivery, by, reason: HeldReason::SystemFault, detail: None };
        self.asked(async move |engine| engine.reject(asked).await)
    }

    /// The committee redirects what is held of a case.
    fn redirects(&mut self, n: u8, to: &str) -> Result<Result<Sequence, EngineError>, Dead> {
        let asked = ResolveHeld {
            author: self.number(COMMITTEE),
            request: RequestId([0xd0 + n; 16]),
            fingerprint: [3; 32],
            case: self.case(n),
            delivery: self.last_act(n),
            party: None,
            resolution: Resolution::Redirected { to: self.number(to) },
            note: String::new(),
        };
        let answer = self.asked(async move |engine| engine.resolve_held(asked).await)?;
        Ok(answer.map(|taken| taken.sequence))
    }
}

/// A bus with a case that the committee has on its desk, held since Tuesday 7.
fn holding() -> bus::Bus {
    let mut bus = started("2021-09-06T10:00");
    bus.submit(1).unwrap().unwrap();
    bus.until("2021-09-07T10:00");
    bus.rejects(COMMITTEE, 1).unwrap().unwrap();
    bus
}

const TO: &str = "migration-committee quality-body mission-uz";

#[test]
fn the_term_of_what_is_held_runs_out_after_a_start_as_well() {
    for left in [Left::Whole, Left::Nothing] {
        let mut world = holding().dies(left);
        world.now = at("2021-09-07T12:00");
        let mut bus = world.start().ok().unwrap();
        let next = bus.next();
        bus.until("2021-09-14T12:00");
        let expected = [
            "09-09T09:00 half K21B-02 to take: migration-committee".to_owned(),
            "09-10T09:00 day-before K21B-02 to take: migration-committee quality-body".to_owned(),
            "09-13T09:00 due-morning K21B-02 to take: migration-committee quality-body".to_owned(),
            format!("09-14T01:00 due K21B-02 to take: {TO}"),
            format!("09-14T09:00 overdue-1 K21B-02 to take: {TO}"),
        ];
        assert_eq!(bus.said_since(next), expected, "{left:?}");
        bus.verify();
    }
}

#[test]
fn the_term_of_what_is_held_runs_out_over_an_amended_calendar() {
    let mut bus = holding();
    let next = bus.next();
    // Nothing of it lies in the term, so that the term itself stays.
    bus.amend("2021-09-22,Wed,holiday,fixed,Synthetic day,", "kz-sample.1").unwrap().unwrap();
    bus.until("2021-09-14T12:00");
    let said = bus.said_since(next);
    let breach = format!("09-14T01:00 due K21B-02 to take: {TO}");
    assert_eq!(said.iter().filter(|line| **line == breach).count(), 1, "{said:?}");
    assert_eq!(said.len(), 5, "{said:?}");
    bus.verify();
}

#[test]
fn what_ran_out_while_it_was_held_and_the_bus_away_is_said_at_the_start() {
    let mut world = holding().dies(Left::Whole);
    world.now = at("2021-09-14T02:00");
    let bus = world.start_after(Some("2021-09-07T10:00")).ok().unwrap();
    let breach = format!("09-14T01:00 due K21B-02 to take: {TO}");
    assert_eq!(bus.said().last(), Some(&breach));
    bus.verify();
}

/// A bus with a case that an akimat held on Wednesday 15 at eight; an hour later the day before was
/// said to it, and at ten the case was redirected.
fn redirected() -> bus::Bus {
    let mut bus = started("2021-09-06T10:00");
    bus.submit(1).unwrap().unwrap();
    bus.time("2021-09-09T08:59");
    bus.takes(COMMITTEE, 1).unwrap().unwrap();
    bus.time("2021-09-13T08:00");
    bus.acts(COMMITTEE, 1, Act::ForwardApplication, ActFacts::Dispatch).unwrap().unwrap();
    bus.time("2021-09-15T08:00");
    bus.rejects(AKIMAT, 1).unwrap().unwrap();
    bus.until("2021-09-15T09:30");
    let eve = "09-15T09:00 day-before K21B-03 to take: akimat-kz-55 migration-committee";
    assert_eq!(bus.said().last().map(String::as_str), Some(eve));
    bus.time("2021-09-15T10:00");
    bus.redirects(1, OTHER_AKIMAT).unwrap().unwrap();
    bus
}

#[test]
fn a_start_says_to_a_new_receiver_nothing_that_lay_behind_it() {
    let bus = redirected();
    let next = bus.next();
    let mut world = bus.dies(Left::Whole);
    world.now = at("2021-09-15T11:00");
    let mut bus = world.start().ok().unwrap();
    assert_eq!(bus.said_since(next), [""; 0]);
    bus.until("2021-09-16T10:00");
    let expected = "09-16T09:00 due-morning K21B-03 to take: akimat-kz-11 migration-committee";
    assert_eq!(bus.said_since(next), [expected]);
    bus.verify();
}

#[test]
fn a_new_receiver_is_warned_of_as_the_old_one_was() {
    let mut bus = sent_to_akimat();
    bus.warn(AKIMAT, 1, Impediment::Unreachable).unwrap();
    bus.rejects(AKIMAT, 1).unwrap().unwrap();
    bus.redirects(1, OTHER_AKIMAT).unwrap().unwrap();
    let next = bus.next();
    for _ in 0..2 {
        bus.warn(OTHER_AKIMAT, 1, Impediment::Unreachable).unwrap();
        let said = bus.said_since(next);
        assert_eq!(said.len(), 1, "{said:?}");
        assert!(said[0].contains("infeasible K21B-03 to take: akimat-kz-11"), "{said:?}");
    }
    bus.verify();
}

/// A bus with a case on its way to an akimat.
fn sent_to_akimat() -> bus::Bus {
    let mut bus = started("2021-09-06T10:00");
    bus.submit(1).unwrap().unwrap();
    bus.takes(COMMITTEE, 1).unwrap().unwrap();
    bus.acts(COMMITTEE, 1, Act::ForwardApplication, ActFacts::Dispatch).unwrap().unwrap();
    bus
}
