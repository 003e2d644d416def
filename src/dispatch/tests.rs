//! Windows, leases and order, against a real index.

mod foreseen;
mod model;
mod taken;
mod untaken;

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use tempfile::TempDir;

use super::*;
use crate::index::{Applied, Change, IndexOptions};

const PARTY: PartyNumber = PartyNumber(1);
const OTHER: PartyNumber = PartyNumber(2);
const HOUR: Duration = Duration::from_secs(3600);
/// Longer than the leases of the tests, so that only the test of it sees a stream fall silent.
const DAY: Duration = Duration::from_secs(24 * 3600);

/// Hand-outs that may fail before a delivery is suspected.
const MAX_FAILED: u32 = 20;

/// An index, the delivery on it, and what has been put into its queues.
struct Desk {
    _dir: TempDir,
    index: Index,
    dispatch: Dispatch,
    records: u64,
}

impl Desk {
    fn new(max_ready: usize, max_leased: usize) -> Self {
        let dir = TempDir::new().unwrap();
        let index = Index::open(dir.path(), &IndexOptions::default()).unwrap().index;
        let options = DispatchOptions {
            max_ready_per_party: max_ready,
            max_leased_per_party: max_leased,
            max_stream_silence: DAY,
            max_failed_attempts: MAX_FAILED,
        };
        let dispatch = Dispatch::new(index.clone(), options);
        Self { _dir: dir, index, dispatch, records: 0 }
    }

    /// The next record changes the queues, as the follower has it: first the index, then delivery.
    fn record(&mut self, operations: Vec<QueueOp>) {
        self.apply(operations.clone());
        self.dispatch.queues_changed(&operations);
    }

    /// The index has it; delivery is yet to be told.
    fn apply(&mut self, queue: Vec<QueueOp>) {
        self.records += 1;
        let applied = Applied { sequence: Sequence(self.records), hash: [0; 32] };
        let (quota, note) = (Vec::new(), None);
        let change =
            Change { applied, request: None, case: None, queue, enrolment: None, quota, note };
        self.index.apply(&[change]).unwrap();
    }

    /// An act for `party`, due at `order_ms`; its sequence.
    fn add(&mut self, party: PartyNumber, order_ms: i64) -> u64 {
        let key = QueueKey { order_ms, sequence: Sequence(self.records + 1) };
        self.record(vec![QueueOp::AddDelivery {
            to: party,
            key,
            case: case_of(key.sequence),
            mark: None,
        }]);
        self.records
    }

    /// The acknowledgement of a delivery became durable and reached the index.
    fn acknowledge(&mut self, party: PartyNumber, leased: Leased) {
        self.settle(party, leased.sequence);
        self.fold(party, leased);
    }

    /// The acknowledgement is durable, as the next record.
    fn settle(&self, party: PartyNumber, delivery: Sequence) {
        self.settle_as(party, delivery, self.records + 1);
    }

    /// The same, as a given record.
    fn settle_as(&self, party: PartyNumber, delivery: Sequence, record: u64) {
        self.dispatch.settled(party, delivery, Sequence(record));
    }

    /// It has reached the index.
    fn fold(&mut self, party: PartyNumber, leased: Leased) {
        let taken = Some(Sequence(self.records + 1));
        self.record(vec![QueueOp::RemoveDelivery { to: party, key: key_of(leased), taken }]);
    }

    fn fetch(&self, max: usize) -> Vec<Leased> {
        self.dispatch.fetch(PARTY, max, HOUR).unwrap()
    }
}

fn case_of(sequence: Sequence) -> CaseId {
    CaseId(u128::from(sequence.0).to_be_bytes())
}

fn key_of(leased: Leased) -> QueueKey {
    QueueKey { order_ms: leased.order_ms, sequence: leased.sequence }
}

fn sequences(leased: &[Leased]) -> Vec<u64> {
    leased.iter().map(|leased| leased.sequence.0).collect()
}

/// What a stream gives without waiting.
fn now(stream: &InboxStream) -> Option<Leased> {
    let mut context = Context::from_waker(Waker::noop());
    match pin!(stream.next()).poll(&mut context) {
        Poll::Ready(leased) => Some(leased.unwrap()),
        Poll::Pending => None,
    }
}

fn all_now(stream: &InboxStream) -> Vec<u64> {
    std::iter::from_fn(|| now(stream)).map(|leased| leased.sequence.0).collect()
}

#[test]
fn the_earliest_due_leaves_first_and_ties_leave_in_journal_order() {
    let mut desk = Desk::new(100, 100);
    for order_ms in [50, 10, 50, -5, 10, i64::MAX, i64::MIN] {
        desk.add(PARTY, order_ms);
    }
    let stream = desk.dispatch.open(PARTY, 100);
    assert_eq!(all_now(&stream), [7, 4, 2, 5, 1, 3, 6]);
}

#[test]
fn what_comes_later_and_is_due_earlier_overtakes() {
    let mut desk = Desk::new(100, 100);
    desk.add(PARTY, 10);
    desk.add(PARTY, 20);
    let stream = desk.dispatch.open(PARTY, 100);
    assert_eq!(now(&stream).unwrap().sequence.0, 1);
    desk.add(PARTY, 15);
    assert_eq!(all_now(&stream), [3, 2]);
}

#[test]
fn a_window_takes_no_more_than_it_holds() {
    let mut desk = Desk::new(100, 100);
    for _ in 0..5 {
        desk.add(PARTY, 0);
    }
    let stream = desk.dispatch.open(PARTY, 2);
    let first = now(&stream).unwrap();
    assert_eq!(now(&stream).unwrap().sequence.0, 2);
    assert_eq!(now(&stream), None);
    assert_eq!((stream.in_flight(), desk.dispatch.leased_count(PARTY)), (2, 2));
    desk.settle(PARTY, first.sequence);
    assert_eq!(stream.in_flight(), 1);
    assert_eq!(all_now(&stream), [3]);
}

#[test]
fn a_party_never_holds_more_than_its_bound_over_all_streams() {
    let mut desk = Desk::new(100, 3);
    for _ in 0..6 {
        desk.add(PARTY, 0);
    }
    let (one, two) = (desk.dispatch.open(PARTY, 2), desk.dispatch.open(PARTY, 2));
    assert_eq!(all_now(&one), [1, 2]);
    assert_eq!(all_now(&two), [3]);
    assert!(desk.fetch(10).is_empty());
    drop(one);
    assert_eq!(all_now(&two), [1]);
    assert_eq!(sequences(&desk.fetch(10)), [2]);
}

#[test]
fn a_closed_stream_frees_what_it_holds_with_its_place_and_its_attempts() {
    let mut desk = Desk::new(100, 100);
    for _ in 0..3 {
        desk.add(PARTY, 0);
    }
    for attempt in 1..=4 {
        let stream = desk.dispatch.open(PARTY, 2);
        let taken = [now(&stream).unwrap(), now(&stream).unwrap()];
        assert_eq!(sequences(&taken), [1, 2]);
        assert!(taken.iter().all(|leased| leased.attempt == attempt));
    }
    assert_eq!(desk.dispatch.leased_count(PARTY), 0);
    let leased = desk.fetch(10);
    assert_eq!(leased.iter().map(|leased| leased.attempt).collect::<Vec<_>>(), [5, 5, 1]);
}

#[test]
fn a_settled_delivery_never_comes_back_however_late_the_index_drops_it() {
    let mut desk = Desk::new(100, 100);
    desk.add(PARTY, 0);
    let stream = desk.dispatch.open(PARTY, 1);
    let taken = now(&stream).unwrap();
    desk.settle(PARTY, taken.sequence);
    // The stream closes and another reads the queue before the index has caught up.
    drop(stream);
    let stream = desk.dispatch.open(PARTY, 1);
    assert_eq!(now(&stream), None);
    desk.acknowledge(PARTY, taken);
    assert_eq!(now(&stream), None);
    assert_eq!(desk.dispatch.leased_count(PARTY), 0);
}

#[test]
fn an_acknowledgement_after_the_end_of_the_lease_takes_the_delivery_out() {
    let mut desk = Desk::new(100, 100);
    desk.add(PARTY, 0);
    let taken = desk.fetch(1)[0];
    desk.dispatch.expire(Instant::now() + HOUR + Duration::from_secs(1));
    // Free again, and acknowledged by whoever had it.
    desk.settle(PARTY, taken.sequence);
    assert!(desk.fetch(1).is_empty());
    // The same while another holds it already.
    desk.add(PARTY, 0);
    let taken = desk.fetch(1)[0];
    desk.dispatch.expire(Instant::now() + HOUR + Duration::from_secs(1));
    let stream = desk.dispatch.open(PARTY, 1);
    assert_eq!(now(&stream).unwrap().attempt, 2);
    desk.settle(PARTY, taken.sequence);
    assert_eq!((stream.in_flight(), now(&stream)), (0, None));
}

#[tokio::test(start_paused = true)]
async fn a_lease_holds_to_its_end_and_no_longer() {
    let mut desk = Desk::new(100, 100);
    desk.add(PARTY, 0);
    desk.add(PARTY, 0);
    let lease = Duration::from_secs(5);
    let short = desk.dispatch.fetch(PARTY, 1, lease).unwrap();
    let long = desk.dispatch.fetch(PARTY, 1, lease * 2).unwrap();
    assert_eq!((sequences(&short), sequences(&long)), (vec![1], vec![2]));
    tokio::time::advance(lease - Duration::from_millis(1)).await;
    desk.dispatch.expire(Instant::now());
    assert!(desk.fetch(10).is_empty());
    tokio::time::advance(Duration::from_millis(1)).await;
    desk.dispatch.expire(Instant::now());
    let again = desk.dispatch.fetch(PARTY, 10, lease).unwrap();
    assert_eq!((sequences(&again), again[0].attempt), (vec![1], 2));
    tokio::time::advance(lease).await;
    desk.dispatch.expire(Instant::now());
    assert_eq!(sequences(&desk.fetch(10)), [1, 2]);
}

#[tokio::test]
async fn a_waiting_stream_wakes_for_a_delivery_for_room_and_for_what_is_let_go() {
    let mut desk = Desk::new(100, 100);
    let dispatch = desk.dispatch.clone();
    let (one, two) = (dispatch.open(PARTY, 1), dispatch.open(PARTY, 1));
    let mut context = Context::from_waker(Waker::noop());
    let mut waiting = Box::pin(one.next());
    assert!(waiting.as_mut().poll(&mut context).is_pending());
    desk.add(PARTY, 0);
    let taken = waiting.await.unwrap();

    let mut for_room = Box::pin(one.next());
    let mut for_another = Box::pin(two.next());
    assert!(for_room.as_mut().poll(&mut context).is_pending());
    assert!(for_another.as_mut().poll(&mut context).is_pending());
    desk.add(PARTY, 0);
    let other = for_another.await.unwrap();
    assert_eq!(other.sequence.0, 2);
    desk.acknowledge(PARTY, taken);
    assert!(for_room.as_mut().poll(&mut context).is_pending());
    drop(two);
    let again = for_room.await.unwrap();
    assert_eq!((again.sequence.0, again.attempt), (2, 2));
}

#[test]
fn a_wait_that_is_dropped_loses_no_delivery() {
    let mut desk = Desk::new(100, 100);
    let stream = desk.dispatch.open(PARTY, 10);
    for _ in 0..5 {
        let mut waiting = Box::pin(stream.next());
        let mut context = Context::from_waker(Waker::noop());
        assert!(waiting.as_mut().poll(&mut context).is_pending());
    }
    desk.add(PARTY, 0);
    assert_eq!(all_now(&stream), [1]);
}

#[test]
fn a_backlog_beyond_the_ready_set_leaves_whole_and_in_order() {
    let mut desk = Desk::new(4, 100);
    for at in 0..50 {
        desk.add(PARTY, 1000 - at % 7);
    }
    let stream = desk.dispatch.open(PARTY, 3);
    let mut left = Vec::new();
    while let Some(taken) = now(&stream) {
        left.push((taken.order_ms, taken.sequence.0));
        desk.acknowledge(PARTY, taken);
    }
    assert_eq!(left.len(), 50);
    assert!(left.is_sorted());
}

#[test]
fn a_page_of_the_queue_that_is_all_on_lease_does_not_hide_what_comes_after_it() {
    let mut desk = Desk::new(2, 100);
    for order_ms in 10..15 {
        desk.add(PARTY, order_ms);
    }
    // Four are on lease; two that are due earlier come, with one more than is kept ready, so that
    // the queue is read again from before the four.
    let holder = desk.dispatch.open(PARTY, 4);
    assert_eq!(all_now(&holder), [1, 2, 3, 4]);
    for order_ms in 1..=3 {
        desk.add(PARTY, order_ms);
    }
    let stream = desk.dispatch.open(PARTY, 10);
    assert_eq!(all_now(&stream), [6, 7, 8, 5]);
}

#[test]
fn what_waited_before_the_start_is_delivered() {
    let mut desk = Desk::new(4, 100);
    for _ in 0..10 {
        desk.add(PARTY, 0);
    }
    let options = DispatchOptions {
        max_ready_per_party: 4,
        max_leased_per_party: 100,
        max_stream_silence: DAY,
        max_failed_attempts: MAX_FAILED,
    };
    let started = Dispatch::new(desk.index.clone(), options);
    assert_eq!(all_now(&started.open(PARTY, 100)), (1..=10).collect::<Vec<_>>());
}

#[test]
fn a_delivery_read_from_the_queue_before_it_is_told_comes_once() {
    let mut desk = Desk::new(100, 100);
    let key = QueueKey { order_ms: 0, sequence: Sequence(1) };
    let add = QueueOp::AddDelivery { to: PARTY, key, case: case_of(key.sequence), mark: None };
    desk.apply(vec![add]);
    let stream = desk.dispatch.open(PARTY, 10);
    let taken = now(&stream).unwrap();
    desk.dispatch.queues_changed(&[add]);
    assert_eq!(now(&stream), None);
    // Nor when it has been acknowledged in between.
    desk.settle(PARTY, taken.sequence);
    desk.dispatch.queues_changed(&[add]);
    assert_eq!(now(&stream), None);
}

#[test]
fn a_party_sees_no_delivery_of_another() {
    let mut desk = Desk::new(100, 100);
    desk.add(OTHER, 0);
    desk.add(PARTY, 0);
    let (stream, others) = (desk.dispatch.open(PARTY, 10), desk.dispatch.open(OTHER, 10));
    assert_eq!((all_now(&stream), all_now(&others)), (vec![2], vec![1]));
    // What one party settles in another's name changes nothing.
    desk.settle(PARTY, Sequence(1));
    drop(others);
    assert_eq!(sequences(&desk.dispatch.fetch(OTHER, 10, HOUR).unwrap()), [1]);
}

#[test]
fn settling_what_nobody_holds_changes_nothing() {
    let mut desk = Desk::new(100, 100);
    desk.add(PARTY, 0);
    desk.settle(PARTY, Sequence(77));
    desk.settle(OTHER, Sequence(1));
    assert_eq!(desk.dispatch.leased_count(PARTY), 0);
    assert_eq!(sequences(&desk.fetch(10)), [1]);
}

#[test]
fn a_stream_that_nobody_reads_loses_its_leases_and_one_that_moves_keeps_them() {
    let mut desk = Desk::new(8, 8);
    desk.add(PARTY, 10);
    desk.add(PARTY, 20);
    let stuck = desk.dispatch.open(PARTY, 1);
    assert_eq!(now(&stuck).unwrap().sequence.0, 1);
    let later = Instant::now() + DAY + Duration::from_secs(1);
    let moving = desk.dispatch.open(PARTY, 1);
    assert_eq!(now(&moving).unwrap().sequence.0, 2);
    moving.mailbox.lock().touch(moving.stream, later);

    desk.dispatch.expire(later);
    assert_eq!((stuck.in_flight(), moving.in_flight()), (0, 1));
    let again = desk.fetch(2);
    assert_eq!(sequences(&again), [1]);
    assert_eq!(again[0].attempt, 2);
}

/// What waits for another attempt at an endpoint is passed over, also where it fills the window.
#[test]
fn a_window_full_of_what_may_not_go_hides_nothing_behind_it() {
    let mut desk = Desk::new(2, 10);
    let sequences: Vec<_> = (1..=5).map(|order_ms| desk.add(PARTY, order_ms)).collect();
    let stream = desk.dispatch.open(PARTY, 10);
    let take = |passed_over, from_ms, from: u64| {
        let taken = stream.take_where(passed_over, from_ms, |key| key.sequence.0 >= from).unwrap();
        taken.map(|leased| leased.sequence.0)
    };
    assert_eq!(take(4, None, sequences[4]), Some(sequences[4]));
    assert_eq!(take(4, Some(3), sequences[0]), Some(sequences[2]), "from an instant on");
    assert_eq!(take(4, Some(5), sequences[0]), None);
    assert_eq!(take(0, None, sequences[0]), Some(sequences[0]));
}

/// An attempt that ended for no fault of the delivery leaves no trace but its number.
#[test]
fn what_is_given_back_goes_to_its_place() {
    let mut desk = Desk::new(10, 10);
    let (first, second) = (desk.add(PARTY, 1), desk.add(PARTY, 2));
    let stream = desk.dispatch.open_unseen(PARTY, 10);
    let all = |from_ms| stream.take_where(0, from_ms, |_| true).unwrap();
    for attempt in 1..10 {
        let leased = all(None).unwrap();
        assert_eq!((leased.sequence.0, leased.attempt), (first, attempt));
        stream.give_back(leased.sequence, false);
    }
    assert!(desk.dispatch.untaken().is_empty());
    // Another holder's delivery is not given back.
    let of_other = desk.fetch(1).remove(0);
    stream.give_back(of_other.sequence, false);
    assert_eq!(all(None).unwrap().sequence.0, second);
    assert_eq!(desk.dispatch.leased_count(PARTY), 2);
}
