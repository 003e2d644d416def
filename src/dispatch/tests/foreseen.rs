//! What is warned of before it is too late, from what waits in the queues.

use super::*;
use crate::domain::ladder::Impediment;
use crate::engine::Clock;
use crate::index::ClockMark;

const MINUTE: i64 = 60_000;
const HOUR_MS: i64 = 60 * MINUTE;
const DAY_MS: i64 = 24 * HOUR_MS;

/// An outlook, what it has warned of, and the clock.
struct Watch {
    outlook: Outlook,
    now_ms: i64,
    warned: Vec<(u64, Impediment)>,
}

impl Watch {
    /// It looks for the first time at an instant long after the first deliveries.
    fn new(desk: &Desk) -> Self {
        let outlook = Outlook::new(&Clock::sandbox(jiff::Timestamp::UNIX_EPOCH));
        let mut watch = Self { outlook, now_ms: 1_000 * DAY_MS, warned: Vec::new() };
        watch.look(desk, 0);
        watch
    }

    fn look(&mut self, desk: &Desk, later_ms: i64) {
        self.now_ms += later_ms;
        let found = self.outlook.look(&desk.dispatch, [PARTY].into_iter(), self.now_ms).unwrap();
        self.warned.extend(found.iter().map(|found| (found.delivery.0, found.impediment)));
    }

    /// Looks every few minutes for a while.
    fn pass(&mut self, desk: &Desk, span_ms: i64) {
        for _ in 0..span_ms / (5 * MINUTE) {
            self.look(desk, 5 * MINUTE);
        }
    }
}

impl Desk {
    /// Deliveries at these places with these due instants, each a record; the number of the first.
    fn add_all(&mut self, places: impl Iterator<Item = (i64, Option<i64>)>) -> u64 {
        let first = self.records + 1;
        let add = |(record, (order_ms, due_ms)): (u64, (i64, Option<i64>))| {
            let key = QueueKey { order_ms, sequence: Sequence(record) };
            let hop = "K21B-02".parse().unwrap();
            let mark = due_ms.map(|due_ms| ClockMark { place: 0, hop, opened_ms: 0, due_ms });
            QueueOp::AddDelivery { to: PARTY, key, case: case_of(key.sequence), mark }
        };
        let operations: Vec<_> = (first..).zip(places).map(add).collect();
        let change = |(record, operation): (u64, &QueueOp)| Change {
            applied: Applied { sequence: Sequence(record), hash: [0; 32] },
            request: None,
            case: None,
            queue: vec![*operation],
            enrolment: None,
            quota: Vec::new(),
            note: None,
        };
        let changes: Vec<_> = (first..).zip(&operations).map(change).collect();
        self.index.apply(&changes).unwrap();
        self.records += operations.len() as u64;
        self.dispatch.queues_changed(&operations);
        first
    }

    fn add_due(&mut self, due_ms: i64) -> u64 {
        self.add_all([(due_ms, Some(due_ms))].into_iter())
    }
}

#[test]
fn what_is_due_behind_thousands_that_are_overdue_is_warned_of() {
    let mut desk = Desk::new(16, 16);
    desk.add_all((0..3_000).map(|order_ms| (order_ms, (order_ms % 2 == 0).then_some(order_ms))));
    let mut watch = Watch::new(&desk);
    let due = desk.add_due(watch.now_ms + 2 * HOUR_MS);
    watch.pass(&desk, HOUR_MS - 5 * MINUTE);
    assert_eq!(watch.warned, []);
    watch.pass(&desk, 5 * MINUTE);
    assert_eq!(watch.warned, [(due, Impediment::Unreachable)]);
}

/// Terms end at midnight.
#[test]
fn thousands_that_are_due_at_one_instant_are_all_warned_of() {
    let mut desk = Desk::new(16, 16);
    let mut watch = Watch::new(&desk);
    let due_ms = watch.now_ms + 2 * HOUR_MS;
    let first = desk.add_all((0..3_000).map(|_| (due_ms, Some(due_ms))));
    watch.pass(&desk, HOUR_MS);
    (0..3).for_each(|_| watch.look(&desk, MINUTE));
    let mut warned: Vec<_> = watch.warned.iter().map(|(delivery, _)| *delivery).collect();
    warned.sort_unstable();
    warned.dedup();
    assert_eq!((warned.len(), warned.first().copied()), (3_000, Some(first)));
}

/// One act carried several hops, of which the first has no term.
#[test]
fn what_is_due_later_than_its_place_says_is_warned_of() {
    let mut desk = Desk::new(16, 16);
    let mut watch = Watch::new(&desk);
    let due = desk.add_all([(0, Some(watch.now_ms + 2 * HOUR_MS))].into_iter());
    watch.pass(&desk, HOUR_MS);
    assert_eq!(watch.warned, [(due, Impediment::Unreachable)]);
}

#[test]
fn a_receiver_that_is_there_and_takes_nothing_is_warned_of() {
    let mut desk = Desk::new(16, 16);
    let mut watch = Watch::new(&desk);
    let stream = desk.dispatch.open(PARTY, 10);
    let (soon_ms, late_ms) = (watch.now_ms + 2 * DAY_MS, watch.now_ms + 20 * DAY_MS);
    let (soon, late) = (desk.add_due(soon_ms), desk.add_due(late_ms));
    assert_eq!(all_now(&stream).len(), 2);
    watch.pass(&desk, DAY_MS - HOUR_MS);
    assert_eq!(watch.warned, []);
    watch.pass(&desk, 2 * HOUR_MS);
    let expected = (soon, Impediment::Unreachable);
    assert!(!watch.warned.is_empty() && watch.warned.iter().all(|warned| *warned == expected));
    watch.warned.clear();
    watch.pass(&desk, 9 * DAY_MS);
    assert!(watch.warned.iter().any(|(delivery, _)| *delivery == late));
}

/// It leaves one thing lying: what it takes meanwhile is not spoken of, nor what has just come.
#[test]
fn a_receiver_that_takes_what_comes_is_not_warned_of() {
    let mut desk = Desk::new(16, 16);
    let mut watch = Watch::new(&desk);
    desk.add(PARTY, 0);
    let stream = desk.dispatch.open(PARTY, 10);
    let left = all_now(&stream);
    assert_eq!(left.len(), 1);
    for _ in 0..10 {
        // Longer than what comes has time.
        watch.pass(&desk, 2 * DAY_MS);
        desk.add_due(watch.now_ms + HOUR_MS);
        watch.pass(&desk, 25 * MINUTE);
        let taken = now(&stream).unwrap();
        desk.acknowledge(PARTY, taken);
    }
    assert_eq!(watch.warned, []);
}

#[test]
fn time_in_which_the_bus_did_not_look_is_laid_to_nobody() {
    let mut desk = Desk::new(16, 16);
    let mut watch = Watch::new(&desk);
    let stream = desk.dispatch.open(PARTY, 10);
    desk.add_due(watch.now_ms + DAY_MS + HOUR_MS);
    assert_eq!(all_now(&stream).len(), 1);
    watch.look(&desk, DAY_MS);
    assert_eq!(watch.warned, []);
}

/// Another system of the same party takes what comes.
#[test]
fn what_a_stream_that_never_ends_keeps_is_warned_of() {
    let mut desk = Desk::new(16, 16);
    let mut watch = Watch::new(&desk);
    let (stuck, other) = (desk.dispatch.open(PARTY, 2), desk.dispatch.open(PARTY, 1));
    let kept = desk.add_due(watch.now_ms + 2 * DAY_MS);
    let behind = desk.add_due(watch.now_ms + 2 * DAY_MS);
    assert_eq!(all_now(&stuck).len(), 2);
    for _ in 0..12 {
        watch.pass(&desk, 2 * HOUR_MS);
        desk.add_due(watch.now_ms + DAY_MS);
        let taken = now(&other).unwrap();
        desk.acknowledge(PARTY, taken);
        assert_eq!(watch.warned, []);
    }
    watch.pass(&desk, HOUR_MS);
    let warned: Vec<_> = watch.warned.iter().map(|(delivery, _)| *delivery).collect();
    assert!(warned.contains(&kept) && warned.contains(&behind), "{warned:?}");
    drop((stuck, other));
}

/// It has a window full of them, and takes one at a time.
#[test]
fn what_a_stream_has_while_it_takes_what_is_before_it_is_not_warned_of() {
    let mut desk = Desk::new(64, 64);
    let mut watch = Watch::new(&desk);
    let stream = desk.dispatch.open(PARTY, 48);
    let due_ms = watch.now_ms + DAY_MS;
    desk.add_all((0..48).map(|_| (due_ms, Some(due_ms))));
    let all: Vec<_> = std::iter::from_fn(|| now(&stream)).collect();
    assert_eq!(all.len(), 48);
    for leased in all {
        watch.pass(&desk, 25 * MINUTE);
        desk.acknowledge(PARTY, leased);
    }
    assert_eq!(watch.warned, []);
}
