//! What is taken, what only leaves, and who is told first: the acknowledging call or the queue.

use jiff::Timestamp;
use tokio::sync::watch;

use super::*;
use crate::dispatch::push::{Backoff, Boxed, Courier, Endpoint, Outcome, PushOptions};
use crate::engine::Clock;

impl Desk {
    fn taken_count(&self) -> u64 {
        self.dispatch.presence(PARTY).settled
    }

    /// A delivery leaves its queue for another reason than that it was taken.
    fn hold(&mut self, leased: Leased) {
        let (to, key, case) = (PARTY, key_of(leased), leased.case);
        self.record(vec![
            QueueOp::RemoveDelivery { to, key, taken: None },
            QueueOp::AddHeld { to, key, case, mark: None },
        ]);
    }

    fn release(&mut self, leased: Leased) {
        let (to, key, case) = (PARTY, key_of(leased), leased.case);
        self.record(vec![
            QueueOp::RemoveHeld { to, key, taken: None },
            QueueOp::AddDelivery { to, key, case, mark: None },
        ]);
    }

    /// The process is another one, on the same index.
    fn restart(&mut self, max_ready: usize) {
        let options = DispatchOptions {
            max_ready_per_party: max_ready,
            max_leased_per_party: 100,
            max_stream_silence: DAY,
            max_failed_attempts: MAX_FAILED,
        };
        self.dispatch = Dispatch::new(self.index.clone(), options);
    }
}

/// The second delivery is set aside and the first is with a stream, at which its acknowledgement
/// becomes durable.
fn beside_one_that_failed() -> (Desk, InboxStream, Leased) {
    let mut desk = Desk::new(100, 100);
    desk.add(PARTY, 1);
    let first = desk.dispatch.open(PARTY, 1);
    let taken = now(&first).unwrap();
    desk.add(PARTY, 2);
    for _ in 0..MAX_FAILED {
        desk.crash(1, &[2]);
    }
    (desk, first, taken)
}

/// The one set aside has its last try, which fails.
fn assert_last_try(desk: &mut Desk) {
    assert!(desk.untaken().is_empty());
    assert!(desk.crash(1, &[2]).is_empty());
    assert_eq!((desk.untaken(), desk.taken_count()), (vec![2], 1));
}

#[test]
fn a_taking_counts_once_whether_the_call_or_the_queue_is_first() {
    let (mut desk, _first, taken) = beside_one_that_failed();
    desk.settle(PARTY, taken.sequence);
    desk.fold(PARTY, taken);
    assert_last_try(&mut desk);

    let (mut desk, _first, taken) = beside_one_that_failed();
    desk.fold(PARTY, taken);
    desk.settle_as(PARTY, taken.sequence, desk.records);
    assert_last_try(&mut desk);
}

/// A call that is cut off settles nothing, and its stream closes with it.
#[test]
fn a_taking_counts_although_its_call_was_cut_off() {
    let (mut desk, first, taken) = beside_one_that_failed();
    drop(first);
    desk.fold(PARTY, taken);
    assert_last_try(&mut desk);
}

#[test]
fn a_taking_counts_that_ends_a_holding() {
    let (mut desk, _first, taken) = beside_one_that_failed();
    desk.hold(taken);
    assert_eq!(desk.taken_count(), 0);
    desk.settle(PARTY, taken.sequence);
    let record = Some(Sequence(desk.records + 1));
    let (to, key) = (PARTY, key_of(taken));
    desk.record(vec![QueueOp::RemoveHeld { to, key, taken: record }]);
    assert_last_try(&mut desk);
    assert_eq!(desk.dispatch.in_memory_count(PARTY), 1, "nothing is left of it");
}

#[test]
fn what_is_held_withdrawn_or_redirected_is_not_taken() {
    let (mut desk, _first, held) = beside_one_that_failed();
    desk.hold(held);
    assert_eq!((desk.taken_count(), desk.dispatch.leased_count(PARTY)), (0, 0));
    for _ in 0..3 {
        assert!(desk.crash(1, &[2]).is_empty());
    }
    assert!(desk.untaken().is_empty(), "nothing was taken");
    desk.release(held);
    assert_eq!(sequences(&desk.fetch(1)), [1]);
}

/// Its acknowledgement may come from a client that has had it since before the start, or for one
/// that has been pushed out of the window by earlier ones.
#[test]
fn what_is_acknowledged_outside_the_window_goes_out_no_more() {
    for is_read in [false, true] {
        let mut desk = Desk::new(2, 100);
        for order_ms in 1..=5 {
            desk.add(PARTY, order_ms);
        }
        desk.restart(2);
        if is_read {
            assert!(desk.dispatch.open(PARTY, 1).take_where(0, None, |_| false).unwrap().is_none());
        }
        let (case, sequence) = (case_of(Sequence(5)), Sequence(5));
        let taken = Leased { case, sequence, order_ms: 5, attempt: 1 };
        desk.settle(PARTY, taken.sequence);
        let stream = desk.dispatch.open(PARTY, 100);
        assert_eq!(all_now(&stream), [1, 2, 3, 4]);
        desk.fold(PARTY, taken);
        assert_eq!(now(&stream), None);
        assert_eq!(desk.dispatch.in_memory_count(PARTY), 4, "nothing is left of it");
    }
}

/// However often a client repeats them, also after a restart.
#[test]
fn acknowledgements_of_what_has_left_are_not_remembered() {
    let mut desk = Desk::new(100, 100);
    let mut taken = Vec::new();
    for order_ms in 1..=20 {
        desk.add(PARTY, order_ms);
        let leased = desk.fetch(1)[0];
        desk.acknowledge(PARTY, leased);
        taken.push((leased.sequence, desk.records));
    }
    for _ in 0..2 {
        for (delivery, record) in &taken {
            desk.settle_as(PARTY, *delivery, *record);
        }
        assert_eq!(desk.dispatch.in_memory_count(PARTY), 0);
        desk.restart(100);
    }
}

/// A delivery whose clock is counted anew leaves its queue and comes back to it in one record.
#[test]
fn a_delivery_whose_clock_moves_stays_where_it_is() {
    let mut desk = Desk::new(100, 100);
    for order_ms in 1..=3 {
        desk.add(PARTY, order_ms);
    }
    let stream = desk.dispatch.open(PARTY, 2);
    let (first, second) = (now(&stream).unwrap(), now(&stream).unwrap());
    desk.settle(PARTY, second.sequence);
    for leased in [first, second] {
        let (to, key, case) = (PARTY, key_of(leased), leased.case);
        desk.record(vec![
            QueueOp::RemoveDelivery { to, key, taken: None },
            QueueOp::AddDelivery { to, key, case, mark: None },
        ]);
    }
    assert_eq!(stream.in_flight(), 1);
    assert_eq!(all_now(&desk.dispatch.open(PARTY, 9)), [3]);
    // It is as it was, also for who counts its attempts.
    drop(stream);
    let again = desk.fetch(9);
    assert_eq!((again[0].sequence, again[0].attempt), (first.sequence, 2));
}

/// Nobody waits for a party whose queue is being read.
#[test]
fn who_asks_for_what_is_to_be_held_stops_one_party_at_most() {
    let desk = Desk::new(100, 100);
    let mailbox = desk.dispatch.mailbox(PARTY);
    let busy = mailbox.lock();
    let known = Arc::strong_count(&mailbox);
    let dispatch = desk.dispatch.clone();
    let asking = std::thread::spawn(move || dispatch.untaken());
    let begun = Instant::now();
    // It has begun once it has the party's mailbox in hand.
    while Arc::strong_count(&mailbox) == known {
        assert!(begun.elapsed() < Duration::from_secs(10), "it holds what all of them need");
        std::thread::yield_now();
    }
    assert_eq!(desk.dispatch.leased_count(OTHER), 0);
    drop(busy);
    assert!(asking.join().unwrap().is_empty());
}

/// Finds each delivery gone, as soon as it may say so.
struct FindsGone {
    calls: Arc<watch::Sender<u32>>,
    may_answer: watch::Receiver<bool>,
}

impl Courier for FindsGone {
    fn open(&self, _: PartyNumber, _: Sequence) -> Option<Box<dyn Endpoint>> {
        let (calls, may_answer) = (Arc::clone(&self.calls), self.may_answer.clone());
        Some(Box::new(Self { calls, may_answer }))
    }
}

impl Endpoint for FindsGone {
    fn deliver(&self, _: Leased) -> Boxed<'_, Outcome> {
        self.calls.send_modify(|calls| *calls += 1);
        let mut may_answer = self.may_answer.clone();
        Box::pin(async move {
            may_answer.wait_for(|may| *may).await.unwrap();
            Outcome::Gone
        })
    }
}

/// It was held and released while it was on its way to the endpoint, which hears of neither.
#[tokio::test(start_paused = true)]
async fn an_attempt_that_finds_its_delivery_gone_takes_nothing_out_of_the_queue() {
    let mut desk = Desk::new(100, 100);
    desk.record(vec![QueueOp::SetEndpoint {
        party: PARTY,
        sequence: Sequence(1),
        registered: true,
    }]);
    let delivery = desk.add(PARTY, i64::MAX);
    let (calls, mut called) = watch::channel(0);
    let calls = Arc::new(calls);
    let (answer, may_answer) = watch::channel(false);
    let courier = Arc::new(FindsGone { calls, may_answer });
    let second = Duration::from_secs(1);
    let backoff = Backoff { base: second, max: second };
    let options =
        PushOptions { max_in_flight: 1, timeout: HOUR, backoff, breaker_failures: 3, seed: 0 };
    let (stop, stopping) = watch::channel(false);
    let clock = Clock::sandbox(Timestamp::UNIX_EPOCH);
    let pushing = push::run(desk.dispatch.clone(), courier, clock, options, stopping);
    let pushing = tokio::spawn(pushing);
    let case = case_of(Sequence(delivery));
    let leased = Leased { case, sequence: Sequence(delivery), order_ms: i64::MAX, attempt: 1 };
    called.wait_for(|calls| *calls == 1).await.unwrap();
    desk.hold(leased);
    desk.release(leased);
    answer.send_replace(true);
    let again = tokio::time::timeout(HOUR, called.wait_for(|calls| *calls > 1)).await;
    assert!(matches!(again, Ok(Ok(_))), "the released delivery goes to nobody");
    assert_eq!(desk.taken_count(), 0);
    stop.send_replace(true);
    pushing.await.unwrap();
}
